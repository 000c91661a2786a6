//! The fold: each message counts exactly once.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use futures::future::join_all;
use millwright_core::{Error, OrgId, Result, Tenant, Voucher, codes};
use millwright_event::{
    Envelope,
    batch::Message,
    inbox::{Handled, MAX_FOLD, RETENTION, fold, once},
};
use millwright_store::{Condition, GlobalPartition, Key, Partition, Store, Update};
use millwright_testkit::{CrashPoint, Database, beginning};
use uuid::Uuid;

use crate::{Rang, assert_internal, database, rang, tenant};

struct Counter;

impl GlobalPartition for Counter {
    fn partition(&self) -> String {
        "COUNT".into()
    }
}

fn counter() -> Key {
    Partition::global(&Counter).at("HEAD")
}

fn messages(numbers: impl IntoIterator<Item = u128>) -> Vec<Message> {
    let message = |number: u128| Message::of(format!("m{number}"), rang(number));
    numbers.into_iter().map(message).collect()
}

/// Counts messages; the counter is one ADD.
async fn count(store: &Store, consumer: &str, messages: &[Message]) -> Result<()> {
    let messages: Vec<&Message> = messages.iter().collect();
    fold(store, consumer, &tenant(), &messages, |transaction, fresh| {
        let amount = i64::try_from(fresh.len()).unwrap();
        transaction.update(&counter(), &Update::new().add("count", amount));
    })
    .await
}

async fn counted(database: &Database) -> Option<u64> {
    database.store().get_raw(&counter()).await.unwrap().and_then(|item| item.number("count"))
}

async fn inbox(database: &Database) -> usize {
    database.items().await.iter().filter(|item| item.kind() == "inbox").count()
}

#[tokio::test]
async fn many_messages_are_one_transaction_per_ninety() {
    assert_eq!(MAX_FOLD, 90);
    let database = database().await;
    let store = database.store();
    database.faults.reset_calls();
    count(&store, "c", &messages(1..=200)).await.unwrap();
    assert_eq!(counted(&database).await, Some(200));
    assert_eq!(inbox(&database).await, 200);
    assert_eq!(database.faults.calls()["TransactWriteItems"], 3);
}

#[tokio::test]
async fn a_message_twice_in_a_batch_counts_once() {
    let database = database().await;
    count(&database.store(), "c", &messages([1, 2, 1, 3, 3, 3])).await.unwrap();
    assert_eq!(counted(&database).await, Some(3));
}

/// Duplicates beyond the chunk, too: 180 messages, each twice, far apart.
#[tokio::test]
async fn a_message_twice_in_a_large_batch_counts_once() {
    let database = database().await;
    count(&database.store(), "c", &messages((1..=180).chain(1..=180))).await.unwrap();
    assert_eq!(counted(&database).await, Some(180));
}

#[tokio::test]
async fn what_was_counted_before_is_folded_out() {
    let database = database().await;
    let store = database.store();
    count(&store, "c", &messages(1..=10)).await.unwrap();
    database.faults.reset_calls();
    count(&store, "c", &messages(6..=120)).await.unwrap();
    assert_eq!(counted(&database).await, Some(120));
    // Chunks of 90 and 25; the first is folded again without its five duplicates.
    assert_eq!(database.faults.calls()["TransactWriteItems"], 3);
    count(&store, "c", &messages((1..=120).rev())).await.unwrap();
    assert_eq!(counted(&database).await, Some(120));
}

#[tokio::test]
async fn nothing_is_written_for_an_empty_batch() {
    let database = database().await;
    count(&database.store(), "c", &[]).await.unwrap();
    assert!(database.items().await.is_empty());
}

#[tokio::test]
async fn consumers_organizations_and_sources_remember_apart() {
    let database = database().await;
    let store = database.store();
    let mut foreign = messages([1]);
    foreign[0].envelope.source = "millwright.other".into();
    count(&store, "c", &messages([1])).await.unwrap();
    count(&store, "d", &messages([1])).await.unwrap();
    count(&store, "c", &foreign).await.unwrap();
    assert_eq!(counted(&database).await, Some(3));
    let other = Tenant::vouched(OrgId::from_uuid(Uuid::from_u128(2)), Voucher::Test);
    let theirs = messages([1]);
    let theirs: Vec<&Message> = theirs.iter().collect();
    fold(&store, "c", &other, &theirs, |transaction, _| {
        transaction.update(&counter(), &Update::new().add("count", 1));
    })
    .await
    .unwrap();
    assert_eq!(counted(&database).await, Some(4));
}

#[tokio::test]
async fn a_message_is_remembered_for_45_days() {
    let database = database().await;
    count(&database.store(), "c", &messages([1])).await.unwrap();
    let items = database.items().await;
    let item = items.iter().find(|item| item.kind() == "inbox").unwrap();
    assert_eq!(RETENTION.as_secs(), 45 * 24 * 3600);
    let ttl = item.number("ttl").unwrap();
    assert_eq!(ttl, beginning().plus(RETENTION).as_second().cast_unsigned());
}

/// The same batch at eight consumers at once, with injected conflicts.
#[tokio::test]
async fn parallel_deliveries_count_once() {
    let database = database().await;
    let batch = Arc::new(messages(1..=100));
    let processes: Vec<Database> = (0..8).map(|_| database.other_process()).collect();
    let runs = processes.iter().enumerate().map(|(seed, process)| {
        process.faults.conflict(u64::try_from(seed).unwrap(), 0.1);
        let (store, batch) = (process.store(), batch.clone());
        async move { count(&store, "c", &batch).await }
    });
    for run in join_all(runs).await {
        run.unwrap();
    }
    assert_eq!(counted(&database).await, Some(100));
    assert_eq!(inbox(&database).await, 100);
}

