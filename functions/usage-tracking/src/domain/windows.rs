//! The windows of queries.

use jiff::ToSpan;
use millwright_core::{Error, Result, Timestamp};

use super::{Window, Zone, window::instant};
use crate::codes;

/// The most windows of an answer.
pub const MAX_WINDOWS: usize = 1_000;
/// What counters are kept by: a quarter of an hour composes every time zone there is.
pub const SLOT: i64 = 15 * 60 * 1_000;

millwright_core::wire_enum! {
    /// How long the windows of a query are.
    pub enum WindowSize {
        Minute = "minute",
        Hour = "hour",
        Day = "day",
        Month = "month",
    }
}

/// The local hour that holds an instant: from one full hour to the next, or to a change of the
/// clock. The hour that comes twice is two.
pub fn local_hour(zone: &Zone, at: Timestamp) -> Window {
    const HOUR: i64 = 3_600_000;
    let local = zone.local(at);
    let into = i64::from(local.minute()) * 60_000
        + i64::from(local.second()) * 1_000
        + i64::from(local.millisecond());
    let begin = at.as_millisecond() - into;
    // Within the offset that holds at `at`; a change of the clock cuts it.
    let transition = |found: Option<jiff::tz::TimeZoneTransition<'_>>| {
        found.map(|it| it.timestamp().as_millisecond())
    };
    let next_instant = instant(Timestamp::from_millisecond(at.as_millisecond() + 1));
    let before = transition(zone.jiff().preceding(next_instant).next()).unwrap_or(i64::MIN);
    let after = transition(zone.jiff().following(instant(at)).next()).unwrap_or(i64::MAX);
    Window {
        start: Timestamp::from_millisecond(begin.max(before)),
        end: Timestamp::from_millisecond((begin + HOUR).min(after)),
    }
}

fn local_window(size: WindowSize, zone: &Zone, at: Timestamp) -> Window {
    match size {
        WindowSize::Minute => {
            let start = at.as_millisecond().div_euclid(60_000) * 60_000;
            Window {
                start: Timestamp::from_millisecond(start),
                end: Timestamp::from_millisecond(start + 60_000),
            }
        }
        WindowSize::Hour => local_hour(zone, at),
        WindowSize::Day => {
            let today = zone.local(at).date();
            let tomorrow = today.saturating_add(1.day());
            Window { start: zone.start_of(today), end: zone.start_of(tomorrow) }
        }
        WindowSize::Month => {
            let first = zone.local(at).date().first_of_month();
            let next = first.saturating_add(1.month());
            Window { start: zone.start_of(first), end: zone.start_of(next) }
        }
    }
}

