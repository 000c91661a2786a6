//! Metadata and folders.

use std::collections::BTreeSet;

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Bounded, Error, FaultCode, Faults, Result};
use millwright_http::{Answered, Asking, Body, Entitled, Flag, Parameters, PathParameter};
use millwright_store::{Contention, Query};
use serde_json::{Map, Value, json};
use utoipa::{IntoParams, ToSchema};

use super::{KvAddress, KvAnswer, KvDone, KvMount, version_of};
use crate::{
    app::SecretManagement,
    authority::Asker,
    domain::{Metadata, Right},
    events::{SecretData, SecretUpdated},
    permissions::{SecretDelete, SecretRead, SecretUpdate},
    secret::{check_most, check_present, delete, replace},
    store::{NameMarker, VersionItem},
};

/// Read or list.
#[derive(Debug, Deserr, IntoParams)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct KvListParameters {
    /// The names directly below this path instead of its metadata.
    #[deserr(default)]
    #[param(value_type = Option<bool>)]
    list: Flag,
}

/// The newest rows that are shown.
const MAX_VERSIONS: usize = 1_000;
/// The most names below a folder.
const MAX_KEYS: usize = 1_000;
/// As many secrets as an organization has.
const MAX_NAMES: usize = 10_000;

/// Read metadata as KV v2
///
/// With `list=true` (or the verb LIST, where gateways let it through) the names and folders directly
/// below. One read and two queries; a list is one query for each megabyte of names.
#[utoipa::path(get, path = "/api/v1/secrets/kv/v1/{mount}/metadata/{*path}", tag = "KV v2")]
pub async fn kv_metadata_read(
    caller: Entitled<SecretRead>,
    State(app): State<SecretManagement>,
    asking: Asking,
    address: KvAddress,
    Parameters(parameters): Parameters<KvListParameters>,
) -> Answered<KvAnswer> {
    let asker = Asker::of(&app, &caller, &asking);
    if parameters.list.0 {
        let folder = format!("{}/", address.name);
        return Ok(keys(&asker, &address.mount, &folder).await?);
    }
    let id = address.id::<SecretRead>(&asker).await?;
    let (loaded, _) = asker.demand_sight(id).await?;
    let rows = app.store.collect(&VersionItem::all(&caller.tenant(), id), MAX_VERSIONS).await?;
    let versions: Result<Vec<(String, Value)>> =
        rows.iter().map(|item| Ok(version_of(item.decode()?))).collect();
    let versions: Map<String, Value> = versions?.into_iter().collect();
    let secret = &loaded.secret;
    let data = json!({
        "cas_required": secret.cas_required,
        "created_time": secret.created_at,
        "current_version": secret.current_version,
        "custom_metadata": (!secret.metadata.0.is_empty()).then_some(&secret.metadata),
        "delete_version_after": "0s",
        "max_versions": secret.max_versions,
        "oldest_version": loaded.inside.kept.first(),
        "updated_time": secret.value_changed_at,
        "versions": versions,
    });
    Ok(KvAnswer::new(&caller, data))
}

/// List names as KV v2
///
/// The names and folders directly below a mount, with or without `list=true`. One query for each
/// megabyte of names.
#[utoipa::path(get, path = "/api/v1/secrets/kv/v1/{mount}/metadata", tag = "KV v2")]
pub async fn kv_metadata_list(
    caller: Entitled<SecretRead>,
    State(app): State<SecretManagement>,
    asking: Asking,
    PathParameter((mount,)): PathParameter<(KvMount,)>,
    Parameters(_): Parameters<KvListParameters>,
) -> Answered<KvAnswer> {
    let asker = Asker::of(&app, &caller, &asking);
    Ok(keys(&asker, &mount, "").await?)
}

