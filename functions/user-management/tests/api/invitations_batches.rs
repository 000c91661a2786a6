//! /invitations/batches

use std::{sync::Arc, time::Duration};

use millwright_testkit::{CrashPoint, JobQueue, TestApp};
use serde_json::{Value, json};
use user_management::work::JOBS;

use crate::{
    Home, app,
    consistency::consistent,
    exports::{Nothing, desk},
    invitations::PATH,
    said, token, user, user_id,
};

pub const BATCHES: &str = "/api/v1/invitations/batches";

/// Works the queue off, each message so often; a worker dies where `crash` says.
pub async fn drain(app: &TestApp, copies: usize, crash: impl Fn(usize) -> Option<CrashPoint>) {
    let mut queue = JobQueue::of(&app.database, JOBS, copies);
    let work = async |process: millwright_testkit::Database, message| {
        desk(app, process.store(), Arc::new(Nothing)).work(&message).await
    };
    queue.drain(work, crash).await;
    assert!(queue.dead.is_empty(), "{:?}", queue.dead);
}

fn owner(app: &TestApp, home: &Home) -> millwright_testkit::Client {
    token(app, home.id, user_id(1), "owner")
}

pub fn path_of(batch: &Value) -> String {
    format!("{BATCHES}/{}", batch["id"].as_str().unwrap())
}

fn codes(rows: &Value) -> Vec<String> {
    let of = |row: &Value| {
        let status = row["status"].as_str().unwrap();
        row["code"].as_str().unwrap_or(status).to_owned()
    };
    rows.as_array().unwrap().iter().map(of).collect()
}

/// An organization with a member, an invitation, an archived role and a team; and rows of which
/// most go wrong.
async fn mixed(app: &TestApp) -> (Home, Value, Vec<&'static str>) {
    let home = Home::found(app).await;
    home.member(app, 2, "viewer").await;
    home.founder.post(PATH, json!({ "email": "invited@example.com" })).await.expect(201);
    let role = json!({ "name": "Old", "permissions": ["users.user.read"] });
    let role = home.founder.post(&home.at("/roles"), role).await.expect(201);
    let archive = home.at(&format!("/roles/{}/archive", role["id"].as_str().unwrap()));
    home.founder.post(&archive, json!({})).await.expect(200);
    home.founder.post("/api/v1/teams", json!({ "name": "Engines" })).await.expect(201);
    let rows = json!([
        { "email": "a@example.com" },
        { "email": "no address" },
        { "email": "A@Example.com" },
        { "email": "b@example.com", "role": "admin", "teamNames": ["engines"], "message": "Hi" },
        { "email": "c@example.com", "role": "nobody" },
        { "email": "d@example.com", "role": "old" },
        { "email": "e@example.com", "teamNames": ["Mills"] },
        { "email": "user2@example.com" },
        { "email": "invited@example.com" },
        { "email": "f@example.com", "role": "Viewer" },
    ]);
    let expected = vec![
        "created",
        "invalid_email",
        "duplicate_row",
        "created",
        "unknown_role",
        "unknown_role",
        "unknown_team",
        "already_member",
        "already_invited",
        "created",
    ];
    (home, rows, expected)
}

async fn assert_mixed(app: &TestApp, home: &Home, batch: &Value, expected: &[&str]) {
    let owner = owner(app, home);
    let done = owner.get(&path_of(batch)).await.expect(200);
    assert_eq!(done["status"], "completed", "{done}");
    let counts: Vec<u64> = ["total", "processed", "created", "skipped", "failed"]
        .iter()
        .map(|name| done[name].as_u64().unwrap())
        .collect();
    assert_eq!(counts, [10, 10, 3, 2, 5]);
    let rows = owner.get(&format!("{}/rows", path_of(batch))).await.expect(200);
    assert_eq!(codes(&rows["items"]), expected);
    let created = said(app, "users.invitation.created").await;
    let of_batch = created.iter().filter(|it| it["batchId"] == batch["id"]).count();
    assert_eq!(of_batch, 3);
    let completed = said(app, "users.invitation_batch.completed").await;
    let counts = json!({ "batchId": batch["id"], "created": 3, "skipped": 2, "failed": 5 });
    assert_eq!(completed, [counts]);
    assert_eq!(owner.all(PATH, 100).await.len(), 4);
    consistent(app).await;
    for event in app.events().await {
        millwright_testkit::Contract::check_event(user_management::events::EVENTS, &event);
    }
}

#[tokio::test]
async fn each_row_has_its_own_result() {
    let app = app().await;
    let (home, rows, expected) = mixed(&app).await;
    let rehearsal = home.founder.post(BATCHES, json!({ "rows": rows, "dryRun": true })).await;
    let rehearsal = rehearsal.expect(200);
    assert_eq!((&rehearsal["dryRun"], &rehearsal["id"]), (&json!(true), &json!(null)));
    assert_eq!(codes(&rehearsal["rows"]), expected);
    assert_eq!(home.founder.all(PATH, 100).await.len(), 1, "nothing happened");
    let batch = home.founder.post(BATCHES, json!({ "rows": rows })).await.expect(202);
    assert_eq!((&batch["status"], &batch["total"]), (&json!("queued"), &json!(10)));
    let pending = home.founder.get(&format!("{}/rows", path_of(&batch))).await.expect(200);
    assert!(codes(&pending["items"]).iter().all(|code| code == "pending"));
    let second = home.founder.post(BATCHES, json!({ "rows": rows })).await;
    second.expect_problem(409, "batch_running");
    drain(&app, 1, |_| None).await;
    assert_mixed(&app, &home, &batch, &expected).await;
    let failed = format!("{}/rows?status=failed", path_of(&batch));
    assert_eq!(owner(&app, &home).get(&failed).await.expect(200)["items"][0]["index"], 1);
    let listed = owner(&app, &home).get(BATCHES).await.expect(200);
    assert_eq!(listed["items"][0]["id"], batch["id"]);
    let person = user(&app, 3).await;
    person.get("/api/v1/users/me/invitations").await.expect(200);
}

