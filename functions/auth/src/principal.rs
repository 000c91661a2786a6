//! Who the caller is, as the service sees it.

use axum::extract::State;
use millwright_core::{OrgId, Timestamp, UserId, wire_enum};
use millwright_http::{Answered, Authenticated, Plain};
use millwright_identity::{Grants, Principal};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::Auth;

wire_enum! {
    /// What a credential belongs to.
    pub enum PrincipalKind {
        User = "user",
        PersonalKey = "personal_key",
        ServiceKey = "service_key",
    }
}

/// The caller.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PrincipalView {
    pub kind: PrincipalKind,
    /// Null for service keys.
    pub user_id: Option<UserId>,
    pub organization_id: Option<OrgId>,
    /// A built-in role, or the id of a custom one.
    pub role: Option<String>,
    /// Permission patterns of a custom role or a key; null for a built-in role.
    pub permissions: Option<Vec<String>>,
    pub session_id: Option<String>,
    pub key_id: Option<String>,
    /// When somebody last signed in.
    pub auth_time: Option<Timestamp>,
    /// The credential is good until then; null for API keys.
    pub expires_at: Option<Timestamp>,
}

fn patterns(grants: &Grants) -> Option<Vec<String>> {
    match grants {
        Grants::Role(_) => None,
        Grants::Patterns(patterns) | Grants::Scoped { scopes: patterns, .. } => {
            Some(patterns.iter().map(ToString::to_string).collect())
        }
        Grants::Nothing => Some(Vec::new()),
    }
}

impl PrincipalView {
    fn of(principal: &Principal) -> PrincipalView {
        let kind = match (principal.user(), &principal.key_id) {
            (None, _) => PrincipalKind::ServiceKey,
            (Some(_), Some(_)) => PrincipalKind::PersonalKey,
            (Some(_), None) => PrincipalKind::User,
        };
        let ends = principal.expires_at > Timestamp::UNIX_EPOCH;
        PrincipalView {
            kind,
            user_id: principal.user(),
            organization_id: principal.tenant.and_then(|tenant| tenant.organization()),
            role: principal.role.clone(),
            permissions: patterns(&principal.grants),
            session_id: principal.session_id.clone(),
            key_id: principal.key_id.clone(),
            auth_time: principal.signed_in_at,
            expires_at: ends.then_some(principal.expires_at),
        }
    }
}

/// Read the caller
///
/// What the credential of this request says. No call of its own.
#[utoipa::path(get, path = "/api/v1/auth/me", tag = "Tokens")]
pub async fn principal_get(
    caller: Authenticated,
    State(_): State<Auth>,
) -> Answered<Plain<PrincipalView>> {
    Ok(Plain(PrincipalView::of(&caller.principal)))
}
