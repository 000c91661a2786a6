//! /planning/tasks/{id}/transition

use std::time::Duration;

use serde_json::json;

use crate::{A, app, path_of, project, task};

const STATES: [&str; 7] =
    ["backlog", "to_do", "in_progress", "blocked", "review", "done", "cancelled"];

/// The table of states in the specification, section 4.3.
fn allowed(from: &str) -> &'static [&'static str] {
    match from {
        "backlog" => &["to_do", "cancelled"],
        "to_do" => &["backlog", "in_progress", "cancelled"],
        "in_progress" => &["to_do", "blocked", "review", "done", "cancelled"],
        "blocked" => &["to_do", "in_progress", "cancelled"],
        "review" => &["in_progress", "done", "cancelled"],
        "done" => &["to_do", "in_progress"],
        "cancelled" => &["backlog", "to_do"],
        other => panic!("{other}"),
    }
}

/// How to get to a state from `to_do`.
fn way_to(state: &str) -> &'static [&'static str] {
    match state {
        "backlog" => &["backlog"],
        "in_progress" => &["in_progress"],
        "blocked" => &["in_progress", "blocked"],
        "review" => &["in_progress", "review"],
        "done" => &["in_progress", "done"],
        "cancelled" => &["cancelled"],
        _ => &[],
    }
}

#[tokio::test]
async fn every_way_is_as_the_table_says() {
    let app = app().await;
    let member = app.client(A, "member");
    let id = project(&member, "WEB").await;
    for from in STATES {
        for to in STATES {
            let path = path_of(&task(&member, &id, "T").await);
            let go = async |to: &str| {
                let body = json!({ "to": to, "reason": "because" });
                member.post(&format!("{path}/transition"), body).await
            };
            for step in way_to(from) {
                go(step).await.expect(200);
            }
            let answer = go(to).await;
            if allowed(from).contains(&to) {
                assert_eq!(answer.expect(200)["state"], to, "{from} -> {to}");
            } else {
                let problem = answer.expect_problem(409, "invalid_state");
                assert_eq!(problem["from"], from);
                assert_eq!(problem["to"], to);
                assert_eq!(problem["allowed"], json!(allowed(from)));
            }
        }
    }
}

#[tokio::test]
async fn blocking_wants_a_reason_that_leaving_clears() {
    let app = app().await;
    let member = app.client(A, "member");
    let id = project(&member, "WEB").await;
    let path = format!("{}/transition", path_of(&task(&member, &id, "T").await));
    member.post(&path, json!({ "to": "in_progress" })).await.expect(200);
    let missing = member.post(&path, json!({ "to": "blocked" })).await;
    let problem = missing.expect_problem(400, "invalid_request");
    assert_eq!(problem["errors"][0]["pointer"], "/reason");
    assert_eq!(problem["errors"][0]["code"], "required");
    let blocked =
        member.post(&path, json!({ "to": "blocked", "reason": "no key" })).await.expect(200);
    assert_eq!(blocked["blockedReason"], "no key");
    assert_eq!(blocked["stateCategory"], "in_progress");
    let freed = member.post(&path, json!({ "to": "in_progress" })).await.expect(200);
    assert!(freed["blockedReason"].is_null());
}

#[tokio::test]
async fn done_wants_criteria_met_or_force() {
    let app = app().await;
    let member = app.client(A, "member");
    let id = project(&member, "WEB").await;
    let criteria = json!([{ "text": "a", "met": true }, { "text": "b" }]);
    let body = json!({ "projectId": id, "title": "T", "acceptanceCriteria": criteria });
    let path = path_of(&member.post("/api/v1/planning/tasks", body).await.expect(201));
    let transition = format!("{path}/transition");
    member.post(&transition, json!({ "to": "in_progress" })).await.expect(200);
    let unmet = member.post(&transition, json!({ "to": "done" })).await;
    assert_eq!(unmet.expect_problem(409, "criteria_unmet")["unmet"], 1);
    let done = member.post(&transition, json!({ "to": "done", "force": true })).await.expect(200);
    assert_eq!(done["state"], "done");
    let newest = &member.all(&format!("{path}/history"), 10).await[0];
    assert_eq!(newest["note"], "forced");
    let forced = app.events().await.pop().unwrap();
    assert_eq!(forced.kind, "planning.task.transitioned");
    assert_eq!(forced.data["forced"], true);
}

#[tokio::test]
async fn a_required_review_cannot_be_forced() {
    let app = app().await;
    let member = app.client(A, "member");
    let body = json!({ "key": "WEB", "name": "W", "settings": { "requireReview": true } });
    let created = member.post("/api/v1/planning/projects", body).await.expect(201);
    let id = created["id"].as_str().unwrap();
    let path = format!("{}/transition", path_of(&task(&member, id, "T").await));
    member.post(&path, json!({ "to": "in_progress" })).await.expect(200);
    let refused = member.post(&path, json!({ "to": "done", "force": true })).await;
    refused.expect_problem(409, "review_required");
    member.post(&path, json!({ "to": "review" })).await.expect(200);
    member.post(&path, json!({ "to": "done" })).await.expect(200);
}

#[tokio::test]
async fn work_begins_once_and_ends_last() {
    let app = app().await;
    let member = app.client(A, "member");
    let id = project(&member, "WEB").await;
    let path = format!("{}/transition", path_of(&task(&member, &id, "T").await));
    let go = async |to: &str| {
        app.database.clock.advance(Duration::from_secs(1));
        member.post(&path, json!({ "to": to })).await.expect(200)
    };
    let started = go("in_progress").await["startedAt"].clone();
    assert!(started.is_string());
    let first_end = go("done").await["completedAt"].clone();
    let reopened = go("in_progress").await;
    assert_eq!(reopened["startedAt"], started);
    assert!(reopened["completedAt"].is_null());
    let second_end = go("done").await["completedAt"].clone();
    assert!(second_end.as_str() > first_end.as_str());
}
