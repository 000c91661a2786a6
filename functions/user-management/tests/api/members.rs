//! /organizations/{organizationId}/members, /users/{userId}, /users/lookup

use millwright_access::facts::MembershipFacts;
use millwright_core::{Tenant, Voucher};
use serde_json::{Value, json};

use crate::{Home, app, revoked, said, user, user_id};

fn names(items: &[Value]) -> Vec<&str> {
    items.iter().map(|it| it["user"]["displayName"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn members_are_found_by_name_status_and_role() {
    let app = app().await;
    let home = Home::found(&app).await;
    for (number, role) in [(3, "member"), (2, "viewer"), (4, "viewer")] {
        home.member(&app, number, role).await;
    }
    app.person(4).patch("/api/v1/users/me", json!({ "displayName": "Ada Zuse" })).await.expect(200);
    let all = home.founder.all(&home.at("/members"), 2).await;
    assert_eq!(names(&all), ["Ada Zuse", "User 1", "User 2", "User 3"]);
    assert_eq!(all[1]["roleName"], "Owner");
    let by = async |query: &str| home.founder.all(&home.at(&format!("/members?{query}")), 10).await;
    assert_eq!(names(&by("q=ZU").await), ["Ada Zuse"]);
    assert_eq!(names(&by("q=user3@").await), ["User 3"]);
    let viewer = home.roles["viewer"].as_str().unwrap();
    assert_eq!(names(&by(&format!("roleId={viewer}")).await), ["Ada Zuse", "User 2"]);
    home.founder.post(&format!("{}/suspend", home.member_path(2)), json!({})).await.expect(200);
    assert_eq!(names(&by("status=suspended").await), ["User 2"]);
    home.founder.delete(&home.member_path(3)).await.expect(204);
    assert_eq!(names(&by("status=ended").await), ["User 3"]);
    assert_eq!(by("").await.len(), 3);
    let refused = home.founder.get(&home.at("/members?q=a")).await;
    refused.expect_problem(400, "invalid_request");
}

#[tokio::test]
async fn cards_are_for_fellows() {
    let app = app().await;
    let home = Home::found(&app).await;
    home.member(&app, 2, "viewer").await;
    user(&app, 3).await;
    let card = home.founder.get(&format!("/api/v1/users/{}", user_id(2))).await.expect(200);
    assert_eq!(card["email"], "user2@example.com");
    assert!(card.get("phoneNumber").is_none());
    let stranger = home.founder.get(&format!("/api/v1/users/{}", user_id(3))).await;
    stranger.expect_problem(404, "not_found");
    let ids = json!({ "ids": [user_id(3), user_id(2), user_id(1)] });
    let found = home.founder.post("/api/v1/users/lookup", ids).await.expect(200);
    let found: Vec<&Value> =
        found["items"].as_array().unwrap().iter().map(|it| &it["id"]).collect();
    assert_eq!(found, [&json!(user_id(2)), &json!(user_id(1))]);
}

#[tokio::test]
async fn a_member_is_suspended_and_comes_back() {
    let app = app().await;
    let home = Home::found(&app).await;
    home.member(&app, 2, "member").await;
    let path = home.member_path(2);
    let body = json!({ "reason": "On leave" });
    let suspended = home.founder.post(&format!("{path}/suspend"), body).await.expect(200);
    assert_eq!(suspended["suspendedReason"], "On leave");
    assert_eq!(revoked(&app).await, [format!("{}/{}", home.id, user_id(2))]);
    let again = home.founder.post(&format!("{path}/suspend"), json!({})).await;
    again.expect_problem(409, "invalid_state");
    let back = home.founder.post(&format!("{path}/reactivate"), json!({})).await.expect(200);
    assert_eq!((&back["status"], &back["suspendedAt"]), (&json!("active"), &Value::Null));
    let out = home.founder.post(&format!("{path}/sign-out"), json!({})).await.expect(200);
    let tenant = Tenant::vouched(home.id, Voucher::Test);
    let place = MembershipFacts::place(&tenant, user_id(2));
    let facts: MembershipFacts = app.database.store().get(&place).await.unwrap().unwrap();
    assert_eq!(json!(facts.reauth_after), out["reauthAfter"]);
    assert_eq!(facts.access_version, 3);
    let own = home.founder.post(&format!("{}/suspend", home.member_path(1)), json!({})).await;
    own.expect_problem(409, "invalid_state");
}

#[tokio::test]
async fn who_leaves_is_a_member_no_more() {
    let app = app().await;
    let home = Home::found(&app).await;
    home.member(&app, 2, "member").await;
    home.member(&app, 3, "member").await;
    home.founder.delete(&home.member_path(2)).await.expect(204);
    home.founder.delete(&home.member_path(2)).await.expect(204);
    let former = home.founder.get(&home.member_path(2)).await.expect(200);
    assert_eq!((&former["status"], &former["endReason"]), (&json!("ended"), &json!("removed")));
    app.person(3).post(&home.at("/leave"), json!({})).await.expect(204);
    app.person(3).post(&home.at("/leave"), json!({})).await.expect_problem(404, "not_found");
    let limits = home.founder.get(&home.at("/limits")).await.expect(200);
    assert_eq!(limits["members"]["used"], 1);
    let mine = app.person(3).get("/api/v1/organizations").await.expect(200);
    assert!(mine["items"].as_array().unwrap().is_empty());
    let removed = said(&app, "users.membership.removed").await;
    assert_eq!(removed[1]["endReason"], "left");
    let update = json!({ "roleId": home.roles["admin"] });
    home.founder.patch(&home.member_path(2), update).await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn admins_do_not_touch_owners_nor_themselves() {
    let app = app().await;
    let home = Home::found(&app).await;
    let admin = home.member(&app, 2, "admin").await;
    home.member(&app, 3, "viewer").await;
    let role = |key: &str| json!({ "roleId": home.roles[key] });
    let own = admin.patch(&home.member_path(2), role("viewer")).await;
    own.expect_problem(403, "own_role");
    let owner = admin.patch(&home.member_path(1), role("viewer")).await;
    owner.expect_problem(403, "owner_only");
    let made = admin.patch(&home.member_path(3), role("owner")).await;
    made.expect_problem(403, "owner_only");
    let path = home.member_path(1);
    admin.post(&format!("{path}/suspend"), json!({})).await.expect_problem(403, "owner_only");
    admin.post(&format!("{path}/sign-out"), json!({})).await.expect_problem(403, "owner_only");
    admin.delete(&path).await.expect_problem(403, "owner_only");
    admin.patch(&home.member_path(3), role("admin")).await.expect(200);
    let denied = said(&app, "users.access.denied").await;
    assert_eq!(denied.len(), 4, "one for each operation in a minute");
}