#[tokio::test]
async fn a_batch_that_dies_anywhere_invites_nobody_twice() {
    for delivery in [0, 1] {
        for call in [2, 3, 6, 7, 15] {
            for point in [CrashPoint::Before(call), CrashPoint::After(call)] {
                let app = app().await;
                let (home, rows, expected) = mixed(&app).await;
                let batch = home.founder.post(BATCHES, json!({ "rows": rows })).await.expect(202);
                let crash = |number| (number == delivery).then_some(point);
                drain(&app, 2, crash).await;
                assert_mixed(&app, &home, &batch, &expected).await;
            }
        }
    }
}

#[tokio::test]
async fn what_the_sender_may_is_asked_for_every_row() {
    let app = app().await;
    let home = Home::found(&app).await;
    let admin = home.member(&app, 2, "admin").await;
    let body = json!({ "rows": [{ "email": "a@example.com", "role": "owner" },
        { "email": "b@example.com", "role": "admin" }] });
    let batch = admin.post(BATCHES, body).await.expect(202);
    let lower = json!({ "roleId": home.roles["member"] });
    drain(&app, 1, |_| None).await;
    let rows = owner(&app, &home).get(&format!("{}/rows", path_of(&batch))).await.expect(200);
    assert_eq!(codes(&rows["items"]), ["exceeds_own_permissions", "created"]);
    let body = json!({ "rows": [{ "email": "c@example.com" }] });
    let admin = token(&app, home.id, user_id(2), "admin");
    let batch = admin.post(BATCHES, body).await.expect(202);
    owner(&app, &home).patch(&home.member_path(2), lower).await.expect(200);
    drain(&app, 1, |_| None).await;
    let rows = owner(&app, &home).get(&format!("{}/rows", path_of(&batch))).await.expect(200);
    assert_eq!(codes(&rows["items"]), ["exceeds_own_permissions"]);
    home.member(&app, 4, "viewer")
        .await
        .post(BATCHES, json!({ "rows": [] }))
        .await
        .expect_problem(403, "forbidden");
}

#[tokio::test]
async fn limits_hold_for_batches() {
    let app = app().await;
    let home = Home::found(&app).await;
    home.limit_members(&app, 3).await;
    let row = |number: usize| json!({ "email": format!("new{number}@example.com") });
    let rows: Vec<Value> = (0..5).map(row).collect();
    let batch = home.founder.post(BATCHES, json!({ "rows": rows })).await.expect(202);
    drain(&app, 1, |_| None).await;
    let listed = owner(&app, &home).get(&format!("{}/rows", path_of(&batch))).await.expect(200);
    let full = "member_limit_reached";
    assert_eq!(codes(&listed["items"]), ["created", "created", full, full, full]);
    let owner = owner(&app, &home);
    owner.post(BATCHES, json!({ "rows": [] })).await.expect_problem(400, "invalid_request");
    let rows: Vec<Value> = (0..1_001).map(row).collect();
    owner.post(BATCHES, json!({ "rows": rows })).await.expect_problem(400, "invalid_request");
    let message = "x".repeat(500);
    let with =
        |number: usize| json!({ "email": format!("new{number}@example.com"), "message": message });
    let rows: Vec<Value> = (0..1_000).map(with).collect();
    owner.post(BATCHES, json!({ "rows": rows })).await.expect_problem(413, "too_large");
    consistent(&app).await;
}

#[tokio::test]
async fn a_batch_is_cancelled() {
    let app = app().await;
    let home = Home::found(&app).await;
    let body = json!({ "rows": [{ "email": "a@example.com" }] });
    let batch = home.founder.post(BATCHES, body.clone()).await.expect(202);
    let cancel = format!("{}/cancel", path_of(&batch));
    let cancelled = home.founder.post(&cancel, json!({})).await.expect(200);
    assert_eq!(cancelled["status"], "cancelled");
    home.founder.post(&cancel, json!({})).await.expect_problem(409, "invalid_state");
    drain(&app, 1, |_| None).await;
    let rows = owner(&app, &home).get(&format!("{}/rows", path_of(&batch))).await.expect(200);
    assert_eq!(codes(&rows["items"]), ["pending"]);
    assert_eq!(said(&app, "users.invitation.created").await.len(), 0);
    owner(&app, &home).post(BATCHES, body).await.expect(202);
    let other = Home::founded_by(&app, &user(&app, 9).await, "Other").await;
    other.founder.get(&path_of(&batch)).await.expect_problem(404, "not_found");
}

/// 150 rows, with an expired invitation among them.
#[tokio::test]
async fn many_are_invited() {
    let app = app().await;
    let home = Home::found(&app).await;
    home.limit_members(&app, 5_000).await;
    home.founder.post(PATH, json!({ "email": "new7@example.com" })).await.expect(201);
    app.database.clock.advance(Duration::from_secs(8 * 24 * 3600));
    let row = |number: usize| json!({ "email": format!("new{number}@example.com") });
    let rows: Vec<Value> = (0..150).map(row).collect();
    let batch = owner(&app, &home).post(BATCHES, json!({ "rows": rows })).await.expect(202);
    drain(&app, 1, |_| None).await;
    let done = owner(&app, &home).get(&path_of(&batch)).await.expect(200);
    assert_eq!((&done["status"], &done["created"]), (&json!("completed"), &json!(150)));
    assert_eq!(said(&app, "users.invitation.expired").await.len(), 1);
    consistent(&app).await;
}
