//! What operators do.

use serde_json::json;

use crate::{Home, app, revoked, said, user_id};

#[tokio::test]
async fn operators_suspend_organizations() {
    let app = app().await;
    let home = Home::found(&app).await;
    let operator = app.operator();
    let suspend = home.at("/suspend");
    let body = json!({ "reason": "Spam" });
    let suspended = operator.post(&suspend, body.clone()).await.expect(200);
    assert_eq!(suspended["status"], "suspended");
    assert_eq!(revoked(&app).await, [home.id.to_string()]);
    operator.post(&suspend, body.clone()).await.expect_problem(409, "invalid_state");
    home.founder.post(&suspend, body).await.expect_problem(403, "operator_required");
    let back = operator.post(&home.at("/unsuspend"), json!({})).await.expect(200);
    assert_eq!((&back["status"], &back["suspendedReason"]), (&json!("active"), &json!(null)));
    assert_eq!(app.events().await.last().unwrap().orgid, Some(home.id));
    let said = said(&app, "organizations.organization.suspended").await;
    assert_eq!(said[0]["reason"], "Spam");
}

#[tokio::test]
async fn operators_make_owners_of_members() {
    let app = app().await;
    let home = Home::found(&app).await;
    home.member(&app, 2, "viewer").await;
    let path = home.at("/assign-owner");
    let body = |number| json!({ "userId": user_id(number) });
    let made = app.operator().post(&path, body(2)).await.expect(200);
    assert_eq!(made["systemKey"], "owner");
    app.operator().post(&path, body(9)).await.expect_problem(404, "not_found");
    app.person(1).post(&home.at("/leave"), json!({})).await.expect(204);
}
