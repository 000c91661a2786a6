//! What is in the secret store: labels of what is kept, what was announced and never finished, and
//! what nobody knows of.

use millwright_core::Result;

use super::{Progress, Task};
use crate::{
    backend::{self, Spot},
    domain::{Backend, SecretId},
    store::{Loaded, SecretItem},
};

/// Which values are kept, and which is current, as it stands now. One read, one DescribeSecret and
/// one call for each label that moves.
pub(super) async fn labels(task: &Task<'_>, id: SecretId) -> Result<Progress> {
    let place = SecretItem::place(&task.tenant(), id);
    let found: Option<SecretItem> = task.vault.store.get(&place).await?;
    if let Some(SecretItem { summary, inside, .. }) = found
        && summary.backend == Backend::AwsSecretsManager
    {
        let announced = inside.announced.iter().map(|one| one.version.number);
        let kept: Vec<u32> = inside.kept.iter().copied().chain(announced).collect();
        let (outside, current) = (&task.vault.outside, summary.current_version);
        outside.tidy(summary.organization_id, id, &kept, current).await?;
    }
    Ok(Progress::Finished)
}

/// What was announced 15 minutes ago: a version if its value is there, else nothing. One call to the
/// store and one transaction.
pub(super) async fn unfinished(task: &Task<'_>, loaded: &Loaded) -> Result<()> {
    let (vault, tenant) = (task.vault, task.tenant());
    let Some(announced) = &loaded.inside.announced else { return Ok(()) };
    let (organization, secret) = (loaded.secret.organization_id, loaded.secret.id);
    let spot = Spot { organization, secret, number: announced.version.number };
    match announced.can_be_finished() && vault.outside.has(spot).await? {
        true => backend::finish(vault, tenant, loaded, &task.cause.correlation_id).await,
        false => backend::drop_announced(vault, &tenant, loaded).await,
    }
}

/// The secret of a note, if it never came to be.
pub(super) async fn take_back(task: &Task<'_>, id: SecretId) -> Result<Progress> {
    backend::take_back(task.vault, &task.tenant(), id).await?;
    Ok(Progress::Finished)
}
