//! Sign-in with a provider: who gets in, and who does not.

use std::{sync::atomic::Ordering, time::Duration};

use auth::{
    doubles::{APP, TestProvider},
    provider::ProviderFailure,
};
use futures::future::join_all;
use millwright_core::Clock;
use serde_json::{Value, json};

use crate::scene::{Browser, Scene, error_of, organization, parameter, scene, scene_with, user_of};

async fn nothing_came_of_it(scene: &Scene, browser: &Browser) {
    assert_eq!(scene.count("session").await, 0);
    assert_eq!(scene.count("identity").await, 0);
    assert!(browser.refresh.is_none());
}

#[tokio::test]
async fn a_browser_signs_in_and_no_url_holds_a_token() {
    let scene = scene().await;
    let mut browser = Browser::default();
    let started = scene.start(&mut browser, "&returnTo=/tasks%3Fa%3Db&remember=true").await;
    for (name, value) in [("response_type", "code"), ("code_challenge_method", "S256")] {
        assert_eq!(parameter(&started, name), value);
    }
    assert_eq!(started.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(started.header("cache-control"), Some("no-store"));
    let claims = scene.around.provider.claims("ada", &parameter(&started, "nonce"));
    let code = scene.around.provider.code(&claims);
    // Providers add their own.
    let back = format!("{code}&scope=openid&authuser=0&hd=x&prompt=none");
    let answer = scene.back(&mut browser, &parameter(&started, "state"), &back).await;
    assert_eq!(answer.header("location"), Some(format!("{APP}/tasks?a=b").as_str()));
    let cookie = answer.header("set-cookie").unwrap();
    for attribute in ["Path=/", "HttpOnly", "SameSite=Strict", "Max-Age=2592000"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    let exchanged = scene.around.provider.exchanged.lock().unwrap().join("");
    assert!(exchanged.contains("code_verifier="));
    let view = scene.refreshed(&mut browser).await;
    assert_eq!(view["session"]["deviceName"], "Firefox on Linux");
    assert_eq!(view["session"]["amr"], json!(["pwd", "mfa"]));
    assert_eq!(view["session"]["remember"], true);
    assert_eq!(view["organizationStatus"], "none");
    let said = scene.said("auth.login.succeeded").await;
    assert_eq!(said[0]["firstSignIn"], true);
    let again = scene.signed_in("ada").await;
    assert_eq!(scene.said("auth.login.succeeded").await[1]["firstSignIn"], false);
    assert_ne!(again.refresh, browser.refresh);
    assert_eq!((scene.count("identity").await, scene.count("session").await), (1, 2));
}

#[tokio::test]
async fn bad_id_tokens_open_nothing() {
    type Bend = fn(&mut Value);
    let bent: [(Bend, &str); 12] = [
        (|it| it["nonce"] = json!("another"), "nonce_mismatch"),
        (|it| it["aud"] = json!("another"), "id_token_invalid"),
        (|it| it["aud"] = json!(["millwright-test", "another"]), "id_token_invalid"),
        (|it| it["azp"] = json!("another"), "id_token_invalid"),
        (|it| it["iss"] = json!("https://evil.example"), "id_token_invalid"),
        (|it| it["exp"] = json!(it["iat"].as_i64().unwrap() - 100), "id_token_invalid"),
        (|it| it["iat"] = json!(it["iat"].as_i64().unwrap() - 700), "id_token_invalid"),
        (|it| it["iat"] = json!(it["iat"].as_i64().unwrap() + 100), "id_token_invalid"),
        (|it| it["at_hash"] = json!("another"), "id_token_invalid"),
        (|it| it["sub"] = json!("ü"), "id_token_invalid"),
        (|it| it["email_verified"] = json!(false), "email_not_verified"),
        (|it| it["email"] = json!("nobody"), "email_missing"),
    ];
    for (bend, reason) in bent {
        let scene = scene().await;
        let mut browser = Browser::default();
        let answer = scene.sign_in_as(&mut browser, "ada", bend).await;
        assert_eq!(error_of(&answer), reason);
        nothing_came_of_it(&scene, &browser).await;
    }
}

#[tokio::test]
async fn bad_signatures_open_nothing() {
    let (kid, public) = TestProvider::key();
    let hmac_with_the_public_key = |claims: &Value| {
        // An HMAC over the text of the public key: what a confused verifier would accept.
        let header = json!({ "alg": "HS256", "kid": kid });
        let unsigned = TestProvider::unsigned(&header, claims);
        let message = unsigned.trim_end_matches('.');
        let key = auth::secret::MacKey::new(public["n"].as_str().unwrap());
        use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(key.sign(message.as_bytes()).as_ref()))
    };
    type Make<'m> = Box<dyn Fn(&Value) -> String + 'm>;
    let makers: [Make<'_>; 6] = [
        Box::new(|claims| TestProvider::unsigned(&json!({ "alg": "none" }), claims)),
        Box::new(hmac_with_the_public_key),
        Box::new(|claims| TestProvider::signed(&json!({ "alg": "RS256", "kid": "other" }), claims)),
        Box::new(|claims| TestProvider::signed(&json!({ "alg": "PS256", "kid": kid }), claims)),
        Box::new(|claims| {
            TestProvider::signed(&json!({ "alg": "RS256", "kid": kid, "crit": ["x"] }), claims)
        }),
        Box::new(|claims| {
            let token = TestProvider::signed(&json!({ "alg": "RS256", "kid": kid }), claims);
            format!("{}AAAA", &token[..token.len() - 4])
        }),
    ];
    for (number, make) in makers.iter().enumerate() {
        let scene = scene().await;
        let mut browser = Browser::default();
        let started = scene.start(&mut browser, "").await;
        let claims = scene.around.provider.claims("ada", &parameter(&started, "nonce"));
        let code = scene.around.provider.code_of(&make(&claims));
        let answer = scene.back(&mut browser, &parameter(&started, "state"), &code).await;
        assert_eq!(error_of(&answer), "id_token_invalid", "{number}");
        nothing_came_of_it(&scene, &browser).await;
    }
}

#[tokio::test]
async fn an_email_may_come_by_userinfo_of_the_same_person_only() {
    let scene = scene().await;
    let without = |it: &mut Value| {
        it.as_object_mut().unwrap().retain(|name, _| !name.starts_with("email"));
    };
    let told = |subject: &str| json!({ "sub": subject, "email": "Ada@Example.org", "email_verified": "true" });
    scene.around.provider.tells(told("somebody"));
    let mut browser = Browser::default();
    let answer = scene.sign_in_as(&mut browser, "ada", without).await;
    assert_eq!(error_of(&answer), "id_token_invalid");
    nothing_came_of_it(&scene, &browser).await;
    scene.around.provider.tells(told("ada"));
    scene.sign_in_as(&mut browser, "ada", without).await;
    let client = scene.client(&mut browser).await;
    let identities = client.get("/api/v1/auth/identities").await.expect(200);
    assert_eq!(identities["items"][0]["email"], "ada@example.org");
}

#[tokio::test]
async fn an_attempt_is_of_one_browser_used_once_and_ten_minutes_old() {
    let scene = scene().await;
    let code_of = |started: &millwright_testkit::Answer| {
        let provider = &scene.around.provider;
        provider.code(&provider.claims("ada", &parameter(started, "nonce")))
    };
    let mut browser = Browser::default();
    // Another browser.
    let started = scene.start(&mut browser, "").await;
    let code = code_of(&started);
    let mut other = Browser::default();
    scene.start(&mut other, "").await;
    let answer = scene.back(&mut other, &parameter(&started, "state"), &code).await;
    assert_eq!(error_of(&answer), "login_binding_mismatch");
    // Late.
    let started = scene.start(&mut browser, "").await;
    scene.app.database.clock.advance(Duration::from_secs(601));
    let code = code_of(&started);
    let answer = scene.back(&mut browser, &parameter(&started, "state"), &code).await;
    assert_eq!(error_of(&answer), "login_expired");
    nothing_came_of_it(&scene, &browser).await;
    assert!(scene.around.provider.exchanged.lock().unwrap().is_empty(), "no code was exchanged");
    // Twice.
    let started = scene.start(&mut browser, "").await;
    let code = code_of(&started);
    let state = parameter(&started, "state");
    scene.back(&mut browser, &state, &code).await;
    let answer = scene.back(&mut browser, &state, &code).await;
    assert_eq!(error_of(&answer), "login_expired");
    assert_eq!(scene.around.provider.exchanged.lock().unwrap().len(), 1);
    assert_eq!(scene.count("session").await, 1);
}

#[tokio::test]
async fn what_a_provider_refuses_is_told_without_a_cause() {
    let scene = scene().await;
    for (failure, reason) in [
        (ProviderFailure::TimedOut, "provider_timeout"),
        (ProviderFailure::NotConnected, "provider_error"),
    ] {
        scene.around.provider.fails(Some(failure));
        let answer = scene.sign_in_as(&mut Browser::default(), "ada", |_| {}).await;
        assert_eq!(error_of(&answer), reason);
    }
    scene.around.provider.fails(None);
    let mut browser = Browser::default();
    let started = scene.start(&mut browser, "").await;
    let path =
        format!("/api/v1/auth/callback?error=access_denied&state={}", parameter(&started, "state"));
    assert_eq!(error_of(&scene.get(&path, &browser).await), "access_denied");
    assert_eq!(error_of(&scene.get("/api/v1/auth/callback", &browser).await), "login_expired");
}

#[tokio::test]
async fn an_announced_issuer_must_come_back() {
    let scene = scene().await;
    scene
        .around
        .provider
        .announces(json!({ "authorization_response_iss_parameter_supported": true }));
    let mut browser = Browser::default();
    let answer = scene.sign_in_as(&mut browser, "ada", |_| {}).await;
    assert_eq!(error_of(&answer), "id_token_invalid");
    let started = scene.start(&mut browser, "").await;
    let claims = scene.around.provider.claims("ada", &parameter(&started, "nonce"));
    let code = format!("{}&iss=alias.test", scene.around.provider.code(&claims));
    scene.back(&mut browser, &parameter(&started, "state"), &code).await;
    assert!(browser.refresh.is_some());
}

#[tokio::test]
async fn return_paths_stay_on_the_page() {
    let scene = scene().await;
    for bad in ["//evil", "/%5Cevil", "https%3A%2F%2Fevil", "/%250d%250aX", "/%0d%0aX", "x"] {
        let path = format!("/api/v1/auth/login?provider=test&returnTo={bad}");
        let answer = scene.get(&path, &Browser::default()).await;
        answer.expect_problem(400, "invalid_return_to");
    }
    let path = "/api/v1/auth/login?provider=other";
    scene.get(path, &Browser::default()).await.expect_problem(400, "unknown_provider");
}

#[tokio::test]
async fn sign_up_is_for_whom_the_settings_say() {
    let closed = |around: &mut auth::doubles::Surroundings| {
        around.settings["signUp"] = json!("domains");
        around.settings["signUpDomains"] = json!(["example.com"]);
    };
    let scene = scene_with(Clock::fixed(millwright_testkit::beginning()), closed).await;
    let mut browser = Browser::default();
    let answer = scene.sign_in_as(&mut browser, "ada", |_| {}).await;
    assert_eq!(error_of(&answer), "sign_up_closed");
    nothing_came_of_it(&scene, &browser).await;
    let of_domain = |it: &mut Value| it["email"] = json!("ada@example.com");
    scene.sign_in_as(&mut browser, "ada", of_domain).await;
    assert!(browser.refresh.is_some());
    scene.signed_in("invited").await;
}

#[tokio::test]
async fn half_made_people_are_finished_by_the_next_sign_in() {
    let scene = scene().await;
    scene.around.directory_failures.store(1, Ordering::SeqCst);
    let mut browser = Browser::default();
    let answer = scene.sign_in_as(&mut browser, "ada", |_| {}).await;
    assert_eq!(error_of(&answer), "temporarily_unavailable");
    let items = scene.app.database.items().await;
    let owner = items.iter().find(|item| item.kind() == "identity_owner").unwrap();
    let user = owner.text("userId").unwrap().to_owned();
    let mut browser = scene.signed_in("ada").await;
    assert_eq!(user_of(&scene.refreshed(&mut browser).await).to_string(), user);
    assert_eq!(scene.said("auth.login.succeeded").await[0]["firstSignIn"], true);
}

#[tokio::test]
async fn a_session_begins_where_it_is_asked_to() {
    let scene = scene().await;
    let mut browser = scene.signed_in("ada").await;
    let user = user_of(&scene.refreshed(&mut browser).await);
    scene.join(user, 1).await;
    scene.app.database.clock.advance(Duration::from_secs(1));
    scene.join(user, 2).await;
    let wishes = [("", 2), (&*format!("&organizationId={}", organization(1)), 1)]
        .map(|(more, n)| (more.to_owned(), n));
    for (more, number) in wishes {
        let started = scene.start(&mut browser, &more).await;
        let claims = scene.around.provider.claims("ada", &parameter(&started, "nonce"));
        let code = scene.around.provider.code(&claims);
        scene.back(&mut browser, &parameter(&started, "state"), &code).await;
        let view = scene.refreshed(&mut browser).await;
        assert_eq!(view["organizationId"], organization(number).to_string());
    }
}

/// Many instances, a tenth of their transactions conflicting.
fn instances(scene: &Scene, count: u64) -> Vec<Scene> {
    let instance = |seed| {
        let instance = scene.instance();
        instance.app.faults().conflict(seed, 0.1);
        instance
    };
    (0..count).map(instance).collect()
}

async fn until_answered(scene: &Scene, subject: &str, email: &str) -> (Browser, String) {
    loop {
        let mut browser = Browser::default();
        let bend = |it: &mut Value| it["email"] = json!(email);
        let answer = scene.sign_in_as(&mut browser, subject, bend).await;
        let error = parameter(&answer, "error");
        // Nothing came of it: begin again, as told.
        if error != "temporarily_unavailable" {
            return (browser, error);
        }
    }
}

#[tokio::test]
async fn of_32_first_sign_ins_one_makes_the_person() {
    let scene = scene_with(Clock::system(), |_| {}).await;
    let all = instances(&scene, 32);
    let answers = join_all(all.iter().map(|it| until_answered(it, "ada", "ada@example.org"))).await;
    assert!(answers.iter().all(|(_, error)| error.is_empty()), "{answers:?}");
    assert_eq!(scene.count("identity").await, 1);
    assert_eq!(scene.count("identity_owner").await, 1);
    assert_eq!(scene.count("user_facts").await, 1);
    let said = scene.said("auth.login.succeeded").await;
    assert_eq!(said.iter().filter(|it| it["firstSignIn"] == true).count(), 1);
    assert_eq!(said.len(), 32);
    let mut one = scene.signed_in("ada").await;
    let client = scene.client(&mut one).await;
    assert_eq!(client.all("/api/v1/auth/sessions", 100).await.len(), 10);
    let evicted = scene.said("auth.session.revoked").await;
    assert_eq!(evicted.len(), 33 - 10);
    assert!(evicted.iter().all(|it| it["reason"] == "evicted"));
}

#[tokio::test]
async fn of_two_with_one_email_one_gets_in() {
    let scene = scene_with(Clock::system(), |_| {}).await;
    for round in 0..8u64 {
        let (a, b) = (scene.instance(), scene.instance());
        a.app.faults().conflict(round, 0.1);
        b.app.faults().conflict(round + 100, 0.1);
        let (one, other) = (format!("a{round}"), format!("b{round}"));
        let email = format!("ada{round}@example.org");
        let ((first, e1), (second, e2)) =
            tokio::join!(until_answered(&a, &one, &email), until_answered(&b, &other, &email));
        let mut errors = [e1, e2];
        errors.sort_unstable();
        assert_eq!(errors, ["", "email_in_use"]);
        assert_ne!(first.refresh.is_some(), second.refresh.is_some());
    }
    assert_eq!(scene.count("identity").await, 8);
}
