//! The rules of auth: pure types and functions. No I/O, no AWS, no clock, no randomness.

mod account;
mod attempt;
mod claims;
mod device;
mod history;
mod identity;
mod refresh;
mod rotation;
mod session;

pub use account::{Account, Asserted, account};
pub use attempt::{
    Attempt, AuthorizationCode, Client, Native, Purpose, is_loopback_redirect, is_return_path,
    pkce_challenge,
};
pub use claims::{
    Access, OPERATOR_TOKEN_LIFETIME, Standing, Subject, choose_organization, claims, joined,
    standing,
};
pub use device::device_name;
pub use history::{LoginOutcome, LoginRecord, LoginRecordId, Reason};
pub use identity::{Identity, IdentityId, MAX_IDENTITIES};
pub use refresh::{GRACE, Presented, RefreshToken, open_successor, seal_successor};
pub use rotation::{KeyState, KeyStep, KeyTimes, due, promoted};
pub use session::{
    Activity, ClientKind, Consumed, DeviceName, MAX_SESSIONS, Refresh, RevokedReason, Session,
    SessionStatus, SessionView, Visitor, evicted,
};
