//! What operations call, counted below the SDK. One PutItem stands for one message of the queue.

use std::collections::BTreeMap;

use millwright_core::{Id, ProjectId, TeamId, UserId};
use serde_json::{Value, json};
use usage_tracking::{Usage, doubles::StoredQueue, ingest::Ingest};
use uuid::Uuid;

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
    // Definitions, the combination of values, the category of the month, the hour, the end of the day
    // and the statement in the calendar of what falls due, and the events.
    let wanted = expected(&[("Query", 2), ("TransactWriteItems", 2), ("PutItem", 4)]);
    assert_eq!(instance.faults().calls(), wanted);
}

/// The page that says what it costs.
const PAGE: &str = include_str!("../../../../docs/USAGE.md");
/// Of a million write units on demand, in the region the prices of `docs/COST.md` are of.
const DOLLARS_PER_MILLION_UNITS: f64 = 0.625;

/// A completion in a project of a team.
fn completion(n: usize, time: &str) -> Value {
    let number = |count: usize| Uuid::from_u128(1 + (n % count) as u128);
    let user: UserId = Id::from_uuid(number(10));
    let team: TeamId = Id::from_uuid(number(1));
    let project: ProjectId = Id::from_uuid(number(5));
    json!({
        "specversion": "1.0", "id": n.to_string(), "source": "/assistant", "type": "assistant.answered",
        "time": time, "userid": user, "teamid": team, "projectid": project,
        "data": { "model": format!("m{}", n % 2), "tokens": 1_000 + n, "costMicros": 21 },
    })
}

/// The write units of `count` events in messages of `size`, by a worker that has worked before; how
/// many transactions it took.
async fn units(count: usize, size: usize, limits: usize, time: &str) -> (f64, usize) {
    let scene = Scene::start().await;
    let category = json!({
        "code": "assistant.answer", "name": "Answers", "eventTypes": ["assistant.answered"],
        "metrics": [{ "name": "tokens", "pointer": "/tokens" }],
        "dimensions": [{ "name": "model", "pointer": "/model" }], "costPointer": "/costMicros",
    });
    scene.owner.post("/api/v1/usage/categories", category).await.expect(201);
    for n in 0..limits {
        quota(
            &scene,
            json!({ "name": format!("q{n}"), "limit": 1_000_000, "categoryPattern": "*" }),
        )
        .await;
    }
    let sender = scene.service_key();
    let instance = scene.app.instance();
    let worker = Ingest::new(Usage::new(instance.database.store()));
    let deliver = async |from: usize, to: usize| {
        let before = scene.deliveries().await.len();
        let events: Vec<Value> = (from..to).map(|n| completion(n, time)).collect();
        for events in events.chunks(size) {
            let sent = sender.post("/api/v1/usage/events/batch", json!(events)).await;
            sent.expect(200);
        }
        let sent = StoredQueue::deliveries(&scene.app.database.store()).await.expect("the queue");
        for message in sent.into_iter().skip(before) {
            assert_eq!(scene.deliver_to(&worker, vec![message]).await, 0);
        }
    };
    // What is written once an hour or a day is none of an event's.
    deliver(0, 10).await;
    instance.faults().reset_calls();
    instance.faults().measure_units();
    deliver(10, 10 + count).await;
    let calls = instance.faults().calls();
    let transactions = calls.get("TransactWriteItems").copied().unwrap_or(0);
    assert_eq!(calls.values().sum::<usize>(), transactions, "{calls:?}");
    (instance.faults().units().values().sum::<f64>() / count as f64, transactions)
}

#[tokio::test]
async fn a_million_events_cost_what_the_page_says() {
    let mut rows = Vec::new();
    let (now, late) = ("2026-11-23T01:00:30Z", "2026-11-23T00:30:00Z");
    for (what, count, size, limits, time) in [
        ("one event in a message", 10, 1, 0, now),
        ("one event of an earlier hour in a message", 10, 1, 0, late),
        ("one event in a message, three limits", 10, 1, 3, now),
        ("100 events in a message", 400, 100, 0, now),
        ("100 events of an earlier hour in a message", 400, 100, 0, late),
        ("100 events in a message, three limits", 400, 100, 3, now),
    ] {
        let (units, transactions) = units(count, size, limits, time).await;
        let per_transaction = count as f64 / transactions as f64;
        let dollars = units * DOLLARS_PER_MILLION_UNITS;
        rows.push(format!("| {what} | {per_transaction:.0} | {units:.2} | ${dollars:.2} |"));
    }
    let missing: Vec<&String> = rows.iter().filter(|row| !PAGE.contains(*row)).collect();
    assert!(missing.is_empty(), "docs/USAGE.md lacks these rows: {rows:#?}");
}
