//! SQS batches: every message answered for itself.

use std::{collections::HashMap, time::Duration};

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent};
use millwright_core::{Clock, Error, FaultCode, Kind, Result};
use serde_json::Value;

use crate::Envelope;

/// Older messages are refused: inbox items are kept 45 days, so an older one could count twice.
pub const MAX_AGE: Duration = Duration::from_secs(40 * 24 * 3600);

/// One message of a batch, read.
#[derive(Clone, Debug)]
pub struct Message {
    /// SQS's id of the delivery, for the answer.
    pub message_id: String,
    pub envelope: Envelope,
}

/// A batch sorted into what can be worked on and what can never succeed.
#[derive(Debug, Default)]
pub struct Batch {
    pub messages: Vec<Message>,
    failures: Vec<BatchItemFailure>,
}

impl Batch {
    /// Reads every message: an event of the bus (EventBridge's frame around the envelope) or an
    /// envelope alone. What cannot be read fails for itself and ends in the dead-letter queue.
    pub fn read(event: SqsEvent, clock: &Clock) -> Batch {
        let mut batch = Batch::default();
        for record in event.records {
            let message_id = record.message_id.unwrap_or_default();
            match read(record.body.as_deref().unwrap_or_default(), clock) {
                Ok(envelope) => batch.messages.push(Message { message_id, envelope }),
                Err(error) => batch.fail(&message_id, &error),
            }
        }
        batch
    }

    /// A batch of messages that were read elsewhere.
    pub fn of(messages: Vec<Message>) -> Batch {
        Batch { messages, failures: Vec::new() }
    }

    /// The message is delivered again, or ends in the dead-letter queue.
    pub fn fail(&mut self, message_id: &str, error: &Error) {
        let retryable =
            matches!(error.kind(), Kind::Unavailable | Kind::Internal | Kind::RateLimited);
        tracing::error!(message_id, %error, retryable, "message not processed");
        let mut failure = BatchItemFailure::default();
        failure.item_identifier = message_id.to_owned();
        self.failures.push(failure);
    }

    /// What Lambda is told: the failed ones, all others are done.
    pub fn into_response(self) -> SqsBatchResponse {
        let mut response = SqsBatchResponse::default();
        response.batch_item_failures = self.failures;
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
