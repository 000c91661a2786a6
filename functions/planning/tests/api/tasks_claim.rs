//! POST /planning/tasks/{id}/claim

use serde_json::json;

use crate::{A, Since, app, go, path_of, project, read, said, task, task_with};

#[tokio::test]
async fn a_claim_assigns_and_starts_in_one_step() {
    let app = app().await;
    let member = app.client(A, "member");
    let id = project(&member, "WEB").await;
    let created = task(&member, &id, "T").await;
    let claim = format!("{}/claim", path_of(&created));
    let since = Since::now(&app).await;
    let answer = member.post(&claim, json!({})).await;
    let claimed = answer.expect(200);
    assert_eq!(answer.etag(), "\"2\"");
    assert_eq!(claimed, read(&member, &created).await);
    assert_eq!(claimed["assigneeId"], member.user.to_string());
    assert_eq!((&claimed["state"], &claimed["version"]), (&json!("in_progress"), &json!(2)));
    assert!(claimed["startedAt"].is_string());
    let types = ["planning.task.transitioned", "planning.task.assigned"];
    assert_eq!(since.types(&app).await, types);
    let assigned = said(&app, "planning.task.assigned").await.pop().unwrap();
    assert_eq!((&assigned["from"], &assigned["to"]), (&json!(null), &claimed["assigneeId"]));
    let history = member.all(&format!("{}/history", path_of(&created)), 10).await;
    assert_eq!((history.len(), &history[0]["operationId"]), (2, &json!("task_claim")));
    let expected = json!([
        { "field": "assigneeId", "from": null, "to": member.user.to_string() },
        { "field": "state", "from": "to_do", "to": "in_progress" },
    ]);
    let mut changes = history[0]["changes"].as_array().unwrap().clone();
    changes.sort_by_key(|change| change["field"].as_str().unwrap().to_owned());
    assert_eq!(json!(changes), expected);
    // Whoever has it, the holder too: it is claimed.
    let before = app.database.snapshot(&[]).await;
    for role in ["member", "owner"] {
        let refused = app.client(A, role).post(&claim, json!({})).await;
        let problem = refused.expect_problem(409, "already_claimed");
        assert_eq!(problem["assigneeId"], claimed["assigneeId"]);
    }
    assert_eq!(app.database.snapshot(&[]).await, before);
}

#[tokio::test]
async fn a_claim_goes_the_ways_of_a_transition() {
    let app = app().await;
    let member = app.client(A, "member");
    let id = project(&member, "WEB").await;
    let claim = async |states: &[&str]| {
        let created = task(&member, &id, "T").await;
        go(&member, &created, states).await;
        member.post(&format!("{}/claim", path_of(&created)), json!({})).await
    };
    claim(&["backlog"]).await.expect_problem(409, "invalid_state");
    claim(&["cancelled"]).await.expect_problem(409, "invalid_state");
    let running = claim(&["in_progress"]).await.expect_problem(409, "invalid_state");
    assert_eq!(running["to"], "in_progress");
    claim(&["in_progress", "review"]).await.expect(200);
    let agent = json!({ "assigneeId": "agt_01h455vb4pex5vsknk084sn02q" });
    let taken = task_with(&member, &id, agent).await;
    let refused = member.post(&format!("{}/claim", path_of(&taken)), json!({})).await;
    refused.expect_problem(409, "already_claimed");
}

#[tokio::test]
async fn a_claim_in_an_archived_project_or_without_right_is_none() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    let created = task(&owner, &id, "T").await;
    let claim = format!("{}/claim", path_of(&created));
    app.client(A, "viewer").post(&claim, json!({})).await.expect_problem(403, "forbidden");
    let more = json!({ "assigneeId": owner.user.to_string() });
    owner.post(&claim, more).await.expect_problem(400, "invalid_request");
    owner.post(&format!("/api/v1/planning/projects/{id}/archive"), json!({})).await.expect(200);
    owner.post(&claim, json!({})).await.expect_problem(409, "project_archived");
    assert_eq!(read(&owner, &created).await, created);
}
