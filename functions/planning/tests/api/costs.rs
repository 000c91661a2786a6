//! What operations cost: calls to the table, and items of the largest transactions

use std::{collections::BTreeMap, time::Duration};

use http::Method;
use millwright_event::batch::Message;
use millwright_runtime::Worked;
use millwright_testkit::{Client, TestApp};
use planning::{
    Planning,
    worker::{PLANNING_JOBS, works},
};
use serde_json::{Value, json};

use crate::{
    A, go, path_of, project, put,
    queue::{TIMES, worker},
    read, relate, relation_path, task, task_with, tasks,
};

const TASKS: &str = "/api/v1/planning/tasks";

/// With a cache, as it runs.
async fn warm_app() -> TestApp {
    TestApp::start("planning", |platform, store, files| {
        planning::router(platform, Planning::new(store, files, Duration::from_secs(60)))
    })
    .await
}

struct Meter<'a>(&'a TestApp);

impl Meter<'_> {
    /// The calls since the last look.
    #[track_caller]
    fn assert(&self, what: &str, expected: &[(&str, usize)]) {
        let counted = self.0.faults().calls();
        let expected: BTreeMap<String, usize> =
            expected.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect();
        assert_eq!(counted, expected, "{what}");
        self.0.faults().reset_calls();
    }
}

const QUERY: &str = "Query";
const GET: &str = "GetItem";
const BATCH: &str = "BatchGetItem";
const WRITE: &str = "TransactWriteItems";

#[tokio::test]
async fn relations_cost_what_is_documented() {
    let app = warm_app().await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    let all = tasks(&owner, &id, 6).await;
    let meter = Meter(&app);
    app.faults().reset_calls();
    relate(&owner, &all[0], "blocks", &all[1]).await.expect(200);
    meter.assert("no way leads on", &[(QUERY, 1), (BATCH, 1), (WRITE, 1)]);
    relate(&owner, &all[0], "blocks", &all[1]).await.expect(200);
    meter.assert("there already", &[(QUERY, 1), (BATCH, 1)]);
    relate(&owner, &all[2], "blocks", &all[3]).await.expect(200);
    relate(&owner, &all[3], "blocks", &all[4]).await.expect(200);
    app.faults().reset_calls();
    // Versions, then two levels: 4 and 5 behind 3.
    relate(&owner, &all[1], "blocks", &all[2]).await.expect(200);
    meter.assert("a walk of two levels", &[(QUERY, 1), (BATCH, 4), (WRITE, 1)]);
    relate(&owner, &all[5], "relates-to", &all[0]).await.expect(200);
    meter.assert("no direction", &[(QUERY, 1), (BATCH, 1), (WRITE, 1)]);
    owner.delete(&relation_path(&all[5], "relates-to", &all[0])).await.expect(204);
    meter.assert("removed", &[(QUERY, 1), (BATCH, 1), (WRITE, 1)]);
    owner.delete(&relation_path(&all[5], "relates-to", &all[0])).await.expect(204);
    meter.assert("not there", &[(QUERY, 1), (BATCH, 1)]);
    owner.get(&format!("{}/relations", path_of(&all[1]))).await.expect(200);
    meter.assert("listed", &[(QUERY, 1), (BATCH, 1)]);
    owner.get(&format!("{}/relations", path_of(&all[5]))).await.expect(200);
    meter.assert("none to list", &[(QUERY, 1)]);
    owner.get(&format!("{}/readiness", path_of(&all[1]))).await.expect(200);
    meter.assert("readiness", &[(QUERY, 1), (BATCH, 1)]);
    owner.get(&format!("{}/readiness", path_of(&all[5]))).await.expect(200);
    meter.assert("readiness without blockers", &[(QUERY, 1)]);
    go(&owner, &all[0], &["in_progress"]).await;
    meter.assert("it stays open", &[(QUERY, 1), (WRITE, 1)]);
    go(&owner, &all[0], &["done"]).await;
    meter.assert("it closes", &[(QUERY, 1), (BATCH, 1), (WRITE, 1)]);
    owner.delete(&path_of(&all[0])).await.expect(204);
    meter.assert("deleted, closed before", &[(QUERY, 1), (WRITE, 1)]);
    owner.delete(&path_of(&all[1])).await.expect(204);
    meter.assert("deleted, open before", &[(QUERY, 1), (BATCH, 1), (WRITE, 1)]);
    owner.post(&format!("{}/restore", path_of(&all[1])), json!({})).await.expect(200);
    meter.assert("restored", &[(QUERY, 1), (BATCH, 1), (WRITE, 1)]);
}

