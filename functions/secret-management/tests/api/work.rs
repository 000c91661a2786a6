//! What falls due without a request.

use std::{sync::Arc, time::Duration};

use futures::future::join_all;
use millwright_event::batch::Message;
use millwright_store::RawItem;
use millwright_testkit::{Client, Contract, CrashPoint, Database, JobQueue, TestApp, TestSecrets};
use secret_management::{
    Vault,
    backend::SecretsManager,
    crypto::KeyRing,
    work::{Desk, JOBS, Report, sweep},
};
use serde_json::{Value, json};

use crate::{A, PATH, api_key, create, reveal, start, surroundings};

pub const DAY: Duration = Duration::from_secs(24 * 3_600);
pub const HOUR: Duration = Duration::from_secs(3_600);

/// What carries orders out, as a new process.
pub fn desk(database: &Database) -> Desk {
    let store = database.store();
    let keys = Arc::new(KeyRing::new(surroundings().keys.clone(), store.clone()));
    // Its calls die as those to the table do.
    let client = TestSecrets::of_process().client_with(&database.faults);
    Desk::new(Vault { store, keys, outside: Arc::new(SecretsManager::new(client, "test")) })
}

/// The queue of the jobs of one app.
pub struct Jobs {
    app: TestApp,
    queue: JobQueue,
}

impl Jobs {
    pub fn of(app: &TestApp, copies: usize) -> Jobs {
        Jobs { app: app.clone(), queue: JobQueue::of(&app.database, JOBS, copies) }
    }

    pub async fn drain(&mut self) {
        self.drain_crashing(|_| None).await;
    }

    pub async fn drain_crashing(&mut self, crash: impl Fn(usize) -> Option<CrashPoint>) {
        let work = async |process: Database, message: Message| desk(&process).work(&message).await;
        self.queue.drain(work, crash).await;
        assert!(self.queue.dead.is_empty(), "{:?}", self.queue.dead);
    }

    /// Sweeps, and carries out what that has ordered.
    pub async fn sweep(&mut self) -> Report {
        let report = sweep(&self.app.database.other_process().store()).await.expect("swept");
        self.drain().await;
        report
    }
}

/// What was said of that type.
pub async fn said(app: &TestApp, kind: &str) -> Vec<Value> {
    let events = app.events().await;
    for event in &events {
        Contract::check_event(secret_management::events::EVENTS, event);
    }
    let events = events.into_iter();
    events.filter(|event| event.kind == kind).map(|event| event.data).collect()
}

fn in_time(app: &TestApp, after: Duration) -> String {
    app.database.clock.now().plus(after).to_string()
}

async fn rotated(owner: &Client, name: &str, rotation: Value) -> String {
    let mut body = api_key(name, "v1");
    body["rotation"] = rotation;
    create(owner, body).await
}

#[tokio::test]
async fn reminders_and_the_expiry_are_told_once_each_however_often_it_sweeps() {
    let app = start().await;
    let mut body = api_key("k", "v");
    body["expiresAt"] = json!(in_time(&app, 8 * DAY));
    body["expiryReminderDays"] = json!([30, 7, 5, 1]);
    let path = create(&app.client(A, "owner"), body).await;
    let mut jobs = Jobs::of(&app, 2);
    for _ in 0..9 {
        app.database.clock.advance(23 * HOUR);
        for _ in 0..3 {
            jobs.sweep().await;
            app.database.clock.advance(HOUR / 3);
        }
    }
    let told = said(&app, "secrets.secret.expiring").await;
    let days: Vec<u64> = told.iter().map(|event| event["daysLeft"].as_u64().unwrap()).collect();
    // What was past when the expiry was set is not told.
    assert_eq!(days, [7, 5, 1]);
    assert_eq!(said(&app, "secrets.secret.expired").await.len(), 1);
    // Another expiry starts over.
    let patch = json!({ "expiresAt": in_time(&app, 6 * DAY) });
    app.client(A, "owner").patch(&path, patch).await.expect(200);
    app.database.clock.advance(2 * DAY);
    jobs.sweep().await;
    let told = said(&app, "secrets.secret.expiring").await;
    assert_eq!((told.len(), &told[3]["daysLeft"]), (4, &json!(5)));
}

#[tokio::test]
async fn what_is_due_happens_once_although_32_work_on_it() {
    let app = start().await;
    let scheduled = json!({ "mode": "scheduled", "intervalDays": 1, "generate": {} });
    let path = rotated(&app.client(A, "owner"), "k", scheduled).await;
    app.database.clock.advance(DAY + HOUR);
    sweep(&app.database.store()).await.unwrap();
    let mut orders = app.messages_to(JOBS).await;
    orders.retain(|order| order.data["order"]["what"] == "secret");
    assert_eq!(orders.len(), 1);
    let work = (0..32).map(|seed| {
        let (process, order) = (app.database.other_process(), orders[0].clone());
        process.faults.conflict(seed, 0.1);
        async move { desk(&process).work(&Message::of("m", order)).await }
    });
    for worked in join_all(work).await {
        worked.unwrap();
    }
    let owner = app.client(A, "owner");
    assert_eq!(owner.get(&path).await.expect(200)["currentVersion"], 2);
    let rotations = owner.all(&format!("{path}/rotations"), 10).await;
    assert_eq!(rotations.len(), 1);
    assert_eq!(
        (&rotations[0]["trigger"], &rotations[0]["state"]),
        (&json!("scheduled"), &json!("succeeded"),)
    );
    assert_eq!(reveal(&owner, &path, json!({})).await["value"]["key"].as_str().unwrap().len(), 32);
}

