//! Prices, settings, alerts.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{A, B, Scene, scene::build};

const PRICES: &str = "/api/v1/usage/prices";

fn price(more: Value) -> Value {
    let mut whole = json!({
        "categoryCode": "build.minutes", "metric": "seconds", "model": "per_minute", "unitPriceMicros": 600,
    });
    for (name, value) in more.as_object().expect("an object") {
        whole[name] = value.clone();
    }
    whole
}

#[tokio::test]
async fn an_organizations_price_replaces_what_events_report() {
    let scene = Scene::start().await;
    scene.builds().await;
    let mut reported = build(1, "2026-11-23T01:04:00Z", 60, "a");
    reported["data"]["costMicros"] = json!(7);
    scene.send(vec![reported.clone()]).await;
    scene.deliver().await;
    assert_eq!(scene.sums("build.minutes", &["cost"]).await["costMicros"], 7);
    scene.owner.post(PRICES, price(json!({}))).await.expect(201);
    let special = price(json!({ "match": { "runner": "large" }, "unitPriceMicros": 60 }));
    scene.owner.post(PRICES, special).await.expect(201);
    let mut events = Vec::new();
    for (id, runner) in [(2, "a"), (3, "large")] {
        let mut event = build(id, "2026-11-23T01:05:00Z", 61, runner);
        event["data"]["costMicros"] = json!(7);
        events.push(event);
    }
    scene.send(events).await;
    scene.deliver().await;
    // 61 seconds at 600 and at 60 micro-dollars a minute, and the 7 of before.
    assert_eq!(scene.sums("build.minutes", &["cost"]).await["costMicros"], 678);
    let listed = scene.owner.all("/api/v1/usage/events?to=2026-11-23T02:00:00Z", 10).await;
    let of = |id: &str| listed.iter().find(|it| it["eventId"] == id).expect("it").clone();
    assert_eq!(
        (&of("1")["costSource"], &of("2")["costSource"]),
        (&json!("reported"), &json!("organization_price"))
    );
    let effective = format!(
        "{PRICES}/effective?categoryCode=build.minutes&metric=seconds&dimensions=runner:large"
    );
    let effective = scene.owner.get(&effective).await.expect(200);
    assert_eq!(effective["price"]["unitPriceMicros"], 60);
}

const GLOBAL: &str = "/api/v1/usage/global-prices";

#[tokio::test]
async fn a_global_price_holds_for_all_where_nobody_says_otherwise() {
    let scene = Scene::start().await;
    let operator = scene.app.operator();
    let tokens = json!({
        "categoryCode": "ai.embedding", "metric": "tokens", "model": "per_thousand",
        "unitPriceMicros": 20,
    });
    scene.owner.post(GLOBAL, tokens.clone()).await.expect_problem(403, "operator_required");
    let all =
        futures::future::join_all((0..32).map(|_| operator.post(GLOBAL, tokens.clone()))).await;
    let made: Vec<_> = all.iter().filter(|it| it.status == 201).collect();
    assert_eq!(made.len(), 1, "two never hold at once");
    let place = made[0].header("location").expect("a place").to_owned();
    assert_eq!(operator.get(&place).await.expect(200)["level"], "global");
    let mut past = tokens.clone();
    past["effectiveFrom"] = json!("2026-11-01T00:00:00Z");
    past["effectiveTo"] = json!("2026-11-02T00:00:00Z");
    past["reprice"] = json!(true);
    operator.post(GLOBAL, past).await.expect_problem(409, "past_price_needs_reprice");
    let own = json!({ "categoryCode": "build.minutes", "metric": "count", "model": "none" });
    scene.builds().await;
    operator.post(GLOBAL, own).await.expect_problem(404, "not_found");
    // Both organizations see it, and events cost that; of one of them until it has a price of its own.
    let other = scene.app.client(B, "owner");
    for owner in [&scene.owner, &other] {
        let listed = owner.all(&format!("{PRICES}?level=global"), 10).await;
        assert_eq!(listed.len(), 1);
    }
    let embedded = |id: &str| {
        json!({
            "specversion": "1.0", "id": id, "source": "/e", "time": "2026-11-23T01:04:59Z",
            "type": "embeddings.embedding.generated",
            "data": { "tokens": 5_000, "modelKey": "small" },
        })
    };
    scene.app.database.clock.advance(Duration::from_secs(11));
    scene.send(vec![embedded("1")]).await;
    scene.deliver().await;
    assert_eq!(scene.sums("ai.embedding", &["cost"]).await["costMicros"], 100);
    let mut cheaper = tokens.clone();
    cheaper["unitPriceMicros"] = json!(1);
    cheaper["effectiveFrom"] = json!("2026-11-23T01:04:59Z");
    scene.owner.post(PRICES, cheaper).await.expect(201);
    scene.send(vec![embedded("2")]).await;
    scene.deliver().await;
    assert_eq!(scene.sums("ai.embedding", &["cost"]).await["costMicros"], 105);
    // It ends, and is neither cut short nor deleted.
    operator.delete(&place).await.expect_problem(409, "price_started");
    let end = json!({ "effectiveTo": "2026-11-24T00:00:00Z" });
    let ended = operator.patch(&place, end).await.expect(200);
    assert_eq!(ended["effectiveTo"], "2026-11-24T00:00:00.000Z");
    scene.owner.get(&place).await.expect_problem(403, "operator_required");
}

