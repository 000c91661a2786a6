//! Alerts of limits: each threshold once in a window, whatever is delivered twice and whoever dies.

use futures::future::join_all;
use millwright_runtime::{Change, Changes};
use millwright_testkit::CrashPoint;
use serde_json::{Value, json};
use usage_tracking::{Usage, store::LIMIT_COUNTER, thresholds::Thresholds};

use crate::{A, Scene, limits::quota, scene::key};

const BUDGETS: &str = "/api/v1/usage/budgets";
const ALERTS: &str = "/api/v1/usage/alerts";

/// What the mapping lets through of the table's stream.
fn changes(scene: &Scene) -> Vec<Change> {
    let records = scene.app.database.stream();
    let changes: Changes = serde_json::from_value(json!({ "Records": records })).expect("records");
    changes.read().into_iter().filter(|change| change.item.kind() == LIMIT_COUNTER).collect()
}

fn worker(scene: &Scene) -> Thresholds {
    Thresholds::new(Usage::new(scene.app.instance().database.store()))
}

async fn budget(scene: &Scene, body: Value) -> String {
    let mut whole = json!({
        "name": key(), "categoryPattern": "build.*", "period": "month", "amountMicros": 1_000,
    });
    for (name, value) in body.as_object().expect("an object") {
        whole[name] = value.clone();
    }
    let made = scene.owner.post(BUDGETS, whole).await.expect(201);
    format!("{BUDGETS}/{}", made["id"].as_str().expect("an id"))
}

async fn spend(scene: &Scene, micros: i64) {
    let event = json!({
        "specversion": "1.0", "id": key(), "source": "/ci", "type": "ci.build.finished",
        "time": "2026-11-23T00:30:00Z",
        "data": { "seconds": 1, "runner": "a", "costMicros": micros },
    });
    scene.send(vec![event]).await;
    assert_eq!(scene.deliver().await, 0);
}

async fn said(scene: &Scene, kind: &str) -> usize {
    scene.app.event_types().await.iter().filter(|it| *it == kind).count()
}

async fn thresholds(scene: &Scene) -> Vec<u64> {
    // A client of its own: the clock may have passed the first one's credential.
    let alerts = scene.app.client(A, "owner").all(ALERTS, 100).await;
    let mut all: Vec<u64> = alerts.iter().filter_map(|it| it["threshold"].as_u64()).collect();
    all.sort_unstable();
    all
}

#[tokio::test]
async fn a_jump_over_four_thresholds_gives_four_alerts_of_32_parallel_deliveries() {
    let scene = Scene::start().await;
    scene.app.database.record_stream().await;
    scene.builds().await;
    let place = budget(&scene, json!({})).await;
    spend(&scene, 500).await;
    assert!(worker(&scene).watch(changes(&scene)).await.is_none());
    assert!(thresholds(&scene).await.is_empty(), "half of it reaches no threshold");
    spend(&scene, 1_100).await;
    let batch = changes(&scene);
    let workers: Vec<_> = (0..32)
        .map(|seed| {
            let instance = scene.app.instance();
            instance.faults().conflict(seed, 0.1);
            Thresholds::new(Usage::new(instance.database.store()))
        })
        .collect();
    join_all(workers.iter().map(|worker| worker.watch(batch.clone()))).await;
    assert!(worker(&scene).watch(batch).await.is_none(), "what was given back is done by now");
    assert_eq!(thresholds(&scene).await, [75, 90, 100, 150]);
    assert_eq!(said(&scene, "usage.budget.threshold_reached").await, 4);
    assert_eq!(said(&scene, "usage.budget.exceeded").await, 1);
    assert_eq!(said(&scene, "usage.alert.raised").await, 4);
    let alerts = scene.owner.all(ALERTS, 100).await;
    let whole = alerts.iter().find(|it| it["threshold"] == 100).expect("an alert");
    assert_eq!(
        (&whole["type"], &whole["severity"], &whole["value"], &whole["limit"]),
        (&json!("budget_threshold"), &json!("critical"), &json!("1600"), &json!("1000"))
    );
    let id = place.rsplit('/').next().expect("an id");
    assert_eq!(
        (whole["limitId"].as_str(), &whole["windowStart"]),
        (Some(id), &json!("2026-11-01T00:00:00.000Z"))
    );
}

