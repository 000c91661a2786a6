//! /auth/users/{userId}/data, /auth/ready, and what only services may do

use std::{collections::BTreeMap, sync::atomic::Ordering, time::Duration};

use http::Method;
use millwright_core::Clock;
use millwright_testkit::beginning;
use serde_json::{Value, json};

use crate::scene::{Browser, Scene, parameter, scene, scene_with, user_of};

const KEYS: &str = "/api/v1/auth/api-keys";

#[tokio::test]
async fn an_export_has_everything_of_a_person_and_no_secret() {
    let scene = scene().await;
    let mut browser = scene.signed_in("ada").await;
    scene.signed_in("ada").await;
    let user = user_of(&scene.refreshed(&mut browser).await);
    scene.signed_in("bob").await;
    let mut secrets = vec![browser.refresh.clone().unwrap()];
    for number in [1, 2, 3] {
        let organization = scene.join(user, number).await;
        let member = scene.app.client_of(user, Some(organization), |claims| {
            claims.role = Some("member".to_owned());
        });
        for name in ["A", "B", "C"] {
            let body = json!({ "name": name, "scopes": ["auth.api_key.read"] });
            let made = member.post(KEYS, body).await.expect(201);
            secrets.push(made["key"].as_str().unwrap()[17..60].to_owned());
        }
    }
    let service = scene.app.service("user-management", None);
    let path = format!("/api/v1/auth/users/{user}/data");
    let whole = service.all(&path, 100).await;
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for thing in &whole {
        *kinds.entry(thing["kind"].as_str().unwrap()).or_default() += 1;
        assert_eq!(thing["userId"], user.to_string());
    }
    let expected = [("api_key", 9), ("identity", 1), ("login_record", 2), ("session", 2)];
    assert_eq!(kinds, BTreeMap::from(expected));
    assert_eq!(whole[0]["email"], "ada@example.org");
    let text = json!(whole).to_string();
    assert!(secrets.iter().all(|secret| !text.contains(secret)));
    assert!(!text.contains("hash") && !text.contains("fingerprint"));
    for limit in [1, 2, 3, 4, 5, 7] {
        assert_eq!(service.all(&path, limit).await, whole, "{limit}");
    }
    // Somebody who is not there has nothing.
    let nobody = "/api/v1/auth/users/usr_01jdbx0pmgfcevdh08yfgtjb82/data";
    assert!(service.all(nobody, 10).await.is_empty());
}

#[tokio::test]
async fn only_the_named_service_exports_and_refusals_are_recorded() {
    let scene = scene().await;
    let owner = scene.member(1, millwright_identity::SystemRole::Owner).await;
    let path = format!("/api/v1/auth/users/{}/data", owner.user);
    owner.get(&path).await.expect_problem(403, "forbidden");
    scene.app.stranger().get(&path).await.expect_problem(401, "unauthenticated");
    scene.app.service("planning", None).get(&path).await.expect_problem(403, "forbidden");
    let organization = owner.tenant().organization();
    let service = scene.app.service("planning", organization);
    service.get(&path).await.expect_problem(403, "forbidden");
    let said = scene.said("auth.access.denied").await;
    assert_eq!(said.len(), 2, "of the owner, and of the service in the organization: {said:?}");
    assert!(said.iter().all(|it| it["permission"] == "auth.user_data.export"));
    assert!(said.iter().all(|it| it["operation"] == "user_data_export"));
}

