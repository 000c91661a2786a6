//! What an import would do, entry by entry.

use std::collections::HashMap;

use millwright_core::{Result, Tenant};
use millwright_store::Key;

use super::import::{Outcome, Wanted};
use crate::{
    app::SecretManagement,
    domain::{Place, Secret, SecretId, Status, VersionState},
    store::{NameMarker, SecretItem, VersionItem},
};

/// A secret that has the name already.
#[derive(Clone)]
pub struct Standing {
    pub secret: Secret,
    /// Of its current value, if that can be read.
    pub digest: Option<String>,
}

/// Who has these names. One BatchGetItem for each hundred markers, secrets and versions.
pub async fn standing(
    app: &SecretManagement,
    tenant: &Tenant,
    place: &Place,
    wanted: &[Wanted],
) -> Result<HashMap<String, Standing>> {
    let markers: Vec<Key> =
        wanted.iter().map(|one| NameMarker::at(tenant, place, &one.name)).collect();
    let mut ids: Vec<SecretId> = Vec::new();
    for item in app.store.get_many(&markers).await? {
        ids.push(item.decode::<NameMarker>()?.secret_id);
    }
    let places: Vec<Key> = ids.iter().map(|id| SecretItem::place(tenant, *id)).collect();
    let mut secrets = Vec::new();
    for item in app.store.get_many(&places).await? {
        secrets.push(item.decode::<SecretItem>()?.summary);
    }
    let version = |secret: &Secret| {
        secret.current_version.map(|number| VersionItem::place(tenant, secret.id, number))
    };
    let places: Vec<Key> = secrets.iter().filter_map(version).collect();
    let mut digests: HashMap<(String, String), String> = HashMap::new();
    for item in app.store.get_many(&places).await? {
        let place = (item.partition_key().to_owned(), item.sort_key().to_owned());
        let version: VersionItem = item.decode()?;
        if let (VersionState::Enabled, Some(digest)) = (version.state, version.digest) {
            digests.insert(place, digest);
        }
    }
    let mut standing = HashMap::new();
    for secret in secrets {
        if secret.status == Status::Deleted {
            continue;
        }
        let place = version(&secret);
        let digest = place.and_then(|key| {
            digests.remove(&(key.partition().to_owned(), key.sort_key().to_owned()))
        });
        standing.insert(secret.name.to_string(), Standing { secret, digest });
    }
    Ok(standing)
}

/// What becomes of an entry.
///
/// # Errors
/// Why it is refused, in words.
pub fn outcome(
    one: &Wanted,
    standing: Option<&Standing>,
    on_conflict: super::import::OnConflict,
) -> Result<Outcome, &'static str> {
    use super::import::OnConflict::{Fail, NewVersion, Skip};
    let Some(Standing { secret, digest }) = standing else { return Ok(Outcome::Created) };
    if secret.kind == one.kind && digest.as_deref() == Some(one.digest.as_str()) {
        return Ok(Outcome::Unchanged);
    }
    match on_conflict {
        Skip => Ok(Outcome::Skipped),
        Fail => Err("a secret there has this name, and another value"),
        NewVersion if secret.kind != one.kind => Err("a secret of another type has this name"),
        NewVersion if secret.cas_required => {
            Err("the secret is written with an expected version only")
        }
        NewVersion => Ok(Outcome::NewVersion),
    }
}
