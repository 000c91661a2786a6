//! Native clients: /auth/authorize, /auth/token, /auth/revoke

use std::time::Duration;

use auth::domain::pkce_challenge;
use futures::future::join_all;
use http::Method;
use millwright_core::Clock;
use millwright_testkit::Answer;
use serde_json::{Value, json};

use crate::scene::{Browser, Scene, claims_of, parameter, scene, scene_with};

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const REDIRECT: &str = "http://127.0.0.1:4711/callback";

fn query(bend: impl FnOnce(&mut Vec<(&'static str, String)>)) -> String {
    let mut pairs = [
        ("response_type", "code"),
        ("client_id", "cli"),
        ("redirect_uri", REDIRECT),
        ("code_challenge", &pkce_challenge(VERIFIER)),
        ("code_challenge_method", "S256"),
        ("state", "abc"),
        ("scope", "openid email"),
        ("nonce", "n1"),
        ("device_name", "Laptop"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .to_vec();
    bend(&mut pairs);
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(pairs);
    format!("/api/v1/auth/authorize?{}", query.finish())
}

async fn form(scene: &Scene, path: &str, pairs: &[(&str, &str)]) -> Answer {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(pairs);
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let path = format!("/api/v1/auth/{path}");
    scene.app.stranger().send(Method::POST, &path, &headers, form.finish()).await
}

/// Authorizes the client: our code.
async fn code(scene: &Scene) -> String {
    let mut browser = Browser::default();
    let started = scene.get(&query(|_| {}), &browser).await;
    browser.keep(&started);
    let provider = &scene.around.provider;
    let theirs = provider.code(&provider.claims("ada", &parameter(&started, "nonce")));
    let answer = scene.back(&mut browser, &parameter(&started, "state"), &theirs).await;
    assert!(answer.header("location").unwrap().starts_with(REDIRECT));
    assert_eq!(parameter(&answer, "state"), "abc");
    assert_eq!(parameter(&answer, "iss"), "http://127.0.0.1:9000/api/v1");
    assert!(browser.refresh.is_none(), "a native client has no cookie");
    parameter(&answer, "code")
}

async fn exchange(scene: &Scene, code: &str, verifier: &str) -> Answer {
    let pairs = [
        ("grant_type", "authorization_code"),
        ("client_id", "cli"),
        ("redirect_uri", REDIRECT),
        ("code", code),
        ("code_verifier", verifier),
        ("unknown", "skipped"),
    ];
    form(scene, "token", &pairs).await
}

async fn refresh(scene: &Scene, token: &str) -> Answer {
    let pairs = [("grant_type", "refresh_token"), ("client_id", "cli"), ("refresh_token", token)];
    form(scene, "token", &pairs).await
}

#[track_caller]
fn expect_error(answer: &Answer, status: u16, error: &str) -> Value {
    let body = answer.expect(status);
    assert_eq!(body["error"], error, "{answer:?}");
    assert!(body["error_description"].is_string() && body["code"].is_string());
    assert_eq!(body["requestId"].as_str(), answer.header("x-request-id"));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    body
}

#[tokio::test]
async fn a_native_client_gets_tokens_for_its_code() {
    let scene = scene().await;
    let answer = exchange(&scene, &code(&scene).await, VERIFIER).await;
    let tokens = answer.expect(200);
    assert_eq!(tokens["token_type"], "Bearer");
    assert_eq!(tokens["expires_in"], 900);
    let id_token = claims_of(tokens["id_token"].as_str().unwrap());
    assert_eq!(id_token["aud"], "cli");
    assert_eq!(id_token["nonce"], "n1");
    assert_eq!(id_token["email"], "ada@example.org");
    let access = tokens["access_token"].as_str().unwrap();
    let client = scene.app.bearer(access);
    let sessions = client.all("/api/v1/auth/sessions", 10).await;
    assert_eq!(sessions[0]["clientKind"], "native");
    assert_eq!(sessions[0]["deviceName"], "Laptop");
    let next = refresh(&scene, tokens["refresh_token"].as_str().unwrap()).await.expect(200);
    assert!(next.get("id_token").is_none());
    // Not in a browser.
    let token = next["refresh_token"].as_str().unwrap();
    scene.refresh_with(token, json!({})).await.expect_problem(401, "refresh_invalid");
    form(&scene, "revoke", &[("token", token)]).await.expect(200);
    form(&scene, "revoke", &[("token", "unknown")]).await.expect(200);
    expect_error(&refresh(&scene, token).await, 400, "invalid_grant");
    assert_eq!(scene.said("auth.session.revoked").await.len(), 1);
}

#[tokio::test]
async fn a_code_is_used_once_in_a_minute_by_who_asked() {
    let scene = scene().await;
    let issued = code(&scene).await;
    expect_error(&exchange(&scene, &issued, "wrong").await, 400, "invalid_grant");
    let tokens = exchange(&scene, &issued, VERIFIER).await.expect(200);
    expect_error(&exchange(&scene, &issued, VERIFIER).await, 400, "invalid_grant");
    let token = tokens["refresh_token"].as_str().unwrap();
    expect_error(&refresh(&scene, token).await, 400, "invalid_grant");
    assert_eq!(scene.said("auth.session.revoked").await.len(), 1);
    let issued = code(&scene).await;
    scene.app.database.clock.advance(Duration::from_secs(60));
    expect_error(&exchange(&scene, &issued, VERIFIER).await, 400, "invalid_grant");
}

#[tokio::test]
async fn of_32_exchanges_of_a_code_one_succeeds_and_none_is_left() {
    let scene = scene_with(Clock::system(), |_| {}).await;
    let issued = code(&scene).await;
    let uses = (0..32).map(|seed| {
        let instance = scene.instance();
        instance.app.faults().conflict(seed, 0.1);
        let issued = issued.clone();
        async move { exchange(&instance, &issued, VERIFIER).await.status.as_u16() }
    });
    let statuses = join_all(uses).await;
    assert_eq!(statuses.iter().filter(|it| **it == 200).count(), 1, "{statuses:?}");
    assert_eq!(scene.said("auth.session.revoked").await.len(), 1);
}

#[tokio::test]
async fn wrong_clients_redirects_and_challenges_are_no_redirect() {
    type Bend = fn(&mut Vec<(&'static str, String)>);
    let bends: [(Bend, &str); 7] = [
        (|it| it[1].1 = "other".to_owned(), "unknown_client"),
        (|it| it[2].1 = "http://localhost:4711/callback".to_owned(), "invalid_redirect_uri"),
        (|it| it[2].1 = "http://127.0.0.1:4711/other".to_owned(), "invalid_redirect_uri"),
        (|it| it[2].1 = "https://127.0.0.1:4711/callback".to_owned(), "invalid_redirect_uri"),
        (|it| it[2].1 = "http://example.org/callback".to_owned(), "invalid_redirect_uri"),
        (|it| drop(it.remove(3)), "invalid_request"),
        (|it| it[4].1 = "plain".to_owned(), "invalid_request"),
    ];
    let scene = scene().await;
    for (bend, code) in bends {
        let answer = scene.get(&query(bend), &Browser::default()).await;
        answer.expect_problem(400, code);
        assert!(answer.header("location").is_none());
    }
    let answer = scene.get(&query(|it| it[0].1 = "token".to_owned()), &Browser::default()).await;
    assert_eq!(parameter(&answer, "error"), "unsupported_response_type");
    let answer = scene.get(&query(|it| it[6].1 = "other".to_owned()), &Browser::default()).await;
    assert_eq!(parameter(&answer, "error"), "invalid_scope");
}

#[tokio::test]
async fn malformed_requests_are_told_in_the_words_of_the_rfc() {
    let scene = scene().await;
    expect_error(&form(&scene, "token", &[]).await, 400, "invalid_request");
    let password = [("grant_type", "password")];
    expect_error(&form(&scene, "token", &password).await, 400, "unsupported_grant_type");
    let twice = [("grant_type", "refresh_token"), ("grant_type", "refresh_token")];
    expect_error(&form(&scene, "token", &twice).await, 400, "invalid_request");
    let unknown = [("grant_type", "refresh_token"), ("client_id", "x"), ("refresh_token", "x")];
    expect_error(&form(&scene, "token", &unknown).await, 401, "invalid_client");
    for (grant_type, client_id) in [
        ("client_credentials", "cli"),
        ("refresh_token", "mwp_0123456789ab"),
        ("authorization_code", "mws_0123456789ab"),
    ] {
        let fields = [("grant_type", grant_type), ("client_id", client_id), ("client_secret", "x")];
        expect_error(&form(&scene, "token", &fields).await, 400, "unauthorized_client");
    }
    let no_form = scene.app.stranger().post("/api/v1/auth/token", json!({})).await;
    expect_error(&no_form, 400, "invalid_request");
}
