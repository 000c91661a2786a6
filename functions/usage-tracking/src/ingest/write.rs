//! Raw events and what they add, in one transaction.

use std::collections::BTreeSet;

use millwright_core::{Result, Tenant, Timestamp};
use millwright_store::{MAX_TRANSACTION_ITEMS, Outcome};

use super::{Ingest, is_poison, prepare::Prepared, sum::Summed};
use crate::store::{EventItem, EventState};

/// Cuts events into pieces that fit a transaction: each at most 100 items, events, counters and the
/// marks of days together.
pub fn chunks(events: Vec<Prepared>, now: Timestamp) -> Vec<Vec<Prepared>> {
    let mut chunks = Vec::new();
    let mut chunk: Vec<Prepared> = Vec::new();
    let mut summed = Summed::at(now);
    for event in events {
        summed.add(&event.item, 1);
        if chunk.len() + 1 + summed.items() > MAX_TRANSACTION_ITEMS {
            chunks.push(std::mem::take(&mut chunk));
            summed = Summed::at(now);
            summed.add(&event.item, 1);
        }
        chunk.push(event);
    }
    if !chunk.is_empty() {
        chunks.push(chunk);
    }
    chunks
}

impl Ingest {
    /// The write shard of a transaction: any of the organization's.
    pub(super) async fn shard(&self, tenant: &Tenant) -> Result<u8> {
        let shards = self.usage.defined(tenant).await?.settings().write_shards.max(1);
        Ok(self.usage.store.ids().random_bytes::<1>()[0] % shards)
    }

    /// Counts a chunk; gives back what counts now, by this call or before. One transaction, one
    /// more for each time duplicates are found.
    pub(super) async fn write(
        &self,
        tenant: &Tenant,
        chunk: Vec<Prepared>,
    ) -> Result<Vec<EventItem>> {
        let mut counted = Vec::with_capacity(chunk.len());
        let mut pieces = vec![chunk];
        while let Some(mut events) = pieces.pop() {
            if events.is_empty() {
                continue;
            }
            let shard = self.shard(tenant).await?;
            let mut transaction = self.usage.store.transaction(tenant);
            let mut summed = Summed::at(self.usage.store.clock().now());
            for event in &events {
                transaction.create(&event.item);
                summed.add(&event.item, 1);
            }
            summed.write(&mut transaction, shard);
            let outcome = match transaction.attempt().await {
                Ok(outcome) => outcome,
                Err(error) if is_poison(&error) && events.len() > 1 => {
                    let rest = events.split_off(events.len() / 2);
                    pieces.extend([events, rest]);
                    continue;
                }
                Err(error) if is_poison(&error) => {
                    for event in &events {
                        self.reject_prepared(tenant, event, &error).await?;
                    }
                    continue;
                }
                Err(error) => return Err(error),
            };
            let refusals = match outcome {
                Outcome::Done => {
                    counted.extend(events.into_iter().map(|event| event.item));
                    continue;
                }
                Outcome::Refused(refusals) => refusals,
            };
            // The steps of the events come first; nothing else has a condition.
            let mut known = BTreeSet::new();
            for refusal in refusals.0 {
                let Some(event) = events.get(refusal.step.index()) else { continue };
                known.insert(refusal.step.index());
                let Some(item) = refusal.item else { continue };
                let before: EventItem = item.decode()?;
                if before.fingerprint != event.item.fingerprint {
                    self.reject_duplicate(tenant, event).await?;
                }
                if before.summary.state == EventState::Counted {
                    counted.push(before);
                }
            }
            let mut index = 0;
            events.retain(|_| {
                index += 1;
                !known.contains(&(index - 1))
            });
            pieces.push(events);
        }
        Ok(counted)
    }
}
