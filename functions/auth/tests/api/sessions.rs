//! /auth/sessions, /auth/identities, /auth/login-history, /auth/logins

use std::time::Duration;

use auth::doubles::APP;
use serde_json::{Value, json};

use crate::scene::{Browser, Scene, error_of, parameter, scene};

const SESSIONS: &str = "/api/v1/auth/sessions";

#[tokio::test]
async fn people_see_and_name_and_end_their_own_sessions() {
    let scene = scene().await;
    let mut here = scene.signed_in("ada").await;
    let ada = scene.client(&mut here).await;
    scene.signed_in("ada").await;
    let mut elsewhere = scene.signed_in("bob").await;
    let bob = scene.client(&mut elsewhere).await;
    let listed = ada.all(SESSIONS, 1).await;
    assert_eq!(listed.len(), 2);
    let current: Vec<&Value> = listed.iter().filter(|it| it["current"] == true).collect();
    let mine = format!("{SESSIONS}/{}", current[0]["id"].as_str().unwrap());
    let read = ada.get(&mine).await;
    read.expect(200);
    let named = ada.patch_if(&mine, &read.etag(), json!({ "deviceName": "Desk" })).await;
    assert_eq!(named.expect(200)["deviceName"], "Desk");
    let stale = ada.patch_if(&mine, &read.etag(), json!({ "deviceName": "X" })).await;
    stale.expect_problem(412, "version_stale");
    for answer in [bob.get(&mine).await, bob.patch(&mine, json!({})).await, bob.delete(&mine).await]
    {
        answer.expect_problem(404, "not_found");
    }
    let others = format!("{SESSIONS}/revoke-others");
    assert_eq!(ada.post(&others, json!({})).await.expect(200)["revoked"], 1);
    assert_eq!(ada.post(&others, json!({})).await.expect(200)["revoked"], 0);
    assert_eq!(ada.all(&format!("{SESSIONS}?status=revoked"), 10).await.len(), 1);
    ada.delete(&mine).await.expect(204);
    ada.delete(&mine).await.expect(204);
    assert_eq!(scene.said("auth.session.revoked").await.len(), 2);
    let cookie = here.refresh.unwrap();
    scene.refresh_with(&cookie, json!({})).await.expect_problem(401, "refresh_invalid");
}

/// Goes to the provider for a purpose and comes back as `subject`.
async fn again(
    scene: &Scene,
    browser: &mut Browser,
    purpose: &str,
    subject: &str,
) -> millwright_testkit::Answer {
    let client = scene.client(browser).await;
    let body = json!({ "purpose": purpose, "provider": "test", "returnTo": "/settings" });
    let cookies = browser.cookies();
    let headers = [("cookie", cookies.as_str())];
    let begun = client.post_with("/api/v1/auth/logins", &headers, body).await;
    let view = begun.expect(201);
    browser.keep(&begun);
    let url = url::Url::parse(view["authorizationUrl"].as_str().unwrap()).unwrap();
    let of = |name: &str| {
        url.query_pairs().find(|(key, _)| key == name).map(|(_, v)| v.into_owned()).unwrap()
    };
    let provider = &scene.around.provider;
    let code = provider.code(&provider.claims(subject, &of("nonce")));
    scene.back(browser, &of("state"), &code).await
}

#[tokio::test]
async fn identities_are_linked_and_unlinked() {
    let scene = scene().await;
    let mut browser = scene.signed_in("ada").await;
    let answer = again(&scene, &mut browser, "link", "ada2").await;
    assert_eq!(answer.header("location"), Some(format!("{APP}/settings").as_str()));
    // Again is fine; somebody else's is not.
    again(&scene, &mut browser, "link", "ada2").await;
    scene.signed_in("bob").await;
    let answer = again(&scene, &mut browser, "link", "bob").await;
    assert_eq!(error_of(&answer), "identity_in_use");
    assert_eq!(scene.said("auth.identity.linked").await.len(), 1);
    // Both come to the same person.
    let mut other = scene.signed_in("ada2").await;
    let client = scene.client(&mut other).await;
    let listed = client.get("/api/v1/auth/identities").await.expect(200);
    let ids: Vec<&str> =
        listed["items"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 2);
    let path = |id: &str| format!("/api/v1/auth/identities/{id}");
    client.delete(&path(ids[0])).await.expect(204);
    client.delete(&path(ids[0])).await.expect_problem(404, "not_found");
    client.delete(&path(ids[1])).await.expect_problem(409, "last_identity");
    let said = scene.said("auth.identity.unlinked").await;
    assert_eq!(said[0]["remainingEmails"], json!(["ada2@example.org"]));
    for number in 3..7 {
        again(&scene, &mut other, "link", &format!("ada{number}")).await;
    }
    let answer = again(&scene, &mut other, "link", "ada7").await;
    assert_eq!(error_of(&answer), "identity_limit_reached");
}

