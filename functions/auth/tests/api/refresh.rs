//! Refresh tokens: one chain, whoever asks how often.

use std::{collections::BTreeSet, time::Duration};

use futures::future::join_all;
use millwright_core::Clock;
use serde_json::json;

use crate::scene::{claims_of, scene, scene_with, user_of};

#[tokio::test]
async fn of_32_uses_of_a_token_all_get_the_one_successor() {
    let scene = scene_with(Clock::system(), |_| {}).await;
    let browser = scene.signed_in("ada").await;
    let cookie = browser.refresh.unwrap();
    let uses = (0..32).map(|seed| {
        let instance = scene.instance();
        instance.app.faults().conflict(seed, 0.1);
        let cookie = cookie.clone();
        async move { instance.refresh_with(&cookie, json!({})).await }
    });
    let answers = join_all(uses).await;
    let successors: BTreeSet<&str> = answers
        .iter()
        .map(|it| it.header("set-cookie").unwrap().split(';').next().unwrap())
        .collect();
    assert!(answers.iter().all(|it| it.status == 200), "{answers:?}");
    assert_eq!(successors.len(), 1);
    let items = scene.app.database.items().await;
    let session = items.iter().find(|item| item.kind() == "session").unwrap();
    let session: auth::domain::Session = session.decode().unwrap();
    assert_eq!(session.refresh.generation, 2);
    let printed = format!("{session:?}");
    let stored = session.refresh.current.unwrap();
    assert!(!printed.contains(stored.as_str()), "fingerprints print nothing");
}

#[tokio::test]
async fn a_used_token_is_good_for_thirty_seconds_or_until_its_successor_is_used() {
    let late = |seconds| async move {
        let scene = scene().await;
        let mut browser = scene.signed_in("ada").await;
        let first = browser.refresh.clone().unwrap();
        scene.refreshed(&mut browser).await;
        scene.app.database.clock.advance(Duration::from_secs(seconds));
        (scene, browser, first)
    };
    let (scene, mut browser, first) = late(29).await;
    scene.refresh_with(&first, json!({})).await.expect(200);
    scene.refreshed(&mut browser).await;
    // The successor was used: somebody else has the first one.
    let answer = scene.refresh_with(&first, json!({})).await;
    answer.expect_problem(401, "refresh_reused");
    let (other, browser, first) = late(31).await;
    let uses = (0..32).map(|_| other.refresh_with(&first, json!({})));
    assert!(join_all(uses).await.iter().all(|it| it.status == 401 || it.status == 429));
    for (scene, browser) in [(&scene, browser.clone()), (&other, browser)] {
        let cookie = browser.refresh.unwrap();
        let answer = scene.refresh_with(&cookie, json!({})).await;
        assert!(answer.status == 401 || answer.status == 429, "{answer:?}");
        assert_eq!(scene.said("auth.refresh_token.reused").await.len(), 1);
        let revoked = scene.said("auth.session.revoked").await;
        assert_eq!(revoked.len(), 1);
        assert_eq!(revoked[0]["reason"], "refresh_reuse");
    }
}

#[tokio::test]
async fn a_forged_token_reads_nothing_and_harms_nobody() {
    let scene = scene().await;
    let mut browser = scene.signed_in("ada").await;
    let cookie = browser.refresh.clone().unwrap();
    let (start, end) = (&cookie[..48], &cookie[60..]);
    let forged = format!("{start}AAAAAAAAAAAA{end}");
    scene.app.faults().reset_calls();
    scene.refresh_with(&forged, json!({})).await.expect_problem(401, "refresh_invalid");
    assert!(!scene.app.faults().calls().contains_key("GetItem"));
    for nothing in ["", "mwr_x", "x"] {
        scene.refresh_with(nothing, json!({})).await.expect_problem(401, "refresh_invalid");
    }
    scene.refreshed(&mut browser).await;
}

#[tokio::test]
async fn failures_are_limited_and_good_tokens_are_not() {
    let scene = scene().await;
    let mut browser = scene.signed_in("ada").await;
    for _ in 0..20 {
        scene.refresh_with("mwr_x", json!({})).await.expect_problem(401, "refresh_invalid");
    }
    let answer = scene.refresh_with("mwr_x", json!({})).await;
    answer.expect_problem(429, "rate_limited");
    assert_eq!(answer.header("retry-after"), Some("2"));
    scene.refreshed(&mut browser).await;
    scene.app.database.clock.advance(Duration::from_secs(2));
    scene.refresh_with("mwr_x", json!({})).await.expect_problem(401, "refresh_invalid");
}

#[tokio::test]
async fn thirty_rotations_a_minute_and_the_next_is_not_lost() {
    let scene = scene().await;
    let mut browser = scene.signed_in("ada").await;
    for _ in 0..30 {
        scene.refreshed(&mut browser).await;
    }
    let cookie = browser.refresh.clone().unwrap();
    scene.refresh_with(&cookie, json!({})).await.expect_problem(429, "rate_limited");
    scene.app.database.clock.advance(Duration::from_secs(60));
    scene.refreshed(&mut browser).await;
}

