//! Generated events, counted by the service and by SQL in DuckDB: the same to the last digit, in
//! every window, group and time zone.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
#![allow(clippy::print_stderr, reason = "says what was left out")]

use std::{
    collections::BTreeMap,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use futures::StreamExt;
use jiff::tz::TimeZone;
use millwright_core::Timestamp;
use millwright_http::Platform;
use millwright_store::Store;
use millwright_testkit::{Client, CrashPoint, Files, TestApp, settled};
use rand::{RngExt, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use usage_tracking::{Usage, UsageTracking, doubles::StoredQueue, ingest::Ingest};

/// Names a Python that has duckdb.
const PYTHON: &str = "MILLWRIGHT_TEST_PYTHON";
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/usage.py");
/// How many events there are, if not so many as the environment names.
const EVENTS: &str = "MILLWRIGHT_USAGE_EVENTS";

fn named(variable: &str) -> Option<String> {
    #[allow(clippy::disallowed_methods, reason = "set by the one who runs the tests")]
    std::env::var(variable).ok()
}

fn router(platform: Platform, store: Store, files: Files) -> axum::Router {
    let queue = Arc::new(StoredQueue(store.clone()));
    usage_tracking::router(UsageTracking::new(platform, store, queue, files))
}

const ZONES: [&str; 3] = ["UTC", "America/New_York", "Asia/Kathmandu"];
/// Both sides of a change of the clock in New York, on 2026-11-01.
const FROM: &str = "2026-10-25T00:00:00Z";

/// Some of them twice, most of them late, in no order.
fn generate(random: &mut ChaCha8Rng, count: usize) -> Vec<Value> {
    let first: Timestamp = FROM.parse().unwrap();
    let mut events = Vec::with_capacity(count);
    let mut made: Vec<Value> = Vec::new();
    for n in 0..count {
        if !made.is_empty() && random.random_bool(0.3) {
            events.push(made[random.random_range(0..made.len())].clone());
            continue;
        }
        let nano: i64 = random.random_range(0..100_000_000_000_000);
        let digits = random.random_range(0..=9);
        let part = format!("{:09}", nano % 1_000_000_000);
        let seconds = match digits {
            0 => (nano / 1_000_000_000).to_string(),
            digits => format!("{}.{}", nano / 1_000_000_000, &part[..digits]),
        };
        let at = first.as_millisecond() + random.random_range(0..28 * 24 * 3_600_000);
        let event = json!({
            "source": format!("/runner/{}", n % 3),
            "id": format!("e{n}"),
            "time": Timestamp::from_millisecond(at).to_string(),
            "runner": format!("r{}", random.random_range(0..12)),
            "user": format!("usr_{}", random.random_range(1..=4)),
            "seconds": seconds,
            "costMicros": random.random_range(0..1_000_000),
        });
        made.push(event.clone());
        events.push(event);
    }
    events
}

fn user(name: &str) -> String {
    let number: u128 = name.trim_start_matches("usr_").parse().unwrap();
    millwright_core::UserId::from_uuid(uuid::Uuid::from_u128(number)).to_string()
}

fn cloud_event(it: &Value) -> Value {
    json!({
        "specversion": "1.0", "id": it["id"], "source": it["source"], "type": "ci.build.finished",
        "time": it["time"], "userid": it["user"],
        "data": { "seconds": it["seconds"], "runner": it["runner"], "costMicros": it["costMicros"] },
    })
}

/// Ten pieces at a time, workers that die, transactions that conflict.
async fn count(app: &TestApp, random: &mut ChaCha8Rng) {
    let mut deliveries = StoredQueue::deliveries(&app.database.store()).await.unwrap();
    let again: Vec<_> = deliveries.iter().filter(|_| random.random_bool(0.1)).cloned().collect();
    deliveries.extend(again);
    deliveries.shuffle(random);
    let mut pieces: Vec<_> = deliveries.chunks(5).map(<[_]>::to_vec).collect();
    // Whatever happened to a piece, it comes again.
    while !pieces.is_empty() {
        let mut left = Vec::new();
        let rounds = pieces.into_iter().map(|piece| {
            let instance = app.instance();
            instance.faults().conflict(random.random(), 0.05);
            if random.random_bool(0.05) {
                instance.faults().crash(CrashPoint::After(random.random_range(2..8)));
            }
            async move {
                let worker = Ingest::new(Usage::new(instance.database.store()));
                let is_done = tokio::select! {
                    batch = worker.consume(piece.clone()) => {
                        let (failed, rejected) = settled(batch).await;
                        failed.is_empty() && rejected.is_empty()
                    }
                    () = instance.faults().crashed() => false,
                };
                (!is_done).then_some(piece)
            }
        });
        let rounds: Vec<_> = rounds.collect();
        let mut rounds = futures::stream::iter(rounds).buffer_unordered(4);
        while let Some(piece) = rounds.next().await {
            left.extend(piece);
        }
        pieces = left;
    }
}

async fn ask(owner: &Client, size: &str, zone: &str, group: &str) -> Value {
    let (from, to) = match size {
        "hour" => ("2026-10-31T04:00:00Z", "2026-11-03T05:00:00Z"),
        _ => (FROM, "2026-11-22T00:00:00Z"),
    };
    let mut query = format!("from={from}&to={to}&timeZone={zone}");
    if !size.is_empty() {
        query.push_str(&format!("&windowSize={size}"));
    }
    if !group.is_empty() {
        query.push_str(&format!("&groupBy={group}"));
    }
    let mut rows: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    let meters = ["count", "sum", "min", "max", "latest", "unique_count", "cost"];
    for (column, meter) in meters.iter().enumerate() {
        let path = format!("/api/v1/usage/meters/m_{meter}/query?{query}");
        let answer = owner.get(&path).await.expect(200);
        for row in answer["rows"].as_array().unwrap() {
            let start = row["windowStart"].as_str().unwrap().to_owned();
            let named = row["group"][group].as_str().unwrap_or_default().to_owned();
            let values = rows.entry((start, named)).or_insert_with(|| vec![String::new(); 7]);
            values[column] = row["value"].as_str().unwrap_or("0").to_owned();
        }
    }
    let rows: Vec<Value> = rows
        .into_iter()
        .map(|((start, group), values)| {
            let mut row = vec![json!(start), json!(group)];
            row.extend(values.into_iter().map(Value::from));
            Value::Array(row)
        })
        .collect();
    json!({ "size": size, "zone": zone, "group": group, "from": from, "to": to, "rows": rows })
}

#[tokio::test]
async fn sql_comes_to_the_same() {
    let Some(python) = named(PYTHON) else {
        eprintln!("not compared with DuckDB: {PYTHON} names no Python; `cargo xtask test` sets it");
        return;
    };
    let wanted = named(EVENTS).and_then(|text| text.parse().ok()).unwrap_or(1_000);
    let mut random = ChaCha8Rng::seed_from_u64(7);
    // Meters that cannot be added up count from their creation on.
    let clock = millwright_core::Clock::fixed("2026-10-24T23:00:00Z".parse().unwrap());
    let app = TestApp::start_at("usage-tracking", router, clock).await;
    let owner = app.client(1, "owner");
    let category = json!({
        "code": "build.minutes", "name": "Builds", "eventTypes": ["ci.build.finished"],
        "metrics": [{ "name": "seconds", "pointer": "/seconds" }],
        "dimensions": [{ "name": "runner", "pointer": "/runner" }], "costPointer": "/costMicros",
    });
    owner.post("/api/v1/usage/categories", category).await.expect(201);
    for (slug, aggregation, metric) in [
        ("count", "count", None),
        ("sum", "sum", Some("seconds")),
        ("min", "min", Some("seconds")),
        ("max", "max", Some("seconds")),
        ("latest", "latest", Some("seconds")),
        ("unique_count", "unique_count", None),
        ("cost", "sum", Some("cost")),
    ] {
        let mut meter = json!({
            "slug": format!("m_{slug}"), "name": slug, "categoryPattern": "build.minutes",
            "aggregation": aggregation, "metric": metric, "groupBy": ["runner"],
        });
        if slug == "unique_count" {
            meter["uniqueOf"] = json!("runner");
        }
        owner.post("/api/v1/usage/meters", meter).await.expect(201);
    }
    app.database.clock.advance(Duration::from_secs(28 * 24 * 3_600 + 3_600));
    let organization = owner.tenant().organization().unwrap();
    let mut events = generate(&mut random, wanted);
    for event in &mut events {
        event["user"] = json!(user(event["user"].as_str().unwrap()));
        let (source, id) = (event["source"].as_str().unwrap(), event["id"].as_str().unwrap());
        let id = usage_tracking::domain::usage_event_id(organization, source, id);
        event["uev"] = json!(id.to_string());
    }
    // A person sends for nobody but themselves; a key of the organization for everybody.
    let nobody = millwright_core::UserId::from_uuid(uuid::Uuid::nil());
    let key = app.client_of(nobody, Some(organization), |claims| {
        claims.sub = "svk_01jdz7xk2nf5h9vq3w8c6m4t0b".to_owned();
        claims.perms = Some("usage.event.create".to_owned());
    });
    for events in events.chunks(100) {
        let body: Vec<Value> = events.iter().map(cloud_event).collect();
        let answer = key.post("/api/v1/usage/events/batch", json!(body)).await.expect(200);
        let results = answer["results"].as_array().unwrap();
        assert!(results.iter().all(|it| it["status"] == 202), "{results:?}");
    }
    count(&app, &mut random).await;
    let owner = app.client(1, "owner");
    let mut questions = Vec::new();
    for zone in ZONES {
        for (size, group) in [
            ("hour", ""),
            ("day", ""),
            ("day", "runner"),
            ("day", "user"),
            ("month", "runner"),
            ("", "user"),
        ] {
            let mut question = ask(&owner, size, zone, group).await;
            // A window that the question cuts off begins with it.
            cut_first(&mut question, zone, size);
            questions.push(question);
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("usage.json");
    let given = json!({ "events": events, "questions": questions });
    std::fs::write(&file, given.to_string()).unwrap();
    let compared = Command::new(python).arg(SCRIPT).arg(&file).stdin(Stdio::null()).output();
    let compared = compared.expect("the Python starts");
    let (said, complaint) =
        (String::from_utf8_lossy(&compared.stdout), String::from_utf8_lossy(&compared.stderr));
    assert!(compared.status.success(), "{said}{complaint}");
    eprintln!("{} events, {}", events.len(), said.trim());
}

/// SQL names a window by where it begins, also where the question begins later.
fn cut_first(question: &mut Value, zone: &str, size: &str) {
    if size.is_empty() {
        return;
    }
    let zone = TimeZone::get(zone).unwrap();
    let from: jiff::Timestamp = question["from"].as_str().unwrap().parse().unwrap();
    let local = from.to_zoned(zone.clone());
    let begins = match size {
        "month" => local.date().first_of_month().to_zoned(zone).unwrap().timestamp(),
        "day" => local.date().to_zoned(zone).unwrap().timestamp(),
        _ => {
            jiff::Timestamp::from_second(from.as_second() - i64::from(local.minute()) * 60).unwrap()
        }
    };
    let begins = Timestamp::from_millisecond(begins.as_millisecond()).to_string();
    let cut = Timestamp::from_millisecond(from.as_millisecond()).to_string();
    for row in question["rows"].as_array_mut().unwrap() {
        if row[0] == json!(cut) {
            row[0] = json!(begins);
        }
    }
}
