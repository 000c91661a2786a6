//! planning under guard.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures::future::BoxFuture;
use millwright_event::batch::Message;
use millwright_testkit::{Contract, TestApp};
use planning::{
    Planning,
    worker::{PLANNING_JOBS, Times, Worker, works},
};
use serde_json::{Value, json};

use crate::{
    MINE,
    fixture::{Call, Guarded},
};

pub fn guarded() -> Guarded {
    let service = planning::service();
    let contract = Arc::new(Contract::new((service.openapi)()));
    Guarded {
        service,
        router: |platform, store, files| {
            planning::router(platform, Planning::new(store, files, Duration::ZERO))
        },
        contract,
        calls,
        further: &[("task_update", |owner| json!({ "assigneeId": owner.user.to_string() }))],
        owner: crate::fixture::owner,
        skipping_unknown: &[],
        said_elsewhere: &[],
    }
}

/// Lets the jobs be done that were asked for so far.
async fn work_off(app: &TestApp) {
    let (store, files) = (app.database.store(), app.files.client());
    let planning = Planning::new(store.clone(), files, Duration::ZERO);
    let worker = Worker::new(store, works(planning), Times::default());
    for envelope in app.messages_to(PLANNING_JOBS).await {
        worker.work(&Message::of("m", envelope)).await.unwrap();
    }
}

fn calls(app: TestApp) -> BoxFuture<'static, BTreeMap<&'static str, Call>> {
    Box::pin(async move {
        let owner = app.client(MINE, "owner");
        let made = async |path: &str, body: Value| -> String {
            let created = owner.post(&format!("/api/v1/planning{path}"), body).await.expect(201);
            created["id"].as_str().unwrap().to_owned()
        };
        let project = made("/projects", json!({ "key": "APP", "name": "A" })).await;
        let old = made("/projects", json!({ "key": "OLD", "name": "O" })).await;
        let idle = made("/projects", json!({ "key": "IDLE", "name": "I" })).await;
        let archive = format!("/api/v1/planning/projects/{old}/archive");
        owner.post(&archive, json!({})).await.expect(200);
        let task = made("/tasks", json!({ "projectId": project, "title": "T" })).await;
        let gone = made("/tasks", json!({ "projectId": project, "title": "G" })).await;
        owner.delete(&format!("/api/v1/planning/tasks/{gone}")).await.expect(204);
        let other = made("/tasks", json!({ "projectId": project, "title": "R" })).await;
        let relation = format!("/tasks/{task}/relations/blocks/{other}");
        let related = format!("/tasks/{task}/relations/relates-to/{other}");
        owner.put(&format!("/api/v1/planning{related}")).await.expect(200);
        let blocker = made("/tasks", json!({ "projectId": project, "title": "B" })).await;
        let waiting = format!("/api/v1/planning/tasks/{blocker}/relations/blocks/{gone}");
        let restore = format!("/api/v1/planning/tasks/{gone}");
        owner.post(&format!("{restore}/restore"), json!({})).await.expect(200);
        owner.put(&waiting).await.expect(200);
        let cancel = format!("/api/v1/planning/tasks/{blocker}/transition");
        owner.post(&cancel, json!({ "to": "cancelled" })).await.expect(200);
        owner.delete(&restore).await.expect(204);
        let lost = made("/projects", json!({ "key": "LOST", "name": "L" })).await;
        let archive = format!("/api/v1/planning/projects/{lost}/archive");
        owner.post(&archive, json!({})).await.expect(200);
        owner.delete(&format!("/api/v1/planning/projects/{lost}")).await.expect(204);
        let job = async |path: &str, body: Value| -> String {
            let accepted = owner.post(&format!("/api/v1/planning{path}"), body).await.expect(202);
            accepted["id"].as_str().unwrap().to_owned()
        };
        let order = |content: &str| json!({ "projectId": project, "format": "csv", "source": "s", "content": content });
        job("/imports", order("no title\n")).await;
        let exported = json!({ "projectId": project, "format": "csv" });
        let done = job("/exports", exported.clone()).await;
        work_off(&app).await;
        let import = order("title\nT\n");
        let queued = job("/imports", import.clone()).await;
        let upload = json!({
            "fileName": "h.txt", "contentType": "text/plain", "sizeBytes": 11,
            "sha256": "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9",
        });
        let watcher = format!("/tasks/{task}/watchers/{}", owner.user);
        let comments = format!("/tasks/{task}/comments");
        let comment = made(&comments, json!({ "body": "B" })).await;
        let ours = |call: Call| {
            let refers = call.path.contains('_') || call.path.contains("APP-");
            Call { path: format!("/api/v1/planning{}", call.path), refers, ..call }
        };
        let get = |path: String| ours(Call::get(&path));
        let post = |path: String, body: Value| ours(Call::post(&path, body));
        let put = |path: String| ours(Call::put(&path));
        let patch = |path: String, body: Value| ours(Call::patch(&path, body));
        let delete = |path: String| ours(Call::delete(&path));
        let batched = json!({ "op": "create", "projectId": project, "title": "M" });
        let new_task = json!({ "projectId": project, "title": "N" });
        BTreeMap::from([
            ("health_get", get("/health".into())),
            ("readiness_get", get("/ready".into())),
            ("project_create", post("/projects".into(), json!({ "key": "NEW", "name": "N" }))),
            ("project_list", get("/projects".into())),
            ("project_get", get(format!("/projects/{project}"))),
            ("project_update", patch(format!("/projects/{project}"), json!({ "name": "X" }))),
            ("project_archive", post(format!("/projects/{idle}/archive"), json!({}))),
            ("project_unarchive", post(format!("/projects/{old}/unarchive"), json!({}))),
            ("project_delete", delete(format!("/projects/{old}"))),
            ("project_restore", post(format!("/projects/{lost}/restore"), json!({}))),
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
            ("task_claim", post(format!("/tasks/{task}/claim"), json!({}))),
            ("task_move", post(format!("/tasks/{task}/move"), json!({ "before": other }))),
            ("task_batch", post("/tasks/batch".into(), json!({ "operations": [batched] }))),
            ("task_subtask_list", get(format!("/tasks/{task}/subtasks"))),
            ("task_relation_list", get(format!("/tasks/{task}/relations"))),
            ("task_relation_add", put(relation)),
            ("task_relation_remove", delete(related)),
            ("task_readiness", get(format!("/tasks/{task}/readiness"))),
            ("task_watcher_list", get(format!("/tasks/{task}/watchers"))),
            ("task_watch", put(watcher.clone())),
            ("task_unwatch", delete(watcher)),
            ("task_history_list", get(format!("/tasks/{task}/history"))),
            ("task_comment_list", get(comments.clone())),
            ("task_comment_create", post(comments.clone(), json!({ "body": "N" }))),
            ("task_comment_update", patch(format!("{comments}/{comment}"), json!({ "body": "X" }))),
            ("task_comment_delete", delete(format!("{comments}/{comment}"))),
            ("upload_create", post("/uploads".into(), upload)),
            ("import_create", post("/imports".into(), import).refers()),
            ("export_create", post("/exports".into(), exported).refers()),
            ("job_list", get(format!("/jobs?projectId={project}"))),
            ("job_get", get(format!("/jobs/{queued}"))),
            ("job_cancel", post(format!("/jobs/{queued}/cancel"), json!({}))),
            ("job_row_list", get(format!("/jobs/{done}/rows"))),
            ("job_result_get", get(format!("/jobs/{done}/result"))),
            ("key_resolve", get("/keys/APP-1".into())),
        ])
    })
}
