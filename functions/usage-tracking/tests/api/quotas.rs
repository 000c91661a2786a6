//! /usage/quotas

use futures::future::join_all;
use millwright_core::Clock;
use millwright_testkit::{Client, TestApp};
use serde_json::{Value, json};

use crate::{A, B, router};

const PATH: &str = "/api/v1/usage/quotas";

async fn start() -> TestApp {
    TestApp::start("usage-tracking", router).await
}

/// One with this title, and its path.
async fn create(client: &Client, title: &str) -> (Value, String) {
    let created = client.post(PATH, json!({ "title": title })).await;
    let path = created.header("location").unwrap_or_default().to_owned();
    (created.expect(201), path)
}

#[tokio::test]
async fn what_is_created_is_read_and_announced() {
    let app = start().await;
    let member = app.client(A, "member");
    let body = json!({ "title": " Retrospective ", "body": "# Hi" });
    let created = member.post(PATH, body).await;
    let whole = created.expect(201);
    assert_eq!(whole["title"], "Retrospective");
    assert_eq!(whole["createdBy"], member.user.to_string());
    assert_eq!(created.etag(), "\"1\"");
    let read = member.get(created.header("location").unwrap()).await;
    assert_eq!(read.expect(200), whole);
    assert_eq!(app.event_types().await, ["usage.quota.created"]);
}

#[tokio::test]
async fn another_organization_sees_nothing() {
    let app = start().await;
    let (_, path) = create(&app.client(A, "member"), "Ours").await;
    let stranger = app.client(B, "owner");
    stranger.get(&path).await.expect_problem(404, "not_found");
    stranger.patch(&path, json!({ "title": "Theirs" })).await.expect_problem(404, "not_found");
    stranger.delete(&path).await.expect_problem(404, "not_found");
    assert!(stranger.all(PATH, 10).await.is_empty());
}

#[tokio::test]
async fn titles_are_unique_whatever_the_case() {
    let app = start().await;
    let member = app.client(A, "member");
    let (_, first) = create(&member, "Retrospective").await;
    let same = json!({ "title": "RETROSPECTIVE" });
    member.post(PATH, same.clone()).await.expect_problem(409, "title_taken");
    app.client(B, "member").post(PATH, same.clone()).await.expect(201);
    let (_, second) = create(&member, "Planning").await;
    member.patch(&second, same.clone()).await.expect_problem(409, "title_taken");
    // Another spelling of its own title is no conflict; a title that is given up is free.
    member.patch(&first, same).await.expect(200);
    member.patch(&first, json!({ "title": "Review" })).await.expect(200);
    create(&member, "Retrospective").await;
}

#[tokio::test]
async fn lists_are_by_title_page_by_page() {
    let app = start().await;
    let member = app.client(A, "member");
    for title in ["b", "C", "a"] {
        create(&member, title).await;
    }
    let listed = member.all(PATH, 2).await;
    let titles: Vec<&str> = listed.iter().filter_map(|item| item["title"].as_str()).collect();
    assert_eq!(titles, ["a", "b", "C"]);
    assert!(listed[0].get("body").is_none(), "a list shows summaries");
}

#[tokio::test]
async fn a_change_names_its_version_or_wins() {
    let app = start().await;
    let member = app.client(A, "member");
    let (_, path) = create(&member, "Retrospective").await;
    let changed = member.patch_if(&path, "\"1\"", json!({ "body": "Shorter." })).await;
    assert_eq!(changed.expect(200)["version"], 2);
    let stale = member.patch_if(&path, "\"1\"", json!({ "body": "Longer." })).await;
    assert_eq!(stale.expect_problem(412, "version_stale")["currentVersion"], 2);
    let changed = member.patch(&path, json!({ "body": null })).await.expect(200);
    assert_eq!(changed["body"], "");
    let said = app.events().await;
    assert_eq!(said[1].kind, "usage.quota.updated");
    assert_eq!(said[1].data["changes"], json!([{ "field": "body" }]));
}

#[tokio::test]
async fn a_change_of_nothing_is_no_change() {
    let app = start().await;
    let member = app.client(A, "member");
    let (whole, path) = create(&member, "Retrospective").await;
    let before = app.database.snapshot(&[]).await;
    for nothing in [json!({}), json!({ "title": "Retrospective" }), json!({ "body": null })] {
        assert_eq!(member.patch(&path, nothing).await.expect(200), whole);
    }
    assert_eq!(app.database.snapshot(&[]).await, before);
}

#[tokio::test]
async fn what_is_deleted_is_gone_and_deleted_again_is_fine() {
    let app = start().await;
    let (owner, member) = (app.client(A, "owner"), app.client(A, "member"));
    let (whole, path) = create(&owner, "Retrospective").await;
    member.delete(&path).await.expect_problem(403, "forbidden");
    owner.delete(&path).await.expect(204);
    owner.delete(&path).await.expect(204);
    owner.get(&path).await.expect_problem(404, "not_found");
    assert!(owner.all(PATH, 10).await.is_empty());
    let (again, _) = create(&owner, "Retrospective").await;
    assert_ne!(again["id"], whole["id"]);
}

/// Many instances, a tenth of their transactions conflicting.
#[tokio::test]
async fn of_32_clients_one_gets_the_title() {
    let app = TestApp::start_at("usage-tracking", router, Clock::system()).await;
    let attempts = (0..32).map(|seed| {
        let instance = app.instance();
        instance.faults().conflict(seed, 0.1);
        async move {
            let member = instance.client(A, "member");
            loop {
                let answer = member.post(PATH, json!({ "title": "Retrospective" })).await;
                // A 503 says that nothing happened: ask again, as told.
                if answer.status != 503 {
                    return answer.status.as_u16();
                }
            }
        }
    });
    let mut statuses = join_all(attempts).await;
    statuses.sort_unstable();
    assert_eq!(statuses[0], 201);
    assert!(statuses[1..].iter().all(|status| *status == 409), "{statuses:?}");
    assert_eq!(app.event_types().await.len(), 1);
}
