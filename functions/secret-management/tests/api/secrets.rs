//! /secrets

use std::time::Duration;

use millwright_core::{ProjectId, TeamId, UserId};
use millwright_identity::SystemRole;
use secret_management::domain::{TeamSeat, Teams};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{A, B, PATH, api_key, create, reveal, start, surroundings};

/// A certificate and a key of `openssl req -x509 -newkey ed25519 -days 3650`.
const CERTIFICATE: &str = include_str!("certificate.pem");

/// One value of each type.
fn values() -> Vec<(&'static str, Value)> {
    let (private, public) = secret_management::domain::generated_key_pair(&[7; 32]).unwrap();
    vec![
        ("api_key", json!({ "key": "sk-0123456789abcdefghij" })),
        ("oauth2_token", json!({ "accessToken": "at", "refreshToken": "rt", "scope": "a b" })),
        ("username_password", json!({ "username": "u", "password": "p", "url": "https://x.y" })),
        ("certificate", json!({ "certificate": CERTIFICATE })),
        ("ssh_key", json!({ "privateKey": private.as_str(), "publicKey": public })),
        ("connection_string", json!({ "connectionString": "postgres://u:p@db/x" })),
        ("json_credential", json!({ "credential": { "a": [1, 2.5, null, { "b": "ü" }] } })),
        ("env_variable_set", json!({ "variables": { "A": "1", "B": "" } })),
        ("generic", json!({ "value": "aGk=", "encoding": "base64" })),
    ]
}

#[tokio::test]
async fn each_type_is_kept_listed_and_given_back_as_it_was() {
    let app = start().await;
    let owner = app.client(A, "owner");
    for (kind, value) in values() {
        let name = format!("types/{kind}");
        let body = json!({ "name": name, "type": kind, "scope": "organization", "value": value });
        let path = create(&owner, body).await;
        let read = owner.get(&path).await;
        let whole = read.expect(200);
        assert_eq!((&whole["name"], &whole["type"]), (&json!(name), &json!(kind)));
        assert_eq!(whole["currentVersion"], 1);
        assert_eq!(whole["myRights"], json!(["use", "read", "update", "delete", "grant"]));
        assert!(whole.get("value").is_none());
        let revealed = reveal(&owner, &path, json!({})).await;
        assert_eq!(revealed["value"], value, "{kind}");
        owner.post(&format!("{path}/versions"), json!({ "value": value })).await.expect(201);
        assert_eq!(reveal(&owner, &path, json!({})).await["version"], 2);
    }
    let names: Vec<Value> =
        owner.all(PATH, 4).await.into_iter().map(|secret| secret["name"].clone()).collect();
    let mut sorted = names.clone();
    sorted.sort_by_key(Value::to_string);
    assert_eq!((names.len(), &names), (9, &sorted));
    let facts = owner.all(&format!("{PATH}?type=certificate"), 10).await;
    let certificate = owner.get(&format!("{PATH}/{}", facts[0]["id"].as_str().unwrap())).await;
    let certificate = certificate.expect(200);
    assert!(certificate["facts"]["subject"].as_str().unwrap().contains("secrets.example"));
    assert_eq!(certificate["expiresAt"], certificate["facts"]["notAfter"]);
}

#[tokio::test]
async fn wrong_shapes_tell_all_faults_and_nothing_of_the_input() {
    let app = start().await;
    let owner = app.client(A, "owner");
    let hidden = "canary-4711-value";
    let value = json!({ "password": [hidden], "url": hidden, (hidden): 1 });
    let body = json!({
        "name": "x", "type": "username_password", "scope": "organization", "value": value,
    });
    let answer = owner.post(PATH, body).await;
    let problem = answer.expect_problem(400, "invalid_value_shape");
    assert_eq!(problem["errors"].as_array().unwrap().len(), 4, "{problem}");
    assert!(!answer.text.contains(hidden));
    let large = "x".repeat(40_000);
    let body = json!({
        "name": "x", "type": "env_variable_set", "scope": "organization",
        "value": { "variables": { "A": &large[..32_768], "B": &large[..32_768], "C": "x" } },
    });
    owner.post(PATH, body).await.expect_problem(413, "too_large");
    let both = json!({
        "name": "x", "type": "api_key", "scope": "organization",
        "value": { "key": "k" }, "generate": { "policyId": "strong" },
    });
    owner.post(PATH, both).await.expect_problem(400, "invalid_request");
}

#[tokio::test]
async fn hints_are_shown_to_who_reads_one_and_can_be_turned_off() {
    let app = start().await;
    let owner = app.client(A, "owner");
    let path = create(&owner, api_key("k", "sk-0123456789abcdefghij")).await;
    assert_eq!(owner.get(&path).await.expect(200)["hint"], "ghij");
    assert!(!owner.get(PATH).await.text.contains("ghij"));
    let settings = format!("{PATH}/settings");
    owner.patch(&settings, json!({ "showHints": false })).await.expect(200);
    assert_eq!(owner.get(&path).await.expect(200)["hint"], Value::Null);
}

