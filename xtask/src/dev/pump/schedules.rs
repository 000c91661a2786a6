//! EventBridge rules with a rate.

use std::time::Duration;

use millwright_manifest::Function;
use serde_json::Value;

use super::Invoker;
use crate::output;

/// The first run comes early, so that a job is seen to work without an hour of patience.
const FIRST_AFTER: Duration = Duration::from_secs(20);

pub(super) async fn pump(function: Function, invoker: Invoker, every: Duration, input: Value) {
    tokio::time::sleep(FIRST_AFTER.min(every)).await;
    loop {
        if let Err(error) = invoker.invoke(&function, &input).await {
            output::warning(format_args!("scheduled run: {error:#}"));
        }
        tokio::time::sleep(every).await;
    }
}

/// The interval of a `rate(…)`; none for `cron(…)`.
pub(super) fn interval(expression: &str) -> Option<Duration> {
    let inner = expression.strip_prefix("rate(")?.strip_suffix(')')?;
    let (number, unit) = inner.split_once(' ')?;
    let seconds = match unit.trim_end_matches('s') {
        "minute" => 60,
        "hour" => 3600,
        "day" => 86_400,
        _ => return None,
    };
    Some(Duration::from_secs(number.parse::<u64>().ok()?.checked_mul(seconds)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_intervals_and_nothing_else_is() {
        assert_eq!(interval("rate(1 hour)"), Some(Duration::from_secs(3600)));
        assert_eq!(interval("rate(5 minutes)"), Some(Duration::from_secs(300)));
        for other in ["cron(0 3 * * ? *)", "rate(hour)", "rate(1 week)", ""] {
            assert_eq!(interval(other), None, "{other}");
        }
    }
}
