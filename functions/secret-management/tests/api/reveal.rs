//! Reveal, resolve, templates.

use std::time::Duration;

use millwright_core::OrgId;
use millwright_testkit::TestApp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{A, B, PATH, api_key, create, reveal, start};

/// Puts the ciphertext of one value where another one is.
async fn moved(app: &TestApp, from: (&str, &str), to: (&str, &str)) {
    let items = app.database.items().await;
    let find = |(partition, sort): (&str, &str)| {
        items.iter().find(|i| i.partition_key() == partition && i.sort_key() == sort).unwrap()
    };
    let mut target = find(to).attributes().clone();
    for name in ["sealed", "dataKeyId"] {
        target.insert(name.to_owned(), find(from).attributes()[name].clone());
    }
    let table = app.database.table();
    let put = app.database.client().put_item().table_name(table).set_item(Some(target));
    put.send().await.unwrap();
}

fn id_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap()
}

fn place(organization: u128, path: &str) -> String {
    let organization = OrgId::from_uuid(Uuid::from_u128(organization));
    format!("ORG#{organization}#SEC#{}#VAL", id_of(path))
}

#[tokio::test]
async fn a_moved_ciphertext_does_not_open() {
    let app = start().await;
    let (a, b) = (app.client(A, "owner"), app.client(B, "owner"));
    let one = create(&a, api_key("one", "hidden-one")).await;
    let two = create(&a, api_key("two", "hidden-two")).await;
    let theirs = create(&b, api_key("one", "hidden-three")).await;
    a.post(&format!("{one}/versions"), json!({ "value": { "key": "v2" } })).await.expect(201);
    let first = "0000000001";
    let (from, second) = (place(A, &one), place(A, &two));
    for (to, sort, client, path) in [
        (second.as_str(), first, &a, &two),
        (from.as_str(), "0000000002", &a, &one),
        (place(B, &theirs).as_str(), first, &b, &theirs),
    ] {
        moved(&app, (&from, first), (to, sort)).await;
        let answer = client.post(&format!("{path}/reveal"), json!({})).await;
        answer.expect_problem(500, "value_unreadable");
        assert!(!answer.text.contains("hidden"));
    }
    assert!(!app.event_types().await.contains(&"secrets.secret.revealed".to_owned()));
}

