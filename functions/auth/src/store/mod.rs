//! What auth stores, and where: the only module that names DynamoDB.
//!
//! U = `USER#<user>`. Hashes are SHA-256, base64url.
//!
//! | pattern | key condition |
//! |---|---|
//! | attempt by state, taken once | pk `LOGIN#<hash of state>`, sk `HEAD` (global) |
//! | our authorization code | pk `CODE#<hash of code>`, sk `HEAD` (global) |
//! | whose identity | pk `IDENTITY#<hash of issuer and subject>`, sk `HEAD` (global) |
//! | identities of a person | pk U, sk begins with `IDN#` |
//! | sessions of a person | pk U, sk begins with `SESSION#`, descending |
//! | active sessions and identities of a person, counted exactly | pk U, sk `SESSIONS` |
//! | session at refresh | pk U, sk `SESSION#<session>`; both ids are in the token |
//! | first token of a day | pk U, sk `DAY#<organization>#<date>` |
//! | sign-in history | pk `U#LOGINS`, sk `<login record>`, descending |
//! | throttle | pk `RATE#<kind>#<subject>#<minute>`, sk `HEAD` (global) |
//! | how many keys of an owner, and their names | pk `ORG#<organization>#KEYS`, sk `COUNT#<user>` or `COUNT#service` |
//! | keys that expire soon | pk `EXPIRY#<day>`, sk `<key>` (global) |
//! | API keys | `millwright_access::api_keys` |
//! | revocation feed | `millwright_access::feed` |
//!
//! Outbox, inbox, idempotency records and denial marks are those of the shared crates. The largest
//! transaction is a sign-in with six items and two more for each session it evicts.

mod attempt;
mod identity;
mod key;
mod rate;
mod record;
mod session;

pub use attempt::{attempt_key, code_key};
pub use identity::{IdentityOwner, identities_of, identity_key, owner_key};
pub use key::{
    ExpiryMark, KeySlot, KeySlots, Owner, all_keys_of, all_slots_of, expiries_on, personal_keys_of,
    service_keys_of, slots_key,
};
pub use rate::{Limit, count, count_within, forget_key_rates};
pub use record::{DayMark, login_records_of};
pub use session::{
    PersonHead, everything_of, exported_key, head_key, placed, revocation, session_key, sessions_of,
};
