//! Streams of tables into functions, as event source mappings do it: filtered (new outbox items into
//! the relay, changed items of a kind into a function of the table's service), in order, the same
//! batch again until it is taken.

use std::{collections::BTreeMap, fs, path::PathBuf, time::Duration};

use anyhow::{Context, Result, anyhow};
use dynoxide::{
    Database,
    actions::{
        describe_stream::DescribeStreamRequest,
        describe_table::DescribeTableRequest,
        get_records::{GetRecordsRequest, Record},
        get_shard_iterator::GetShardIteratorRequest,
    },
    types::AttributeValue,
};
use millwright_event::OUTBOX_PREFIX;
use millwright_manifest::Function;
use millwright_store::schema;
use serde_json::{Value, json};

use super::Invoker;
use crate::{output, paths};

const POLL: Duration = Duration::from_millis(100);
const BATCH: usize = 100;
/// Deliveries of a record before it is given up; outbox items are left to the relay's sweep.
const MOST_ATTEMPTS: u32 = 10;
const LONGEST_BACKOFF: Duration = Duration::from_secs(15);

/// Which records a function is called with: the filters of the real mappings.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wanted {
    NewOutboxItems,
    /// Written items of this kind.
    Changed(&'static str),
}

impl Wanted {
    fn admits(self, record: &Record) -> bool {
        let text = |value: Option<&AttributeValue>| match value {
            Some(AttributeValue::S(text)) => text.clone(),
            _ => String::new(),
        };
        match self {
            Wanted::NewOutboxItems => {
                let key = record.dynamodb.keys.get(schema::PARTITION_KEY);
                record.event_name == "INSERT" && text(key).starts_with(OUTBOX_PREFIX)
            }
            Wanted::Changed(kind) => {
                let image = record.dynamodb.new_image.as_ref();
                text(image.and_then(|image| image.get(schema::KIND))) == kind
            }
        }
    }
}

pub(super) struct Streams {
    pub wanted: Wanted,
    pub database: Database,
    pub tables: Vec<String>,
    /// The file with the last sequence number delivered of each table.
    pub positions: PathBuf,
    pub function: Function,
    pub invoker: Invoker,
}

/// Never returns; what fails is tried again.
pub(super) async fn pump(streams: Streams) {
    let mut positions: BTreeMap<String, String> = fs::read_to_string(&streams.positions)
        .ok()
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default();
    let mut attempts: BTreeMap<String, u32> = BTreeMap::new();
    loop {
        let mut idle = true;
        for table in &streams.tables {
            match streams.step(table, &mut positions).await {
                Ok(moved) => {
                    attempts.remove(table);
                    idle &= !moved;
                }
                Err(error) => {
                    let failed = attempts.entry(table.clone()).or_default();
                    *failed += 1;
                    output::warning(format_args!("stream of {table}, attempt {failed}: {error:#}"));
                    if *failed >= MOST_ATTEMPTS {
                        output::warning("given up; the relay's sweep finds outbox items");
                        *failed = 0;
                        let _ = streams.skip(table, &mut positions);
                    }
                    let backoff = Duration::from_millis(250 << (*failed).min(6));
                    tokio::time::sleep(backoff.min(LONGEST_BACKOFF)).await;
                }
            }
        }
        if idle {
            tokio::time::sleep(POLL).await;
        }
    }
}

impl Streams {
    /// Delivers the next batch of one table, if there is one.
    async fn step(&self, table: &str, positions: &mut BTreeMap<String, String>) -> Result<bool> {
        let (arn, records) = self.read(table, positions.get(table))?;
        let Some(last) = records.last().map(|record| record.dynamodb.sequence_number.clone())
        else {
            return Ok(false);
        };
        let wanted: Vec<&Record> =
            records.iter().filter(|record| self.wanted.admits(record)).collect();
        if !wanted.is_empty() {
            let event = json!({ "Records": wanted.iter().map(|record| framed(record, &arn)).collect::<Vec<_>>() });
            let answer = self.invoker.invoke(&self.function, &event).await?;
            if let Some(failed) = first_failure(&answer) {
                // All before it is delivered; it and what follows comes again.
                let before = records
                    .iter()
                    .take_while(|record| record.dynamodb.sequence_number != failed)
                    .last();
                if let Some(before) = before {
                    self.keep(table, &before.dynamodb.sequence_number, positions)?;
                }
                return Err(anyhow!("{} gave back record {failed}", self.function.name));
            }
        }
        self.keep(table, &last, positions)?;
        Ok(true)
    }

