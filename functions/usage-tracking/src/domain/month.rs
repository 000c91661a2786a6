//! Calendar months, as statements are called.

use std::{fmt, str::FromStr};

use jiff::{ToSpan, civil::Date};
use millwright_core::{InputError, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{Window, Zone};

/// `2026-11`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month(Date);

impl Month {
    /// The one that holds an instant.
    pub fn of(zone: &Zone, at: Timestamp) -> Month {
        Month(zone.local(at).date().first_of_month())
    }

    #[must_use]
    pub fn previous(self) -> Month {
        Month(self.0.saturating_sub(1.month()))
    }

    pub fn window(self, zone: &Zone) -> Window {
        let next = self.0.saturating_add(1.month());
        Window { start: zone.start_of(self.0), end: zone.start_of(next) }
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.0.year(), self.0.month())
    }
}

impl FromStr for Month {
    type Err = InputError;

    fn from_str(text: &str) -> Result<Month, InputError> {
        let malformed = || InputError::bad_format("must be a month such as 2026-11");
        let (year, month) = text.split_once('-').ok_or_else(malformed)?;
        if year.len() != 4
            || month.len() != 2
            || !text.bytes().all(|b| b == b'-' || b.is_ascii_digit())
        {
            return Err(malformed());
        }
        let (year, month) =
            (year.parse().map_err(|_| malformed())?, month.parse().map_err(|_| malformed())?);
        Date::new(year, month, 1).map(Month).map_err(|_| malformed())
    }
}

impl Serialize for Month {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Month {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl utoipa::PartialSchema for Month {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        use utoipa::openapi::{ObjectBuilder, RefOr, Schema, Type};
        let object = ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some("^[0-9]{4}-(0[1-9]|1[0-2])$"));
        RefOr::T(Schema::Object(object.build()))
    }
}

impl utoipa::ToSchema for Month {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_is_called_as_it_is_read() {
        let zone: Zone = "Europe/Berlin".parse().expect("a zone");
        let month: Month = "2026-10".parse().expect("a month");
        assert_eq!(month.to_string(), "2026-10");
        let window = month.window(&zone);
        // 31 days, one of them with 25 hours.
        assert_eq!(window.start.to_string(), "2026-09-30T22:00:00.000Z");
        assert_eq!(window.end.to_string(), "2026-10-31T23:00:00.000Z");
        assert_eq!(Month::of(&zone, window.start), month);
        assert_eq!(Month::of(&zone, window.end).previous(), month);
        for wrong in ["2026-13", "2026-1", "26-01", "2026-00", "2026", "2026-0x"] {
            assert!(wrong.parse::<Month>().is_err(), "{wrong}");
        }
    }
}
