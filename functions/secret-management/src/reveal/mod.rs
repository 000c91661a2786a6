//! Giving values away: authenticate, authorise, read, open, count and record, answer. What cannot be
//! recorded is not answered.

mod batch;
mod one;
mod resolve;
mod rollback;
mod template;

pub mod handlers {
    //! Where the table of contents finds them.
    pub use super::{one::*, resolve::*, rollback::*, template::*};
}

use std::time::Duration;

use millwright_core::{Error, Kind, Result, Tenant, Timestamp};
use millwright_event::Effects;
use millwright_store::{Outcome, Update};

pub use self::{
    batch::{Found, Looked, look_up},
    one::{Opened, open_one},
};
use crate::{
    authority::{Asker, Held},
    backend::Spot,
    codes,
    domain::{Plaintext, Secret, SecretId, Status, Wanted},
    events::{RevealedData, SecretRevealed},
    secret::deleted,
    store::{AccessItem, BindingItem, Counts, Loaded, ValueItem, VersionItem, take_reveals},
    vault::Vault,
    version::{check_enabled, destroyed},
};

/// How often a use is noted.
const NOTED: Duration = Duration::from_secs(3_600);

/// A secret in a state in which nothing is revealed.
///
/// # Errors
/// `secret_deleted`, `secret_disabled`, `secret_expired`.
pub fn check_revealable(secret: &Secret, now: Timestamp) -> Result<()> {
    match secret.status {
        Status::Deleted => return Err(deleted()),
        Status::Disabled => {
            return Err(Error::new(codes::SECRET_DISABLED, "enable the secret first"));
        }
        Status::Active => {}
    }
    if secret.is_expired(now) {
        return Err(Error::new(codes::SECRET_EXPIRED, "write a value that is good, or extend it"));
    }
    Ok(())
}

/// The number that is wanted.
///
/// # Errors
/// `not_found`: nothing stands at that stage.
pub fn number_of(secret: &Secret, wanted: Wanted) -> Result<u32> {
    secret.number(wanted).ok_or_else(|| Error::not_found("version"))
}

/// A value at its place. One BatchGetItem, and one call to the secret store if it has the value.
///
/// # Errors
/// `not_found`, `version_not_enabled`, `version_destroyed`, `value_unreadable`,
/// `backend_unavailable`.
pub async fn read_value(
    vault: &Vault,
    tenant: &Tenant,
    secret: SecretId,
    number: u32,
) -> Result<Plaintext> {
    let mut values = read_values(vault, tenant, &[(secret, number)]).await?;
    values.pop().unwrap_or_else(|| Err(Error::not_found("version")))
}

/// Where a value was found.
enum Located {
    Sealed(ValueItem),
    Outside(Spot),
    /// Neither here nor there: it has moved between two reads.
    Moved,
}

/// As [`read_value`], of many at once. One BatchGetItem for each fifty; of what the secret store has
/// one call for twenty current values, and one for each other.
pub async fn read_values(
    vault: &Vault,
    tenant: &Tenant,
    wanted: &[(SecretId, u32)],
) -> Result<Vec<Result<Plaintext>>> {
    let mut located = locate(vault, tenant, wanted).await?;
    // What has just moved from one backend to the other is there by now.
    if located.iter().any(|one| matches!(one, Ok(Located::Moved))) {
        located = locate(vault, tenant, wanted).await?;
    }
    let spot = |one: &Result<Located>| match one {
        Ok(Located::Outside(spot)) => Some(*spot),
        _ => None,
    };
    let spots: Vec<Spot> = located.iter().filter_map(spot).collect();
    let mut outside = match spots.is_empty() {
        true => Vec::new(),
        false => vault.outside.get_many(&spots).await,
    }
    .into_iter();
    let mut values = Vec::with_capacity(wanted.len());
    for one in located {
        values.push(match one {
            Err(error) => Err(error),
            Ok(Located::Sealed(value)) => vault.keys.open(tenant, &value).await,
            Ok(Located::Outside(_)) => outside.next().unwrap_or_else(|| Err(destroyed())),
            Ok(Located::Moved) => Err(destroyed()),
        });
    }
    Ok(values)
}

async fn locate(
    vault: &Vault,
    tenant: &Tenant,
    wanted: &[(SecretId, u32)],
) -> Result<Vec<Result<Located>>> {
    let organization = tenant.organization().ok_or_else(|| Error::internal("no organization"))?;
    let place = |(secret, number): &(SecretId, u32)| {
        [VersionItem::place(tenant, *secret, *number), ValueItem::place(tenant, *secret, *number)]
    };
    let mut places: Vec<_> = wanted.iter().flat_map(place).collect();
    places.sort_unstable();
    places.dedup();
    let items = vault.store.get_many(&places).await?;
    let at = |key: &millwright_store::Key| {
        items
            .iter()
            .find(|i| (i.partition_key(), i.sort_key()) == (key.partition(), key.sort_key()))
    };
    let one = |wanted: &(SecretId, u32)| {
        let [version, value] = place(wanted);
        let version = at(&version).ok_or_else(|| Error::not_found("version"))?;
        let VersionItem { state, is_outside, .. } = version.decode()?;
        check_enabled(state)?;
        let (secret, number) = *wanted;
        Ok(match (is_outside, at(&value)) {
            (true, _) => Located::Outside(Spot { organization, secret, number }),
            (false, Some(value)) => Located::Sealed(value.decode()?),
            (false, None) => Located::Moved,
        })
    };
    Ok(wanted.iter().map(one).collect())
}

