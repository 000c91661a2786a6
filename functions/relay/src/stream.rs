//! Records of the tables' streams: new outbox items, as they are written.

use std::collections::HashMap;

use aws_lambda_events::{dynamodb::EventRecord, streams::DynamoDbBatchItemFailure};
use millwright_core::Clock;
use millwright_event::OutboxItem;
use millwright_store::{Item, Key, Store};

use crate::deliver::{Outlet, Parcel, deliver};

/// A record that carries an outbox item.
#[derive(Clone, Debug)]
pub struct StreamRecord {
    pub table: String,
    pub sequence_number: String,
    pub key: Key,
    pub parcel: Parcel,
}

/// Delivers a batch of stream records in order. Answers the first one that failed: the stream comes
/// back with it and all after it.
pub async fn relay_stream(
    outlet: &impl Outlet,
    stores: &HashMap<String, Store>,
    clock: &Clock,
    records: Vec<EventRecord>,
) -> Vec<DynamoDbBatchItemFailure> {
    let records: Vec<Result<StreamRecord, Unreadable>> =
        records.into_iter().filter_map(|record| read(record).transpose()).collect();
    let parcels: Vec<Parcel> =
        records.iter().flatten().map(|record| record.parcel.clone()).collect();
    let mut results = deliver(outlet, &parcels).await.into_iter();
    let mut first_failure = None;
    for record in &records {
        let record = match record {
            Ok(record) => record,
            Err(Unreadable { sequence_number }) => {
                first_failure.get_or_insert_with(|| sequence_number.clone());
                continue;
            }
        };
        match results.next().unwrap_or(Err("no answer".to_owned())) {
            Ok(()) => {
                if let Some(store) = stores.get(&record.table) {
                    mark_sent(store, clock, &record.key).await;
                }
            }
            Err(failure) => {
                tracing::error!(key = ?record.key, failure, "outbox item not delivered");
                first_failure.get_or_insert_with(|| record.sequence_number.clone());
            }
        }
    }
    first_failure
        .map(|sequence_number| {
            let mut failure = DynamoDbBatchItemFailure::default();
            failure.item_identifier = Some(sequence_number);
            failure
        })
        .into_iter()
        .collect()
}

/// An outbox item that cannot be read: it fails until the stream gives it up, into the failures
/// bucket and with an alarm.
struct Unreadable {
    sequence_number: String,
}

/// Reads a new outbox item; anything else (above all the relay's own mark, a change) is none of the
/// relay's business. The mapping's filter keeps it away already.
fn read(record: EventRecord) -> Result<Option<StreamRecord>, Unreadable> {
    if record.event_name != "INSERT" {
        return Ok(None);
    }
    let sequence_number = record.change.sequence_number.clone().unwrap_or_default();
    let image: HashMap<String, serde_dynamo::AttributeValue> = record.change.new_image.into();
    let text = |name: &str| match image.get(name) {
        Some(serde_dynamo::AttributeValue::S(text)) => Some(text.clone()),
        _ => None,
    };
    if text("kind").as_deref() != Some(OutboxItem::KIND) {
        return Ok(None);
    }
    let (pk, sk) = (text("pk").unwrap_or_default(), text("sk").unwrap_or_default());
    let key = OutboxItem::locate(&pk, &sk);
    let item: Result<OutboxItem, _> = serde_dynamo::from_item(image.clone());
    let (Some(key), Ok(item)) = (key, item) else {
        tracing::error!(pk, sk, "outbox item cannot be read");
        return Err(Unreadable { sequence_number });
    };
    // arn:aws:dynamodb:<region>:<account>:table/<table>/stream/<label>
    let source = record.event_source_arn.unwrap_or_default();
    let table = source.split('/').nth(1).unwrap_or_default().to_owned();
    let parcel = Parcel { entries: item.entries };
    Ok(Some(StreamRecord { table, sequence_number, key, parcel }))
}

/// Marks an item as sent. One UpdateItem; a failure only means that the sweep sends it once more.
pub(crate) async fn mark_sent(store: &Store, clock: &Clock, key: &Key) {
    let mark = OutboxItem::mark_sent(clock.now());
    if let Err(error) = store.update(key, &mark).await {
        tracing::warn!(%error, ?key, "a delivered outbox item could not be marked");
    }
}
