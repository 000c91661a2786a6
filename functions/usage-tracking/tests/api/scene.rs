//! A usage-tracking with its worker.

use std::sync::Arc;

use axum::Router;
use millwright_core::UserId;
use millwright_event::batch::Delivery;
use millwright_http::Platform;
use millwright_store::Store;
use millwright_testkit::{Client, Files, TestApp, settled};
use serde_json::{Value, json};
use usage_tracking::{Usage, UsageTracking, doubles::StoredQueue, ingest::Ingest};
use uuid::Uuid;

/// Two organizations.
pub const A: u128 = 1;
pub const B: u128 = 2;

pub fn router(platform: Platform, store: Store, files: Files) -> Router {
    let queue = Arc::new(StoredQueue(store.clone()));
    usage_tracking::router(UsageTracking::new(platform, store, queue, files))
}

pub struct Scene {
    pub app: TestApp,
    pub owner: Client,
}

impl Scene {
    pub async fn start() -> Scene {
        let app = TestApp::start("usage-tracking", router).await;
        let owner = app.client(A, "owner");
        Scene { app, owner }
    }

    /// A worker that remembers nothing, in a process of its own.
    pub fn worker(&self) -> Ingest {
        Ingest::new(Usage::new(self.app.instance().database.store()))
    }

    /// A caller who may consume, as a key of the organization would.
    pub fn consumer(&self) -> Client {
        self.app.client_with(A, "usage.*")
    }

    /// A key of the organization, which sends for everybody in it.
    pub fn service_key(&self) -> Client {
        let organization = self.owner.tenant().organization();
        self.app.client_of(UserId::from_uuid(Uuid::nil()), organization, |claims| {
            claims.sub = "svk_01jdz7xk2nf5h9vq3w8c6m4t0b".to_owned();
            claims.perms = Some("usage.event.create".to_owned());
        })
    }

    /// Everything sent so far.
    pub async fn deliveries(&self) -> Vec<Delivery> {
        StoredQueue::deliveries(&self.app.database.store()).await.expect("the queue")
    }

    /// Delivers everything that was ever sent, once more; how many messages come back.
    pub async fn deliver(&self) -> usize {
        self.deliver_to(&self.worker(), self.deliveries().await).await
    }

    pub async fn deliver_to(&self, worker: &Ingest, deliveries: Vec<Delivery>) -> usize {
        let (failed, rejected) = settled(worker.consume(deliveries).await).await;
        failed.len() + rejected.len()
    }

    /// The category of builds, with a metric and a dimension.
    pub async fn builds(&self) {
        let body = json!({
            "code": "build.minutes", "name": "Build minutes", "eventTypes": ["ci.build.finished"],
            "metrics": [
                { "name": "seconds", "pointer": "/seconds", "unit": "s" },
                { "name": "bytes", "pointer": "/bytes", "optional": true, "averaged": true },
            ],
            "dimensions": [{ "name": "runner", "pointer": "/runner" }],
            "costPointer": "/costMicros",
        });
        self.owner.post("/api/v1/usage/categories", body).await.expect(201);
    }

    pub async fn send(&self, events: Vec<Value>) {
        for events in events.chunks(100) {
            let answer =
                self.owner.post("/api/v1/usage/events/batch", json!(events)).await.expect(200);
            for result in answer["results"].as_array().expect("results") {
                assert_eq!(result["status"], 202, "{result}");
            }
        }
    }

    /// Sums of measures in a span, one window.
    pub async fn sums(&self, pattern: &str, measures: &[&str]) -> Value {
        let body = json!({
            "categoryPattern": pattern, "measures": measures, "from": "2026-11-01T00:00:00Z",
        });
        let answer = self.owner.post("/api/v1/usage/query", body).await.expect(200);
        answer["rows"][0].clone()
    }
}

/// A build that took some seconds.
pub fn build(id: impl ToString, time: &str, seconds: impl Into<Value>, runner: &str) -> Value {
    json!({
        "specversion": "1.0", "id": id.to_string(), "source": "/ci", "type": "ci.build.finished",
        "time": time, "data": { "seconds": seconds.into(), "runner": runner },
    })
}

/// A key that no other request has.
pub fn key() -> String {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("key-{}", NEXT.fetch_add(1, Ordering::SeqCst))
}