#[tokio::test]
async fn the_other_new_operations_cost_what_is_documented() {
    let app = warm_app().await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    let all = tasks(&owner, &id, 4).await;
    let meter = Meter(&app);
    app.faults().reset_calls();
    owner.post(&format!("{}/claim", path_of(&all[0])), json!({})).await.expect(200);
    meter.assert("claim", &[(QUERY, 1), (GET, 1), (WRITE, 1)]);
    owner
        .patch(&path_of(&all[1]), json!({ "assigneeId": owner.user.to_string() }))
        .await
        .expect(200);
    meter.assert("assign", &[(QUERY, 1), (GET, 1), (WRITE, 1)]);
    owner.patch(&path_of(&all[1]), json!({ "labels": ["x"], "points": 3 })).await.expect(200);
    meter.assert("update", &[(QUERY, 1), (WRITE, 1)]);
    let to = json!({ "before": all[1]["id"] });
    owner.post(&format!("{}/move", path_of(&all[3])), to).await.expect(200);
    meter.assert("move", &[(QUERY, 2), (GET, 1), (WRITE, 1)]);
    let parent = json!({ "parentId": all[0]["id"] });
    owner.patch(&path_of(&all[1]), parent).await.expect(200);
    meter.assert("a parent", &[(QUERY, 1), (GET, 1), (BATCH, 1), (WRITE, 1)]);
    let below = task_with(&owner, &id, json!({ "parentId": all[1]["id"] })).await;
    meter.assert("a creation two deep", &[(GET, 1), (BATCH, 2), (WRITE, 1)]);
    owner.get(&format!("{}/subtasks", path_of(&all[1]))).await.expect(200);
    meter.assert("subtasks", &[(GET, 1), (QUERY, 1), (BATCH, 1)]);
    let watcher = format!("{}/watchers/usr_01h455vb4pex5vsknk084sn02q", path_of(&below));
    put(&owner, &watcher).await.expect(204);
    meter.assert("watch", &[(GET, 2), (WRITE, 1)]);
    put(&owner, &watcher).await.expect(204);
    meter.assert("watched already", &[(GET, 2)]);
    owner.get(&format!("{}/watchers", path_of(&below))).await.expect(200);
    meter.assert("watchers", &[(GET, 2)]);
    owner.delete(&watcher).await.expect(204);
    meter.assert("unwatch", &[(GET, 1), (WRITE, 1)]);
    let comments = format!("{}/comments", path_of(&below));
    app.client(A, "member").post(&comments, json!({ "body": "Hello" })).await.expect(201);
    meter.assert("comment", &[(BATCH, 1), (WRITE, 1)]);
    let lists = [
        (format!("projectId={id}&sort=-updatedAt"), vec![(QUERY, 1)]),
        (
            format!("projectId={id}&sort=-updatedAt&updatedSince=2026-01-01T00:00:00Z"),
            vec![(QUERY, 1)],
        ),
        ("assigneeId=me".to_owned(), vec![(QUERY, 1)]),
        (format!("projectId={id}&label=x"), vec![(QUERY, 1), (BATCH, 1)]),
        (format!("projectId={id}&label=none"), vec![(QUERY, 1)]),
        (
            format!("parentId={}", all[0]["id"].as_str().unwrap()),
            vec![(GET, 1), (QUERY, 1), (BATCH, 1)],
        ),
        (format!("projectId={id}&externalId=x&source=y"), vec![(GET, 1)]),
    ];
    for (query, expected) in lists {
        owner.get(&format!("{TASKS}?{query}")).await.expect(200);
        meter.assert(&query, &expected);
    }
    let path = format!("/api/v1/planning/projects/{id}");
    owner.post(&format!("{path}/archive"), json!({})).await.expect(200);
    app.faults().reset_calls();
    owner.delete(&path).await.expect(204);
    meter.assert("project_delete", &[(QUERY, 1), (WRITE, 1)]);
    owner.post(&format!("{path}/restore"), json!({})).await.expect(200);
    meter.assert("project_restore", &[(QUERY, 1), (WRITE, 1)]);
}