#[tokio::test]
async fn a_rotation_that_dies_anywhere_happens_once() {
    for call in 1..=6 {
        for point in [CrashPoint::Before(call), CrashPoint::After(call)] {
            let app = start().await;
            let scheduled = json!({ "mode": "scheduled", "intervalDays": 1, "generate": {} });
            let path = rotated(&app.client(A, "owner"), "k", scheduled).await;
            app.database.clock.advance(DAY + HOUR);
            sweep(&app.database.store()).await.unwrap();
            let mut jobs = Jobs::of(&app, 1);
            jobs.drain_crashing(|number| (number == 0).then_some(point)).await;
            let owner = app.client(A, "owner");
            assert_eq!(owner.get(&path).await.expect(200)["currentVersion"], 2, "{point:?}");
            assert_eq!(said(&app, "secrets.rotation.succeeded").await.len(), 1, "{point:?}");
        }
    }
}

#[tokio::test]
async fn a_rotation_not_confirmed_in_time_fails_and_is_tried_thrice_more() {
    let app = start().await;
    let rotation = json!({
        "mode": "scheduled", "intervalDays": 1, "strategy": "confirm", "generate": {},
        "confirmWithinSeconds": 300,
    });
    let path = rotated(&app.client(A, "owner"), "k", rotation).await;
    let mut jobs = Jobs::of(&app, 1);
    app.database.clock.advance(DAY);
    for _ in 0..24 * 5 {
        jobs.sweep().await;
        app.database.clock.advance(HOUR);
    }
    let owner = app.client(A, "owner");
    let rotations = owner.all(&format!("{path}/rotations"), 10).await;
    assert_eq!(rotations.len(), 4);
    assert!(rotations.iter().all(|rotation| rotation["state"] == "failed"));
    assert_eq!(rotations[0]["failureReason"], "not confirmed in time");
    assert_eq!(said(&app, "secrets.rotation.failed").await.len(), 4);
    assert_eq!(reveal(&owner, &path, json!({})).await["value"]["key"], "v1");
    let pending = json!({ "stage": "pending" });
    owner.post(&format!("{path}/reveal"), pending).await.expect_problem(404, "not_found");
    // A person's own rotation begins anew.
    let begun = owner.post(&format!("{path}/rotate"), json!({})).await.expect(201);
    let confirm = format!("{path}/rotations/{}/confirm", begun["id"].as_str().unwrap());
    owner.post(&confirm, json!({})).await.expect(200);
    app.database.clock.advance(DAY + HOUR);
    jobs.sweep().await;
    assert_eq!(said(&app, "secrets.rotation.started").await.len(), 6);
}

#[tokio::test]
async fn a_manual_rotation_is_due_every_week_until_the_value_changes() {
    let app = start().await;
    let rotation = json!({ "mode": "manual", "intervalDays": 1 });
    let path = rotated(&app.client(A, "owner"), "k", rotation).await;
    let mut jobs = Jobs::of(&app, 1);
    for _ in 0..9 {
        app.database.clock.advance(DAY);
        jobs.sweep().await;
    }
    assert_eq!(said(&app, "secrets.rotation.due").await.len(), 2);
    let value = json!({ "value": { "key": "v2" } });
    app.client(A, "owner").post(&format!("{path}/versions"), value).await.expect(201);
    app.database.clock.advance(DAY / 2);
    jobs.sweep().await;
    assert_eq!(said(&app, "secrets.rotation.due").await.len(), 2);
}

#[tokio::test]
async fn what_cannot_be_made_fails_and_is_told() {
    let app = start().await;
    let owner = app.client(A, "owner");
    let policy = json!({ "name": "mine", "length": 40 });
    let policy = owner.post(&format!("{PATH}/generation-policies"), policy).await.expect(201);
    let id = policy["id"].as_str().unwrap();
    let rotation =
        json!({ "mode": "scheduled", "intervalDays": 1, "generate": { "policyId": id } });
    let path = rotated(&owner, "k", rotation).await;
    owner.delete(&format!("{PATH}/generation-policies/{id}")).await.expect(204);
    app.database.clock.advance(DAY + HOUR);
    Jobs::of(&app, 1).sweep().await;
    let failed = said(&app, "secrets.rotation.failed").await;
    assert_eq!((failed.len(), &failed[0]["reason"]), (1, &json!("not_found")));
    assert_eq!(app.client(A, "owner").get(&path).await.expect(200)["currentVersion"], 1);
}

