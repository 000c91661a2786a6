//! The inbox: a message counts exactly once, however often, late or out of order it comes.
//!
//! An inbox item `(consumer, source, id)` is written in the transaction of the effects. Two ways:
//!
//! - [`fold`] for sums: per aggregate one transaction with the inbox items of its messages and one
//!   change; if some were there already, it is folded again without them.
//! - [`once`] for everything else: one transaction per message, which may read, decide and say
//!   something in turn.

use std::{collections::HashSet, time::Duration};

use millwright_core::{Result, Tenant, Timestamp};
use millwright_store::{Contention, Item, Key, Outcome, Partition, Store, Transaction};
use serde::{Deserialize, Serialize};

use crate::{Cause, Effects, Envelope, batch::Message};

/// How long a message is remembered.
pub const RETENTION: Duration = Duration::from_secs(45 * 24 * 3600);

/// The most messages one transaction takes: it leaves ten of its 100 items to the effects.
pub const MAX_FOLD: usize = 90;

/// Remembers that `consumer` has seen a message.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct InboxItem {
    pub consumer: String,
    pub source: String,
    pub id: String,
    #[serde(rename = "seenAt")]
    pub seen_at: Timestamp,
}

impl InboxItem {
    pub fn new(consumer: &str, envelope: &Envelope, now: Timestamp) -> InboxItem {
        InboxItem {
            consumer: consumer.to_owned(),
            source: envelope.source.clone(),
            id: envelope.id.clone(),
            seen_at: now,
        }
    }
}

impl Item for InboxItem {
    const KIND: &'static str = "inbox";

    fn key(&self, tenant: &Tenant) -> Key {
        Partition::of(tenant).and("INBOX").and(&self.consumer).and(&self.id).at(&self.source)
    }

    fn time_to_live(&self) -> Option<Timestamp> {
        Some(self.seen_at.plus(RETENTION))
    }
}

/// Folds the messages of one aggregate into one change, each counted once.
///
/// `apply` adds the effect of the given messages to the transaction: at most ten items, and only
/// changes that commute (ADD), since batches come in any order. One transaction per 90 messages,
/// one more for each time duplicates are found among them.
///
/// # Errors
/// `unavailable` if DynamoDB is; nothing of the failing chunk is counted then.
pub async fn fold<'m>(
    store: &Store,
    consumer: &str,
    tenant: &Tenant,
    messages: &[&'m Message],
    apply: impl Fn(&mut Transaction, &[&'m Message]),
) -> Result<()> {
    let mut seen = HashSet::new();
    let distinct: Vec<&'m Message> = messages
        .iter()
        .copied()
        .filter(|message| seen.insert((&message.envelope.source, &message.envelope.id)))
        .collect();
    for chunk in distinct.chunks(MAX_FOLD) {
        let mut fresh = chunk.to_vec();
        while !fresh.is_empty() {
            let now = store.clock().now();
            let mut transaction = store.transaction(tenant);
            let steps: Vec<_> = fresh
                .iter()
                .map(|message| {
                    transaction.create(&InboxItem::new(consumer, &message.envelope, now))
                })
                .collect();
            apply(&mut transaction, &fresh);
            match transaction.attempt().await? {
                Outcome::Done => break,
                Outcome::Refused(refusals) => {
                    let before = fresh.len();
                    fresh = steps
                        .iter()
                        .zip(&fresh)
                        .filter(|(step, _)| refusals.at(**step).is_none())
                        .map(|(_, message)| *message)
                        .collect();
                    if fresh.len() == before {
                        let detail = "the effect of a fold was refused, not its inbox items";
                        return Err(millwright_core::Error::internal(detail));
                    }
                    tracing::debug!(duplicates = before - fresh.len(), "messages seen before");
                }
            }
        }
    }
    Ok(())
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handled {
    /// Its effects are written.
    Now,
    /// They had been written before; nothing was.
    Before,
}

/// Handles one message exactly once, however often and however parallel it is delivered.
///
/// `decide` reads what it needs, adds at most 98 steps and says what follows; it runs again if it
/// lost a race (`Error::lost_race`), so it must do nothing else. What takes more steps is written
/// before, in a way that may be repeated, and finished here. One transaction, beside the reads of
/// `decide`.
///
/// # Errors
/// Those of `decide` and of its steps; `contention` after ten seconds; `unavailable` if DynamoDB is.
/// Nothing is remembered then, and the message may be delivered again.
pub async fn once(
    store: &Store,
    consumer: &str,
    envelope: &Envelope,
    decide: impl AsyncFn(&mut Effects) -> Result<()>,
) -> Result<Handled> {
    let by_value = |mut effects: Effects| async {
        decide(&mut effects).await?;
        Ok(effects)
    };
    once_by_value(store, consumer, envelope, by_value).await
}

/// As [`once`], where the future has to be `Send`, as in a function that serves a queue: the compiler
/// cannot see that of a closure that borrows the effects. `decide` gives them back.
///
/// # Errors
/// As [`once`].
pub async fn once_by_value<F: Future<Output = Result<Effects>>>(
    store: &Store,
    consumer: &str,
    envelope: &Envelope,
    decide: impl Fn(Effects) -> F,
) -> Result<Handled> {
    let attempt = async || {
        let mut effects = Effects::new(store, Cause::from(envelope));
        let now = store.clock().now();
        let inbox = effects.create(&InboxItem::new(consumer, envelope, now));
        let effects = decide(effects).await?;
        match effects.attempt().await? {
            Outcome::Done => Ok(Handled::Now),
            Outcome::Refused(refusals) if refusals.at(inbox).is_some() => Ok(Handled::Before),
            Outcome::Refused(refusals) => Err(refusals.into_error()),
        }
    };
    Contention::new(store).settle(store, attempt).await
}
