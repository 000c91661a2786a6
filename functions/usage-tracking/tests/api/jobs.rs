//! Jobs: worked off to the end, once, wherever their workers die.

use std::time::Duration;

use millwright_job::Times;
use millwright_testkit::{CrashPoint, JobQueue};
use serde_json::{Value, json};
use usage_tracking::{
    Usage,
    job::{JOBS, Worker, order_due, works},
};

use crate::{
    A, B, Scene,
    scene::{build, key},
};

const U: &str = "/api/v1/usage";
const TIME: &str = "2026-11-23T00:30:00Z";

/// Every chunk is a slice.
const SHORT: Times =
    Times { lease: Duration::from_secs(90), slice: Duration::ZERO, retry: Duration::from_secs(15) };

/// Works all jobs off, each message delivered `copies` times, by workers that die where it says.
pub async fn work(scene: &Scene, copies: usize, crash: impl Fn(usize) -> Option<CrashPoint>) {
    let mut queue = JobQueue::of(&scene.app.database, JOBS, copies);
    let files = scene.app.files.clone();
    let work = async |process: millwright_testkit::Database, message| {
        let works = works(Usage::new(process.store()), files.client());
        Worker::new(process.store(), works, SHORT).work(&message).await
    };
    queue.drain(work, crash).await;
    assert!(queue.dead.is_empty(), "no message is given up");
}

/// Workers die in the first deliveries, later and later; never so often that a job is given up.
fn dying(number: usize) -> Option<CrashPoint> {
    (number < 4).then(|| match number % 2 {
        0 => CrashPoint::Before(3 + number * 8),
        _ => CrashPoint::After(3 + number * 8),
    })
}

async fn job(scene: &Scene, started: &Value) -> Value {
    let owner = scene.app.client(A, "owner");
    let place = format!("{U}/jobs/{}", started["id"].as_str().expect("an id"));
    owner.get(&place).await.expect(200)
}

async fn sums(scene: &Scene, pattern: &str) -> Value {
    scene.sums(pattern, &["count", "seconds", "cost"]).await
}

#[tokio::test]
async fn uncategorized_events_are_counted_where_they_belong_once() {
    let scene = Scene::start().await;
    let event = |n: usize| {
        json!({
            "specversion": "1.0", "id": n.to_string(), "source": "/gpu", "type": "gpu.job.done",
            "time": TIME, "data": { "seconds": n, "card": format!("c{}", n % 3) },
        })
    };
    scene.send((0..60).map(event).collect()).await;
    scene.deliver().await;
    assert_eq!(scene.sums("uncategorized", &["count"]).await["values"]["count"], "60");
    let category = json!({
        "code": "gpu.time", "name": "GPU time", "eventTypes": ["gpu.job.done"],
        "metrics": [{ "name": "seconds", "pointer": "/seconds" }],
        "dimensions": [{ "name": "card", "pointer": "/card" }],
    });
    scene.owner.post(&format!("{U}/categories"), category).await.expect(201);
    let meter = json!({
        "slug": "longest", "name": "Longest", "categoryPattern": "gpu.time", "aggregation": "max",
        "metric": "seconds",
    });
    scene.owner.post(&format!("{U}/meters"), meter).await.expect(201);
    let span = json!({ "from": "2026-11-22T00:00:00Z", "to": "2026-11-23T02:00:00Z" });
    let place = format!("{U}/categories/gpu.time/reclassify");
    let started = scene.owner.post(&place, span.clone()).await.expect(202);
    assert_eq!(started["state"], "queued");
    work(&scene, 2, dying).await;
    let again = scene.app.client(A, "owner").post(&place, span).await.expect(202);
    work(&scene, 1, |_| None).await;
    assert_eq!(job(&scene, &started).await["state"], "succeeded");
    let again = job(&scene, &again).await;
    assert_eq!((&again["state"], &again["rows"]), (&json!("succeeded"), &json!(0)));
    let scene = Scene { owner: scene.app.client(A, "owner"), app: scene.app.clone() };
    assert_eq!(scene.sums("uncategorized", &["count"]).await["values"]["count"], "0");
    let counted = scene.sums("gpu.time", &["count", "seconds"]).await;
    assert_eq!(counted["values"], json!({ "count": "60", "seconds": "1770" }));
    // A duplicate is still one, and the old events are found in their category.
    scene.send(vec![event(7)]).await;
    scene.deliver().await;
    assert_eq!(scene.sums("gpu.time", &["count"]).await["values"]["count"], "60");
    let listed = scene.owner.all(&format!("{U}/events?categoryCode=gpu.time"), 100).await;
    assert_eq!(listed.len(), 60);
}