/// Names and folders directly below, sorted.
async fn keys(asker: &Asker<'_>, mount: &KvMount, folder: &str) -> Result<KvAnswer> {
    if !asker.caller.may::<SecretRead>() {
        return Err(asker.absent::<SecretRead>().await);
    }
    let place = mount.place(asker.caller)?;
    let mut standing = asker.standing();
    if standing.needs_teams(&place) {
        standing = asker.standing_with_teams().await?;
    }
    if !standing.rights_at(&place).sees_metadata() {
        return Err(Error::not_found("mount"));
    }
    let partition = NameMarker::partition(&asker.tenant(), &place);
    let mut query = Query::partition(partition);
    if !folder.is_empty() {
        query = query.starting_with(folder);
    }
    let mut keys = BTreeSet::new();
    for item in asker.app.store.collect(&query, MAX_NAMES).await? {
        let rest = item.sort_key().strip_prefix(folder).unwrap_or_default();
        keys.insert(match rest.split_once('/') {
            Some((first, _)) => format!("{first}/"),
            None => rest.to_owned(),
        });
    }
    if keys.is_empty() {
        return Err(Error::not_found("folder"));
    }
    if keys.len() > MAX_KEYS {
        let detail = format!("has more than {MAX_KEYS} names: list a narrower path");
        return Err(Faults::of(millwright_core::Fault::new(
            "path:path",
            FaultCode::TooLarge,
            detail,
        ))
        .into());
    }
    Ok(KvAnswer::new(asker.caller, json!({ "keys": keys })))
}

/// How a secret is kept.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults)]
#[schema(example = json!({ "max_versions": 10, "custom_metadata": { "owner": "web" } }))]
pub struct KvMetadataIn {
    /// 2-100; 0 for the default.
    #[deserr(default)]
    max_versions: Option<u32>,
    #[deserr(default)]
    cas_required: Option<bool>,
    #[deserr(default)]
    #[schema(inline)]
    custom_metadata: Option<Metadata>,
    /// Only `0s`: versions do not end by themselves.
    #[deserr(default)]
    delete_version_after: Option<String>,
}

/// Change metadata as KV v2
///
/// Also by PUT. One read, one query and one transaction of three items.
#[utoipa::path(post, path = "/api/v1/secrets/kv/v1/{mount}/metadata/{*path}", tag = "KV v2")]
pub async fn kv_metadata_update(
    caller: Entitled<SecretUpdate>,
    State(app): State<SecretManagement>,
    asking: Asking,
    address: KvAddress,
    Body(input): Body<KvMetadataIn>,
) -> Answered<KvDone> {
    let asker = Asker::of(&app, &caller, &asking);
    let after = input.delete_version_after.as_deref();
    if !matches!(after, None | Some("0s" | "0" | "0h0m0s" | "")) {
        let detail = "must be 0s: versions do not end by themselves";
        return Err(Error::fault("/delete_version_after", FaultCode::NotAllowed, detail).into());
    }
    let max_versions = match input.max_versions {
        None => None,
        Some(0) => Some(20),
        Some(number) => {
            let fits = Bounded::<2, 100>::new(number.into());
            let fits =
                fits.map_err(|wrong| Error::fault("/max_versions", wrong.code, wrong.detail));
            Some(fits?.get())
        }
    };
    let attempt = || async {
        let id = address.id::<SecretUpdate>(&asker).await?;
        let (loaded, _) = asker.demand::<SecretUpdate>(id, Right::Update).await?;
        check_present(&loaded.secret)?;
        let mut next = loaded.secret.clone();
        next.max_versions = max_versions.unwrap_or(next.max_versions);
        if next.max_versions != loaded.secret.max_versions {
            check_most(next.max_versions, loaded.inside.most_versions(&loaded.secret))?;
        }
        next.cas_required = input.cas_required.unwrap_or(next.cas_required);
        if let Some(metadata) = &input.custom_metadata {
            next.metadata.clone_from(metadata);
        }
        if next == loaded.secret {
            return Ok(KvDone);
        }
        let next = next.stamped(app.stamp(&caller));
        let mut write = caller.write(&app.store);
        replace(&mut write, &next, &loaded.inside, loaded.secret.version)?;
        write.put(&asker.record("kv_metadata_update", Some(&next)));
        write.emit(&SecretUpdated(SecretData::between(&loaded.secret, &next)))?;
        write.commit(millwright_http::NoContent).await.map(|_| KvDone)
    };
    Ok(Contention::new(&app.store).settle(&app.store, attempt).await?)
}

/// Delete a secret as KV v2
///
/// Restorable by this API for 30 days. One read more than deleting a secret.
#[utoipa::path(delete, path = "/api/v1/secrets/kv/v1/{mount}/metadata/{*path}", tag = "KV v2")]
pub async fn kv_metadata_delete(
    caller: Entitled<SecretDelete>,
    State(app): State<SecretManagement>,
    asking: Asking,
    address: KvAddress,
) -> Answered<KvDone> {
    let asker = Asker::of(&app, &caller, &asking);
    let id = address.id::<SecretDelete>(&asker).await?;
    delete(&asker, id, None, false, "kv_metadata_delete").await?;
    Ok(KvDone)
}