#[tokio::test]
async fn names_are_unique_in_their_place_and_free_after_deletion() {
    let app = start().await;
    let owner = app.client(A, "owner");
    let path = create(&owner, api_key("db/main", "a")).await;
    owner.post(PATH, api_key("db/main", "b")).await.expect_problem(409, "name_taken");
    create(&owner, api_key("DB/main", "b")).await;
    let mine = json!({
        "name": "db/main", "type": "api_key", "scope": "user", "value": { "key": "c" },
    });
    create(&owner, mine).await;
    create(&app.client(B, "owner"), api_key("db/main", "d")).await;
    owner.delete(&path).await.expect(204);
    let second = create(&owner, api_key("db/main", "e")).await;
    owner.post(&format!("{path}/restore"), json!({})).await.expect_problem(409, "name_taken");
    let back = json!({ "newName": "db/old" });
    assert_eq!(owner.post(&format!("{path}/restore"), back).await.expect(200)["name"], "db/old");
    assert_eq!(reveal(&owner, &path, json!({})).await["value"]["key"], "a");
    owner.patch(&second, json!({ "name": "db/old" })).await.expect_problem(409, "name_taken");
    owner.patch(&second, json!({ "name": "db/new" })).await.expect(200);
    create(&owner, api_key("db/main", "f")).await;
}

#[tokio::test]
async fn deleted_values_are_unreadable_and_come_back_within_30_days() {
    let app = start().await;
    let owner = app.client(A, "owner");
    let path = create(&owner, api_key("k", "a")).await;
    owner.delete(&path).await.expect(204);
    let deleted = owner.get(&path).await.expect(200);
    assert_eq!(
        (&deleted["status"], &deleted["deletedBecause"]),
        (&json!("deleted"), &json!("requested"))
    );
    let revealing = format!("{path}/reveal");
    owner.post(&revealing, json!({})).await.expect_problem(409, "secret_deleted");
    owner
        .post(&format!("{path}/versions"), json!({ "value": { "key": "b" } }))
        .await
        .expect_problem(409, "secret_deleted");
    assert!(owner.all(PATH, 10).await.is_empty());
    assert_eq!(owner.all(&format!("{PATH}?status=deleted"), 10).await.len(), 1);
    app.database.clock.advance(Duration::from_secs(29 * 86_400));
    let owner = app.client(A, "owner");
    owner.delete(&path).await.expect(204);
    assert_eq!(owner.get(&path).await.expect(200)["purgeAt"], deleted["purgeAt"]);
    owner.post(&format!("{path}/restore"), json!({})).await.expect(200);
    assert_eq!(reveal(&owner, &path, json!({})).await["value"]["key"], "a");
    owner.delete(&path).await.expect(204);
    app.database.clock.advance(Duration::from_secs(31 * 86_400));
    let owner = app.client(A, "owner");
    owner
        .post(&format!("{path}/restore"), json!({}))
        .await
        .expect_problem(409, "restore_window_over");
}

#[tokio::test]
async fn what_is_disabled_is_not_revealed() {
    let app = start().await;
    let owner = app.client(A, "owner");
    let path = create(&owner, api_key("k", "a")).await;
    let reason = json!({ "reason": "it leaked" });
    owner.post(&format!("{path}/disable"), reason.clone()).await.expect(200);
    owner.post(&format!("{path}/disable"), reason).await.expect_problem(409, "invalid_state");
    owner.post(&format!("{path}/reveal"), json!({})).await.expect_problem(409, "secret_disabled");
    owner.post(&format!("{path}/enable"), json!({})).await.expect(200);
    reveal(&owner, &path, json!({})).await;
    let types = app.event_types().await;
    assert!(types.contains(&"secrets.secret.disabled".to_owned()));
    assert!(types.contains(&"secrets.secret.enabled".to_owned()));
    let accesses = owner.all(&format!("{path}/accesses"), 2).await;
    let actions: Vec<&str> = accesses.iter().filter_map(|a| a["action"].as_str()).collect();
    assert_eq!(actions, ["secret_reveal", "secret_enable", "secret_disable", "secret_create"]);
    assert_eq!(accesses[2]["reason"], "it leaked");
}

#[tokio::test]
async fn from_its_expiry_on_nothing_is_revealed() {
    let app = start().await;
    let owner = app.client(A, "owner");
    let mut body = api_key("k", "a");
    body["expiresAt"] = json!("2026-11-23T00:00:00Z");
    owner.post(PATH, body.clone()).await.expect_problem(400, "invalid_request");
    let end = app.database.clock.now().plus(Duration::from_secs(600));
    body["expiresAt"] = json!(end);
    let path = create(&owner, body).await;
    reveal(&owner, &path, json!({})).await;
    app.database.clock.advance(Duration::from_secs(600));
    owner.post(&format!("{path}/reveal"), json!({})).await.expect_problem(409, "secret_expired");
    assert_eq!(owner.get(&path).await.expect(200)["expired"], true);
    owner.patch(&path, json!({ "expiresAt": null })).await.expect(200);
    reveal(&owner, &path, json!({})).await;
}

