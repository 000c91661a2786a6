//! Keys seen, changed, revoked.

use deserr::Deserr;
use millwright_access::api_keys::{KeyId, KeyRecord, KeySummary};
use millwright_core::{Change, Error, Faults, Patch, Result, Tenant, UserId, codes};
use millwright_http::{Caller, IfMatch, Listed, Listing, NoContent, Versioned};
use millwright_store::{Contention, Query};
use utoipa::IntoParams;

use super::{
    Owner,
    create::{kind, slots, slots_in, taken},
    found,
    input::{KeyPatchIn, checked_networks, checked_scopes},
    view::{KeyStatus, KeyView, status_of},
    withdraw::{Withdrawal, withdraw},
};
use crate::{
    app::Auth,
    events::{ApiKeyUpdated, KeyReach},
    store::KeySlot,
    vouch,
};

/// Which keys.
#[derive(Debug, Deserr, IntoParams)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct KeyFilters {
    #[deserr(default)]
    #[param(required = false, inline)]
    pub status: Option<KeyStatus>,
}

/// A page of keys. One query, eventually consistent.
pub async fn list<F>(
    app: &Auth,
    query: Query,
    listing: Listing<F>,
    status: Option<KeyStatus>,
) -> Result<Listed<KeyView>> {
    let now = app.clock().now();
    let (limit, from) = (listing.limit, listing.from.as_ref());
    let page = app.store.filtered_page(&query, limit, from, status.is_some(), |item| {
        let summary: KeySummary = item.decode_attribute("summary")?;
        let is_wanted = status.is_none_or(|it| it == status_of(&summary, now));
        let version = item.version().unwrap_or_default();
        Ok(is_wanted.then(|| KeyView::of(&summary, version, now)))
    });
    let page = page.await?;
    listing.page(page.items, page.next).await
}

/// One GetItem.
pub async fn get(
    app: &Auth,
    caller: &Caller,
    owner: Owner,
    id: KeyId,
) -> Result<Versioned<KeyView>> {
    let record = found(&app.store, &caller.tenant(), owner, id).await?;
    Ok(Versioned(KeyView::of_record(&record, app.clock().now())))
}

/// What a key can do.
pub fn reach(record: &KeyRecord) -> KeyReach {
    let KeySummary { scopes, allowed_cidrs, .. } = record.summary.clone();
    KeyReach { scopes, allowed_cidrs }
}

/// An active key, or why it cannot be changed.
pub fn active(record: &KeyRecord, now: millwright_core::Timestamp) -> Result<()> {
    match status_of(&record.summary, now) {
        KeyStatus::Active => Ok(()),
        status => {
            let detail = "the key is over: create a new one";
            Err(Error::new(codes::INVALID_STATE, detail).with("keyStatus", status.as_str()))
        }
    }
}

/// Changes a key. Two GetItem and one transaction of at most three items.
pub async fn update(
    app: &Auth,
    caller: &Caller,
    owner: Owner,
    (id, if_match, patch): (KeyId, IfMatch, KeyPatchIn),
) -> Result<Versioned<KeyView>> {
    let scopes = match &patch.scopes {
        Change::Keep => Change::Keep,
        Change::Set(texts) => Change::Set(checked_scopes(texts, caller, &app.catalogue)?),
    };
    let networks = match &patch.allowed_cidrs {
        Patch::Set(texts) => Patch::Set(checked_networks(texts)?),
        Patch::Keep => Patch::Keep,
        Patch::Clear => Patch::Clear,
    };
    let attempt = || async {
        let now = app.clock().now();
        let before = found(&app.store, &caller.tenant(), owner, id).await?;
        if_match.check(before.version)?;
        active(&before, now)?;
        let mut after = before.clone();
        let summary = &mut after.summary;
        if let Change::Set(name) = &patch.name {
            summary.name = name.as_str().to_owned();
        }
        match &patch.description {
            Patch::Keep => {}
            Patch::Clear => summary.description.clear(),
            Patch::Set(text) => summary.description = text.as_str().to_owned(),
        }
        scopes.clone().apply_to(&mut summary.scopes);
        networks.clone().apply_or_default(&mut summary.allowed_cidrs);
        let mut write = caller.write(&app.store);
        if after == before {
            return write.commit(Versioned(KeyView::of_record(&before, now))).await;
        }
        after.version += 1;
        let step = write.replace(&after, before.version);
        write.refused_as(step, Error::lost_race());
        if after.summary.name != before.summary.name {
            let slots = slots(app, caller, owner).await?;
            let folded_name = after.summary.name.to_lowercase();
            let slot = KeySlot { id, folded_name, expires_at: after.summary.expires_at };
            let step = write.put_when(&taken(&slots, slot, now)?, slots.unchanged());
            write.refused_as(step, Error::lost_race());
        }
        write.emit(&ApiKeyUpdated {
            key_id: id.to_string(),
            kind: kind(owner),
            user_id: after.summary.user_id,
            name: after.summary.name.clone(),
            prefix: id.prefix(),
            before: reach(&before),
            after: reach(&after),
        })?;
        write.commit(Versioned(KeyView::of_record(&after, now))).await
    };
    Contention::new(&app.store).settle(&app.store, attempt).await
}

/// Revokes a key; one that is over already stays so. Two GetItem and one transaction of five
/// items.
pub async fn revoke(app: &Auth, caller: &Caller, owner: Owner, id: KeyId) -> Result<NoContent> {
    revoke_in(app, caller, (&caller.tenant(), owner, id)).await.map(|_| NoContent)
}

/// Revokes a key in an organization; false if it was over already.
async fn revoke_in(
    app: &Auth,
    caller: &Caller,
    (organization, owner, id): (&Tenant, Owner, KeyId),
) -> Result<bool> {
    let attempt = || async {
        let now = app.clock().now();
        let record = found(&app.store, organization, owner, id).await?;
        if status_of(&record.summary, now) != KeyStatus::Active {
            return Ok(false);
        }
        let slots = slots_in(app, organization, owner).await?;
        let mut write = caller.write(&app.store);
        write.within(organization, |effects| {
            let withdrawal = Withdrawal { by: caller.actor(), reason: None, removed_at: None };
            withdraw(effects, vec![record], &withdrawal)?;
            let step = effects.put_when(&slots.without(&[id]), slots.unchanged());
            effects.refused_as(step, Error::lost_race());
            Ok::<_, Error>(())
        })?;
        write.commit(NoContent).await.map(|_| true)
    };
    Contention::new(&app.store).settle(&app.store, attempt).await
}

/// Revokes every personal key of a person, wherever they belong or belonged. How many there were.
/// One query of memberships, one for each of them, and two GetItem and one transaction for each
/// key.
///
/// # Errors
/// As [`revoke`]; what was revoked stays so.
pub async fn revoke_personal_keys(app: &Auth, caller: &Caller, user: UserId) -> Result<usize> {
    let (_, memberships) = app.facts.person(user).await?;
    let owner = Owner::Person(user);
    let mut revoked = 0;
    for membership in memberships {
        let organization = vouch::organization(membership.organization_id);
        for slot in slots_in(app, &organization, owner).await?.keys {
            let place = (&organization, owner, slot.id);
            revoked += usize::from(revoke_in(app, caller, place).await?);
        }
    }
    Ok(revoked)
}
