//! usage-tracking-ingest: accepted events into counters.
//!
//! A batch is grouped by organization; what an organization sent is counted in transactions of at
//! most 100 items, each with the raw events (put if absent) and what they add. So an event and its
//! counters are there together or not at all, whatever comes twice, late or out of order.

mod again;
mod claim;
mod combine;
mod message;
mod note;
mod prepare;
mod reject;
mod settle;
mod sum;
mod write;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::{Arc, Mutex},
};

use millwright_core::{Kind, Result, Tenant};
use millwright_event::batch::{Batch, Delivery};

pub use self::{
    again::Again,
    claim::Claimed,
    message::{Incoming, IngestMessage},
    note::{note_events, value_of},
    prepare::{Prepared, Refused, check_time, prepare_correction},
    sum::Summed,
};
use self::{message::read, prepare::prepare};
use crate::{
    app::Usage,
    domain::{Month, UsageEventId},
    statement::FINAL_AFTER,
};

/// The worker and what it remembers. Memory only saves calls.
#[derive(Clone)]
pub struct Ingest {
    pub usage: Usage,
    remembered: Arc<Mutex<HashSet<(Tenant, String)>>>,
}

impl Ingest {
    pub fn new(usage: Usage) -> Ingest {
        Ingest { usage, remembered: Arc::default() }
    }

    /// Works on a batch; what fails is marked in the answer.
    pub async fn consume(&self, deliveries: Vec<Delivery>) -> Batch {
        let mut batch = Batch::default();
        let mut by_tenant: BTreeMap<Tenant, Vec<Incoming>> = BTreeMap::new();
        for (index, delivery) in deliveries.iter().enumerate() {
            match read(delivery, index, self.usage.store.clock().now()) {
                Ok(Some((tenant, events))) => by_tenant.entry(tenant).or_default().extend(events),
                Ok(None) => {}
                Err(error) => batch.fail_delivery(delivery, &error),
            }
        }
        for (tenant, events) in by_tenant {
            let of: BTreeSet<usize> = events.iter().map(|event| event.delivery).collect();
            if let Err(error) = self.count(&tenant, events).await {
                for delivery in of.into_iter().filter_map(|index| deliveries.get(index)) {
                    batch.fail_delivery(delivery, &error);
                }
            }
        }
        batch
    }

    /// Counts what one organization sent.
    ///
    /// # Errors
    /// `unavailable`: what was not counted comes again, what was is found to be there.
    async fn count(&self, tenant: &Tenant, events: Vec<Incoming>) -> Result<()> {
        let defined = self.usage.defined(tenant).await?;
        let now = self.usage.store.clock().now();
        let mut prepared = Vec::with_capacity(events.len());
        let mut seen: HashMap<UsageEventId, String> = HashMap::new();
        for incoming in events {
            match prepare(&defined, tenant, &incoming, now) {
                Ok(Some(event)) => match seen.get(&event.item.summary.id) {
                    Some(first) if *first != event.item.fingerprint => {
                        self.reject_duplicate(tenant, &event).await?;
                    }
                    Some(_) => {}
                    None => {
                        seen.insert(event.item.summary.id, event.item.fingerprint.clone());
                        prepared.push(event);
                    }
                },
                Ok(None) => {}
                Err(refused) => self.reject(tenant, &incoming, refused).await?,
            }
        }
        self.fold_rare_values(tenant, &defined, &mut prepared).await?;
        self.mark_active(tenant, &prepared).await?;
        if !prepared.is_empty() {
            let zone = &defined.settings().time_zone;
            self.usage.take_down_days(tenant, zone, now).await?;
            let month = Month::of(zone, now).window(zone);
            self.usage.take_down(tenant, month.end.plus(FINAL_AFTER)).await?;
        }
        let (settling, mut plain) = self.find_reservations(tenant, prepared).await?;
        // What counts in the same counters comes together: fewer items per transaction.
        plain.sort_by_cached_key(|event| {
            let summary = &event.item.summary;
            let (category, hour) = (summary.category_code.clone(), summary.time.hour_bucket());
            (category, hour, summary.dimensions.clone(), summary.user_id)
        });
        let mut counted = Vec::new();
        for chunk in write::chunks(plain, now) {
            counted.extend(self.write(tenant, chunk).await?);
        }
        for event in settling {
            counted.extend(self.settle(tenant, event).await?);
        }
        self.note(tenant, &defined, &counted).await
    }

    fn remembers(&self, tenant: &Tenant, what: &str) -> bool {
        let all = self.remembered.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        all.contains(&(*tenant, what.to_owned()))
    }

    fn remember(&self, tenant: &Tenant, what: String) {
        const MAX: usize = 100_000;
        let mut all = self.remembered.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if all.len() >= MAX {
            all.clear();
        }
        all.insert((*tenant, what));
    }
}

/// A fault of ours at one event must not hold up the others.
fn is_poison(error: &millwright_core::Error) -> bool {
    error.kind() == Kind::Internal
}
