//! Deleting, restoring and destroying versions by their numbers.

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Error, FaultCode, Faults, Result, codes as shared_codes};
use millwright_http::{Answered, Asking, Body, Entitled};
use utoipa::ToSchema;

use super::{KvAddress, KvDone};
use crate::{
    app::SecretManagement,
    authority::Asker,
    domain::Right,
    permissions::SecretDelete,
    version::{Fate, meet},
};

/// Which versions.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults)]
#[schema(example = json!({ "versions": [1] }))]
pub struct KvVersionsIn {
    /// 1-100 numbers; unknown ones are skipped.
    #[schema(min_items = 1, max_items = 100)]
    versions: Vec<u32>,
}

async fn each(
    asker: &Asker<'_>,
    address: &KvAddress,
    input: &KvVersionsIn,
    fate: Fate,
    action: &'static str,
) -> Result<KvDone> {
    if input.versions.is_empty() || input.versions.len() > 100 {
        let detail = "must have 1 to 100 numbers";
        return Err(Error::fault("/versions", FaultCode::TooLong, detail));
    }
    let id = address.id::<SecretDelete>(asker).await?;
    asker.demand::<SecretDelete>(id, Right::Delete).await?;
    for number in &input.versions {
        match meet(asker, id, *number, fate, action).await {
            Err(error) if error.is(shared_codes::NOT_FOUND) => {}
            // What is gone for ever is neither deleted nor restored; the dialect does not mind.
            Err(error) if error.is(crate::codes::VERSION_DESTROYED) => {}
            outcome => outcome.map(drop)?,
        }
    }
    Ok(KvDone)
}

/// Delete versions as KV v2
///
/// They can be restored. For each number what deleting a version takes, one read more.
#[utoipa::path(post, path = "/api/v1/secrets/kv/v1/{mount}/delete/{*path}", tag = "KV v2")]
pub async fn kv_versions_delete(
    caller: Entitled<SecretDelete>,
    State(app): State<SecretManagement>,
    asking: Asking,
    address: KvAddress,
    Body(input): Body<KvVersionsIn>,
) -> Answered<KvDone> {
    let asker = Asker::of(&app, &caller, &asking);
    Ok(each(&asker, &address, &input, Fate::Delete, "kv_versions_delete").await?)
}

/// Restore versions as KV v2
///
/// For each number what restoring a version takes, one read more.
#[utoipa::path(post, path = "/api/v1/secrets/kv/v1/{mount}/undelete/{*path}", tag = "KV v2")]
pub async fn kv_versions_undelete(
    caller: Entitled<SecretDelete>,
    State(app): State<SecretManagement>,
    asking: Asking,
    address: KvAddress,
    Body(input): Body<KvVersionsIn>,
) -> Answered<KvDone> {
    let asker = Asker::of(&app, &caller, &asking);
    Ok(each(&asker, &address, &input, Fate::Restore, "kv_versions_undelete").await?)
}

/// Destroy versions as KV v2
///
/// Their values are gone for ever; the current one is refused. For each number what destroying a
/// version takes, one read more.
#[utoipa::path(post, path = "/api/v1/secrets/kv/v1/{mount}/destroy/{*path}", tag = "KV v2")]
pub async fn kv_versions_destroy(
    caller: Entitled<SecretDelete>,
    State(app): State<SecretManagement>,
    asking: Asking,
    address: KvAddress,
    Body(input): Body<KvVersionsIn>,
) -> Answered<KvDone> {
    let asker = Asker::of(&app, &caller, &asking);
    Ok(each(&asker, &address, &input, Fate::Destroy, "kv_versions_destroy").await?)
}