#[tokio::test]
async fn a_change_names_its_version_and_of_nothing_is_none() {
    let app = start().await;
    let owner = app.client(A, "owner");
    let path = create(&owner, api_key("k", "a")).await;
    let before = app.database.snapshot(&[]).await;
    owner.patch(&path, json!({})).await.expect(200);
    assert_eq!(app.database.snapshot(&[]).await, before);
    let changed = owner.patch_if(&path, "\"1\"", json!({ "maxVersions": 2 })).await;
    assert_eq!(changed.expect(200)["version"], 2);
    owner
        .patch_if(&path, "\"1\"", json!({ "maxVersions": 3 }))
        .await
        .expect_problem(412, "version_stale");
    let events = app.events().await;
    let said = events.iter().find(|event| event.kind == "secrets.secret.updated").unwrap();
    assert_eq!(said.data["changes"], json!([{ "field": "maxVersions", "from": 20, "to": 2 }]));
}

#[tokio::test]
async fn scopes_decide_who_sees_and_who_reads() {
    let app = start().await;
    let (owner, member, viewer) =
        (app.client(A, "owner"), app.client(A, "member"), app.client(A, "viewer"));
    let team = TeamId::from_uuid(Uuid::from_u128(77));
    let seats = |leads| vec![TeamSeat { team, leads }];
    let above = vec![(team, None)];
    let directory = &surroundings().directory;
    directory.seat(member.user, Teams { seats: seats(true), above: above.clone() });
    directory.seat(viewer.user, Teams { seats: seats(false), above });
    directory.member(member.user, SystemRole::Member);
    let project = ProjectId::from_uuid(Uuid::from_u128(5));
    let place = |scope: &str, id: Value| {
        json!({
            "name": "k", "type": "api_key", "scope": scope, "scopeId": id, "value": { "key": "v" },
        })
    };
    // The organization's: members see them and read nothing.
    let ours = create(&owner, place("organization", Value::Null)).await;
    member.get(&ours).await.expect(200);
    member.post(&format!("{ours}/reveal"), json!({})).await.expect_problem(403, "right_missing");
    member
        .post(PATH, place("organization", Value::Null))
        .await
        .expect_problem(403, "right_missing");
    // A team's: its lead has all rights, members see them.
    let teams = create(&member, place("team", json!(team))).await;
    reveal(&member, &teams, json!({})).await;
    viewer.get(&teams).await.expect(200);
    app.client_of(UserId::from_uuid(Uuid::from_u128(99)), member.tenant().organization(), |c| {
        c.role = Some("member".to_owned());
    })
    .get(&teams)
    .await
    .expect_problem(404, "not_found");
    // A project's: who may change projects reads them; viewers see them.
    let projects = create(&member, place("project", json!(project))).await;
    reveal(&member, &projects, json!({})).await;
    viewer.get(&projects).await.expect(200);
    viewer.post(&format!("{projects}/reveal"), json!({})).await.expect_problem(403, "forbidden");
    // One's own: owners see that there is one, and may delete it.
    let own = create(&member, place("user", Value::Null)).await;
    reveal(&member, &own, json!({})).await;
    viewer.get(&own).await.expect_problem(404, "not_found");
    owner.post(&format!("{own}/reveal"), json!({})).await.expect_problem(403, "right_missing");
    let names = |listed: Vec<Value>| -> Vec<String> {
        listed.iter().map(|s| s["scope"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(owner.all(PATH, 2).await).len(), 4);
    let mut seen = names(viewer.all(PATH, 2).await);
    seen.sort();
    assert_eq!(seen, ["organization", "project", "team"]);
    let by_scope = format!("{PATH}?scope=team&scopeId={team}");
    assert_eq!(viewer.all(&by_scope, 10).await.len(), 1);
    owner.delete(&own).await.expect(204);
    directory.without_project(project);
    member.delete(&projects).await.expect(204);
    member.post(&format!("{projects}/restore"), json!({})).await.expect_problem(409, "scope_gone");
    directory.set_down(true);
    let late = app.instance().client(A, "viewer");
    late.get(&teams).await.expect_problem(503, "directory_unavailable");
    directory.set_down(false);
}

#[tokio::test]
async fn another_organization_finds_nothing() {
    let app = start().await;
    let path = create(&app.client(A, "owner"), api_key("k", "a")).await;
    let before = app.database.snapshot(&[]).await;
    let stranger = app.client(B, "owner");
    for suffix in ["", "/versions", "/grants", "/bindings", "/rotations", "/accesses"] {
        stranger.get(&format!("{path}{suffix}")).await.expect_problem(404, "not_found");
    }
    for (suffix, body) in [
        ("/reveal", json!({})),
        ("/versions", json!({ "value": { "key": "b" } })),
        ("/rollback", json!({ "version": 1 })),
        ("/rotate", json!({ "value": { "key": "b" } })),
        ("/disable", json!({})),
    ] {
        stranger.post(&format!("{path}{suffix}"), body).await.expect_problem(404, "not_found");
    }
    stranger.delete(&path).await.expect_problem(404, "not_found");
    assert_eq!(app.database.snapshot(&[]).await, before);
}
