//! Who a client of the dialect is.

use axum::extract::State;
use millwright_http::{Answered, Asking, Entitled};
use serde_json::json;

use super::KvAnswer;
use crate::{app::SecretManagement, authority::Asker, permissions::SecretRead};

/// Look up the KV v2 token
///
/// Enough for a client to see that it is signed in. No calls.
#[utoipa::path(get, path = "/api/v1/secrets/kv/v1/auth/token/lookup-self", tag = "KV v2")]
pub async fn kv_token_lookup(
    caller: Entitled<SecretRead>,
    State(app): State<SecretManagement>,
    asking: Asking,
) -> Answered<KvAnswer> {
    let asker = Asker::of(&app, &caller, &asking);
    if !caller.may::<SecretRead>() {
        return Err(asker.absent::<SecretRead>().await.into());
    }
    let expires_at = caller.principal.expires_at;
    let data = json!({
        "accessor": "",
        "creation_ttl": 0,
        "display_name": caller.actor(),
        "entity_id": caller.actor(),
        "expire_time": expires_at,
        "explicit_max_ttl": 0,
        "meta": null,
        "num_uses": 0,
        "orphan": true,
        "path": "auth/token",
        "policies": [caller.principal.role.as_deref().unwrap_or("default")],
        "renewable": false,
        "ttl": expires_at.since(app.now()).as_secs(),
        "type": "service",
    });
    Ok(KvAnswer::new(&caller, data))
}