#[tokio::test]
async fn sessions_end_by_time() {
    let scene = scene().await;
    let mut browser = scene.signed_in("ada").await;
    scene.app.database.clock.advance(Duration::from_secs(12 * 3600 - 1));
    scene.refreshed(&mut browser).await;
    scene.app.database.clock.advance(Duration::from_secs(1));
    let cookie = browser.refresh.unwrap();
    scene.refresh_with(&cookie, json!({})).await.expect_problem(401, "session_expired");
}

#[tokio::test]
async fn tokens_carry_what_the_facts_say() {
    let scene = scene().await;
    let mut browser = scene.signed_in("ada").await;
    let user = user_of(&scene.refreshed(&mut browser).await);
    let (one, two) = (scene.join(user, 1).await, scene.join(user, 2).await);
    let cookie = browser.refresh.clone().unwrap();
    let body = json!({ "organizationId": one });
    let answer = scene.refresh_with(&cookie, body.clone()).await;
    browser.keep(&answer);
    let view = answer.expect(200);
    let claims = claims_of(view["accessToken"].as_str().unwrap());
    assert_eq!(claims["org"], one.to_string());
    assert_eq!(claims["role"], "member");
    assert_eq!(claims["fv"], json!([1, 2, 3, 0]));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 900);
    assert!(claims.get("perms").is_none() && claims.get("email").is_none());
    assert!(view["accessToken"].as_str().unwrap().len() <= 900 * 3 / 2);
    assert_eq!(view["session"]["organizationId"], json!(null), "for one token");
    // The member is suspended: with a name 403 and nothing used, without a token without it.
    let client = scene.app.bearer(view["accessToken"].as_str().unwrap());
    let switch = "/api/v1/auth/sessions/current/switch-organization";
    client.post(switch, json!({ "organizationId": one })).await.expect(200);
    let switched = scene.said("auth.session.switched").await;
    assert_eq!(switched[0]["organizationId"], one.to_string());
    scene.suspend(user, one).await;
    let cookie = browser.refresh.clone().unwrap();
    let refused = scene.refresh_with(&cookie, body).await;
    refused.expect_problem(403, "membership_not_active");
    let view = scene.refreshed(&mut browser).await;
    assert_eq!(view["organizationStatus"], "suspended");
    assert_eq!(view["organizationId"], json!(null));
    assert_eq!(view["session"]["organizationId"], json!(null));
    // What was issued before is refused within twenty seconds.
    scene.app.database.clock.advance(Duration::from_secs(21));
    client.get("/api/v1/auth/me").await.expect_problem(401, "token_stale");
    let answer = scene
        .refresh_with(browser.refresh.as_ref().unwrap(), json!({ "organizationId": two }))
        .await;
    answer.expect(200);
    assert_eq!(scene.said("auth.activity.recorded").await.len(), 2);
}

#[tokio::test]
async fn a_refresh_costs_three_calls() {
    let scene = scene().await;
    let mut browser = scene.signed_in("ada").await;
    let user = user_of(&scene.refreshed(&mut browser).await);
    let one = scene.join(user, 1).await;
    let client = scene.client(&mut browser).await;
    let switch = "/api/v1/auth/sessions/current/switch-organization";
    client.post(switch, json!({ "organizationId": one })).await.expect(200);
    scene.refreshed(&mut browser).await;
    scene.app.faults().reset_calls();
    scene.refreshed(&mut browser).await;
    let calls = scene.app.faults().calls();
    let expected = [("BatchGetItem", 1), ("GetItem", 1), ("PutItem", 1)];
    assert_eq!(calls, expected.map(|(name, n)| (name.to_owned(), n)).into());
}

#[tokio::test]
async fn operators_are_those_of_the_settings() {
    let operators = |around: &mut auth::doubles::Surroundings| {
        around.settings["operators"] =
            json!([{ "issuer": auth::doubles::PROVIDER, "subject": "root" }]);
    };
    let scene = scene_with(Clock::fixed(millwright_testkit::beginning()), operators).await;
    let wish = json!({ "operator": true });
    let ada = scene.signed_in("ada").await.refresh.unwrap();
    scene.refresh_with(&ada, wish.clone()).await.expect_problem(403, "operator_required");
    let mut root = scene.signed_in("root").await;
    let answer = scene.refresh_with(root.refresh.as_ref().unwrap(), wish.clone()).await;
    root.keep(&answer);
    let claims = claims_of(answer.expect(200)["accessToken"].as_str().unwrap());
    assert_eq!(claims["op"], true);
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 300);
    assert!(claims.get("org").is_none());
    scene.app.database.clock.advance(Duration::from_secs(601));
    let answer = scene.refresh_with(root.refresh.as_ref().unwrap(), wish).await;
    answer.expect_problem(401, "reauthentication_required");
    scene.refreshed(&mut root).await;
}