/// What was opened, for the records.
pub struct Given<'a> {
    pub secret: &'a Secret,
    pub number: u32,
    /// The binding by which a service has it.
    pub held: &'a Held,
}

/// One transaction has at most so many records beside counter and event.
const RECORDS: usize = 97;

/// Counts and records what is about to be given away, and announces it once: one transaction for
/// each 97 values, one after the other; the first counts all of them.
///
/// # Errors
/// `reveal_rate_limited`; `audit_unavailable` if it cannot be written: then nothing may be answered.
pub async fn account(
    asker: &Asker<'_>,
    action: &'static str,
    given: &[Given<'_>],
    reason: Option<&str>,
    noted: Option<&Loaded>,
) -> Result<()> {
    if given.is_empty() {
        return Ok(());
    }
    let (app, caller) = (asker.app, asker.caller);
    let settings = app.settings(&asker.tenant()).await?;
    let limit = match asker.caller.user() {
        Some(_) => settings.reveals_per_minute_user,
        None => settings.reveals_per_minute_service_key,
    };
    for (place, chunk) in given.chunks(RECORDS).enumerate() {
        let mut effects = Effects::new(&app.store, caller.cause());
        if place == 0 {
            let count = u64::try_from(given.len()).unwrap_or(u64::MAX);
            take_reveals(&mut effects, caller.actor(), count, limit.into(), app.now());
            announce(asker, &mut effects, action, given)?;
        }
        for one in chunk {
            effects.put(&record(asker, action, one, reason));
        }
        if let ([one], Some(loaded)) = (given, noted) {
            note_use(asker, &mut effects, loaded, one);
        }
        match effects.attempt().await {
            Ok(Outcome::Done) => {}
            Ok(Outcome::Refused(refusals)) => return Err(unrecorded(refusals.into_error())),
            Err(error) => return Err(unrecorded(error)),
        }
    }
    Ok(())
}

/// What cannot be recorded is not answered.
pub fn unrecorded(error: Error) -> Error {
    match error.kind() {
        Kind::RateLimited => error,
        _ => Error::new(codes::AUDIT_UNAVAILABLE, "try again in a moment")
            .because(error)
            .retry_after(Duration::from_secs(1)),
    }
}

fn record(
    asker: &Asker<'_>,
    action: &'static str,
    given: &Given<'_>,
    reason: Option<&str>,
) -> AccessItem {
    let mut record = asker.record(action, Some(given.secret));
    record.summary.value_version = Some(given.number);
    record.summary.binding_id = given.held.binding.as_ref().map(|binding| binding.id);
    record.summary.reason = reason.map(str::to_owned);
    record
}

fn announce(
    asker: &Asker<'_>,
    effects: &mut Effects,
    action: &'static str,
    given: &[Given<'_>],
) -> Result<()> {
    let mut secret_ids: Vec<SecretId> = given.iter().map(|one| one.secret.id).collect();
    secret_ids.sort_unstable();
    secret_ids.dedup();
    secret_ids.truncate(100);
    let binding = given.iter().find_map(|one| one.held.binding.as_ref());
    effects.emit(&SecretRevealed(RevealedData {
        secret_ids,
        count: u64::try_from(given.len()).unwrap_or(u64::MAX),
        action: action.to_owned(),
        actor_type: asker.actor_type(),
        actor_id: asker.caller.actor().to_owned(),
        binding_id: binding.map(|binding| binding.id),
    }))
}

/// At most once an hour, so that who reads often does not write as often.
fn note_use(asker: &Asker<'_>, effects: &mut Effects, loaded: &Loaded, given: &Given<'_>) {
    let (now, tenant) = (asker.app.now(), asker.tenant());
    let is_fresh = |at: Option<Timestamp>| at.is_some_and(|at| at.is_within(NOTED, now));
    if !is_fresh(loaded.counts.last_revealed_at) {
        let update = Update::new().set("lastRevealedAt", now);
        effects.update(&Counts::place(&tenant, loaded.secret.id), &update);
    }
    if let Some(binding) = &given.held.binding
        && !is_fresh(binding.last_used_at)
    {
        let mut used = binding.clone();
        used.last_used_at = Some(now);
        let place = BindingItem::place(&tenant, binding);
        let still = millwright_store::Condition::version(binding.version);
        effects.update(&place, &Update::when(still).set("summary", &used));
    }
}
