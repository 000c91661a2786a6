//! Quotas and budgets, asked before something is used.

use serde_json::{Value, json};

use crate::{A, Scene, scene::key};

const QUOTAS: &str = "/api/v1/usage/quotas";
const CONSUME: &str = "/api/v1/usage/limits/consume";

pub async fn quota(scene: &Scene, body: Value) -> String {
    let mut whole = json!({
        "name": key(), "categoryPattern": "ai.*", "measure": "count", "period": "month",
        "limit": 100, "enforcement": "hard",
    });
    for (name, value) in body.as_object().expect("an object") {
        whole[name] = value.clone();
    }
    let made = scene.owner.post(QUOTAS, whole).await.expect(201);
    format!("{QUOTAS}/{}", made["id"].as_str().expect("an id"))
}

async fn consume(scene: &Scene, body: Value) -> Value {
    let key = key();
    scene.consumer().post_with(CONSUME, &[("idempotency-key", &key)], body).await.expect(200)
}

#[tokio::test]
async fn a_soft_limit_has_its_grace_and_a_warning_refuses_nothing() {
    let scene = Scene::start().await;
    let soft = quota(&scene, json!({ "enforcement": "soft", "limit": 10 })).await;
    quota(&scene, json!({ "enforcement": "warn", "limit": 1 })).await;
    for n in 1..=11 {
        let answer = consume(&scene, json!({ "categoryCode": "ai.completion" })).await;
        assert_eq!(
            (&answer["allowed"], &answer["overLimit"]),
            (&json!(true), &json!(n > 10)),
            "{n}"
        );
    }
    let answer = consume(&scene, json!({ "categoryCode": "ai.completion" })).await;
    assert_eq!(answer["allowed"], false);
    assert_eq!(answer["deniedBy"].as_array().map(Vec::len), Some(1));
    assert_eq!(answer["retryAt"], "2026-12-01T00:00:00.000Z");
    let status = scene.owner.get(&format!("{soft}/status")).await.expect(200);
    assert_eq!((&status["used"], &status["percent"]), (&json!("11"), &json!(110)));
    let denied = scene.app.event_types().await;
    assert_eq!(denied.iter().filter(|kind| *kind == "usage.limit.denied").count(), 1);
}

#[tokio::test]
async fn patterns_and_dimensions_say_what_counts() {
    let scene = Scene::start().await;
    let below = quota(&scene, json!({ "categoryPattern": "ai.*" })).await;
    let all = quota(&scene, json!({ "categoryPattern": "*" })).await;
    let large = quota(
        &scene,
        json!({ "match": { "model": ["large"] } , "categoryPattern": "ai.completion" }),
    )
    .await;
    for (category, model) in [("ai.completion", "large"), ("ai.completion", "small")] {
        consume(&scene, json!({ "categoryCode": category, "dimensions": { "model": model } }))
            .await;
    }
    consume(&scene, json!({ "categoryCode": "mcp.tool" })).await;
    for (place, used) in [(below, "2"), (all, "3"), (large, "1")] {
        let status = scene.owner.get(&format!("{place}/status")).await.expect(200);
        assert_eq!(status["used"], used);
    }
}

#[tokio::test]
async fn a_top_up_makes_room_in_this_window_alone() {
    let scene = Scene::start().await;
    let place = quota(&scene, json!({ "limit": 1, "period": "hour" })).await;
    let body = json!({ "categoryCode": "ai.completion" });
    assert_eq!(consume(&scene, body.clone()).await["allowed"], true);
    assert_eq!(consume(&scene, body.clone()).await["allowed"], false);
    let more = json!({ "quantity": 2, "reason": "demo" });
    let status = scene.owner.post(&format!("{place}/top-ups"), more).await.expect(200);
    assert_eq!((&status["extra"], &status["remaining"]), (&json!("2"), &json!("2")));
    for allowed in [true, true, false] {
        assert_eq!(consume(&scene, body.clone()).await["allowed"], allowed);
    }
    scene.app.database.clock.advance(std::time::Duration::from_secs(3_600));
    let scene = Scene { owner: scene.app.client(A, "owner"), app: scene.app };
    for allowed in [true, false] {
        assert_eq!(consume(&scene, body.clone()).await["allowed"], allowed);
    }
}

#[tokio::test]
async fn checking_changes_nothing() {
    let scene = Scene::start().await;
    quota(&scene, json!({ "limit": 2 })).await;
    let check = "/api/v1/usage/limits/check";
    for (count, allowed) in [(2, true), (3, false), (2, true)] {
        let body = json!({ "categoryCode": "ai.completion", "amounts": { "count": count } });
        let answer = scene.owner.post(check, body).await.expect(200);
        assert_eq!((&answer["allowed"], &answer["hardLimited"]), (&json!(allowed), &json!(true)));
    }
    let effective = "/api/v1/usage/limits/effective?categoryCode=ai.completion";
    let answer = scene.owner.get(effective).await.expect(200);
    assert_eq!((&answer["phase"], &answer["limits"][0]["used"]), (&json!("abundant"), &json!("0")));
    let answer = scene.owner.get("/api/v1/usage/limits/effective?categoryCode=mcp.tool").await;
    assert_eq!(answer.expect(200)["limits"], json!([]));
}

#[tokio::test]
async fn limits_are_defined_changed_and_archived() {
    let scene = Scene::start().await;
    let place = quota(&scene, json!({ "name": "One", "limit": 1 })).await;
    let again = json!({ "name": "ONE", "categoryPattern": "*", "measure": "count", "period": "day", "limit": 1, "enforcement": "warn" });
    scene.owner.post(QUOTAS, again).await.expect_problem(409, "name_taken");
    let changed = scene.owner.patch(&place, json!({ "limit": 2, "name": "Two" })).await.expect(200);
    assert_eq!((&changed["limit"], &changed["version"]), (&json!("2"), &json!(2)));
    scene
        .owner
        .patch_if(&place, "\"1\"", json!({ "limit": 3 }))
        .await
        .expect_problem(412, "version_stale");
    for bad in [
        json!({ "limit": 0 }),
        json!({ "enforcement": "none" }),
        json!({ "thresholds": [1, 1] }),
        json!({ "graceLimitPercent": 99 }),
    ] {
        scene.owner.patch(&place, bad).await.expect_problem(400, "invalid_request");
    }
    scene.owner.delete(&place).await.expect(204);
    scene.owner.delete(&place).await.expect(204);
    let body = json!({ "categoryCode": "ai.completion" });
    for _ in 0..3 {
        assert_eq!(consume(&scene, body.clone()).await["allowed"], true);
    }
    let mut refused = 0;
    for n in 0..25 {
        let body = json!({ "name": format!("n{n}"), "categoryPattern": "*", "measure": "count", "period": "day", "limit": 1, "enforcement": "warn" });
        let answer = scene.owner.post(QUOTAS, body).await;
        if answer.status != 201 {
            answer.expect_problem(409, "too_many_limits");
            refused += 1;
        }
    }
    assert_eq!(refused, 5);
    let member = scene.app.client(A, "member");
    member.post(QUOTAS, json!({})).await.expect_problem(403, "forbidden");
    assert_eq!(member.all(QUOTAS, 7).await.len(), 20);
}
