//! How the secrets of an organization stand.

use axum::extract::State;
use millwright_http::{Allowed, Answered, Plain};

use crate::{app::SecretManagement, domain::Posture, permissions::PostureRead, store::PostureItem};

/// Read how secrets stand
///
/// Counts and the first 100 ids each, as of the last daily look. One read.
#[utoipa::path(get, path = "/api/v1/secrets/posture", tag = "Settings")]
pub async fn posture_get(
    caller: Allowed<PostureRead>,
    State(app): State<SecretManagement>,
) -> Answered<Plain<Posture>> {
    let found: Option<PostureItem> = app.store.get(&PostureItem::place(&caller.tenant())).await?;
    Ok(Plain(found.and_then(|item| item.report).unwrap_or_default()))
}
