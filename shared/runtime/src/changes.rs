//! Functions that work on changes of their service's own table.

use std::{collections::HashMap, sync::Arc};

use aws_lambda_events::dynamodb::EventRecord;
use aws_sdk_dynamodb::types::AttributeValue;
use futures::future::BoxFuture;
use lambda_runtime::{LambdaEvent, service_fn};
use millwright_store::RawItem;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::StartError;

/// An item that was written, as it was then. Comes at least once, the changes of one item in order.
#[derive(Clone, Debug)]
pub struct Change {
    /// Where in the stream it is.
    pub sequence_number: String,
    pub item: RawItem,
}

/// What the stream of a table delivers.
#[derive(Debug, Deserialize)]
pub struct Changes {
    #[serde(rename = "Records")]
    records: Vec<EventRecord>,
}

impl Changes {
    /// The changes in it; what was removed is none.
    pub fn read(self) -> Vec<Change> {
        let change = |record: EventRecord| {
            let image: HashMap<String, serde_dynamo::AttributeValue> =
                record.change.new_image.into();
            if image.is_empty() {
                return None;
            }
            let attributes: HashMap<String, AttributeValue> =
                image.into_iter().map(|(name, value)| (name, value.into())).collect();
            let sequence_number = record.change.sequence_number.unwrap_or_default();
            Some(Change { sequence_number, item: RawItem::from_attributes(attributes) })
        };
        self.records.into_iter().filter_map(change).collect()
    }
}

/// Serves the stream of the own table (`Trigger::Changes`): the handler answers the sequence number
/// of the first change that failed. The stream comes back with it and all after it.
///
/// # Errors
/// If the Lambda runtime API cannot be reached.
pub async fn serve_changes<S, F, Fut>(state: S, handler: F) -> Result<(), StartError>
where
    S: Send + Sync + 'static,
    F: Fn(Arc<S>, Vec<Change>) -> Fut + Copy + Send,
    Fut: Future<Output = Option<String>> + Send + 'static,
{
    let state = Arc::new(state);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Changes>| {
        let done = handler(state.clone(), event.payload.read());
        boxed(async move {
            let failed = done.await.map(|number| json!({ "itemIdentifier": number }));
            let failures: Vec<Value> = failed.into_iter().collect();
            Ok(json!({ "batchItemFailures": failures }))
        })
    }))
    .await
}

/// Without its type, which would be too deep for the compiler within those of the Lambda runtime.
fn boxed<'a>(
    answer: impl Future<Output = Result<Value, StartError>> + Send + 'a,
) -> BoxFuture<'a, Result<Value, StartError>> {
    Box::pin(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_what_was_removed_is_not() {
        let record = |number: &str, image: Value| {
            json!({
                "eventName": "MODIFY", "awsRegion": "r", "eventID": number,
                "dynamodb": {
                    "Keys": {}, "NewImage": image, "SequenceNumber": number, "SizeBytes": 1,
                    "ApproximateCreationDateTime": 1_795_395_600,
                },
            })
        };
        let image = json!({ "kind": { "S": "limit_counter" }, "used": { "N": "-12" } });
        let event = json!({ "Records": [record("7", image), record("8", json!({}))] });
        let changes: Changes = serde_json::from_value(event).expect("an event");
        let changes = changes.read();
        assert_eq!(changes.len(), 1);
        assert_eq!(changes[0].sequence_number, "7");
        assert_eq!(changes[0].item.kind(), "limit_counter");
        assert_eq!(changes[0].item.large_number("used"), Some(-12));
    }
}
