//! /ai/providers

use std::sync::Arc;

use ai_service::{
    AiService,
    domain::{HealthMinute, HealthStatus, ModelId, ProviderId, ProviderState},
    doubles::{StandInSecrets, ports},
    store::{HealthMinuteItem, ProviderStateItem, SpendItem},
};
use futures::future::join_all;
use millwright_core::Clock;
use millwright_store::Update;
use millwright_testkit::TestApp;
use serde_json::{Value, json};

use crate::{
    A, B, CHAINS, MODELS, PROVIDERS, RULES, SECRET, made, open_ai, provider_with, router, start,
};

fn one(id: &str) -> String {
    format!("{PROVIDERS}/{id}")
}

/// With the stand-in for secret-management at hand.
async fn with_secrets() -> (TestApp, Arc<StandInSecrets>) {
    let secrets = Arc::new(StandInSecrets::default());
    let own = secrets.clone();
    let router = move |platform, store, _| {
        ::ai_service::router(AiService::new(platform, ports(store, own.clone())))
    };
    (TestApp::start("ai-service", router).await, secrets)
}

#[tokio::test]
async fn what_is_created_is_read_and_announced() {
    let app = start().await;
    let admin = app.client(A, "admin");
    let created = admin.post(PROVIDERS, open_ai("open-ai")).await;
    let whole = created.expect(201);
    assert_eq!(whole["baseUrl"], "https://api.openai.com/v1");
    assert_eq!(whole["priority"], 100);
    assert_eq!(whole["maxRetries"], 2);
    let timeouts = json!({
        "connectSeconds": 5, "firstTokenSeconds": 60, "idleSeconds": 30, "totalSeconds": 600,
    });
    assert_eq!(whole["timeouts"], timeouts);
    assert_eq!((&whole["spentMicros"], &whole["health"]["status"]), (&json!(0), &json!("unknown")));
    assert_eq!(created.etag(), "\"1\"");
    let read = admin.get(created.header("location").unwrap()).await;
    assert_eq!(read.expect(200), whole);
    let said = app.events().await;
    assert_eq!(said[0].kind, "ai.provider.created");
    assert_eq!(said[0].data["providerId"], whole["id"]);
    app.client(A, "member").get(PROVIDERS).await.expect_problem(403, "forbidden");
    app.client(A, "member").post(PROVIDERS, open_ai("b2")).await.expect_problem(403, "forbidden");
}

#[tokio::test]
async fn another_organization_sees_nothing() {
    let app = start().await;
    let owner = app.client(A, "owner");
    let id = made(&owner, PROVIDERS, open_ai("open-ai")).await;
    let before = app.database.snapshot(&[]).await;
    let stranger = app.client(B, "owner");
    let one = one(&id);
    stranger.get(&one).await.expect_problem(404, "not_found");
    stranger.get(&format!("{one}/health")).await.expect_problem(404, "not_found");
    stranger.patch(&one, json!({ "name": "Theirs" })).await.expect_problem(404, "not_found");
    stranger.delete(&one).await.expect_problem(404, "not_found");
    stranger.post(&format!("{one}/disable"), json!({})).await.expect_problem(404, "not_found");
    let model = json!({ "providerId": id, "name": "gpt-4.1" });
    stranger.post(MODELS, model).await.expect_problem(404, "not_found");
    assert!(stranger.all(PROVIDERS, 10).await.is_empty());
    assert_eq!(app.database.snapshot(&[]).await, before);
    made(&stranger, PROVIDERS, open_ai("open-ai")).await;
}

#[tokio::test]
async fn requests_go_to_public_hosts_only() {
    let app = start().await;
    let admin = app.client(A, "admin");
    let at = |url: &str| {
        json!({
            "slug": "own", "name": "Own", "kind": "openai_compatible", "baseUrl": url,
            "secretId": SECRET,
        })
    };
    for bad in [
        "https://169.254.169.254/latest",
        "http://api.example.com",
        "https://10.0.0.1",
        "https://[::ffff:127.0.0.1]/v1",
        "http://localhost:8080",
    ] {
        admin.post(PROVIDERS, at(bad)).await.expect_problem(400, "egress_denied");
    }
    for bad in ["ftp://example.com", "https://user:pass@example.com", "https://example.com?a=b"] {
        admin.post(PROVIDERS, at(bad)).await.expect_problem(400, "invalid_request");
    }
    let without = json!({ "slug": "own", "name": "Own", "kind": "openai_compatible" });
    admin.post(PROVIDERS, without).await.expect_problem(400, "invalid_request");
    let keyless = json!({ "slug": "own", "name": "Own", "kind": "openai" });
    admin.post(PROVIDERS, keyless).await.expect_problem(400, "invalid_request");
    let local = json!({
        "slug": "local", "name": "Local", "kind": "openai_compatible",
        "baseUrl": "http://localhost:11434/v1/",
    });
    let local = admin.post(PROVIDERS, local).await.expect(201);
    assert_eq!(local["baseUrl"], "http://localhost:11434/v1");
    let path = one(local["id"].as_str().unwrap());
    let elsewhere = json!({ "baseUrl": "https://169.254.169.254" });
    admin.patch(&path, elsewhere).await.expect_problem(400, "egress_denied");
    // Without a key only at home.
    let public = json!({ "baseUrl": "https://example.com" });
    admin.patch(&path, public).await.expect_problem(400, "invalid_request");
}

