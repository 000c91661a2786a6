//! The queue a function serves, and the dead-letter queue of its service.

use std::time::Duration;

use aws_sdk_sqs::{Client, error::DisplayErrorContext, types::MessageAttributeValue};
use millwright_core::{Error, Result};
use millwright_event::batch::{DeadLetters, Message, Rejected};
use tokio::sync::OnceCell;

use crate::{Environment, StartError};

/// SQS takes no more, and nobody reads more.
const MAX_REASON: usize = 1_000;

pub(crate) struct Queue {
    pub(crate) service: &'static str,
    pub(crate) function: String,
    client: Client,
    own: Address,
    dead_letters: Address,
}

/// A queue's name, and its URL once it was asked for: one GetQueueUrl per process.
struct Address {
    name: String,
    url: OnceCell<String>,
}

impl Address {
    fn of(name: String) -> Address {
        Address { name, url: OnceCell::new() }
    }

    async fn url(&self, client: &Client) -> Result<&str> {
        let failed = |error: &dyn std::fmt::Display| {
            Error::unavailable(format!("queue {}: {error}", self.name))
        };
        let found = self.url.get_or_try_init(|| async {
            let answer = client.get_queue_url().queue_name(&self.name).send().await;
            let answer = answer.map_err(|error| failed(&DisplayErrorContext(error)))?;
            answer.queue_url.ok_or_else(|| failed(&"it has no address"))
        });
        Ok(found.await?.as_str())
    }
}

impl Queue {
    /// # Errors
    /// On the local stage without an endpoint.
    pub(crate) fn of(
        environment: &Environment,
        service: &'static str,
    ) -> Result<Queue, StartError> {
        let config = &environment.config;
        Ok(Queue {
            service,
            function: config.function.clone(),
            client: environment.clients.sqs()?,
            own: Address::of(config.resource(&config.function)),
            dead_letters: Address::of(config.resource(&format!("{service}-dead-letter"))),
        })
    }

    /// Nobody is delivered the message before `rest` is over. One ChangeMessageVisibility; if it
    /// fails, the message stays hidden for the queue's own time, which is longer.
    pub(crate) async fn hide(&self, message: &Message, rest: Duration) {
        let seconds = rest.as_millis().div_ceil(1_000);
        let hidden = async {
            let request = self.client.change_message_visibility();
            request
                .queue_url(self.own.url(&self.client).await?)
                .receipt_handle(&message.receipt_handle)
                .visibility_timeout(i32::try_from(seconds).unwrap_or(i32::MAX))
                .send()
                .await
                .map_err(|error| Error::unavailable(DisplayErrorContext(error)))
        };
        if let Err(error) = hidden.await {
            tracing::warn!(message_id = message.message_id, %error, "message not hidden");
        }
    }
}

/// Sends to the queue of a function, without an outbox: what is sent is durable once the call has
/// succeeded, and belongs to no transaction.
pub struct QueueSender {
    client: Client,
    address: Address,
}

impl QueueSender {
    /// # Errors
    /// On the local stage without an endpoint.
    pub fn to(environment: &Environment, function: &str) -> Result<QueueSender, StartError> {
        let address = Address::of(environment.config.resource(function));
        Ok(QueueSender { client: environment.clients.sqs()?, address })
    }

    /// One SendMessage of at most 1 MiB; the first asks for the address besides.
    ///
    /// # Errors
    /// `unavailable`.
    pub async fn send(&self, body: &str) -> Result<()> {
        let request = self.client.send_message().queue_url(self.address.url(&self.client).await?);
        let sent = request.message_body(body).send().await;
        sent.map(drop).map_err(|error| Error::unavailable(DisplayErrorContext(error)))
    }
}

impl DeadLetters for Queue {
    /// One SendMessage; the reason travels as attributes.
    async fn keep(&self, rejected: &Rejected) -> Result<()> {
        // SQS refuses what XML cannot hold.
        let reason: String = rejected
            .reason
            .chars()
            .take(MAX_REASON)
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        let mut request = self
            .client
            .send_message()
            .queue_url(self.dead_letters.url(&self.client).await?)
            .message_body(if rejected.body.is_empty() { "(empty)" } else { &rejected.body });
        for (name, value) in [
            ("code", rejected.code),
            ("reason", &reason),
            ("function", &self.function),
            ("messageId", &rejected.message_id),
        ] {
            let value = if value.is_empty() { "-" } else { value };
            let attribute = MessageAttributeValue::builder().data_type("String");
            let attribute = attribute.string_value(value).build().map_err(Error::internal)?;
            request = request.message_attributes(name, attribute);
        }
        let sent = request.send().await;
        sent.map(drop).map_err(|error| Error::unavailable(DisplayErrorContext(error)))
    }
}
