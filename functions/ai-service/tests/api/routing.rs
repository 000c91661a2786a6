//! /ai/fallback-chains, /ai/routing-rules

use serde_json::{Value, json};

use crate::{
    A, B, CHAINS, MODELS, PROVIDERS, RULES, candidates, made, open_ai, provider_with, start,
};

const EXPLAIN: &str = "/api/v1/ai/routing-rules/explain";

fn chain(slug: &str, models: &[String]) -> Value {
    let members: Vec<Value> = models.iter().map(|id| json!({ "modelId": id })).collect();
    json!({ "slug": slug, "name": "Chain", "members": members })
}

#[tokio::test]
async fn chains_are_kept_by_slug() {
    let app = start().await;
    let admin = app.client(A, "admin");
    let (_, models) = provider_with(&admin, "open-ai", &["one", "two"]).await;
    let made_chain = admin.post(CHAINS, chain("zz", &models)).await.expect(201);
    assert_eq!(made_chain["strategy"], "ordered");
    let triggers = json!(["connect", "timeout", "rate_limit", "server_error", "overloaded"]);
    assert_eq!(made_chain["triggerOn"], triggers);
    made(&admin, CHAINS, chain("aa", &models[..1])).await;
    let listed = admin.all(CHAINS, 1).await;
    assert_eq!((&listed[0]["slug"], &listed[1]["slug"]), (&json!("aa"), &json!("zz")));
    admin.post(CHAINS, chain("zz", &models)).await.expect_problem(409, "slug_taken");
    let double = [models[0].clone(), models[0].clone()];
    let unknown = ["mdl_01jdz7xk2nf5h9vq3w8c6m4t0b".to_owned()];
    admin.post(CHAINS, chain("bb", &unknown)).await.expect_problem(404, "not_found");
    for bad in [chain("auto", &models), chain("bb", &double), chain("bb", &[])] {
        admin.post(CHAINS, bad).await.expect_problem(400, "invalid_request");
    }
    let path = format!("{CHAINS}/{}", made_chain["id"].as_str().unwrap());
    admin.patch(&path, json!({ "slug": "aa" })).await.expect_problem(409, "slug_taken");
    let change = json!({ "slug": "mm", "strategy": "weighted", "triggerOn": ["connect"] });
    let changed = admin.patch(&path, change).await.expect(200);
    assert_eq!(changed["slug"], "mm");
    made(&admin, CHAINS, chain("zz", &models)).await;
    let stranger = app.client(B, "owner");
    stranger.get(&path).await.expect_problem(404, "not_found");
    stranger.delete(&path).await.expect_problem(404, "not_found");
    stranger.post(CHAINS, chain("ours", &models)).await.expect_problem(404, "not_found");
    app.client(A, "viewer").get(&path).await.expect(200);
    app.client(A, "member").delete(&path).await.expect_problem(403, "forbidden");
    let said = app.events().await;
    let said: Vec<_> = said.iter().filter(|it| it.kind == "ai.fallback_chain.updated").collect();
    assert_eq!(
        (&said[0].data["before"]["slug"], &said[0].data["after"]["slug"]),
        (&json!("zz"), &json!("mm"))
    );
}

#[tokio::test]
async fn rules_are_kept_by_position_and_hold_what_they_target() {
    let app = start().await;
    let admin = app.client(A, "admin");
    let (_, models) = provider_with(&admin, "open-ai", &["one"]).await;
    let chained = made(&admin, CHAINS, chain("fast", &models)).await;
    let rule = |name: &str, position: u32| json!({ "name": name, "position": position, "target": { "chainId": chained } });
    let last = made(&admin, RULES, rule("Last", 500)).await;
    made(&admin, RULES, rule("First", 1)).await;
    let names: Vec<Value> = admin.all(RULES, 1).await.iter().map(|it| it["name"].clone()).collect();
    assert_eq!(names, ["First", "Last"]);
    admin.post(RULES, rule("FIRST", 3)).await.expect_problem(409, "name_taken");
    for bad in [
        json!({ "name": "N", "target": {} }),
        json!({ "name": "N", "target": { "modelId": models[0], "chainId": chained } }),
        json!({ "name": "N", "target": { "chainId": chained }, "position": 1001 }),
        json!({ "name": "N", "target": { "chainId": chained },
            "when": { "minInputTokens": 9, "maxInputTokens": 8 } }),
    ] {
        admin.post(RULES, bad).await.expect_problem(400, "invalid_request");
    }
    let unknown = json!({ "modelId": "mdl_01jdz7xk2nf5h9vq3w8c6m4t0b" });
    let unknown = json!({ "name": "N", "target": unknown });
    admin.post(RULES, unknown).await.expect_problem(404, "not_found");
    let held = admin.delete(&format!("{CHAINS}/{chained}")).await.expect_problem(409, "in_use");
    assert!(held["detail"].as_str().unwrap().contains("First"));
    let path = format!("{RULES}/{last}");
    let moved = admin.patch(&path, json!({ "position": 0 })).await.expect(200);
    assert_eq!(moved["version"], 2);
    app.client(B, "owner").get(&path).await.expect_problem(404, "not_found");
    app.client(A, "member").patch(&path, json!({})).await.expect_problem(403, "forbidden");
    admin.delete(&path).await.expect(204);
    admin.delete(&path).await.expect(204);
}

