//! Exactly as many as fit, however many come at once.

use futures::future::join_all;
use millwright_testkit::{Answer, Client, CrashPoint};
use serde_json::{Value, json};

use crate::{A, Scene, limits::quota, scene::key};

const CONSUME: &str = "/api/v1/usage/limits/consume";
const RESERVATIONS: &str = "/api/v1/usage/reservations";
const BUDGETS: &str = "/api/v1/usage/budgets";

async fn status(scene: &Scene, place: &str) -> Value {
    scene.owner.get(&format!("{place}/status")).await.expect(200)
}

/// Asks until there is a decision, by one key: what is too busy now (503), or still at work (409),
/// is asked again.
async fn persist(client: &Client, body: Value) -> Value {
    let key = key();
    for _ in 0..100 {
        let answer = client.post_with(CONSUME, &[("idempotency-key", &key)], body.clone()).await;
        match answer.status.as_u16() {
            200 => return answer.json(),
            409 | 503 => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
            _ => panic!("{answer:?}"),
        }
    }
    panic!("never decided")
}

/// Asks again what was too busy.
async fn patiently<A: Future<Output = Answer>>(ask: impl Fn() -> A) -> Answer {
    for _ in 0..100 {
        let answer = ask().await;
        if answer.status != 503 {
            return answer;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("always too busy")
}

async fn of_200_consumers(conflicts: f64) {
    let scene = Scene::start().await;
    let place = quota(&scene, json!({ "limit": 100 })).await;
    let clients: Vec<_> = (0..8)
        .map(|seed| {
            let instance = scene.app.instance();
            instance.faults().conflict(seed, conflicts);
            instance.client_with(A, "usage.*")
        })
        .collect();
    let consume = |n: usize| {
        let client = clients[n % clients.len()].clone();
        async move { persist(&client, json!({ "categoryCode": "ai.completion" })).await }
    };
    let answers = join_all((0..200).map(consume)).await;
    assert_eq!(answers.iter().filter(|it| it["allowed"] == true).count(), 100);
    let status = status(&scene, &place).await;
    assert_eq!((&status["used"], &status["percent"]), (&json!("100"), &json!(100)));
}

#[tokio::test]
async fn of_200_consumes_against_100_exactly_100_are_allowed() {
    of_200_consumers(0.0).await;
}

#[tokio::test]
async fn and_so_with_conflicts() {
    of_200_consumers(0.1).await;
}

#[tokio::test]
async fn three_limits_together_let_through_what_the_narrowest_does() {
    let scene = Scene::start().await;
    let project = "prj_01jdz7xk2nf5h9vq3w8c6m4t0b";
    let places = [
        quota(&scene, json!({ "limit": 100 })).await,
        quota(&scene, json!({ "limit": 80, "scopeType": "project", "scopeId": project })).await,
        quota(
            &scene,
            json!({ "limit": 50, "scopeType": "user", "scopeId": scene.consumer().user }),
        )
        .await,
    ];
    scene.app.faults().conflict(3, 0.1);
    let consumer = scene.consumer();
    let body = json!({ "categoryCode": "ai.completion", "projectId": project });
    let answers = join_all((0..200).map(|_| persist(&consumer, body.clone()))).await;
    assert_eq!(answers.iter().filter(|it| it["allowed"] == true).count(), 50);
    for place in &places {
        assert_eq!(status(&scene, place).await["used"], "50");
    }
}

#[tokio::test]
async fn one_key_of_32_clients_consumes_once() {
    let scene = Scene::start().await;
    let place = quota(&scene, json!({ "limit": 100 })).await;
    let consumer = scene.consumer();
    let answers = join_all((0..32).map(|_| async {
        let body = json!({ "categoryCode": "ai.completion" });
        consumer.post_with(CONSUME, &[("idempotency-key", "one")], body).await
    }))
    .await;
    for answer in answers {
        match answer.status.as_u16() {
            200 => assert_eq!(answer.json()["allowed"], true),
            _ => drop(answer.expect_problem(409, "idempotency_in_flight")),
        }
    }
    assert_eq!(status(&scene, &place).await["used"], "1");
    let body = json!({ "categoryCode": "ai.completion" });
    consumer.post(CONSUME, body).await.expect_problem(400, "idempotency_key_required");
}

async fn budget(scene: &Scene, micros: u64) -> String {
    let body = json!({
        "name": key(), "categoryPattern": "ai.*", "period": "month", "amountMicros": micros,
        "enforcement": "hard",
    });
    let made = scene.owner.post(BUDGETS, body).await.expect(201);
    format!("{BUDGETS}/{}", made["id"].as_str().expect("an id"))
}

#[tokio::test]
async fn of_200_reservations_against_a_budget_for_100_exactly_100_are_held() {
    let scene = Scene::start().await;
    let place = budget(&scene, 1_000_000).await;
    scene.app.faults().conflict(11, 0.1);
    let consumer = scene.consumer();
    let reserve = |reference: String| {
        let consumer = consumer.clone();
        async move {
            let body = json!({
                "categoryCode": "ai.completion", "amounts": { "cost": 10_000 }, "reference": reference,
            });
            patiently(|| consumer.post(RESERVATIONS, body.clone())).await
        }
    };
    let answers = join_all((0..200).map(|n| reserve(format!("r{n}")))).await;
    let held: Vec<Value> =
        answers.iter().filter(|it| it.status == 201).map(|it| it.json()).collect();
    assert_eq!(held.len(), 100);
    for answer in answers.iter().filter(|it| it.status != 201) {
        let denied = answer.expect(200);
        assert_eq!(
            (&denied["allowed"], denied["deniedBy"].as_array().map(Vec::len)),
            (&json!(false), Some(1))
        );
    }
    let it = status(&scene, &place).await;
    assert_eq!((&it["reserved"], &it["remaining"]), (&json!("1000000"), &json!("0")));
    // Half is committed at less, half given back; each told by many at once.
    let settle = held.iter().enumerate().flat_map(|(n, reservation)| {
        let place = format!("{RESERVATIONS}/{}", reservation["id"].as_str().expect("an id"));
        let consumer = consumer.clone();
        (0..3).map(move |_| {
            let (place, consumer) = (place.clone(), consumer.clone());
            async move {
                match n % 2 {
                    0 => {
                        let body = json!({ "amounts": { "cost": 4_000 } });
                        let commit = format!("{place}/commit");
                        patiently(|| consumer.post(&commit, body.clone())).await.expect(200)
                    }
                    _ => {
                        let release = format!("{place}/release");
                        patiently(|| consumer.post(&release, json!({}))).await.expect(200)
                    }
                }
            }
        })
    });
    join_all(settle).await;
    let it = status(&scene, &place).await;
    assert_eq!((&it["used"], &it["reserved"]), (&json!("200000"), &json!("0")));
    let more = join_all((0..100).map(|n| reserve(format!("more{n}")))).await;
    assert_eq!(more.iter().filter(|it| it.status == 201).count(), 80);
}

/// Whoever dies between reserving and committing leaves a hold that lapses, and nothing else.
#[tokio::test]
async fn crashes_between_reserve_and_commit_lose_and_double_nothing() {
    let scene = Scene::start().await;
    let place = budget(&scene, 1_000_000).await;
    for round in 0..10usize {
        let victim = scene.app.instance();
        let client = victim.client_with(A, "usage.*");
        let reference = format!("crash{round}");
        let body = json!({
            "categoryCode": "ai.completion", "amounts": { "cost": 10_000 }, "reference": reference,
        });
        let crash = match round % 2 {
            0 => CrashPoint::Before(round / 2 + 1),
            _ => CrashPoint::After(round / 2 + 1),
        };
        victim.faults().crash(crash);
        tokio::select! {
            () = victim.faults().crashed() => {}
            () = async {
                let held = client.post(RESERVATIONS, body.clone()).await.expect(201);
                let commit = format!("{RESERVATIONS}/{}/commit", held["id"].as_str().unwrap());
                client.post(&commit, json!({ "amounts": { "cost": 7_000 } })).await.expect(200);
            } => {}
        }
        // The caller comes back and does it all again, by its reference.
        let held = scene.consumer().post(RESERVATIONS, body).await.expect(201);
        let commit = format!("{RESERVATIONS}/{}/commit", held["id"].as_str().unwrap());
        let body = json!({ "amounts": { "cost": 7_000 } });
        scene.consumer().post(&commit, body).await.expect(200);
        let it = status(&scene, &place).await;
        let used = ((round + 1) * 7_000).to_string();
        assert_eq!((&it["used"], &it["reserved"]), (&json!(used), &json!("0")), "round {round}");
    }
}
