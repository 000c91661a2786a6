//! What `cargo xtask bench` and its driver say to each other: JSON over loopback HTTP, one route
//! for each type of command below.
//!
//! The driver is a program of its own because it must be quick, and `xtask` is built to be built
//! quickly: its part of every measured request would be a multiple of what is measured.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

/// Where the driver listens: the first and only line it prints.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Addresses {
    /// Takes the commands.
    pub control: String,
    /// DynamoDB in memory.
    pub dynamodb: String,
    /// The same, with every call counted: one hop more, so nothing there is timed.
    pub counted: String,
    /// Secrets Manager, the parameter store, queues, other functions, an identity provider: as far as
    /// functions call them.
    pub around: String,
    /// S3, as far as functions call it.
    pub files: String,
}

/// A command and its answer.
pub trait Command: Serialize + DeserializeOwned {
    const PATH: &'static str;
    type Answer: Serialize + DeserializeOwned;
}

/// A program that serves a function, with all of its environment but `AWS_LAMBDA_RUNTIME_API`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Function {
    pub program: PathBuf,
    pub arguments: Vec<String>,
    pub environment: BTreeMap<String, String>,
}

/// Adds to what functions find around them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Provide {
    /// By name; a version that is asked for by its stage, by `<name>@<stage>`.
    pub secrets: BTreeMap<String, String>,
    pub parameters: BTreeMap<String, String>,
    /// JSON by path; what the identity provider answers to a code is the page `/token/<code>`.
    pub pages: BTreeMap<String, Value>,
}

impl Command for Provide {
    const PATH: &'static str = "/provide";
    type Answer = ();
}

/// Starts a process for those who invoke the function `name`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Beside {
    pub name: String,
    pub function: Function,
}

impl Command for Beside {
    const PATH: &'static str = "/beside";
    type Answer = ();
}

/// Starts processes one after another and lets each answer one event.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Start {
    pub function: Function,
    pub event: Value,
    pub times: usize,
}

impl Command for Start {
    const PATH: &'static str = "/start";
    type Answer = Started;
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Started {
    /// From the start of the process to its first poll.
    pub first_poll: Latency,
    /// From the start of the process to its first answer.
    pub first_answer: Latency,
    /// The largest resident set after the first answer.
    pub resident_bytes: u64,
}

/// Ends the processes there are and starts this many of a function, for what follows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Launch {
    pub function: Function,
    pub processes: usize,
}

impl Command for Launch {
    const PATH: &'static str = "/launch";
    type Answer = ();
}

/// Hands one event to the first of the processes, or to a function beside.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Invoke {
    pub event: Value,
    pub beside: Option<String>,
}

impl Command for Invoke {
    const PATH: &'static str = "/invoke";
    type Answer = Invoked;
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Invoked {
    pub answer: Value,
    /// What it asked of the counted DynamoDB.
    pub usage: Usage,
    /// From handing over the event to the end of its answer.
    pub seconds: f64,
    /// User and system time of the process meanwhile, to 10 ms.
    pub cpu_seconds: f64,
    /// The largest resident set the process has ever had.
    pub peak_bytes: u64,
}

/// Hands events to all processes at once, each the next one as soon as it polls, until there were
/// `requests`. Of `n` processes, the k-th takes the events k, k+n, k+2n, … round and round.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Measure {
    pub events: Vec<Value>,
    /// The status every answer must have.
    pub status: u16,
    /// Per process, before anything is measured.
    pub warm_up: usize,
    pub requests: usize,
    /// What a process takes from each answer into its next event.
    pub carry: Option<Carry>,
}

/// A text of each answer, up to a `;`, that stands in the next event for [`Carry::PLACE`]: a cookie
/// that every answer renews. `first` is dealt to the processes, each of which uses its part in turns.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Carry {
    /// A JSON Pointer (RFC 6901) into the answer.
    pub pointer: String,
    pub first: Vec<String>,
}

impl Carry {
    pub const PLACE: &'static str = "{carried}";
}

impl Command for Measure {
    const PATH: &'static str = "/measure";
    type Answer = Measured;
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Measured {
    /// From handing over an event to the end of its answer.
    pub latency: Latency,
    pub requests: usize,
    pub wall_seconds: f64,
    /// User and system time of the function's processes, to 10 ms each.
    pub cpu_seconds: f64,
    /// The largest resident set any of them has ever had.
    pub peak_bytes: u64,
    /// What they asked of the counted DynamoDB.
    pub usage: Usage,
}

impl Measured {
    pub fn per_cpu_second(&self) -> f64 {
        count(self.requests) / self.cpu_seconds
    }

    pub fn per_second(&self) -> f64 {
        count(self.requests) / self.wall_seconds
    }
}

/// Times calls to DynamoDB as they are, without a function.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Probe {
    /// `GetItem` and the like.
    pub operation: String,
    pub body: Value,
    pub requests: usize,
}

impl Command for Probe {
    const PATH: &'static str = "/probe";
    type Answer = Latency;
}

/// Milliseconds.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Latency {
    pub p50: f64,
    pub p99: f64,
}

/// Calls to DynamoDB and the units they consumed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// By operation, refused ones included.
    pub calls: BTreeMap<String, u64>,
    /// Refused because a condition did not hold.
    pub refused: u64,
    pub read_units: f64,
    pub write_units: f64,
}

impl Usage {
    pub fn add(&mut self, other: &Usage) {
        for (operation, calls) in &other.calls {
            *self.calls.entry(operation.clone()).or_default() += calls;
        }
        self.refused += other.refused;
        self.read_units += other.read_units;
        self.write_units += other.write_units;
    }
}

#[allow(clippy::cast_precision_loss, reason = "a count of requests is far below 2^52")]
fn count(requests: usize) -> f64 {
    requests as f64
}
