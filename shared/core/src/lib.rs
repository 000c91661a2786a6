//! The vocabulary of Millwright: what a service's pure domain may know.
//!
//! Everything here is free of I/O, HTTP and AWS. The clock and randomness are read in this crate
//! alone ([`Clock`], [`IdGenerator`]) and handed down as values, so domain code stays deterministic.

mod entries;
mod error;
mod fault;
mod id;
mod list;
mod number;
mod patch;
mod tenant;
mod text;
mod time;
mod url;
mod wire_enum;

pub use entries::Entries;
pub use error::{Code, Error, Kind, Result, codes};
pub use fault::{Fault, FaultCode, Faults, InputError, pointer};
pub use id::{
    ApiKeyId, Id, IdGenerator, Noun, OrgId, ProjectId, RoleId, ServiceKeyId, SessionId, TaskId,
    TeamId, UserId,
};
pub use list::Few;
pub use number::Bounded;
pub use patch::{Change, Patch};
pub use tenant::{PLATFORM, Tenant, Voucher};
pub use text::{Label, Labels, Line, Markdown, Text, normalized};
pub use time::{Clock, Date, Timestamp};
pub use url::HttpUrl;

#[doc(hidden)]
pub mod private {
    pub use deserr;
    pub use serde;
    pub use utoipa;
}
