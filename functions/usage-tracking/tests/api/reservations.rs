//! Reservations: expiry, and events that settle them.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{A, Scene, limits::quota, scene::key};

const RESERVATIONS: &str = "/api/v1/usage/reservations";
const TIME: &str = "2026-11-23T00:30:00Z";

async fn reserve(
    scene: &Scene,
    amounts: Value,
    reference: Option<&str>,
) -> millwright_testkit::Answer {
    let key = key();
    let body =
        json!({ "categoryCode": "ai.completion", "amounts": amounts, "reference": reference });
    scene.consumer().post_with(RESERVATIONS, &[("idempotency-key", &key)], body).await
}

fn place(answer: &millwright_testkit::Answer) -> String {
    format!("{RESERVATIONS}/{}", answer.expect(201)["id"].as_str().expect("an id"))
}

async fn status(scene: &Scene, place: &str) -> (Value, Value) {
    let it = scene.owner.get(&format!("{place}/status")).await.expect(200);
    (it["used"].clone(), it["reserved"].clone())
}

fn completion(id: &str, tokens: i64, reference: &str) -> Value {
    json!({
        "specversion": "1.0", "id": id, "source": "/ai", "type": "ai.completion.completed",
        "time": TIME, "data": { "usage": { "inputTokens": tokens }, "completionId": reference },
    })
}

#[tokio::test]
async fn what_has_expired_makes_room_at_once() {
    let scene = Scene::start().await;
    let limit = quota(&scene, json!({ "limit": 10 })).await;
    let held: Vec<_> =
        futures::future::join_all((0..10).map(|_| reserve(&scene, json!({}), None))).await;
    let first = place(&held[0]);
    assert_eq!(reserve(&scene, json!({}), None).await.expect(200)["allowed"], false);
    scene.app.database.clock.advance(Duration::from_secs(901));
    let scene = Scene { owner: scene.app.client(A, "owner"), app: scene.app };
    reserve(&scene, json!({ "count": 10 }), None).await.expect(201);
    assert_eq!(status(&scene, &limit).await, (json!("0"), json!("10")));
    assert_eq!(scene.owner.get(&first).await.expect(200)["state"], "expired");
    // Late, it is booked without a hold, once.
    for _ in 0..3 {
        let commit = json!({ "amounts": { "count": 1 } });
        let late = scene.consumer().post(&format!("{first}/commit"), commit).await.expect(200);
        assert_eq!((&late["state"], &late["late"]), (&json!("committed"), &json!(true)));
    }
    assert_eq!(status(&scene, &limit).await, (json!("1"), json!("10")));
    let expired = scene.app.event_types().await;
    assert_eq!(expired.iter().filter(|kind| *kind == "usage.reservation.expired").count(), 10);
}

#[tokio::test]
async fn commit_event_and_event_again_in_any_order_come_to_the_event() {
    const STEPS: [&str; 3] = ["commit", "event", "again"];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        for (committed, told) in [(700, 700), (700, 900), (900, 0)] {
            let scene = Scene::start().await;
            let limit = quota(&scene, json!({ "limit": 1000, "measure": "inputTokens", "categoryPattern": "ai.completion" })).await;
            let held = reserve(&scene, json!({ "inputTokens": 800 }), Some("cmp_1")).await;
            let held = place(&held);
            scene.send(vec![completion("e", told, "cmp_1")]).await;
            for step in order.map(|at| STEPS[at]) {
                match step {
                    "commit" => {
                        let body = json!({ "amounts": { "inputTokens": committed } });
                        scene.consumer().post(&format!("{held}/commit"), body).await.expect(200);
                    }
                    _ => assert_eq!(scene.deliver().await, 0),
                }
            }
            let it = status(&scene, &limit).await;
            assert_eq!(it, (json!(told.to_string()), json!("0")), "{order:?} {committed} {told}");
        }
    }
}

