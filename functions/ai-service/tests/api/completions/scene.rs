//! An organization with two models at two providers, and a chain of both.

use std::sync::{Arc, Mutex};

use ai_service::{
    AiService,
    completion::Completions,
    domain::{Chain, Model, Provider},
    doubles::{StandInSecrets, ports},
    store::{Configured, Entry},
};
use http::Method;
use millwright_core::Tenant;
use millwright_event::Envelope;
use millwright_store::{Condition, Store};
use millwright_testkit::{Answer, Client, Contract, TestApp};
use millwright_usage::UsageClient;
use serde_json::{Value, json};

use super::upstream::Upstream;
use crate::A;

pub const CHAT: &str = "/api/v1/ai/openai/v1/chat/completions";
pub const MESSAGES: &str = "/api/v1/ai/anthropic/v1/messages";

pub struct Scene {
    pub app: TestApp,
    pub store: Store,
    /// As a function of its own has them.
    pub completions: Completions,
    pub first: Upstream,
    pub second: Upstream,
}

pub const SECRET: &str = "sec_01jdz7xk2nf5h9vq3w8c6m4t0b";

fn common() -> Value {
    json!({
        "organizationId": "org_01jdz7xk2nf5h9vq3w8c6m4t0b", "version": 1,
        "createdAt": "2026-11-23T00:00:00.000Z", "createdBy": "x",
        "updatedAt": "2026-11-23T00:00:00.000Z",
    })
}

fn with(mut own: Value) -> Value {
    for (name, value) in common().as_object().unwrap() {
        own[name] = value.clone();
    }
    own
}

pub fn provider(number: u8, kind: &str, url: &str) -> Provider {
    let body = with(json!({
        "id": format!("aip_01jdz7xk2nf5h9vq3w8c6m4t{number:02}"), "slug": format!("p{number}"),
        "name": "P", "kind": kind, "baseUrl": url, "secretId": SECRET, "bindingId": null,
        "extraHeaders": { "x-team": "tools" }, "enabled": true, "priority": number,
        "timeouts": {
            "connectSeconds": 5, "firstTokenSeconds": 60, "idleSeconds": 30, "totalSeconds": 600,
        },
        "maxRetries": 0, "maxConcurrency": null, "monthlyBudgetMicros": null,
    }));
    serde_json::from_value(body).expect("a provider")
}

/// At 1 dollar a million tokens in, 4 out.
pub fn model(number: u8, name: &str) -> Model {
    let body = with(json!({
        "id": format!("mdl_01jdz7xk2nf5h9vq3w8c6m4t{number:02}"),
        "providerId": format!("aip_01jdz7xk2nf5h9vq3w8c6m4t{number:02}"), "name": name,
        "catalogKey": null, "displayName": null, "tier": null,
        "capabilities": ["chat", "streaming", "tools"], "contextWindow": 10_000,
        "maxOutputTokens": 1_000,
        "prices": {
            "inputMicrosPerMTok": 1_000_000, "outputMicrosPerMTok": 4_000_000,
            "cacheReadMicrosPerMTok": null, "cacheWriteMicrosPerMTok": null, "requestMicros": 0,
            "tiers": [],
        },
        "defaults": {}, "enabled": true, "allowedRoles": null,
    }));
    serde_json::from_value(body).expect("a model")
}

pub fn chain(slug: &str, members: &[u8]) -> Chain {
    let member = |number: &u8| json!({ "modelId": format!("mdl_01jdz7xk2nf5h9vq3w8c6m4t{number:02}"), "weight": null, "timeouts": null });
    let body = with(json!({
        "id": "afc_01jdz7xk2nf5h9vq3w8c6m4t01", "slug": slug, "name": "Chain",
        "strategy": "ordered", "members": members.iter().map(member).collect::<Vec<_>>(),
        "triggerOn": ["connect", "timeout", "rate_limit", "server_error", "overloaded"],
        "maxTotalSeconds": 600, "enabled": true,
    }));
    serde_json::from_value(body).expect("a chain")
}

impl Scene {
    /// `p1/small` at an OpenAI, `p2/large` of `kind`, and the chain `both`.
    pub async fn start(kind: &str) -> Scene {
        Scene::with_usage(kind, None).await
    }

    /// The same, with a usage-tracking behind it.
    pub async fn with_usage(kind: &str, usage: Option<UsageClient>) -> Scene {
        let kept: Arc<Mutex<Option<Completions>>> = Arc::default();
        let keep = kept.clone();
        let app = TestApp::start("ai-service", move |platform, store, _| {
            let mut ports = ports(store, Arc::new(StandInSecrets::default()));
            ports.completions.usage.clone_from(&usage);
            *keep.lock().unwrap() = Some(ports.completions.clone());
            ai_service::router(AiService::new(platform, ports))
        })
        .await;
        let completions = kept.lock().unwrap().clone().expect("made");
        let store = completions.store.clone();
        let (first, second) = (Upstream::start().await, Upstream::start().await);
        let scene = Scene { app, store, completions, first, second };
        scene.put(&provider(1, "openai", &scene.first.url)).await;
        scene.put(&provider(2, kind, &scene.second.url)).await;
        scene.put(&model(1, "small")).await;
        scene.put(&model(2, "large")).await;
        scene.put(&chain("both", &[1, 2])).await;
        scene
    }

    pub fn tenant(&self) -> Tenant {
        self.app.client(A, "member").tenant()
    }

    pub async fn put<T: Configured>(&self, thing: &T) {
        let entry = Entry::of(thing);
        let done = self.store.put_when(&self.tenant(), &entry, &Condition::default()).await;
        assert!(done.expect("a table").is_none());
    }

    pub fn member(&self) -> Client {
        self.app.client(A, "member")
    }

    pub async fn chat(&self, body: Value) -> Answer {
        self.member().post(CHAT, body).await
    }

    /// A stream, as it comes.
    pub async fn stream(&self, path: &str, body: Value) -> http::Response<axum::body::Body> {
        let headers = [("content-type", "application/json")];
        self.member().begin(Method::POST, path, &headers, body.to_string()).await
    }

    /// What was told of completions.
    pub async fn events(&self) -> Vec<Envelope> {
        let events = self.app.events().await.into_iter();
        events.filter(|event| event.kind.starts_with("ai.completion.")).collect()
    }

    /// What events of a type said; each fits its schema.
    pub async fn told(&self, kind: &str) -> Vec<Value> {
        let events = self.app.events().await.into_iter();
        let declared = ai_service::service().events;
        let such = events.filter(|it| it.kind == kind);
        such.inspect(|it| Contract::check_event(&declared, it)).map(|it| it.data).collect()
    }

    /// The types of these.
    pub async fn event_types(&self) -> Vec<String> {
        self.events().await.into_iter().map(|event| event.kind).collect()
    }

    /// The log of a completion, by the header of its answer.
    pub async fn log(&self, id: &str) -> ai_service::store::CompletionItem {
        let place =
            ai_service::store::CompletionItem::place(&self.tenant(), id.parse().expect("an id"));
        self.store.get(&place).await.expect("a table").expect("logged")
    }
}

pub fn ask(model: &str) -> Value {
    json!({ "model": model, "messages": [{ "role": "user", "content": "Say hello." }] })
}

pub fn streamed(model: &str) -> Value {
    let mut body = ask(model);
    body["stream"] = true.into();
    body
}