#[tokio::test]
async fn a_reveal_is_recorded_counted_and_announced() {
    let app = start().await;
    let owner = app.client(A, "owner");
    let path = create(&owner, api_key("k", "v")).await;
    app.faults().reset_calls();
    let answer = owner
        .send(
            axum::http::Method::POST,
            &format!("{path}/reveal"),
            &[("content-type", "application/json"), ("user-agent", "tests/1")],
            json!({ "reason": "I need it" }).to_string(),
        )
        .await;
    answer.expect(200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("etag"), None);
    let calls = app.faults().calls();
    let total: usize = calls.values().sum();
    assert_eq!((total, calls.get("TransactWriteItems")), (3, Some(&1)), "{calls:?}");
    let record = &owner.all(&format!("{path}/accesses"), 10).await[0];
    assert_eq!(record["action"], "secret_reveal");
    assert_eq!((&record["outcome"], &record["valueVersion"]), (&json!("success"), &json!(1)));
    assert_eq!((&record["reason"], &record["userAgent"]), (&json!("I need it"), &json!("tests/1")));
    let listed = owner.all(&format!("{PATH}/accesses?action=secret_reveal"), 1).await;
    assert_eq!(listed.len(), 1);
    let events = app.events().await;
    let said = events.iter().find(|event| event.kind == "secrets.secret.revealed").unwrap();
    assert_eq!(said.data["secretIds"], json!([id_of(&path)]));
    assert!(owner.get(&path).await.expect(200)["lastRevealedAt"].is_string());
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_answered() {
    let app = start().await;
    let owner = app.client(A, "owner");
    let path = create(&owner, api_key("k", "hidden-value")).await;
    let instance = app.instance();
    let late = instance.client(A, "owner");
    reveal(&late, &path, json!({})).await;
    instance.faults().conflict(7, 1.0);
    let answer = late.post(&format!("{path}/reveal"), json!({})).await;
    answer.expect_problem(503, "audit_unavailable");
    assert!(!answer.text.contains("hidden-value"));
}

#[tokio::test]
async fn a_reason_can_be_required() {
    let app = start().await;
    let owner = app.client(A, "owner");
    let path = create(&owner, api_key("k", "v")).await;
    let settings = format!("{PATH}/settings");
    owner.patch(&settings, json!({ "requireRevealReason": true })).await.expect(200);
    let revealing = format!("{path}/reveal");
    owner.post(&revealing, json!({})).await.expect_problem(400, "reveal_reason_required");
    owner.post(&revealing, json!({ "reason": "yes" })).await.expect(200);
}

#[tokio::test]
async fn a_hundred_references_come_back_in_order_each_with_its_outcome() {
    let app = start().await;
    let owner = app.client(A, "owner");
    let mut references = Vec::new();
    for n in 0..96 {
        let mut body = api_key(&format!("k{n:03}"), &format!("v{n}"));
        if n >= 94 {
            let end = app.database.clock.now().plus(Duration::from_secs(60));
            body["expiresAt"] = json!(end);
        }
        let path = create(&owner, body).await;
        references.push(match n % 2 {
            0 => id_of(&path).to_owned(),
            _ => format!("k{n:03}#key"),
        });
    }
    app.database.clock.advance(Duration::from_secs(61));
    let foreign = create(&app.client(B, "owner"), api_key("k", "v")).await;
    references.push(id_of(&foreign).to_owned());
    references.extend(["no/1", "no/2", "no/3"].map(str::to_owned));
    let owner = app.client(A, "owner");
    app.faults().reset_calls();
    let resolving = format!("{PATH}/resolve");
    let answer = owner.post(&resolving, json!({ "references": references })).await.expect(200);
    let calls = app.faults().calls();
    assert_eq!(calls.get("TransactWriteItems"), Some(&1), "94 values fit one transaction");
    assert!(calls["BatchGetItem"] <= 5, "{calls:?}");
    let results = answer["results"].as_array().unwrap();
    assert_eq!(results.len(), 100);
    for (n, (result, reference)) in results.iter().zip(&references).enumerate() {
        assert_eq!(result["reference"], *reference);
        match n {
            0..94 if n % 2 == 0 => assert_eq!(result["value"], json!({ "key": format!("v{n}") })),
            0..94 => assert_eq!(result["value"], format!("v{n}")),
            94..96 => assert_eq!(result["problem"]["code"], "secret_expired"),
            _ => assert_eq!((&result["status"], &result["value"]), (&json!(404), &Value::Null)),
        }
    }
    let records = owner.all(&format!("{PATH}/accesses?action=secret_resolve"), 100).await;
    assert_eq!(records.len(), 94);
    assert!(records.iter().all(|record| record["outcome"] == "success"));
    let events = app.events().await;
    let said: Vec<_> = events.iter().filter(|e| e.kind == "secrets.secret.revealed").collect();
    assert_eq!((said.len(), &said[0].data["count"]), (1, &json!(94)));
    // 94 of the minute's 100 are used: another batch does not fit, and is refused whole.
    let some: Vec<&String> = references.iter().take(10).collect();
    let refused = owner.post(&resolving, json!({ "references": some })).await;
    refused.expect_problem(429, "reveal_rate_limited");
    assert!(refused.header("retry-after").is_some());
}

#[tokio::test]
async fn names_are_looked_up_from_the_nearest_place_outwards() {
    let app = start().await;
    let owner = app.client(A, "owner");
    let project = "prj_01jdz7xk2nf5h9vq3w8c6m4t0b";
    let at = |scope: &str, id: Value, environment: Value, key: &str| {
        json!({
            "name": "k", "type": "api_key", "scope": scope, "scopeId": id,
            "environment": environment, "value": { "key": key },
        })
    };
    let context = json!({ "projectId": project, "environment": "production" });
    let resolve = async |expected: &str| {
        let body = json!({ "references": ["k#key"], "context": context });
        let answer = owner.post(&format!("{PATH}/resolve"), body).await.expect(200);
        assert_eq!(answer["results"][0]["value"], expected);
    };
    create(&owner, at("organization", Value::Null, Value::Null, "organization")).await;
    resolve("organization").await;
    create(&owner, at("project", json!(project), Value::Null, "project")).await;
    resolve("project").await;
    create(&owner, at("project", json!(project), json!("production"), "production")).await;
    create(&owner, at("project", json!(project), json!("staging"), "staging")).await;
    resolve("production").await;
    create(&owner, at("user", Value::Null, Value::Null, "user")).await;
    resolve("user").await;
}

#[tokio::test]
async fn templates_are_filled_or_refused_whole() {
    let app = start().await;
    let owner = app.client(A, "owner");
    create(&owner, api_key("inner", "do-not-look")).await;
    let nested = json!({
        "name": "db", "type": "json_credential", "scope": "organization",
        "value": { "credential": { "port": 5432, "password": "{{secret:inner}}" } },
    });
    create(&owner, nested).await;
    let filling = format!("{PATH}/resolve-template");
    let template = json!({
        "url": "db:{{secret:db#credential.port}}/{{secret:inner#key}}",
        "port": "{{secret:db#credential.port}}",
        "list": [{ "p": "{{secret:db#credential.password}}" }],
        "literal": "\\{{secret:inner}}",
    });
    let filled = owner.post(&filling, json!({ "template": template })).await.expect(200);
    assert_eq!(
        filled["document"],
        json!({
            "url": "db:5432/do-not-look", "port": 5432,
            "list": [{ "p": "{{secret:inner}}" }], "literal": "{{secret:inner}}",
        })
    );
    assert_eq!(filled["used"].as_array().unwrap().len(), 3);
    let unknown = json!({ "template": { "a": ["{{secret:gone}} {{secret:inner#key}}"] } });
    let refused = owner.post(&filling, unknown.clone()).await;
    let problem = refused.expect_problem(409, "unresolved_references");
    assert_eq!(problem["unresolved"][0]["pointer"], "/a/0");
    assert!(!refused.text.contains("do-not-look"));
    let mut lenient = unknown;
    lenient["strict"] = json!(false);
    let filled = owner.post(&filling, lenient).await.expect(200);
    assert_eq!(filled["document"]["a"][0], "{{secret:gone}} do-not-look");
    assert_eq!(filled["unresolved"][0]["code"], "not_found");
}

#[tokio::test]
async fn a_denial_is_on_record_once_a_minute() {
    let app = start().await;
    let owner = app.client(A, "owner");
    let path = create(&owner, api_key("k", "hidden")).await;
    let (member, viewer) = (app.client(A, "member"), app.client(A, "viewer"));
    for _ in 0..3 {
        member
            .post(&format!("{path}/reveal"), json!({}))
            .await
            .expect_problem(403, "right_missing");
        viewer.post(&format!("{path}/reveal"), json!({})).await.expect_problem(403, "forbidden");
    }
    let denied = owner.all("/api/v1/secrets/accesses?outcome=denied", 100).await;
    let codes: Vec<&str> =
        denied.iter().map(|record| record["errorCode"].as_str().unwrap()).collect();
    assert_eq!(codes.len(), 2, "{denied:?}");
    assert!(codes.contains(&"right_missing") && codes.contains(&"forbidden"));
    assert!(denied.iter().all(|record| record["action"] == "secret_reveal"));
}
