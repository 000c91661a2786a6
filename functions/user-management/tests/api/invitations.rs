//! /invitations

use std::time::Duration;

use millwright_testkit::{Client, TestApp};
use serde_json::{Value, json};

use crate::{Home, app, said, user, user_id};

pub const PATH: &str = "/api/v1/invitations";
pub const ACCEPT: &str = "/api/v1/invitations/accept";

/// The body that accepts an invitation.
pub fn token_of(sent: &Value) -> Value {
    let url = sent["acceptUrl"].as_str().unwrap();
    let token = url.strip_prefix("https://app.example.org/invitations#token=").unwrap();
    json!({ "token": token })
}

pub async fn invite(client: &Client, number: u128) -> Value {
    let body = json!({ "email": format!("user{number}@example.com") });
    client.post(PATH, body).await.expect(201)
}

async fn pending(home: &Home) -> u64 {
    let limits = home.founder.get(&home.at("/limits")).await.expect(200);
    limits["pendingInvitations"]["used"].as_u64().unwrap()
}

#[tokio::test]
async fn who_is_invited_joins() {
    let app = app().await;
    let home = Home::found(&app).await;
    let body = json!({ "email": " User2@EXAMPLE.com", "roleId": home.roles["member"] });
    let sent = home.founder.post(PATH, body).await.expect(201);
    assert_eq!(sent["email"], "user2@example.com");
    assert_eq!(sent["mailStatus"], "not_configured");
    let person = user(&app, 2).await;
    let preview = app.stranger().post("/api/v1/invitations/preview", token_of(&sent)).await;
    let preview = preview.expect(200);
    assert_eq!(preview["organizationName"], "Acme");
    assert_eq!(preview["emailHint"], "u***@example.com");
    assert_eq!(preview["inviterName"], "User 1");
    let mine = person.get("/api/v1/users/me/invitations").await.expect(200);
    assert_eq!(mine["items"][0]["id"], sent["id"]);
    let member = person.post(ACCEPT, token_of(&sent)).await.expect(200);
    assert_eq!((&member["roleName"], &member["status"]), (&json!("Member"), &json!("active")));
    assert_eq!(member["invitedBy"], user_id(1).to_string());
    assert_eq!(person.post(ACCEPT, token_of(&sent)).await.expect(200), member);
    assert_eq!(pending(&home).await, 0);
    let read = home.founder.get(&format!("{PATH}/{}", sent["id"].as_str().unwrap())).await;
    let read = read.expect(200);
    assert_eq!((&read["status"], &read["acceptedBy"]), (&json!("accepted"), &json!(user_id(2))));
    assert!(read.get("acceptUrl").is_none());
    assert_eq!(said(&app, "users.invitation.accepted").await.len(), 1);
    let again = home.founder.post(PATH, json!({ "email": "user2@example.com" })).await;
    again.expect_problem(409, "already_member");
}

#[tokio::test]
async fn an_invitation_is_for_its_address() {
    let app = app().await;
    let home = Home::found(&app).await;
    let sent = invite(&home.founder, 2).await;
    let other = user(&app, 3).await;
    let refused = other.post(ACCEPT, token_of(&sent)).await;
    let problem = refused.expect_problem(403, "invitation_email_mismatch");
    assert_eq!(problem["emailHint"], "u***@example.com");
    app.stranger().post(ACCEPT, token_of(&sent)).await.expect_problem(401, "unauthenticated");
    let by_id = format!("{PATH}/{}/accept", sent["id"].as_str().unwrap());
    other.post(&by_id, json!({})).await.expect_problem(404, "not_found");
    let mut foreign = token_of(&sent);
    foreign["userId"] = json!(user_id(2));
    other.post(ACCEPT, foreign).await.expect_problem(400, "invalid_request");
    let unknown = json!({ "token": "A".repeat(43) });
    other.post(ACCEPT, unknown.clone()).await.expect_problem(404, "not_found");
    let preview = app.stranger().post("/api/v1/invitations/preview", unknown).await;
    preview.expect_problem(404, "not_found");
    assert_eq!(pending(&home).await, 1);
    let invited = user(&app, 2).await;
    invited.post(&by_id, json!({})).await.expect(200);
    invited.post(&by_id, json!({})).await.expect(200);
}