#[tokio::test]
async fn headers_carry_no_credentials_and_stay_out_of_events() {
    let app = start().await;
    let admin = app.client(A, "admin");
    let with = |headers: Value| {
        let mut provider = open_ai("open-ai");
        provider["extraHeaders"] = headers;
        provider
    };
    for bad in [
        json!({ "Authorization": "Bearer x" }),
        json!({ "x-api-key": "x" }),
        json!({ "Host": "example.com" }),
        json!({ "transfer-encoding": "chunked" }),
        json!({ "a b": "x" }),
        json!({ "x-a": "line\r\nx-b: y" }),
        json!({ "x-a": "1", "X-A": "2" }),
    ] {
        admin.post(PROVIDERS, with(bad)).await.expect_problem(400, "invalid_request");
    }
    let created = admin.post(PROVIDERS, with(json!({ "X-Team": "canary-4711" }))).await.expect(201);
    assert_eq!(created["extraHeaders"], json!({ "x-team": "canary-4711" }));
    let id = created["id"].as_str().unwrap();
    admin.patch(&one(id), json!({ "extraHeaders": { "x-team": "canary-4712" } })).await.expect(200);
    let said = app.events().await;
    assert_eq!(said.len(), 2);
    assert_eq!(said[1].data["changes"][0]["field"], "extraHeaders");
    for event in &said {
        assert!(!event.data.to_string().contains("canary"), "{event:?}");
    }
}

#[tokio::test]
async fn a_secret_is_bound_while_a_provider_needs_it() {
    let (app, secrets) = with_secrets().await;
    let admin = app.client(A, "admin");
    let refused = "sec_01jdz7xk2nf5h9vq3w8c6m4t0c";
    secrets.refuse(refused.parse().unwrap());
    let mut other = open_ai("other");
    other["secretId"] = json!(refused);
    admin.post(PROVIDERS, other).await.expect_problem(409, "secret_unavailable");
    assert!(admin.all(PROVIDERS, 10).await.is_empty());

    let id = made(&admin, PROVIDERS, open_ai("open-ai")).await;
    let provider: ProviderId = id.parse().unwrap();
    assert_eq!(secrets.bound(), [(SECRET.parse().unwrap(), provider)]);
    admin.post(PROVIDERS, open_ai("open-ai")).await.expect_problem(409, "slug_taken");
    assert_eq!(secrets.bound().len(), 1);

    let next = "sec_01jdz7xk2nf5h9vq3w8c6m4t0d";
    let patch = json!({ "secretId": refused });
    admin.patch(&one(&id), patch).await.expect_problem(409, "secret_unavailable");
    let changed = admin.patch(&one(&id), json!({ "secretId": next })).await.expect(200);
    assert_eq!(changed["secretId"], next);
    assert_eq!(secrets.bound(), [(next.parse().unwrap(), provider)]);
    let keyless = admin.patch(&one(&id), json!({ "secretId": null })).await;
    keyless.expect_problem(400, "invalid_request");
    admin.delete(&one(&id)).await.expect(204);
    assert!(secrets.bound().is_empty());
}

