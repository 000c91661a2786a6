//! /planning/tasks/{id}/comments

use serde_json::{Value, json};

use crate::{A, app, path_of, project, task};

#[tokio::test]
async fn comments_are_listed_oldest_first_and_mention_people() {
    let app = app().await;
    let member = app.client(A, "member");
    let id = project(&member, "WEB").await;
    let comments = format!("{}/comments", path_of(&task(&member, &id, "T").await));
    let someone = "usr_01h455vb4pex5vsknk084sn02q";
    for n in 0..5 {
        app.database.clock.advance(std::time::Duration::from_millis(1));
        let body = json!({ "body": format!("{n} @{someone} @{someone}") });
        let created = member.post(&comments, body).await.expect(201);
        assert_eq!(created["mentions"], json!([someone]));
        assert_eq!(created["authorId"], member.user.to_string());
        assert!(created["editedAt"].is_null());
    }
    let listed = app.client(A, "viewer").all(&comments, 2).await;
    let bodies: Vec<String> =
        listed.iter().map(|c| c["body"].as_str().unwrap()[..1].to_owned()).collect();
    assert_eq!(bodies, ["0", "1", "2", "3", "4"]);
    app.client(A, "viewer")
        .post(&comments, json!({ "body": "no" }))
        .await
        .expect_problem(403, "forbidden");
}

#[tokio::test]
async fn only_the_author_changes_a_comment() {
    let app = app().await;
    let (member, owner) = (app.client(A, "member"), app.client(A, "owner"));
    let id = project(&member, "WEB").await;
    let comments = format!("{}/comments", path_of(&task(&member, &id, "T").await));
    let created = member.post(&comments, json!({ "body": "one" })).await.expect(201);
    let path = format!("{comments}/{}", created["id"].as_str().unwrap());
    owner.patch(&path, json!({ "body": "mine" })).await.expect_problem(403, "forbidden");
    let events = app.events().await;
    let denied = events.iter().find(|event| event.kind == "planning.access.denied").unwrap();
    assert_eq!(denied.data["operation"], "task_comment_update");
    let same = member.patch(&path, json!({ "body": "one" })).await.expect(200);
    assert_eq!(same, created);
    let edited = member.patch_if(&path, "\"1\"", json!({ "body": "two" })).await.expect(200);
    assert_eq!(edited["body"], "two");
    assert!(edited["editedAt"].is_string());
    member
        .patch_if(&path, "\"1\"", json!({ "body": "three" }))
        .await
        .expect_problem(412, "version_stale");
}

#[tokio::test]
async fn authors_and_admins_delete_comments() {
    let app = app().await;
    let (member, admin) = (app.client(A, "member"), app.client(A, "admin"));
    let id = project(&member, "WEB").await;
    let comments = format!("{}/comments", path_of(&task(&member, &id, "T").await));
    let mut paths = Vec::new();
    for author in [&member, &admin] {
        let created = author.post(&comments, json!({ "body": "spoken-words" })).await.expect(201);
        paths.push(format!("{comments}/{}", created["id"].as_str().unwrap()));
    }
    member.delete(&paths[1]).await.expect_problem(403, "forbidden");
    assert_eq!(admin.delete(&paths[0]).await.expect(204), Value::Null);
    assert_eq!(admin.delete(&paths[0]).await.expect(204), Value::Null);
    admin.delete(&paths[1]).await.expect(204);
    let never = format!("{comments}/cmt_01h455vb4pex5vsknk084sn02q");
    admin.delete(&never).await.expect_problem(404, "not_found");
    assert!(member.all(&comments, 10).await.is_empty());
    let kept = app.database.snapshot(&[]).await.join("\n");
    assert!(!kept.contains("spoken-words"), "nothing of a deleted comment is kept");
}

#[tokio::test]
async fn comment_bodies_are_in_no_event_and_no_history() {
    let app = app().await;
    let member = app.client(A, "member");
    let id = project(&member, "WEB").await;
    let path = path_of(&task(&member, &id, "T").await);
    member.post(&format!("{path}/comments"), json!({ "body": "marked-words" })).await.expect(201);
    let events = serde_json::to_string(&app.events().await).unwrap();
    assert!(!events.contains("marked-words"));
    let history = serde_json::to_string(&member.all(&format!("{path}/history"), 10).await).unwrap();
    assert!(!history.contains("marked-words"));
}
