//! /planning/projects/{id}/summary and planning-on-events behind it

use std::{collections::BTreeMap, sync::Arc};

use millwright_event::Envelope;
use millwright_testkit::{Client, TestApp, deliveries, settled};
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use crate::{A, app, path_of, project, task};

async fn deliver(app: &TestApp, events: &[Envelope]) {
    let store = Arc::new(app.database.other_process().store());
    let batch = planning::consumer::consume(store, deliveries(events)).await;
    assert_eq!(settled(batch).await, (Vec::new(), Vec::new()));
}

/// Counts the tasks of a project by reading them.
async fn recount(client: &Client, project: &str) -> (BTreeMap<String, i64>, BTreeMap<String, i64>) {
    let (mut states, mut types) = (BTreeMap::new(), BTreeMap::new());
    for task in client.all(&format!("/api/v1/planning/tasks?projectId={project}"), 100).await {
        *states.entry(task["state"].as_str().unwrap().to_owned()).or_default() += 1;
        *types.entry(task["type"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    (states, types)
}

fn counted(counts: &Value) -> BTreeMap<String, i64> {
    let counts = counts.as_object().unwrap();
    let counts = counts.iter().map(|(name, count)| (name.clone(), count.as_i64().unwrap()));
    counts.filter(|(_, count)| *count != 0).collect()
}

async fn assert_exact(client: &Client, project: &str) {
    let path = format!("/api/v1/planning/projects/{project}/summary");
    let summary = client.get(&path).await.expect(200);
    let (states, types) = recount(client, project).await;
    assert_eq!(counted(&summary["byState"]), states);
    assert_eq!(counted(&summary["byType"]), types);
}

/// Some of everything that can happen to tasks.
async fn busy_project(owner: &Client) -> String {
    let id = project(owner, "WEB").await;
    for n in 0..12 {
        let path = path_of(&task(owner, &id, &format!("{n}")).await);
        let transition = format!("{path}/transition");
        if n % 2 == 0 {
            owner.post(&transition, json!({ "to": "in_progress" })).await.expect(200);
        }
        if n % 4 == 0 {
            owner.post(&transition, json!({ "to": "done" })).await.expect(200);
            owner.patch(&path, json!({ "type": "bug", "title": "renamed" })).await.expect(200);
        }
        if n % 3 == 0 {
            owner.delete(&path).await.expect(204);
        }
        if n % 6 == 0 {
            owner.post(&format!("{path}/restore"), json!({})).await.expect(200);
        }
    }
    id
}

#[tokio::test]
async fn the_summary_of_a_new_project_is_all_zero() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    let path = format!("/api/v1/planning/projects/{id}/summary");
    let summary = owner.get(&path).await.expect(200);
    assert_eq!(summary["lastNumber"], 0);
    assert_eq!(summary["doneShare"], 0.0);
    assert!(summary["asOf"].is_null());
    task(&owner, &id, "T").await;
    assert_eq!(owner.get(&path).await.expect(200)["lastNumber"], 1);
}

#[tokio::test]
async fn counts_are_exact_for_events_in_order() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let id = busy_project(&owner).await;
    deliver(&app, &app.events().await).await;
    assert_exact(&owner, &id).await;
    let summary = owner.get("/api/v1/planning/projects/WEB/summary").await.expect(200);
    let (states, _) = recount(&owner, &id).await;
    let share = states["done"] as f64 / states.values().sum::<i64>() as f64;
    assert!((summary["doneShare"].as_f64().unwrap() - share).abs() < 0.0001);
}

#[tokio::test]
async fn counts_are_exact_doubled_shuffled_and_in_any_batches() {
    for seed in 0..8 {
        let app = app().await;
        let owner = app.client(A, "owner");
        let id = busy_project(&owner).await;
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut events = app.events().await;
        events.extend(events.clone());
        events.extend(events[..10].to_vec());
        events.shuffle(&mut random);
        let size = usize::try_from(seed).unwrap() * 7 + 1;
        for batch in events.chunks(size) {
            deliver(&app, batch).await;
        }
        assert_exact(&owner, &id).await;
        // A redrive of everything changes nothing.
        deliver(&app, &events).await;
        assert_exact(&owner, &id).await;
    }
}

#[tokio::test]
async fn counts_are_exact_under_parallel_consumers_and_conflicts() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let id = busy_project(&owner).await;
    let events = app.events().await;
    let consumers = (0..32u64).map(|seed| {
        let process = app.database.other_process();
        process.faults.conflict(seed, 0.1);
        let mut events = events.clone();
        events.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        async move {
            let mut rest = events;
            // What fails comes back, as a queue would have it.
            for _ in 0..20 {
                let store = Arc::new(process.store());
                let batch = planning::consumer::consume(store, deliveries(&rest)).await;
                let (failures, rejected) = settled(batch).await;
                assert!(rejected.is_empty(), "{rejected:?}");
                if failures.is_empty() {
                    return;
                }
                let failed = |index: usize| failures.contains(&format!("message-{index}"));
                rest = rest
                    .into_iter()
                    .enumerate()
                    .filter(|(i, _)| failed(*i))
                    .map(|(_, e)| e)
                    .collect();
            }
            panic!("the messages would have ended in the dead-letter queue");
        }
    });
    futures::future::join_all(consumers).await;
    assert_exact(&owner, &id).await;
}

#[tokio::test]
async fn a_crash_between_any_two_calls_counts_nothing_twice() {
    use millwright_testkit::CrashPoint;
    for point in
        [CrashPoint::Before(1), CrashPoint::After(1), CrashPoint::Before(2), CrashPoint::After(2)]
    {
        let app = app().await;
        let owner = app.client(A, "owner");
        let id = busy_project(&owner).await;
        let events = app.events().await;
        // Some were counted before, so that the fold needs two transactions.
        deliver(&app, &events[..5]).await;
        let process = app.database.other_process();
        process.faults.crash(point);
        let store = Arc::new(process.store());
        tokio::select! {
            _ = planning::consumer::consume(store, deliveries(&events)) => {}
            () = process.faults.crashed() => {}
        }
        deliver(&app, &events).await;
        assert_exact(&owner, &id).await;
    }
}

#[tokio::test]
async fn one_bad_message_blocks_nothing() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let id = busy_project(&owner).await;
    let mut events = app.events().await;
    let mut bad = events[3].clone();
    bad.id = "01936b0e-0000-7000-8000-000000000000".into();
    bad.kind = "planning.task.created".into();
    bad.data = json!({ "nonsense": true });
    events.insert(3, bad);
    let store = Arc::new(app.database.store());
    let batch = planning::consumer::consume(store, deliveries(&events)).await;
    let (failed, rejected) = settled(batch).await;
    assert!(failed.is_empty(), "it would never succeed");
    assert_eq!(rejected.len(), 1);
    assert_eq!(rejected[0].message_id, "message-3");
    assert!(rejected[0].body.contains("nonsense"));
    assert_exact(&owner, &id).await;
}
