//! Points in time with millisecond resolution, calendar dates, and the clock.

use std::{
    fmt,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, Type},
};

use crate::InputError;

/// A UTC instant with millisecond resolution; on the wire always `2026-11-23T01:04:58.000Z`, so
/// that texts sort as times do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(jiff::Timestamp);

impl Timestamp {
    pub const UNIX_EPOCH: Timestamp = Timestamp(jiff::Timestamp::UNIX_EPOCH);

    /// Saturates at the ends of jiff's range (years -9999 to 9999).
    pub fn from_millisecond(milliseconds: i64) -> Timestamp {
        let limit = if milliseconds < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
        Timestamp(jiff::Timestamp::from_millisecond(milliseconds).unwrap_or(limit))
    }

    pub fn as_millisecond(self) -> i64 {
        self.0.as_millisecond()
    }

    pub fn as_second(self) -> i64 {
        self.0.as_second()
    }

    #[must_use]
    pub fn plus(self, duration: Duration) -> Timestamp {
        let milliseconds = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_millisecond(self.as_millisecond().saturating_add(milliseconds))
    }

    #[must_use]
    pub fn minus(self, duration: Duration) -> Timestamp {
        let milliseconds = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_millisecond(self.as_millisecond().saturating_sub(milliseconds))
    }

    /// Zero if `earlier` is later.
    pub fn since(self, earlier: Timestamp) -> Duration {
        let milliseconds = self.as_millisecond().saturating_sub(earlier.as_millisecond());
        Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0))
    }

    /// True if `now` is less than `limit` later; false for a time in the future, which a clock that
    /// was set back leaves behind.
    pub fn is_within(self, limit: Duration, now: Timestamp) -> bool {
        now >= self && now.since(self) < limit
    }

    /// The full hour it falls in.
    #[must_use]
    pub fn start_of_hour(self) -> Timestamp {
        Timestamp::from_millisecond(self.as_millisecond().div_euclid(3_600_000) * 3_600_000)
    }

    /// `yyyymmddhh` in UTC, the hour bucket of append-only data.
    pub fn hour_bucket(self) -> String {
        self.0.strftime("%Y%m%d%H").to_string()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.0)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Timestamp {
    type Err = InputError;

    /// RFC 3339 with any offset; finer than a millisecond is cut off.
    fn from_str(text: &str) -> Result<Timestamp, InputError> {
        let instant: jiff::Timestamp = text.parse().map_err(|_| {
            InputError::bad_format("must be an RFC 3339 time such as 2026-11-23T01:04:58Z")
        })?;
        Ok(Timestamp::from_millisecond(instant.as_millisecond()))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

crate::deserr_from_str!(Timestamp);

impl PartialSchema for Timestamp {
    fn schema() -> RefOr<Schema> {
        let object = ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)));
        RefOr::T(Schema::Object(object.build()))
    }
}

impl ToSchema for Timestamp {}

/// A calendar date without time zone, `2026-11-23`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Date(jiff::civil::Date);

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for Date {
    type Err = InputError;

    fn from_str(text: &str) -> Result<Date, InputError> {
        let bad = || InputError::bad_format("must be a date such as 2026-11-23");
        // jiff also reads times and week dates here; the wire format is the plain ten characters.
        if text.len() != 10 {
            return Err(bad());
        }
        text.parse().map(Date).map_err(|_| bad())
    }
}

crate::deserr_from_str!(Date);

impl PartialSchema for Date {
    fn schema() -> RefOr<Schema> {
        let object = ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Date)));
        RefOr::T(Schema::Object(object.build()))
    }
}

impl ToSchema for Date {}

/// The only reader of the time. Tests hold it still or move it.
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    System,
    Fixed(Arc<AtomicI64>),
}

impl Clock {
    pub fn system() -> Clock {
        Clock(Source::System)
    }

    /// A clock that moves only by [`Clock::advance`].
    pub fn fixed(at: Timestamp) -> Clock {
        Clock(Source::Fixed(Arc::new(AtomicI64::new(at.as_millisecond()))))
    }

    #[allow(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System => Timestamp::from_millisecond(jiff::Timestamp::now().as_millisecond()),
            Source::Fixed(at) => Timestamp::from_millisecond(at.load(Ordering::SeqCst)),
        }
    }

    /// Moves a fixed clock; the system clock takes no notice.
    pub fn advance(&self, by: Duration) {
        if let Source::Fixed(at) = &self.0 {
            at.fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_three_decimals_and_sort_as_text() {
        let time: Timestamp = "2026-11-23T02:04:58.1239+01:00".parse().expect("RFC 3339");
        assert_eq!(time.to_string(), "2026-11-23T01:04:58.123Z");
        let whole: Timestamp = "2026-11-23T01:04:58Z".parse().expect("RFC 3339");
        assert_eq!(whole.to_string(), "2026-11-23T01:04:58.000Z");
        assert!(whole.to_string() < time.to_string());
        assert_eq!(whole.hour_bucket(), "2026112301");
    }

    #[test]
    fn dates_are_ten_characters() {
        assert_eq!("2026-02-28".parse::<Date>().expect("a date").to_string(), "2026-02-28");
        for bad in ["2026-02-30", "2026-2-3", "2026-02-28T00:00:00", "20260228", "", "soon"] {
            assert!(bad.parse::<Date>().is_err(), "{bad}");
        }
    }
}
