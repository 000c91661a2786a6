//! /auth/api-keys, /auth/member-keys, /auth/service-keys, and what keys open

use std::time::Duration;

use futures::future::join_all;
use http::Method;
use millwright_access::facts::MembershipStatus;
use millwright_core::Clock;
use millwright_identity::SystemRole::{Admin, Member, Owner};
use millwright_testkit::{Answer, Client, mistyped};
use serde_json::{Value, json};

use crate::scene::{claims_of, organization, scene, scene_with};

const KEYS: &str = "/api/v1/auth/api-keys";
const SERVICE_KEYS: &str = "/api/v1/auth/service-keys";

fn input(name: &str) -> Value {
    json!({ "name": name, "scopes": ["auth.api_key.*"] })
}

/// A key, and its path.
async fn made(client: &Client, path: &str, body: Value) -> (String, String) {
    let created = client.post(path, body).await;
    let view = created.expect(201);
    (view["key"].as_str().unwrap().to_owned(), created.header("location").unwrap().to_owned())
}

#[tokio::test]
async fn a_key_is_shown_once_and_opens_what_role_and_scopes_have_in_common() {
    let scene = scene().await;
    let member = scene.member(1, Member).await;
    let headers = [("idempotency-key", "once")];
    let created = member.post_with(KEYS, &headers, input("Backup")).await;
    let view = created.expect(201);
    let key = view["key"].as_str().unwrap().to_owned();
    assert!(key.starts_with(&format!("{}_", view["prefix"].as_str().unwrap())));
    let again = member.post_with(KEYS, &headers, input("Backup")).await.expect(201);
    assert_eq!(again["key"], Value::Null);
    assert_eq!(again["id"], view["id"]);
    // The secret is nowhere.
    let secret = &key[17..60];
    let stored = scene.app.database.snapshot(&[]).await.join("");
    assert!(!stored.contains(secret));
    let holder = scene.app.bearer(&key);
    let me = holder.get("/api/v1/auth/me").await.expect(200);
    assert_eq!(me["kind"], "personal_key");
    assert_eq!(me["organizationId"], organization(1).to_string());
    let listed = holder.all(KEYS, 10).await;
    assert_eq!(listed.len(), 1);
    assert!(listed[0].get("key").is_none());
    // Nothing that wants somebody to be there.
    let path = created.header("location").unwrap();
    holder.post(KEYS, input("More")).await.expect_problem(403, "session_required");
    holder.patch(path, json!({ "name": "X" })).await.expect_problem(403, "session_required");
    holder.get(SERVICE_KEYS).await.expect_problem(403, "forbidden");
    // A key may revoke itself.
    holder.delete(path).await.expect(204);
    scene.app.database.clock.advance(Duration::from_secs(21));
    holder.get(KEYS).await.expect_problem(401, "invalid_token");
    member.delete(path).await.expect(204);
    assert_eq!(scene.said("auth.api_key.revoked").await.len(), 1);
    assert_eq!(member.get(path).await.expect(200)["status"], "revoked");
}

#[tokio::test]
async fn scopes_go_no_further_than_their_maker() {
    let scene = scene().await;
    let member = scene.member(1, Member).await;
    for scope in ["*", "auth.service_key.read", "auth.*", "auth.member_key.revoke", "no.such.thing"]
    {
        let body = json!({ "name": "K", "scopes": [scope] });
        member.post(KEYS, body).await.expect_problem(403, "scope_not_held");
    }
    for scopes in [json!([]), json!(["x"]), json!(vec!["auth.api_key.read"; 101])] {
        let body = json!({ "name": "K", "scopes": scopes });
        member.post(KEYS, body).await.expect_problem(400, "invalid_request");
    }
    for (field, value) in [
        ("allowedCidrs", json!(["x"])),
        ("expiresAt", json!("2026-11-23T02:04:57Z")),
        ("expiresAt", json!("2028-11-23T02:04:57Z")),
    ] {
        let mut body = input("K");
        body[field] = value;
        member.post(KEYS, body).await.expect_problem(400, "invalid_request");
    }
    // A role that is reduced later takes the key with it.
    let (key, _) = made(&member, KEYS, input("K")).await;
    let holder = scene.app.bearer(&key);
    holder.get(KEYS).await.expect(200);
    let custom = |it: &mut millwright_access::facts::MembershipFacts| it.system_role = None;
    scene.change_member(member.user, organization(1), custom).await;
    scene.app.database.clock.advance(Duration::from_secs(21));
    holder.get(KEYS).await.expect_problem(403, "forbidden");
}

