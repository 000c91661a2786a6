//! /users: provisioning and one's own profile.

use futures::future::join_all;
use serde_json::{Value, json};

use crate::{Home, app, crowd, persistent, said, user, user_id};

const ME: &str = "/api/v1/users/me";
const PROVISION: &str = "/api/v1/users/provision";

fn ada(number: u128, email: &str) -> Value {
    json!({ "userId": user_id(number), "email": email, "displayName": "Ada" })
}

#[tokio::test]
async fn who_signs_in_has_a_profile() {
    let app = app().await;
    let auth = app.service("auth", None);
    let made = auth.post(PROVISION, ada(1, " Ada@EXAMPLE.com ")).await.expect(201);
    assert_eq!(made["email"], "ada@example.com");
    assert_eq!(made["timezone"], "UTC");
    let again = auth.post(PROVISION, ada(1, "ADA@example.com")).await.expect(200);
    assert_eq!(again, made);
    let read = app.person(1).get(ME).await;
    assert_eq!(read.expect(200), made);
    app.person(2).get(ME).await.expect_problem(404, "not_found");
    assert_eq!(app.event_types().await, ["users.user.created"]);
}

#[tokio::test]
async fn only_auth_provisions() {
    let app = app().await;
    let body = ada(1, "ada@example.com");
    let planning = app.service("planning", None);
    planning.post(PROVISION, body.clone()).await.expect_problem(403, "forbidden");
    app.person(1).post(PROVISION, body.clone()).await.expect_problem(403, "forbidden");
    app.stranger().post(PROVISION, body).await.expect_problem(401, "unauthenticated");
}

#[tokio::test]
async fn every_spelling_of_an_address_is_taken_once() {
    let app = app().await;
    let auth = app.service("auth", None);
    auth.post(PROVISION, ada(1, "e\u{301}va@bücher.example")).await.expect(201);
    let other = ada(2, "\u{c9}VA@xn--bcher-kva.EXAMPLE");
    auth.post(PROVISION, other).await.expect_problem(409, "email_taken");
}

#[tokio::test]
async fn of_32_calls_one_makes_the_user() {
    let (app, instances) = crowd(8).await;
    let calls = (0..32).map(|n| {
        let auth = instances[n % instances.len()].service("auth", None);
        async move {
            let call = async || auth.post(PROVISION, ada(1, "ada@example.com")).await;
            persistent(call).await.status.as_u16()
        }
    });
    let mut statuses = join_all(calls).await;
    statuses.sort_unstable();
    assert_eq!(statuses[31], 201);
    assert!(statuses[..31].iter().all(|status| *status == 200), "{statuses:?}");
    assert_eq!(said(&app, "users.user.created").await.len(), 1);
}

#[tokio::test]
async fn of_32_users_one_gets_the_address() {
    let (_app, instances) = crowd(8).await;
    let calls = (0..32).map(|n: u128| {
        let auth = instances[usize::try_from(n).unwrap() % 8].service("auth", None);
        async move {
            let call = async || auth.post(PROVISION, ada(n + 1, "ada@example.com")).await;
            persistent(call).await.status.as_u16()
        }
    });
    let mut statuses = join_all(calls).await;
    statuses.sort_unstable();
    assert_eq!(statuses[0], 201);
    assert!(statuses[1..].iter().all(|status| *status == 409), "{statuses:?}");
}

#[tokio::test]
async fn addresses_come_and_go() {
    let app = app().await;
    let auth = app.service("auth", None);
    auth.post(PROVISION, ada(1, "ada@example.com")).await.expect(201);
    let two = auth.post(PROVISION, ada(1, "ada@work.example")).await.expect(200);
    assert_eq!(two["email"], "ada@example.com", "the primary one stays");
    assert_eq!(two["emails"].as_array().unwrap().len(), 2);
    let person = app.person(1);
    let chosen = person.patch(ME, json!({ "email": "Ada@Work.example" })).await.expect(200);
    assert_eq!(chosen["email"], "ada@work.example");
    let foreign = json!({ "email": "bob@example.com" });
    person.patch(ME, foreign).await.expect_problem(409, "email_not_mine");
    let mut moved = ada(1, "ada@new.example");
    moved["dropEmail"] = json!("ada@work.example");
    let moved = auth.post(PROVISION, moved).await.expect(200);
    assert_eq!(moved["email"], "ada@example.com", "the oldest takes over");
    auth.post(PROVISION, ada(2, "ada@work.example")).await.expect(201);
    for n in 0..3 {
        auth.post(PROVISION, ada(1, &format!("a{n}@example.com"))).await.expect(200);
    }
    let sixth = auth.post(PROVISION, ada(1, "a9@example.com")).await;
    assert_eq!(sixth.expect_problem(409, "email_limit_reached")["limit"], 5);
}

#[tokio::test]
async fn a_profile_is_patched() {
    let app = app().await;
    let person = user(&app, 1).await;
    let patch = json!({
        "displayName": "Ada", "phoneNumber": "+4930123456", "skills": ["Rust"],
        "timezone": "Europe/London", "language": "en-GB", "jobTitle": "Analyst",
    });
    let patched = person.patch(ME, patch.clone()).await;
    assert_eq!(patched.etag(), "\"2\"");
    let whole = patched.expect(200);
    assert_eq!(whole["skills"], json!(["Rust"]));
    assert_eq!(person.patch(ME, patch).await.expect(200), whole, "a change of nothing is none");
    let stale = person.patch_if(ME, "\"1\"", json!({ "jobTitle": null })).await;
    assert_eq!(stale.expect_problem(412, "version_stale")["currentVersion"], 2);
    let cleared = person.patch(ME, json!({ "phoneNumber": null })).await.expect(200);
    assert_eq!(cleared["phoneNumber"], Value::Null);
    let updated = said(&app, "users.user.updated").await;
    assert_eq!(updated.len(), 2);
    assert_eq!(updated[1]["changed"], json!(["phoneNumber"]));
    assert!(!updated[0].to_string().contains("4930"), "no values in events");
}

#[tokio::test]
async fn time_zones_are_those_of_the_database() {
    let app = app().await;
    let person = user(&app, 1).await;
    for good in ["Europe/Berlin", "America/Argentina/Ushuaia", "Etc/GMT+5", "UTC"] {
        person.patch(ME, json!({ "timezone": good })).await.expect(200);
    }
    for bad in ["Europe/Atlantis", "europe/berlin", "CEST", "+01:00"] {
        let refused = person.patch(ME, json!({ "timezone": bad })).await;
        refused.expect_problem(400, "invalid_request");
    }
}

#[tokio::test]
async fn what_does_not_fit_is_told_all_at_once() {
    let app = app().await;
    let person = user(&app, 1).await;
    let patch = json!({
        "displayName": "", "phoneNumber": "030", "avatarUrl": "http://example.com/a.png",
        "skills": ["a", "A"], "timezone": "?", "language": "English", "unknown": 1,
    });
    let problem = person.patch(ME, patch).await.expect_problem(400, "invalid_request");
    assert_eq!(problem["errors"].as_array().unwrap().len(), 7, "{problem}");
}

#[tokio::test]
async fn the_default_organization_is_one_of_ones_own() {
    let app = app().await;
    let home = Home::found(&app).await;
    let person = app.person(1);
    let body = json!({ "defaultOrganizationId": home.id });
    let patched = person.patch(ME, body.clone()).await.expect(200);
    assert_eq!(patched["defaultOrganizationId"], home.id.to_string());
    let stranger = user(&app, 2).await;
    stranger.patch(ME, body).await.expect_problem(409, "not_a_member");
}
