//! Queues into their consumers, as the event source mapping does it: batches, a window, partial
//! failures, and after five deliveries the dead-letter queue (which SQS sees to).

use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use aws_sdk_sqs::{
    Client, Config,
    config::{Builder, retry::RetryConfig, timeout::TimeoutConfig},
    error::DisplayErrorContext,
    types::{
        ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, Message,
        MessageSystemAttributeName,
    },
};
use millwright_manifest::Function;
use serde_json::{Map, Value, json};

use super::Invoker;
use crate::output;

/// SQS gives at most this many at once.
const MOST_AT_ONCE: i32 = 10;
const LONG_POLL_SECONDS: i32 = 3;
/// A function that failed as a whole gets its messages again after this; on AWS it would be six
/// times its timeout, long for somebody who has just mended it.
const RETRY_SECONDS: i32 = 10;

pub(super) struct Queue {
    pub client: Client,
    pub name: String,
    pub batch_size: usize,
    pub window: Duration,
    pub function: Function,
    pub invoker: Invoker,
}

/// Never returns; what fails is tried again.
pub(super) async fn pump(queue: Queue) {
    let mut url = None;
    loop {
        queue.invoker.until_up(queue.function.name).await;
        if let Err(error) = queue.step(&mut url).await {
            output::warning(format_args!("queue {}: {error:#}", queue.name));
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
    }
}

impl Queue {
    /// Receives and delivers one batch, if there is one.
    async fn step(&self, known: &mut Option<String>) -> Result<()> {
        let url = match known {
            Some(url) => url.clone(),
            None => known.insert(self.url().await?).clone(),
        };
        let messages = self.collect(&url).await?;
        if messages.is_empty() {
            return Ok(());
        }
        let event =
            json!({ "Records": messages.iter().map(|m| self.framed(m)).collect::<Vec<_>>() });
        match self.invoker.invoke(&self.function, &event).await {
            Ok(answer) => {
                let failed = failures(&answer);
                let done = |message: &&Message| {
                    !message.message_id.as_ref().is_some_and(|id| failed.contains(&id.as_str()))
                };
                // Failed ones stay hidden for the rest of their visibility, or as long as the
                // function itself has said.
                self.delete(&url, messages.iter().filter(done)).await
            }
            Err(error) => {
                self.give_back(&url, &messages).await?;
                Err(error)
            }
        }
    }

    async fn url(&self) -> Result<String> {
        let answer = self.client.get_queue_url().queue_name(&self.name).send().await;
        answer
            .map_err(|error| anyhow!("{}", DisplayErrorContext(error)))?
            .queue_url
            .context("it has no URL")
    }

    /// Messages until the batch is full or the window is over.
    async fn collect(&self, url: &str) -> Result<Vec<Message>> {
        let mut messages = self.receive(url, LONG_POLL_SECONDS, self.batch_size).await?;
        if messages.is_empty() {
            return Ok(messages);
        }
        let opened = Instant::now();
        while messages.len() < self.batch_size && opened.elapsed() < self.window {
            let room = self.batch_size - messages.len();
            messages.extend(self.receive(url, 1, room).await?);
        }
        Ok(messages)
    }

    async fn receive(&self, url: &str, wait_seconds: i32, room: usize) -> Result<Vec<Message>> {
        let visibility = i32::try_from(6 * self.function.timeout_seconds).unwrap_or(i32::MAX);
        let answer = self
            .client
            .receive_message()
            .queue_url(url)
            .max_number_of_messages(
                i32::try_from(room).map_or(MOST_AT_ONCE, |n| n.min(MOST_AT_ONCE)),
            )
            .wait_time_seconds(wait_seconds)
            .visibility_timeout(visibility)
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .message_attribute_names("All")
            .customize()
            .config_override(patient())
            .send()
            .await
            .map_err(|error| anyhow!("{}", DisplayErrorContext(error)))?;
        Ok(answer.messages.unwrap_or_default())
    }

    async fn delete<'a>(
        &self,
        url: &str,
        messages: impl Iterator<Item = &'a Message>,
    ) -> Result<()> {
        let mut entries = Vec::new();
        for (index, message) in messages.enumerate() {
            entries.push(
                DeleteMessageBatchRequestEntry::builder()
                    .id(index.to_string())
                    .receipt_handle(message.receipt_handle.clone().unwrap_or_default())
                    .build()?,
            );
        }
        for chunk in entries.chunks(10) {
            let request = self.client.delete_message_batch().queue_url(url);
            let answer = request.set_entries(Some(chunk.to_vec())).send().await;
            answer.map_err(|error| anyhow!("{}", DisplayErrorContext(error)))?;
        }
        Ok(())
    }

    async fn give_back(&self, url: &str, messages: &[Message]) -> Result<()> {
        for chunk in messages.chunks(10) {
            let mut entries = Vec::new();
            for (index, message) in chunk.iter().enumerate() {
                entries.push(
                    ChangeMessageVisibilityBatchRequestEntry::builder()
                        .id(index.to_string())
                        .receipt_handle(message.receipt_handle.clone().unwrap_or_default())
                        .visibility_timeout(RETRY_SECONDS)
                        .build()?,
                );
            }
            let request = self.client.change_message_visibility_batch().queue_url(url);
            let answer = request.set_entries(Some(entries)).send().await;
            answer.map_err(|error| anyhow!("{}", DisplayErrorContext(error)))?;
        }
        Ok(())
    }

    /// As Lambda hands it over.
    fn framed(&self, message: &Message) -> Value {
        let attributes: Map<String, Value> = message
            .attributes
            .iter()
            .flatten()
            .map(|(name, value)| (name.as_str().to_owned(), value.clone().into()))
            .collect();
        json!({
            "messageId": message.message_id,
            "receiptHandle": message.receipt_handle,
            "body": message.body,
            "attributes": attributes,
            "messageAttributes": {},
            "md5OfBody": message.md5_of_body,
            "eventSource": "aws:sqs",
            "eventSourceARN": format!("arn:aws:sqs:eu-central-1:{}:{}", crate::emulator::ACCOUNT, self.name),
            "awsRegion": "eu-central-1",
        })
    }
}

/// A long poll waits on purpose. What is received after we gave up would stay hidden, unworked, for
/// its whole visibility, so it is waited for, and never asked twice.
fn patient() -> Builder {
    let limit = Duration::from_secs(30);
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(limit)
        .operation_timeout(limit)
        .read_timeout(limit);
    Config::builder().timeout_config(timeouts.build()).retry_config(RetryConfig::disabled())
}

fn failures(answer: &Value) -> Vec<&str> {
    let failures = answer.get("batchItemFailures").and_then(Value::as_array);
    failures
        .into_iter()
        .flatten()
        .filter_map(|failure| failure.get("itemIdentifier")?.as_str())
        .collect()
}
