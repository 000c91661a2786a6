//! Events between services.
//!
//! - [`Event`]: a typed event; [`EventType`] describes it for the catalogue.
//! - [`Envelope`]: CloudEvents 1.0 JSON with our extensions.
//! - [`events!`] declares the events of a service.
//! - [`Outbox`]: what a transaction has to say, as one item of that transaction.
//! - [`Effects`]: a transaction together with what it says.
//! - [`inbox`]: each message counted exactly once, folded per aggregate.
//! - [`batch`]: SQS batches in which one bad message blocks nothing.

pub mod batch;
mod declare;
mod effects;
mod envelope;
pub mod inbox;
mod outbox;

pub use effects::Effects;
pub use envelope::{Cause, Described, Envelope, Event, EventType, MAX_EVENT_BYTES, SOURCE_PREFIX};
pub use outbox::{
    Destination, Entry, MAX_OUTBOX_BYTES, OUTBOX_PREFIX, OUTBOX_RETENTION, OUTBOX_SHARDS, Outbox,
    OutboxItem, OutboxShard, OutboxWatermark,
};
