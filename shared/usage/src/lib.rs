//! What a service asks usage-tracking before it spends, and tells it afterwards. By direct invoke of
//! `usage-tracking-api`: 3 seconds a try, three tries.
//!
//! - [`UsageClient::standing`]: is there a hard limit at all, and how near is the end?
//! - [`UsageClient::reserve`], [`UsageClient::commit`], [`UsageClient::release`],
//!   [`UsageClient::extend`]: hold the worst case, then book what it came to.
//! - [`UsageClient::consume`]: both at once, for what has no worst case.
//! - [`count`]: an event that is usage, counted with the transaction that tells it.
//!
//! ```no_run
//! # use millwright_usage::*;
//! # async fn complete(usage: UsageClient, tenant: millwright_core::Tenant) -> millwright_core::Result<()> {
//! let wanted = Spending {
//!     who: Who { tenant, user: None, team: None, project: None },
//!     category: "ai.completion".to_owned(),
//!     dimensions: [("model".to_owned(), "large".to_owned())].into(),
//!     amounts: Amounts::default().cost_micros(20_000).quantity("inputTokens", 4_000),
//! };
//! // The reference is what makes every try the same reservation: the id of what is spent for.
//! match usage.reserve(&wanted, "cmp_01jdz7xk2nf5h9vq3w8c6m4t0b", DEFAULT_TTL).await? {
//!     Reserved::Denied(denial) => { /* 429 until denial.retry_at */ }
//!     Reserved::Held(held) => {
//!         // … spend …
//!         let actual = Amounts::default().cost_micros(12_345).quantity("inputTokens", 3_900);
//!         usage.commit(&wanted.who, &held.id, &actual).await?;
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Promises
//!
//! - Every call may be repeated, by this client, by a caller that was not answered, and after a
//!   crash: a reservation is the one of its reference, a use the one of its key, and whatever was
//!   settled is settled once.
//! - Who dies between reserving and committing leaves a hold that lapses after its time, and nothing
//!   else. A commit after that is booked all the same.
//! - The event that carries the reference (or the reservation's id as `reservationid`) is the truth:
//!   it settles what nobody committed, and corrects what was committed with other amounts. So a
//!   service that announces its usage anyway may leave out the commit; it only frees the difference
//!   sooner.
//! - An error is never a decision. `unavailable` means that nothing is known: whether to go on
//!   without an answer is for the caller to say (ai-service: not where [`Standing::hard_limited`] was
//!   the last answer).
//!
//! # What it costs
//!
//! One invoke each. There, warm: standing one BatchGetItem of the counters; reserve and consume one
//! transaction of one item for each limit that applies and up to four more; commit and release one
//! read and one transaction. [`UsageClient::standing`] is good for a minute: without a hard limit
//! nothing needs to be reserved.
//!
//! # How a service uses it
//!
//! Its name is among those of `usage.limit.consume_for` (`functions/usage-tracking`), its function
//! has `Right::Invoke("usage-tracking-api")`, and the client is made of the runtime's
//! [`millwright_aws::Functions`]. Tests have a [`Transport`] of their own.

mod amounts;
mod client;
mod event;
mod transport;

pub use amounts::{Amounts, Spending, Who};
pub use client::{
    Consumed, DEFAULT_TTL, Denial, Held, Phase, Reserved, Settled, Standing, UsageClient,
};
pub use event::{INGEST, count};
pub use transport::Transport;
