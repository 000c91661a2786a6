//! Tiered and flat prices, and the statements of months.

use std::time::Duration;

use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use usage_tracking::{Usage, job::order_due};

use crate::{A, Scene, jobs::work, scene::build};

const U: &str = "/api/v1/usage";
const DAY: Duration = Duration::from_secs(24 * 3_600);
const PROJECTS: [&str; 3] = [
    "prj_01jdz7xk2nf5h9vq3w8c6m4t0b",
    "prj_01jdz7xk2nf5h9vq3w8c6m4t0c",
    "prj_01jdz7xk2nf5h9vq3w8c6m4t0d",
];

async fn price(scene: &Scene, body: Value) -> String {
    let mut whole = json!({ "categoryCode": "build.minutes", "metric": "seconds" });
    for (name, value) in body.as_object().expect("an object") {
        whole[name] = value.clone();
    }
    let made = scene.owner.post(&format!("{U}/prices"), whole).await.expect(201);
    made["id"].as_str().expect("an id").to_owned()
}

/// Graduated: 100 seconds at 10, the next 100 at 5 and 1,000 once, all others at 1.
fn tiers(mode: &str) -> Value {
    json!({
        "model": "tiered", "tierMode": mode, "tiers": [
            { "upTo": 100, "unitPriceMicros": 10 },
            { "upTo": "200", "unitPriceMicros": 5, "flatMicros": 1_000 },
            { "unitPriceMicros": 1 },
        ],
    })
}

/// Events of 300 seconds in all, over days, runners and projects; one in four of no project.
fn events() -> Vec<Value> {
    (0..60)
        .map(|n| {
            let at = format!("2026-11-23T00:{:02}:30Z", n % 60);
            let mut event = build(n, &at, 5, &format!("r{}", n % 3));
            if n % 4 > 0 {
                event["projectid"] = json!(PROJECTS[n % 4 - 1]);
            }
            event
        })
        .collect()
}

async fn cost(scene: &Scene, body: Value) -> Vec<Value> {
    let mut whole = json!({
        "categoryPattern": "build.minutes", "measures": ["cost", "seconds"],
        "from": "2026-11-01T00:00:00Z",
    });
    for (name, value) in body.as_object().expect("an object") {
        whole[name] = value.clone();
    }
    let answer = scene.app.client(A, "owner").post(&format!("{U}/query"), whole).await.expect(200);
    answer["rows"].as_array().expect("rows").clone()
}

fn sum(rows: &[Value]) -> i64 {
    rows.iter().map(|row| row["costMicros"].as_i64().expect("a cost")).sum()
}

/// The prices begin now; the events happen a little later.
async fn counted(prices: &[Value], seed: u64) -> Scene {
    let scene = Scene::start().await;
    scene.builds().await;
    for body in prices {
        let mut body = body.clone();
        body["effectiveFrom"] = json!("2026-11-23T01:05:00Z");
        price(&scene, body).await;
    }
    scene.app.database.clock.advance(Duration::from_secs(7_200));
    let mut events = events();
    for event in &mut events {
        let time = event["time"].as_str().expect("a time").replace("T00:", "T02:");
        event["time"] = json!(time);
    }
    events.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    let scene = Scene { owner: scene.app.client(A, "owner"), app: scene.app.clone() };
    for some in events.chunks(7 + usize::try_from(seed).expect("small")) {
        scene.send(some.to_vec()).await;
        if seed.is_multiple_of(2) {
            scene.deliver().await;
        }
    }
    scene.app.database.clock.advance(Duration::from_secs(3_600));
    scene.deliver().await;
    scene
}