#[tokio::test]
async fn a_price_of_the_past_changes_costs_and_budgets_as_if_it_had_always_held() {
    let scene = Scene::start().await;
    scene.builds().await;
    let budget = json!({
        "name": "B", "categoryPattern": "build.*", "period": "month", "amountMicros": 1_000_000,
    });
    let made = scene.owner.post(&format!("{U}/budgets"), budget).await.expect(201);
    let status = format!("{U}/budgets/{}/status", made["id"].as_str().expect("an id"));
    let mut events: Vec<Value> =
        (0..90).map(|n| build(n, TIME, "1.5", &format!("r{}", n % 4))).collect();
    // Reported costs give way to the organization's price.
    for event in events.iter_mut().take(10) {
        event["data"]["costMicros"] = json!(77);
    }
    scene.send(events).await;
    scene.deliver().await;
    assert_eq!(sums(&scene, "build.minutes").await["costMicros"], 770);
    let mut price = json!({
        "categoryCode": "build.minutes", "metric": "seconds", "model": "per_unit",
        "unitPriceMicros": 7, "effectiveFrom": "2026-11-22T00:00:00Z",
    });
    let prices = format!("{U}/prices");
    scene.owner.post(&prices, price.clone()).await.expect_problem(409, "past_price_needs_reprice");
    price["reprice"] = json!(true);
    scene.owner.post(&prices, price).await.expect(201);
    work(&scene, 2, dying).await;
    let scene = Scene { owner: scene.app.client(A, "owner"), app: scene.app.clone() };
    // 90 times 1.5 seconds at 7 micro-dollars each: 10.5 an event, exact to the pico-dollar.
    assert_eq!(sums(&scene, "build.minutes").await["costMicros"], 945);
    let at = scene.owner.get(&status).await.expect(200);
    assert_eq!((&at["used"], &at["reserved"]), (&json!("945"), &json!("0")));
    let jobs = scene.owner.all(&format!("{U}/jobs"), 10).await;
    assert_eq!(
        (jobs.len(), &jobs[0]["kind"], &jobs[0]["state"]),
        (1, &json!("reprice"), &json!("succeeded"))
    );
    // Voiding one takes out what it costs now.
    let events = scene.owner.all(&format!("{U}/events"), 100).await;
    let place = format!("{U}/events/{}/void", events[0]["id"].as_str().expect("an id"));
    scene.owner.post(&place, json!({ "reason": "r" })).await.expect(200);
    assert_eq!(scene.owner.get(&status).await.expect(200)["used"], "934.5");
}

#[tokio::test]
async fn an_export_holds_every_event_once_and_no_formula() {
    let scene = Scene::start().await;
    scene.builds().await;
    let mut events: Vec<Value> = (0..130).map(|n| build(n, TIME, 2, "a")).collect();
    events[0]["subject"] = json!("=HYPERLINK(\"evil\")");
    events[1]["data"]["runner"] = json!("with \"quotes\",\nand lines");
    scene.send(events).await;
    let foreign = scene.app.client(B, "owner");
    foreign.post(&format!("{U}/events"), build("b", TIME, 1, "a")).await.expect(202);
    scene.deliver().await;
    let order = |kind: &str, format: &str| {
        json!({
            "kind": kind, "format": format, "from": "2026-11-22T00:00:00Z", "to": "2026-11-24T00:00:00Z",
        })
    };
    let exports = format!("{U}/exports");
    let mut started = Vec::new();
    for (kind, format) in [("events", "csv"), ("events", "jsonl"), ("series", "csv")] {
        started.push(scene.owner.post(&exports, order(kind, format)).await.expect(202));
    }
    // A fourth has to wait.
    scene.owner.post(&exports, order("series", "jsonl")).await.expect_problem(409, "job_running");
    work(&scene, 2, dying).await;
    let mut texts = Vec::new();
    for started in &started {
        let done = job(&scene, started).await;
        assert_eq!(done["state"], "succeeded", "{done}");
        let url = done["file"]["url"].as_str().expect("a link");
        let (status, bytes) = scene.app.files.send("GET", url, std::iter::empty(), b"").await;
        assert_eq!(status, 200);
        let text = String::from_utf8(bytes).expect("UTF-8");
        assert_eq!(done["file"]["bytes"], text.len());
        texts.push((text, done["rows"].as_u64().expect("rows")));
    }
    let (events, rows) = &texts[0];
    assert_eq!(*rows, 130);
    assert!(events.starts_with("id,source,eventId,"), "{events}");
    assert_eq!(events.matches("uev_").count(), 130);
    assert!(events.contains("'=HYPERLINK") && !events.contains(",=HYPERLINK"));
    let (lines, rows) = &texts[1];
    assert_eq!((*rows, lines.lines().count()), (130, 130));
    let mut ids: Vec<String> = lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON")["id"].to_string())
        .collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 130);
    let (series, rows) = &texts[2];
    assert_eq!((*rows, series.lines().count()), (2, 3));
    assert_eq!(
        scene.app.event_types().await.iter().filter(|it| *it == "usage.export.completed").count(),
        3
    );
    // The place in the limit is free again, and nobody else sees the jobs.
    let owner = scene.app.client(A, "owner");
    owner.post(&exports, order("series", "jsonl")).await.expect(202);
    let foreign = scene.app.client(B, "owner");
    let place = format!("{U}/jobs/{}", started[0]["id"].as_str().expect("an id"));
    foreign.get(&place).await.expect_problem(404, "not_found");
    // A member sees that there is a job, but gets no link.
    let member = scene.app.client(A, "member");
    assert_eq!(member.get(&place).await.expect(200)["file"], Value::Null);
}