    fn skip(&self, table: &str, positions: &mut BTreeMap<String, String>) -> Result<()> {
        let (_, records) = self.read(table, positions.get(table))?;
        match records.iter().find(|record| self.wanted.admits(record)) {
            Some(record) => self.keep(table, &record.dynamodb.sequence_number, positions),
            None => Ok(()),
        }
    }

    fn read(&self, table: &str, after: Option<&String>) -> Result<(String, Vec<Record>)> {
        let described = self
            .database
            .describe_table(DescribeTableRequest { table_name: table.to_owned() })
            .map_err(|error| anyhow!("{error}"))?;
        let arn = described.table.latest_stream_arn.context("the table has no stream")?;
        let stream = self
            .database
            .describe_stream(DescribeStreamRequest {
                stream_arn: arn.clone(),
                ..DescribeStreamRequest::default()
            })
            .map_err(|error| anyhow!("{error}"))?;
        let Some(shard) = stream.stream_description.shards.into_iter().next() else {
            return Ok((arn, Vec::new()));
        };
        let kind = if after.is_some() { "AFTER_SEQUENCE_NUMBER" } else { "TRIM_HORIZON" };
        let iterator = self
            .database
            .get_shard_iterator(GetShardIteratorRequest {
                stream_arn: arn.clone(),
                shard_id: shard.shard_id,
                shard_iterator_type: kind.to_owned(),
                sequence_number: after.cloned(),
            })
            .map_err(|error| anyhow!("{error}"))?;
        let records = self
            .database
            .get_records(GetRecordsRequest {
                shard_iterator: iterator.shard_iterator.context("no shard iterator")?,
                limit: Some(BATCH),
            })
            .map_err(|error| anyhow!("{error}"))?;
        Ok((arn, records.records))
    }

    fn keep(
        &self,
        table: &str,
        sequence_number: &str,
        positions: &mut BTreeMap<String, String>,
    ) -> Result<()> {
        positions.insert(table.to_owned(), sequence_number.to_owned());
        let text = serde_json::to_string_pretty(positions).context("positions are no JSON")?;
        paths::replace(&self.positions, text)
    }
}

fn framed(record: &Record, arn: &str) -> Value {
    let mut value = serde_json::to_value(record).unwrap_or(Value::Null);
    if let Some(fields) = value.as_object_mut() {
        fields.insert("eventSourceARN".to_owned(), arn.into());
    }
    value
}

/// The sequence number of the first record given back.
fn first_failure(answer: &Value) -> Option<String> {
    let failures = answer.get("batchItemFailures")?.as_array()?;
    let numbers = failures.iter().filter_map(|failure| failure.get("itemIdentifier")?.as_str());
    numbers.min().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use dynoxide::actions::get_records::StreamRecord;

    use super::*;

    fn record(event_name: &str, key: &str) -> Record {
        Record {
            event_name: event_name.to_owned(),
            dynamodb: StreamRecord {
                keys: [("pk".to_owned(), AttributeValue::S(key.to_owned()))].into(),
                ..StreamRecord::default()
            },
            ..Record::default()
        }
    }

    #[test]
    fn only_new_outbox_items_pass() {
        let passes = |record: Record| Wanted::NewOutboxItems.admits(&record);
        assert!(passes(record("INSERT", "OUT#2026112301#0")));
        assert!(!passes(record("MODIFY", "OUT#2026112301#0")));
        assert!(!passes(record("INSERT", "ORG#org_1")));
    }

    #[test]
    fn of_changes_those_of_the_kind_pass() {
        let of_kind = |kind: &str| {
            let mut changed = record("MODIFY", "ORG#org_1");
            let image = [("kind".to_owned(), AttributeValue::S(kind.to_owned()))];
            changed.dynamodb.new_image = Some(image.into());
            changed
        };
        assert!(Wanted::Changed("limit_counter").admits(&of_kind("limit_counter")));
        assert!(!Wanted::Changed("limit_counter").admits(&of_kind("event")));
        assert!(!Wanted::Changed("limit_counter").admits(&record("REMOVE", "ORG#org_1")));
    }

    #[test]
    fn the_first_failure_decides_where_to_go_on() {
        let item = |number: &str| json!({ "itemIdentifier": number });
        let answer = json!({ "batchItemFailures": [item("12"), item("11"), item("13")] });
        assert_eq!(first_failure(&answer), Some("11".to_owned()));
        assert_eq!(first_failure(&json!({ "batchItemFailures": [] })), None);
        assert_eq!(first_failure(&Value::Null), None);
    }
}