#[tokio::test]
async fn the_link_is_shown_once() {
    let app = app().await;
    let home = Home::found(&app).await;
    let body = json!({ "email": "user2@example.com" });
    let key = [("idempotency-key", "once")];
    let first = home.founder.post_with(PATH, &key, body.clone()).await.expect(201);
    let again = home.founder.post_with(PATH, &key, body).await.expect(201);
    assert_eq!(again["id"], first["id"]);
    assert!(first["acceptUrl"].is_string());
    assert_eq!(again["acceptUrl"], Value::Null);
    let stored = format!("{:?}", app.database.items().await);
    let token = token_of(&first)["token"].as_str().unwrap().to_owned();
    assert!(!stored.contains(&token), "the token is nowhere");
}

#[tokio::test]
async fn resending_has_its_limits() {
    let app = app().await;
    let home = Home::found(&app).await;
    let person = user(&app, 2).await;
    let mut sent = invite(&home.founder, 2).await;
    let path = format!("{PATH}/{}/resend", sent["id"].as_str().unwrap());
    let founder = |app: &TestApp| crate::token(app, home.id, user_id(1), "owner");
    home.founder.post(&path, json!({})).await.expect_problem(429, "resend_too_soon");
    for _ in 0..5 {
        app.database.clock.advance(Duration::from_secs(60));
        let old = token_of(&sent);
        sent = founder(&app).post(&path, json!({})).await.expect(200);
        person.post(ACCEPT, old).await.expect_problem(404, "not_found");
    }
    app.database.clock.advance(Duration::from_secs(60));
    let sixth = founder(&app).post(&path, json!({})).await;
    sixth.expect_problem(409, "resend_limit_reached");
    person.post(ACCEPT, token_of(&sent)).await.expect(200);
}

#[tokio::test]
async fn what_is_over_is_over() {
    let app = app().await;
    let home = Home::found(&app).await;
    let person = user(&app, 2).await;
    let sent = invite(&home.founder, 2).await;
    let path = format!("{PATH}/{}", sent["id"].as_str().unwrap());
    home.founder.delete(&path).await.expect(204);
    home.founder.delete(&path).await.expect(204);
    person.post(ACCEPT, token_of(&sent)).await.expect_problem(404, "not_found");
    let sent = invite(&home.founder, 2).await;
    let decline = format!("{PATH}/{}/decline", sent["id"].as_str().unwrap());
    assert_eq!(person.post(&decline, json!({})).await.expect(200)["status"], "declined");
    person.post(ACCEPT, token_of(&sent)).await.expect_problem(404, "not_found");
    let sent = invite(&home.founder, 2).await;
    assert_eq!(pending(&home).await, 1);
    app.database.clock.advance(Duration::from_secs(7 * 24 * 3600));
    let late = app.person(2).post(ACCEPT, token_of(&sent)).await;
    late.expect_problem(409, "invitation_expired");
    let founder = crate::token(&app, home.id, user_id(1), "owner");
    let expired = founder.get(&format!("{PATH}?status=expired")).await.expect(200);
    assert_eq!(expired["items"][0]["id"], sent["id"]);
    // It gives way to another one.
    let renewed = invite(&founder, 2).await;
    app.person(2).post(ACCEPT, token_of(&renewed)).await.expect(200);
}

#[tokio::test]
async fn strangers_sign_up_by_invitation_alone() {
    let app = app().await;
    let home = Home::found(&app).await;
    let body = json!({
        "userId": user_id(2), "email": "user2@example.com", "requireInvitation": true,
    });
    let auth = app.service("auth", None);
    let path = "/api/v1/users/provision";
    auth.post(path, body.clone()).await.expect_problem(403, "sign_up_closed");
    invite(&home.founder, 2).await;
    auth.post(path, body).await.expect(201);
}

