//! /planning/imports

use std::{collections::BTreeMap, fmt::Write, time::Duration};

use aws_lc_rs::digest::{SHA256, digest};
use millwright_testkit::{Client, CrashPoint, TestApp};
use planning::{
    Planning,
    worker::{Works, works},
};
use serde_json::{Value, json};

use crate::{
    A, B, app, project,
    queue::{Queue, SHORT, TIMES},
};

const IMPORTS: &str = "/api/v1/planning/imports";
const TASKS: &str = "/api/v1/planning/tasks";

pub fn real(app: &TestApp) -> Works {
    works(Planning::new(app.database.store(), app.files.client(), Duration::ZERO))
}

/// Asks for an import, lets it be done, and gives the job and its rows.
pub async fn import(app: &TestApp, client: &Client, order: Value) -> (Value, Vec<Value>) {
    let path = ask(client, order).await;
    Queue::of(app, &real(app), 1).drain(TIMES, |_| None).await;
    outcome(client, &path).await
}

async fn ask(client: &Client, order: Value) -> String {
    let accepted = client.post(IMPORTS, order).await;
    let job = accepted.expect(202);
    assert_eq!(job["status"], "queued");
    accepted.header("location").unwrap().to_owned()
}

async fn outcome(client: &Client, path: &str) -> (Value, Vec<Value>) {
    let job = client.get(path).await.expect(200);
    (job, client.all(&format!("{path}/rows"), 100).await)
}

