//! What holds for every operation of every service. The operations come from the manifests: a new
//! one without a fixture fails here, and is guarded as soon as it has one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod access;
mod ai_service_fixture;
mod auth_fixture;
mod contract;
mod direct;
mod fixture;
mod garbage;
mod planning_fixture;
mod secret_management_fixture;
mod usage_tracking_fixture;
mod user_management_fixture;

use std::collections::BTreeMap;

use fixture::{By, Call, Guarded};
use millwright_manifest::{Access, Operation};
use millwright_testkit::{Answer, Client, Kept, TestApp};
use serde_json::Value;

/// The organization whose things are at stake, and another one.
const MINE: u128 = 1;
const FOREIGN: u128 = 2;

/// Every service with operations, and how to run it.
fn fixtures() -> Vec<Guarded> {
    vec![
        ai_service_fixture::guarded(),
        auth_fixture::guarded(),
        planning_fixture::guarded(),
        usage_tracking_fixture::guarded(),
        secret_management_fixture::guarded(),
        user_management_fixture::guarded(),
    ]
}

/// All of them, or the one that the environment names: `GUARDED=planning cargo test …`.
fn guarded() -> Vec<Guarded> {
    #[allow(clippy::disallowed_methods, reason = "said to the tests, not to the code")]
    let only = std::env::var("GUARDED").ok();
    let is_meant =
        |guarded: &Guarded| only.as_ref().is_none_or(|name| guarded.service.name == name);
    fixtures().into_iter().filter(is_meant).collect()
}

/// Whose interface an operation serves: others than our own have their own words for errors, and
/// take what they do not know.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dialect {
    Own,
    KeyValue,
    Models,
}

impl Dialect {
    fn of(operation: &str) -> Dialect {
        if secret_management_fixture::KV.contains(&operation) {
            return Dialect::KeyValue;
        }
        match ai_service::SURFACES.contains(&operation) {
            true => Dialect::Models,
            false => Dialect::Own,
        }
    }
}

/// Operations in a dialect of others.
fn speaks_otherwise(operation: &str) -> bool {
    Dialect::of(operation) != Dialect::Own
}

/// A service with its things in place.
struct Scene {
    guarded: Guarded,
    app: TestApp,
    calls: BTreeMap<&'static str, Call>,
    furnished: Kept,
}

impl Scene {
    async fn set(guarded: Guarded) -> Scene {
        let app = TestApp::start(guarded.service.name, guarded.router).await;
        let calls = (guarded.calls)(app.clone()).await;
        let furnished = app.database.keep();
        Scene { guarded, app, calls, furnished }
    }

    /// The things as they were, and an instance that remembers nothing: one operation must not spoil
    /// what the next one is about.
    fn reset(&mut self) {
        self.app.database.restore(&self.furnished);
        self.app = self.app.instance();
    }

    /// Who succeeds: the owner, or whoever alone may.
    fn caller(&self, operation: &Operation) -> Client {
        match (self.calls[operation.name].by, operation.access) {
            (By::Service(name), _) => self.app.service(name, None),
            (By::Operator, _) | (_, Access::Operator) => self.app.operator(),
            (By::Owner, _) => (self.guarded.owner)(&self.app),
        }
    }

    /// Calls an operation and checks the answer against the API document.
    async fn call(&self, name: &str, client: &Client) -> Answer {
        let call = &self.calls[name];
        let answer = call.send(client).await;
        self.check(name, &answer);
        answer
    }

    /// A problem with this status and code; of another dialect the status alone.
    #[track_caller]
    fn expect_problem(
        &self,
        name: &str,
        answer: &Answer,
        status: u16,
        code: &str,
    ) -> Option<Value> {
        match Dialect::of(name) {
            Dialect::Own => return Some(answer.expect_problem(status, code)),
            Dialect::KeyValue => {
                let status = if status == 401 { 403 } else { status };
                assert!(answer.expect(status)["errors"].is_array(), "{name}: {answer:?}");
            }
            Dialect::Models => {
                let said = answer.expect(status);
                assert!(said["error"]["message"].is_string(), "{name}: {answer:?}");
            }
        }
        None
    }

    #[track_caller]
    fn check(&self, name: &str, answer: &Answer) {
        let operation = self.guarded.service.operation(name).unwrap();
        self.guarded.contract.check(operation.method.as_str(), &operation.path, answer);
    }
}

/// Every service whose manifest lists operations must be guarded.
#[test]
fn every_service_is_guarded() {
    let guarded: Vec<&str> = fixtures().iter().map(|guarded| guarded.service.name).collect();
    for service in all::services() {
        let is_public = service.operations.iter().all(|o| o.access == Access::Public);
        assert!(is_public || guarded.contains(&service.name), "{} has no fixture", service.name);
    }
}

#[tokio::test]
async fn every_operation_has_a_fixture_that_works() {
    for guarded in guarded() {
        let mut scene = Scene::set(guarded).await;
        for operation in scene.guarded.service.operations.clone() {
            scene.reset();
            assert!(scene.calls.contains_key(operation.name), "{} has no fixture", operation.name);
            let answer = scene.call(operation.name, &scene.caller(&operation)).await;
            let is_done = answer.status.is_success() || answer.status.is_redirection();
            assert!(is_done, "{}: {answer:?}", operation.name);
        }
    }
}
