//! What is far from the usual, in whole numbers.

use super::{COST, Sensitivity};

/// Hours of the same hour of the week that are enough to compare with.
pub const MIN_WEEKS: usize = 3;
/// Hours of the last two days that are enough.
pub const MIN_HOURS: usize = 24;

/// The usual of an hour: the hours of past weeks if they are enough, else the last ones.
pub fn baseline(weeks: &[i128], hours: &[i128]) -> Option<i128> {
    pick(weeks, hours).map(median)
}

fn pick<'v>(weeks: &'v [i128], hours: &'v [i128]) -> Option<&'v [i128]> {
    if weeks.len() >= MIN_WEEKS {
        return Some(weeks);
    }
    (hours.len() >= MIN_HOURS).then_some(hours)
}

/// Of an even number of values the mean of the two in the middle, rounded down.
fn median(values: &[i128]) -> i128 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => 0,
        odd if odd % 2 == 1 => sorted[middle],
        _ => (sorted[middle - 1] + sorted[middle]).div_euclid(2),
    }
}

/// Whether an hour's value of `count` (parts of 10^-9) or `cost` (pico-dollars) is an anomaly: more
/// than six times (low 10, high 4) the usual deviation above the median, twice the median, and not
/// negligible. The usual deviation is 1.4826 times the median absolute deviation, and at least 5 %
/// of the median, one event or 10,000 micro-dollars.
pub fn is_anomaly(
    measure: &str,
    value: i128,
    (weeks, hours): (&[i128], &[i128]),
    sensitivity: Sensitivity,
) -> bool {
    let factor = match sensitivity {
        Sensitivity::Off => return false,
        Sensitivity::Low => 10,
        Sensitivity::Normal => 6,
        Sensitivity::High => 4,
    };
    let Some(values) = pick(weeks, hours) else { return false };
    let (least, negligible) = match measure {
        // Pico-dollars: 10,000 micro-dollars, a dollar.
        COST => (10_000_000_000, 1_000_000_000_000),
        // One event, a hundred.
        _ => (1_000_000_000, 100_000_000_000),
    };
    let middle = median(values);
    let deviations: Vec<i128> = values.iter().map(|it| (it - middle).abs()).collect();
    // In parts of 10^-4, so that all numbers stay whole.
    let usual = (14_826 * median(&deviations)).max(500 * middle).max(10_000 * least);
    (value - middle) * 10_000 > factor * usual && value >= 2 * middle && value >= negligible
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(counts: &[i128]) -> Vec<i128> {
        counts.iter().map(|it| it * 1_000_000_000).collect()
    }

    #[test]
    fn ten_times_the_usual_is_an_anomaly_and_a_weekly_peak_is_none() {
        let flat = events(&[1_000, 1_020, 990, 1_005]);
        let is = |value: i128, weeks: &[i128], sensitivity| {
            is_anomaly("count", value * 1_000_000_000, (weeks, &[]), sensitivity)
        };
        assert!(is(10_000, &flat, Sensitivity::Normal));
        assert!(!is(10_000, &flat, Sensitivity::Off));
        assert!(!is(1_200, &flat, Sensitivity::High), "less than twice the usual");
        let peaks = events(&[9_000, 11_000, 10_000, 10_500]);
        assert!(!is(10_800, &peaks, Sensitivity::High));
        assert!(!is(99, &events(&[1, 1, 1, 1]), Sensitivity::High), "negligible");
        assert!(is(100, &events(&[1, 1, 1, 1]), Sensitivity::Low));
    }

    #[test]
    fn too_little_is_known_at_first() {
        let few = events(&[10, 10]);
        let value = 1_000_000_000_000;
        assert!(!is_anomaly("count", value, (&few, &few), Sensitivity::High));
        let hours = events(&[10; 24]);
        assert!(is_anomaly("count", value, (&few, &hours), Sensitivity::High));
        assert_eq!(baseline(&few, &hours), Some(10_000_000_000));
    }

    #[test]
    fn costs_are_judged_in_dollars() {
        let usual = [1_000_000_000_000; 4]; // a dollar an hour
        let is = |pico| is_anomaly("cost", pico, (&usual, &[]), Sensitivity::Normal);
        assert!(is(2_000_000_000_000));
        assert!(!is(1_999_999_999_999));
    }
}
