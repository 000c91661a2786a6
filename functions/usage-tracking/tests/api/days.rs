//! Days: what the hours came to, when the hours are gone.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use millwright_testkit::CrashPoint;
use serde_json::{Value, json};
use usage_tracking::{Usage, doubles::compute_days, job::order_due};

use crate::{A, Scene, jobs::work, scene::build};

const U: &str = "/api/v1/usage";
const DAY: Duration = Duration::from_secs(24 * 3_600);
const USER: &str = "usr_01jdz7xk2nf5h9vq3w8c6m4t0b";

/// The hour is over: what is due is ordered and worked off, by workers that die where it says.
async fn roll_up(scene: &Scene, crash: impl Fn(usize) -> Option<CrashPoint>) {
    scene.app.database.clock.advance(Duration::from_secs(70 * 60));
    let usage = Usage::new(scene.app.instance().database.store());
    while order_due(&usage).await.expect("a number") > 0 {}
    work(scene, 1, crash).await;
}

/// A token is good for an hour.
fn later(scene: Scene, by: Duration) -> Scene {
    scene.app.database.clock.advance(by);
    Scene { owner: scene.app.client(A, "owner"), app: scene.app }
}

/// Takes the hours away, as DynamoDB does when they are older than they are kept.
async fn lose_hours(scene: &Scene) {
    let database = &scene.app.database;
    let mut lost = 0;
    for item in database.items().await {
        if !item.partition_key().contains("#H#") {
            continue;
        }
        let key = |text: &str| AttributeValue::S(text.to_owned());
        let delete = database.client().delete_item().table_name(database.table());
        let delete = delete.key("pk", key(item.partition_key())).key("sk", key(item.sort_key()));
        delete.send().await.expect("it goes");
        lost += 1;
    }
    assert!(lost > 0, "there were hours");
}

async fn ask(scene: &Scene, more: Value) -> Value {
    let mut body = json!({
        "categoryPattern": "build.minutes", "measures": ["count", "seconds", "cost"],
        "timeZone": "Asia/Kathmandu",
        "from": "2026-11-20T00:00:00+05:45", "to": "2026-12-01T00:00:00+05:45",
    });
    for (name, value) in more.as_object().expect("an object") {
        body[name] = value.clone();
    }
    scene.owner.post(&format!("{U}/query"), body).await.expect(200)["rows"].clone()
}

/// By day; by runner; by user; by month; all at once.
async fn everything(scene: &Scene) -> Vec<Value> {
    let mut all = Vec::new();
    for more in [
        json!({ "windowSize": "day" }),
        json!({ "windowSize": "day", "groupBy": ["runner"] }),
        json!({ "groupBy": ["user"] }),
        json!({ "windowSize": "month", "filters": { "runner": ["r1"] } }),
        json!({ "windowSize": "day", "scopeType": "user", "scopeId": USER }),
    ] {
        all.push(ask(scene, more).await);
    }
    all
}

/// Four days of builds in Kathmandu, where a day begins at a quarter past six in the evening, UTC.
async fn four_days() -> Scene {
    let scene = Scene::start().await;
    let settings = json!({ "timeZone": "Asia/Kathmandu" });
    scene.owner.patch(&format!("{U}/settings"), settings).await.expect(200);
    let mut scene = later(scene, DAY);
    scene.builds().await;
    for day in 24..28 {
        scene = later(scene, DAY);
        let events = (0..24).map(|hour| {
            let mut event = build(
                format!("{day}-{hour}"),
                &format!("2026-11-{day}T{hour:02}:20:00Z"),
                format!("{hour}.25"),
                &format!("r{}", hour % 3),
            );
            event["data"]["costMicros"] = json!(hour);
            if hour % 2 == 0 {
                event["userid"] = json!(USER);
            }
            event
        });
        let key = scene.service_key();
        let events: Vec<Value> = events.collect();
        key.post(&format!("{U}/events/batch"), json!(events)).await.expect(200);
        assert_eq!(scene.deliver().await, 0);
    }
    later(scene, DAY)
}

