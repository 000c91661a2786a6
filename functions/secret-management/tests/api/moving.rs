//! Moving secrets into the secret store and back.

use std::time::Duration;

use millwright_testkit::{CrashPoint, TestApp};
use serde_json::json;

use crate::{
    A, PATH, api_key,
    backend::{MINUTE, all_values, outside, secrets, start, stored, values, written},
    create,
    work::{Jobs, said},
};

/// A secret of so many versions.
async fn with_versions(app: &TestApp, count: usize) -> String {
    let owner = app.client(A, "owner");
    let path = create(&owner, api_key("k", "v1")).await;
    for number in 2..=count {
        let body = written(&format!("v{number}"));
        owner.post(&format!("{path}/versions"), body).await.expect(201);
    }
    path
}

async fn migrate(app: &TestApp, path: &str, to: &str) -> String {
    let body = json!({ "backend": to });
    let accepted = app.client(A, "owner").post(&format!("{path}/migrate"), body).await;
    accepted.expect(202);
    accepted.header("location").unwrap().to_owned()
}

#[tokio::test]
async fn a_secret_moves_there_and_back_wherever_the_jobs_die() {
    for seed in 0..5_usize {
        let app = start().await;
        let owner = app.client(A, "owner");
        let path = with_versions(&app, 4).await;
        owner.delete(&format!("{path}/versions/2")).await.expect(204);
        let expected = all_values(&owner, &path).await;
        let name = stored(&owner, &path);
        for (to, outside) in [("aws_secrets_manager", true), ("internal", false)] {
            let job = migrate(&app, &path, to).await;
            let again = app
                .client(A, "owner")
                .post(&format!("{path}/migrate"), json!({ "backend": to }))
                .await;
            again.expect_problem(409, "invalid_state");
            let mut jobs = Jobs::of(&app, 2);
            // Each delivery dies one call later than the one before, after or before it.
            jobs.drain_crashing(|number| match number % 3 {
                0 => Some(CrashPoint::After(seed * 4 + number + 1)),
                1 => Some(CrashPoint::Before(seed * 4 + number + 1)),
                _ => None,
            })
            .await;
            let owner = app.client(A, "owner");
            let job = owner.get(&job).await.expect(200);
            assert_eq!((&job["state"], &job["kind"]), (&json!("completed"), &json!("migrate")));
            assert_eq!(all_values(&owner, &path).await, expected, "{seed}");
            assert_eq!(owner.get(&path).await.expect(200)["backend"], to);
            assert_eq!(values(&app).await, if outside { 0 } else { 4 });
            assert_eq!(secrets().names(&name).len(), usize::from(outside));
        }
        assert_eq!(said(&app, "secrets.secret.migrated").await.len(), 2);
        // What was deleted is there, too.
        let owner = app.client(A, "owner");
        owner.post(&format!("{path}/versions/2/restore"), json!({})).await.expect(200);
        assert_eq!(all_values(&owner, &path).await.len(), 4);
    }
}

#[tokio::test]
async fn every_value_is_readable_and_none_is_lost_whatever_call_the_migration_dies_at() {
    for to_store in [true, false] {
        for at in 1.. {
            let mut died = false;
            // Before the next call is no other place.
            for crash in [CrashPoint::After(at)] {
                let app = start().await;
                let path = with_versions(&app, 2).await;
                let mut jobs = Jobs::of(&app, 1);
                if !to_store {
                    migrate(&app, &path, "aws_secrets_manager").await;
                    jobs.drain().await;
                }
                let to = if to_store { "aws_secrets_manager" } else { "internal" };
                migrate(&app, &path, to).await;
                let owner = app.client(A, "owner");
                let expected = [(2, "v2".to_owned()), (1, "v1".to_owned())];
                let message = app.messages_to(secret_management::work::JOBS).await;
                let process = app.database.other_process();
                process.faults.crash(crash);
                let slice = message.into_iter().rev().find(|it| it.kind == "secrets.job.slice_due");
                let message = millwright_event::batch::Message::of("m", slice.unwrap());
                let worker = crate::work::desk(&process);
                tokio::select! {
                    worked = worker.work(&message) => drop(worked.unwrap()),
                    () = process.faults.crashed() => died = true,
                }
                // As it lies there, half moved.
                assert_eq!(all_values(&owner, &path).await, expected, "{to} {crash:?}");
                app.database.clock.advance(MINUTE * 10);
                jobs.drain().await;
                let owner = app.client(A, "owner");
                assert_eq!(all_values(&owner, &path).await, expected, "{to} {crash:?}");
                assert_eq!(owner.get(&path).await.expect(200)["backend"], to);
                assert_eq!(values(&app).await, if to_store { 0 } else { 2 });
            }
            if !died {
                assert!(at > 10, "{at} calls");
                break;
            }
        }
    }
}

#[tokio::test]
async fn what_is_written_while_it_moves_moves_too() {
    let app = start().await;
    let path = with_versions(&app, 3).await;
    for (to, next) in [("aws_secrets_manager", "v4"), ("internal", "v5")] {
        migrate(&app, &path, to).await;
        let mut jobs = Jobs::of(&app, 1);
        let instance = app.instance();
        let writer = instance.client(A, "owner");
        let versions = format!("{path}/versions");
        let write = async {
            loop {
                let answer = writer.post(&versions, written(next)).await;
                match answer.status.as_u16() {
                    201 => return,
                    409 | 503 => tokio::time::sleep(Duration::from_millis(50)).await,
                    _ => panic!("{answer:?}"),
                }
            }
        };
        futures::join!(jobs.drain(), write);
        jobs.drain().await;
        let owner = app.client(A, "owner");
        assert_eq!(owner.get(&path).await.expect(200)["backend"], to);
        assert_eq!(all_values(&owner, &path).await[0].1, next);
    }
    let all = all_values(&app.client(A, "owner"), &path).await;
    let keys: Vec<&str> = all.iter().rev().map(|(_, key)| key.as_str()).collect();
    assert_eq!(keys, ["v1", "v2", "v3", "v4", "v5"]);
    assert_eq!(values(&app).await, 5);
}

#[tokio::test]
async fn more_versions_than_fit_move_only_if_the_oldest_may_go() {
    let app = start().await;
    let owner = app.client(A, "owner");
    let path = with_versions(&app, 20).await;
    let migrating = format!("{path}/migrate");
    let to = json!({ "backend": "aws_secrets_manager" });
    owner.post(&migrating, to).await.expect_problem(409, "too_many_versions");
    let to = json!({ "backend": "aws_secrets_manager", "dropOldVersions": true });
    app.client(A, "admin").post(&migrating, to.clone()).await.expect_problem(403, "forbidden");
    owner.post(&migrating, to).await.expect(202);
    Jobs::of(&app, 2).drain().await;
    let owner = app.client(A, "owner");
    let numbers: Vec<u64> = all_values(&owner, &path).await.iter().map(|(n, _)| *n).collect();
    assert_eq!(numbers, (6..=20).rev().collect::<Vec<_>>());
    let secret = owner.get(&path).await.expect(200);
    assert_eq!(secret["maxVersions"], 15);
    let more = json!({ "maxVersions": 16 });
    owner.patch(&path, more).await.expect_problem(400, "invalid_request");
    let mut body = outside("other", "v");
    body["maxVersions"] = json!(16);
    owner.post(PATH, body).await.expect_problem(400, "invalid_request");
}