#[tokio::test]
async fn links_are_small_and_allowed_first() {
    let app = app().await;
    let home = Home::found(&app).await;
    let link = |role: &str| json!({ "type": "link", "roleId": home.roles[role] });
    let refused = home.founder.post(PATH, link("viewer")).await;
    refused.expect_problem(403, "link_invitations_disabled");
    let security = home.at("/security-settings");
    let allow = |it: bool| json!({ "linkInvitationsAllowed": it });
    home.founder.patch(&security, allow(true)).await.expect(200);
    let powerful = home.founder.post(PATH, link("admin")).await;
    powerful.expect_problem(400, "role_too_powerful");
    let both = json!({ "type": "link", "email": "user2@example.com" });
    home.founder.post(PATH, both).await.expect_problem(400, "invalid_request");
    let sent = home.founder.post(PATH, link("member")).await.expect(201);
    assert_eq!(sent["maxUses"], 10);
    home.founder.patch(&security, allow(false)).await.expect(200);
    let person = user(&app, 2).await;
    let refused = person.post(ACCEPT, token_of(&sent)).await;
    refused.expect_problem(403, "link_invitations_disabled");
    home.founder.patch(&security, allow(true)).await.expect(200);
    person.post(ACCEPT, token_of(&sent)).await.expect(200);
}

#[tokio::test]
async fn domains_and_roles_are_checked_again() {
    let app = app().await;
    let home = Home::found(&app).await;
    let role = json!({ "name": "Helper", "permissions": ["users.user.read"] });
    let role = home.founder.post(&home.at("/roles"), role).await.expect(201);
    let role_path = home.at(&format!("/roles/{}", role["id"].as_str().unwrap()));
    let body = json!({ "email": "user2@example.com", "roleId": role["id"] });
    let sent = home.founder.post(PATH, body.clone()).await.expect(201);
    home.founder.delete(&role_path).await.expect_problem(409, "role_in_use");
    home.founder.post(&format!("{role_path}/archive"), json!({})).await.expect(200);
    let person = user(&app, 2).await;
    person.post(ACCEPT, token_of(&sent)).await.expect_problem(409, "role_archived");
    home.founder.post(PATH, body).await.expect_problem(409, "role_archived");
    home.founder.post(&format!("{role_path}/unarchive"), json!({})).await.expect(200);
    let domains = json!({ "allowedEmailDomains": ["example.com"] });
    home.founder.patch(&home.at("/security-settings"), domains).await.expect(200);
    let foreign = home.founder.post(PATH, json!({ "email": "a@other.example" })).await;
    foreign.expect_problem(409, "email_domain_not_allowed");
    person.post(ACCEPT, token_of(&sent)).await.expect(200);
    home.founder.post(&format!("{}/suspend", home.member_path(2)), json!({})).await.expect(200);
    let admin = home.member(&app, 3, "admin").await;
    let owner = json!({ "email": "x@example.com", "roleId": home.roles["owner"] });
    admin.post(PATH, owner).await.expect_problem(403, "owner_only");
}

#[tokio::test]
async fn links_are_not_tried_without_end() {
    let app = app().await;
    let person = user(&app, 1).await;
    let body = json!({ "token": "A".repeat(43) });
    for _ in 0..30 {
        person.post(ACCEPT, body.clone()).await.expect_problem(404, "not_found");
        let preview = app.stranger().post("/api/v1/invitations/preview", body.clone()).await;
        preview.expect_problem(404, "not_found");
    }
    let refused = person.post(ACCEPT, body.clone()).await;
    refused.expect_problem(429, "rate_limited");
    assert!(refused.header("retry-after").is_some());
    let preview = app.stranger().post("/api/v1/invitations/preview", body.clone()).await;
    preview.expect_problem(429, "rate_limited");
    user(&app, 2).await.post(ACCEPT, body).await.expect_problem(404, "not_found");
}