#[tokio::test]
async fn two_prices_never_hold_at_once_whoever_comes_first() {
    let scene = Scene::start().await;
    scene.builds().await;
    let all = (0..32).map(|_| scene.owner.post(PRICES, price(json!({}))));
    let all = futures::future::join_all(all).await;
    assert_eq!(all.iter().filter(|it| it.status == 201).count(), 1);
    for refused in all.iter().filter(|it| it.status != 201) {
        refused.expect_problem(409, "price_overlap");
    }
    let made = all.iter().find(|it| it.status == 201).expect("one").json();
    let place = format!("{PRICES}/{}", made["id"].as_str().unwrap());
    let changed = scene.owner.patch(&place, json!({ "unitPriceMicros": 1 })).await;
    changed.expect_problem(409, "price_started");
    scene.owner.delete(&place).await.expect_problem(409, "price_started");
    let end = json!({ "effectiveTo": "2026-12-01T00:00:00Z" });
    assert_eq!(scene.owner.patch(&place, end).await.expect(200)["state"], "active");
    let next = price(json!({ "effectiveFrom": "2026-12-01T00:00:00Z", "unitPriceMicros": 5 }));
    let next = scene.owner.post(PRICES, next).await.expect(201);
    let next = format!("{PRICES}/{}", next["id"].as_str().unwrap());
    scene
        .owner
        .patch(&place, json!({ "effectiveTo": null }))
        .await
        .expect_problem(409, "price_overlap");
    scene.owner.delete(&next).await.expect(204);
    scene.owner.delete(&next).await.expect(204);
    let past = price(
        json!({ "effectiveFrom": "2026-11-01T00:00:00Z", "metric": "count", "model": "per_unit" }),
    );
    scene.owner.post(PRICES, past).await.expect_problem(409, "past_price_needs_reprice");
    for bad in [
        json!({ "model": "flat" }),
        json!({ "metric": "nothing" }),
        json!({ "match": { "x": "y" } }),
    ] {
        scene.owner.post(PRICES, price(bad)).await.expect_problem(400, "invalid_request");
    }
    assert!(scene.app.client(B, "owner").all(PRICES, 10).await.is_empty());
    scene
        .app
        .client(A, "admin")
        .post(PRICES, price(json!({})))
        .await
        .expect_problem(403, "forbidden");
}

#[tokio::test]
async fn settings_hold_and_unknown_types_can_be_refused() {
    let scene = Scene::start().await;
    let settings = "/api/v1/usage/settings";
    assert_eq!(scene.owner.get(settings).await.expect(200)["timeZone"], "UTC");
    let mut event = build(1, "2026-11-23T01:04:00Z", 1, "a");
    event["type"] = json!("nobody.knows");
    scene.send(vec![event.clone()]).await;
    scene.deliver().await;
    assert_eq!(scene.sums("uncategorized", &["count"]).await["values"]["count"], "1");
    let change = json!({ "unknownTypes": "reject", "timeZone": "Asia/Kathmandu" });
    assert_eq!(scene.owner.patch(settings, change).await.expect(200)["version"], 1);
    scene
        .owner
        .patch(settings, json!({ "timeZone": "Mars/Base" }))
        .await
        .expect_problem(400, "invalid_request");
    event["id"] = json!("2");
    scene.send(vec![event]).await;
    scene.deliver().await;
    let rejected = scene.owner.all("/api/v1/usage/rejections", 10).await;
    assert_eq!(rejected[0]["code"], "unknown_event_type");
    assert_eq!(scene.sums("uncategorized", &["count"]).await["values"]["count"], "1");
    // An event type that a category takes from now on counts there.
    let category = json!({ "code": "known.now", "name": "Known", "eventTypes": ["nobody.knows"] });
    scene.owner.post("/api/v1/usage/categories", category.clone()).await.expect(201);
    let mut again = category;
    again["code"] = json!("known.too");
    scene
        .owner
        .post("/api/v1/usage/categories", again)
        .await
        .expect_problem(409, "event_type_taken");
    let mut event = build(3, "2026-11-23T01:04:00Z", 1, "a");
    event["type"] = json!("Nobody.Knows");
    scene.send(vec![event]).await;
    // What was refused before does not come again.
    let last = scene.deliveries().await.pop().expect("the last message");
    scene.deliver_to(&scene.worker(), vec![last]).await;
    assert_eq!(scene.sums("known.now", &["count"]).await["values"]["count"], "1");
    scene.app.database.clock.advance(Duration::from_secs(1));
}

#[tokio::test]
async fn alerts_are_acknowledged_and_resolved() {
    let scene = Scene::start().await;
    let store = scene.app.database.store();
    let id = usage_tracking::doubles::raise(&store, &scene.owner.tenant()).await;
    let place = format!("/api/v1/usage/alerts/{id}");
    let acknowledged =
        scene.owner.post(&format!("{place}/acknowledge"), json!({ "note": "n" })).await;
    let acknowledged = acknowledged.expect(200);
    assert_eq!(
        (&acknowledged["state"], &acknowledged["note"]),
        (&json!("acknowledged"), &json!("n"))
    );
    scene.owner.post(&format!("{place}/resolve"), json!({})).await.expect(200);
    let listed = scene.owner.all("/api/v1/usage/alerts?state=resolved", 10).await;
    assert_eq!(listed.len(), 1);
    assert!(scene.owner.all("/api/v1/usage/alerts?state=active", 10).await.is_empty());
    scene.app.client(B, "owner").get(&place).await.expect_problem(404, "not_found");
}
