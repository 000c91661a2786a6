//! Packing entries into calls, and telling which parcels arrived.

use std::{collections::BTreeMap, future::Future};

use millwright_event::{Destination, Entry, Envelope};

/// The most entries of one call, to the bus and to a queue alike.
const MAX_ENTRIES: usize = 10;

/// The most bytes of one call; the services' own limit is 256 KB.
const MAX_BYTES: usize = 240 * 1024;

/// The entries of one outbox item.
#[derive(Clone, Debug)]
pub struct Parcel {
    pub entries: Vec<Entry>,
}

/// One entry as it is handed over.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub envelope: Envelope,
    /// The envelope as JSON.
    pub body: String,
}

/// Why an entry was not taken.
pub type Failure = String;

/// Where deliveries go: the bus and the queues.
pub trait Outlet {
    /// Publishes up to ten events; one answer for each.
    fn publish(
        &self,
        deliveries: &[Delivery],
    ) -> impl Future<Output = Vec<Result<(), Failure>>> + Send;

    /// Sends up to ten messages to a queue; one answer for each.
    fn send(
        &self,
        queue: &str,
        deliveries: &[Delivery],
    ) -> impl Future<Output = Vec<Result<(), Failure>>> + Send;
}

/// Delivers parcels and answers for each whether all of its entries were taken. Entries keep their
/// order per destination. One call per ten entries or 240 KB of a destination.
pub async fn deliver(outlet: &impl Outlet, parcels: &[Parcel]) -> Vec<Result<(), Failure>> {
    let mut results: Vec<Result<(), Failure>> = vec![Ok(()); parcels.len()];
    let mut by_destination: BTreeMap<String, (Destination, Vec<(usize, Delivery)>)> =
        BTreeMap::new();
    for (index, parcel) in parcels.iter().enumerate() {
        for entry in &parcel.entries {
            let body = match serde_json::to_string(&entry.envelope) {
                Ok(body) => body,
                Err(error) => {
                    results[index] = Err(error.to_string());
                    continue;
                }
            };
            let delivery = Delivery { envelope: entry.envelope.clone(), body };
            let slot = by_destination
                .entry(entry.to.to_string())
                .or_insert_with(|| (entry.to.clone(), Vec::new()));
            slot.1.push((index, delivery));
        }
    }
    for (destination, deliveries) in by_destination.into_values() {
        for call in packed(deliveries) {
            let (owners, deliveries): (Vec<usize>, Vec<Delivery>) = call.into_iter().unzip();
            let answers = match &destination {
                Destination::Bus => outlet.publish(&deliveries).await,
                Destination::Queue(name) => outlet.send(name, &deliveries).await,
            };
            for (position, owner) in owners.into_iter().enumerate() {
                // An outlet that answers for fewer than it was given has lost the rest.
                let answer = answers.get(position).cloned().unwrap_or(Err("no answer".to_owned()));
                if let (Err(failure), Ok(())) = (answer, &results[owner]) {
                    results[owner] = Err(failure);
                }
            }
        }
    }
    results
}

/// Cuts deliveries into calls of at most ten entries and 240 KB.
fn packed(deliveries: Vec<(usize, Delivery)>) -> Vec<Vec<(usize, Delivery)>> {
    let mut calls: Vec<Vec<(usize, Delivery)>> = Vec::new();
    let mut bytes = 0;
    for delivery in deliveries {
        let size = size(&delivery.1);
        match calls.last_mut() {
            Some(call) if call.len() < MAX_ENTRIES && bytes + size <= MAX_BYTES => {
                call.push(delivery);
                bytes += size;
            }
            _ => {
                calls.push(vec![delivery]);
                bytes = size;
            }
        }
    }
    calls
}

/// How EventBridge counts an entry: time (14 bytes), source, detail type, detail.
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevent-size.html>
fn size(delivery: &Delivery) -> usize {
    14 + delivery.envelope.source.len() + delivery.envelope.kind.len() + delivery.body.len()
}