#[tokio::test]
async fn tiers_cost_the_same_in_any_order_and_parts_add_up() {
    for (mode, micros) in [("graduated", 2_600), ("volume", 300)] {
        for seed in 1..3 {
            let scene = counted(&[tiers(mode)], seed).await;
            let all = cost(&scene, json!({})).await;
            assert_eq!(sum(&all), micros, "{mode} {seed}");
            for group in ["runner", "project"] {
                let rows = cost(&scene, json!({ "groupBy": [group] })).await;
                assert_eq!(rows.len(), 3, "{rows:?}");
                // A quarter of the events is of no project, and has its share all the same.
                let wanted = if group == "runner" { micros } else { micros * 3 / 4 };
                assert_eq!(sum(&rows), wanted, "{mode} {group}: {rows:?}");
            }
            let hours = cost(&scene, json!({ "windowSize": "day" })).await;
            assert_eq!(sum(&hours), micros);
            let owner = scene.app.client(A, "owner");
            let summary = owner.get(&format!("{U}/summary?from=2026-11-01T00:00:00Z")).await;
            let summary = summary.expect(200);
            assert_eq!(summary["costMicros"], micros);
            assert_eq!(sum(&summary["categories"].as_array().expect("categories")[..]), micros);
            let projects = summary["topProjects"].as_array().expect("projects");
            assert_eq!(sum(projects), micros * 3 / 4);
            let present = owner.get(&format!("{U}/realtime")).await.expect(200);
            assert_eq!(sum(present["month"].as_array().expect("categories")), micros);
            let text = owner.get(&format!("{U}/metrics")).await.text;
            let line = format!(
                "millwright_usage_cost_micros_total{{category=\"build.minutes\"}} {micros}"
            );
            assert!(text.contains(&line), "{text}");
        }
    }
}

#[tokio::test]
async fn budgets_and_statements_have_monthly_prices_once() {
    let flat = json!({ "model": "flat", "flatMicros": 5_000, "metric": "count" });
    let scene = Scene::start().await;
    scene.builds().await;
    let budget = json!({
        "name": "B", "categoryPattern": "build.*", "period": "month", "amountMicros": 1_000_000,
    });
    let made = scene.owner.post(&format!("{U}/budgets"), budget).await.expect(201);
    let status = format!("{U}/budgets/{}/status", made["id"].as_str().expect("an id"));
    for mut body in [tiers("graduated"), flat] {
        body["effectiveFrom"] = json!("2026-11-23T01:05:00Z");
        price(&scene, body).await;
    }
    scene.app.database.clock.advance(Duration::from_secs(7_200));
    let owner = scene.app.client(A, "owner");
    let scene = Scene { owner, app: scene.app.clone() };
    let mut events = events();
    for event in &mut events {
        let time = event["time"].as_str().expect("a time").replace("T00:", "T02:");
        event["time"] = json!(time);
    }
    scene.send(events).await;
    scene.deliver().await;
    assert_eq!(scene.owner.get(&status).await.expect(200)["used"], "0", "not booked yet");
    let roll_up = async |copies| {
        let usage = Usage::new(scene.app.instance().database.store());
        order_due(&usage).await.expect("ordered");
        work(&scene, copies, |_| None).await;
    };
    scene.app.database.clock.advance(Duration::from_secs(4_000));
    roll_up(2).await;
    let owner = scene.app.client(A, "owner");
    assert_eq!(owner.get(&status).await.expect(200)["used"], "7600");
    let open = owner.get(&format!("{U}/statements/2026-11")).await.expect(200);
    assert_eq!((&open["state"], &open["costMicros"]), (&json!("open"), &json!(7_600)));
    let lines = open["lines"].as_array().expect("lines");
    let monthly: Vec<&Value> = lines.iter().filter(|line| line["costMicros"] != 0).collect();
    assert_eq!(monthly.len(), 2, "{lines:?}");
    let seconds: Vec<&Value> = lines
        .iter()
        .filter(|line| line["metric"] == "seconds" && line["dimensions"] != json!({}))
        .collect();
    assert_eq!(seconds.len(), 3, "one for each runner: {lines:?}");
    // Ten more seconds, a day later: the difference alone is booked.
    let again = (0..2).map(|n| build(format!("again{n}"), "2026-11-23T03:30:00Z", 5, "r0"));
    scene.app.database.clock.advance(DAY);
    let scene = Scene { owner: scene.app.client(A, "owner"), app: scene.app.clone() };
    scene.send(again.collect()).await;
    scene.deliver().await;
    scene.app.database.clock.advance(Duration::from_secs(4_000));
    for _ in 0..2 {
        let usage = Usage::new(scene.app.instance().database.store());
        order_due(&usage).await.expect("ordered");
        work(&scene, 2, |_| None).await;
    }
    let owner = scene.app.client(A, "owner");
    assert_eq!(owner.get(&status).await.expect(200)["used"], "7610");
    // 36 days after the month it is final, and nothing of it changes any more.
    scene.app.database.clock.advance(DAY * 44);
    let usage = Usage::new(scene.app.instance().database.store());
    for _ in 0..24 {
        // Each order catches up with two days.
        order_due(&usage).await.expect("ordered");
    }
    work(&scene, 2, |_| None).await;
    let owner = scene.app.client(A, "owner");
    let last = owner.get(&format!("{U}/statements/2026-11")).await.expect(200);
    assert_eq!((&last["state"], &last["costMicros"]), (&json!("final"), &json!(7_610)));
    let listed = owner.all(&format!("{U}/statements"), 2).await;
    let months: Vec<&str> = listed.iter().filter_map(|it| it["period"].as_str()).collect();
    assert_eq!(months, ["2027-01", "2026-12", "2026-11"]);
    assert_eq!((&listed[2]["state"], &listed[1]["state"]), (&json!("final"), &json!("open")));
    owner.get(&format!("{U}/statements/2026-08")).await.expect_problem(404, "not_found");
    owner.get(&format!("{U}/statements/now")).await.expect_problem(400, "invalid_request");
    let said = scene.app.event_types().await;
    assert_eq!(said.iter().filter(|it| *it == "usage.statement.finalized").count(), 1);
}

