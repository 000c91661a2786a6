//! Generated events, counted by the service and by SQL in DuckDB: the same to the last digit, in
//! every window, group and time zone.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
#![allow(clippy::print_stderr, reason = "says what was left out")]

use std::{
    collections::BTreeMap,
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use jiff::tz::TimeZone;
use millwright_core::Timestamp;
use millwright_event::batch::Delivery;
use millwright_http::Platform;
use millwright_store::Store;
use millwright_testkit::{Client, CrashPoint, Files, TestApp, settled};
use rand::{RngExt, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use tokio::task::JoinSet;
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
/// Over how many days events are.
const DAYS: usize = 7;
const DAY: usize = 24 * 3_600;

/// Events of an organization of its own.
struct Part {
    /// When the first one happens.
    from: &'static str,
    seed: u64,
}

impl Part {
    fn begin(&self) -> Timestamp {
        self.from.parse().unwrap()
    }

    fn end(&self) -> Timestamp {
        self.begin().plus(Duration::from_secs((DAYS * DAY) as u64))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sql_comes_to_the_same_where_an_hour_comes_twice() {
    compare(&Part { from: "2026-10-29T00:00:00Z", seed: 7 }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sql_comes_to_the_same_where_an_hour_is_left_out() {
    compare(&Part { from: "2027-03-11T00:00:00Z", seed: 8 }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sql_comes_to_the_same_at_the_turn_of_a_year() {
    compare(&Part { from: "2026-12-28T00:00:00Z", seed: 9 }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sql_comes_to_the_same_on_a_day_of_leap() {
    compare(&Part { from: "2028-02-26T00:00:00Z", seed: 10 }).await;
}

/// Three of ten are there before, two of ten are late, the others come about as they happened.
fn generate(random: &mut ChaCha8Rng, first: Timestamp, count: usize) -> Vec<Value> {
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
        let span = DAYS * DAY * 1_000;
        let now = span * n / count + 1;
        let since = if random.random_bool(0.2) { now } else { now.min(15 * 60_000) };
        let at = now - random.random_range(0..since) - 1;
        let event = json!({
            "source": format!("/runner/{}", n % 3),
            "id": format!("e{n}"),
            "time": first.plus(Duration::from_millis(at as u64)).to_string(),
            "runner": format!("r{}", random.random_range(0..3)),
            "user": format!("usr_{}", random.random_range(1..=2)),
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

/// Messages in an invocation.
const PIECE: usize = 20;

/// One message of ten comes twice, none in its turn.
async fn count(app: &TestApp, random: &mut ChaCha8Rng) {
    let mut deliveries = StoredQueue::deliveries(&app.database.store()).await.unwrap();
    let again: Vec<_> = deliveries.iter().filter(|_| random.random_bool(0.1)).cloned().collect();
    deliveries.extend(again);
    deliveries.shuffle(random);
    let pieces: Vec<_> = deliveries.chunks(PIECE).map(<[_]>::to_vec).collect();
    let pieces = Arc::new(Mutex::new(pieces));
    let mut workers = JoinSet::new();
    for _ in 0..4 {
        let random = ChaCha8Rng::seed_from_u64(random.random());
        workers.spawn(work(app.clone(), pieces.clone(), random));
    }
    let died: usize = workers.join_all().await.into_iter().sum();
    eprintln!("{} invocations, of which {died} did not end", deliveries.len().div_ceil(PIECE));
}

/// Works until nothing is left, in processes of which each dies sooner or later, with transactions
/// that conflict. Whatever happened to a piece, it comes again. How many died.
async fn work(
    app: TestApp,
    pieces: Arc<Mutex<Vec<Vec<Delivery>>>>,
    mut random: ChaCha8Rng,
) -> usize {
    let mut died = 0;
    loop {
        let instance = app.instance();
        instance.faults().conflict(random.random(), 0.05);
        let worker = Ingest::new(Usage::new(instance.database.store()));
        loop {
            let Some(piece) = pieces.lock().unwrap().pop() else { return died };
            if random.random_bool(0.2) {
                instance.faults().crash(CrashPoint::After(random.random_range(1..500)));
            }
            let is_done = tokio::select! {
                batch = worker.consume(piece.clone()) => {
                    let (failed, rejected) = settled(batch).await;
                    Some(failed.is_empty() && rejected.is_empty())
                }
                () = instance.faults().crashed() => None,
            };
            if is_done != Some(true) {
                pieces.lock().unwrap().insert(0, piece);
            }
            if is_done.is_none() {
                died += 1;
                break;
            }
        }
    }
}

async fn ask(owner: &Client, part: &Part, size: &str, zone: &str, group: &str) -> Value {
    let (from, to) = (part.from, part.end().to_string());
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

/// As many events as the environment says, a fourth of them in each part.
async fn compare(part: &Part) {
    let Some(python) = named(PYTHON) else {
        eprintln!("not compared with DuckDB: {PYTHON} names no Python; `cargo xtask test` sets it");
        return;
    };
    let wanted: usize = named(EVENTS).and_then(|text| text.parse().ok()).unwrap_or(800) / 4;
    #[allow(clippy::disallowed_methods, reason = "says how long it took")]
    let started = Instant::now();
    let took = |what: &str| eprintln!("{:>6.1} s  {what}", started.elapsed().as_secs_f32());
    let mut random = ChaCha8Rng::seed_from_u64(part.seed);
    // Meters that cannot be added up count from their creation on.
    let clock = millwright_core::Clock::fixed(part.begin().minus(Duration::from_secs(3_600)));
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
    app.database.clock.advance(Duration::from_secs((DAYS * DAY + 3_600) as u64));
    let organization = owner.tenant().organization().unwrap();
    let mut events = generate(&mut random, part.begin(), wanted);
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
    took("sent");
    count(&app, &mut random).await;
    took("counted");
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
            let mut question = ask(&owner, part, size, zone, group).await;
            // A window that the question cuts off begins with it.
            cut_first(&mut question, zone, size);
            questions.push(question);
        }
    }
    took("asked");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("usage.json");
    let given = json!({ "events": events, "questions": questions });
    std::fs::write(&file, given.to_string()).unwrap();
    let compared = Command::new(python).arg(SCRIPT).arg(&file).stdin(Stdio::null()).output();
    let compared = compared.expect("the Python starts");
    let (said, complaint) =
        (String::from_utf8_lossy(&compared.stdout), String::from_utf8_lossy(&compared.stderr));
    assert!(compared.status.success(), "{said}{complaint}");
    took("compared");
    eprintln!("{} events compared with DuckDB, {}: no difference", events.len(), said.trim());
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