#[tokio::test]
async fn no_service_acts_for_somebody_else() {
    let scene = scene().await;
    let acting = [("x-millwright-act-for", r#"{"actorId":"usr_01jdbx0pmgfcevdh08yfgtjb82"}"#)];
    let service = scene.app.service("user-management", None);
    let user = "usr_01jdbx0pmgfcevdh08yfgtjb82";
    for path in [format!("/api/v1/auth/users/{user}/data"), KEYS.to_owned()] {
        let answer = service.send(Method::GET, &path, &acting, "").await;
        answer.expect_problem(403, "act_for_denied");
    }
}

#[tokio::test]
async fn ready_is_who_can_read_the_keys_and_believe_the_providers() {
    let scene = scene().await;
    let ready = async |scene: &Scene| {
        scene.app.database.clock.advance(Duration::from_secs(11));
        scene.app.stranger().get("/api/v1/auth/ready").await
    };
    ready(&scene).await.expect(200);
    scene.app.faults().outage(true);
    ready(&scene).await.expect_problem(503, "unavailable");
    scene.app.faults().outage(false);
    let other = scene.instance();
    scene.around.secrets_away.store(true, Ordering::SeqCst);
    ready(&scene).await.expect(200);
    ready(&other).await.expect_problem(503, "unavailable");
    scene.around.secrets_away.store(false, Ordering::SeqCst);
    // What was read of a provider once serves for seven days.
    scene.signed_in("ada").await;
    scene.app.database.clock.advance(Duration::from_secs(6 * 24 * 3600));
    ready(&scene).await.expect(200);
    scene.app.database.clock.advance(Duration::from_secs(24 * 3600));
    ready(&scene).await.expect_problem(503, "unavailable");
    scene.signed_in("ada").await;
    ready(&scene).await.expect(200);
}

#[tokio::test]
async fn a_native_client_may_want_a_fresh_look_at_the_person() {
    let scene = scene().await;
    let authorize = |max_age: &str| {
        format!(
            "/api/v1/auth/authorize?response_type=code&client_id=cli&state=s&max_age={max_age}\
             &redirect_uri=http://127.0.0.1:1/callback&code_challenge_method=S256\
             &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        )
    };
    let bad = scene.get(&authorize("soon"), &Browser::default()).await;
    assert_eq!(parameter(&bad, "error"), "invalid_request");
    for (seconds_ago, is_fine) in [(0, true), (159, true), (161, false)] {
        let mut browser = Browser::default();
        let started = scene.get(&authorize("100"), &browser).await;
        assert_eq!(parameter(&started, "max_age"), "100");
        browser.keep(&started);
        let mut claims = scene.around.provider.claims("ada", &parameter(&started, "nonce"));
        claims["auth_time"] = json!(claims["iat"].as_i64().unwrap() - seconds_ago);
        let code = scene.around.provider.code(&claims);
        let answer = scene.back(&mut browser, &parameter(&started, "state"), &code).await;
        let error = parameter(&answer, "error_description");
        assert_eq!(error, if is_fine { "" } else { "id_token_invalid" }, "{seconds_ago}");
        assert_ne!(parameter(&answer, "code").is_empty(), is_fine);
    }
}

#[tokio::test]
async fn accounts_that_are_not_active_stay_out() {
    use millwright_access::facts::{DeactivatedBy, UserFacts, UserStatus};
    let hosted = |around: &mut auth::doubles::Surroundings| {
        around.settings["providers"][0]["hostedDomains"] = json!(["example.org"]);
    };
    let scene = scene_with(Clock::fixed(beginning()), hosted).await;
    let elsewhere = |it: &mut Value| it["email"] = json!("ada@example.com");
    let answer = scene.sign_in_as(&mut Browser::default(), "eve", elsewhere).await;
    assert_eq!(crate::scene::error_of(&answer), "domain_not_allowed");
    let user = user_of(&scene.refreshed(&mut scene.signed_in("ada").await).await);
    for (status, by, more, error) in [
        (UserStatus::Deactivated, DeactivatedBy::Themselves, "", "account_deactivated"),
        (UserStatus::Deactivated, DeactivatedBy::Operator, "&reactivate=true", "account_disabled"),
        (UserStatus::DeletionScheduled, DeactivatedBy::Themselves, "", "account_deactivated"),
        (UserStatus::Deleted, DeactivatedBy::Themselves, "&reactivate=true", "account_disabled"),
        (UserStatus::Deactivated, DeactivatedBy::Themselves, "&reactivate=true", ""),
    ] {
        let store = scene.app.database.store();
        let person = millwright_core::Tenant::person(user, millwright_core::Voucher::Test);
        let found: Option<UserFacts> = store.get(&UserFacts::place(&person)).await.unwrap();
        let facts = UserFacts { status, deactivated_by: Some(by), ..found.unwrap() };
        let mut transaction = store.transaction(&person);
        transaction.put(&facts);
        transaction.commit().await.unwrap();
        let mut browser = Browser::default();
        let started = scene.start(&mut browser, more).await;
        let claims = scene.around.provider.claims("ada", &parameter(&started, "nonce"));
        let code = scene.around.provider.code(&claims);
        let answer = scene.back(&mut browser, &parameter(&started, "state"), &code).await;
        assert_eq!(parameter(&answer, "error"), error, "{status} by {by}");
        assert_eq!(browser.refresh.is_some(), error.is_empty());
    }
}

#[tokio::test]
async fn tokens_expire_and_silence_of_the_feed_opens_nothing() {
    let scene = scene().await;
    let mut browser = scene.signed_in("ada").await;
    let client = scene.client(&mut browser).await;
    client.get("/api/v1/auth/me").await.expect(200);
    scene.app.faults().outage(true);
    scene.app.database.clock.advance(Duration::from_secs(59));
    client.get("/api/v1/auth/me").await.expect(200);
    scene.app.database.clock.advance(Duration::from_secs(2));
    client.get("/api/v1/auth/me").await.expect_problem(503, "revocation_unknown");
    scene.app.faults().outage(false);
    client.get("/api/v1/auth/me").await.expect(200);
    scene.app.database.clock.advance(Duration::from_secs(900));
    client.get("/api/v1/auth/me").await.expect_problem(401, "token_expired");
}