#[tokio::test]
async fn changes_name_their_version_or_win_and_nothing_is_no_change() {
    let app = start().await;
    let admin = app.client(A, "admin");
    let id = made(&admin, PROVIDERS, open_ai("open-ai")).await;
    let path = one(&id);
    let whole = admin.get(&path).await.expect(200);
    for nothing in [json!({}), json!({ "priority": null }), json!({ "enabled": true })] {
        assert_eq!(admin.patch(&path, nothing).await.expect(200), whole);
    }
    assert_eq!(app.events().await.len(), 1);
    let change = json!({ "timeouts": { "idleSeconds": 7 }, "priority": 5 });
    let changed = admin.patch_if(&path, "\"1\"", change).await.expect(200);
    assert_eq!((&changed["version"], &changed["priority"]), (&json!(2), &json!(5)));
    assert_eq!(changed["timeouts"]["idleSeconds"], 7);
    assert_eq!(changed["timeouts"]["totalSeconds"], 600);
    let stale = admin.patch_if(&path, "\"1\"", json!({ "priority": 6 })).await;
    stale.expect_problem(412, "version_stale");
    for _ in 0..2 {
        let off = admin.post(&format!("{path}/disable"), json!({})).await.expect(200);
        assert_eq!((&off["enabled"], &off["version"]), (&json!(false), &json!(3)));
    }
    let on = admin.post(&format!("{path}/enable"), json!({})).await.expect(200);
    assert_eq!((&on["enabled"], &on["version"]), (&json!(true), &json!(4)));
    let said = app.events().await;
    assert_eq!(said.len(), 4);
    let changes = said[1].data["changes"].as_array().unwrap();
    assert!(changes.contains(&json!({ "field": "priority", "from": 100, "to": 5 })));
    admin.patch(&path, json!({ "slug": "else" })).await.expect_problem(400, "invalid_request");
}