/// Rule 1: `auto`, chain, provider and name, bare name; all that cannot be used is the same.
#[tokio::test]
async fn a_model_string_is_resolved_in_its_order() {
    let app = start().await;
    let admin = app.client(A, "admin");
    let (_, first) = provider_with(&admin, "first", &["shared", "alone"]).await;
    let mut preferred = open_ai("second");
    preferred["priority"] = json!(1);
    let second = made(&admin, PROVIDERS, preferred).await;
    let shared = made(&admin, MODELS, json!({ "providerId": second, "name": "shared" })).await;
    let slashed = made(&admin, MODELS, json!({ "providerId": second, "name": "meta/x" })).await;
    made(&admin, CHAINS, chain("alone", &first[..1])).await;
    let explain = async |body: Value| admin.post(EXPLAIN, body).await.expect(200);
    let of = async |model: &str| explain(json!({ "model": model })).await;
    assert_eq!(candidates(&of("shared").await), [&shared]);
    assert_eq!(candidates(&of("first/shared").await), [&first[0]]);
    assert_eq!(candidates(&of("meta/x").await), [&slashed]);
    assert_eq!(candidates(&of("second/meta/x").await), [&slashed]);
    // A chain comes before a name.
    assert_eq!(candidates(&of("alone").await), [&first[0]]);
    assert_eq!(candidates(&of("first/alone").await), [&first[1]]);
    assert_eq!(of("none").await["errorCode"], "model_not_found");
    let role = "role_01jdz7xk2nf5h9vq3w8c6m4t0b";
    let path = format!("{MODELS}/{shared}");
    admin.patch(&path, json!({ "allowedRoles": [role] })).await.expect(200);
    assert_eq!(candidates(&of("shared").await), [&first[0]], "what is not allowed is not there");
    let explained = of("second/shared").await;
    assert_eq!(explained["errorCode"], "model_not_found");
    assert_eq!(explained["skipped"][0]["reason"], "not_allowed");
    let mine = explain(json!({ "model": "second/shared", "roleIds": [role] })).await;
    assert_eq!(candidates(&mine), [&shared]);
    admin.post(&format!("{PROVIDERS}/{second}/disable"), json!({})).await.expect(200);
    assert_eq!(of("second/meta/x").await["errorCode"], "model_not_found");
}

#[tokio::test]
async fn auto_follows_the_rules_and_then_the_default() {
    let app = start().await;
    let admin = app.client(A, "admin");
    let (_, models) = provider_with(&admin, "open-ai", &["code", "chat", "default"]).await;
    let user = "usr_01jdz7xk2nf5h9vq3w8c6m4t0b";
    let coding = made(&admin, RULES, json!({
        "name": "Code", "position": 1, "target": { "modelId": models[0] },
        "when": { "taskType": "coding", "maxInputTokens": 100, "tags": ["web"], "needs": ["tools"],
            "userIds": [user], "budgetPhase": "normal" },
    })).await;
    let chatting = made(
        &admin,
        RULES,
        json!({
            "name": "Chat", "position": 2, "target": { "modelId": models[1] },
            "when": { "taskType": "chat" },
        }),
    )
    .await;
    admin.patch("/api/v1/ai/settings", json!({ "defaultModel": "default" })).await.expect(200);
    let explain = async |body: Value| admin.post(EXPLAIN, body).await.expect(200);
    let whole = json!({
        "taskType": "coding", "inputTokens": 100, "tags": ["WEB", "x"], "needs": ["chat", "tools"],
        "userId": user, "budgetPhase": "normal",
    });
    let matched = explain(whole.clone()).await;
    assert_eq!(
        (&matched["matchedRuleId"], candidates(&matched)),
        (&json!(coding), vec![models[0].as_str()])
    );
    for (field, value, reason) in [
        ("taskType", json!("review"), "task_type"),
        ("inputTokens", json!(101), "max_input_tokens"),
        ("tags", json!(["x"]), "tags"),
        ("needs", json!(["chat"]), "needs"),
        ("userId", json!("usr_01jdz7xk2nf5h9vq3w8c6m4t0c"), "user_ids"),
        ("budgetPhase", json!("crisis"), "budget_phase"),
    ] {
        let mut other = whole.clone();
        other[field] = value;
        let missed = explain(other).await;
        assert_eq!(missed["rulesSkipped"][0]["reason"], reason);
        assert_eq!(candidates(&missed), [&models[2]]);
    }
    let chat = explain(json!({ "taskType": "chat" })).await;
    assert_eq!(chat["matchedRuleId"], json!(chatting));
    admin.patch(&format!("{MODELS}/{}", models[1]), json!({ "enabled": false })).await.expect(200);
    let next = explain(json!({ "taskType": "chat" })).await;
    assert_eq!(next["rulesSkipped"][1]["reason"], "target_unavailable");
    assert_eq!(candidates(&next), [&models[2]]);
}

