//! The entry point: stream batches and the hourly sweep.

use std::{collections::HashMap, sync::Arc};

use aws_lambda_events::dynamodb::EventRecord;
use millwright_core::Clock;
use millwright_runtime::{Environment, StartError, serve_events};
use millwright_store::Store;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{aws::AwsOutlet, stream::relay_stream, sweep::sweep};

/// What the relay is called with.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum RelayEvent {
    Stream {
        #[serde(rename = "Records")]
        records: Vec<EventRecord>,
    },
    Command {
        action: Action,
    },
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Action {
    Sweep,
}

struct Relay {
    outlet: AwsOutlet,
    /// By table name.
    stores: HashMap<String, Store>,
    clock: Clock,
}

/// Delivers outbox items as they are written, and hourly what was left behind.
///
/// # Errors
/// If the environment is incomplete or the Lambda runtime API cannot be reached.
pub async fn relay() -> Result<(), StartError> {
    let environment = Environment::start()?;
    let mut stores = HashMap::new();
    for service in &environment.config.outbox_services {
        let store = environment.store(service)?;
        stores.insert(store.table().to_owned(), store);
    }
    let relay = Relay {
        outlet: AwsOutlet {
            events: environment.clients.eventbridge()?,
            queues: environment.clients.sqs()?,
            bus: environment.config.prefix.clone(),
            prefix: environment.config.prefix.clone(),
            queue_urls: std::sync::Mutex::default(),
        },
        stores,
        clock: environment.clock.clone(),
    };
    serve_events(relay, handle).await
}

async fn handle(relay: Arc<Relay>, event: RelayEvent) -> Result<Value, StartError> {
    match event {
        RelayEvent::Stream { records } => {
            let count = records.len();
            let Relay { outlet, stores, clock } = &*relay;
            let failures = relay_stream(outlet, stores, clock, records).await;
            tracing::info!(records = count, failures = failures.len(), "stream batch relayed");
            Ok(json!({ "batchItemFailures": failures }))
        }
        RelayEvent::Command { action: Action::Sweep } => {
            let began_at = relay.clock.now();
            let mut reports = serde_json::Map::new();
            let mut failed = Vec::new();
            for (table, store) in &relay.stores {
                // One table that does not answer must not keep the others from their turn.
                match sweep(&relay.outlet, store, &relay.clock, began_at).await {
                    Ok(report) => {
                        tracing::info!(table, ?report, "swept");
                        reports.insert(table.clone(), serde_json::to_value(report)?);
                    }
                    Err(error) => {
                        tracing::error!(table, %error, "not swept");
                        failed.push(table.as_str());
                    }
                }
            }
            if !failed.is_empty() {
                return Err(format!("not swept: {}", failed.join(", ")).into());
            }
            Ok(Value::Object(reports))
        }
    }
}
