//! DynamoDB in memory, one for each test, behind the real SDK.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Mutex,
};

use aws_sdk_dynamodb::{Client, types::AttributeValue};
use dynoxide::actions::{
    describe_stream::DescribeStreamRequest, describe_table::DescribeTableRequest,
    get_records::GetRecordsRequest, get_shard_iterator::GetShardIteratorRequest,
};
use millwright_config::Config;
use millwright_core::{Clock, Result};
use millwright_event::{
    Entry, Envelope, OUTBOX_PREFIX,
    batch::{Batch, DeadLetters, Message, Rejected},
};
use millwright_runtime::aws::{Clients, http_client};
use millwright_store::{RawItem, Store, schema};
use serde_json::Value;

use crate::Faults;

/// A table in a database of its own; it ends with the test.
#[derive(Clone)]
pub struct Database {
    engine: dynoxide::Database,
    client: Client,
    config: Config,
    table: String,
    endpoint: String,
    pub faults: Faults,
    pub clock: Clock,
}

/// The tables of a [`Database`] at one moment; they end with it.
pub struct Kept(tempfile::TempDir);

fn path_of(folder: &tempfile::TempDir) -> String {
    folder.path().join("database").to_string_lossy().into_owned()
}

impl Database {
    /// Starts it and creates the table of a service, without a stream. About 3 ms.
    pub async fn start(service: &str, clock: Clock) -> Database {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let engine = dynoxide::Database::memory().expect("an empty database");
        tokio::spawn(dynoxide::server::serve_on(listener, engine.clone()));
        let endpoint = format!("http://{address}");
        let variables = BTreeMap::from([
            ("MILLWRIGHT_STAGE", "local"),
            ("MILLWRIGHT_PREFIX", "test"),
            ("MILLWRIGHT_PUBLIC_URL", "http://127.0.0.1:9000"),
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ACCESS_KEY_ID", "000000000000"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_ENDPOINT_URL", endpoint.as_str()),
        ]);
        let config = Config::from_variables(|name| variables.get(name).map(|v| (*v).to_owned()))
            .expect("a complete configuration");
        let faults = Faults::default();
        let client = client(&config, &faults);
        let table = config.resource(service);
        create_table(&client, &table).await;
        Database { engine, client, config, table, endpoint, faults, clock }
    }

    /// All tables as they are, to come back to.
    pub fn keep(&self) -> Kept {
        let folder = tempfile::TempDir::new().expect("a folder");
        self.engine.vacuum_into(&path_of(&folder)).expect("a copy");
        Kept(folder)
    }

    /// All tables as they were. The clock stands where it stood; files stay.
    pub fn restore(&self, kept: &Kept) {
        self.engine.restore_from(&path_of(&kept.0)).expect("a copy");
    }

    /// The table of another service in the same database.
    pub async fn beside(&self, service: &str) -> Database {
        let table = self.config.resource(service);
        create_table(&self.client, &table).await;
        Database { table, ..self.clone() }
    }

    /// A store with a client and faults of its own on the same table: another process.
    pub fn other_process(&self) -> Database {
        let faults = Faults::default();
        Database { client: client(&self.config, &faults), faults, ..self.clone() }
    }

    pub fn store(&self) -> Store {
        Store::new(self.client.clone(), self.table.clone(), self.clock.clone())
    }

    /// Where DynamoDB answers.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The client below the store, for what the store never does.
    pub fn client(&self) -> &Client {
        &self.client
    }

    pub fn table(&self) -> &str {
        &self.table
    }

    /// From now on the table has a stream, as it has when deployed.
    pub async fn record_stream(&self) {
        schema::set_stream(&self.client, &self.table, true).await.expect("a stream");
    }

    /// The table's stream from [`Database::record_stream`] on, unfiltered, each record as Lambda frames it.
    pub fn stream(&self) -> Vec<Value> {
        let engine = &self.engine;
        let table = DescribeTableRequest { table_name: self.table.clone() };
        let arn = engine.describe_table(table).expect("the table").table.latest_stream_arn;
        let stream_arn = arn.expect("a stream");
        let stream = DescribeStreamRequest { stream_arn: stream_arn.clone(), ..Default::default() };
        let shards = engine.describe_stream(stream).expect("the stream").stream_description.shards;
        let mut records = Vec::new();
        for shard in shards {
            let mut from = engine
                .get_shard_iterator(GetShardIteratorRequest {
                    stream_arn: stream_arn.clone(),
                    shard_id: shard.shard_id,
                    shard_iterator_type: "TRIM_HORIZON".to_owned(),
                    sequence_number: None,
                })
                .expect("an iterator")
                .shard_iterator;
            while let Some(shard_iterator) = from {
                let request = GetRecordsRequest { shard_iterator, limit: None };
                let page = engine.get_records(request).expect("records");
                from = page.next_shard_iterator.filter(|_| !page.records.is_empty());
                for record in page.records {
                    let mut record = serde_json::to_value(record).expect("JSON");
                    record["eventSourceARN"] = stream_arn.as_str().into();
                    records.push(record);
                }
            }
        }
        records
    }

    /// Every item of the table, by key. Only tests scan.
    pub async fn items(&self) -> Vec<RawItem> {
        let mut items = Vec::new();
        let mut from = None;
        loop {
            let page = self
                .client
                .scan()
                .table_name(&self.table)
                .consistent_read(true)
                .set_exclusive_start_key(from)
                .send()
                .await
                .expect("a scan");
            items.extend(page.items.unwrap_or_default().into_iter().map(RawItem::from_attributes));
            from = page.last_evaluated_key;
            if from.is_none() {
                break;
            }
        }
        items.sort_by_key(|item| (item.partition_key().to_owned(), item.sort_key().to_owned()));
        items
    }

    /// Every item as text, but for those of the given kinds: to see that nothing changed.
    pub async fn snapshot(&self, but: &[&str]) -> Vec<String> {
        self.items()
            .await
            .iter()
            .filter(|item| !but.contains(&item.kind()))
            .map(|item| {
                // JSON objects are sorted at any depth; DynamoDB's maps are not.
                let attributes = item.attributes().clone();
                let attributes: HashMap<_, _> =
                    attributes.into_iter().map(|(name, value)| (name, in_text(value))).collect();
                let json: serde_json::Value = serde_dynamo::from_item(attributes).expect("JSON");
                json.to_string()
            })
            .collect()
    }

    /// What was said so far, in the order of writing.
    pub async fn outbox(&self) -> Vec<Entry> {
        let mut items: Vec<RawItem> = self
            .items()
            .await
            .into_iter()
            .filter(|item| item.partition_key().starts_with(OUTBOX_PREFIX))
            .filter(|item| item.kind() == "outbox")
            .collect();
        items.sort_by_key(|item| item.sort_key().to_owned());
        items
            .iter()
            .flat_map(|item| item.decode_attribute::<Vec<Entry>>("entries").expect("entries"))
            .collect()
    }
}

