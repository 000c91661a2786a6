//! Calls to addresses that users give, such as a provider of models.
//!
//! - Only where [`Destinations`] let: https to public addresses; anything else only to hosts that
//!   the operator has named.
//! - A name is resolved once for a connection, and the connection goes to what was looked at: an
//!   answer that changes in between changes nothing.
//! - No redirect is followed, no proxy of the environment is used.
//! - Every wait has an end, told apart: [`Waits`], [`Failure::TimedOut`].
//!
//! ```no_run
//! # async fn ask() -> Result<(), millwright_egress::Failure> {
//! use millwright_egress::{Call, Client, Destinations, Waits};
//!
//! let client = Client::new(Destinations::default());
//! let call = Call::get("https://models.example.org/v1/models");
//! let mut answer = client.call(call, &Waits::default()).await?;
//! let body = answer.whole(1024 * 1024).await?;
//! # Ok(())
//! # }
//! ```

mod client;
mod destination;
mod failure;

pub use client::{Answer, Call, Client, Waits};
pub use destination::{Denied, Destinations};
pub use failure::{Failure, Wait};
