//! The first value of a secret that is not there yet: a note is left before it is put, so that
//! nothing stays in the store of which nobody knows.

use millwright_core::{Error, Result, Tenant};
use millwright_event::Effects;
use millwright_store::{Condition, Outcome, Update};

use super::Spot;
use crate::{
    domain::{Plaintext, SecretId},
    store::StoredNote,
    vault::Vault,
};

/// Leaves the note and puts the first value: one transaction of one item and three calls to the
/// store. The note goes with the transaction that creates the secret, to which this adds one item.
///
/// # Errors
/// `backend_unavailable`.
pub async fn put_first(
    vault: &Vault,
    effects: &mut Effects,
    spot: Spot,
    value: &Plaintext,
) -> Result<()> {
    let tenant = *effects.tenant();
    let note = StoredNote { secret_id: spot.secret, since: vault.now() };
    let mut transaction = vault.store.transaction(&tenant);
    transaction.put(&note);
    transaction.commit().await?;
    vault.outside.put(spot, value).await?;
    let place = StoredNote::place(&tenant, spot.secret);
    let still = Condition::exists().attribute_absent("dropped");
    let step = effects.delete_when(&place, still);
    effects.refused_as(step, Error::lost_race());
    Ok(())
}

/// The note of a secret that never came to be: what is in the store goes, and the note with it. Two
/// transactions of one item and one call to the store.
///
/// # Errors
/// `backend_unavailable`.
pub async fn take_back(vault: &Vault, tenant: &Tenant, secret: SecretId) -> Result<()> {
    let organization = tenant.organization().ok_or_else(|| Error::internal("no organization"))?;
    let place = StoredNote::place(tenant, secret);
    let mut transaction = vault.store.transaction(tenant);
    transaction.update(&place, &Update::when(Condition::exists()).set("dropped", true));
    if let Outcome::Refused(_) = transaction.attempt().await? {
        // It came to be.
        return Ok(());
    }
    vault.outside.delete(organization, secret).await?;
    let mut transaction = vault.store.transaction(tenant);
    transaction.delete(&place);
    transaction.commit().await
}
