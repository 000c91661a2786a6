//! planning under guard.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::http::Method;
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
    }
}

fn calls(owner: Client) -> BoxFuture<'static, BTreeMap<&'static str, Call>> {
    Box::pin(async move {
        let made = async |path: &str, body: Value| -> String {
            let created = owner.post(&format!("/api/v1/planning{path}"), body).await.expect(201);
            created["id"].as_str().unwrap().to_owned()
        };
        let project = made("/projects", json!({ "key": "WEB", "name": "W" })).await;
        let old = made("/projects", json!({ "key": "OLD", "name": "O" })).await;
        let archive = format!("/api/v1/planning/projects/{old}/archive");
        owner.post(&archive, json!({})).await.expect(200);
        let task = made("/tasks", json!({ "projectId": project, "title": "T" })).await;
        let gone = made("/tasks", json!({ "projectId": project, "title": "G" })).await;
        owner.delete(&format!("/api/v1/planning/tasks/{gone}")).await.expect(204);
        let comments = format!("/tasks/{task}/comments");
        let comment = made(&comments, json!({ "body": "B" })).await;
        let call = |method: Method, path: String, body: Option<Value>| {
            let refers = path.contains('_') || path.contains("WEB");
            Call { method, path: format!("/api/v1/planning{path}"), body, refers }
        };
        let get = |path: String| call(Method::GET, path, None);
        let post = |path: String, body: Value| call(Method::POST, path, Some(body));
        let patch = |path: String, body: Value| call(Method::PATCH, path, Some(body));
        let delete = |path: String| call(Method::DELETE, path, None);
        let new_task = json!({ "projectId": project, "title": "N" });
        let to_task = |path: Call| Call { refers: true, ..path };
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
            ("task_create", to_task(post("/tasks".into(), new_task))),
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
            ("key_resolve", get("/keys/WEB-1".into())),
        ])
    })
}