/// The windows of [from, to), aligned to local time; the first and the last are cut to it. Without
/// a size there is one.
///
/// # Errors
/// `query_too_large` beyond [`MAX_WINDOWS`].
pub fn windows(
    size: Option<WindowSize>,
    zone: &Zone,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<Window>> {
    let Some(size) = size else { return Ok(vec![Window { start: from, end: to }]) };
    let mut windows = Vec::new();
    let mut at = from;
    while at < to {
        if windows.len() == MAX_WINDOWS {
            let detail = format!("at most {MAX_WINDOWS} windows: ask for less time or larger ones");
            return Err(Error::new(codes::QUERY_TOO_LARGE, detail));
        }
        let whole = local_window(size, zone, at);
        let window = Window { start: whole.start.max(from), end: whole.end.min(to) };
        at = if window.end > at { window.end } else { to };
        windows.push(window);
    }
    Ok(windows)
}

/// The index of the window that holds an instant.
pub fn find_window(windows: &[Window], at: Timestamp) -> Option<usize> {
    let behind = windows.partition_point(|window| window.start <= at);
    let index = behind.checked_sub(1)?;
    windows[index].contains(at).then_some(index)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::{Period, period_window};

    fn zone(name: &str) -> Zone {
        name.parse().expect("a zone")
    }

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn count(size: WindowSize, zone_name: &str, from: &str, to: &str) -> usize {
        windows(Some(size), &zone(zone_name), at(from), at(to)).expect("windows").len()
    }

    #[test]
    fn a_day_of_25_hours_has_25_windows() {
        let (from, to) = ("2026-11-01T00:00:00-04:00", "2026-11-02T00:00:00-05:00");
        assert_eq!(count(WindowSize::Hour, "America/New_York", from, to), 25);
        assert_eq!(count(WindowSize::Day, "America/New_York", from, to), 1);
        let (from, to) = ("2026-03-08T00:00:00-05:00", "2026-03-09T00:00:00-04:00");
        assert_eq!(count(WindowSize::Hour, "America/New_York", from, to), 23);
        // Half an hour is put forward there.
        let (from, to) = ("2026-10-04T00:00:00+10:30", "2026-10-05T00:00:00+11:00");
        assert_eq!(count(WindowSize::Hour, "Australia/Lord_Howe", from, to), 24);
        let (from, to) = ("2026-05-01T00:00:00+05:45", "2026-05-02T00:00:00+05:45");
        assert_eq!(count(WindowSize::Hour, "Asia/Kathmandu", from, to), 24);
    }

    #[test]
    fn periods_begin_where_they_should() {
        let window = |period, zone_name: &str, anchor, moment: &str| {
            let found = period_window(period, &zone(zone_name), anchor, at(moment));
            let found = found.expect("a window");
            (found.start.to_string(), found.end.to_string())
        };
        let utc = |start: &str, end: &str| {
            (format!("{start}T00:00:00.000Z"), format!("{end}T00:00:00.000Z"))
        };
        let moment = "2028-02-29T12:00:00Z";
        assert_eq!(window(Period::Day, "UTC", 1, moment), utc("2028-02-29", "2028-03-01"));
        assert_eq!(window(Period::Week, "UTC", 1, moment), utc("2028-02-28", "2028-03-06"));
        assert_eq!(window(Period::Month, "UTC", 28, moment), utc("2028-02-28", "2028-03-28"));
        assert_eq!(window(Period::Month, "UTC", 1, moment), utc("2028-02-01", "2028-03-01"));
        assert_eq!(
            window(Period::Quarter, "UTC", 28, "2028-01-05T00:00:00Z"),
            utc("2027-10-28", "2028-01-28")
        );
        assert_eq!(
            window(Period::Year, "UTC", 15, "2028-01-05T00:00:00Z"),
            utc("2027-01-15", "2028-01-15")
        );
        let berlin = window(Period::Day, "Europe/Berlin", 1, "2026-03-29T12:00:00Z");
        assert_eq!(berlin, ("2026-03-28T23:00:00.000Z".into(), "2026-03-29T22:00:00.000Z".into()));
        assert!("Mars/Base".parse::<Zone>().is_err());
    }

    const ZONES: [&str; 7] = [
        "UTC",
        "America/New_York",
        "Asia/Kathmandu",
        "Australia/Lord_Howe",
        "Europe/Berlin",
        "America/Sao_Paulo",
        "Africa/Casablanca",
    ];

    proptest! {
        #[test]
        fn windows_follow_each_other(index in 0usize..7, begin in 1_700_000_000i64..1_900_000_000, quarters in 1i64..2_000, size in 1usize..4) {
            let zone = zone(ZONES[index]);
            let from = Timestamp::from_millisecond(begin * 1_000 / SLOT * SLOT);
            let to = Timestamp::from_millisecond(from.as_millisecond() + quarters * SLOT);
            let size = WindowSize::ALL[size];
            let windows = windows(Some(size), &zone, from, to).expect("few enough");
            prop_assert_eq!(windows[0].start, from);
            prop_assert_eq!(windows[windows.len() - 1].end, to);
            for pair in windows.windows(2) {
                prop_assert_eq!(pair[0].end, pair[1].start);
            }
            for window in &windows {
                prop_assert!(window.start < window.end);
                // Every boundary lies between two slots of the counters.
                prop_assert_eq!(window.start.as_millisecond() % SLOT, 0);
                prop_assert_eq!(find_window(&windows, window.start), find_window(&windows, Timestamp::from_millisecond(window.end.as_millisecond() - 1)));
            }
        }

        #[test]
        fn every_instant_is_in_one_period(index in 0usize..7, begin in 1_700_000_000_000i64..1_900_000_000_000, period in 0usize..7, anchor in 1i8..=28) {
            let zone = zone(ZONES[index]);
            let now = Timestamp::from_millisecond(begin);
            let period = Period::ALL[period];
            let window = period_window(period, &zone, anchor, now).expect("a window");
            prop_assert!(window.contains(now));
            let last = Timestamp::from_millisecond(window.end.as_millisecond() - 1);
            prop_assert_eq!(period_window(period, &zone, anchor, window.start).expect("a window"), window);
            prop_assert_eq!(period_window(period, &zone, anchor, last).expect("a window"), window);
            if period != Period::Total {
                prop_assert_eq!(period_window(period, &zone, anchor, window.end).expect("the next").start, window.end);
            }
        }
    }
}