#[tokio::test]
async fn a_key_stops_with_the_membership_or_the_organizations_word() {
    let scene = scene().await;
    let member = scene.member(1, Member).await;
    let (key, _) = made(&member, KEYS, input("K")).await;
    let holder = scene.app.bearer(&key);
    let id = organization(1);
    let later = || scene.app.database.clock.advance(Duration::from_secs(21));
    for (status, answer) in [(MembershipStatus::Suspended, 401), (MembershipStatus::Active, 200)] {
        scene.change_member(member.user, id, |it| it.status = status).await;
        later();
        assert_eq!(holder.get(KEYS).await.status, answer);
    }
    for (allowed, answer) in [(false, 401), (true, 200)] {
        scene.change_organization(id, |it| it.personal_api_keys_allowed = allowed).await;
        later();
        assert_eq!(holder.get(KEYS).await.status, answer);
    }
    scene.change_organization(id, |it| it.personal_api_keys_allowed = false).await;
    member.post(KEYS, input("L")).await.expect_problem(403, "api_keys_disabled");
}

#[tokio::test]
async fn a_rotated_key_has_an_overlap_and_then_one_secret() {
    let scene = scene().await;
    let member = scene.member(1, Member).await;
    let (old, path) = made(&member, KEYS, input("K")).await;
    let rotate = format!("{path}/rotate");
    let rotated = member.post(&rotate, json!({ "overlapSeconds": 60 })).await.expect(200);
    let new = rotated["key"].as_str().unwrap();
    let status = async |key: &str| scene.app.bearer(key).get(KEYS).await.status.as_u16();
    assert_eq!((status(&old).await, status(new).await), (200, 200));
    scene.app.database.clock.advance(Duration::from_secs(60));
    assert_eq!((status(&old).await, status(new).await), (401, 200));
    let newest = member.post(&rotate, json!({})).await.expect(200);
    scene.app.database.clock.advance(Duration::from_secs(20));
    assert_eq!(status(new).await, 401);
    assert_eq!(status(newest["key"].as_str().unwrap()).await, 200);
    scene.app.database.clock.advance(Duration::from_secs(91 * 24 * 3600));
    assert_eq!(status(newest["key"].as_str().unwrap()).await, 401, "expired");
    let member = scene.app.client(1, "member");
    member.post(&rotate, json!({})).await.expect_problem(409, "invalid_state");
    assert_eq!(scene.said("auth.api_key.rotated").await.len(), 2);
}

