//! A new key.

use millwright_access::{
    api_keys::{KeyId, KeyRecord, KeySummary, SecretHash, secret_hash, written},
    facts::OrganizationFacts,
};
use millwright_core::{Error, Result, Tenant, codes};
use millwright_http::{Caller, Created, Submission};
use millwright_store::{Contention, Transaction};

use super::{
    Owner,
    input::{KeyIn, checked_expiry, checked_networks, checked_scopes},
    view::{FreshKey, KeyView},
};
use crate::{
    app::Auth,
    codes::{API_KEYS_DISABLED, KEY_LIMIT_REACHED},
    events::{ApiKeyCreated, KeyKind, KeyReach},
    secret::Secret,
    store::{ExpiryMark, KeySlot, KeySlots, Limit, count_within, slots_key},
};

/// Active keys of a person in an organization, and of an organization itself.
const MAX_PERSONAL: usize = 20;
const MAX_SERVICE: usize = 50;

pub fn kind(owner: Owner) -> KeyKind {
    match owner {
        Owner::Person(_) => KeyKind::Personal,
        Owner::Organization => KeyKind::Service,
    }
}

/// What the organization says of keys. One GetItem of facts.
///
/// # Errors
/// `not_found` for an organization that is not there; `api_keys_disabled`.
pub async fn organization(app: &Auth, caller: &Caller, owner: Owner) -> Result<OrganizationFacts> {
    let place = OrganizationFacts::place(&caller.tenant());
    let facts = app.facts.organization(&place).await?;
    let facts = facts.ok_or_else(|| Error::not_found("organization"))?;
    if matches!(owner, Owner::Person(_)) && !facts.personal_api_keys_allowed {
        let detail = "the organization forbids personal API keys";
        return Err(Error::new(API_KEYS_DISABLED, detail));
    }
    Ok(facts)
}

/// Creates a key. One GetItem of facts, one GetItem, one transaction of five items.
pub async fn create(
    app: &Auth,
    caller: &Caller,
    owner: Owner,
    submission: Submission<KeyIn>,
) -> Result<Created<FreshKey>> {
    let now = app.clock().now();
    let input = &submission.input;
    let scopes = checked_scopes(&input.scopes, caller, &app.catalogue)?;
    let allowed_cidrs = checked_networks(&input.allowed_cidrs)?;
    let facts = organization(app, caller, owner).await?;
    let expires_at = checked_expiry(input.expires_at, &facts, now)?;
    let (id, user_id) = match owner {
        Owner::Person(user) => (KeyId::Personal(app.store.ids().next()), Some(user)),
        Owner::Organization => (KeyId::Service(app.store.ids().next()), None),
    };
    let secret = Secret::random(app.store.ids());
    let record = KeyRecord {
        version: 1,
        summary: KeySummary {
            id,
            organization_id: facts.organization_id,
            user_id,
            name: input.name.as_str().to_owned(),
            description: input.description.as_str().to_owned(),
            scopes: scopes.clone(),
            allowed_cidrs: allowed_cidrs.clone(),
            expires_at,
            last_used_at: None,
            last_used_ip: None,
            created_at: now,
            created_by: caller.actor().to_owned(),
            rotated_at: None,
            revoked_at: None,
            revoked_by: None,
        },
        secrets: vec![SecretHash { hash: secret_hash(secret.expose()), until: None }],
        removed_at: None,
    };
    let slot = KeySlot { id, folded_name: record.summary.name.to_lowercase(), expires_at };
    let attempt = || async {
        let slots = slots(app, caller, owner).await?;
        let next = taken(&slots, slot.clone(), now)?;
        let mut write = submission.write(&app.store, caller);
        let step = write.put_when(&next, slots.unchanged());
        write.refused_as(step, Error::lost_race());
        write.create(&record);
        announce_expiry(&mut write, &record.summary);
        count_within(&mut write, Limit::KEYS, caller.actor());
        write.emit(&ApiKeyCreated {
            key_id: id.to_string(),
            kind: kind(owner),
            user_id,
            name: record.summary.name.clone(),
            prefix: id.prefix(),
            after: KeyReach { scopes: scopes.clone(), allowed_cidrs: allowed_cidrs.clone() },
        })?;
        let key = Secret::new(written(&id, secret.expose()));
        let view = KeyView::of_record(&record, now);
        write.commit(Created(FreshKey { view, key })).await
    };
    Contention::new(&app.store).settle(&app.store, attempt).await
}

/// Sees to it that somebody is told in time; of a key that lives for a few days only, nobody is.
pub fn announce_expiry(transaction: &mut Transaction, summary: &KeySummary) {
    let mark = ExpiryMark::of(summary);
    if !mark.is_due(transaction.store().clock().now()) {
        transaction.put(&mark);
    }
}

/// The keys that count. One GetItem.
pub async fn slots(app: &Auth, caller: &Caller, owner: Owner) -> Result<KeySlots> {
    slots_in(app, &caller.tenant(), owner).await
}

/// As [`slots`], in any organization.
pub async fn slots_in(app: &Auth, organization: &Tenant, owner: Owner) -> Result<KeySlots> {
    let found = app.store.get(&slots_key(organization, owner)).await?;
    Ok(found.unwrap_or_else(|| KeySlots::none(owner)))
}

/// The slots with this one: a new key, or another name of one. Those that have expired are free.
///
/// # Errors
/// `name_taken`, `key_limit_reached`.
pub fn taken(slots: &KeySlots, slot: KeySlot, now: millwright_core::Timestamp) -> Result<KeySlots> {
    let is_other = |it: &&KeySlot| it.id != slot.id && now < it.expires_at;
    let mut keys: Vec<KeySlot> = slots.keys.iter().filter(is_other).cloned().collect();
    if keys.iter().any(|it| it.folded_name == slot.folded_name) {
        return Err(Error::new(codes::NAME_TAKEN, "another key has this name"));
    }
    let most = match slots.owner {
        Owner::Person(_) => MAX_PERSONAL,
        Owner::Organization => MAX_SERVICE,
    };
    if keys.len() >= most {
        let detail = format!("at most {most} active keys: revoke one");
        return Err(Error::new(KEY_LIMIT_REACHED, detail).with("max", most));
    }
    keys.push(slot);
    Ok(KeySlots { owner: slots.owner, keys, version: slots.version + 1 })
}