/// The id of a file that was uploaded.
pub async fn uploaded(app: &TestApp, client: &Client, name: &str, bytes: &[u8]) -> Value {
    let sha256: String =
        digest(&SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let content_type = if name.ends_with("csv") { "text/csv" } else { "application/json" };
    let upload = json!({
        "fileName": name, "contentType": content_type, "sizeBytes": bytes.len(), "sha256": sha256,
    });
    let upload = client.post("/api/v1/planning/uploads", upload).await.expect(201);
    let headers: BTreeMap<String, String> =
        serde_json::from_value(upload["headers"].clone()).unwrap();
    let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let url = upload["uploadUrl"].as_str().unwrap();
    assert_eq!(app.files.send("PUT", url, headers, bytes).await.0, 200);
    upload["id"].clone()
}

fn statuses(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(|row| row["status"].as_str().unwrap()).collect()
}

fn lines(rows: &[Value]) -> String {
    rows.iter().fold(String::new(), |mut text, row| {
        writeln!(text, "{row}").unwrap();
        text
    })
}

fn order(project: &str, content: &str) -> Value {
    json!({ "projectId": project, "format": "jsonl", "source": "test", "content": content })
}

/// Everything people see of a backlog, with keys for ids.
pub async fn backlog(client: &Client, project: &str) -> Vec<Value> {
    let listed = client.all(&format!("{TASKS}?projectId={project}&sort=number"), 100).await;
    let keys: BTreeMap<String, Value> = listed
        .iter()
        .map(|task| (task["id"].as_str().unwrap().to_owned(), task["key"].clone()))
        .collect();
    let mut backlog = Vec::new();
    for task in &listed {
        let path = format!("{TASKS}/{}", task["id"].as_str().unwrap());
        let mut task = client.get(&path).await.expect(200);
        let comments = client.all(&format!("{path}/comments"), 100).await;
        let said: Vec<Value> = comments
            .iter()
            .map(|c| json!([c["body"], c["authorName"], c["authorId"], c["createdAt"]]))
            .collect();
        task["comments"] = said.into();
        for derived in ["id", "projectId", "version", "importedAt", "rank"] {
            task.as_object_mut().unwrap().remove(derived);
        }
        backlog.push(named(task, &keys));
    }
    backlog
}

/// Ids of tasks become their keys.
fn named(value: Value, keys: &BTreeMap<String, Value>) -> Value {
    match value {
        Value::String(text) => keys.get(&text).cloned().unwrap_or(Value::String(text)),
        Value::Array(values) => values.into_iter().map(|value| named(value, keys)).collect(),
        Value::Object(members) => {
            members.into_iter().map(|(name, value)| (name, named(value, keys))).collect()
        }
        value => value,
    }
}

/// Acceptance 15, and what else rows have.
fn ten_rows() -> Vec<Value> {
    let row = |id: &str, more: Value| {
        let mut row = json!({
            "externalId": id, "title": format!("Task {id}"),
            "createdAt": "2026-01-01T10:00:00.123456789+02:00",
            "updatedAt": "2026-02-01T00:00:00Z",
        });
        row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        row
    };
    vec![
        row("a", json!({ "relations": { "blocks": ["b"] }, "parentId": "j" })),
        row("b", json!({ "relations": { "blocks": ["c"] }, "state": "in_progress" })),
        row("c", json!({ "relations": { "blocks": ["a"], "relatesTo": ["d"] } })),
        row("d", json!({ "relations": { "blocks": ["nobody"] }, "labels": ["X", "y"] })),
        row("e", json!({ "state": "done", "completedAt": "2026-01-20T00:00:00Z" })),
        row(
            "f",
            json!({
                "relations": { "duplicateOf": "e" },
                "comments": [
                    { "authorId": "somebody", "body": "first", "createdAt": "2026-01-03T00:00:00Z" },
                    { "body": "second", "createdAt": "2026-01-04T00:00:00Z" },
                ],
            }),
        ),
        row("g", json!({ "title": "" })),
        row("h", json!({ "state": "cancelled", "parentId": "j", "description": "# Why" })),
        row("i", json!({ "priority": "critical", "points": 5, "dueDate": "2026-05-01" })),
        row("j", json!({ "type": "feature", "relations": { "blockedBy": ["i"] } })),
    ]
}

#[tokio::test]
async fn rows_become_tasks_with_all_they_have() {
    let app = app().await;
    let member = app.client(A, "member");
    let id = project(&member, "WEB").await;
    let (job, rows) = import(&app, &member, order(&id, &lines(&ten_rows()))).await;
    assert_eq!(job["status"], "completed", "{job}");
    assert_eq!((&job["percent"], &job["progress"]["total"]), (&json!(100), &json!(10)));
    assert_eq!((&job["progress"]["created"], &job["progress"]["failed"]), (&json!(9), &json!(1)));
    assert_eq!(rows.len(), 10);
    assert_eq!(rows[6]["status"], "failed");
    assert!(rows[6]["problem"]["code"].is_string());
    let codes = |row: &Value| -> Vec<String> {
        let warnings = row["warnings"].as_array().unwrap().iter();
        warnings.map(|warning| warning["code"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(codes(&rows[2]), ["relation_cycle"]);
    assert_eq!(codes(&rows[3]), ["unknown_reference"]);
    let all = backlog(&member, &id).await;
    let task = |key: &str| all.iter().find(|task| task["key"] == key).unwrap();
    let a = task("WEB-1");
    assert_eq!(a["relations"]["blocks"], json!(["WEB-2"]));
    assert_eq!((&a["parentId"], &a["openBlockers"]), (&json!("WEB-9"), &json!(0)));
    assert_eq!(a["createdAt"], "2026-01-01T08:00:00.123Z");
    assert_eq!(a["updatedAt"], "2026-02-01T00:00:00.000Z");
    assert_eq!(
        (&task("WEB-2")["openBlockers"], &task("WEB-3")["openBlockers"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(task("WEB-3")["relations"]["relatesTo"], json!(["WEB-4"]));
    assert_eq!(task("WEB-4")["labels"], json!(["x", "y"]));
    assert_eq!(task("WEB-5")["completedAt"], "2026-01-20T00:00:00.000Z");
    assert_eq!(task("WEB-6")["relations"]["duplicateOf"], "WEB-5");
    assert_eq!(task("WEB-6")["state"], "to_do", "states are those of the file");
    let comments = &task("WEB-6")["comments"];
    assert_eq!(comments[0], json!(["first", "somebody", null, "2026-01-03T00:00:00.000Z"]));
    assert_eq!(comments.as_array().unwrap().len(), 2);
    assert_eq!(task("WEB-9")["openBlockers"], 1);
    for event in app.events().await.iter().filter(|event| event.kind == "planning.task.created") {
        assert_eq!(event.data["imported"], true);
    }
    let watchers = member.all(&format!("{TASKS}/WEB-1/watchers"), 10).await;
    assert!(watchers.is_empty(), "nobody follows a task for an import");
}

#[tokio::test]
async fn the_same_file_again_changes_nothing() {
    let app = app().await;
    let member = app.client(A, "member");
    let id = project(&member, "WEB").await;
    let file = order(&id, &lines(&ten_rows()));
    import(&app, &member, file.clone()).await;
    let before = backlog(&member, &id).await;
    let events = app.events().await.len();
    app.database.clock.advance(Duration::from_secs(3600));
    let member = app.client(A, "member");
    let (job, rows) = import(&app, &member, file).await;
    assert_eq!(job["progress"]["unchanged"], 9, "{job}");
    assert_eq!(statuses(&rows).iter().filter(|status| **status == "unchanged").count(), 9);
    assert_eq!(backlog(&member, &id).await, before);
    let said: Vec<String> =
        app.events().await[events..].iter().map(|event| event.kind.clone()).collect();
    assert_eq!(said, ["planning.job.completed"]);
}

#[tokio::test]
async fn a_newer_row_overwrites_and_an_older_one_does_not() {
    let app = app().await;
    let member = app.client(A, "member");
    let id = project(&member, "WEB").await;
    let row = |title: &str, updated: &str, state: &str| json!({ "externalId": "1", "title": title, "updatedAt": updated, "state": state });
    let file = |row: Value| order(&id, &lines(&[row]));
    import(&app, &member, file(row("one", "2026-01-02T00:00:00Z", "to_do"))).await;
    let (_, rows) = import(&app, &member, file(row("old", "2026-01-01T00:00:00Z", "done"))).await;
    assert_eq!(statuses(&rows), ["unchanged"]);
    let mut skip = file(row("skipped", "2026-01-03T00:00:00Z", "done"));
    skip["onConflict"] = "skip".into();
    let (_, rows) = import(&app, &member, skip).await;
    assert_eq!(statuses(&rows), ["skipped"]);
    let mut dry = file(row("dry", "2026-01-03T00:00:00Z", "done"));
    dry["dryRun"] = true.into();
    let (_, rows) = import(&app, &member, dry).await;
    assert_eq!(statuses(&rows), ["updated"]);
    let (_, rows) = import(&app, &member, file(row("two", "2026-01-03T00:00:00Z", "done"))).await;
    assert_eq!(statuses(&rows), ["updated"]);
    let task = member.get(&format!("{TASKS}/WEB-1")).await.expect(200);
    assert_eq!((&task["title"], &task["state"]), (&json!("two"), &json!("done")));
    assert_eq!(task["updatedAt"], "2026-01-03T00:00:00.000Z");
    app.client(A, "owner").delete(&format!("{TASKS}/WEB-1")).await.expect(204);
    let (_, rows) = import(&app, &member, file(row("three", "2026-01-04T00:00:00Z", "done"))).await;
    assert_eq!(statuses(&rows), ["skipped"], "what was deleted does not come back");
}

#[tokio::test]
async fn a_dry_run_only_tells() {
    let app = app().await;
    let member = app.client(A, "member");
    let id = project(&member, "WEB").await;
    let mut dry = order(&id, &lines(&ten_rows()));
    dry["dryRun"] = true.into();
    let (job, rows) = import(&app, &member, dry).await;
    assert_eq!(job["progress"]["created"], 9);
    assert_eq!(rows.len(), 10);
    assert!(backlog(&member, &id).await.is_empty());
}

/// Acceptance 13: killed after each chunk, every message twice.
#[tokio::test]
async fn an_import_whose_workers_die_everywhere_ends_as_if_none_had() {
    let mut rows = ten_rows();
    let labels: Vec<String> = (0..20).map(|n| format!("label-{n}")).collect();
    for n in 0..8 {
        rows.push(json!({
            "externalId": format!("x{n}"), "title": format!("X{n}"), "labels": labels,
            "parentId": "j", "createdAt": "2026-01-01T00:00:00Z",
            "comments": [{ "body": "c", "createdAt": "2026-01-02T00:00:00Z" }],
        }));
    }
    let content = lines(&rows);
    let undisturbed = app().await;
    let member = undisturbed.client(A, "member");
    let id = project(&member, "WEB").await;
    let (job, expected_rows) = import(&undisturbed, &member, order(&id, &content)).await;
    assert_eq!(job["progress"]["created"], 17);
    let expected = backlog(&member, &id).await;
    let without_ids = |rows: &[Value]| -> Vec<Value> {
        let mut rows = rows.to_vec();
        rows.iter_mut().for_each(|row| row["entityId"] = Value::Null);
        rows
    };
    for call in [5, 8] {
        for crash in [CrashPoint::Before(call), CrashPoint::After(call)] {
            let app = app().await;
            let member = app.client(A, "member");
            let id = project(&member, "WEB").await;
            let path = ask(&member, order(&id, &content)).await;
            let mut queue = Queue::of(&app, &real(&app), 2);
            // Every other delivery dies, or nothing would ever get done.
            queue.drain(SHORT, |number| number.is_multiple_of(2).then_some(crash)).await;
            assert!(queue.queue.dead.is_empty(), "{crash:?}");
            let (job, rows) = outcome(&member, &path).await;
            assert_eq!(job["status"], "completed", "{crash:?} {job}");
            assert_eq!(without_ids(&rows), without_ids(&expected_rows), "{crash:?}");
            assert_eq!(backlog(&member, &id).await, expected, "{crash:?}");
            let summary = format!("/api/v1/planning/projects/{id}/summary");
            assert_eq!(member.get(&summary).await.expect(200)["lastNumber"], 17);
        }
    }
}

/// A file that changes nothing is passed in slices, too: no slice is as long as the file.
#[tokio::test]
async fn what_is_known_already_is_passed_in_slices() {
    let app = app().await;
    let member = app.client(A, "member");
    let id = project(&member, "WEB").await;
    let row = |n: u32| {
        let parent = (n > 0).then(|| ((n - 1) / 3).to_string());
        json!({ "externalId": n.to_string(), "title": format!("T{n}"), "parentId": parent })
    };
    let file = order(&id, &lines(&(0..120).map(row).collect::<Vec<_>>()));
    import(&app, &member, file.clone()).await;
    let before = app.messages_to("planning-jobs").await.len();
    let path = ask(&member, file).await;
    Queue::of(&app, &real(&app), 1).drain(SHORT, |_| None).await;
    let (job, _) = outcome(&member, &path).await;
    assert_eq!(job["progress"]["unchanged"], 120, "{job}");
    // The first, one for each of three results, and two while the 119 links are passed.
    let slices = app.messages_to("planning-jobs").await.len() - before;
    assert!(slices >= 6, "{slices}");
}

/// The results of a transaction are one item, however much there is to tell.
#[tokio::test]
async fn rows_with_all_the_warnings_there_can_be_stop_no_import() {
    let app = app().await;
    let member = app.client(A, "member");
    let id = project(&member, "WEB").await;
    let nobodies: Vec<String> = (0..40).map(|n| format!("{}{n}", "🦀".repeat(190))).collect();
    let row = |n: usize| {
        json!({
            "externalId": n.to_string(), "title": format!("T{n}"),
            "relations": { "blocks": nobodies },
        })
    };
    let rows: Vec<Value> = (0..24).map(row).collect();
    let (job, rows) = import(&app, &member, order(&id, &lines(&rows))).await;
    assert_eq!(job["status"], "completed", "{job}");
    assert_eq!(job["progress"]["created"], 24);
    assert!(rows.iter().all(|row| row["warnings"].as_array().unwrap().len() == 20));
}

#[tokio::test]
async fn an_unreadable_file_fails_the_job() {
    let app = app().await;
    let member = app.client(A, "member");
    let id = project(&member, "WEB").await;
    let mut csv = order(&id, "Summary,State\nx,y\n");
    csv["format"] = "csv".into();
    let (job, rows) = import(&app, &member, csv).await;
    assert_eq!(
        (&job["status"], &job["problem"]["code"]),
        (&json!("failed"), &json!("import_unreadable"))
    );
    assert!(rows.is_empty());
    assert!(app.event_types().await.contains(&"planning.job.failed".to_owned()));
}

#[tokio::test]
async fn what_it_refers_to_must_be_the_callers() {
    let app = app().await;
    let member = app.client(A, "member");
    let id = project(&member, "WEB").await;
    let theirs = app.client(B, "owner");
    theirs.post(IMPORTS, order(&id, "{}")).await.expect_problem(404, "not_found");
    let upload = json!({
        "fileName": "b.jsonl", "contentType": "application/json", "sizeBytes": 2,
        "sha256": "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
    });
    let upload = theirs.post("/api/v1/planning/uploads", upload).await.expect(201);
    let mut foreign = order(&id, "");
    foreign.as_object_mut().unwrap().remove("content");
    foreign["uploadId"] = upload["id"].clone();
    let problem = member.post(IMPORTS, foreign).await.expect_problem(400, "invalid_request");
    assert_eq!(problem["errors"][0]["code"], "unknown_reference");
    let viewer = app.client(A, "viewer");
    viewer.post(IMPORTS, order(&id, "{}")).await.expect_problem(403, "forbidden");
    let owner = app.client(A, "owner");
    let busy = ask(&owner, order(&id, "{}")).await;
    let archive = format!("/api/v1/planning/projects/{id}/archive");
    owner.post(&archive, json!({})).await.expect_problem(409, "project_busy");
    owner.post(&format!("{busy}/cancel"), json!({})).await.expect(202);
    owner.post(&archive, json!({})).await.expect(200);
    owner.post(IMPORTS, order(&id, "{}")).await.expect_problem(409, "project_archived");
}

/// The examples of README: this project's own backlog, as GitHub gives it and as a spreadsheet.
#[tokio::test]
async fn the_examples_of_the_documents_run() {
    let app = app().await;
    let member = app.client(A, "member");
    let github = project(&member, "MILL").await;
    let spreadsheet = project(&member, "SHEET").await;
    let orders = [
        json!({
            "projectId": github, "format": "json", "preset": "github", "source": "github-millwright",
            "content": include_str!("../../../../docs/examples/backlog.json"),
        }),
        json!({
            "projectId": spreadsheet, "format": "csv", "preset": "custom", "source": "sheet",
            "content": include_str!("../../../../docs/examples/backlog.csv"),
            "mapping": {
                "Ref": "externalId", "Summary": "title", "Status": "state", "Labels": "labels",
                "Created": "createdAt", "Notes": "description",
            },
            "stateMap": { "Open": "to_do", "Done": "done" },
        }),
    ];
    for order in orders {
        let (job, rows) = import(&app, &member, order.clone()).await;
        assert_eq!((&job["status"], &job["progress"]["created"]), (&json!("completed"), &json!(8)));
        assert_eq!(job["unmappedColumns"], json!([]));
        assert!(rows.iter().all(|row| row["warnings"] == json!([])), "{rows:?}");
        let (job, _) = import(&app, &member, order).await;
        assert_eq!(job["progress"]["unchanged"], 8);
    }
    let mut states = Vec::new();
    for id in [&github, &spreadsheet] {
        let all = backlog(&member, id).await;
        let seen = all.iter().map(|task| json!([task["title"], task["state"], task["labels"]]));
        states.push(seen.collect::<Vec<_>>());
    }
    assert_eq!(states[0].len(), 8);
    assert_eq!(states[0], states[1]);
}

/// The backlog of a real project, by upload. Acceptance 12.
#[tokio::test]
async fn a_real_backlog_arrives_whole_and_once() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/backlog/archive.json");
    let Ok(bytes) = std::fs::read(path) else {
        eprintln!("skipped: ../shared/data/backlog/archive.json is not there");
        return;
    };
    let app = app().await;
    let member = app.client(A, "member");
    let id = project(&member, "WEB").await;
    let mut ran = Vec::new();
    for _ in 0..2 {
        let order = json!({
            "projectId": id, "format": "json", "preset": "github", "source": "github",
            "include": "both", "uploadId": uploaded(&app, &member, "archive.json", &bytes).await,
        });
        let (job, rows) = import(&app, &member, order).await;
        assert_eq!(job["status"], "completed", "{job}");
        assert_eq!(rows.len(), 612);
        let tasks = member.all(&format!("{TASKS}?projectId={id}"), 100).await;
        let count = |state: &str| tasks.iter().filter(|task| task["state"] == state).count();
        assert_eq!((tasks.len(), count("to_do")), (612, 0));
        let items = app.database.items().await;
        let comments = items.iter().filter(|item| item.kind() == "comment").count();
        ran.push((job["progress"].clone(), count("done"), count("cancelled"), comments));
    }
    let (first, done, cancelled, comments) = &ran[0];
    assert_eq!(first["created"], 612);
    assert_eq!(done + cancelled, 612);
    assert!(*comments >= 514, "{comments}");
    let (second, ..) = &ran[1];
    assert_eq!(second["unchanged"], 612, "{second}");
    assert_eq!(&(done, cancelled, comments), &(&ran[1].1, &ran[1].2, &ran[1].3));
}