#[tokio::test]
async fn whatever_is_wrong_with_a_key_is_answered_alike() {
    let scene = scene().await;
    let member = scene.member(1, Member).await;
    let mut body = input("K");
    body["allowedCidrs"] = json!(["192.0.2.0/24"]);
    let (elsewhere, _) = made(&member, KEYS, body).await;
    let (good, path) = made(&member, KEYS, input("L")).await;
    let id = path.rsplit('/').next().unwrap().parse().unwrap();
    let wrong = millwright_access::api_keys::written(&id, &"A".repeat(43));
    let unknown =
        millwright_access::api_keys::KeyId::Personal(scene.app.database.store().ids().next());
    let unknown = millwright_access::api_keys::written(&unknown, &good[17..60]);
    let mistyped = mistyped(&good);
    let shown = |answer: &Answer| {
        let mut headers = answer.headers.clone();
        let mut body = answer.json();
        body["requestId"] = Value::Null;
        for name in ["x-request-id", "traceparent", "ratelimit"] {
            headers.remove(name);
        }
        format!("{} {headers:?} {body}", answer.status)
    };
    let mut answers = Vec::new();
    for key in [&elsewhere, &wrong, &unknown, &mistyped] {
        let answer = scene.app.bearer(key).get(KEYS).await;
        answer.expect_problem(401, "invalid_token");
        answers.push(shown(&answer));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:#?}");
    scene.app.bearer(&good).get(KEYS).await.expect(200);
}

#[tokio::test]
async fn names_are_unique_per_owner_and_keys_are_changed_by_it() {
    let scene = scene().await;
    let (member, admin) = (scene.member(1, Member).await, scene.member(1, Admin).await);
    let (_, path) = made(&member, KEYS, input("Backup")).await;
    member.post(KEYS, input("BACKUP")).await.expect_problem(409, "name_taken");
    made(&admin, KEYS, input("Backup")).await;
    made(&member, KEYS, input("Other")).await;
    member.patch(&path, json!({ "name": "other" })).await.expect_problem(409, "name_taken");
    let body = json!({ "name": "BACKUP", "scopes": ["auth.api_key.read"], "allowedCidrs": null });
    let changed = member.patch_if(&path, "\"1\"", body).await.expect(200);
    assert_eq!(changed["scopes"], json!(["auth.api_key.read"]));
    member.patch_if(&path, "\"1\"", json!({})).await.expect_problem(412, "version_stale");
    // Somebody else's.
    admin.get(&path).await.expect_problem(404, "not_found");
    admin.delete(&path).await.expect_problem(404, "not_found");
    let listed = admin.all("/api/v1/auth/member-keys", 2).await;
    assert_eq!(listed.len(), 3);
    let of = format!("/api/v1/auth/member-keys?userId={}", member.user);
    assert_eq!(admin.all(&of, 10).await.len(), 2);
    let id = path.rsplit('/').next().unwrap();
    let path = format!("/api/v1/auth/member-keys/{id}");
    let stranger = scene.member(2, Owner).await;
    stranger.delete(&path).await.expect_problem(404, "not_found");
    admin.delete(&path).await.expect(204);
    assert_eq!(admin.all(&format!("{of}&status=revoked"), 10).await.len(), 1);
    made(&member, KEYS, input("Backup")).await;
    assert_eq!(scene.said("auth.api_key.updated").await.len(), 1);
}

#[tokio::test]
async fn service_keys_are_the_organizations() {
    let scene = scene().await;
    let admin = scene.member(1, Admin).await;
    let (key, path) =
        made(&admin, SERVICE_KEYS, json!({ "name": "CI", "scopes": ["auth.*"] })).await;
    let holder = scene.app.bearer(&key);
    let me = holder.get("/api/v1/auth/me").await.expect(200);
    assert_eq!(me["kind"], "service_key");
    assert_eq!(me["userId"], Value::Null);
    holder.get(SERVICE_KEYS).await.expect(200);
    // It is nobody in person.
    holder.get(KEYS).await.expect_problem(403, "forbidden");
    holder.get("/api/v1/auth/sessions").await.expect_problem(403, "forbidden");
    // It survives its maker.
    let ended = MembershipStatus::Ended;
    scene.change_member(admin.user, organization(1), |it| it.status = ended).await;
    scene.app.database.clock.advance(Duration::from_secs(21));
    holder.get(SERVICE_KEYS).await.expect(200);
    let owner = scene.member(1, Owner).await;
    let rotated = owner.post(&format!("{path}/rotate"), json!({})).await.expect(200);
    owner.patch(&path, json!({ "description": "Of the build" })).await.expect(200);
    owner.delete(&path).await.expect(204);
    scene.app.database.clock.advance(Duration::from_secs(21));
    let holder = scene.app.bearer(rotated["key"].as_str().unwrap());
    holder.get(SERVICE_KEYS).await.expect_problem(401, "invalid_token");
    let foreign = scene.member(2, Owner).await;
    for answer in [foreign.get(&path).await, foreign.delete(&path).await] {
        answer.expect_problem(404, "not_found");
    }
    // An old sign-in is not enough to make one.
    scene.app.database.clock.advance(Duration::from_secs(601));
    let answer = owner.post(SERVICE_KEYS, json!({ "name": "N", "scopes": ["auth.*"] })).await;
    assert_eq!(answer.status, 401);
}

#[tokio::test]
async fn of_64_makers_of_keys_at_15_of_20_five_succeed() {
    let scene = scene_with(Clock::system(), |_| {}).await;
    let member = scene.member(1, Member).await;
    for number in 0..15 {
        made(&member, KEYS, input(&format!("K{number}"))).await;
    }
    let attempts = (0..64u64).map(|seed| {
        let instance = scene.instance();
        instance.app.faults().conflict(seed, 0.1);
        async move {
            let member = instance.app.client(1, "member");
            loop {
                let answer = member.post(KEYS, input(&format!("N{seed}"))).await;
                if answer.status != 503 {
                    return answer;
                }
            }
        }
    });
    let answers = join_all(attempts).await;
    let created = answers.iter().filter(|it| it.status == 201).count();
    let full =
        answers.iter().filter(|it| it.status == 409 && it.json()["code"] == "key_limit_reached");
    assert_eq!((created, full.count()), (5, 59), "{answers:?}");
    assert_eq!(member.all(&format!("{KEYS}?status=active"), 100).await.len(), 20);
}

#[tokio::test]
async fn a_key_is_exchanged_for_a_token() {
    let scene = scene().await;
    let member = scene.member(1, Member).await;
    let (key, path) =
        made(&member, KEYS, json!({ "name": "K", "scopes": ["auth.api_key.read"] })).await;
    let exchange = async |id: &str, secret: &str| {
        let body = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        scene.app.stranger().send(Method::POST, "/api/v1/auth/token", &headers, body).await
    };
    let tokens = exchange(&key[..16], &key).await.expect(200);
    assert!(tokens.get("refresh_token").is_none());
    let token = tokens["access_token"].as_str().unwrap();
    let claims = claims_of(token);
    assert_eq!(claims["perms"], "auth.api_key.read");
    assert_eq!(claims["client_id"], key[..16]);
    assert!(claims.get("sid").is_none() && claims.get("auth_time").is_none());
    let holder = scene.app.bearer(token);
    holder.get(KEYS).await.expect(200);
    holder.post(KEYS, input("M")).await.expect_problem(403, "forbidden");
    holder.get("/api/v1/auth/me").await.expect(200);
    assert_eq!(exchange("mwp_000000000000", &key).await.expect(401)["error"], "invalid_client");
    assert_eq!(exchange(&key[..16], "x").await.expect(401)["error"], "invalid_client");
    member.delete(&path).await.expect(204);
    scene.app.database.clock.advance(Duration::from_secs(21));
    holder.get(KEYS).await.expect_problem(401, "token_revoked");
}
