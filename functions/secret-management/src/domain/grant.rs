//! Grants and bindings.

use millwright_core::{Error, FaultCode, Line, Result, RoleId, ServiceKeyId, TeamId, Text};
use millwright_core::{Timestamp, UserId, wire_enum};
use millwright_identity::SystemRole;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{BindingId, GrantId, Right, Rights, SecretId, SecretName, Standing};

wire_enum! {
    /// To whom rights are granted.
    pub enum GranteeType {
        User = "user",
        Team = "team",
        Role = "role",
        ServiceKey = "service_key",
    }
}

/// Why: at most 500 characters.
pub type GrantReason = Text<0, 500>;

/// Rights on one secret, for somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "id": "sgr_01jdz7xk2nf5h9vq3w8c6m4t0b",
    "secretId": "sec_01jdz7xk2nf5h9vq3w8c6m4t0b",
    "secretName": "db/main",
    "granteeType": "user",
    "granteeId": "usr_01jdz7xk2nf5h9vq3w8c6m4t0b",
    "rights": ["read"],
    "expiresAt": null,
    "reason": "on call",
    "version": 1,
    "createdAt": "2026-11-23T01:04:58.000Z",
    "createdBy": "usr_01jdz7xk2nf5h9vq3w8c6m4t0b",
    "updatedAt": "2026-11-23T01:04:58.000Z",
    "updatedBy": "usr_01jdz7xk2nf5h9vq3w8c6m4t0b",
}))]
pub struct Grant {
    pub id: GrantId,
    pub secret_id: SecretId,
    /// As it was called when the grant was made.
    pub secret_name: SecretName,
    pub grantee_type: GranteeType,
    pub grantee_id: String,
    pub rights: Vec<Right>,
    pub expires_at: Option<Timestamp>,
    #[schema(inline)]
    pub reason: GrantReason,
    pub version: u64,
    pub created_at: Timestamp,
    pub created_by: String,
    pub updated_at: Timestamp,
    pub updated_by: String,
}

impl Grant {
    pub fn rights(&self) -> Rights {
        Rights::of(&self.rights)
    }

    pub fn holds_at(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }

    /// True if it reaches who asks; `subject` is the caller's id, `role` the name or id of the role.
    pub fn reaches(&self, subject: &str, role: Option<&str>, standing: &Standing) -> bool {
        match self.grantee_type {
            GranteeType::User | GranteeType::ServiceKey => self.grantee_id == subject,
            GranteeType::Role => standing.user.is_some() && role == Some(self.grantee_id.as_str()),
            GranteeType::Team => {
                self.grantee_id.parse().is_ok_and(|team| standing.teams.covers(team))
            }
        }
    }
}

/// Checks the form of a grantee's id.
///
/// # Errors
/// `invalid_request`.
pub fn check_grantee(kind: GranteeType, id: &str) -> Result<()> {
    let wrong = match kind {
        GranteeType::User => id.parse::<UserId>().err(),
        GranteeType::Team => id.parse::<TeamId>().err(),
        GranteeType::ServiceKey => id.parse::<ServiceKeyId>().err(),
        GranteeType::Role if id.parse::<SystemRole>().is_ok() => None,
        GranteeType::Role => id.parse::<RoleId>().err(),
    };
    match wrong {
        None => Ok(()),
        Some(wrong) => Err(Error::fault("/granteeId", wrong.code, wrong.detail)),
    }
}

/// Different rights, at least one, in their order.
///
/// # Errors
/// `invalid_request`.
pub fn rights_of(mut given: Vec<Right>) -> Result<Vec<Right>> {
    if given.is_empty() {
        return Err(Error::fault("/rights", FaultCode::TooShort, "must name at least one right"));
    }
    let place = |right: &Right| Right::ALL.iter().position(|one| one == right);
    given.sort_by_key(place);
    given.dedup();
    Ok(given)
}

/// What uses a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Binding {
    pub id: BindingId,
    pub secret_id: SecretId,
    /// The service that may reveal it, as its crate is called.
    pub service: Line<1, 50>,
    #[schema(inline)]
    pub resource_type: Line<1, 50>,
    #[schema(inline)]
    pub resource_id: Line<1, 100>,
    #[schema(inline)]
    pub resource_name: Line<0, 200>,
    pub version: u64,
    pub created_at: Timestamp,
    /// On whose behalf.
    pub created_by: String,
    pub last_used_at: Option<Timestamp>,
}
