//! Reads of the store.

use std::cell::Cell;

use millwright_core::codes;
use millwright_store::{Assembled, Condition, Index, Key, Partition, Query, RawItem, Update};

use crate::{Note, database, tenant};

fn partition() -> Partition {
    Partition::of(&tenant()).and("NOTE")
}

async fn notes(database: &millwright_testkit::Database, count: usize) {
    let store = database.store();
    for start in (0..count).step_by(100) {
        let mut transaction = store.transaction(&tenant());
        for number in start..count.min(start + 100) {
            transaction.create(&Note::new(format!("N#{number:04}")));
        }
        transaction.commit().await.unwrap();
    }
}

fn names(items: &[RawItem]) -> Vec<&str> {
    items.iter().map(RawItem::sort_key).collect()
}

#[tokio::test]
async fn an_item_is_read_as_its_own_kind_only() {
    let database = database().await;
    let store = database.store();
    notes(&database, 1).await;
    let place = Note::place("N#0000");
    assert_eq!(store.get::<Note>(&place).await.unwrap(), Some(Note::new("N#0000")));
    store.update(&place, &Update::new().set("kind", "another")).await.unwrap();
    assert_eq!(store.get::<Note>(&place).await.unwrap(), None);
    assert!(store.get_raw(&place).await.unwrap().is_some());
    assert_eq!(store.get::<Note>(&Note::place("never")).await.unwrap(), None);
}

