//! SQS batches: every message answered for itself.

use std::{collections::HashMap, time::Duration};

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent};
use millwright_core::{Clock, Error, FaultCode, Kind, Result};
use serde_json::Value;

use crate::Envelope;

/// Older messages are refused: inbox items are kept 45 days, so an older one could count twice.
pub const MAX_AGE: Duration = Duration::from_secs(40 * 24 * 3600);

/// Deliveries before SQS moves a message to the dead-letter queue.
pub const MAX_RECEIVES: u32 = 5;

/// One message of a batch, read.
#[derive(Clone, Debug)]
pub struct Message {
    /// SQS's id of the message, for the answer.
    pub message_id: String,
    /// Names this delivery of it.
    pub receipt_handle: String,
    /// How often it was delivered, this time included.
    pub receive_count: u32,
    pub envelope: Envelope,
}

impl Message {
    /// The first delivery of an envelope.
    pub fn of(message_id: impl Into<String>, envelope: Envelope) -> Message {
        Message {
            message_id: message_id.into(),
            receipt_handle: String::new(),
            receive_count: 1,
            envelope,
        }
    }

    /// True if SQS does not deliver it again.
    pub fn is_last_delivery(&self) -> bool {
        self.receive_count >= MAX_RECEIVES
    }
}

/// One message of a batch as it was sent, for functions whose queue takes more than envelopes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// SQS's id of the message, for the answer.
    pub message_id: String,
    /// How often it was delivered, this time included.
    pub receive_count: u32,
    pub body: String,
}

impl Delivery {
    /// Every message of a batch.
    pub fn all_of(event: SqsEvent) -> Vec<Delivery> {
        let records = event.records.into_iter();
        let delivery = records.map(|record| Delivery {
            message_id: record.message_id.unwrap_or_default(),
            receive_count: receive_count(&record.attributes),
            body: record.body.unwrap_or_default(),
        });
        delivery.collect()
    }
}

fn receive_count(attributes: &HashMap<String, String>) -> u32 {
    attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok()).unwrap_or(1)
}

/// A message that can never succeed, on its way to the dead-letter queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    pub message_id: String,
    /// What was sent, without the bus's frame; it can be redriven as it is.
    pub body: String,
    /// Why, as a problem code and in words.
    pub code: &'static str,
    pub reason: String,
}

/// Where operators find rejected messages.
pub trait DeadLetters {
    /// # Errors
    /// If it is not kept there: then the message stays in its own queue.
    fn keep(&self, rejected: &Rejected) -> impl Future<Output = Result<()>> + Send;
}

/// A batch sorted into what can be worked on, what may succeed later, and what never will.
#[derive(Debug, Default)]
pub struct Batch {
    pub messages: Vec<Message>,
    failed: Vec<String>,
    rejected: Vec<Rejected>,
}

impl Batch {
    /// Reads every message: an event of the bus (EventBridge's frame around the envelope) or an
    /// envelope alone. What cannot be read is rejected.
    pub fn read(event: SqsEvent, clock: &Clock) -> Batch {
        let mut batch = Batch::default();
        for record in event.records {
            let message_id = record.message_id.unwrap_or_default();
            let body = record.body.unwrap_or_default();
            match read(&body, clock) {
                Ok(envelope) => batch.messages.push(Message {
                    receipt_handle: record.receipt_handle.unwrap_or_default(),
                    receive_count: receive_count(&record.attributes),
                    message_id,
                    envelope,
                }),
                Err(error) => batch.reject(message_id, body, &error),
            }
        }
        batch
    }

    /// A batch of messages that were read elsewhere.
    pub fn of(messages: Vec<Message>) -> Batch {
        Batch { messages, ..Batch::default() }
    }

    /// What may succeed later is delivered again, up to five times in all; what can never succeed
    /// goes to the dead-letter queue at once.
    pub fn fail(&mut self, message: &Message, error: &Error) {
        let body = || serde_json::to_string(&message.envelope).unwrap_or_default();
        self.fail_one(&message.message_id, message.receive_count, body, error);
    }

    /// As [`Batch::fail`].
    pub fn fail_delivery(&mut self, delivery: &Delivery, error: &Error) {
        let body = || delivery.body.clone();
        self.fail_one(&delivery.message_id, delivery.receive_count, body, error);
    }

    fn fail_one(
        &mut self,
        message_id: &str,
        receive_count: u32,
        body: impl FnOnce() -> String,
        error: &Error,
    ) {
        if matches!(error.kind(), Kind::Unavailable | Kind::Internal | Kind::RateLimited) {
            tracing::error!(message_id, receive_count, %error, "message not processed");
            self.failed.push(message_id.to_owned());
        } else {
            self.reject(message_id.to_owned(), body(), error);
        }
    }

    /// The message comes back when its visibility ends; nothing is wrong with it.
    pub fn postpone(&mut self, message: &Message) {
        self.failed.push(message.message_id.clone());
    }

    fn reject(&mut self, message_id: String, body: String, error: &Error) {
        let (code, reason) = (error.code().name, error.to_string());
        tracing::error!(message_id, %error, "message rejected: it can never succeed");
        self.rejected.push(Rejected { message_id, body, code, reason });
    }

    /// How many messages can never succeed.
    pub fn rejected(&self) -> usize {
        self.rejected.len()
    }

    /// Hands over what can never succeed, and gives what Lambda is told: the messages to be
    /// delivered again. One call per rejected message.
    pub async fn settle(self, dead_letters: &impl DeadLetters) -> SqsBatchResponse {
        let mut failed = self.failed;
        for rejected in self.rejected {
            if let Err(error) = dead_letters.keep(&rejected).await {
                tracing::error!(message_id = rejected.message_id, %error, "rejection not kept");
                failed.push(rejected.message_id);
            }
        }
        let mut response = SqsBatchResponse::default();
        response.batch_item_failures = failed
            .into_iter()
            .map(|message_id| {
                let mut failure = BatchItemFailure::default();
                failure.item_identifier = message_id;
                failure
            })
            .collect();
        response
    }
}

fn read(body: &str, clock: &Clock) -> Result<Envelope> {
    let refused = |detail: String| Error::fault("", FaultCode::BadFormat, detail);
    let mut value: HashMap<String, Value> =
        serde_json::from_str(body).map_err(|error| refused(format!("not JSON: {error}")))?;
    let envelope = match value.remove("detail") {
        Some(detail) => serde_json::from_value(detail),
        None => serde_json::from_str(body),
    };
    let envelope: Envelope =
        envelope.map_err(|error| refused(format!("not an event of ours: {error}")))?;
    if clock.now().since(envelope.time) > MAX_AGE {
        return Err(refused(format!("older than 40 days: {}", envelope.time)));
    }
    Ok(envelope)
}
