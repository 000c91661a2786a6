//! What operations call, counted below the SDK. One PutItem stands for one message of the queue.

use std::collections::BTreeMap;

use serde_json::json;

use crate::{
    Scene,
    limits::quota,
    scene::{build, key},
};

fn calls(scene: &Scene) -> BTreeMap<String, usize> {
    let calls = scene.app.faults().calls();
    scene.app.faults().reset_calls();
    calls
}

fn expected(calls: &[(&str, usize)]) -> BTreeMap<String, usize> {
    calls.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

#[tokio::test]
async fn operations_call_what_they_say() {
    let scene = Scene::start().await;
    scene.builds().await;
    calls(&scene);
    scene.send((0..100).map(|n| build(n, "2026-11-23T00:30:00Z", 1, "a")).collect()).await;
    assert_eq!(calls(&scene), expected(&[("PutItem", 1)]), "a hundred events are one message");
    let consumer = scene.consumer();
    let consume = async || {
        let key = key();
        let body = json!({ "categoryCode": "ai.completion" });
        let path = "/api/v1/usage/limits/consume";
        consumer.post_with(path, &[("idempotency-key", &key)], body).await.expect(200);
    };
    consume().await;
    calls(&scene);
    // The claim of the key, and the record of the answer.
    consume().await;
    assert_eq!(calls(&scene), expected(&[("PutItem", 1), ("TransactWriteItems", 1)]));
    for _ in 0..3 {
        quota(&scene, json!({ "limit": 100 })).await;
    }
    consume().await;
    calls(&scene);
    consume().await;
    assert_eq!(calls(&scene), expected(&[("PutItem", 1), ("TransactWriteItems", 1)]));
    let reserve = async || {
        let body = json!({ "categoryCode": "ai.completion", "amounts": {}, "reference": key() });
        consumer.post("/api/v1/usage/reservations", body).await.expect(201)
    };
    // The first of an hour is noted in the calendar of what falls due.
    reserve().await;
    calls(&scene);
    let held = reserve().await;
    assert_eq!(calls(&scene), expected(&[("TransactWriteItems", 1)]));
    let commit = format!("/api/v1/usage/reservations/{}/commit", held["id"].as_str().unwrap());
    consumer.post(&commit, json!({ "amounts": {} })).await.expect(200);
    assert_eq!(calls(&scene), expected(&[("GetItem", 1), ("TransactWriteItems", 1)]));
}

#[tokio::test]
async fn a_batch_is_counted_in_as_few_transactions_as_fit() {
    let scene = Scene::start().await;
    scene.builds().await;
    // Forty events of one hour: what they share is written once.
    scene.send((0..40).map(|n| build(n, "2026-11-23T00:30:00Z", 1, "a")).collect()).await;
    let deliveries = scene.deliveries().await;
    let instance = scene.app.instance();
    let store = instance.database.store();
    let worker = usage_tracking::ingest::Ingest::new(usage_tracking::Usage::new(store));
    scene.deliver_to(&worker, Vec::new()).await;
    instance.faults().reset_calls();
    scene.deliver_to(&worker, deliveries).await;
    // Definitions, the combination of values, the category of the month, the hour and the statement
    // in the calendar of what falls due, and the events.
    let wanted = expected(&[("Query", 2), ("TransactWriteItems", 2), ("PutItem", 3)]);
    assert_eq!(instance.faults().calls(), wanted);
}
