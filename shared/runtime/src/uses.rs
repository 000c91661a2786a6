//! Uses of API keys on their way to `auth-jobs`.

use std::time::Duration;

use aws_sdk_sqs::{Client, error::DisplayErrorContext};
use futures::future::BoxFuture;
use millwright_access::api_keys::{KeyUsed, KeyUses};
use millwright_core::{Clock, Error, IdGenerator, Result, Tenant, Voucher};
use millwright_event::{Cause, Envelope};
use tokio::sync::OnceCell;

/// The function that writes them down.
const FUNCTION: &str = "auth-jobs";
/// A request waits no longer for it.
const PATIENCE: Duration = Duration::from_millis(500);

/// Its queue. One GetQueueUrl per process and one SendMessage per key and ten minutes.
pub(crate) struct UsesQueue {
    client: Client,
    name: String,
    url: OnceCell<String>,
    clock: Clock,
    ids: IdGenerator,
}

impl UsesQueue {
    pub(crate) fn new(client: Client, prefix: &str, clock: Clock) -> UsesQueue {
        UsesQueue {
            client,
            name: format!("{prefix}-{FUNCTION}"),
            url: OnceCell::new(),
            ids: IdGenerator::new(clock.clone()),
            clock,
        }
    }

    async fn send(&self, used: &KeyUsed) -> Result<()> {
        let failed = |error: &dyn std::fmt::Display| {
            Error::unavailable(format!("queue {}: {error}", self.name))
        };
        let url = self.url.get_or_try_init(|| async {
            let answer = self.client.get_queue_url().queue_name(&self.name).send().await;
            let answer = answer.map_err(|error| failed(&DisplayErrorContext(error)))?;
            answer.queue_url.ok_or_else(|| failed(&"it has no address"))
        });
        let body = serde_json::to_string(&self.envelope(used)?).map_err(Error::internal)?;
        let request = self.client.send_message().queue_url(url.await?).message_body(body);
        let sent = request.send().await;
        sent.map(drop).map_err(|error| failed(&DisplayErrorContext(error)))
    }

    #[allow(clippy::disallowed_methods, reason = "a mark of the installation, not of a tenant")]
    fn envelope(&self, used: &KeyUsed) -> Result<Envelope> {
        let id = self.ids.next_uuid();
        let cause = Cause {
            tenant: Tenant::installation(Voucher::Event),
            actor_id: used.key_id.to_string(),
            traceparent: None,
            correlation_id: id.to_string(),
            causation_id: None,
        };
        Envelope::new(used, id, self.clock.now(), &cause)
    }
}

impl KeyUses for UsesQueue {
    fn tell(&self, used: KeyUsed) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            match tokio::time::timeout(PATIENCE, self.send(&used)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(%error, "the use of a key was not told"),
                Err(_) => tracing::warn!("the use of a key was not told in time"),
            }
        })
    }
}
