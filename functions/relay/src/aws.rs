//! EventBridge and SQS behind the outlet.

use std::{collections::HashMap, sync::Mutex};

use aws_sdk_eventbridge::{error::DisplayErrorContext, types::PutEventsRequestEntry};
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;

use crate::deliver::{Delivery, Failure, Outlet};

/// The installation's bus and queues.
pub(crate) struct AwsOutlet {
    pub(crate) events: aws_sdk_eventbridge::Client,
    pub(crate) queues: aws_sdk_sqs::Client,
    pub(crate) bus: String,
    pub(crate) prefix: String,
    pub(crate) queue_urls: Mutex<HashMap<String, String>>,
}

fn all_failed(count: usize, failure: &str) -> Vec<Result<(), Failure>> {
    vec![Err(failure.to_owned()); count]
}

impl AwsOutlet {
    /// One GetQueueUrl per queue and process.
    async fn queue_url(&self, queue: &str) -> Result<String, Failure> {
        let known = self.queue_urls.lock().ok().and_then(|urls| urls.get(queue).cloned());
        if let Some(url) = known {
            return Ok(url);
        }
        let name = format!("{}-{queue}", self.prefix);
        let answer = self
            .queues
            .get_queue_url()
            .queue_name(&name)
            .send()
            .await
            .map_err(|error| format!("queue {name}: {}", DisplayErrorContext(error)))?;
        let url = answer.queue_url.ok_or_else(|| format!("queue {name} has no address"))?;
        if let Ok(mut urls) = self.queue_urls.lock() {
            urls.insert(queue.to_owned(), url.clone());
        }
        Ok(url)
    }
}

impl Outlet for AwsOutlet {
    async fn publish(&self, deliveries: &[Delivery]) -> Vec<Result<(), Failure>> {
        let entries = deliveries
            .iter()
            .map(|delivery| {
                PutEventsRequestEntry::builder()
                    .event_bus_name(&self.bus)
                    .source(&delivery.envelope.source)
                    .detail_type(&delivery.envelope.kind)
                    .detail(&delivery.body)
                    .build()
            })
            .collect();
        match self.events.put_events().set_entries(Some(entries)).send().await {
            Ok(answer) => answer
                .entries()
                .iter()
                .map(|entry| match entry.error_code() {
                    None => Ok(()),
                    Some(code) => {
                        Err(format!("{code}: {}", entry.error_message().unwrap_or_default()))
                    }
                })
                .collect(),
            Err(error) => all_failed(deliveries.len(), &DisplayErrorContext(error).to_string()),
        }
    }

    async fn send(&self, queue: &str, deliveries: &[Delivery]) -> Vec<Result<(), Failure>> {
        let url = match self.queue_url(queue).await {
            Ok(url) => url,
            Err(failure) => return all_failed(deliveries.len(), &failure),
        };
        let entries: Result<Vec<_>, _> = deliveries
            .iter()
            .enumerate()
            .map(|(position, delivery)| {
                SendMessageBatchRequestEntry::builder()
                    .id(position.to_string())
                    .message_body(&delivery.body)
                    .build()
            })
            .collect();
        let entries = match entries {
            Ok(entries) => entries,
            Err(error) => return all_failed(deliveries.len(), &error.to_string()),
        };
        let sent = self.queues.send_message_batch().queue_url(url).set_entries(Some(entries));
        match sent.send().await {
            Ok(answer) => (0..deliveries.len())
                .map(|position| {
                    let id = position.to_string();
                    match answer.failed().iter().find(|failed| failed.id() == id) {
                        None => Ok(()),
                        Some(failed) => Err(format!(
                            "{}: {}",
                            failed.code(),
                            failed.message().unwrap_or_default()
                        )),
                    }
                })
                .collect(),
            Err(error) => all_failed(deliveries.len(), &DisplayErrorContext(error).to_string()),
        }
    }
}