#[tokio::test]
async fn days_say_what_hours_said_when_those_are_gone() {
    let scene = four_days().await;
    // The first workers die, each a little later.
    roll_up(&scene, |n| (n < 4).then_some(CrashPoint::After(3 + 17 * n))).await;
    // Late, taken back, and mended: the days are computed again.
    let mut scene = later(scene, DAY);
    scene.send(vec![build("late", "2026-11-25T10:20:00Z", 1_000, "r1")]).await;
    scene.deliver().await;
    let events = scene
        .owner
        .all(&format!("{U}/events?from=2026-11-24T00:00:00Z&to=2026-11-30T00:00:00Z"), 100)
        .await;
    let voided = events.iter().find(|it| it["eventId"] == "26-4").expect("it is there");
    let place = format!("{U}/events/{}/void", voided["id"].as_str().expect("an id"));
    scene.owner.post(&place, json!({ "reason": "r" })).await.expect(200);
    let correction = json!({
        "categoryCode": "build.minutes", "time": "2026-11-27T05:00:00Z", "reason": "r",
        "quantities": { "seconds": "-3.5" }, "dimensions": { "runner": "r2" },
    });
    scene.owner.post(&format!("{U}/corrections"), correction).await.expect(201);
    roll_up(&scene, |_| None).await;
    scene = later(scene, Duration::ZERO);
    let of_hours = everything(&scene).await;
    let total = ask(&scene, json!({})).await;
    assert_eq!(total[0]["values"]["count"], "96");
    scene = later(scene, DAY * 100);
    lose_hours(&scene).await;
    assert_eq!(everything(&scene).await, of_hours);
    // Of another time zone there are no such days, and no hours at all.
    let refuse = async |more: Value, code: &str| {
        let mut body = json!({
            "categoryPattern": "build.minutes", "measures": ["count"], "timeZone": "Asia/Kathmandu",
            "from": "2026-11-20T00:00:00+05:45", "to": "2026-12-01T00:00:00+05:45",
        });
        for (name, value) in more.as_object().expect("an object") {
            body[name] = value.clone();
        }
        scene.owner.post(&format!("{U}/query"), body).await.expect_problem(400, code);
    };
    refuse(json!({ "timeZone": "UTC", "windowSize": "day" }), "time_zone_unavailable").await;
    refuse(json!({ "from": "2026-11-25T00:00:00Z" }), "time_zone_unavailable").await;
    refuse(json!({ "windowSize": "hour" }), "window_unavailable").await;
}

/// A worker dies before and after every call by which it finds a day to be over, and computes it and
/// one that a late event has marked.
#[tokio::test]
async fn a_worker_that_dies_at_any_call_leaves_no_day_as_it_was() {
    let scene = four_days().await;
    let tenant = scene.owner.tenant();
    let database = scene.app.database.clone();
    let over = database.clock.now().start_of_hour();
    // All but the last day are computed.
    compute_days(&Usage::new(database.store()), &tenant, over.minus(DAY)).await;
    scene.send(vec![build("late", "2026-11-25T10:20:00Z", 1_000, "r1")]).await;
    scene.deliver().await;
    let kept = database.keep();
    let process = database.other_process();
    compute_days(&Usage::new(process.store()), &tenant, over).await;
    let calls: usize = process.faults.calls().values().sum();
    let expected = values(&scene).await;
    for at in 1..=calls {
        for point in [CrashPoint::Before(at), CrashPoint::After(at)] {
            database.restore(&kept);
            let process = database.other_process();
            process.faults.crash(point);
            let usage = Usage::new(process.store());
            let died = tokio::select! {
                () = compute_days(&usage, &tenant, over) => false,
                () = process.faults.crashed() => true,
            };
            if died {
                compute_days(&Usage::new(database.store()), &tenant, over).await;
            }
            assert_eq!(values(&scene).await, expected, "{point:?}");
        }
    }
    database.restore(&kept);
    assert_ne!(values(&scene).await, expected, "there was something to do");
}

/// Every day value there is.
async fn values(scene: &Scene) -> Vec<String> {
    let items = scene.app.database.items().await.into_iter();
    let values = items.filter(|item| item.partition_key().contains("#D#build.minutes#"));
    let mut all: Vec<String> = values
        .map(|item| {
            let sums: std::collections::BTreeMap<_, _> =
                item.attributes().iter().filter(|(name, _)| name.starts_with("v_")).collect();
            format!("{} {} {sums:?}", item.partition_key(), item.sort_key())
        })
        .collect();
    all.sort();
    all
}