#[tokio::test]
async fn lists_are_by_priority_and_slug_page_by_page() {
    let app = start().await;
    let admin = app.client(A, "admin");
    for (slug, priority) in [("bb", 100), ("aa", 100), ("zz", 1)] {
        let mut provider = open_ai(slug);
        provider["priority"] = json!(priority);
        made(&admin, PROVIDERS, provider).await;
    }
    let ollama = json!({ "slug": "local", "name": "L", "kind": "ollama", "enabled": false,
        "baseUrl": "http://localhost:11434" });
    made(&admin, PROVIDERS, ollama).await;
    let slugs = |listed: Vec<Value>| -> Vec<String> {
        listed.iter().map(|it| it["slug"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(slugs(admin.all(PROVIDERS, 1).await), ["zz", "aa", "bb", "local"]);
    let path = format!("{PROVIDERS}?kind=ollama");
    assert_eq!(slugs(admin.all(&path, 2).await), ["local"]);
    let path = format!("{PROVIDERS}?enabled=true");
    assert_eq!(slugs(admin.all(&path, 2).await), ["zz", "aa", "bb"]);
}

#[tokio::test]
async fn what_run_time_writes_is_shown_and_is_no_configuration() {
    let app = start().await;
    let admin = app.client(A, "admin");
    let (id, models) = provider_with(&admin, "open-ai", &["gpt-4.1"]).await;
    let provider: ProviderId = id.parse().unwrap();
    let model: ModelId = models[0].parse().unwrap();
    let (tenant, store) = (admin.tenant(), app.database.store());
    let now = app.database.clock.now();
    let spend = SpendItem::place(&tenant, provider, &ai_service::domain::month_of(now));
    let update = Update::new().add("spentMicros", 70).add("committedMicros", 100);
    assert!(store.update(&spend, &update).await.unwrap());
    for is_failure in [false, true, true] {
        let place = HealthMinuteItem::place(&tenant, provider, model, now);
        let first_token = (!is_failure).then_some(90);
        let update = HealthMinuteItem::more(now, &HealthMinute::of(is_failure, first_token));
        assert!(store.update(&place, &update).await.unwrap());
    }
    let state = ProviderStateItem {
        version: 1,
        provider_id: id.clone(),
        written_at: now,
        state: ProviderState {
            status: Some(HealthStatus::Degraded),
            since: Some(now),
            last_error: Some("provider_timeout".to_owned()),
            cooling: [(model, now.plus(std::time::Duration::from_secs(60)))].into(),
            ..ProviderState::default()
        },
    };
    store.put_when(&tenant, &state, &millwright_store::Condition::default()).await.unwrap();

    let read = admin.get(&one(&id)).await.expect(200);
    assert_eq!((&read["spentMicros"], &read["reservedMicros"]), (&json!(70), &json!(30)));
    assert_eq!(read["health"]["samples"], 3);
    assert_eq!(read["health"]["status"], "degraded");
    assert_eq!(read["health"]["p50Ms"], 100);
    assert_eq!(read["health"]["lastError"], "provider_timeout");
    assert!(read["cooldownUntil"].is_string());
    assert_eq!(read["version"], 1);
    let listed = admin.all(PROVIDERS, 10).await;
    assert_eq!(listed[0]["spentMicros"], 70);
    assert_eq!(listed[0]["health"]["status"], "degraded");
    let minutes = admin.get(&format!("{}/health", one(&id))).await.expect(200);
    assert_eq!(minutes["items"][0]["samples"], 3);
    assert_eq!(minutes["items"][0]["failures"], 2);
    let all = ai_service::store::read_configuration(&store, &tenant).await.unwrap();
    assert_eq!((all.providers.len(), all.models.len(), all.limits.len()), (1, 1, 2));
}

#[tokio::test]
async fn a_provider_goes_with_its_models_unless_they_are_used() {
    let app = start().await;
    let admin = app.client(A, "admin");
    let names: Vec<String> = (0..60).map(|number| format!("model-{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (id, models) = provider_with(&admin, "open-ai", &names).await;
    let (_, others) = provider_with(&admin, "other", &["kept"]).await;
    let chain = json!({ "slug": "chain", "name": "C", "members": [{ "modelId": models[59] }] });
    let chain = made(&admin, CHAINS, chain).await;
    let path = one(&id);
    admin.delete(&path).await.expect_problem(409, "in_use");
    assert_eq!(admin.all(MODELS, 100).await.len(), 61);
    admin.delete(&format!("{CHAINS}/{chain}")).await.expect(204);
    let rule = json!({ "name": "R", "target": { "modelId": models[3] } });
    let rule = made(&admin, RULES, rule).await;
    admin.delete(&path).await.expect_problem(409, "in_use");
    let one_model = format!("{MODELS}/{}", models[3]);
    admin.delete(&one_model).await.expect_problem(409, "in_use");
    admin.delete(&format!("{RULES}/{rule}")).await.expect(204);
    admin.delete(&path).await.expect(204);
    admin.delete(&path).await.expect(204);
    admin.get(&path).await.expect_problem(404, "not_found");
    let left = admin.all(MODELS, 100).await;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0]["id"], others[0]);
    // Slug and names are free again.
    provider_with(&admin, "open-ai", &names[..2]).await;
}

#[tokio::test]
async fn what_is_deleted_while_it_is_targeted_never_leaves_a_chain_behind() {
    let app = TestApp::start_at("ai-service", router, Clock::system()).await;
    let admin = app.client(A, "admin");
    let (_, models) = provider_with(&admin, "open-ai", &["m"]).await;
    let chains = (0..32).map(|number| {
        let instance = app.instance();
        let slug = format!("chain-{number}");
        let body = json!({ "slug": slug, "name": "C", "members": [{ "modelId": models[0] }] });
        async move {
            let answer = instance.client(A, "admin").post(CHAINS, body).await;
            answer.status.as_u16() == 201
        }
    });
    let deletion = async {
        let instance = app.instance();
        instance.client(A, "admin").delete(&format!("{MODELS}/{}", models[0])).await.status.as_u16()
    };
    let (made, deleted) = futures::future::join(join_all(chains), deletion).await;
    let standing = admin.all(CHAINS, 100).await.len();
    assert_eq!(made.iter().filter(|made| **made).count(), standing);
    if deleted == 204 {
        assert_eq!(standing, 0, "a chain targets a model that is gone");
    }
}

/// Many instances, a tenth of their transactions conflicting.
#[tokio::test]
async fn of_64_clients_50_get_a_provider_and_one_gets_a_slug() {
    let app = TestApp::start_at("ai-service", router, Clock::system()).await;
    let create = |seed: u64, slug: String| {
        let instance = app.instance();
        instance.faults().conflict(seed, 0.1);
        async move {
            let admin = instance.client(A, "admin");
            loop {
                let answer = admin.post(PROVIDERS, open_ai(&slug)).await;
                // A 503 says that nothing happened: ask again, as told.
                if answer.status != 503 {
                    return answer.json()["code"].as_str().unwrap_or("made").to_owned();
                }
            }
        }
    };
    let count = |codes: &[String], code: &str| codes.iter().filter(|it| *it == code).count();
    let same = join_all((0..32).map(|seed| create(seed, "same".to_owned()))).await;
    assert_eq!((count(&same, "made"), count(&same, "slug_taken")), (1, 31), "{same:?}");
    let many = join_all((0..64).map(|seed| create(seed, format!("slug-{seed}")))).await;
    assert_eq!((count(&many, "made"), count(&many, "limit_reached")), (49, 15), "{many:?}");
    let admin = app.client(A, "admin");
    let listed = admin.all(PROVIDERS, 100).await;
    assert_eq!(listed.len(), 50);
    let last = listed[0]["id"].as_str().unwrap();
    admin.delete(&one(last)).await.expect(204);
    made(&admin, PROVIDERS, open_ai("room-again")).await;
    admin.post(PROVIDERS, open_ai("too-many")).await.expect_problem(409, "limit_reached");
}
