//! API keys: the record that auth stores, and the verifier that every function has.
//!
//! A key is `<prefix>_<43 characters base64url>_<6 characters base32>`; its prefix is `mwp_`
//! (personal) or `mws_` (service) and the last twelve characters of its id; the last six are a
//! checksum of all before, so that a mistyped key costs no read.
//!
//! | pattern | key |
//! |---|---|
//! | key by prefix, by id | pk `KEY#<12 characters>`, sk `HEAD` (global) |
//! | keys of an organization | pk `ORG#<organization>#KEYS`, sk `PERSONAL#<user>#<key>` or `SERVICE#<key>`, in gsi1 |

mod id;
mod record;
mod stored;

pub use id::{KeyId, is_prefix, parts, secret_hash, written};
pub use record::{KeyRecord, KeySummary, KeyUsed, SecretHash, keys_of, network, scopes};
pub use stored::{KeyUses, StoredApiKeys};
