//! Services that ask before they spend: the client of `shared/usage` over the router.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::future::{BoxFuture, join_all};
use millwright_aws::Called;
use millwright_core::{Error, Result};
use millwright_http::CALLER_HEADER;
use millwright_testkit::{Client, CrashPoint, TestApp};
use millwright_usage::{
    Amounts, Consumed, DEFAULT_TTL, Phase, Reserved, Settled, Spending, Transport, UsageClient, Who,
};
use serde_json::{Value, json};

use crate::{Scene, limits::quota, scene::key};

/// Invokes in process; some answers get lost on the way back.
struct InProcess {
    app: TestApp,
    calls: AtomicUsize,
    /// Every so-manieth answer is lost; 0 for none.
    lost: usize,
}

impl Transport for InProcess {
    fn call<'a>(
        &'a self,
        path: &'a str,
        headers: &'a [(&'a str, String)],
        body: &'a Value,
    ) -> BoxFuture<'a, Result<Called>> {
        Box::pin(async move {
            let number = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
            let nobody: Client = self.app.stranger();
            let headers: Vec<(&str, &str)> =
                headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let answer = nobody.post_with(path, &headers, body.clone()).await;
            if self.lost > 0 && number.is_multiple_of(self.lost) {
                return Err(Error::unavailable("the answer got lost"));
            }
            Ok(Called { status: answer.status.as_u16(), body: answer.json() })
        })
    }
}

fn client_losing(app: &TestApp, lost: usize) -> UsageClient {
    let transport = InProcess { app: app.clone(), calls: AtomicUsize::new(0), lost };
    UsageClient::new(Arc::new(transport), "ai-service")
}

fn client(app: &TestApp) -> UsageClient {
    client_losing(app, 0)
}

fn completion(scene: &Scene, micros: u64) -> Spending {
    Spending {
        who: Who {
            tenant: scene.owner.tenant(),
            user: Some(scene.owner.user),
            team: None,
            project: None,
        },
        category: "ai.completion".to_owned(),
        dimensions: [("model".to_owned(), "large".to_owned())].into(),
        amounts: Amounts::default().cost_micros(micros),
    }
}

async fn budget(scene: &Scene, micros: u64) -> String {
    let body = json!({
        "name": key(), "categoryPattern": "ai.*", "period": "month", "amountMicros": micros,
        "enforcement": "hard",
    });
    let made = scene.owner.post("/api/v1/usage/budgets", body).await.expect(201);
    format!("/api/v1/usage/budgets/{}/status", made["id"].as_str().expect("an id"))
}

async fn at(scene: &Scene, status: &str) -> (String, String) {
    let status = scene.owner.get(status).await.expect(200);
    let text = |name: &str| status[name].as_str().expect("a decimal").to_owned();
    (text("used"), text("reserved"))
}

#[tokio::test]
async fn a_service_reserves_commits_and_releases() {
    let scene = Scene::start().await;
    let usage = client(&scene.app);
    let spending = completion(&scene, 600);
    let standing = usage.standing(&spending).await.expect("a standing");
    assert_eq!((standing.hard_limited, standing.phase), (false, Phase::Abundant));
    let status = budget(&scene, 1_000).await;
    scene.app.database.clock.advance(Duration::from_secs(11));
    assert!(usage.standing(&spending).await.expect("a standing").hard_limited);
    let reserve = async |reference: &str| {
        usage.reserve(&spending, reference, DEFAULT_TTL).await.expect("a decision")
    };
    let Reserved::Held(held) = reserve("first").await else { panic!("it fits") };
    assert_eq!(reserve("first").await, Reserved::Held(held.clone()), "by its reference");
    let Reserved::Denied(denial) = reserve("second").await else { panic!("too much") };
    assert_eq!(denial.denied_by.len(), 1);
    assert_eq!(
        denial.retry_at.map(|it| it.to_string()).as_deref(),
        Some("2026-12-01T00:00:00.000Z")
    );
    assert!(!usage.standing(&spending).await.expect("a standing").allowed);
    let actual = Amounts::default().cost_micros(350);
    for _ in 0..2 {
        let settled = usage.commit(&spending.who, &held.id, &actual).await.expect("settled");
        let Settled::Done(Some(booked)) = settled else { panic!("{settled:?}") };
        assert_eq!(booked["cost"], "350");
    }
    assert_eq!(usage.release(&spending.who, &held.id).await.expect("told"), Settled::Otherwise);
    let Reserved::Held(other) = reserve("third").await else { panic!("it fits again") };
    usage.extend(&spending.who, &other.id, Duration::from_secs(3_600)).await.expect("longer");
    assert_eq!(at(&scene, &status).await, ("350".to_owned(), "600".to_owned()));
    usage.release(&spending.who, &other.id).await.expect("given back");
    assert_eq!(at(&scene, &status).await, ("350".to_owned(), "0".to_owned()));
    // What is wrong is an error and no decision.
    let unknown = Spending { category: "no.such".to_owned(), ..spending };
    assert!(usage.reserve(&unknown, "fourth", DEFAULT_TTL).await.is_err());
}

