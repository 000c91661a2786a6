//! What usage-tracking is measured with: events on their way into the queue and out of it, and a
//! hard quota to reserve in.

use anyhow::{Context, Result, anyhow};
use futures::future::BoxFuture;
use millwright_core::Clock;
use serde_json::{Value, json};
use usage_tracking::{
    domain::{Sender, UsageEvent},
    ingest::IngestMessage,
};

use super::{
    scenario::{Repetition, Request, Scenario, Subject, World},
    stage::Caller,
    work::{Source, Work},
};
use crate::keys;

const BASE: &str = "/api/v1/usage";
/// The most events of a message.
const BATCH: usize = 100;
/// Messages of one event each.
const LONE: u32 = 1_000;
/// Events in messages of a hundred.
const BATCHED: u32 = 20_000;
/// Reservations to be committed.
const RESERVATIONS: usize = 1_300;
/// How ai-service introduces itself.
const SERVICE: &str = "ai-service";

pub const USAGE_TRACKING: Subject = Subject {
    service: "usage-tracking",
    function: "usage-tracking-api",
    sample: "planning-api-project-list",
    furnish,
    first: "event_ingest",
    race: None,
    beside: &[],
    works: &[
        Work {
            name: "ingest, one event in a message",
            function: "usage-tracking-ingest",
            amount: LONE,
            of_what: "events",
            source: Source::Queued(|| messages(LONE as usize, 1)),
        },
        Work {
            name: "ingest, 100 events in a message",
            function: "usage-tracking-ingest",
            amount: BATCHED,
            of_what: "events",
            source: Source::Queued(|| messages(BATCHED as usize, BATCH)),
        },
    ],
    scenarios: &[
        Scenario {
            name: "event_ingest",
            status: 202,
            is_in_node: false,
            repetition: Repetition::Never,
            request: |_, number| Request::post(format!("{BASE}/events"), event(number)),
        },
        Scenario {
            name: "event_ingest_batch, 100 events",
            status: 200,
            is_in_node: false,
            repetition: Repetition::Cycle(16),
            request: |_, number| {
                let events: Vec<Value> = (0..BATCH).map(|n| event(number * BATCH + n)).collect();
                Request::post(format!("{BASE}/events/batch"), json!(events))
            },
        },
        Scenario {
            name: "reservation_create, one quota",
            status: 201,
            is_in_node: false,
            repetition: Repetition::Never,
            request: |_, number| reserve(&format!("bench-{number}")),
        },
        Scenario {
            name: "reservation_commit, one quota",
            status: 200,
            is_in_node: false,
            repetition: Repetition::Once("reservation"),
            request: |world, number| {
                let id = world.id("reservation", number);
                let body = json!({ "amounts": { "inputTokens": 700 } });
                inside(Request::post(format!("{BASE}/reservations/{id}/commit"), body))
            },
        },
    ],
};

fn event(number: usize) -> Value {
    json!({
        "specversion": "1.0", "id": format!("build-{number}"), "source": "/ci",
        "type": "ci.build.finished",
        "data": { "seconds": 84.5, "runner": format!("r{}", number % 4), "costMicros": 21 },
    })
}

/// Invoked by a service that may consume.
fn inside(request: Request) -> Request {
    let organization = keys::demo_organization();
    let caller = json!({ "service": SERVICE, "organizationId": organization });
    request.inside(&caller.to_string())
}

fn reserve(reference: &str) -> Request {
    let body = json!({
        "categoryCode": "ai.completion", "amounts": { "inputTokens": 1_000 },
        "reference": reference,
    });
    inside(Request::post(format!("{BASE}/reservations"), body))
}

/// As `event_ingest` puts them into the queue.
fn messages(count: usize, size: usize) -> Result<Vec<String>> {
    let numbers: Vec<usize> = (0..count).collect();
    let message = |numbers: &[usize]| {
        let read =
            |number: &usize| UsageEvent::read(&event(*number).to_string(), Sender::default());
        let events: Result<Vec<UsageEvent>, _> = numbers.iter().map(read).collect();
        let message = IngestMessage {
            organization_id: keys::demo_organization(),
            received_at: Clock::system().now(),
            events: events.map_err(|faults| anyhow!("{faults:?}"))?,
        };
        message.to_body().context("a message")
    };
    numbers.chunks(size).map(message).collect()
}

fn furnish(caller: Caller<'_>) -> BoxFuture<'_, Result<World>> {
    Box::pin(async move {
        let mut world = World::default();
        let category = json!({
            "code": "build.minutes", "name": "Builds", "eventTypes": ["ci.build.finished"],
            "metrics": [{ "name": "seconds", "pointer": "/seconds" }],
            "dimensions": [{ "name": "runner", "pointer": "/runner" }],
            "costPointer": "/costMicros",
        });
        caller.call(&Request::post(format!("{BASE}/categories"), category)).await?;
        let quota = json!({
            "name": "Tokens", "scopeType": "organization", "categoryPattern": "ai.*",
            "measure": "inputTokens", "period": "month", "limit": "1000000000000",
            "enforcement": "hard",
        });
        caller.call(&Request::post(format!("{BASE}/quotas"), quota)).await?;
        for number in 0..RESERVATIONS {
            let held = caller.call(&reserve(&format!("furnished-{number}"))).await?;
            world.add("reservation", &held)?;
        }
        Ok(world)
    })
}