#[tokio::test]
async fn what_falls_due_is_ordered_once_an_hour_and_done() {
    let scene = Scene::start().await;
    scene.app.database.record_stream().await;
    let quota = json!({
        "name": "Q", "categoryPattern": "ai.*", "measure": "count", "period": "hour", "limit": 10,
        "enforcement": "hard", "thresholds": [50],
    });
    let made = scene.owner.post(&format!("{U}/quotas"), quota).await.expect(201);
    let quota = format!("{U}/quotas/{}/status", made["id"].as_str().expect("an id"));
    let consumer = scene.consumer();
    for (reference, count) in [("a", 3), ("b", 3)] {
        let body = json!({
            "categoryCode": "ai.completion", "amounts": { "count": count }, "reference": reference,
            "ttlSeconds": 60,
        });
        let held = consumer.post(&format!("{U}/reservations"), body).await.expect(201);
        if reference == "a" {
            let place = format!("{U}/reservations/{}/commit", held["id"].as_str().expect("an id"));
            consumer.post(&place, json!({ "amounts": { "count": 6 } })).await.expect(200);
        }
    }
    let usage = Usage::new(scene.app.instance().database.store());
    let changes: millwright_runtime::Changes =
        serde_json::from_value(json!({ "Records": scene.app.database.stream() })).expect("records");
    let watcher = usage_tracking::thresholds::Thresholds::new(usage);
    assert!(watcher.watch(changes.read()).await.is_none());
    assert_eq!(scene.owner.all(&format!("{U}/alerts?state=active"), 10).await.len(), 1);
    assert_eq!(scene.owner.get(&quota).await.expect(200)["reserved"], "3");
    let order = async || order_due(&Usage::new(scene.app.instance().database.store())).await;
    assert_eq!(order().await.expect("a number"), 0, "the hour is not over");
    scene.app.database.clock.advance(Duration::from_secs(70 * 60));
    // Of many at once one orders it.
    let usages: Vec<Usage> =
        (0..32).map(|_| Usage::new(scene.app.instance().database.store())).collect();
    let ordered = futures::future::join_all(usages.iter().map(order_due)).await;
    let ordered: usize = ordered.into_iter().map(|it| it.expect("a number")).sum();
    assert_eq!(ordered, 1);
    work(&scene, 2, dying).await;
    let owner = scene.app.client(A, "owner");
    let expired = owner.all(&format!("{U}/reservations?state=expired"), 10).await;
    assert_eq!(expired.len(), 1);
    // The window of the alert ended within the next hour.
    scene.app.database.clock.advance(Duration::from_secs(3_600));
    assert_eq!(order().await.expect("a number"), 1);
    work(&scene, 1, |_| None).await;
    let owner = scene.app.client(A, "owner");
    assert_eq!(owner.all(&format!("{U}/alerts?state=active"), 10).await.len(), 0);
    assert!(owner.all(&format!("{U}/jobs"), 10).await.is_empty(), "nobody asked for them");
    let said = scene.app.event_types().await;
    for kind in ["usage.reservation.expired", "usage.alert.resolved"] {
        assert_eq!(said.iter().filter(|it| *it == kind).count(), 1, "{kind}");
    }
}

/// Two days at a thousand an hour, one hour at ten thousand, and back to normal.
#[tokio::test]
async fn an_hour_far_from_the_usual_is_one_alert_until_three_normal_hours() {
    let scene = Scene::start().await;
    scene.builds().await;
    let hour = |n: u64| {
        scene
            .app
            .database
            .store()
            .clock()
            .now()
            .start_of_hour()
            .minus(Duration::from_secs(3_600 * n))
    };
    let (first, mut events) = (hour(32), Vec::new());
    let at = |n: u64| first.plus(Duration::from_secs(n * 3_600 + 60)).to_string();
    for n in 0..32u64 {
        let mut event = build(key(), &at(n), 1, "a");
        let noise = 1_000_000 + (n % 7) * 10_000;
        event["data"]["costMicros"] = json!(if n == 28 { 10_000_000 } else { noise });
        events.push(event);
    }
    scene.send(events).await;
    scene.deliver().await;
    let look = async |n: u64| {
        let usage = Usage::new(scene.app.instance().database.store());
        for _ in 0..2 {
            let at = first.plus(Duration::from_secs(n * 3_600));
            usage_tracking::doubles::watch_anomalies(&usage, &scene.owner.tenant(), at).await;
        }
        let alerts = scene.owner.all(&format!("{U}/alerts?type=anomaly&state=active"), 10).await;
        alerts.len()
    };
    for (n, open) in [(26, 0), (27, 0), (28, 1), (29, 1), (30, 1), (31, 0)] {
        assert_eq!(look(n).await, open, "hour {n}");
    }
    let said = scene.app.event_types().await;
    assert_eq!(said.iter().filter(|it| *it == "usage.anomaly.detected").count(), 1);
}
