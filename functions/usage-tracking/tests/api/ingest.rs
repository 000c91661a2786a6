//! The worker: once, whatever comes twice, late, out of order, or while it dies.

use std::{collections::BTreeMap, time::Duration};

use millwright_event::batch::Delivery;
use millwright_testkit::CrashPoint;
use rand::{RngExt, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use serde_json::json;

use crate::{A, B, Scene, scene::build};

const TIME: &str = "2026-11-23T00:30:00Z";

#[tokio::test]
async fn the_same_batch_delivered_32_times_in_parallel_counts_once() {
    let scene = Scene::start().await;
    scene.builds().await;
    scene.send((0..150).map(|n| build(n, TIME, n, &format!("r{}", n % 7))).collect()).await;
    let deliveries = scene.deliveries().await;
    scene.app.faults().conflict(7, 0.1);
    let workers: Vec<_> = (0..32).map(|_| scene.worker()).collect();
    let consumed = workers.iter().map(|worker| scene.deliver_to(worker, deliveries.clone()));
    futures::future::join_all(consumed).await;
    assert_eq!(scene.deliver().await, 0, "what was given back is done by now");
    let sums = scene.sums("build.minutes", &["count", "seconds"]).await;
    assert_eq!(sums["values"], json!({ "count": "150", "seconds": "11175" }));
    assert_eq!(scene.owner.all("/api/v1/usage/events", 100).await.len(), 150);
}

#[tokio::test]
async fn counters_and_raw_events_agree_after_a_crash_at_any_call() {
    let scene = Scene::start().await;
    scene.builds().await;
    for round in 0..14usize {
        let events =
            (0..30).map(|n| build(format!("{round}-{n}"), TIME, 1, &format!("r{}", n % 3)));
        scene.send(events.collect()).await;
        let victim = scene.app.instance();
        let crash = match round % 2 {
            0 => CrashPoint::Before(round / 2 + 1),
            _ => CrashPoint::After(round / 2 + 1),
        };
        victim.faults().crash(crash);
        let worker = usage_tracking::ingest::Ingest::new(usage_tracking::Usage::new(
            victim.database.store(),
        ));
        let deliveries = scene.deliveries().await;
        tokio::select! {
            _ = worker.consume(deliveries) => {}
            () = victim.faults().crashed() => {}
        }
        let counted = scene.sums("build.minutes", &["count"]).await;
        let raw = scene.owner.all("/api/v1/usage/events", 100).await.len();
        assert_eq!(counted["values"]["count"], raw.to_string(), "round {round}");
        assert_eq!(scene.deliver().await, 0);
        let counted = scene.sums("build.minutes", &["count", "seconds"]).await;
        let all = ((round + 1) * 30).to_string();
        assert_eq!(counted["values"], json!({ "count": all, "seconds": all }));
    }
}

#[tokio::test]
async fn source_id_and_organization_tell_events_apart() {
    let scene = Scene::start().await;
    scene.builds().await;
    let mut other_source = build(1, TIME, 5, "a");
    other_source["source"] = json!("/other");
    scene.send(vec![build(1, TIME, 1, "a"), other_source]).await;
    let b = scene.app.client(B, "owner");
    b.post("/api/v1/usage/events", build(1, TIME, 9, "a")).await.expect(202);
    // Another body under the same key: the first one stands, and it is told.
    scene.deliver().await;
    scene.send(vec![build(1, TIME, 100, "a")]).await;
    scene.deliver().await;
    scene.deliver().await;
    let sums = scene.sums("build.minutes", &["count", "seconds"]).await;
    assert_eq!(sums["values"], json!({ "count": "2", "seconds": "6" }));
    let rejected = scene.owner.all("/api/v1/usage/rejections", 10).await;
    assert_eq!(rejected.len(), 1, "{rejected:?}");
    assert_eq!(rejected[0]["code"], "duplicate_differs");
    assert_eq!(b.all("/api/v1/usage/events", 10).await.len(), 1);
    assert!(b.all("/api/v1/usage/rejections", 10).await.is_empty());
}

#[tokio::test]
async fn what_waits_too_long_is_told_and_not_counted() {
    let scene = Scene::start().await;
    scene.builds().await;
    let day = |days: u64| Duration::from_secs(days * 24 * 3_600);
    scene.send(vec![build("early", TIME, 1, "a")]).await;
    scene.deliver().await;
    scene.app.database.clock.advance(day(34));
    let late = scene.app.client(A, "owner");
    let duplicate = build("early", TIME, 1, "a");
    late.post("/api/v1/usage/events", duplicate.clone()).await.expect(202);
    late.post("/api/v1/usage/events", build("waits", TIME, 1, "a")).await.expect(202);
    let queued = scene.deliveries().await;
    let (first, waiting) = queued.split_at(queued.len() - 1);
    scene.deliver_to(&scene.worker(), first.to_vec()).await;
    scene.app.database.clock.advance(day(7));
    let later = scene.app.client(A, "owner");
    later.post("/api/v1/usage/events", duplicate).await.expect_problem(400, "event_too_old");
    scene.app.database.clock.advance(day(3));
    assert_eq!(scene.deliver_to(&scene.worker(), waiting.to_vec()).await, 0);
    let owner = scene.app.client(A, "owner");
    let rejected = owner.all("/api/v1/usage/rejections", 10).await;
    assert_eq!((rejected.len(), rejected[0]["code"].as_str()), (1, Some("event_too_old")));
    let query = json!({
        "categoryPattern": "build.minutes", "measures": ["count"], "from": "2026-11-22T00:00:00Z",
    });
    let answer = owner.post("/api/v1/usage/query", query).await.expect(200);
    assert_eq!(answer["rows"][0]["values"]["count"], "1");
}

#[tokio::test]
async fn one_poison_event_holds_up_nobody() {
    let scene = Scene::start().await;
    scene.builds().await;
    let mut events: Vec<_> = (0..499).map(|n| build(n, TIME, 1, "a")).collect();
    let mut poison = build("poison", TIME, 1, "a");
    poison["data"] = json!({ "seconds": "many" });
    events.insert(250, poison);
    scene.send(events).await;
    let mut deliveries = scene.deliveries().await;
    deliveries.push(Delivery {
        message_id: "garbage".to_owned(),
        receive_count: 1,
        body: "{".to_owned(),
    });
    let worker = scene.worker();
    let (failed, rejected) = millwright_testkit::settled(worker.consume(deliveries).await).await;
    assert!(failed.is_empty());
    assert_eq!(rejected.len(), 1, "what is no message at all goes to the dead letters");
    let sums = scene.sums("build.minutes", &["count"]).await;
    assert_eq!(sums["values"], json!({ "count": "499" }));
    let rejections = scene.owner.all("/api/v1/usage/rejections", 10).await;
    assert_eq!(rejections[0]["code"], "metric_invalid");
    assert_eq!(rejections[0]["eventId"], "poison");
}

#[tokio::test]
async fn events_of_the_bus_count_for_their_organization() {
    let scene = Scene::start().await;
    let organization = scene.owner.tenant();
    let event = json!({
        "version": "0", "id": "frame", "detail-type": "ai.completion.completed",
        "detail": {
            "specversion": "1.0", "id": "e1", "source": "millwright.ai", "type": "ai.completion.completed",
            "time": TIME, "subject": "cmp_1", "datacontenttype": "application/json",
            "dataschema": "urn:millwright:event:ai.completion.completed:1",
            "orgid": organization.to_string(), "actorid": "usr_01jdbx0pmgfcevdh08yfgtjb82",
            "correlationid": "c", "traceparent": "00-1-2-00",
            "data": {
                "usage": { "inputTokens": 1200, "outputTokens": 80 }, "costMicros": 7, "model": "m",
                "provider": "p", "status": "completed",
            },
        },
    });
    let delivery =
        Delivery { message_id: "1".to_owned(), receive_count: 1, body: event.to_string() };
    for _ in 0..3 {
        assert_eq!(scene.deliver_to(&scene.worker(), vec![delivery.clone()]).await, 0);
    }
    let sums = scene.sums("ai.*", &["count", "inputTokens", "cost"]).await;
    assert_eq!(sums["values"], json!({ "count": "1", "inputTokens": "1200" }));
    assert_eq!(sums["costMicros"], 7);
    let now = scene.owner.get("/api/v1/usage/realtime").await.expect(200);
    assert_eq!(now["month"][0]["categoryCode"], "ai.completion");
}

#[tokio::test]
async fn beyond_a_thousand_combinations_the_rest_is_other() {
    let scene = Scene::start().await;
    scene.builds().await;
    let events: Vec<_> = (0..1_040).map(|n| build(n, TIME, 2, &format!("runner-{n}"))).collect();
    scene.send(events).await;
    let deliveries = scene.deliveries().await;
    let workers: Vec<_> = (0..32).map(|_| scene.worker()).collect();
    let pieces = deliveries.iter().zip(workers.iter().cycle());
    let consumed =
        pieces.map(|(delivery, worker)| scene.deliver_to(worker, vec![delivery.clone()]));
    let given_back: usize = futures::future::join_all(consumed).await.into_iter().sum();
    if given_back > 0 {
        scene.deliver().await;
    }
    let query = json!({
        "categoryPattern": "build.minutes", "measures": ["count", "seconds"],
        "from": "2026-11-23T00:00:00Z", "groupBy": ["runner"],
    });
    let rows = scene.owner.post("/api/v1/usage/query", query).await.expect(200)["rows"].clone();
    let rows = rows.as_array().expect("rows");
    assert_eq!(rows.len(), 1_001);
    let other = rows.iter().find(|row| row["group"]["runner"] == "__other__").expect("the rest");
    assert_eq!(other["values"], json!({ "count": "40", "seconds": "80" }));
    let alerts = scene.app.event_types().await;
    assert_eq!(alerts.iter().filter(|kind| *kind == "usage.alert.raised").count(), 1);
}

/// Random events, delivered in random pieces, some of them often, by workers of which some die,
/// with transactions that conflict: the sums are those of the distinct events.
#[tokio::test]
async fn whatever_happens_on_the_way_sums_are_exact() {
    let mut random = ChaCha8Rng::seed_from_u64(20_261_123);
    let scene = Scene::start().await;
    scene.builds().await;
    let mut expected: BTreeMap<String, (u64, i128)> = BTreeMap::new();
    let mut events = Vec::new();
    for n in 0..400 {
        let runner = format!("r{}", random.random_range(0..5));
        let minute: i64 = random.random_range(0..20 * 24 * 60);
        let at = jiff::Timestamp::from_second(1_795_395_600 - minute * 60).expect("a time");
        let nano: i64 = random.random_range(0..1_000_000_000_000);
        let seconds = format!("{}.{:09}", nano / 1_000_000_000, nano % 1_000_000_000);
        let sums = expected.entry(runner.clone()).or_default();
        *sums = (sums.0 + 1, sums.1 + i128::from(nano));
        events.push(build(n, &at.to_string(), seconds, &runner));
    }
    let duplicates: Vec<_> = events.iter().filter(|_| random.random_bool(0.3)).cloned().collect();
    events.extend(duplicates);
    events.shuffle(&mut random);
    scene.send(events).await;
    let mut deliveries = scene.deliveries().await;
    deliveries.shuffle(&mut random);
    for (round, piece) in deliveries.chunks(3).enumerate() {
        let instance = scene.app.instance();
        instance.faults().conflict(round as u64, 0.1);
        if round % 4 == 0 {
            instance.faults().crash(CrashPoint::After(random.random_range(3..12)));
        }
        let worker = usage_tracking::ingest::Ingest::new(usage_tracking::Usage::new(
            instance.database.store(),
        ));
        tokio::select! {
            _ = worker.consume(piece.to_vec()) => {}
            () = instance.faults().crashed() => {}
        }
    }
    assert_eq!(scene.deliver().await, 0);
    let query = json!({
        "categoryPattern": "build.minutes", "measures": ["count", "seconds"],
        "from": "2026-11-01T00:00:00Z", "groupBy": ["runner"],
    });
    let rows = scene.owner.post("/api/v1/usage/query", query).await.expect(200)["rows"].clone();
    let told: BTreeMap<String, (u64, i128)> = rows
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| {
            let count = row["values"]["count"].as_str().unwrap().parse().unwrap();
            let seconds: usage_tracking::domain::Quantity =
                row["values"]["seconds"].as_str().unwrap().parse().unwrap();
            (row["group"]["runner"].as_str().unwrap().to_owned(), (count, seconds.nano()))
        })
        .collect();
    assert_eq!(told, expected);
}

#[tokio::test]
async fn completions_say_milliseconds_and_count_seconds() {
    let scene = Scene::start().await;
    for (id, milliseconds) in [("a", 2_100), ("b", 7)] {
        let event = json!({
            "specversion": "1.0", "id": id, "source": "/ai", "type": "ai.completion.completed",
            "time": "2026-11-23T00:30:00Z", "data": { "durationMs": milliseconds },
        });
        scene.send(vec![event]).await;
    }
    scene.deliver().await;
    let counted = scene.sums("ai.completion", &["count", "durationSeconds"]).await;
    assert_eq!(counted["values"], json!({ "count": "2", "durationSeconds": "2.107" }));
}