#[tokio::test]
async fn a_grant_that_ends_is_over_at_once_and_cleared_away_later() {
    let app = start().await;
    let owner = app.client(A, "owner");
    let path = create(&owner, api_key("k", "v")).await;
    let grant = json!({
        "granteeType": "role", "granteeId": "viewer", "rights": ["read"],
        "expiresAt": in_time(&app, 2 * HOUR),
    });
    owner.post(&format!("{path}/grants"), grant).await.expect(201);
    app.client(A, "viewer").post(&format!("{path}/reveal"), json!({})).await.expect(200);
    app.database.clock.advance(2 * HOUR);
    app.client(A, "viewer")
        .post(&format!("{path}/reveal"), json!({}))
        .await
        .expect_problem(403, "forbidden");
    Jobs::of(&app, 2).sweep().await;
    assert_eq!(said(&app, "secrets.grant.expired").await.len(), 1);
    let grants = app.client(A, "owner").get(&format!("{path}/grants")).await.expect(200);
    assert_eq!(grants["items"], json!([]));
}

#[tokio::test]
async fn thirty_days_later_a_deleted_secret_is_purged() {
    for crash in
        [None, Some(CrashPoint::Before(3)), Some(CrashPoint::After(3)), Some(CrashPoint::After(5))]
    {
        let app = start().await;
        let owner = app.client(A, "owner");
        let path = create(&owner, api_key("k", "v1")).await;
        for _ in 0..3 {
            owner.post(&format!("{path}/rotate"), json!({})).await.expect(201);
        }
        let binding = json!({ "service": "planning", "resourceType": "t", "resourceId": "1" });
        owner.post(&format!("{path}/bindings"), binding).await.expect(201);
        owner.delete(&format!("{path}?force=true")).await.expect(204);
        let mut jobs = Jobs::of(&app, 2);
        app.database.clock.advance(29 * DAY);
        app.client(A, "owner").post(&format!("{path}/restore"), json!({})).await.expect(200);
        app.client(A, "owner").delete(&format!("{path}?force=true")).await.expect(204);
        app.database.clock.advance(31 * DAY);
        let late = app.client(A, "owner").post(&format!("{path}/restore"), json!({})).await;
        late.expect_problem(409, "restore_window_over");
        sweep(&app.database.store()).await.unwrap();
        jobs.drain_crashing(|number| crash.filter(|_| number == 0)).await;
        let owner = app.client(A, "owner");
        owner.get(&path).await.expect_problem(404, "not_found");
        let id = path.rsplit('/').next().unwrap();
        let left: Vec<String> = app
            .database
            .items()
            .await
            .iter()
            .filter(|item| item.partition_key().contains(&format!("SEC#{id}")))
            .map(|item| item.sort_key().to_owned())
            .collect();
        assert!(left.is_empty(), "{left:?}");
        assert_eq!(said(&app, "secrets.secret.purged").await.len(), 1);
        create(&owner, api_key("k", "again")).await;
        // Its records stay.
        let items = app.database.items().await;
        let of_it = |item: &&RawItem| item.kind() == "access" && format!("{item:?}").contains(id);
        assert!(items.iter().filter(of_it).count() > 4);
        let count = app.database.items().await.into_iter().find(|i| i.sort_key() == "SECRETS");
        assert_eq!(count.unwrap().number("count"), Some(1));
    }
}

#[tokio::test]
async fn an_owner_purges_at_once_and_follows_the_job() {
    let app = start().await;
    let owner = app.client(A, "owner");
    let path = create(&owner, api_key("k", "v1")).await;
    let purge = format!("{path}/purge");
    let confirm = json!({ "confirmName": "k" });
    owner.post(&purge, confirm.clone()).await.expect_problem(409, "invalid_state");
    owner.delete(&path).await.expect(204);
    owner.post(&purge, json!({ "confirmName": "x" })).await.expect_problem(400, "invalid_request");
    app.client(A, "admin").post(&purge, confirm.clone()).await.expect_problem(403, "forbidden");
    let accepted = owner.post(&purge, confirm).await;
    accepted.expect(202);
    let job = accepted.header("location").unwrap().to_owned();
    assert_eq!(owner.get(&job).await.expect(200)["state"], "queued");
    owner
        .post(&format!("{path}/restore"), json!({}))
        .await
        .expect_problem(409, "restore_window_over");
    Jobs::of(&app, 2).drain_crashing(|number| (number == 1).then_some(CrashPoint::After(2))).await;
    let done = owner.get(&job).await.expect(200);
    assert_eq!((&done["state"], &done["left"]), (&json!("completed"), &json!(0)));
    owner.get(&path).await.expect_problem(404, "not_found");
    assert_eq!(said(&app, "secrets.secret.purged").await.len(), 1);
}
