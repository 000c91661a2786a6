//! What is written to the outbox, and its limits.

use std::time::Duration;

use millwright_event::{Destination, Entry, MAX_OUTBOX_BYTES, Outbox, OutboxItem};
use millwright_store::{Condition, Item, Key, Partition};
use millwright_testkit::beginning;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{Rang, assert_internal, cause, database, tenant};

#[derive(Serialize, Deserialize)]
struct Bell {
    name: String,
}

impl Item for Bell {
    const KIND: &'static str = "bell";

    fn key(&self, tenant: &millwright_core::Tenant) -> Key {
        Partition::of(tenant).and("BELL").at(&self.name)
    }
}

#[test]
fn a_destination_is_the_bus_or_a_queue() {
    for (text, destination) in [
        ("bus", Destination::Bus),
        ("queue:planning-on-events", Destination::Queue("planning-on-events".into())),
        ("queue:a:b", Destination::Queue("a:b".into())),
    ] {
        assert_eq!(text.parse(), Ok(destination.clone()));
        assert_eq!(destination.to_string(), text);
        assert_eq!(serde_json::to_value(&destination).unwrap(), json!(text));
        assert_eq!(serde_json::from_value::<Destination>(json!(text)).unwrap(), destination);
    }
    for text in ["", "Bus", "bus:", "bus:x", "queue", "queue:", "topic:x", " bus", ":bus"] {
        assert!(text.parse::<Destination>().is_err(), "{text:?}");
        assert!(serde_json::from_value::<Destination>(json!(text)).is_err(), "{text:?}");
    }
}

#[tokio::test]
async fn everything_said_is_one_item_of_the_transaction() {
    let database = database().await;
    let store = database.store();
    let mut outbox = Outbox::new(cause());
    assert!(outbox.is_empty());
    outbox.emit(&store, &Rang { bell: "one".into() }).unwrap();
    let jobs = Destination::Queue("jobs".into());
    outbox.send(&store, jobs.clone(), &Rang { bell: "two".into() }).unwrap();
    let mut transaction = store.transaction(&tenant());
    transaction.create(&Bell { name: "one".into() });
    outbox.write(&store, &mut transaction).unwrap();
    assert_eq!(transaction.len(), 2);
    transaction.commit().await.unwrap();
    let items = database.items().await;
    let item = items.iter().find(|item| item.kind() == "outbox").unwrap();
    let (prefix, shard) = item.partition_key().rsplit_once('#').unwrap();
    assert_eq!(prefix, "OUT#2026112301");
    assert!(["0", "1", "2", "3"].contains(&shard));
    let kept = Duration::from_secs(item.number("ttl").unwrap());
    assert_eq!(kept.as_secs().cast_signed() - beginning().as_second(), 14 * 24 * 3600);
    assert_eq!(item.text("sentAt"), None);
    let key = OutboxItem::locate(item.partition_key(), item.sort_key()).unwrap();
    assert_eq!((key.partition(), key.sort_key()), (item.partition_key(), item.sort_key()));
    assert_eq!(OutboxItem::written_at(&key), Some(beginning()));
    let entries: Vec<Entry> = item.decode_attribute("entries").unwrap();
    let said: Vec<(&Destination, &str)> =
        entries.iter().map(|entry| (&entry.to, entry.envelope.subject.as_str())).collect();
    assert_eq!(said, [(&Destination::Bus, "one"), (&jobs, "two")]);
    assert_ne!(entries[0].envelope.id, entries[1].envelope.id);
    assert_eq!(item.decode::<OutboxItem>().unwrap().entries, entries);
}

#[tokio::test]
async fn what_does_not_happen_says_nothing() {
    let database = database().await;
    let store = database.store();
    let mut outbox = Outbox::new(cause());
    outbox.emit(&store, &Rang { bell: "one".into() }).unwrap();
    let mut transaction = store.transaction(&tenant());
    transaction.put_when(&Bell { name: "one".into() }, Condition::exists());
    outbox.write(&store, &mut transaction).unwrap();
    assert!(transaction.commit().await.is_err());
    assert!(database.items().await.is_empty());
}

#[tokio::test]
async fn nothing_to_say_is_no_item() {
    let store = database().await.store();
    let mut transaction = store.transaction(&tenant());
    Outbox::new(cause()).write(&store, &mut transaction).unwrap();
    assert!(transaction.is_empty());
}

#[tokio::test]
async fn an_item_has_300_kilobytes_and_not_one_byte_more() {
    assert_eq!(MAX_OUTBOX_BYTES, 307_200);
    let database = database().await;
    let store = database.store();
    let of_lengths = |lengths: &[usize]| {
        let mut outbox = Outbox::new(cause());
        for length in lengths {
            outbox.emit(&store, &Rang { bell: "x".repeat(*length) }).unwrap();
        }
        outbox
    };
    let largest = {
        let mut transaction = store.transaction(&tenant());
        let refused = of_lengths(&[60_000, 60_000, 60_000, 60_000, 60_000, 60_000])
            .write(&store, &mut transaction)
            .unwrap_err();
        assert_internal(&refused, "outbox item");
        assert!(transaction.is_empty());
        let said = refused.internal_message().unwrap();
        let bytes: usize = said.split(' ').find_map(|word| word.parse().ok()).unwrap();
        60_000 - (bytes - MAX_OUTBOX_BYTES)
    };
    let lengths = [60_000, 60_000, 60_000, 60_000, 60_000, largest + 1];
    let mut transaction = store.transaction(&tenant());
    assert!(of_lengths(&lengths).write(&store, &mut transaction).is_err());
    let lengths = [60_000, 60_000, 60_000, 60_000, 60_000, largest];
    of_lengths(&lengths).write(&store, &mut transaction).unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(database.outbox().await.len(), 6);
}

#[test]
fn only_keys_of_outbox_items_are_located() {
    let id = "019ab0e2-3d90-7c3b-9a57-2f1b7c0d4e5f";
    assert!(OutboxItem::locate("OUT#2026112301#0", id).is_some());
    for (partition, sort) in [
        ("OUT#WATERMARK", "SWEEP"),
        ("OUT#2026112301", id),
        ("OUT#2026112301#x", id),
        ("OUT#2026112301#0", "HEAD"),
        ("ORG#org_1#OUT#1#0", id),
        ("", ""),
    ] {
        assert!(OutboxItem::locate(partition, sort).is_none(), "{partition} / {sort}");
    }
}
