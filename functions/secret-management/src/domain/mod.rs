//! The rules of secret-management: pure types and functions. No I/O, no AWS, no clock, no
//! randomness.

mod access;
mod certificate;
mod dotenv;
mod draw;
mod due;
mod generation;
mod grant;
mod key_pair;
mod name;
mod outside;
mod place;
mod plaintext;
mod policy;
mod posture;
mod reference;
mod rights;
mod rotation;
mod secret;
mod settings;
mod template;
mod transfer;
mod value;
mod version;

pub use self::{
    access::*, dotenv::*, due::*, generation::*, grant::*, key_pair::generated_key_pair, name::*,
    outside::*, place::*, plaintext::*, policy::*, posture::*, reference::*, rights::*,
    rotation::*, secret::*, settings::*, template::*, transfer::*, value::*, version::*,
};

use millwright_core::Timestamp;

millwright_core::id! {
    /// A secret.
    SecretId = SecretNoun("sec");
    /// A grant of rights on a secret.
    GrantId = GrantNoun("sgr");
    /// What uses a secret.
    BindingId = BindingNoun("bnd");
    /// A rotation of a secret.
    RotationId = RotationNoun("rot");
    /// A policy for generated values.
    PolicyId = PolicyNoun("gpl");
    /// A record of an access.
    AccessId = AccessNoun("acc");
    /// A job.
    JobId = JobNoun("sjob");
    /// A data key of an organization.
    DataKeyId = DataKeyNoun("dky");
}

/// When something happened, and by whom: a user, service key, agent or service.
#[derive(Clone, Debug)]
pub struct Stamp {
    pub at: Timestamp,
    pub by: String,
}

/// A day.
pub const DAY: std::time::Duration = std::time::Duration::from_secs(24 * 3600);

/// The furthest an expiry may lie ahead: ten years.
pub const MAX_LIFETIME: std::time::Duration = std::time::Duration::from_secs(3_653 * 24 * 3600);