#[tokio::test]
async fn a_fold_that_dies_anywhere_counts_once_when_it_comes_again() {
    for call in 1..=3 {
        for point in [CrashPoint::Before(call), CrashPoint::After(call)] {
            let database = database().await;
            let dying = database.other_process();
            dying.faults.crash(point);
            let (store, batch) = (dying.store(), messages(1..=200));
            tokio::select! {
                _ = count(&store, "c", &batch) => panic!("{point:?}: survived"),
                () = dying.faults.crashed() => {}
            }
            let so_far = u64::try_from(inbox(&database).await).unwrap();
            assert_eq!(counted(&database).await.unwrap_or_default(), so_far, "{point:?}");
            count(&database.store(), "c", &batch).await.unwrap();
            assert_eq!(counted(&database).await, Some(200), "{point:?}");
        }
    }
}

#[tokio::test]
async fn an_outage_counts_nothing_and_may_be_tried_again() {
    let database = database().await;
    let store = database.store();
    database.faults.outage(true);
    let failed = count(&store, "c", &messages(1..=5)).await.unwrap_err();
    assert_eq!(failed.code(), codes::UNAVAILABLE);
    database.faults.outage(false);
    assert!(database.items().await.is_empty());
    count(&store, "c", &messages(1..=5)).await.unwrap();
    assert_eq!(counted(&database).await, Some(5));
}

/// An effect that is refused is a fault of the consumer's: no endless loop, nothing remembered.
#[tokio::test]
async fn a_refused_effect_is_an_error_of_ours() {
    let database = database().await;
    let store = database.store();
    let batch = messages([1, 2]);
    let batch: Vec<&Message> = batch.iter().collect();
    let tries = AtomicUsize::new(0);
    let refused = fold(&store, "c", &tenant(), &batch, |transaction, _| {
        tries.fetch_add(1, Ordering::SeqCst);
        transaction.update(&counter(), &Update::when(Condition::exists()).add("count", 1));
    })
    .await
    .unwrap_err();
    assert_internal(&refused, "effect of a fold");
    assert_eq!(tries.load(Ordering::SeqCst), 1);
    assert!(database.items().await.is_empty());
}

/// What was said, in the order in which it was decided.
async fn said(database: &Database) -> Vec<Envelope> {
    let mut said: Vec<Envelope> =
        database.outbox().await.into_iter().map(|entry| entry.envelope).collect();
    said.sort_by_key(|envelope| envelope.subject.clone());
    said
}

/// The effect of a message that is handled once: a counter, and an event that says so.
async fn ring_on(store: &Store, message: &Message) -> Result<Handled> {
    once(store, "c", &message.envelope, async |effects| {
        let before = store.get_raw(&counter()).await?.and_then(|item| item.number("count"));
        let same = match before {
            Some(count) => Condition::default().equals("count", count),
            None => Condition::default().attribute_absent("count"),
        };
        let next = before.unwrap_or_default() + 1;
        let step = effects.update(&counter(), &Update::when(same).set("count", next));
        effects.refused_as(step, Error::lost_race());
        effects.emit(&Rang { bell: format!("echo_{next}") })
    })
    .await
}

/// 32 deliveries of each of four messages, while conflicts are injected: every effect once, and
/// nothing lost although all of them read before they write.
#[tokio::test]
async fn parallel_deliveries_of_a_message_have_one_effect() {
    let database = database().await;
    let messages = Arc::new(messages(1..=4));
    let processes: Vec<Database> = (0..32).map(|_| database.other_process()).collect();
    let deliveries = processes.iter().enumerate().map(|(seed, process)| {
        process.faults.conflict(u64::try_from(seed).unwrap(), 0.1);
        let (store, messages) = (process.store(), messages.clone());
        async move {
            let mut now = 0;
            for message in messages.iter() {
                now += usize::from(ring_on(&store, message).await.unwrap() == Handled::Now);
            }
            now
        }
    });
    let handled: usize = join_all(deliveries).await.into_iter().sum();
    assert_eq!(handled, 4);
    assert_eq!(counted(&database).await, Some(4));
    let said: Vec<String> = said(&database).await.into_iter().map(|said| said.subject).collect();
    assert_eq!(said, ["echo_1", "echo_2", "echo_3", "echo_4"]);
}

#[tokio::test]
async fn a_refused_effect_leaves_no_trace_of_the_message() {
    let database = database().await;
    let store = database.store();
    let message = &messages([1])[0];
    let refused = once(&store, "c", &message.envelope, async |effects| {
        let exists = Condition::default().attribute_exists("count");
        let step = effects.update(&counter(), &Update::when(exists).set("count", 9));
        effects.refused_as(step, Error::not_found("bell"));
        Ok(())
    });
    assert!(refused.await.unwrap_err().is(codes::NOT_FOUND));
    assert!(database.items().await.is_empty());
    assert_eq!(ring_on(&store, message).await.unwrap(), Handled::Now);
}

/// What follows from an event names it as its cause, in the same trace.
#[tokio::test]
async fn what_follows_names_its_cause() {
    let database = database().await;
    let message = &messages([1])[0];
    ring_on(&database.store(), message).await.unwrap();
    let follower = &said(&database).await[0];
    assert_eq!(follower.causationid.as_deref(), Some(message.envelope.id.as_str()));
    assert_eq!(follower.correlationid, message.envelope.correlationid);
    assert_eq!(follower.traceparent, message.envelope.traceparent);
    assert_eq!(follower.actorid, message.envelope.actorid);
}
