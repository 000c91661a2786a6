//! What `user-management` writes and every verifier reads: who exists, who belongs where with which
//! role, and what was taken away a moment ago.
//!
//! - [`facts`]: the items that tokens and keys are issued and resolved from. No personal data.
//! - [`feed`]: one item for each withdrawal, written in the transaction that withdraws.
//! - [`api_keys`]: API keys as auth stores them; [`StoredApiKeys`] resolves them.
//! - [`RevocationFeed`]: the feeds in memory of a verifier; a withdrawal reaches it within 20
//!   seconds.
//!
//! These are the only items one service reads of another's table. Fields are only ever added.

/// The service that owns users, memberships and roles, and their feed.
pub const DIRECTORY: &str = "user-management";
/// The service that owns sessions and API keys, and their feed.
pub const CREDENTIALS: &str = "auth";

pub mod api_keys;
mod catalogue;
pub mod facts;
pub mod feed;
mod revocations;

pub use api_keys::StoredApiKeys;
pub use catalogue::CATALOGUE;
pub use revocations::RevocationFeed;
