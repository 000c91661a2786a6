//! Transactions of the store: refusals, conflicts, limits.

use millwright_core::{Error, Tenant, codes};
use millwright_store::{Condition, Item, Key, MAX_TRANSACTION_ITEMS, Outcome, Partition, Update};
use serde::{Deserialize, Serialize};

use crate::{Note, database, tenant};

#[tokio::test]
async fn a_refused_step_answers_its_own_error() {
    let database = database().await;
    let store = database.store();
    let mut first = store.transaction(&tenant());
    first.create(&Note::new("taken"));
    first.commit().await.unwrap();
    let before = database.snapshot(&[]).await;
    let mut second = store.transaction(&tenant());
    let free = second.create(&Note::new("free"));
    second.refused_as(free, Error::new(codes::LIMIT_REACHED, "not this one"));
    let taken = second.create(&Note::new("taken"));
    second.refused_as(taken, Error::new(codes::NAME_TAKEN, "taken"));
    assert_eq!(second.commit().await.unwrap_err().code(), codes::NAME_TAKEN);
    assert_eq!(database.snapshot(&[]).await, before);
}

#[tokio::test]
async fn a_stale_version_is_named_and_a_lost_item_is_a_conflict() {
    let database = database().await;
    let store = database.store();
    let mut create = store.transaction(&tenant());
    create.create(&Note { version: 4, ..Note::new("a") });
    create.commit().await.unwrap();
    let mut stale = store.transaction(&tenant());
    stale.replace(&Note { version: 4, ..Note::new("a") }, 3);
    let error = stale.commit().await.unwrap_err();
    assert_eq!(
        (error.code(), &error.members()["currentVersion"]),
        (codes::VERSION_STALE, &4.into())
    );
    let mut gone = store.transaction(&tenant());
    gone.replace(&Note { version: 2, ..Note::new("gone") }, 1);
    assert_eq!(gone.commit().await.unwrap_err().code(), codes::CONFLICT);
    let mut current = store.transaction(&tenant());
    current.replace(&Note { version: 5, ..Note::new("a") }, 4);
    current.commit().await.unwrap();
    assert_eq!(store.get::<Note>(&Note::place("a")).await.unwrap().unwrap().version, 5);
}

#[tokio::test]
async fn an_attempt_tells_each_refused_step_with_its_item() {
    let database = database().await;
    let store = database.store();
    let mut create = store.transaction(&tenant());
    create.create(&Note::new("a"));
    create.commit().await.unwrap();
    let mut attempt = store.transaction(&tenant());
    let (a, b) = (attempt.create(&Note::new("a")), attempt.create(&Note::new("b")));
    let c = attempt.check(&Note::place("c"), Condition::exists());
    let d = attempt.update(&Note::place("d"), &Update::when(Condition::exists()).add("n", 1));
    let e = attempt.delete_when(&Note::place("a2"), Condition::version(1));
    let Outcome::Refused(refusals) = attempt.attempt().await.unwrap() else { panic!("done") };
    let stood = refusals.at(a).unwrap().item.as_ref().unwrap();
    assert_eq!(stood.decode::<Note>().unwrap(), Note::new("a"));
    assert!(refusals.at(b).is_none());
    for step in [c, d, e] {
        assert!(refusals.at(step).unwrap().item.is_none(), "{step:?}");
    }
    assert_eq!(database.items().await.len(), 1);
}

#[tokio::test]
async fn an_empty_transaction_is_no_call() {
    let database = database().await;
    database.faults.outage(true);
    database.store().transaction(&tenant()).commit().await.unwrap();
}

#[tokio::test]
async fn a_hundred_items_fit_and_one_more_is_a_fault_of_ours() {
    assert_eq!(MAX_TRANSACTION_ITEMS, 100);
    let database = database().await;
    let store = database.store();
    for (count, fits) in [(101, false), (100, true)] {
        let mut transaction = store.transaction(&tenant());
        for number in 0..count {
            transaction.create(&Note::new(number.to_string()));
        }
        assert_eq!(transaction.len(), count);
        match transaction.commit().await {
            Ok(()) => assert!(fits),
            Err(error) => assert_eq!((fits, error.code()), (false, codes::INTERNAL)),
        }
    }
    assert_eq!(database.items().await.len(), 100);
}

#[tokio::test]
async fn a_transaction_that_only_conflicts_is_given_up() {
    let database = database().await;
    database.faults.conflict(1, 1.0);
    let mut transaction = database.store().transaction(&tenant());
    transaction.create(&Note::new("a"));
    let error = transaction.commit().await.unwrap_err();
    assert_eq!(error.code(), codes::UNAVAILABLE);
    assert_eq!(error.retry_after_seconds(), Some(1));
    assert!(database.faults.conflicts() > 3, "it was tried again");
    assert_eq!(database.faults.calls()["TransactWriteItems"], database.faults.conflicts());
    assert!(database.items().await.is_empty());
}

#[tokio::test]
async fn half_of_them_conflicting_all_are_written_once() {
    let database = database().await;
    database.faults.conflict(7, 0.5);
    let store = database.store();
    for number in 0..20 {
        let mut transaction = store.transaction(&tenant());
        transaction.create(&Note::new(number.to_string()));
        transaction.update(&Note::place("count"), &Update::new().add("count", 1));
        transaction.commit().await.unwrap();
    }
    assert!(database.faults.conflicts() > 0);
    let count = store.get_raw(&Note::place("count")).await.unwrap().unwrap();
    assert_eq!(count.number("count"), Some(20));
    assert_eq!(database.items().await.len(), 21);
}

/// A condition that does not hold is told at once, conflicts or not.
#[tokio::test]
async fn a_refusal_is_not_repeated() {
    let database = database().await;
    let store = database.store();
    let mut refused = store.transaction(&tenant());
    refused.check(&Note::place("never"), Condition::exists());
    database.faults.reset_calls();
    refused.commit().await.unwrap_err();
    assert_eq!(database.faults.calls()["TransactWriteItems"], 1);
}

/// An item whose field would overwrite a key of the store.
#[derive(Serialize, Deserialize)]
struct Greedy {
    ttl: u64,
}

impl Item for Greedy {
    const KIND: &'static str = "greedy";

    fn key(&self, tenant: &Tenant) -> Key {
        Partition::of(tenant).at("GREEDY")
    }
}

#[tokio::test]
async fn the_stores_own_attributes_are_never_fields() {
    let database = database().await;
    let mut transaction = database.store().transaction(&tenant());
    transaction.create(&Note::new("a"));
    transaction.put(&Greedy { ttl: 1 });
    assert_eq!(transaction.commit().await.unwrap_err().code(), codes::INTERNAL);
    assert!(database.items().await.is_empty());
}
