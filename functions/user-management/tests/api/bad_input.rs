//! What is sent late or wrongly: versions, fields, depths.

use axum::http::Method;
use millwright_testkit::Client;
use serde_json::{Value, json};

use crate::{Home, app, user_id};

/// A change of every kind that a PATCH makes, and who makes it.
async fn patches(app: &millwright_testkit::TestApp, home: &Home) -> Vec<(String, Client, Value)> {
    home.member(app, 2, "viewer").await;
    let role = json!({ "name": "Helper", "permissions": ["users.*"] });
    let role = home.founder.post(&home.at("/roles"), role).await.expect(201);
    let team = home.founder.post("/api/v1/teams", json!({ "name": "Mills" })).await.expect(201);
    let owner = || home.founder.clone();
    let mine = "/api/v1/users/me";
    vec![
        (mine.to_owned(), app.person(1), json!({ "jobTitle": "A" })),
        (format!("{mine}/preferences"), app.person(1), json!({ "theme": "dark" })),
        (home.path.clone(), owner(), json!({ "description": "A" })),
        (home.at("/settings"), owner(), json!({ "language": "de" })),
        (home.at("/security-settings"), owner(), json!({ "apiKeyMaxLifetimeDays": 30 })),
        (
            home.at(&format!("/roles/{}", role["id"].as_str().unwrap())),
            owner(),
            json!({ "name": "B" }),
        ),
        (home.member_path(2), owner(), json!({ "roleId": home.roles["member"] })),
        (
            format!("/api/v1/teams/{}", team["id"].as_str().unwrap()),
            owner(),
            json!({ "name": "B" }),
        ),
        (home.at("/limits"), app.operator(), json!({ "memberLimit": 600 })),
    ]
}

#[tokio::test]
async fn every_patch_knows_stale_versions() {
    let app = app().await;
    let home = Home::found(&app).await;
    let patches = patches(&app, &home).await;
    let operations = user_management::service().operations;
    let declared = operations.iter().filter(|it| it.method.as_str() == "PATCH").count();
    assert_eq!(patches.len(), declared, "one of each");
    for (path, client, change) in patches {
        // Limits are an operator's, and have no version of their own.
        if path.ends_with("/limits") {
            client.patch(&path, change).await.expect(200);
            continue;
        }
        let current = client.get(&path).await.etag();
        let stale = client.patch_if(&path, "\"99\"", change.clone()).await;
        let problem = stale.expect_problem(412, "version_stale");
        let version: u64 = current.trim_matches('"').parse().unwrap();
        assert_eq!(problem["currentVersion"], version, "{path}");
        assert_eq!(stale.etag(), current);
        let changed = client.patch_if(&path, &current, change.clone()).await;
        assert_eq!(changed.expect(200)["version"], version + 1, "{path}");
        let late = client.patch_if(&path, &current, change).await;
        late.expect_problem(412, "version_stale");
    }
}

#[tokio::test]
async fn what_is_unknown_too_deep_or_too_many_is_refused() {
    let app = app().await;
    let home = Home::found(&app).await;
    let deep = format!("{}1{}", "{\"a\":".repeat(65), "}".repeat(65));
    let json_type = [("content-type", "application/json")];
    for (path, client, change) in patches(&app, &home).await {
        let before = app.database.snapshot(&[]).await;
        let mut unknown = change.clone();
        unknown["userId"] = json!(user_id(9));
        let problem = client.patch(&path, unknown).await.expect_problem(400, "invalid_request");
        assert_eq!(problem["errors"][0]["code"], "unknown_field", "{path}");
        let answer = client.send(Method::PATCH, &path, &json_type, deep.clone()).await;
        let problem = answer.expect_problem(400, "invalid_request");
        let detail = problem["errors"][0]["detail"].as_str().unwrap();
        assert!(detail.contains("nested deeper than 64"), "{detail}");
        assert_eq!(app.database.snapshot(&[]).await, before, "{path}");
    }
    let many: Vec<String> = (0..101).map(|number| format!("a.b.c{number}")).collect();
    for body in [json!({ "permissions": many }), json!({ "name": "X", "permissions": many })] {
        let role = json!({ "name": "Y", "permissions": ["users.user.read"] });
        let role = home.founder.post(&home.at("/roles"), role).await;
        if let Some(id) = role.json()["id"].as_str() {
            let path = home.at(&format!("/roles/{id}"));
            home.founder.patch(&path, body.clone()).await.expect_problem(400, "invalid_request");
        }
        home.founder.post(&home.at("/roles"), body).await.expect_problem(400, "invalid_request");
    }
}

/// Nobody joins for somebody else.
#[tokio::test]
async fn an_acceptance_names_nobody() {
    let app = app().await;
    let home = Home::found(&app).await;
    crate::user(&app, 2).await;
    let sent = crate::invitations::invite(&home.founder, 2).await;
    let mut body = crate::invitations::token_of(&sent);
    body["userId"] = json!(user_id(3));
    let refused = app.person(2).post(crate::invitations::ACCEPT, body).await;
    let problem = refused.expect_problem(400, "invalid_request");
    assert_eq!(problem["errors"][0]["code"], "unknown_field");
}