#[tokio::test]
async fn chains_order_their_members_and_leave_out_what_does_not_fit() {
    let app = start().await;
    let admin = app.client(A, "admin");
    let (_, models) = provider_with(&admin, "open-ai", &["small", "large", "cheap"]).await;
    let change = async |place: usize, change: Value| {
        admin.patch(&format!("{MODELS}/{}", models[place]), change).await.expect(200)
    };
    let prices = |price: u64| json!({ "inputMicrosPerMTok": price, "outputMicrosPerMTok": price });
    change(0, json!({ "contextWindow": 1000, "prices": prices(5_000_000) })).await;
    change(1, json!({ "contextWindow": 100_000, "prices": prices(90_000_000) })).await;
    change(
        2,
        json!({ "contextWindow": 100_000, "prices": prices(1_000_000), "capabilities": ["chat"] }),
    )
    .await;
    let id = made(&admin, CHAINS, chain("all", &models)).await;
    let path = format!("{CHAINS}/{id}");
    let explain = async |mut body: Value| {
        body["model"] = json!("all");
        admin.post(EXPLAIN, body).await.expect(200)
    };
    assert_eq!(candidates(&explain(json!({})).await), [&models[0], &models[1], &models[2]]);
    let tools = explain(json!({ "needs": ["chat", "tools"] })).await;
    assert_eq!(candidates(&tools), [&models[0], &models[1]]);
    assert_eq!(tools["skipped"][0]["reason"], "capability_missing");
    assert_eq!(tools["skipped"][0]["lacks"], json!(["tools"]));
    let vision = explain(json!({ "needs": ["vision"] })).await;
    assert_eq!(vision["errorCode"], "capability_missing");
    // Too long for the first: an error, unless the chain goes on for that.
    let long = explain(json!({ "inputTokens": 1001 })).await;
    assert_eq!(long["errorCode"], "context_length_exceeded");
    admin.patch(&path, json!({ "triggerOn": ["context_length"] })).await.expect(200);
    let long = explain(json!({ "inputTokens": 1001 })).await;
    assert_eq!(candidates(&long), [&models[1], &models[2]]);
    assert_eq!(long["skipped"][0]["reason"], "context_too_small");
    let single = explain(json!({ "fallback": false })).await;
    assert_eq!(candidates(&single), [&models[0]]);
    admin.patch(&path, json!({ "strategy": "cheapest" })).await.expect(200);
    let cheap = explain(json!({ "inputTokens": 1000, "maxOutputTokens": 1000 })).await;
    assert_eq!(candidates(&cheap), [&models[2], &models[0], &models[1]]);
    let weights = [0, 1, 3].iter().zip(&models);
    let weighted: Vec<Value> =
        weights.map(|(weight, id)| json!({ "modelId": id, "weight": weight })).collect();
    admin.patch(&path, json!({ "strategy": "weighted", "members": weighted })).await.expect(200);
    let mut firsts = [0; 3];
    for seed in 0..40 {
        let drawn = explain(json!({ "seed": seed })).await;
        let order = candidates(&drawn);
        assert_eq!(order.len(), 3);
        firsts[models.iter().position(|id| id == order[0]).unwrap()] += 1;
    }
    assert_eq!(firsts, [0, 10, 30]);
    admin.patch("/api/v1/ai/settings", json!({ "requirePrices": true })).await.expect(200);
    for place in 0..3 {
        change(place, json!({ "prices": null })).await;
    }
    assert_eq!(explain(json!({})).await["errorCode"], "model_price_unknown");
}
