//! Writers of values in the secret store that die on the way.

use millwright_testkit::{CrashPoint, Faults};
use serde_json::json;

use crate::{
    A, PATH,
    backend::{MINUTE, all_values, outside, secrets, start, start_faulty, stored, written},
    create,
    work::{Jobs, said},
};

#[tokio::test]
async fn wherever_a_writer_dies_the_jobs_finish_or_drop_it_once() {
    for at in 1..=6 {
        for crash in [CrashPoint::Before(at), CrashPoint::After(at)] {
            let store_faults = Faults::default();
            let app = start_faulty(&store_faults).await;
            let owner = app.client(A, "owner");
            let path = create(&owner, outside("k", "v1")).await;
            let versions = format!("{path}/versions");
            let instance = app.instance();
            instance.faults().crash(crash);
            let late = instance.client(A, "owner");
            let answered = tokio::select! {
                answer = late.post(&versions, written("v2")) => Some(answer.status),
                () = instance.faults().crashed() => None,
            };
            app.database.clock.advance(76 * MINUTE);
            let mut jobs = Jobs::of(&app, 2);
            jobs.sweep().await;
            let owner = app.client(A, "owner");
            let secret = owner.get(&path).await.expect(200);
            let current = secret["currentVersion"].as_u64().unwrap();
            let all = all_values(&owner, &path).await;
            assert_eq!(all.len() as u64, current, "{crash:?}");
            assert_eq!(all[0], (current, format!("v{current}")), "{crash:?}");
            if answered.is_some_and(|status| status == 201) {
                assert_eq!(current, 2, "{crash:?}");
            }
            let created = said(&app, "secrets.version.created").await.len() as u64;
            assert_eq!(created, current, "{crash:?}");
            // The next one is no worse for it, and no number is there twice.
            owner.post(&versions, written("next")).await.expect(201);
            let numbers: Vec<u64> =
                all_values(&owner, &path).await.iter().map(|(number, _)| *number).collect();
            assert_eq!(numbers.len() as u64, current + 1, "{crash:?}");
            jobs.drain().await;
            let labels = secrets().labelled(&stored(&owner, &path));
            let labelled = labels.keys().filter(|label| label.starts_with('v')).count();
            assert_eq!(labelled, numbers.len(), "{crash:?}: {labels:?}");
        }
    }
}

#[tokio::test]
async fn between_put_and_transaction_it_is_finished_by_the_job_or_the_next_writer() {
    for by_writer in [false, true] {
        let app = start().await;
        let owner = app.client(A, "owner");
        let path = create(&owner, outside("k", "v1")).await;
        let versions = format!("{path}/versions");
        let instance = app.instance();
        // Two queries, the announcement, and the transaction that it dies before.
        instance.faults().crash(CrashPoint::Before(4));
        let late = instance.client(A, "owner");
        tokio::select! {
            answer = late.post(&versions, written("v2")) => panic!("{answer:?}"),
            () = instance.faults().crashed() => {}
        }
        assert_eq!(all_values(&owner, &path).await.len(), 1);
        if by_writer {
            app.database.clock.advance(2 * MINUTE);
            app.client(A, "owner").post(&versions, written("v3")).await.expect(201);
        } else {
            app.database.clock.advance(76 * MINUTE);
            Jobs::of(&app, 2).sweep().await;
        }
        let all = all_values(&app.client(A, "owner"), &path).await;
        let keys: Vec<&str> = all.iter().rev().map(|(_, key)| key.as_str()).collect();
        let expected: &[&str] = if by_writer { &["v1", "v2", "v3"] } else { &["v1", "v2"] };
        assert_eq!(keys, expected);
    }
}

#[tokio::test]
async fn a_submission_that_died_anywhere_and_is_sent_again_is_one_version() {
    for at in 1..=7 {
        for crash in [CrashPoint::Before(at), CrashPoint::After(at)] {
            for wait in [MINUTE, 3 * MINUTE, 76 * MINUTE] {
                let app = start().await;
                let owner = app.client(A, "owner");
                let path = create(&owner, outside("k", "v1")).await;
                let versions = format!("{path}/versions");
                let mut body = written("v2");
                body["expectedCurrentVersion"] = json!(1);
                let key = [("idempotency-key", "again")];
                let instance = app.instance();
                instance.faults().crash(crash);
                let late = instance.client(A, "owner");
                tokio::select! {
                    answer = late.post_with(&versions, &key, body.clone()) => drop(answer.expect(201)),
                    () = instance.faults().crashed() => {}
                }
                app.database.clock.advance(wait);
                let mut jobs = Jobs::of(&app, 2);
                jobs.sweep().await;
                let owner = app.client(A, "owner");
                let again = owner.post_with(&versions, &key, body).await.expect(201);
                let all = all_values(&owner, &path).await;
                assert_eq!(all.len(), 2, "{crash:?} {wait:?}: {all:?}");
                assert_eq!(all[0], (again["number"].as_u64().unwrap(), "v2".to_owned()));
                assert_eq!(said(&app, "secrets.version.created").await.len(), 2, "{crash:?}");
                jobs.drain().await;
                let labels = secrets().labelled(&stored(&owner, &path));
                assert_eq!(labels.keys().filter(|label| label.starts_with('v')).count(), 2);
            }
        }
    }
}

#[tokio::test]
async fn a_secret_that_never_came_to_be_leaves_nothing_in_the_store() {
    for at in 1..=6 {
        let app = start().await;
        // Settings and keys are in memory.
        create(&app.client(A, "owner"), outside("warm", "v")).await;
        let organization = app.client(A, "owner").tenant().organization().unwrap().to_string();
        let before = secrets().names(&format!("test/{organization}")).len();
        let instance = app.instance();
        instance.faults().crash(CrashPoint::Before(at));
        let late = instance.client(A, "owner");
        let answered = tokio::select! {
            answer = late.post(PATH, outside("k", "v1")) => Some(answer),
            () = instance.faults().crashed() => None,
        };
        app.database.clock.advance(76 * MINUTE);
        Jobs::of(&app, 2).sweep().await;
        let there = secrets().names(&format!("test/{organization}")).len();
        assert_eq!(there - before, usize::from(answered.is_some()), "{at}");
        let notes = app.database.items().await;
        assert!(notes.iter().all(|item| item.kind() != "stored_note"));
        let again = app.client(A, "owner").post(PATH, outside("k", "v1")).await;
        assert_eq!(again.status.as_u16(), if answered.is_some() { 409 } else { 201 });
    }
}
