//! The windows of limits: a period in a time zone, beginning on an anchor day.

use jiff::{
    ToSpan, Zoned,
    civil::{Date, Weekday},
    tz::TimeZone,
};
use millwright_core::{Error, FaultCode, InputError, Result, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

millwright_core::wire_enum! {
    /// How long a limit counts before it begins anew.
    pub enum Period {
        Hour = "hour",
        Day = "day",
        Week = "week",
        Month = "month",
        Quarter = "quarter",
        Year = "year",
        Total = "total",
    }
}

/// An IANA time zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Zone {
    pub fn utc() -> Zone {
        Zone(TimeZone::UTC)
    }

    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    pub fn jiff(&self) -> &TimeZone {
        &self.0
    }

    pub fn local(&self, at: Timestamp) -> Zoned {
        instant(at).to_zoned(self.0.clone())
    }

    /// Where a local day begins; the first instant of it where midnight does not exist.
    pub fn start_of(&self, date: Date) -> Timestamp {
        let midnight = date.to_zoned(self.0.clone()).and_then(|it| it.start_of_day());
        midnight.map_or(Timestamp::UNIX_EPOCH, |it| {
            Timestamp::from_millisecond(it.timestamp().as_millisecond())
        })
    }
}

impl Default for Zone {
    fn default() -> Zone {
        Zone::utc()
    }
}

pub(super) fn instant(at: Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
}

impl std::str::FromStr for Zone {
    type Err = InputError;

    fn from_str(name: &str) -> Result<Zone, InputError> {
        let unknown = || InputError::bad_format("must be an IANA time zone such as Europe/Berlin");
        if name.len() > 64 || name.eq_ignore_ascii_case("local") {
            return Err(unknown());
        }
        TimeZone::get(name).map(Zone).map_err(|_| unknown())
    }
}

impl Serialize for Zone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

millwright_core::deserr_from_str!(Zone);

impl PartialSchema for Zone {
    fn schema() -> RefOr<Schema> {
        let object = ObjectBuilder::new()
            .schema_type(Type::String)
            .max_length(Some(64))
            .description(Some("IANA time zone"));
        RefOr::T(Schema::Object(object.build()))
    }
}

impl ToSchema for Zone {}

/// A span of time, half-open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Window {
    pub start: Timestamp,
    pub end: Timestamp,
}

impl Window {
    pub fn contains(&self, at: Timestamp) -> bool {
        self.start <= at && at < self.end
    }
}

/// The end of what never ends, year 9999.
pub fn end_of_time() -> Timestamp {
    Timestamp::from_millisecond(253_402_300_799_000)
}

/// The period that `at` falls in: local time, weeks from Monday, months and longer from the anchor
/// day (1-28) on, quarters from January. An hour ends where the clock changes.
///
/// # Errors
/// `window_unavailable` at the ends of time.
pub fn period_window(period: Period, zone: &Zone, anchor_day: i8, at: Timestamp) -> Result<Window> {
    let unavailable = || {
        let detail = "there is no such window at that time";
        Error::new(crate::codes::WINDOW_UNAVAILABLE, detail)
    };
    let local = zone.local(at);
    let today = local.date();
    let between = |first: Date, next: Result<Date, jiff::Error>| {
        let next = next.map_err(|_| unavailable())?;
        Ok(Window { start: zone.start_of(first), end: zone.start_of(next) })
    };
    // The first day of the month-like period that holds today.
    let anchored = |first_month: i8, months: i32| {
        let year = today.year();
        let first = Date::new(year, first_month, anchor_day).map_err(|_| unavailable())?;
        let first = match first > today {
            true => first.checked_sub(months.months()).map_err(|_| unavailable())?,
            false => first,
        };
        between(first, first.checked_add(months.months()))
    };
    match period {
        Period::Total => Ok(Window { start: Timestamp::UNIX_EPOCH, end: end_of_time() }),
        Period::Hour => Ok(super::local_hour(zone, at)),
        Period::Day => between(today, today.checked_add(1.day())),
        Period::Week => {
            let since_monday = i64::from(today.weekday().since(Weekday::Monday));
            let first = today.checked_sub(since_monday.days()).map_err(|_| unavailable())?;
            between(first, first.checked_add(7.days()))
        }
        Period::Month => anchored(today.month(), 1),
        Period::Quarter => anchored((today.month() - 1) / 3 * 3 + 1, 3),
        Period::Year => anchored(1, 12),
    }
}

/// # Errors
/// `invalid_request` beyond 1-28.
pub fn check_anchor(day: i8) -> Result<()> {
    if (1..=28).contains(&day) {
        return Ok(());
    }
    Err(Error::fault("/anchorDay", FaultCode::TooLarge, "must be 1 to 28"))
}
