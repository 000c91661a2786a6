//! /planning/keys/{key}

use serde_json::json;

use crate::{A, B, app, path_of, project, task};

#[tokio::test]
async fn a_key_leads_to_its_task_for_ever() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    let created = task(&owner, &id, "T").await;
    let expected = json!({ "noun": "task", "id": created["id"], "projectId": id });
    assert_eq!(owner.get("/api/v1/planning/keys/web-1").await.expect(200), expected);
    owner.delete(&path_of(&created)).await.expect(204);
    assert_eq!(owner.get("/api/v1/planning/keys/WEB-1").await.expect(200), expected);
    owner.get("/api/v1/planning/keys/WEB-2").await.expect_problem(404, "not_found");
    owner.get("/api/v1/planning/keys/WEB").await.expect_problem(400, "invalid_request");
    app.client(B, "owner")
        .get("/api/v1/planning/keys/WEB-1")
        .await
        .expect_problem(404, "not_found");
}
