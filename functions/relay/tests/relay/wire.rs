//! An outlet that records its calls and refuses what it is told to.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use relay::{Delivery, Failure, Outlet};

/// What becomes of one entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Take,
    Refuse,
    /// No answer for this entry and all after it in the call, and none of them is taken.
    Silence,
}

/// An entry as it is asked about.
pub struct Asked<'a> {
    /// The number of the call, from 1 on.
    pub call: usize,
    pub name: &'a str,
}

type Rule = Box<dyn Fn(&Asked<'_>) -> Verdict + Send>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// `bus` or the queue's name.
    pub to: String,
    pub names: Vec<String>,
    /// As EventBridge counts them.
    pub bytes: Vec<usize>,
}

/// Bus and queues. Takes everything unless it has a rule. Clones are one.
#[derive(Clone, Default)]
pub struct Wire(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    calls: Vec<Call>,
    taken: Vec<String>,
    rule: Option<Rule>,
}

impl Wire {
    pub fn rule(&self, rule: impl Fn(&Asked<'_>) -> Verdict + Send + 'static) {
        self.0.lock().unwrap().rule = Some(Box::new(rule));
    }

    /// Refuses the entries of these names, each time.
    pub fn refuse(&self, names: &'static [&'static str]) {
        self.rule(|asked| match names.contains(&asked.name) {
            true => Verdict::Refuse,
            false => Verdict::Take,
        });
    }

    pub fn heal(&self) {
        self.0.lock().unwrap().rule = None;
    }

    pub fn calls(&self) -> Vec<Call> {
        self.0.lock().unwrap().calls.clone()
    }

    /// The entries of each call to a destination.
    pub fn calls_to(&self, to: &str) -> Vec<Vec<String>> {
        self.calls().into_iter().filter(|call| call.to == to).map(|call| call.names).collect()
    }

    /// What was taken, in order, repetitions and all.
    pub fn taken(&self) -> Vec<String> {
        self.0.lock().unwrap().taken.clone()
    }

    pub fn taken_once_or_more(&self) -> BTreeSet<String> {
        self.taken().into_iter().collect()
    }

    pub fn forget(&self) {
        let mut state = self.0.lock().unwrap();
        state.calls.clear();
        state.taken.clear();
    }

    fn call(&self, to: &str, deliveries: &[Delivery]) -> Vec<Result<(), Failure>> {
        let mut state = self.0.lock().unwrap();
        let names = deliveries.iter().map(|one| one.envelope.subject.clone()).collect();
        let bytes = deliveries.iter().map(size).collect();
        state.calls.push(Call { to: to.to_owned(), names, bytes });
        let call = state.calls.len();
        let mut answers = Vec::new();
        for delivery in deliveries {
            let parsed: serde_json::Value = serde_json::from_str(&delivery.body).unwrap();
            assert_eq!(parsed, serde_json::to_value(&delivery.envelope).unwrap());
            let name = delivery.envelope.subject.as_str();
            match state.rule.as_ref().map_or(Verdict::Take, |rule| rule(&Asked { call, name })) {
                Verdict::Take => {
                    state.taken.push(name.to_owned());
                    answers.push(Ok(()));
                }
                Verdict::Refuse => answers.push(Err(format!("refused {name}"))),
                Verdict::Silence => break,
            }
        }
        answers
    }
}

/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevent-size.html>
pub fn size(delivery: &Delivery) -> usize {
    14 + delivery.envelope.source.len() + delivery.envelope.kind.len() + delivery.body.len()
}

impl Outlet for Wire {
    async fn publish(&self, deliveries: &[Delivery]) -> Vec<Result<(), Failure>> {
        self.call("bus", deliveries)
    }

    async fn send(&self, queue: &str, deliveries: &[Delivery]) -> Vec<Result<(), Failure>> {
        self.call(queue, deliveries)
    }
}
