//! What secret-management is measured with: a hundred secrets, and many people who read them, since
//! each may only so often in a minute.

use anyhow::Result;
use futures::future::BoxFuture;
use millwright_core::{Clock, Id, IdGenerator, UserId};
use serde_json::{Value, json};

use super::{
    scenario::{Repetition, Request, Scenario, Subject, World},
    stage::Caller,
};
use crate::keys;

/// With 600 values a minute each, 6,144 batches of a hundred.
const PEOPLE: usize = 1_024;
/// References of one batch.
const SECRETS: usize = 100;
/// The most that the settings allow.
const VALUES_A_MINUTE: u32 = 600;

const BASE: &str = "/api/v1/secrets";
const API: (&str, &str) = ("secret-management", "secret-management-api");

pub const REVEAL: Subject = Subject {
    service: "secret-management",
    function: "secret-management-reveal",
    sample: "planning-api-project-list",
    furnish,
    first: "secret_reveal",
    race: None,
    beside: &[API],
    works: &[],
    scenarios: &[
        Scenario {
            name: "secret_reveal",
            status: 200,
            is_in_node: false,
            repetition: Repetition::Cycle(PEOPLE),
            request: |world, number| {
                let path = format!("{BASE}/{}/reveal", world.id("secret", number));
                by(world, number, Request::post(path, json!({})))
            },
        },
        Scenario {
            name: "secret_resolve, 100 secrets",
            status: 200,
            is_in_node: false,
            repetition: Repetition::Cycle(PEOPLE),
            request: |world, number| {
                let references = json!({ "references": world.all("secret") });
                by(world, number, Request::post(format!("{BASE}/resolve"), references))
            },
        },
    ],
};

fn by(world: &World, number: usize, request: Request) -> Request {
    request.header("authorization", world.id("person", number).to_owned())
}

/// Secrets of 1 KB, and owners of their organization.
fn furnish(caller: Caller<'_>) -> BoxFuture<'_, Result<World>> {
    Box::pin(async move {
        let (mut world, api) = (World::default(), caller.beside(API.1));
        let limit = json!({ "revealsPerMinuteUser": VALUES_A_MINUTE });
        api.call(&Request::patch(format!("{BASE}/settings"), limit)).await?;
        for number in 0..SECRETS {
            let body = json!({
                "name": format!("bench/k{number}"), "type": "generic", "scope": "organization",
                "value": { "value": "x".repeat(1_000) },
            });
            let made: Value = api.call(&Request::post(BASE, body)).await?;
            world.add("secret", &made)?;
        }
        let ids = IdGenerator::new(Clock::system());
        let organization = keys::demo_organization().to_string();
        for _ in 0..PEOPLE {
            let person: UserId = Id::from_uuid(ids.next_uuid());
            world.put("person", caller.stage().bearer(person, Some(&organization))?);
        }
        Ok(world)
    })
}