#[tokio::test]
async fn a_worker_may_die_at_any_call() {
    let scene = Scene::start().await;
    scene.app.database.record_stream().await;
    scene.builds().await;
    budget(&scene, json!({})).await;
    spend(&scene, 1_600).await;
    let batch = changes(&scene);
    for call in 0..16usize {
        let victim = scene.app.instance();
        let crash = match call % 2 {
            0 => CrashPoint::Before(call / 2 + 1),
            _ => CrashPoint::After(call / 2 + 1),
        };
        victim.faults().crash(crash);
        let worker = Thresholds::new(Usage::new(victim.database.store()));
        tokio::select! {
            () = victim.faults().crashed() => {}
            _ = worker.watch(batch.clone()) => {}
        }
        let alerts = thresholds(&scene).await;
        assert_eq!(said(&scene, "usage.budget.threshold_reached").await, alerts.len(), "{call}");
        assert_eq!(said(&scene, "usage.alert.raised").await, alerts.len(), "{call}");
    }
    assert!(worker(&scene).watch(batch).await.is_none());
    assert_eq!(thresholds(&scene).await, [75, 90, 100, 150]);
    assert_eq!(said(&scene, "usage.budget.exceeded").await, 1);
}

#[tokio::test]
async fn a_counter_that_falls_re_arms_nothing_and_a_top_up_does() {
    let scene = Scene::start().await;
    scene.app.database.record_stream().await;
    scene.builds().await;
    let place = budget(&scene, json!({ "thresholds": [80] })).await;
    let watcher = worker(&scene);
    spend(&scene, 900).await;
    // Reached and left again within one batch: it was reached.
    let correction = json!({
        "categoryCode": "build.minutes", "time": "2026-11-23T00:30:00Z",
        "quantities": { "count": 0 }, "costMicros": -400, "reason": "counted twice",
    });
    scene.owner.post("/api/v1/usage/corrections", correction).await.expect(201);
    assert!(watcher.watch(changes(&scene)).await.is_none());
    assert_eq!(thresholds(&scene).await, [80]);
    spend(&scene, 400).await;
    assert!(watcher.watch(changes(&scene)).await.is_none());
    assert!(worker(&scene).watch(changes(&scene)).await.is_none());
    assert_eq!(thresholds(&scene).await, [80]);
    // Twice as much room: 80 % of that is news. The whole of it is an event without an alert.
    let top_up = json!({ "amountMicros": 1_000, "reason": "more" });
    scene.owner.post(&format!("{place}/top-ups"), top_up).await.expect(200);
    spend(&scene, 1_200).await;
    for _ in 0..3 {
        assert!(watcher.watch(changes(&scene)).await.is_none());
    }
    assert_eq!(thresholds(&scene).await, [80, 80]);
    assert_eq!(said(&scene, "usage.budget.exceeded").await, 1);
}

#[tokio::test]
async fn each_scope_and_window_has_its_own_and_warnings_warn_once() {
    let scene = Scene::start().await;
    scene.app.database.record_stream().await;
    quota(
        &scene,
        json!({ "scopeType": "user", "limit": 10, "enforcement": "warn", "period": "day", "thresholds": [100] }),
    )
    .await;
    let watcher = worker(&scene);
    let (first, second) = (scene.consumer(), scene.consumer());
    for consumer in [&first, &second] {
        for _ in 0..12 {
            let body = json!({ "categoryCode": "ai.completion" });
            let path = "/api/v1/usage/limits/consume";
            let answer = consumer.post_with(path, &[("idempotency-key", &key())], body).await;
            assert_eq!(answer.expect(200)["allowed"], true);
        }
        assert!(watcher.watch(changes(&scene)).await.is_none());
    }
    let of_users = if first.user == second.user { 1 } else { 2 };
    assert_eq!(thresholds(&scene).await.len(), of_users);
    scene.app.database.clock.advance(std::time::Duration::from_secs(24 * 3_600));
    let tomorrow = scene.app.client_with(A, "usage.*");
    let body = json!({ "categoryCode": "ai.completion", "amounts": { "count": 10 } });
    let path = "/api/v1/usage/limits/consume";
    let answer = tomorrow.post_with(path, &[("idempotency-key", &key())], body).await;
    answer.expect(200);
    assert!(worker(&scene).watch(changes(&scene)).await.is_none());
    assert_eq!(thresholds(&scene).await.len(), of_users + 1);
    assert_eq!(said(&scene, "usage.quota.threshold_reached").await, of_users + 1);
    assert_eq!(said(&scene, "usage.quota.exceeded").await, of_users + 1);
}

/// A use that reaches no new threshold costs the worker nothing; a new one a read and a transaction.
#[tokio::test]
async fn what_is_told_costs_nothing_more() {
    let scene = Scene::start().await;
    scene.app.database.record_stream().await;
    scene.builds().await;
    budget(&scene, json!({ "thresholds": [50] })).await;
    spend(&scene, 600).await;
    let instance = scene.app.instance();
    let watcher = Thresholds::new(Usage::new(instance.database.store()));
    let calls = |name: &str| instance.faults().calls().get(name).copied().unwrap_or(0);
    for _ in 0..2 {
        assert!(watcher.watch(changes(&scene)).await.is_none());
        // What is defined, the marks, the alert.
        assert_eq!(
            ["Query", "BatchGetItem", "TransactWriteItems"].map(calls),
            [2, 1, 1],
            "{:?}",
            instance.faults().calls()
        );
    }
}
