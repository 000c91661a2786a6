//! /planning/tasks/{id}/watchers

use std::collections::BTreeSet;

use millwright_testkit::Client;
use serde_json::{Value, json};

use crate::{A, app, path_of, project, put, task, task_with};

const SOMEBODY: &str = "usr_01h455vb4pex5vsknk084sn02q";
const AGENT: &str = "agt_01h455vb4pex5vsknk084sn02q";

async fn watchers(client: &Client, task: &Value) -> BTreeSet<String> {
    let page = client.get(&format!("{}/watchers", path_of(task))).await.expect(200);
    assert!(page["nextCursor"].is_null(), "all on one page");
    let users: Vec<String> = page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|watcher| watcher["userId"].as_str().unwrap().to_owned())
        .collect();
    assert!(users.is_sorted());
    users.into_iter().collect()
}

fn path(task: &Value, user: impl ToString) -> String {
    format!("{}/watchers/{}", path_of(task), user.to_string())
}

fn set<const N: usize>(users: [&str; N]) -> BTreeSet<String> {
    users.into_iter().map(str::to_owned).collect()
}

#[tokio::test]
async fn one_watches_for_oneself_or_with_the_right_to_change_tasks() {
    let app = app().await;
    let (member, viewer) = (app.client(A, "member"), app.client(A, "viewer"));
    let id = project(&member, "WEB").await;
    let created = task(&member, &id, "T").await;
    let (me, they) = (member.user.to_string(), viewer.user.to_string());
    assert_eq!(watchers(&viewer, &created).await, set([&me]));
    let version = member.get(&path_of(&created)).await.etag();
    put(&viewer, &path(&created, &they)).await.expect(204);
    put(&viewer, &path(&created, SOMEBODY)).await.expect_problem(403, "forbidden");
    viewer.delete(&path(&created, &me)).await.expect_problem(403, "forbidden");
    put(&member, &path(&created, SOMEBODY)).await.expect(204);
    assert_eq!(watchers(&viewer, &created).await, set([&me, &they, SOMEBODY]));
    let before = app.database.snapshot(&[]).await;
    put(&member, &path(&created, SOMEBODY)).await.expect(204);
    assert_eq!(app.database.snapshot(&[]).await, before, "who watches, watches");
    viewer.delete(&path(&created, &they)).await.expect(204);
    viewer.delete(&path(&created, &they)).await.expect(204);
    member.delete(&path(&created, SOMEBODY)).await.expect(204);
    member.delete(&path(&created, &me)).await.expect(204);
    assert!(watchers(&viewer, &created).await.is_empty());
    put(&member, &path(&created, &me)).await.expect(204);
    assert_eq!(watchers(&viewer, &created).await, set([&me]));
    // Watching is no change of the task.
    assert_eq!(member.get(&path_of(&created)).await.etag(), version);
    assert_eq!(member.all(&format!("{}/history", path_of(&created)), 10).await.len(), 1);
    put(&member, &path(&created, AGENT)).await.expect_problem(400, "invalid_request");
}

#[tokio::test]
async fn creator_assignee_and_commenter_watch_by_themselves() {
    let app = app().await;
    let (member, owner) = (app.client(A, "member"), app.client(A, "owner"));
    let admin = app.client(A, "admin");
    let id = project(&member, "WEB").await;
    let (me, boss) = (member.user.to_string(), owner.user.to_string());
    let assigned = task_with(&member, &id, json!({ "assigneeId": SOMEBODY })).await;
    assert_eq!(watchers(&member, &assigned).await, set([&me, SOMEBODY]));
    let own = task_with(&member, &id, json!({ "assigneeId": me })).await;
    assert_eq!(watchers(&member, &own).await, set([&me]));
    let created = task_with(&member, &id, json!({ "assigneeId": AGENT })).await;
    assert_eq!(watchers(&member, &created).await, set([&me]), "an agent is no user");
    member.patch(&path_of(&created), json!({ "assigneeId": SOMEBODY })).await.expect(200);
    assert_eq!(watchers(&member, &created).await, set([&me, SOMEBODY]));
    // Whoever leaves the task may go on watching; who stopped and did nothing since, has stopped.
    member.patch(&path_of(&created), json!({ "assigneeId": null })).await.expect(200);
    member.delete(&path(&created, &me)).await.expect(204);
    member.patch(&path_of(&created), json!({ "title": "U" })).await.expect(200);
    assert_eq!(watchers(&member, &created).await, set([SOMEBODY]));
    owner.post(&format!("{}/claim", path_of(&created)), json!({})).await.expect(200);
    assert_eq!(watchers(&member, &created).await, set([SOMEBODY, &boss]));
    let comments = format!("{}/comments", path_of(&created));
    admin.post(&comments, json!({ "body": "Hello" })).await.expect(201);
    admin.post(&comments, json!({ "body": "Hello again" })).await.expect(201);
    let all = set([SOMEBODY, &boss, &admin.user.to_string()]);
    assert_eq!(watchers(&member, &created).await, all);
}

#[tokio::test]
async fn a_task_has_at_most_a_hundred_watchers() {
    let app = app().await;
    let member = app.client(A, "member");
    let id = project(&member, "WEB").await;
    let created = task(&member, &id, "T").await;
    let user = |n: u128| millwright_core::UserId::from_uuid(uuid::Uuid::from_u128(n + 1_000_000));
    for n in 0..99 {
        put(&member, &path(&created, user(n))).await.expect(204);
    }
    let before = app.database.snapshot(&[]).await;
    let full = put(&member, &path(&created, user(99))).await.expect_problem(409, "limit_reached");
    assert_eq!(full["max"], 100);
    put(&member, &path(&created, user(98))).await.expect(204);
    assert_eq!(app.database.snapshot(&[]).await, before);
    // Work goes on, though there is no room for those who do it.
    let patch = json!({ "assigneeId": SOMEBODY });
    member.patch(&path_of(&created), patch).await.expect(200);
    let comments = format!("{}/comments", path_of(&created));
    app.client(A, "owner").post(&comments, json!({ "body": "Hello" })).await.expect(201);
    assert_eq!(watchers(&member, &created).await.len(), 100);
    assert!(!watchers(&member, &created).await.contains(SOMEBODY));
    member.delete(&path(&created, user(0))).await.expect(204);
    put(&member, &path(&created, SOMEBODY)).await.expect(204);
    assert_eq!(watchers(&member, &created).await.len(), 100);
}

#[tokio::test]
async fn an_archived_projects_tasks_keep_their_watchers() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    let created = task(&owner, &id, "T").await;
    owner.post(&format!("/api/v1/planning/projects/{id}/archive"), json!({})).await.expect(200);
    put(&owner, &path(&created, SOMEBODY)).await.expect_problem(409, "project_archived");
    owner.delete(&path(&created, owner.user)).await.expect_problem(409, "project_archived");
    assert_eq!(watchers(&owner, &created).await, set([&owner.user.to_string()]));
}