/// Without a stream: for every record it adds, the double reads all there are, so that tests which
/// write much would take many times as long.
async fn create_table(client: &Client, table: &str) {
    schema::create_table(client, table).await.expect("a table");
    schema::set_stream(client, table, false).await.expect("no stream");
}

/// Bytes as text, at any depth: JSON has none.
fn in_text(value: AttributeValue) -> AttributeValue {
    match value {
        AttributeValue::B(bytes) => AttributeValue::S(format!("{:?}", bytes.as_ref())),
        AttributeValue::M(members) => {
            let members = members.into_iter().map(|(name, value)| (name, in_text(value)));
            AttributeValue::M(members.collect())
        }
        AttributeValue::L(values) => AttributeValue::L(values.into_iter().map(in_text).collect()),
        other => other,
    }
}

fn client(config: &Config, faults: &Faults) -> Client {
    let http = faults.over(http_client().expect("root certificates"));
    Clients::with_http_client(config, http).dynamodb().expect("an endpoint")
}

/// A dead-letter queue that remembers what it was given.
#[derive(Debug, Default)]
pub struct DeadLetterBox {
    kept: Mutex<Vec<Rejected>>,
}

impl DeadLetters for DeadLetterBox {
    async fn keep(&self, rejected: &Rejected) -> Result<()> {
        self.kept.lock().expect("not poisoned").push(rejected.clone());
        Ok(())
    }
}

/// How a batch ended: the ids of the messages to be delivered again, and what was rejected.
pub async fn settled(batch: Batch) -> (Vec<String>, Vec<Rejected>) {
    let dead_letters = DeadLetterBox::default();
    let failures = batch.settle(&dead_letters).await.batch_item_failures;
    let failed = failures.into_iter().map(|failure| failure.item_identifier).collect();
    (failed, dead_letters.kept.into_inner().expect("not poisoned"))
}

/// A queue batch of these events, as the consumer gets it.
pub fn deliveries(envelopes: &[Envelope]) -> Batch {
    let messages = envelopes
        .iter()
        .enumerate()
        .map(|(index, envelope)| Message::of(format!("message-{index}"), envelope.clone()))
        .collect();
    Batch::of(messages)
}