#[tokio::test]
async fn released_is_released_and_committed_is_committed() {
    let scene = Scene::start().await;
    let limit = quota(&scene, json!({ "limit": 10 })).await;
    let (one, other) = (
        place(&reserve(&scene, json!({}), None).await),
        place(&reserve(&scene, json!({}), None).await),
    );
    let consumer = scene.consumer();
    let (commit, release) = (json!({ "amounts": {} }), json!({}));
    consumer.post(&format!("{one}/release"), release.clone()).await.expect(200);
    consumer.post(&format!("{one}/release"), release.clone()).await.expect(200);
    let refused = consumer.post(&format!("{one}/commit"), commit.clone()).await;
    refused.expect_problem(409, "reservation_finished");
    consumer.post(&format!("{other}/commit"), commit).await.expect(200);
    let refused = consumer.post(&format!("{other}/release"), release).await;
    refused.expect_problem(409, "reservation_finished");
    assert_eq!(status(&scene, &limit).await, (json!("1"), json!("0")));
    // An event that names a released one counts for itself.
    let mut event = completion("e", 5, "none");
    event["reservationid"] = json!(one.rsplit('/').next());
    scene.send(vec![event]).await;
    scene.deliver().await;
    assert_eq!(status(&scene, &limit).await, (json!("2"), json!("0")));
}

#[tokio::test]
async fn a_reference_is_of_one_reservation() {
    let scene = Scene::start().await;
    let limit = quota(&scene, json!({ "limit": 10 })).await;
    let body = json!({ "categoryCode": "ai.completion", "amounts": {}, "reference": "r" });
    let consumer = scene.consumer();
    let all =
        futures::future::join_all((0..32).map(|_| consumer.post(RESERVATIONS, body.clone()))).await;
    let ids: std::collections::BTreeSet<String> =
        all.iter().map(|it| it.expect(201)["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(status(&scene, &limit).await, (json!("0"), json!("1")));
    let other =
        json!({ "categoryCode": "ai.completion", "amounts": { "count": 2 }, "reference": "r" });
    consumer.post(RESERVATIONS, other).await.expect_problem(409, "reference_taken");
    let none = json!({ "categoryCode": "ai.completion", "amounts": {} });
    consumer.post(RESERVATIONS, none).await.expect_problem(400, "idempotency_key_required");
}

#[tokio::test]
async fn a_reservation_is_extended_but_not_for_ever() {
    let scene = Scene::start().await;
    let held = place(&reserve(&scene, json!({}), None).await);
    let extend = format!("{held}/extend");
    let answer = scene.consumer().post(&extend, json!({ "ttlSeconds": 3600 })).await.expect(200);
    assert_eq!(answer["expiresAt"], "2026-11-23T02:04:58.000Z");
    scene.app.database.clock.advance(Duration::from_secs(23 * 3_600 + 1_000));
    let later = Scene { owner: scene.app.client(A, "owner"), app: scene.app };
    let refused = later.consumer().post(&extend, json!({ "ttlSeconds": 3600 })).await;
    refused.expect_problem(400, "invalid_request");
    assert_eq!(later.owner.all(RESERVATIONS, 10).await.len(), 1);
}

#[tokio::test]
async fn another_organizations_reservation_is_not_found() {
    let scene = Scene::start().await;
    let held = place(&reserve(&scene, json!({}), None).await);
    let foreign = scene.app.client_with(crate::B, "usage.*");
    foreign.get(&held).await.expect_problem(404, "not_found");
    for (action, body) in [
        ("commit", json!({ "amounts": {} })),
        ("release", json!({})),
        ("extend", json!({ "ttlSeconds": 60 })),
    ] {
        let answer = foreign.post(&format!("{held}/{action}"), body).await;
        answer.expect_problem(404, "not_found");
    }
    let member = scene.app.client(A, "member");
    member.get(&held).await.expect_problem(404, "not_found");
    assert!(member.all(RESERVATIONS, 10).await.is_empty());
    member.post(&format!("{held}/release"), json!({})).await.expect_problem(403, "forbidden");
}
