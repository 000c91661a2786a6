//! As many grants and bindings as a secret may have, with many clients at once.

use futures::future::join_all;
use millwright_core::Clock;
use millwright_testkit::TestApp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{A, api_key, create, router};

const CLIENTS: u64 = 128;

/// What each asks, over an instance of its own that conflicts now and then; again as long as nothing
/// has happened, as the answer says.
async fn ask_all(
    app: &TestApp,
    method: &'static str,
    requests: Vec<(String, Value)>,
) -> Vec<(u16, Value)> {
    let asked = requests.into_iter().zip(0..).map(|((path, body), seed)| {
        let instance = app.instance();
        instance.faults().conflict(seed, 0.1);
        async move {
            let owner = instance.client(A, "owner");
            loop {
                let answer = match method {
                    "DELETE" => owner.delete(&path).await,
                    _ => owner.post(&path, body.clone()).await,
                };
                let is_contended = answer.status == 409 && answer.json()["code"] == "contention";
                if answer.status != 503 && !is_contended {
                    let body = if answer.status == 204 { Value::Null } else { answer.json() };
                    return (answer.status.as_u16(), body);
                }
            }
        }
    });
    join_all(asked).await
}

fn count(answers: &[(u16, Value)], status: u16) -> usize {
    answers.iter().filter(|(one, _)| *one == status).count()
}

fn grant(n: u64) -> Value {
    let id = millwright_core::ServiceKeyId::from_uuid(Uuid::from_u128(u128::from(n) + 1));
    json!({ "granteeType": "service_key", "granteeId": id, "rights": ["read"] })
}

fn binding(n: u64) -> Value {
    json!({ "service": "ai-service", "resourceType": "provider", "resourceId": n.to_string() })
}

/// Exactly a hundred; what is there is met again at the limit, too; what goes makes room for one, once.
async fn keeps_to_a_hundred(what: &str, make: fn(u64) -> Value, again: u16) {
    let app = TestApp::start_at("secret-management", router, Clock::system()).await;
    let owner = app.client(A, "owner");
    let path = format!("{}/{what}", create(&owner, api_key("k", "v")).await);
    let requests = |from: u64| (from..from + CLIENTS).map(|n| (path.clone(), make(n))).collect();
    let answers = ask_all(&app, "POST", requests(0)).await;
    assert_eq!((count(&answers, 201), count(&answers, 409)), (100, 28));
    let mut refused = answers.iter().filter(|(status, _)| *status == 409);
    assert!(refused.all(|(_, body)| body["code"] == "limit_reached"));
    let listed = owner.get(&path).await.expect(200);
    let items = listed["items"].as_array().unwrap();
    assert_eq!(items.len(), 100);
    // The same again is no more.
    let there = answers.iter().position(|(status, _)| *status == 201).unwrap();
    let repeated = owner.post(&path, make(there as u64)).await;
    assert_eq!(repeated.status.as_u16(), again);
    // Of many who take one away one does, and then one more fits.
    let gone = format!("{path}/{}", items[0]["id"].as_str().unwrap());
    let taking = (0..CLIENTS).map(|_| (gone.clone(), Value::Null)).collect();
    let taken = ask_all(&app, "DELETE", taking).await;
    assert_eq!((count(&taken, 204), count(&taken, 404)), (1, 127));
    let answers = ask_all(&app, "POST", requests(CLIENTS)).await;
    assert_eq!((count(&answers, 201), count(&answers, 409)), (1, 127));
}

#[tokio::test]
async fn of_128_clients_exactly_a_hundred_grant() {
    keeps_to_a_hundred("grants", grant, 409).await;
}

#[tokio::test]
async fn of_128_clients_exactly_a_hundred_bind() {
    keeps_to_a_hundred("bindings", binding, 200).await;
}
