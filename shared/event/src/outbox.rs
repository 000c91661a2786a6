//! The outbox: what a transaction has to say, written with it, delivered by the relay.

use std::{fmt, str::FromStr, time::Duration};

use millwright_core::{Error, Result, Tenant, Timestamp};
use millwright_store::{
    Condition, GlobalPartition, Item, Key, Partition, RawItem, Store, Transaction, Update,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::Uuid;

use crate::{Cause, Envelope, Event};

/// What the partition keys of outbox items begin with; the streams are filtered by it.
pub const OUTBOX_PREFIX: &str = "OUT#";

/// The most one outbox item may hold, as JSON; an item may have 400 KB.
pub const MAX_OUTBOX_BYTES: usize = 300 * 1024;

/// How long items are kept, sent or not.
pub const OUTBOX_RETENTION: Duration = Duration::from_secs(14 * 24 * 3600);

/// The shards of an hour.
pub const OUTBOX_SHARDS: u8 = 4;

/// Where an entry goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// The event bus: a public event.
    Bus,
    /// The queue of one function, without the installation's prefix: a job or command.
    Queue(String),
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Destination::Bus => f.write_str("bus"),
            Destination::Queue(name) => write!(f, "queue:{name}"),
        }
    }
}

impl FromStr for Destination {
    type Err = String;

    fn from_str(text: &str) -> Result<Destination, String> {
        match text.split_once(':') {
            None if text == "bus" => Ok(Destination::Bus),
            Some(("queue", name)) if !name.is_empty() => Ok(Destination::Queue(name.to_owned())),
            _ => Err(format!("{text:?} is neither `bus` nor `queue:<name>`")),
        }
    }
}

impl Serialize for Destination {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Destination {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// One message of an outbox item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub to: Destination,
    pub envelope: Envelope,
}

/// Outbox items of one hour and shard: outside every organization, for the relay alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxShard {
    pub hour: String,
    pub shard: u8,
}

impl GlobalPartition for OutboxShard {
    fn partition(&self) -> String {
        format!("{OUTBOX_PREFIX}{}#{}", self.hour, self.shard)
    }
}

/// The stored outbox item: pk `OUT#<yyyymmddhh>#<shard>`, sk a UUIDv7.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutboxItem {
    #[serde(skip)]
    place: Option<(OutboxShard, Uuid, Timestamp)>,
    pub entries: Vec<Entry>,
    /// Set by the relay once everything is delivered.
    #[serde(default, rename = "sentAt", skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Timestamp>,
}

impl Item for OutboxItem {
    const KIND: &'static str = "outbox";

    fn key(&self, _tenant: &Tenant) -> Key {
        match &self.place {
            Some((shard, id, _)) => Partition::global(shard).at(id),
            // Only a decoded item has no place, and nobody writes one back.
            None => Partition::global(&OutboxShard { hour: String::new(), shard: 0 }).at(""),
        }
    }

    fn time_to_live(&self) -> Option<Timestamp> {
        self.place.as_ref().map(|(_, _, at)| at.plus(OUTBOX_RETENTION))
    }
}

impl OutboxItem {
    /// The key of a stored outbox item; none for anything else.
    pub fn locate(partition_key: &str, sort_key: &str) -> Option<Key> {
        let (hour, shard) = partition_key.strip_prefix(OUTBOX_PREFIX)?.split_once('#')?;
        let id: Uuid = sort_key.parse().ok()?;
        let shard = OutboxShard { hour: hour.to_owned(), shard: shard.parse().ok()? };
        Some(Partition::global(&shard).at(id))
    }

    /// When the item was written, by its UUIDv7.
    pub fn written_at(key: &Key) -> Option<Timestamp> {
        let (seconds, nanoseconds) =
            key.sort_key().parse::<Uuid>().ok()?.get_timestamp()?.to_unix();
        let milliseconds = seconds.checked_mul(1_000)? + u64::from(nanoseconds) / 1_000_000;
        Some(Timestamp::from_millisecond(i64::try_from(milliseconds).ok()?))
    }

    /// The mark of a delivered item, which must still be there.
    pub fn mark_sent(at: Timestamp) -> Update {
        Update::when(Condition::exists()).set("sentAt", at)
    }
}

/// How far the sweep of a table has come: everything before is sent.
#[derive(Clone, Copy, Debug)]
pub struct OutboxWatermark;

impl GlobalPartition for OutboxWatermark {
    fn partition(&self) -> String {
        format!("{OUTBOX_PREFIX}WATERMARK")
    }
}

impl OutboxWatermark {
    pub fn place() -> Key {
        Partition::global(&OutboxWatermark).at("SWEEP")
    }

    pub fn read(item: Option<&RawItem>) -> Option<Timestamp> {
        item?.text("hour")?.parse().ok()
    }

    pub fn set(hour: Timestamp) -> Update {
        Update::new().set("hour", hour)
    }
}

/// Collects what a transaction has to say.
#[derive(Clone, Debug)]
pub struct Outbox {
    cause: Cause,
    entries: Vec<Entry>,
}

impl Outbox {
    pub fn new(cause: Cause) -> Outbox {
        Outbox { cause, entries: Vec::new() }
    }

    pub fn cause(&self) -> &Cause {
        &self.cause
    }

    /// Whose the events are that follow.
    pub(crate) fn switch(&mut self, tenant: &Tenant) {
        self.cause.tenant = *tenant;
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// A public event.
    pub fn emit<E: Event>(&mut self, store: &Store, event: &E) -> Result<()> {
        self.send(store, Destination::Bus, event)
    }

    /// A message to `to`.
    pub fn send<E: Event>(&mut self, store: &Store, to: Destination, event: &E) -> Result<()> {
        let envelope =
            Envelope::new(event, store.ids().next_uuid(), store.clock().now(), &self.cause)?;
        self.entries.push(Entry { to, envelope });
        Ok(())
    }

    /// An envelope made by hand.
    pub fn add(&mut self, to: Destination, envelope: Envelope) {
        self.entries.push(Entry { to, envelope });
    }

    /// Adds the outbox item to the transaction: one item, none if there is nothing to say.
    ///
    /// # Errors
    /// `internal` if everything together exceeds 300 KB.
    pub fn write(self, store: &Store, transaction: &mut Transaction) -> Result<()> {
        if self.entries.is_empty() {
            return Ok(());
        }
        let size =
            serde_json::to_string(&self.entries).map(|json| json.len()).unwrap_or(usize::MAX);
        if size > MAX_OUTBOX_BYTES {
            return Err(Error::internal(format!("an outbox item would have {size} bytes")));
        }
        let (now, id) = (store.clock().now(), store.ids().next_uuid());
        let [.., last] = *id.as_bytes();
        let shard = OutboxShard { hour: now.hour_bucket(), shard: last % OUTBOX_SHARDS };
        transaction.create(&OutboxItem {
            place: Some((shard, id, now)),
            entries: self.entries,
            sent_at: None,
        });
        Ok(())
    }
}
