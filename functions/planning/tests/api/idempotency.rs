//! `Idempotency-Key`

use std::time::Duration;

use futures::future::join_all;
use millwright_core::Clock;
use millwright_testkit::TestApp;
use serde_json::json;

use crate::{A, B, app, path_of, project, router, task};

const PROJECTS: &str = "/api/v1/planning/projects";
const TASKS: &str = "/api/v1/planning/tasks";

#[tokio::test]
async fn a_repeat_gets_the_first_answer_again() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    let body = json!({ "projectId": id, "title": "T" });
    let headers = [("idempotency-key", "one")];
    let first = owner.post_with(TASKS, &headers, body.clone()).await;
    let before = app.database.snapshot(&[]).await;
    let again = app.instance().client(A, "owner").post_with(TASKS, &headers, body).await;
    assert_eq!(again.expect(201), first.expect(201));
    assert_eq!(again.header("location"), first.header("location"));
    assert_eq!(again.etag(), first.etag());
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(app.database.snapshot(&[]).await, before);
}

#[tokio::test]
async fn the_first_answer_stays_though_the_thing_moves_on() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    let path = path_of(&task(&owner, &id, "T").await);
    let go = async |key: &str, to: &str| {
        let headers = [("idempotency-key", key)];
        owner.post_with(&format!("{path}/transition"), &headers, json!({ "to": to })).await
    };
    assert_eq!(go("a", "in_progress").await.expect(200)["state"], "in_progress");
    go("b", "done").await.expect(200);
    assert_eq!(go("a", "in_progress").await.expect(200)["state"], "in_progress");
    assert_eq!(owner.get(&path).await.expect(200)["state"], "done");
}

#[tokio::test]
async fn another_request_under_the_same_key_is_a_mistake() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    let (one, two) = (task(&owner, &id, "1").await, task(&owner, &id, "2").await);
    let headers = [("idempotency-key", "key")];
    let body = json!({ "projectId": id, "title": "T" });
    owner.post_with(TASKS, &headers, body).await.expect(201);
    let other = json!({ "projectId": id, "title": "U" });
    let mismatch = owner.post_with(TASKS, &headers, other).await;
    mismatch.expect_problem(422, "idempotency_mismatch");
    // The path is part of the request, the operation of the key's scope.
    let comment = json!({ "body": "x" });
    owner
        .post_with(&format!("{}/comments", path_of(&one)), &headers, comment.clone())
        .await
        .expect(201);
    let elsewhere =
        owner.post_with(&format!("{}/comments", path_of(&two)), &headers, comment).await;
    elsewhere.expect_problem(422, "idempotency_mismatch");
}

#[tokio::test]
async fn keys_belong_to_organization_and_caller() {
    let app = app().await;
    let headers = [("idempotency-key", "key")];
    for (organization, role, key) in [(A, "owner", "AA"), (A, "member", "BB"), (B, "owner", "AA")] {
        let body = json!({ "key": key, "name": key });
        let created = app.client(organization, role).post_with(PROJECTS, &headers, body).await;
        assert!(created.header("idempotency-replayed").is_none());
        created.expect(201);
    }
}

#[tokio::test]
async fn a_refused_request_leaves_its_key_free() {
    let app = app().await;
    let owner = app.client(A, "owner");
    project(&owner, "WEB").await;
    let headers = [("idempotency-key", "key")];
    let taken = json!({ "key": "WEB", "name": "x" });
    owner.post_with(PROJECTS, &headers, taken).await.expect_problem(409, "key_taken");
    let invalid = json!({ "key": "W" });
    owner.post_with(PROJECTS, &headers, invalid).await.expect_problem(400, "invalid_request");
    let free = json!({ "key": "APP", "name": "x" });
    owner.post_with(PROJECTS, &headers, free).await.expect(201);
}

#[tokio::test]
async fn a_key_is_forgotten_after_a_day() {
    let app = app().await;
    let headers = [("idempotency-key", "key")];
    let first = json!({ "key": "ONE", "name": "1" });
    app.client(A, "owner").post_with(PROJECTS, &headers, first.clone()).await.expect(201);
    app.database.clock.advance(Duration::from_secs(24 * 3600));
    app.client(A, "owner").post_with(PROJECTS, &headers, first.clone()).await.expect(201);
    app.database.clock.advance(Duration::from_secs(1));
    let again = app.client(A, "owner").post_with(PROJECTS, &headers, first).await;
    again.expect_problem(409, "key_taken");
}

#[tokio::test]
async fn permission_comes_before_a_replay() {
    let app = app().await;
    let member = app.client(A, "member");
    let headers = [("idempotency-key", "key")];
    let body = json!({ "key": "WEB", "name": "W" });
    member.post_with(PROJECTS, &headers, body.clone()).await.expect(201);
    let viewer = app.client(A, "viewer");
    viewer.post_with(PROJECTS, &headers, body).await.expect_problem(403, "forbidden");
}

#[tokio::test]
async fn an_answer_too_large_to_keep_is_read_again() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    let body = json!({ "projectId": id, "title": "T", "description": "ü".repeat(64_000) });
    let headers = [("idempotency-key", "key")];
    let first = owner.post_with(TASKS, &headers, body.clone()).await;
    let again = owner.post_with(TASKS, &headers, body).await;
    assert_eq!(again.expect(201), first.expect(201));
    assert_eq!(again.header("location"), first.header("location"));
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
}

#[tokio::test]
async fn of_64_equal_requests_one_happens() {
    let app = TestApp::start_at("planning", router, Clock::system()).await;
    let id = project(&app.client(A, "owner"), "WEB").await;
    let body = json!({ "projectId": id, "title": "T" });
    let requests = (0..64u64).map(|seed| {
        let instance = app.instance();
        instance.faults().conflict(seed, 0.1);
        let body = body.clone();
        async move {
            loop {
                let headers = [("idempotency-key", "the-same")];
                let client = instance.client(A, "owner");
                let answer = client.post_with(TASKS, &headers, body.clone()).await;
                if answer.status == 201 {
                    return answer.json()["id"].clone();
                }
                answer.expect_problem(409, "idempotency_in_flight");
                assert!(answer.header("retry-after").is_some());
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    });
    let ids = join_all(requests).await;
    assert!(ids.iter().all(|id| *id == ids[0]));
    assert_eq!(app.client(A, "owner").all(&format!("{TASKS}?projectId={id}"), 10).await.len(), 1);
}

#[tokio::test]
async fn a_lost_answer_of_any_call_does_it_once() {
    for call in 1..=3 {
        let app = app().await;
        let owner = app.client(A, "owner");
        let id = project(&owner, "WEB").await;
        let unlucky = app.instance();
        unlucky.faults().lose_answer(call);
        let body = json!({ "projectId": id, "title": "T" });
        let headers = [("idempotency-key", "key")];
        let created = unlucky.client(A, "owner").post_with(TASKS, &headers, body.clone()).await;
        // Without a token of the transaction the double refuses its own second attempt; DynamoDB
        // answers it. Either way the repeat tells what happened.
        let again = app.client(A, "owner").post_with(TASKS, &headers, body).await;
        assert!(matches!(again.status.as_u16(), 201 | 409), "{call}: {created:?} {again:?}");
        let tasks = owner.all(&format!("{TASKS}?projectId={id}"), 10).await;
        assert_eq!(tasks.len(), 1, "{call}: {created:?} {again:?}");
    }
}