#[tokio::test]
async fn many_items_come_in_the_order_they_were_asked_for() {
    let database = database().await;
    notes(&database, 60).await;
    let asked: Vec<String> =
        (0..100).map(|number| format!("N#{:04}", (number * 37) % 100)).collect();
    let keys: Vec<Key> = asked.iter().map(|name| Note::place(name)).collect();
    database.faults.reset_calls();
    let found = database.store().get_many(&keys).await.unwrap();
    let expected: Vec<&str> =
        asked.iter().map(String::as_str).filter(|name| *name < "N#0060").collect();
    assert_eq!(names(&found), expected);
    assert_eq!(database.faults.calls()["BatchGetItem"], 1);
    assert!(database.store().get_many(&[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn pages_go_on_where_the_last_one_ended() {
    let database = database().await;
    let store = database.store();
    notes(&database, 25).await;
    let by_rank = Partition::of(&tenant()).and("NOTES");
    for query in [
        Query::partition(partition()).starting_with("N#"),
        Query::index(Index::Gsi1, by_rank.clone()).starting_with("R#N#"),
        Query::index(Index::Gsi1, by_rank),
    ] {
        for descending in [false, true] {
            let query = query.clone().descending(descending);
            let mut found = Vec::new();
            let mut from = None;
            loop {
                let page = store.page(&query, 7, from.as_ref()).await.unwrap();
                assert!(page.items.len() <= 7);
                found.extend(
                    page.items.iter().map(|item| item.partition_key().to_owned() + item.sort_key()),
                );
                // A position made from an item is as good as DynamoDB's.
                if let (Some(next), Some(last)) = (&page.next, page.items.last()) {
                    assert_eq!(*next, last.position(query.used_index()));
                }
                from = page.next;
                if from.is_none() {
                    break;
                }
            }
            let mut sorted = found.clone();
            sorted.sort();
            sorted.dedup();
            assert_eq!(sorted.len(), 25);
            if descending {
                sorted.reverse();
            }
            assert_eq!(found, sorted);
        }
    }
}

#[tokio::test]
async fn collecting_stops_at_its_maximum() {
    let database = database().await;
    notes(&database, 12).await;
    let store = database.store();
    let query = Query::partition(partition());
    assert_eq!(store.collect(&query, 5).await.unwrap().len(), 5);
    assert_eq!(store.collect(&query, 100).await.unwrap().len(), 12);
    assert!(store.collect(&query.starting_with("X"), 5).await.unwrap().is_empty());
}

/// One page of a query is a megabyte at most: more is read by further calls.
#[tokio::test]
async fn collecting_goes_on_after_a_megabyte() {
    let database = database().await;
    let store = database.store();
    for number in 0..5 {
        let mut transaction = store.transaction(&tenant());
        transaction.create(&Note { body: "x".repeat(300_000), ..Note::new(number.to_string()) });
        transaction.commit().await.unwrap();
    }
    database.faults.reset_calls();
    let found = store.collect(&Query::partition(partition()), 100).await.unwrap();
    assert_eq!(found.len(), 5);
    assert_eq!(database.faults.calls()["Query"], 2);
}

#[tokio::test]
async fn a_torn_thing_is_read_again_and_a_broken_one_is_an_error() {
    let database = database().await;
    notes(&database, 2).await;
    let store = database.store();
    let query = Query::partition(partition());
    let reads = Cell::new(0);
    let whole = store.assemble(&query, |items| {
        reads.set(reads.get() + 1);
        Ok(if reads.get() < 3 { Assembled::Torn } else { Assembled::Whole(items.len()) })
    });
    assert_eq!(whole.await.unwrap(), Some(2));
    assert_eq!(reads.get(), 3);
    let nothing = store.assemble(&query, |_| Ok(Assembled::<()>::Nothing)).await;
    assert_eq!(nothing.unwrap(), None);
    let broken = store.assemble(&query, |_| Ok(Assembled::<()>::Torn)).await;
    assert_eq!(broken.unwrap_err().code(), codes::INTERNAL);
}

#[tokio::test]
async fn a_put_that_is_refused_answers_what_stands_in_the_way() {
    let database = database().await;
    let store = database.store();
    let (first, second) = (Note::new("a"), Note { body: "second".into(), ..Note::new("a") });
    let absent = Condition::absent();
    assert!(store.put_when(&tenant(), &first, &absent).await.unwrap().is_none());
    let stands = store.put_when(&tenant(), &second, &absent).await.unwrap().unwrap();
    assert_eq!(stands.decode::<Note>().unwrap(), first);
    let version = Condition::version(1).equals("body", "long");
    assert!(store.put_when(&tenant(), &second, &version).await.unwrap().is_none());
    assert_eq!(store.get::<Note>(&Note::place("a")).await.unwrap(), Some(second));
}

#[tokio::test]
async fn an_update_tells_whether_it_happened() {
    let database = database().await;
    let store = database.store();
    let place = Note::place("a");
    let when_there = Update::when(Condition::exists()).set("x", "x");
    assert!(!store.update(&place, &when_there).await.unwrap());
    assert!(store.get_raw(&place).await.unwrap().is_none());
    let change = Update::new().set("x", "x").set("y", "y").add("count", -3);
    assert!(store.update(&place, &change).await.unwrap());
    let change = Update::when(Condition::exists()).remove("x").add("count", 1);
    assert!(store.update(&place, &change).await.unwrap());
    let item = store.get_raw(&place).await.unwrap().unwrap();
    assert_eq!((item.text("x"), item.text("y")), (None, Some("y")));
    assert_eq!(item.signed_number("count"), Some(-2));
}

#[tokio::test]
async fn conditions_hold_together_or_by_absence() {
    let database = database().await;
    let store = database.store();
    let place = Note::place("a");
    let below = || Condition::default().less_than("count", 2).or_attribute_absent("count");
    let count = || Update::when(below()).add("count", 1);
    let counted = [
        store.update(&place, &count()).await.unwrap(),
        store.update(&place, &count()).await.unwrap(),
        store.update(&place, &count()).await.unwrap(),
    ];
    assert_eq!(counted, [true, true, false]);
}

#[tokio::test]
async fn an_outage_is_unavailable_whatever_was_asked() {
    let database = database().await;
    let store = database.store();
    notes(&database, 1).await;
    database.faults.outage(true);
    let place = Note::place("N#0000");
    let (query, change) = (Query::partition(partition()), Update::new().set("x", 1));
    let (one, many, page, update, alive) = tokio::join!(
        store.get_raw(&place),
        store.get_many(std::slice::from_ref(&place)),
        store.collect(&query, 1),
        store.update(&place, &change),
        store.answers(),
    );
    let codes_seen = [
        one.unwrap_err().code(),
        many.unwrap_err().code(),
        page.unwrap_err().code(),
        update.unwrap_err().code(),
        alive.unwrap_err().code(),
    ];
    assert_eq!(codes_seen, [codes::UNAVAILABLE; 5]);
    database.faults.outage(false);
    store.answers().await.unwrap();
}
