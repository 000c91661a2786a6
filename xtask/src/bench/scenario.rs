//! What is measured: a table of functions and of requests to them. A service adds a module beside
//! `planning` and a line in [`SUBJECTS`].

use std::{collections::BTreeMap, ops::Range};

use anyhow::{Context, Result};
use futures::future::BoxFuture;
use http::Method;
use millwright_http::CALLER_HEADER;
use serde_json::{Value, json};

use super::{driver::Target, identity, planning, secrets, stage::Caller, usage, work::Work};

/// Everything `cargo xtask bench` measures.
pub const SUBJECTS: &[Subject] = &[
    planning::PLANNING,
    identity::AUTH,
    identity::AUTH_LOGIN,
    identity::AUTH_TOKEN,
    identity::USER_MANAGEMENT,
    usage::USAGE_TRACKING,
    secrets::REVEAL,
];

/// An HTTP function and the requests it is measured with.
pub struct Subject {
    /// Package `millwright-<service>`, table `<prefix>-<service>`.
    pub service: &'static str,
    /// The binary.
    pub function: &'static str,
    /// The recorded event in `events/lambda` that every request is made of.
    pub sample: &'static str,
    /// Makes what the requests are about, before anything is measured.
    pub furnish: for<'a> fn(Caller<'a>) -> BoxFuture<'a, Result<World>>,
    pub scenarios: &'static [Scenario],
    /// The scenario whose request is the first one that a fresh process gets.
    pub first: &'static str,
    /// A scenario that many processes run on one and the same thing.
    pub race: Option<&'static str>,
    /// Functions that it, or what is furnished, invokes: service and name.
    pub beside: &'static [(&'static str, &'static str)],
    /// What functions with a queue do.
    pub works: &'static [Work],
}

impl Subject {
    /// Every program of ours that its rows need.
    pub fn targets(&self) -> Vec<Target> {
        let of =
            |service: &str, binary| Target { package: format!("millwright-{service}"), binary };
        let beside = self.beside.iter().map(|(service, name)| of(service, *name));
        let workers = self.works.iter().map(|work| of(self.service, work.function));
        [of(self.service, self.function)].into_iter().chain(beside).chain(workers).collect()
    }

    /// True if one of its rows begins with one of these names; with no name, always.
    pub fn has_any_of(&self, names: &[String]) -> bool {
        let rows = self.scenarios.iter().map(|row| row.name);
        let mut rows = rows.chain(self.works.iter().map(|work| work.name));
        names.is_empty() || rows.any(|row| names.iter().any(|name| row.starts_with(name.as_str())))
    }
}

/// One row of the tables.
pub struct Scenario {
    /// The operation, and in what it differs from another row.
    pub name: &'static str,
    /// The status of every answer.
    pub status: u16,
    /// The Node function can do it too.
    pub is_in_node: bool,
    pub repetition: Repetition,
    /// The n-th request.
    pub request: fn(&World, usize) -> Request,
}

/// How often a request may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repetition {
    /// There are this many, sent in turns. A multiple of the processes keeps these apart.
    Cycle(usize),
    /// Each is sent once.
    Never,
    /// Each is sent once, and there are as many as the world has of this name: fewer than of others.
    Once(&'static str),
    /// One, in which [`Carry::PLACE`] stands for a text that every answer renews at this JSON
    /// Pointer; each process begins with one of these names of the world.
    Carried { pointer: &'static str, first: &'static str },
}

impl Scenario {
    /// As many requests as `wanted` calls need, from the `first` on.
    pub fn requests(&self, world: &World, first: usize, wanted: usize) -> Vec<Request> {
        let numbers: Range<usize> = match self.repetition {
            Repetition::Cycle(length) => 0..length,
            Repetition::Carried { .. } => 0..1,
            Repetition::Never | Repetition::Once(_) => first..first + wanted,
        };
        numbers.map(|number| (self.request)(world, number)).collect()
    }
}

/// Ids of what was furnished, by name.
#[derive(Clone, Debug, Default)]
pub struct World(BTreeMap<&'static str, Vec<String>>);

impl World {
    pub fn add(&mut self, name: &'static str, thing: &Value) -> Result<()> {
        let id = thing["id"].as_str().with_context(|| format!("{name} has no id: {thing}"))?;
        self.put(name, id);
        Ok(())
    }

    /// Adds any text.
    pub fn put(&mut self, name: &'static str, text: impl Into<String>) {
        self.0.entry(name).or_default().push(text.into());
    }

    pub fn all(&self, name: &str) -> &[String] {
        self.0.get(name).map_or(&[][..], Vec::as_slice)
    }

    /// The n-th of them, round and round; empty if there is none.
    pub fn id(&self, name: &str, number: usize) -> &str {
        let ids = self.all(name);
        ids.get(number % ids.len().max(1)).map_or("", String::as_str)
    }
}

/// What a caller sends.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    pub method: Method,
    pub path: String,
    pub query: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Option<Value>,
    /// Sent by a service of the installation, past the gateway.
    pub is_inside: bool,
    /// The number of the caller's address, if it is not the recorded one.
    pub address: Option<usize>,
}

