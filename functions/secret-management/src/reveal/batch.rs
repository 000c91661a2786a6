//! Many references at once.

use std::collections::HashMap;

use millwright_core::{Error, Result};
use millwright_store::{Key, RawItem};

use super::{check_revealable, number_of, read_values};
use crate::{
    authority::{Asker, Held},
    domain::{
        Binding, Context, Grant, GranteeType, Place, Plaintext, Reference, Right, Secret, SecretId,
        Target, not_found,
    },
    permissions::SecretReveal,
    store::{BindingItem, GrantItem, NameMarker, SecretItem},
};

/// A value that was found.
pub struct Found {
    pub secret: Secret,
    pub held: Held,
    pub number: u32,
    pub value: Plaintext,
}

/// What a reference came to.
pub type Looked = Result<Found>;

/// Opens what references name, as far as the caller may; nothing is counted or recorded yet. One
/// BatchGetItem for names, one for secrets, one for grants where the place alone does not decide,
/// and one for each fifty values.
///
/// # Errors
/// `directory_unavailable`, and those of the table; what is wrong with one reference is in its place.
pub async fn look_up(
    asker: &Asker<'_>,
    references: &[Reference],
    context: &Context,
) -> Result<Vec<Looked>> {
    let ids = targets(asker, references, context).await?;
    let secrets = secrets(asker, &ids).await?;
    let held = rights(asker, &secrets).await?;
    let now = asker.app.now();
    let mut decided: Vec<Result<(SecretId, u32)>> = Vec::with_capacity(references.len());
    for (reference, id) in references.iter().zip(&ids) {
        let found = id.and_then(|id| Some((secrets.get(&id)?, held.get(&id)?)));
        let decide = || {
            let (secret, held) = found.ok_or_else(not_found)?;
            if !asker.may_with::<SecretReveal>(held, Right::Read) {
                return Err(match asker.sees(held) {
                    true => Error::new(crate::codes::RIGHT_MISSING, "you may not read its value"),
                    false => not_found(),
                });
            }
            check_revealable(secret, now)?;
            Ok((secret.id, number_of(secret, reference.wanted)?))
        };
        decided.push(decide());
    }
    let wanted: Vec<(SecretId, u32)> =
        decided.iter().filter_map(|one| one.as_ref().ok().copied()).collect();
    let mut values = read_values(asker.app, &asker.tenant(), &wanted).await?.into_iter();
    let mut looked = Vec::with_capacity(references.len());
    for one in decided {
        looked.push(match one {
            Err(error) => Err(error),
            Ok((id, number)) => match (values.next(), secrets.get(&id), held.get(&id)) {
                (Some(Ok(value)), Some(secret), Some(held)) => {
                    Ok(Found { secret: secret.clone(), held: held.clone(), number, value })
                }
                (Some(Err(error)), ..) => Err(error),
                _ => Err(not_found()),
            },
        });
    }
    Ok(looked)
}

/// Which secret each reference means: an id, or the first place outwards that has the name.
async fn targets(
    asker: &Asker<'_>,
    references: &[Reference],
    context: &Context,
) -> Result<Vec<Option<SecretId>>> {
    let tenant = asker.tenant();
    let places: Vec<Place> = context.places(asker.caller.user());
    let mut keys: Vec<Key> = Vec::new();
    for reference in references {
        if let Target::Name(name) = &reference.target {
            keys.extend(places.iter().map(|place| NameMarker::at(&tenant, place, name)));
        }
    }
    keys.sort_unstable();
    keys.dedup();
    let mut markers: HashMap<(String, String), SecretId> = HashMap::new();
    for item in asker.app.store.get_many(&keys).await? {
        let id = item.decode::<NameMarker>()?.secret_id;
        markers.insert((item.partition_key().to_owned(), item.sort_key().to_owned()), id);
    }
    let target = |reference: &Reference| match &reference.target {
        Target::Id(id) => Some(*id),
        Target::Name(name) => places.iter().find_map(|place| {
            let key = NameMarker::at(&tenant, place, name);
            markers.get(&(key.partition().to_owned(), key.sort_key().to_owned())).copied()
        }),
    };
    Ok(references.iter().map(target).collect())
}

async fn secrets(asker: &Asker<'_>, ids: &[Option<SecretId>]) -> Result<HashMap<SecretId, Secret>> {
    let tenant = asker.tenant();
    let mut wanted: Vec<SecretId> = ids.iter().flatten().copied().collect();
    wanted.sort_unstable();
    wanted.dedup();
    let keys: Vec<Key> = wanted.iter().map(|id| SecretItem::place(&tenant, *id)).collect();
    let mut secrets = HashMap::new();
    for item in asker.app.store.get_many(&keys).await? {
        let secret = item.decode::<SecretItem>()?.summary;
        secrets.insert(secret.id, secret);
    }
    Ok(secrets)
}

/// What the caller may do with each. Grants are read by whom they name, where they can matter.
async fn rights(
    asker: &Asker<'_>,
    secrets: &HashMap<SecretId, Secret>,
) -> Result<HashMap<SecretId, Held>> {
    if asker.is_service {
        return by_bindings(asker, secrets).await;
    }
    let (tenant, now) = (asker.tenant(), asker.app.now());
    let mut standing = asker.standing();
    let mut undecided = Vec::new();
    for secret in secrets.values() {
        if !standing.rights_at(&secret.place()?).has(Right::Read) {
            undecided.push(secret.id);
        }
    }
    if !undecided.is_empty() && !standing.is_admin() && standing.user.is_some() {
        standing = asker.standing_with_teams().await?;
    }
    let mut grantees = Vec::new();
    match standing.user {
        Some(user) => grantees.push((GranteeType::User, user.to_string())),
        None => grantees.push((GranteeType::ServiceKey, asker.caller.actor().to_owned())),
    }
    let role = asker.caller.principal.role.as_deref().filter(|_| standing.user.is_some());
    grantees.extend(role.map(|role| (GranteeType::Role, role.to_owned())));
    let teams = standing.teams.reaching();
    grantees.extend(teams.iter().map(|team| (GranteeType::Team, team.to_string())));
    let mut keys: Vec<Key> = Vec::new();
    for id in undecided {
        let key =
            |(kind, grantee): &(GranteeType, String)| GrantItem::place(&tenant, id, *kind, grantee);
        keys.extend(grantees.iter().map(key));
    }
    let items = asker.app.store.get_many(&keys).await?;
    let grants: Result<Vec<Grant>> =
        items.iter().map(|item: &RawItem| Ok(item.decode::<GrantItem>()?.summary)).collect();
    let grants = grants?;
    let mut held = HashMap::new();
    for secret in secrets.values() {
        let own = grants.iter().filter(|g| g.secret_id == secret.id && g.holds_at(now));
        let place = secret.place()?;
        let decided = crate::authority::decide(&place, own, asker.caller.actor(), role, &standing);
        held.insert(secret.id, decided);
    }
    Ok(held)
}

/// A service may read what is bound to it. One Query each.
async fn by_bindings(
    asker: &Asker<'_>,
    secrets: &HashMap<SecretId, Secret>,
) -> Result<HashMap<SecretId, Held>> {
    let mut held = HashMap::new();
    for secret in secrets.values() {
        let query = BindingItem::all(&asker.tenant(), secret.id);
        let items = asker.app.store.collect(&query, 200).await?;
        let bindings: Result<Vec<Binding>> =
            items.iter().map(|item| Ok(item.decode::<BindingItem>()?.summary)).collect();
        held.insert(secret.id, asker.held(secret, &[], &bindings?).await?);
    }
    Ok(held)
}
