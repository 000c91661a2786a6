//! planning-on-events: task events into the counts of `project_summary`.
//!
//! One transaction per project and at most 90 messages, folded again for duplicates: exact however
//! often, late or out of order events come.

use std::{collections::BTreeMap, sync::Arc};

use millwright_core::{ProjectId, Tenant};
use millwright_event::{
    Event,
    batch::{Batch, Message},
    inbox,
};
use millwright_store::Store;

use crate::{
    domain::TaskType,
    events::{TaskCreated, TaskDeleted, TaskRestored, TaskStateChanged, TaskUpdated},
    store::SummaryCounts,
};

/// The name under which the inbox remembers what was counted.
const CONSUMER: &str = "planning-on-events";

/// The event types it is subscribed to.
pub const CONSUMED: &[&str] = &[
    TaskCreated::TYPE,
    TaskUpdated::TYPE,
    TaskStateChanged::TYPE,
    TaskDeleted::TYPE,
    TaskRestored::TYPE,
];

/// What one event changes, translated from its wire form.
#[derive(Debug)]
struct Delta {
    project: ProjectId,
    counts: SummaryCounts,
}

/// Works on a batch; what fails is marked in it.
pub async fn consume(store: Arc<Store>, mut batch: Batch) -> Batch {
    let mut by_project: BTreeMap<(Tenant, ProjectId), Vec<usize>> = BTreeMap::new();
    let mut deltas: Vec<Option<Delta>> = Vec::with_capacity(batch.messages.len());
    let messages = std::mem::take(&mut batch.messages);
    for (index, message) in messages.iter().enumerate() {
        let delta = match translate(message) {
            Ok(delta) => delta,
            Err(error) => {
                batch.fail(message, &error);
                None
            }
        };
        if let Some(delta) = &delta {
            let tenant = message.envelope.tenant();
            by_project.entry((tenant, delta.project)).or_default().push(index);
        }
        deltas.push(delta);
    }
    for ((tenant, project), indexes) in by_project {
        let of_project: Vec<&Message> = indexes.iter().map(|index| &messages[*index]).collect();
        let delta_of = |message: &Message| {
            let index = messages.iter().position(|m| std::ptr::eq(m, message))?;
            deltas[index].as_ref()
        };
        let folded = inbox::fold(&store, CONSUMER, &tenant, &of_project, |transaction, fresh| {
            let mut sum = SummaryCounts::default();
            for delta in fresh.iter().filter_map(|message| delta_of(message)) {
                sum.merge(&delta.counts);
            }
            sum.add_to(transaction, project, store.clock().now());
        });
        if let Err(error) = folded.await {
            for message in of_project {
                batch.fail(message, &error);
            }
        }
    }
    batch
}

/// From the event as it is on the bus to a change of counts; none for what changes no count.
fn translate(message: &Message) -> millwright_core::Result<Option<Delta>> {
    let envelope = &message.envelope;
    let mut counts = SummaryCounts::default();
    let project = if let Some(event) = envelope.event::<TaskCreated>() {
        let TaskCreated(task) = event?;
        counts.state(task.state, 1);
        counts.kind(task.kind, 1);
        task.project_id
    } else if let Some(event) = envelope.event::<TaskRestored>() {
        let TaskRestored(task) = event?;
        counts.state(task.state, 1);
        counts.kind(task.kind, 1);
        task.project_id
    } else if let Some(event) = envelope.event::<TaskDeleted>() {
        let TaskDeleted(task) = event?;
        counts.state(task.state, -1);
        counts.kind(task.kind, -1);
        task.project_id
    } else if let Some(event) = envelope.event::<TaskStateChanged>() {
        let TaskStateChanged(transition) = event?;
        counts.state(transition.from, -1);
        counts.state(transition.to, 1);
        transition.project_id
    } else if let Some(event) = envelope.event::<TaskUpdated>() {
        let TaskUpdated(task) = event?;
        let before = task.changes.iter().find(|change| change.field == "type");
        let before = before.and_then(|change| change.from.as_ref()).and_then(|from| from.as_str());
        let Some(before) = before else { return Ok(None) };
        let before: TaskType = before.parse()?;
        counts.kind(before, -1);
        counts.kind(task.kind, 1);
        task.project_id
    } else {
        return Ok(None);
    };
    Ok(Some(Delta { project, counts }))
}
