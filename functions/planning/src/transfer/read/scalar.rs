//! Times, dates and numbers of a row.

use std::{fmt, time::Duration};

use millwright_core::{Bounded, Date, Timestamp};
use serde_json::Value;

use super::{
    Reading,
    text::{shown, text_of},
};
use crate::transfer::{Field, RowProblem, RowProblemCode, WarningCode, Warnings};

/// How far the clock of a source may be ahead.
const TOLERANCE: Duration = Duration::from_secs(300);

fn invalid_time(detail: String) -> RowProblem {
    RowProblem::new(RowProblemCode::InvalidTime, detail)
}

/// A time from 1970 to five minutes after the import was asked for; none if there is no value.
pub(super) fn time(
    value: Value,
    place: impl fmt::Display,
    reading: &Reading<'_>,
) -> Result<Option<Timestamp>, RowProblem> {
    let text = text_of(value, &place)?;
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let bad = |why: &str| invalid_time(format!("{place}: {} {why}", shown(text)));
    let time: Timestamp = text.parse().map_err(|_| bad("is no RFC 3339 time"))?;
    if time < Timestamp::UNIX_EPOCH {
        return Err(bad("is before 1970"));
    }
    if time > reading.now.plus(TOLERANCE) {
        return Err(bad("is in the future"));
    }
    Ok(Some(time))
}

/// A date, or the date of a time as it is written.
pub(super) fn date(value: Value, field: Field) -> Result<Option<Date>, RowProblem> {
    let text = text_of(value, field)?;
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let is_whole = text.len() == 10 || text.parse::<Timestamp>().is_ok();
    let date = text.get(..10).filter(|_| is_whole).and_then(|date| date.parse().ok());
    date.map(Some).ok_or_else(|| invalid_time(format!("{field}: {} is no date", shown(text))))
}

/// A whole number from 0 to `MAX`; what is over or between is brought there, with a warning.
pub(super) fn number<const MAX: u32>(
    value: Value,
    field: Field,
    warnings: &mut Warnings,
) -> Result<Option<Bounded<0, MAX>>, RowProblem> {
    let text = text_of(value, field)?;
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let number = text.parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0);
    let Some(number) = number else {
        let detail = format!("{field}: {} is no number from 0 on", shown(text));
        return Err(RowProblem::invalid(detail));
    };
    let floor = number.floor().min(f64::from(MAX));
    if floor != number {
        let detail = format!("{field}: {} became {floor}", shown(text));
        warnings.add(WarningCode::NumberChanged, detail);
    }
    // Between 0 and `MAX`, and whole.
    Ok(format!("{floor}").parse().ok().and_then(|number| Bounded::new(number).ok()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::transfer::{ImportFormat, ImportOptions, Preset};

    fn read(text: &str) -> Result<Option<Timestamp>, RowProblem> {
        let source = "test".parse().expect("a source");
        let options = ImportOptions::new(ImportFormat::Json, Preset::Native, source);
        let now = "2026-11-23T12:00:00Z".parse().expect("a time");
        time(json!(text), Field::CreatedAt, &Reading { options: &options, now })
    }

    #[test]
    fn any_offset_is_read_and_nanoseconds_are_cut() {
        let known = |text: &str| read(text).expect("a time").expect("one").to_string();
        assert_eq!(known("2024-02-29T23:59:59.999999999+14:00"), "2024-02-29T09:59:59.999Z");
        assert_eq!(known("2024-03-01T00:00:00.000000001-09:30"), "2024-03-01T09:30:00.000Z");
        assert_eq!(known("1970-01-01T00:00:00Z"), "1970-01-01T00:00:00.000Z");
        assert_eq!(known("2026-11-23T12:05:00Z"), "2026-11-23T12:05:00.000Z");
        assert_eq!(read(" ").expect("nothing"), None);
    }

    #[test]
    fn a_time_is_between_1970_and_now() {
        for bad in ["2026-11-23T12:05:00.001Z", "1969-12-31T23:59:59Z", "yesterday", "2024-01-01"] {
            assert_eq!(read(bad).expect_err(bad).code, RowProblemCode::InvalidTime, "{bad}");
        }
    }

    #[test]
    fn a_date_may_be_written_as_a_time() {
        let known = |text: &str| date(json!(text), Field::DueDate).expect("a date").expect("one");
        assert_eq!(known("2026-02-28").to_string(), "2026-02-28");
        assert_eq!(known("2026-01-31T23:00:00-08:00").to_string(), "2026-01-31");
        for bad in ["2026-02-30", "soon", "2026-02-28Tnoon", "28.02.2026"] {
            assert!(date(json!(bad), Field::DueDate).is_err(), "{bad}");
        }
    }

    #[test]
    fn numbers_are_brought_into_their_range() {
        let mut warnings = Warnings::default();
        let mut read = |value| {
            let number = number::<100>(value, Field::Points, &mut warnings)?;
            Ok::<_, RowProblem>(number.map(Bounded::get))
        };
        assert_eq!(read(json!(7)), Ok(Some(7)));
        assert_eq!(read(json!("7.0")), Ok(Some(7)));
        assert_eq!(read(json!(2.5)), Ok(Some(2)));
        assert_eq!(read(json!(1e9)), Ok(Some(100)));
        for bad in [json!(-1), json!("3d"), json!("NaN"), json!("inf"), json!([1])] {
            assert!(read(bad.clone()).is_err(), "{bad}");
        }
        assert_eq!(warnings.into_list().len(), 2);
    }
}
