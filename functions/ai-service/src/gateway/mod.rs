//! Asking providers: one call ([`upstream`]), several tries and several models ([`run`]), a stream
//! to its end ([`relay`]). Knows no HTTP of ours and no DynamoDB.

mod charge;
mod failure;
mod relay;
mod run;
mod target;
mod upstream;

pub use charge::{Bill, UsageSource};
pub use failure::{Class, Miss};
pub use relay::{Ended, Relay, relay};
pub use run::{Attempt, AttemptOutcome, Begun, Failed, Plan, Run};
pub use target::{Credential, Target};
pub use upstream::{Reply, Stream, Whole};