/// How many items a request writes: whatever differs afterwards.
async fn written(app: &TestApp, request: impl Future<Output = ()>) -> usize {
    async fn items(app: &TestApp) -> BTreeMap<(String, String), String> {
        let texts = app.database.snapshot(&[]).await.into_iter();
        let keyed = texts.map(|text| {
            let item: Value = serde_json::from_str(&text).unwrap();
            let part = |name: &str| item[name].as_str().unwrap().to_owned();
            ((part("pk"), part("sk")), text)
        });
        keyed.collect()
    }
    let before = items(app).await;
    request.await;
    let after = items(app).await;
    let added_or_changed = after.iter().filter(|(key, text)| before.get(*key) != Some(*text));
    let removed = before.keys().filter(|key| !after.contains_key(*key));
    added_or_changed.count() + removed.count()
}

fn labels(prefix: &str) -> Value {
    (0..20).map(|n| format!("{prefix}{n}")).collect()
}

/// A task with a parent, 20 labels and 40 tasks that wait for it.
async fn busy(owner: &Client, project: &str) -> Value {
    let parent = task(owner, project, "parent").await;
    let more = json!({ "parentId": parent["id"], "labels": labels("l") });
    let subject = task_with(owner, project, more).await;
    for waiting in tasks(owner, project, 40).await {
        relate(owner, &subject, "blocks", &waiting).await.expect(200);
    }
    subject
}

async fn send(owner: &Client, method: Method, path: &str, body: Value) {
    let headers = [("content-type", "application/json"), ("idempotency-key", path)];
    let answer = owner.send(method, path, &headers, body.to_string()).await;
    assert!(answer.status.is_success(), "{answer:?}");
}

#[tokio::test]
async fn the_largest_changes_of_a_state_fit_one_transaction() {
    let app = crate::app().await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    let subject = busy(&owner, &id).await;
    go(&owner, &subject, &["in_progress"]).await;
    let path = path_of(&subject);
    // Another moment, another rank, another link of the parent.
    app.database.clock.advance(Duration::from_millis(1));
    // Head, history, outbox, two links of the parent, its counts, 40 that wait; the key's record.
    let transition = format!("{path}/transition");
    let to = json!({ "to": "done" });
    let done = written(&app, send(&owner, Method::POST, &transition, to)).await;
    assert_eq!(done, 47);
    owner.post(&transition, json!({ "to": "in_progress" })).await.expect(200);
    // Head, history, outbox, 20 labels and the parent, its counts and one's own, due, 40 that wait.
    let deletion = async || {
        owner.delete(&path).await.expect(204);
    };
    assert_eq!(written(&app, deletion()).await, 67);
    let restore = format!("{path}/restore");
    let restored = written(&app, send(&owner, Method::POST, &restore, json!({}))).await;
    assert_eq!(restored, 68);
    assert_eq!(read(&owner, &subject).await["labels"], labels("l"));
}