#[tokio::test]
async fn a_statement_adds_up_to_what_was_counted() {
    let scene = Scene::start().await;
    scene.builds().await;
    let from = json!({ "effectiveFrom": "2026-11-23T01:05:00Z" });
    let mut unit = json!({ "model": "per_unit", "unitPriceMicros": 7 });
    unit["effectiveFrom"] = from["effectiveFrom"].clone();
    let id = price(&scene, unit).await;
    scene.app.database.clock.advance(Duration::from_secs(3_600));
    let scene = Scene { owner: scene.app.client(A, "owner"), app: scene.app.clone() };
    // One before the price, which reports its cost, and one after it, which does not matter then.
    let mut reported = build("r", "2026-11-23T00:30:00Z", 1, "r9");
    reported["data"]["costMicros"] = json!(77);
    scene.send(vec![reported, build("p", "2026-11-23T01:30:00Z", "1.5", "r8")]).await;
    scene.deliver().await;
    let statement = scene.owner.get(&format!("{U}/statements/2026-11")).await.expect(200);
    // 10.5 micro-dollars and 77, rounded half-even once.
    assert_eq!(statement["costMicros"], 88);
    let lines = statement["lines"].as_array().expect("lines");
    let of = |metric: &str, runner: &str| {
        let is = |line: &&Value| line["metric"] == metric && line["dimensions"]["runner"] == runner;
        lines.iter().find(is).expect("a line")
    };
    assert_eq!(
        (&of("seconds", "r8")["priceId"], &of("seconds", "r8")["quantity"]),
        (&json!(id), &json!("1.5"))
    );
    assert_eq!(of("count", "r8")["costMicros"], 0);
    assert_eq!(of("seconds", "r9")["costMicros"], 77);
    scene
        .app
        .client(A, "member")
        .get(&format!("{U}/statements"))
        .await
        .expect_problem(403, "forbidden");
}
