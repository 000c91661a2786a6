//! Telling usage with the transaction it comes from.

use millwright_core::Result;
use millwright_event::{Effects, Event};

/// The function whose queue takes usage.
pub const INGEST: &str = "usage-tracking-ingest";

/// Counts an event as usage without announcing it to anybody else: it goes with the transaction,
/// straight into the queue of usage-tracking, and is counted once, by its source and id, in the
/// category that takes its type.
///
/// What is announced on the bus anyway (`Effects::emit`) and is among the types of the system's
/// categories, such as `ai.completion.completed`, is counted from there: do not tell it twice. Two
/// messages of two ids would be two uses.
///
/// # Errors
/// `internal` if it is no JSON.
pub fn count(effects: &mut Effects, event: &impl Event) -> Result<()> {
    effects.send(INGEST, event)
}
