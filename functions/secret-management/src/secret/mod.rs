//! Secrets, without their values.

mod change;
mod create;
mod delete;
mod list;
mod migrate;
mod purge;
mod state;

pub mod handlers {
    //! Where the table of contents finds them.
    pub use super::{change::*, create::*, delete::*, list::*, migrate::*, purge::*, state::*};
}

use millwright_core::{Error, Result, Timestamp};
use millwright_event::Effects;
use millwright_http::Representation;
use serde::Serialize;
use utoipa::ToSchema;

pub use self::{
    create::{
        Draft, check_backend, check_expiry, check_most, create_secret, may_create_at, versions_of,
    },
    delete::delete,
};
use crate::{
    authority::Held,
    codes,
    domain::{Backend, Facts, Inside, Right, Secret, Status},
    store::{Loaded, SecretItem},
    work::{JOBS, Order, WorkDue},
};

/// A secret as somebody sees it who may see it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretView {
    #[serde(flatten)]
    secret: Secret,
    /// Past its `expiresAt`: nothing is revealed.
    expired: bool,
    /// What may be known of the current value.
    facts: Facts,
    /// The last four characters of a long API key; only when one is read.
    hint: Option<String>,
    binding_count: u64,
    /// At most an hour old.
    last_revealed_at: Option<Timestamp>,
    my_rights: Vec<Right>,
}

impl SecretView {
    pub fn of(loaded: &Loaded, held: &Held, now: Timestamp) -> SecretView {
        SecretView {
            secret: loaded.secret.clone(),
            expired: loaded.secret.is_expired(now),
            facts: loaded.inside.facts.clone(),
            hint: None,
            binding_count: loaded.counts.bindings,
            last_revealed_at: loaded.counts.last_revealed_at,
            my_rights: held.all().list(),
        }
    }
}

impl Representation for SecretView {
    fn version(&self) -> u64 {
        self.secret.version
    }

    fn location(&self) -> String {
        format!("/api/v1/secrets/{}", self.secret.id)
    }
}

/// A secret in a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretSummary {
    #[serde(flatten)]
    secret: Secret,
    expired: bool,
}

/// Writes the next version of a secret; refused as a lost race. One item. If its values are in the
/// secret store, the jobs bring the labels there up to date.
///
/// # Errors
/// `internal` if too much is announced.
pub fn replace(effects: &mut Effects, secret: &Secret, inside: &Inside, before: u64) -> Result<()> {
    let inside = inside.clone().armed(secret, effects.store().clock().now());
    let step = effects.replace(&SecretItem::of(secret, &inside), before);
    effects.refused_as(step, Error::lost_race());
    if secret.backend == Backend::AwsSecretsManager {
        effects.send(JOBS, &WorkDue { order: Order::Labels { secret_id: secret.id } })?;
    }
    Ok(())
}

/// Nothing of a deleted secret changes.
///
/// # Errors
/// `secret_deleted`.
pub fn check_present(secret: &Secret) -> Result<()> {
    match secret.status {
        Status::Deleted => Err(deleted()),
        Status::Active | Status::Disabled => Ok(()),
    }
}

pub fn deleted() -> Error {
    Error::new(codes::SECRET_DELETED, "restore the secret first")
}
