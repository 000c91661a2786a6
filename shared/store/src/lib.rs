//! DynamoDB as the services see it.
//!
//! - [`Partition`] and [`Key`]: every key begins with the organization and is built from a
//!   [`Tenant`](millwright_core::Tenant). What is truly global implements [`GlobalPartition`].
//! - [`Item`]: a serde struct with a kind, a key and index keys.
//! - [`Store`]: reads, each documented with its calls; [`Transaction`]: all writes.
//! - [`CursorSealer`]: opaque, authenticated page cursors.
//!
//! The table of every service has the same shape ([`schema`]): `pk`, `sk`, four secondary indexes
//! that project `version` and `summary`, and the TTL attribute `ttl`.

mod backoff;
mod contention;
mod cursor;
mod failure;
mod item;
mod key;
mod read;
pub mod schema;
mod timeline;
mod transaction;
mod update;
mod write;

pub use backoff::Backoff;
pub use contention::Contention;
pub use cursor::{CursorScope, CursorSealer, Position};
pub use item::{IndexKeys, Item, RawItem};
pub use key::{GlobalPartition, Key, Partition};
pub use read::{Assembled, Page, Query, Store};
pub use schema::Index;
pub use timeline::Timeline;
pub use transaction::{MAX_TRANSACTION_ITEMS, Outcome, Refusal, Refusals, Step, Transaction};
pub use update::{Condition, Update};
pub use write::Updated;
