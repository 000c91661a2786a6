//! One process of a function, behind a Runtime API of its own.

use std::{
    process::Stdio,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use millwright_bench_driver::Function;
use tokio::{
    process::{Child, Command},
    sync::mpsc::{Receiver, Sender, channel},
};

use crate::resources::Resources;

/// Nothing here takes longer; a process that does is stuck.
const PATIENCE: Duration = Duration::from_secs(600);

/// So that what a killed run leaves can be told from other processes.
const MARK: &str = "MILLWRIGHT_INSTANCE";

/// A function as Lambda runs it: one process, one event at a time.
pub struct Instance {
    child: Child,
    started: Instant,
    events: Sender<Bytes>,
    polls: Receiver<Instant>,
    answers: Receiver<Answer>,
}

/// What came back for an event, and how long it took.
pub struct Answer {
    pub body: Bytes,
    pub took: Duration,
    pub at: Instant,
    /// Ended with an error instead of an answer.
    pub is_failure: bool,
}

struct RuntimeApi {
    events: tokio::sync::Mutex<Receiver<Bytes>>,
    polls: Sender<Instant>,
    answers: Sender<Answer>,
    handed_over: Mutex<Option<Instant>>,
    count: AtomicU64,
}

impl Instance {
    pub async fn start(function: &Function) -> Result<Instance> {
        let (events, next_events) = channel(1);
        // A process polls once for each answer; nobody reads more than the first poll.
        let (polled, polls) = channel(1);
        let (answered, answers) = channel(1);
        let api = Arc::new(RuntimeApi {
            events: tokio::sync::Mutex::new(next_events),
            polls: polled,
            answers: answered,
            handed_over: Mutex::default(),
            count: AtomicU64::default(),
        });
        let routes = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(answer))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(failure))
            .route("/2018-06-01/runtime/init/error", post(failure))
            .with_state(api);
        let url = crate::serve(routes).await?;
        let mut command = Command::new(&function.program);
        command
            .args(&function.arguments)
            .env_clear()
            .envs(&function.environment)
            .env("AWS_LAMBDA_RUNTIME_API", url.trim_start_matches("http://"))
            .stdin(Stdio::null())
            // Written as in production, read by nobody.
            .stdout(Stdio::null())
            .kill_on_drop(true);
        if let Some(mark) = std::env::var_os(MARK) {
            command.env(MARK, mark);
        }
        let started = Instant::now();
        let child = command
            .spawn()
            .with_context(|| format!("{} cannot be started", function.program.display()))?;
        Ok(Instance { child, started, events, polls, answers })
    }

    /// Waits for the first poll; the time since the start.
    pub async fn first_poll(&mut self) -> Result<Duration> {
        let polled = tokio::select! {
            polled = tokio::time::timeout(PATIENCE, self.polls.recv()) => polled,
            status = self.child.wait() => bail!("a function has ended at once ({})", status?),
        };
        let at = polled.context("a function does not poll")?.context("the Runtime API is gone")?;
        Ok(at - self.started)
    }

    pub fn since_start(&self, at: Instant) -> Duration {
        at - self.started
    }

    /// Hands over an event as soon as the process polls, and waits for its answer.
    pub async fn invoke(&mut self, event: Bytes) -> Result<Answer> {
        self.events.send(event).await.context("the Runtime API is gone")?;
        let answer = tokio::select! {
            answer = tokio::time::timeout(PATIENCE, self.answers.recv()) => answer,
            status = self.child.wait() => bail!("a function has ended ({})", status?),
        };
        let answer = answer.context("a function does not answer")?;
        let answer = answer.context("the Runtime API is gone")?;
        if answer.is_failure {
            bail!("a function failed: {}", String::from_utf8_lossy(&answer.body));
        }
        Ok(answer)
    }

    /// What the process has used so far.
    pub fn resources(&self) -> Result<Resources> {
        Resources::of(self.child.id().context("the process has ended")?)
    }
}

async fn next(State(api): State<Arc<RuntimeApi>>) -> Response {
    let _ = api.polls.try_send(Instant::now());
    let Some(event) = api.events.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    let id = format!("00000000-0000-4000-8000-{:012x}", api.count.fetch_add(1, Ordering::Relaxed));
    let headers = [
        ("content-type", "application/json"),
        ("lambda-runtime-aws-request-id", id.as_str()),
        ("lambda-runtime-deadline-ms", "4102444800000"),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:eu-central-1:000000000000:function:bench",
        ),
        ("lambda-runtime-trace-id", "Root=1-00000000-000000000000000000000000"),
    ];
    let response = (headers, event).into_response();
    *api.handed_over.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    response
}

async fn answer(State(api): State<Arc<RuntimeApi>>, body: Bytes) -> Response {
    api.settle(body, false).await
}

async fn failure(State(api): State<Arc<RuntimeApi>>, body: Bytes) -> Response {
    api.settle(body, true).await
}

impl RuntimeApi {
    async fn settle(&self, body: Bytes, is_failure: bool) -> Response {
        let at = Instant::now();
        let handed_over = self.handed_over.lock().unwrap_or_else(PoisonError::into_inner).take();
        let took = handed_over.map_or(Duration::ZERO, |since| at - since);
        let _ = self.answers.send(Answer { body, took, at, is_failure }).await;
        (StatusCode::ACCEPTED, [(header::CONTENT_LENGTH, "0")]).into_response()
    }
}
