//! Logs as JSON lines, metrics in CloudWatch's embedded metric format.
//!
//! A metric is a `tracing` event with the target `metric`: dimensions `service` and `function`,
//! and numbers whose names begin with a capital.

use std::io::Write;

use millwright_config::Config;
use serde_json::{Map, Value, json};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    Layer,
    filter::{LevelFilter, Targets},
    layer::{Context, SubscriberExt},
    util::SubscriberInitExt,
};

use millwright_core::Clock;

/// Begins the log of a process; a second call changes nothing.
pub fn init(config: &Config) {
    let level: LevelFilter = config.log_level.parse().unwrap_or(LevelFilter::INFO);
    // The SDK logs whole requests below this level: credentials and bodies have no place in a log.
    let quiet = [
        "aws_config",
        "aws_runtime",
        "aws_sdk_dynamodb",
        "aws_sdk_eventbridge",
        "aws_sdk_secretsmanager",
        "aws_sdk_sqs",
        "aws_sigv4",
        "aws_smithy_http_client",
        "aws_smithy_runtime",
        "aws_smithy_runtime_api",
        "h2",
        "hyper",
        "hyper_util",
        "lambda_http",
        "lambda_runtime",
        "rustls",
    ];
    let filter = quiet
        .iter()
        .fold(Targets::new().with_default(level), |filter, target| {
            filter.with_target(*target, level.min(LevelFilter::WARN))
        })
        .with_target("metric", LevelFilter::OFF);
    let log = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_filter(filter);
    let metrics = EmbeddedMetrics { namespace: "Millwright", clock: Clock::system() }
        .with_filter(Targets::new().with_target("metric", Level::INFO));
    let _ = tracing_subscriber::registry().with(log).with(metrics).try_init();
}

struct EmbeddedMetrics {
    namespace: &'static str,
    clock: Clock,
}

#[derive(Default)]
struct Fields(Map<String, Value>);

impl Visit for Fields {
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}").into());
    }
}

/// Puts the metadata beside the values: what CloudWatch makes metrics of.
fn embedded(namespace: &str, timestamp: i64, fields: Map<String, Value>) -> Value {
    let unit = |name: &str| if name == "Milliseconds" { "Milliseconds" } else { "Count" };
    let metrics: Vec<Value> = fields
        .iter()
        .filter(|(name, value)| name.starts_with(char::is_uppercase) && value.is_number())
        .map(|(name, _)| json!({ "Name": name, "Unit": unit(name) }))
        .collect();
    let mut record = fields;
    record.insert(
        "_aws".into(),
        json!({
            "Timestamp": timestamp,
            "CloudWatchMetrics": [{
                "Namespace": namespace,
                "Dimensions": [["service", "function"]],
                "Metrics": metrics,
            }],
        }),
    );
    Value::Object(record)
}

impl<S: Subscriber> Layer<S> for EmbeddedMetrics {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let record = embedded(self.namespace, self.clock.now().as_millisecond(), fields.0);
        let mut out = std::io::stdout().lock();
        // A log that cannot be written must not end the request.
        let _ = writeln!(out, "{record}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_follow_the_embedded_format() {
        let fields = json!({
            "service": "planning", "function": "planning-api", "Requests": 1, "Milliseconds": 7,
        });
        let Value::Object(fields) = fields else { unreachable!() };
        let record = embedded("Millwright", 1_700_000_000_000, fields);
        assert_eq!(record["Requests"], 1);
        let metadata = &record["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(metadata["Dimensions"], json!([["service", "function"]]));
        let mut names: Vec<&str> = metadata["Metrics"]
            .as_array()
            .expect("metrics")
            .iter()
            .filter_map(|metric| metric["Name"].as_str())
            .collect();
        names.sort_unstable();
        assert_eq!(names, ["Milliseconds", "Requests"]);
    }
}