#[tokio::test]
async fn answers_that_get_lost_hold_and_book_nothing_twice() {
    let scene = Scene::start().await;
    let status = budget(&scene, 100_000).await;
    let usage = client_losing(&scene.app, 2);
    let spending = completion(&scene, 1_000);
    for n in 0..8 {
        let held = usage.reserve(&spending, &format!("r{n}"), DEFAULT_TTL).await.expect("held");
        let Reserved::Held(held) = held else { panic!("it fits") };
        let actual = Amounts::default().cost_micros(10);
        usage.commit(&spending.who, &held.id, &actual).await.expect("booked");
        let consumed = usage.consume(&spending, &format!("k{n}")).await.expect("used");
        assert_eq!(consumed, Consumed::Allowed { over_limit: false });
    }
    assert_eq!(at(&scene, &status).await, ("8080".to_owned(), "0".to_owned()));
}

/// Of 200 services at once exactly as many spend as fit, some of which die between reserving and
/// committing, come back, and do it again by their reference.
#[tokio::test]
async fn of_200_against_100_exactly_100_are_granted_with_crashes_in_between() {
    let scene = Scene::start().await;
    let place = quota(&scene, json!({ "limit": 100 })).await;
    let spending = Spending { amounts: Amounts::default(), ..completion(&scene, 0) };
    let spend = |n: usize| {
        let (scene, spending) = (&scene, &spending);
        async move {
            let reference = format!("spend{n}");
            let once = async |app: &TestApp| {
                let usage = client(app);
                for _ in 0..100 {
                    match usage.reserve(spending, &reference, DEFAULT_TTL).await {
                        Ok(Reserved::Denied(_)) => return false,
                        Ok(Reserved::Held(held)) => {
                            let actual = Amounts::default().quantity("count", 1);
                            while usage.commit(&spending.who, &held.id, &actual).await.is_err() {
                                tokio::time::sleep(Duration::from_millis(20)).await;
                            }
                            return true;
                        }
                        Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                    }
                }
                panic!("never decided")
            };
            let victim = scene.app.instance();
            if n.is_multiple_of(3) {
                // Reserving is some calls, committing two more: it dies before, between and within.
                victim.faults().crash(CrashPoint::After(2 + n % 5));
                tokio::select! {
                    () = victim.faults().crashed() => {}
                    _ = once(&victim) => {}
                }
            }
            once(&scene.app).await
        }
    };
    let granted = join_all((0..200).map(spend)).await;
    assert_eq!(granted.iter().filter(|it| **it).count(), 100);
    let status = scene.owner.get(&format!("{place}/status")).await.expect(200);
    assert_eq!((&status["used"], &status["reserved"]), (&json!("100"), &json!("0")));
}

#[tokio::test]
async fn only_services_that_are_named_act_and_only_for_an_organization() {
    let scene = Scene::start().await;
    let body = json!({ "categoryCode": "ai.completion", "amounts": {}, "reference": "r" });
    let path = "/api/v1/usage/reservations";
    let organization = scene.owner.tenant().organization();
    let stranger = scene.app.service("planning", organization);
    stranger.post(path, body.clone()).await.expect_problem(403, "forbidden");
    let nobody = scene.app.service("ai-service", None);
    nobody.post(path, body.clone()).await.expect_problem(403, "forbidden");
    scene.owner.post(path, body.clone()).await.expect_problem(403, "forbidden");
    scene.app.stranger().post(path, body.clone()).await.expect_problem(401, "unauthenticated");
    let garbled = scene.app.stranger().post_with(path, &[(CALLER_HEADER, "{")], body.clone()).await;
    garbled.expect_problem(403, "forbidden");
    let service = scene.app.service("ai-service", organization);
    let held = service.post(path, body).await.expect(201);
    assert_eq!(held["createdBy"], "ai-service");
}

/// Something another service tells.
mod rendered {
    use serde::{Deserialize, Serialize};
    use serde_json::json;
    use utoipa::ToSchema;

    #[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
    #[serde(rename_all = "camelCase")]
    pub struct RenderedData {
        pub picture_id: String,
        pub seconds: u64,
        pub runner: String,
    }

    millwright_event::events! {
        service: "renderer";
        further: [];

        /// A picture was rendered.
        Rendered(RenderedData) = "ci.build.finished", about picture_id, json!({
            "pictureId": "1", "seconds": 3, "runner": "gpu",
        });
    }
}

#[tokio::test]
async fn usage_told_with_a_transaction_is_counted_once() {
    let scene = Scene::start().await;
    scene.builds().await;
    let store = scene.app.database.store();
    let cause = millwright_event::Cause {
        tenant: scene.owner.tenant(),
        actor_id: scene.owner.user.to_string(),
        traceparent: None,
        correlation_id: "c".to_owned(),
        causation_id: None,
    };
    let mut effects = millwright_event::Effects::new(&store, cause);
    let data =
        rendered::RenderedData { picture_id: "1".to_owned(), seconds: 3, runner: "gpu".to_owned() };
    millwright_usage::count(&mut effects, &rendered::Rendered(data)).expect("JSON");
    effects.attempt().await.expect("written");
    let envelopes = scene.app.messages_to(millwright_usage::INGEST).await;
    let delivery = millwright_event::batch::Delivery {
        message_id: "1".to_owned(),
        receive_count: 1,
        body: serde_json::to_string(&envelopes[0]).expect("JSON"),
    };
    for _ in 0..3 {
        assert_eq!(scene.deliver_to(&scene.worker(), vec![delivery.clone()]).await, 0);
    }
    let sums = scene.sums("build.minutes", &["count", "seconds"]).await;
    assert_eq!(sums["values"], json!({ "count": "1", "seconds": "3" }));
    assert!(scene.app.events().await.iter().all(|it| it.kind != "ci.build.finished"));
}
