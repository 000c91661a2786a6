//! Organizations are deleted, and come back.

use std::time::Duration;

use futures::future::join_all;
use serde_json::json;

use crate::{Home, app, consistency::consistent, crowd, persistent, revoked, said, token, user_id};

const DAY: Duration = Duration::from_secs(24 * 3600);

#[tokio::test]
async fn an_organization_is_deleted_and_restored() {
    let app = app().await;
    let home = Home::found(&app).await;
    home.member(&app, 2, "admin").await;
    let delete = home.at("?confirm=acme");
    home.founder.delete(&home.at("")).await.expect_problem(400, "invalid_request");
    home.founder.delete(&home.at("?confirm=other")).await.expect_problem(400, "confirm_mismatch");
    let admin = token(&app, home.id, user_id(2), "admin");
    admin.delete(&delete).await.expect_problem(403, "forbidden");
    home.founder.delete(&delete).await.expect(204);
    home.founder.delete(&delete).await.expect(204);
    assert_eq!(revoked(&app).await, [home.id.to_string()]);
    let mine = app.person(1).get(crate::ORGANIZATIONS).await.expect(200);
    assert_eq!(mine["items"][0]["organization"]["status"], "deletion_scheduled");
    let scheduled = said(&app, "organizations.organization.deletion_scheduled").await;
    assert_eq!(scheduled.len(), 1);
    assert_eq!(scheduled[0]["deletesAt"], mine["items"][0]["organization"]["deletesAt"]);
    let suspend = app.operator().post(&home.at("/suspend"), json!({ "reason": "Spam" })).await;
    suspend.expect_problem(409, "invalid_state");
    let restore = home.at("/restore");
    app.person(2).post(&restore, json!({})).await.expect_problem(403, "owner_only");
    app.person(3).post(&restore, json!({})).await.expect_problem(404, "not_found");
    app.database.clock.advance(29 * DAY);
    let back = app.person(1).post(&restore, json!({})).await.expect(200);
    assert_eq!((&back["status"], &back["deletesAt"]), (&json!("active"), &json!(null)));
    app.person(1).post(&restore, json!({})).await.expect_problem(409, "invalid_state");
    assert_eq!(said(&app, "organizations.organization.restored").await.len(), 1);
    let due = app.database.items().await;
    assert!(!due.iter().any(|item| item.kind() == "due"));
    let owner = token(&app, home.id, user_id(1), "owner");
    owner.delete(&delete).await.expect(204);
    app.database.clock.advance(30 * DAY);
    app.person(1).post(&restore, json!({})).await.expect_problem(409, "invalid_state");
}

#[tokio::test]
async fn the_last_owner_may_leave_what_is_to_be_deleted() {
    let app = app().await;
    let home = Home::found(&app).await;
    home.member(&app, 2, "viewer").await;
    home.founder.delete(&home.at("?confirm=acme")).await.expect(204);
    app.person(1).post(&home.at("/leave"), json!({})).await.expect(204);
    consistent(&app).await;
    app.person(1).post(&home.at("/restore"), json!({})).await.expect_problem(404, "not_found");
}

/// The last owner leaves and restores at the same moment: never an organization in use without one.
#[tokio::test]
async fn what_is_restored_has_an_owner() {
    let (app, instances) = crowd(8).await;
    let home = Home::found(&app).await;
    home.founder.delete(&home.at("?confirm=acme")).await.expect(204);
    let calls = (0..32).map(|n| {
        let (person, home) = (instances[n % 8].person(1), &home);
        async move {
            let path = home.at(if n % 2 == 0 { "/leave" } else { "/restore" });
            persistent(async || person.post(&path, json!({})).await).await
        }
    });
    let answers = join_all(calls).await;
    assert!(answers.iter().all(|it| !it.status.is_server_error()), "{answers:?}");
    consistent(&app).await;
    let items = app.database.items().await;
    let organization = items.iter().find(|item| item.kind() == "organization").unwrap();
    let organization: user_management::domain::Organization = organization.decode().unwrap();
    let counters = items.iter().find(|item| item.kind() == "counters").unwrap();
    let is_in_use = organization.status.as_str() == "active";
    assert_eq!(counters.number("activeOwnerCount"), Some(u64::from(is_in_use)));
}