#[tokio::test]
async fn the_largest_duplicate_fits_one_transaction() {
    let app = crate::app().await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    let subject = busy(&owner, &id).await;
    for duplicate in tasks(&owner, &id, 20).await {
        relate(&owner, &duplicate, "duplicate-of", &subject).await.expect(200);
    }
    let (root, named) = (task(&owner, &id, "root").await, task(&owner, &id, "named").await);
    relate(&owner, &named, "duplicate-of", &root).await.expect(200);
    // Three of the task, three of the original, two of each of 20, 40 that wait, two links and the
    // counts of the parent, outbox; and one that is only checked.
    app.database.clock.advance(Duration::from_millis(1));
    let count = written(&app, async {
        relate(&owner, &subject, "duplicate-of", &named).await.expect(200);
    });
    assert_eq!(count.await, 90);
    let duplicates = read(&owner, &root).await["relations"]["duplicates"].clone();
    assert_eq!(duplicates.as_array().unwrap().len(), 22);
}

#[tokio::test]
async fn the_largest_creation_and_update_fit_one_transaction() {
    let app = crate::app().await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    let chain = async || {
        let mut last = task(&owner, &id, "top").await;
        for _ in 0..4 {
            last = task_with(&owner, &id, json!({ "parentId": last["id"] })).await;
        }
        last
    };
    let (one, other) = (chain().await, chain().await);
    let body = json!({
        "projectId": id, "title": "T", "parentId": one["id"], "labels": labels("a"),
        "externalId": "1", "source": "x", "assigneeId": "usr_01h455vb4pex5vsknk084sn02q",
    });
    let creation = written(&app, send(&owner, Method::POST, TASKS, body)).await;
    assert_eq!(creation, 36);
    let patch = json!({
        "parentId": other["id"], "labels": labels("b"), "externalId": "2", "source": "y",
        "assigneeId": "usr_01h455vb4pex5vsknk084sn02r", "description": "new",
    });
    let path = format!("{TASKS}/WEB-11");
    let update = written(&app, async {
        owner.patch(&path, patch).await.expect(200);
    });
    assert_eq!(update.await, 60);
}

/// The calls of planning-jobs for an import of so many rows that bring nothing but labels.
async fn calls_of_import(rows: usize, labels: usize) -> BTreeMap<String, usize> {
    let app = warm_app().await;
    let owner = app.client(A, "owner");
    let labels: Vec<String> = (0..labels).map(|number| format!("label-{number}")).collect();
    let row = |number: usize| {
        let row = json!({ "externalId": number.to_string(), "title": "Row", "labels": labels });
        format!("{row}\n")
    };
    let order = json!({
        "projectId": project(&owner, "WEB").await,
        "format": "jsonl",
        "source": "costs",
        "content": (0..rows).map(row).collect::<String>(),
    });
    owner.post("/api/v1/planning/imports", order).await.expect(202);
    let message = Message::of("1", app.messages_to(PLANNING_JOBS).await.remove(0));
    app.faults().reset_calls();
    let minute = Duration::from_secs(60);
    let works = works(Planning::new(app.database.store(), app.files.client(), minute));
    let worked = worker(&app.database, &works, TIMES).work(&message).await;
    assert_eq!(worked.expect("no fault"), Worked::Done);
    app.faults().calls()
}

#[tokio::test]
async fn an_import_costs_what_is_documented() {
    for (labels, per_transaction) in [(0, 19), (20, 3)] {
        let (few, many) = (per_transaction, 11 * per_transaction);
        let (few, many) = tokio::join!(calls_of_import(few, labels), calls_of_import(many, labels));
        let more =
            many.into_iter().map(|(name, n)| (name.clone(), n - few.get(&name).unwrap_or(&0)));
        let more: BTreeMap<String, usize> = more.filter(|(_, n)| *n > 0).collect();
        let expected = BTreeMap::from([(BATCH.to_owned(), 10), (WRITE.to_owned(), 10)]);
        assert_eq!(more, expected, "ten chunks of {per_transaction} rows more");
    }
}
