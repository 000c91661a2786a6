//! planning under guard.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures::future::BoxFuture;
use millwright_testkit::{Client, Contract};
use planning::Planning;
use serde_json::{Value, json};

use crate::fixture::{Call, Guarded};

pub fn guarded() -> Guarded {
    let service = planning::service();
    let contract = Arc::new(Contract::new((service.openapi)()));
    Guarded {
        service,
        router: |platform, store| {
            planning::api().router(Planning::new(platform, store, Duration::ZERO))
        },
        contract,
        calls,
        further: &[("task_update", |owner| json!({ "assigneeId": owner.user.to_string() }))],
    }
}

fn calls(owner: Client) -> BoxFuture<'static, BTreeMap<&'static str, Call>> {
    Box::pin(async move {
        let made = async |path: &str, body: Value| -> String {
            let created = owner.post(&format!("/api/v1/planning{path}"), body).await.expect(201);
            created["id"].as_str().unwrap().to_owned()
        };
        let project = made("/projects", json!({ "key": "APP", "name": "A" })).await;
        let old = made("/projects", json!({ "key": "OLD", "name": "O" })).await;
        let archive = format!("/api/v1/planning/projects/{old}/archive");
        owner.post(&archive, json!({})).await.expect(200);
        let task = made("/tasks", json!({ "projectId": project, "title": "T" })).await;
        let gone = made("/tasks", json!({ "projectId": project, "title": "G" })).await;
        owner.delete(&format!("/api/v1/planning/tasks/{gone}")).await.expect(204);
        let comments = format!("/tasks/{task}/comments");
        let comment = made(&comments, json!({ "body": "B" })).await;
        let ours = |call: Call| {
            let refers = call.path.contains('_') || call.path.contains("APP-");
            Call { path: format!("/api/v1/planning{}", call.path), refers, ..call }
        };
        let get = |path: String| ours(Call::get(&path));
        let post = |path: String, body: Value| ours(Call::post(&path, body));
        let patch = |path: String, body: Value| ours(Call::patch(&path, body));
        let delete = |path: String| ours(Call::delete(&path));
        let new_task = json!({ "projectId": project, "title": "N" });
        BTreeMap::from([
            ("health_get", get("/health".into())),
            ("readiness_get", get("/ready".into())),
            ("project_create", post("/projects".into(), json!({ "key": "NEW", "name": "N" }))),
            ("project_list", get("/projects".into())),
            ("project_get", get(format!("/projects/{project}"))),
            ("project_update", patch(format!("/projects/{project}"), json!({ "name": "X" }))),
            ("project_archive", post(format!("/projects/{project}/archive"), json!({}))),
            ("project_unarchive", post(format!("/projects/{old}/unarchive"), json!({}))),
            ("project_summary", get(format!("/projects/{project}/summary"))),
            ("project_history_list", get(format!("/projects/{project}/history"))),
            ("task_create", post("/tasks".into(), new_task).refers()),
            ("task_list", get(format!("/tasks?projectId={project}"))),
            ("task_get", get(format!("/tasks/{task}"))),
            ("task_update", patch(format!("/tasks/{task}"), json!({ "title": "X" }))),
            ("task_delete", delete(format!("/tasks/{task}"))),
            ("task_restore", post(format!("/tasks/{gone}/restore"), json!({}))),
            (
                "task_transition",
                post(format!("/tasks/{task}/transition"), json!({ "to": "in_progress" })),
            ),
            ("task_history_list", get(format!("/tasks/{task}/history"))),
            ("task_comment_list", get(comments.clone())),
            ("task_comment_create", post(comments.clone(), json!({ "body": "N" }))),
            ("task_comment_update", patch(format!("{comments}/{comment}"), json!({ "body": "X" }))),
            ("task_comment_delete", delete(format!("{comments}/{comment}"))),
            ("key_resolve", get("/keys/APP-1".into())),
        ])
    })
}
