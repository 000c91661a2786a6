//! Who is calling, and what they may do.
//!
//! - [`Verifier`] turns an access token into a [`Principal`]: the one extractor every function has.
//! - [`permissions!`] declares the closed list of a service; each permission is a type, so a handler
//!   without one does not compile.
//! - [`decide`] is the one pure function that allows or denies.
//!
//! Public keys and revocations are ports ([`KeySource`], [`Revocations`]).

mod coverage;
mod decide;
mod json;
mod keys;
mod pattern;
mod permission;
mod principal;
mod token;
mod verifier;

#[cfg(feature = "issuer")]
pub mod issuer;

pub use coverage::{Catalogue, canonical, codes_of};
pub use decide::{Decision, Reason, Resource, decide};
// What a [`KeySource`] answers.
pub use jsonwebtoken::jwk::JwkSet;
pub use keys::{KeyCache, KeySource, StaticKeys};
pub use pattern::Pattern;
pub use permission::{Grantable, Permission, Requires, SystemRole};
pub use principal::{FactVersions, Grants, Principal};
pub use token::{ACCESS_TOKEN_LIFETIME, Audience, Claims, MAX_TOKEN_BYTES, verify_signature};
pub use verifier::{
    API_KEY_PREFIXES, ApiKeys, NoApiKeys, NoRevocations, Revocations, Verifier, VerifierParts,
};
