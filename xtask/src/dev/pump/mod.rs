//! What AWS does between services and cargo-lambda does not: streams, queues and schedules call
//! functions, through the invoke API.

mod queues;
mod schedules;
mod streams;

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, Result, anyhow, bail};
use dynoxide::Database;
use millwright_config::Config;
use millwright_manifest::{Function, Service, Trigger};
use millwright_runtime::aws::Clients;
use serde_json::Value;
use tokio::task::JoinHandle;

use super::functions::Availability;
use crate::{http, output};

/// Calls functions, but never one without a process: such calls pile up in cargo-lambda until it
/// answers nobody any more.
#[derive(Clone)]
pub struct Invoker {
    client: reqwest::Client,
    port: u16,
    /// None if the developer runs `cargo lambda watch`, which starts functions itself.
    supervised: Option<Availability>,
}

impl Invoker {
    pub fn new(port: u16, supervised: Option<Availability>) -> Result<Invoker> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .build()
            .context("no HTTP client for the invoke API")?;
        Ok(Invoker { client, port, supervised })
    }

    /// Waits until the function can take an event.
    async fn until_up(&self, function: &str) {
        loop {
            let up = match &self.supervised {
                Some(availability) => availability.is_up(function),
                None => http::is_open(self.port),
            };
            if up {
                return;
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }

    /// Invokes a function and gives what it answers.
    ///
    /// # Errors
    /// If it fails, crashes, or is not done in its time.
    async fn invoke(&self, function: &Function, event: &Value) -> Result<Value> {
        self.until_up(function.name).await;
        let url = format!(
            "http://127.0.0.1:{}/2015-03-31/functions/{}/invocations",
            self.port, function.name
        );
        let limit = Duration::from_secs(u64::from(function.timeout_seconds) + 5);
        let sent = self.client.post(url).json(event).timeout(limit).send().await;
        let answer = sent.map_err(|error| match error.is_timeout() {
            true => anyhow!("{} is not done after {} s", function.name, limit.as_secs()),
            false => anyhow!("{} cannot be invoked: {error}", function.name),
        })?;
        let status = answer.status();
        let text = answer.text().await.unwrap_or_default();
        if !status.is_success() {
            let short: String = text.chars().take(300).collect();
            bail!("{} failed ({status}): {short}", function.name);
        }
        Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
    }
}

/// The running pumps; they stop with the value.
pub struct Pumps {
    tasks: Vec<JoinHandle<()>>,
}

/// What pumps work with.
pub struct Sources<'a> {
    pub services: &'a [Service],
    pub config: &'a Config,
    pub clients: &'a Clients,
    pub database: &'a Database,
    /// Where the positions in the streams are kept.
    pub positions: PathBuf,
}

impl Sources<'_> {
    fn queue(
        &self,
        function: &Function,
        invoker: &Invoker,
        batch_size: u32,
        window: Duration,
    ) -> Result<queues::Queue> {
        Ok(queues::Queue {
            client: self.clients.sqs()?,
            name: self.config.resource(function.name),
            batch_size: usize::try_from(batch_size).unwrap_or(10),
            window,
            function: function.clone(),
            invoker: invoker.clone(),
        })
    }
}

impl Pumps {
    pub fn start(sources: &Sources<'_>, invoker: &Invoker) -> Result<Pumps> {
        let functions = || sources.services.iter().flat_map(|service| &service.functions);
        let mut tasks = Vec::new();
        for function in functions() {
            for trigger in &function.triggers {
                match trigger {
                    Trigger::Http
                    | Trigger::Operations(_)
                    | Trigger::Url(_)
                    | Trigger::DefaultRoute => {}
                    Trigger::Outboxes => {
                        let tables = sources
                            .services
                            .iter()
                            .filter(|service| service.table.is_some_and(|table| table.has_outbox));
                        let tables = tables.map(|service| sources.config.resource(service.name));
                        tasks.push(tokio::spawn(streams::pump(streams::Streams {
                            database: sources.database.clone(),
                            wanted: streams::Wanted::NewOutboxItems,
                            tables: tables.collect(),
                            positions: sources.positions.clone(),
                            function: function.clone(),
                            invoker: invoker.clone(),
                        })));
                    }
                    Trigger::Changes { kind, .. } => {
                        let owner = sources.services.iter().find(|service| {
                            service.functions.iter().any(|own| own.name == function.name)
                        });
                        let table = owner.map(|service| sources.config.resource(service.name));
                        let file = format!("stream-of-{}.json", function.name);
                        tasks.push(tokio::spawn(streams::pump(streams::Streams {
                            database: sources.database.clone(),
                            wanted: streams::Wanted::Changed(kind),
                            tables: table.into_iter().collect(),
                            positions: sources.positions.with_file_name(file),
                            function: function.clone(),
                            invoker: invoker.clone(),
                        })));
                    }
                    Trigger::Events { batch_size, window_seconds, .. } => {
                        let window = Duration::from_secs(u64::from(*window_seconds));
                        let queue = sources.queue(function, invoker, *batch_size, window)?;
                        tasks.push(tokio::spawn(queues::pump(queue)));
                    }
                    Trigger::Jobs { .. } => {
                        let queue = sources.queue(function, invoker, 1, Duration::ZERO)?;
                        tasks.push(tokio::spawn(queues::pump(queue)));
                    }
                    Trigger::Schedule { name, expression, input } => {
                        let input = serde_json::from_str(input)
                            .with_context(|| format!("the input of schedule {name} is no JSON"))?;
                        match schedules::interval(expression) {
                            Some(every) => tasks.push(tokio::spawn(schedules::pump(
                                function.clone(),
                                invoker.clone(),
                                every,
                                input,
                            ))),
                            None => output::warning(format_args!(
                                "schedule {name} ({expression}) of {} is not run locally",
                                function.name
                            )),
                        }
                    }
                }
            }
        }
        Ok(Pumps { tasks })
    }
}

impl Drop for Pumps {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}