impl Request {
    pub fn get(path: impl Into<String>) -> Request {
        Request::new(Method::GET, path, None)
    }

    pub fn post(path: impl Into<String>, body: Value) -> Request {
        Request::new(Method::POST, path, Some(body))
    }

    pub fn patch(path: impl Into<String>, body: Value) -> Request {
        Request::new(Method::PATCH, path, Some(body))
    }

    fn new(method: Method, path: impl Into<String>, body: Option<Value>) -> Request {
        let (path, query, headers) = (path.into(), String::new(), Vec::new());
        Request { method, path, query, headers, body, is_inside: false, address: None }
    }

    pub fn query(self, query: String) -> Request {
        Request { query, ..self }
    }

    pub fn header(mut self, name: &'static str, value: String) -> Request {
        self.headers.push((name, value));
        self
    }

    /// Sent from one of 65,536 addresses.
    pub fn at_address(self, number: usize) -> Request {
        Request { address: Some(number), ..self }
    }

    /// Sent by this service, past the gateway.
    pub fn inside(self, caller: &str) -> Request {
        let caller = self.header(CALLER_HEADER, caller.to_owned());
        Request { is_inside: true, ..caller }
    }

    /// The event the gateway would make of it, after the recorded one.
    pub fn event(&self, recorded: &Value, token: &str) -> Value {
        let mut event = recorded.clone();
        event["rawPath"] = self.path.as_str().into();
        event["rawQueryString"] = self.query.as_str().into();
        event["requestContext"]["http"]["method"] = self.method.as_str().into();
        event["requestContext"]["http"]["path"] = self.path.as_str().into();
        event["headers"]["authorization"] = format!("Bearer {token}").into();
        if let Some(number) = self.address {
            let address = format!("10.0.{}.{}", number / 256 % 256, number % 256);
            event["requestContext"]["http"]["sourceIp"] = address.into();
        }
        if self.is_inside {
            event["headers"] = json!({ "content-type": "application/json" });
            event["requestContext"]["stage"] = "internal".into();
            if let Some(context) = event["requestContext"].as_object_mut() {
                context.remove("apiId");
            }
        }
        for (name, value) in &self.headers {
            event["headers"][*name] = value.as_str().into();
        }
        match (&self.body, event.as_object_mut()) {
            (Some(body), _) => {
                event["headers"]["content-type"] = "application/json".into();
                event["body"] = body.to_string().into();
            }
            (None, Some(members)) => {
                members.remove("body");
            }
            (None, None) => {}
        }
        event
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_request_becomes_an_event_like_the_recorded_one() {
        let recorded = json!({
            "version": "2.0", "rawPath": "/x", "rawQueryString": "", "body": "{}",
            "headers": { "host": "api.example.org" },
            "requestContext": { "http": { "method": "POST", "path": "/x" }, "stage": "$default" },
        });
        let request = Request::get("/tasks").query("limit=1".to_owned());
        let event = request.header("if-match", "*".to_owned()).event(&recorded, "T");
        assert_eq!(
            event,
            json!({
                "version": "2.0", "rawPath": "/tasks", "rawQueryString": "limit=1",
                "headers": {
                    "host": "api.example.org", "authorization": "Bearer T", "if-match": "*",
                },
                "requestContext": {
                    "http": { "method": "GET", "path": "/tasks" }, "stage": "$default",
                },
            })
        );
        let event = Request::post("/tasks", json!({ "a": 1 })).event(&recorded, "T");
        assert_eq!(event["body"], r#"{"a":1}"#);
    }

    #[test]
    fn what_may_be_sent_once_is_never_repeated() {
        let scenario = |repetition| Scenario {
            name: "x",
            status: 200,
            is_in_node: false,
            repetition,
            request: |_, number| Request::get(number.to_string()),
        };
        let paths = |scenario: Scenario, first| -> Vec<String> {
            let requests = scenario.requests(&World::default(), first, 3);
            requests.into_iter().map(|request| request.path).collect()
        };
        assert_eq!(paths(scenario(Repetition::Cycle(2)), 7), ["0", "1"]);
        assert_eq!(paths(scenario(Repetition::Never), 7), ["7", "8", "9"]);
    }

    #[test]
    fn every_row_of_a_function_has_a_name_of_its_own_and_those_it_refers_to() {
        for subject in SUBJECTS {
            let mut names: Vec<&str> = subject.scenarios.iter().map(|row| row.name).collect();
            assert!(names.contains(&subject.first));
            assert!(subject.race.is_none_or(|race| names.contains(&race)));
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), subject.scenarios.len());
        }
    }
}
