//! ai-service under guard.

use std::{collections::BTreeMap, sync::Arc};

use ai_service::{
    AiService,
    doubles::{StandInSecrets, ports},
};
use axum::{Router, body::Body, http::Method, response::IntoResponse};
use futures::{StreamExt, future::BoxFuture, stream};

use millwright_testkit::{Client, Contract, TestApp};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{
    MINE,
    fixture::{Call, Guarded},
};

pub fn guarded() -> Guarded {
    let service = ai_service::service();
    let contract = Arc::new(Contract::new((service.openapi)()));
    Guarded {
        service,
        router: |platform, store, _files| {
            let ports = ports(store, Arc::new(StandInSecrets::default()));
            ai_service::router(AiService::new(platform, ports))
        },
        contract,
        calls,
        further: &[],
        owner: crate::fixture::owner,
        skipping_unknown: &[],
        said_elsewhere: &[
            "ai.provider.budget_exceeded",
            "ai.provider.budget_warning",
            "ai.rate_limit.exceeded",
        ],
    }
}

async fn made(owner: &Client, path: &str, body: Value) -> String {
    let made = owner.post(path, body).await.expect(201);
    made["id"].as_str().unwrap().to_owned()
}

/// A provider on the loopback that answers everything with a word. Its streams never end.
async fn stand_in() -> String {
    let answer = json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "small",
        // What it answers when it is asked for its models.
        "data": [{ "id": "listed" }],
        "choices": [{
            "index": 0, "finish_reason": "stop",
            "message": { "role": "assistant", "content": "Hello." },
        }],
        "usage": { "prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5 },
    });
    let json = [("content-type", "application/json")];
    let router = Router::new().fallback(async move |body: String| {
        if !body.contains("\"stream\":true") {
            return (json, answer.to_string()).into_response();
        }
        // A word, and then silence.
        let word = json!({
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "small",
            "choices": [{ "index": 0, "delta": { "content": "Hello" }, "finish_reason": null }],
        });
        let word = Ok::<_, std::io::Error>(format!("data: {word}\n\n"));
        let events = stream::iter([word]).chain(stream::pending());
        ([("content-type", "text/event-stream")], Body::from_stream(events)).into_response()
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

/// One call for each operation, which succeeds for an owner. Slugs and names differ from those of
/// the examples in the document, which run in the same scene.
fn calls(app: TestApp) -> BoxFuture<'static, BTreeMap<&'static str, Call>> {
    Box::pin(async move {
        let owner = app.client(MINE, "owner");
        let providers = "/api/v1/ai/providers";
        let models = "/api/v1/ai/models";
        let rules = "/api/v1/ai/routing-rules";
        let chains = "/api/v1/ai/fallback-chains";
        let limits = "/api/v1/ai/rate-limits";
        let settings = "/api/v1/ai/settings";
        let prompts = "/api/v1/ai/prompts";
        let local = |slug: &str| {
            json!({ "slug": slug, "name": "L", "kind": "ollama",
                "baseUrl": "http://localhost:11434", "maxRetries": 0 })
        };
        let kept = made(&owner, providers, local("kept")).await;
        let spare = made(&owner, providers, local("spare")).await;
        let provider = format!("{providers}/{kept}");
        let named = |name: &str| json!({ "providerId": kept, "name": name });
        // Whoever names no model gets what answers.
        let first = json!({
            "slug": "first", "name": "F", "kind": "openai_compatible", "priority": 0,
            "baseUrl": stand_in().await,
        });
        let first = made(&owner, providers, first).await;
        let bare = json!({
            "slug": "bare", "name": "B", "kind": "openai_compatible", "enabled": false,
            "baseUrl": stand_in().await,
        });
        let bare = format!("{providers}/{}", made(&owner, providers, bare).await);
        let small = json!({ "providerId": first, "name": "small" });
        let target = made(&owner, models, small).await;
        let model = format!("{models}/{target}");
        let spare_model = made(&owner, models, named("spare")).await;
        let chained =
            |slug: &str| json!({ "slug": slug, "name": "C", "members": [{ "modelId": target }] });
        let chain = made(&owner, chains, chained("kept")).await;
        let chain = format!("{chains}/{chain}");
        let spare_chain = made(&owner, chains, chained("spare")).await;
        let ruled = |name: &str| json!({ "name": name, "target": { "modelId": target } });
        let rule = format!("{rules}/{}", made(&owner, rules, ruled("Kept")).await);
        let limited = |subject: &str| json!({ "scope": "user", "subjectId": subject, "requestsPerMinute": 5 });
        let limit = format!("{limits}/{}", made(&owner, limits, limited("usr_kept")).await);
        let asked = json!({
            "model": "first/small", "max_tokens": 10,
            "messages": [{ "role": "user", "content": "Hello" }],
        });
        let openai = "/api/v1/ai/openai/v1";
        let chat = format!("{openai}/chat/completions");
        let done = owner.post(&chat, asked.clone()).await;
        let done = done.header("x-millwright-completion-id").unwrap().to_owned();
        let done = format!("/api/v1/ai/completions/{done}");
        // Nobody is there, or has no such model.
        let mut failing = asked.clone();
        failing["model"] = "kept/spare".into();
        assert!(owner.post(&chat, failing).await.status.is_server_error());
        let mut endless = asked.clone();
        endless["stream"] = true.into();
        let headers = [("content-type", "application/json")];
        let open = owner.begin(Method::POST, &chat, &headers, endless.to_string()).await;
        let id = open.headers()["x-millwright-completion-id"].to_str().unwrap().to_owned();
        let going_on = format!("/api/v1/ai/completions/{id}");
        // Who drops it hangs up.
        std::mem::forget(open);
        let anthropic = "/api/v1/ai/anthropic/v1";
        let prompted = |slug: &str| json!({ "slug": slug, "name": "P" });
        let prompt = format!("{prompts}/{}", made(&owner, prompts, prompted("kept")).await);
        let spare_prompt = format!("{prompts}/{}", made(&owner, prompts, prompted("spare")).await);
        let versions = format!("{prompt}/versions");
        let said = json!({ "messages": [{ "role": "system", "template": "Be {{ how }}." }],
            "variables": [{ "name": "how", "required": false, "default": "brief" }] });
        owner.post(&versions, said.clone()).await.expect(201);
        let labels = format!("{prompt}/labels");
        for label in ["production", "old"] {
            owner.put_body(&format!("{labels}/{label}"), json!({ "version": 1 })).await.expect(200);
        }
        BTreeMap::from([
            ("openai_chat_create", Call::post(&chat, asked.clone()).refers()),
            ("openai_model_list", Call::get(&format!("{openai}/models"))),
            ("openai_model_get", Call::get(&format!("{openai}/models/first/small")).refers()),
            (
                "anthropic_message_create",
                Call::post(&format!("{anthropic}/messages"), asked.clone()).refers(),
            ),
            (
                "anthropic_token_count",
                Call::post(&format!("{anthropic}/messages/count_tokens"), asked),
            ),
            ("cache_purge", Call::post("/api/v1/ai/cache/purge", json!({}))),
            ("completion_list", Call::get("/api/v1/ai/completions")),
            ("completion_get", Call::get(&done).refers()),
            ("completion_cancel", Call::post(&format!("{going_on}/cancel"), json!({})).refers()),
            (
                "completion_rate",
                Call::post(&format!("{done}/rate"), json!({ "score": -1 })).refers(),
            ),
            ("anthropic_model_list", Call::get(&format!("{anthropic}/models"))),
            ("health_get", Call::get("/api/v1/ai/health")),
            ("readiness_get", Call::get("/api/v1/ai/ready")),
            ("endpoint_list", Call::get("/api/v1/ai/endpoints")),
            ("catalog_list", Call::get("/api/v1/ai/catalog")),
            ("catalog_get", Call::get("/api/v1/ai/catalog/entry?key=openai:gpt-4.1-mini")),
            ("provider_create", Call::post(providers, local("new"))),
            ("provider_list", Call::get(providers)),
            ("provider_get", Call::get(&provider).refers()),
            ("provider_update", Call::patch(&provider, json!({ "name": "X" })).refers()),
            ("provider_delete", Call::delete(&format!("{providers}/{spare}")).refers()),
            ("provider_enable", Call::post(&format!("{provider}/enable"), json!({})).refers()),
            ("provider_disable", Call::post(&format!("{provider}/disable"), json!({})).refers()),
            ("provider_health", Call::get(&format!("{provider}/health")).refers()),
            ("provider_test", Call::post(&format!("{bare}/test"), json!({})).refers()),
            (
                "provider_sync_models",
                Call::post(&format!("{bare}/sync-models"), json!({})).refers(),
            ),
            ("model_create", Call::post(models, named("new")).refers()),
            ("model_list", Call::get(models)),
            ("model_get", Call::get(&model).refers()),
            ("model_update", Call::patch(&model, json!({ "displayName": "X" })).refers()),
            ("model_delete", Call::delete(&format!("{models}/{spare_model}")).refers()),
            (
                "model_estimate",
                Call::post(&format!("{model}/estimate"), json!({ "inputTokens": 5 })).refers(),
            ),
            ("routing_rule_create", Call::post(rules, ruled("New")).refers()),
            ("routing_rule_list", Call::get(rules)),
            ("routing_rule_get", Call::get(&rule).refers()),
            ("routing_rule_update", Call::patch(&rule, json!({ "position": 7 })).refers()),
            ("routing_rule_delete", Call::delete(&rule).refers()),
            ("routing_explain", Call::post(&format!("{rules}/explain"), json!({}))),
            ("fallback_chain_create", Call::post(chains, chained("new")).refers()),
            ("fallback_chain_list", Call::get(chains)),
            ("fallback_chain_get", Call::get(&chain).refers()),
            ("fallback_chain_update", Call::patch(&chain, json!({ "name": "X" })).refers()),
            ("fallback_chain_delete", Call::delete(&format!("{chains}/{spare_chain}")).refers()),
            ("rate_limit_create", Call::post(limits, limited("usr_new"))),
            ("rate_limit_list", Call::get(limits)),
            ("rate_limit_get", Call::get(&limit).refers()),
            ("rate_limit_update", Call::patch(&limit, json!({ "maxConcurrent": 3 })).refers()),
            ("rate_limit_delete", Call::delete(&limit).refers()),
            ("prompt_create", Call::post(prompts, prompted("new"))),
            ("prompt_list", Call::get(prompts)),
            ("prompt_get", Call::get(&prompt).refers()),
            ("prompt_update", Call::patch(&prompt, json!({ "name": "X" })).refers()),
            ("prompt_delete", Call::delete(&spare_prompt).refers()),
            ("prompt_version_create", Call::post(&versions, said).refers()),
            ("prompt_version_list", Call::get(&versions).refers()),
            ("prompt_version_get", Call::get(&format!("{versions}/1")).refers()),
            (
                "prompt_label_set",
                Call::put_body(&format!("{labels}/staging"), json!({ "version": 1 })).refers(),
            ),
            ("prompt_label_clear", Call::delete(&format!("{labels}/old")).refers()),
            ("prompt_render", Call::post(&format!("{prompt}/render"), json!({})).refers()),
            ("settings_get", Call::get(settings)),
            ("settings_update", Call::patch(settings, json!({ "requirePrices": true }))),
        ])
    })
}