#[tokio::test]
async fn who_signs_in_again_counts_as_recent() {
    let scene = scene().await;
    let mut browser = scene.signed_in("ada").await;
    scene.app.database.clock.advance(Duration::from_secs(601));
    let client = scene.client(&mut browser).await;
    let body = json!({ "purpose": "link", "provider": "test", "returnTo": "/" });
    let refused = client.post("/api/v1/auth/logins", body.clone()).await;
    refused.expect_problem(401, "reauthentication_required");
    scene.signed_in("bob").await;
    let answer = again(&scene, &mut browser, "reauthenticate", "bob").await;
    assert_eq!(error_of(&answer), "different_user");
    again(&scene, &mut browser, "reauthenticate", "ada").await;
    let client = scene.client(&mut browser).await;
    client.post("/api/v1/auth/logins", body).await.expect(201);
    let records = client.all("/api/v1/auth/login-history", 2).await;
    let told: Vec<(&str, &str)> = records
        .iter()
        .map(|it| (it["purpose"].as_str().unwrap(), it["outcome"].as_str().unwrap()))
        .collect();
    let expected =
        [("reauthenticate", "succeeded"), ("reauthenticate", "refused"), ("sign_in", "succeeded")];
    assert_eq!(told, expected);
    let refused = client.all("/api/v1/auth/login-history?outcome=refused", 10).await;
    assert_eq!(refused[0]["reason"], "different_user");
    assert_eq!(scene.said("auth.login.failed").await.len(), 1);
}

#[tokio::test]
async fn an_email_that_changes_at_the_provider_changes_here_if_it_is_free() {
    let scene = scene().await;
    scene.signed_in("ada").await;
    scene.signed_in("bob").await;
    for (asserted, kept) in
        [("ada.new@example.org", "ada.new@example.org"), ("bob@example.org", "ada.new@example.org")]
    {
        let mut browser = Browser::default();
        let answer =
            scene.sign_in_as(&mut browser, "ada", |it| it["email"] = json!(asserted)).await;
        assert_eq!(parameter(&answer, "error"), "");
        let client = scene.client(&mut browser).await;
        let listed = client.get("/api/v1/auth/identities").await.expect(200);
        assert_eq!(listed["items"][0]["email"], kept);
    }
}

#[tokio::test]
async fn everything_of_a_person_goes_at_once_and_they_may_come_back() {
    let scene = scene().await;
    let mut browser = scene.signed_in("ada").await;
    let user = crate::scene::user_of(&scene.refreshed(&mut browser).await);
    let organization = scene.join(user, 1).await;
    let switch = format!("{SESSIONS}/current/switch-organization");
    let client = scene.client(&mut browser).await;
    let view = client.post(&switch, json!({ "organizationId": organization })).await.expect(200);
    let client = scene.app.bearer(view["accessToken"].as_str().unwrap());
    let key = json!({ "name": "K", "scopes": ["auth.api_key.read"] });
    let key = client.post("/api/v1/auth/api-keys", key).await.expect(201);
    scene.signed_in("ada").await;
    let all = format!("{SESSIONS}/revoke-all");
    let revoked = client.post(&all, json!({ "includeApiKeys": true })).await.expect(200);
    assert_eq!(revoked, json!({ "revokedSessions": 2, "revokedKeys": 1 }));
    scene.app.database.clock.advance(Duration::from_secs(21));
    client.post(&all, json!({})).await.expect_problem(401, "token_revoked");
    let holder = scene.app.bearer(key["key"].as_str().unwrap());
    holder.get("/api/v1/auth/api-keys").await.expect_problem(401, "invalid_token");
    // Signing in still works; an operator can end it.
    scene.signed_in("ada").await;
    let path = format!("/api/v1/auth/users/{user}/revoke-sessions");
    scene.app.person(5).post(&path, json!({})).await.expect_problem(403, "operator_required");
    let operator = scene.app.operator();
    let revoked = operator.post(&path, json!({ "includeApiKeys": true })).await.expect(200);
    assert_eq!(revoked, json!({ "revokedSessions": 1, "revokedKeys": 0 }));
    let said = scene.said("auth.session.revoked").await;
    assert_eq!(said[2]["reason"], "revoked_by_operator");
    assert_eq!(scene.said("auth.api_key.revoked").await.len(), 1);
}
