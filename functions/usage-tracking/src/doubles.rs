//! What stands for the queue in tests: the table keeps what was sent, so that every app of one
//! table finds it. One PutItem stands for one SendMessage.

use futures::future::BoxFuture;
use millwright_core::{Result, Tenant, Timestamp, Voucher};
use millwright_event::batch::Delivery;
use millwright_store::{Condition, Item, Key, Partition, Query, Store};
use serde::{Deserialize, Serialize};

use crate::app::IngestQueue;

/// A queue in the table.
pub struct StoredQueue(pub Store);

#[derive(Debug, Serialize, Deserialize)]
struct SentItem {
    id: String,
    at: Timestamp,
    body: String,
}

fn partition() -> Partition {
    Partition::of(&installation()).and("SENT")
}

#[allow(clippy::disallowed_methods, reason = "stands for a queue in tests")]
fn installation() -> Tenant {
    Tenant::installation(Voucher::Test)
}

impl Item for SentItem {
    const KIND: &'static str = "sent";

    fn key(&self, _tenant: &Tenant) -> Key {
        partition().at(&self.id)
    }
}

impl IngestQueue for StoredQueue {
    fn send<'a>(&'a self, body: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let id = self.0.ids().next_uuid().to_string();
            let item = SentItem { id, at: self.0.clock().now(), body: body.to_owned() };
            self.0.put_when(&installation(), &item, &Condition::default()).await.map(drop)
        })
    }
}

impl StoredQueue {
    /// Every message that was sent, in the order of sending, each delivered for the first time.
    ///
    /// # Errors
    /// `unavailable`.
    pub async fn deliveries(store: &Store) -> Result<Vec<Delivery>> {
        let items = store.collect(&Query::partition(partition()), usize::MAX >> 1).await?;
        let delivery = |item: &millwright_store::RawItem| {
            let sent: SentItem = item.decode()?;
            Ok(Delivery { message_id: sent.id, receive_count: 1, body: sent.body })
        };
        items.iter().map(delivery).collect()
    }
}

/// Raises an alert as a worker does; its id.
///
/// # Panics
/// If the table does not answer.
#[allow(clippy::expect_used, reason = "for tests")]
pub async fn raise(store: &Store, tenant: &Tenant) -> String {
    let usage = crate::app::Usage::new(store.clone());
    let alert =
        usage.alert(crate::domain::AlertType::Cardinality, crate::domain::Severity::Warning);
    let id = alert.id.to_string();
    usage.raise(tenant, id.clone(), alert, |_| Ok(())).await.expect("an alert");
    id
}

/// Computes the values of the days that were over at a time, and again those that are marked, as a
/// worker does.
///
/// # Panics
/// If the table does not answer.
#[allow(clippy::expect_used, reason = "for tests")]
pub async fn compute_days(usage: &crate::app::Usage, tenant: &Tenant, over: Timestamp) {
    while usage.close_days(tenant, over).await.expect("it looks") {}
    let until = usage.store.clock().now();
    while usage.compute_days(tenant, until).await.expect("it computes") {}
}

/// Looks at an hour as a worker does.
///
/// # Panics
/// If the table does not answer.
#[allow(clippy::expect_used, reason = "for tests")]
pub async fn watch_anomalies(usage: &crate::app::Usage, tenant: &Tenant, hour: Timestamp) {
    crate::anomaly::watch_anomalies(usage, tenant, hour).await.expect("it looks");
}
