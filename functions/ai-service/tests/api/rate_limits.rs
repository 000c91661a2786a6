//! /ai/rate-limits

use futures::future::join_all;
use millwright_core::Clock;
use millwright_testkit::TestApp;
use serde_json::json;

use crate::{A, B, made, router, start};

const PATH: &str = "/api/v1/ai/rate-limits";

#[tokio::test]
async fn an_organization_begins_with_two_limits_and_may_change_them() {
    let app = start().await;
    let admin = app.client(A, "admin");
    let seeded = admin.all(PATH, 1).await;
    assert_eq!(seeded.len(), 2);
    assert_eq!(
        (&seeded[0]["scope"], &seeded[0]["requestsPerMinute"]),
        (&json!("organization"), &json!(600))
    );
    assert_eq!(
        (&seeded[1]["scope"], &seeded[1]["tokensPerMinute"]),
        (&json!("user"), &json!(100_000))
    );
    let stranger = app.client(B, "owner");
    assert_ne!(stranger.all(PATH, 10).await[0]["id"], seeded[0]["id"]);
    let one = format!("{PATH}/{}", seeded[0]["id"].as_str().unwrap());
    stranger.get(&one).await.expect_problem(404, "not_found");
    stranger.patch(&one, json!({ "maxConcurrent": 1 })).await.expect_problem(404, "not_found");
    stranger.delete(&one).await.expect_problem(404, "not_found");
    let again = json!({ "scope": "organization", "requestsPerMinute": 1 });
    admin.post(PATH, again.clone()).await.expect_problem(409, "conflict");
    let change = json!({ "requestsPerMinute": null, "maxConcurrent": 7 });
    let changed = admin.patch_if(&one, "\"1\"", change).await.expect(200);
    assert_eq!((&changed["version"], &changed["maxConcurrent"]), (&json!(2), &json!(7)));
    assert!(changed["requestsPerMinute"].is_null());
    let mut shown = admin.get(&one).await.expect(200);
    let current = shown.as_object_mut().unwrap().remove("current").unwrap();
    assert_eq!((&shown, &current["requestsThisMinute"]), (&changed, &json!(0)));
    let empty = json!({ "tokensPerMinute": null, "maxConcurrent": null });
    admin.patch(&one, empty).await.expect_problem(400, "invalid_request");
    for seed in &seeded {
        let path = format!("{PATH}/{}", seed["id"].as_str().unwrap());
        admin.delete(&path).await.expect(204);
        admin.delete(&path).await.expect(204);
        admin.get(&path).await.expect_problem(404, "not_found");
    }
    assert!(admin.all(PATH, 10).await.is_empty());
    made(&admin, PATH, again).await;
    let types = app.event_types().await;
    assert_eq!(
        types,
        [
            "ai.rate_limit.updated",
            "ai.rate_limit.deleted",
            "ai.rate_limit.deleted",
            "ai.rate_limit.created",
        ]
    );
    app.client(A, "member").get(PATH).await.expect_problem(403, "forbidden");
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let app = start().await;
    let admin = app.client(A, "admin");
    for bad in [
        json!({ "scope": "user" }),
        json!({ "scope": "user", "requestsPerMinute": 0 }),
        json!({ "scope": "user", "requestsPerMinute": 1_000_000_001 }),
        json!({ "scope": "team", "requestsPerMinute": 1 }),
        json!({ "scope": "organization", "subjectId": "org_1", "requestsPerMinute": 1 }),
    ] {
        admin.post(PATH, bad).await.expect_problem(400, "invalid_request");
    }
}

#[tokio::test]
async fn of_32_clients_one_sets_the_limit_of_a_key() {
    let app = TestApp::start_at("ai-service", router, Clock::system()).await;
    let attempts = (0..32).map(|seed| {
        let instance = app.instance();
        instance.faults().conflict(seed, 0.1);
        async move {
            let admin = instance.client(A, "admin");
            let limit =
                json!({ "scope": "api_key", "subjectId": "key_1", "tokensPerDay": seed + 1 });
            loop {
                let answer = admin.post(PATH, limit.clone()).await;
                if answer.status != 503 {
                    return answer.status.as_u16();
                }
            }
        }
    });
    let mut statuses = join_all(attempts).await;
    statuses.sort_unstable();
    assert_eq!(statuses[0], 201);
    assert!(statuses[1..].iter().all(|status| *status == 409), "{statuses:?}");
}
