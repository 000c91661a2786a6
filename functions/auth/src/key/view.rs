//! Keys as they are shown.

use millwright_access::api_keys::{KeyId, KeyRecord, KeySummary};
use millwright_core::{OrgId, Timestamp, UserId, wire_enum};
use millwright_http::Representation;
use serde::Serialize;
use utoipa::ToSchema;

use crate::secret::Secret;

wire_enum! {
    /// Whether a key is good.
    pub enum KeyStatus {
        Active = "active",
        Expired = "expired",
        Revoked = "revoked",
    }
}

pub fn status_of(summary: &KeySummary, now: Timestamp) -> KeyStatus {
    if summary.revoked_at.is_some() {
        KeyStatus::Revoked
    } else if now >= summary.expires_at {
        KeyStatus::Expired
    } else {
        KeyStatus::Active
    }
}

/// An API key without its secret.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ApiKey)]
pub struct KeyView {
    #[schema(value_type = String)]
    pub id: KeyId,
    pub organization_id: OrgId,
    /// The owner of a personal key.
    pub user_id: Option<UserId>,
    pub name: String,
    pub description: String,
    pub prefix: String,
    pub scopes: Vec<String>,
    pub allowed_cidrs: Vec<String>,
    pub expires_at: Timestamp,
    pub status: KeyStatus,
    pub last_used_at: Option<Timestamp>,
    pub last_used_ip: Option<String>,
    pub created_at: Timestamp,
    pub created_by: String,
    pub rotated_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
    pub revoked_by: Option<String>,
    pub version: u64,
}

impl KeyView {
    pub fn of(summary: &KeySummary, version: u64, now: Timestamp) -> KeyView {
        let status = status_of(summary, now);
        let whole = summary.clone();
        KeyView {
            id: whole.id,
            organization_id: whole.organization_id,
            user_id: whole.user_id,
            name: whole.name,
            description: whole.description,
            prefix: whole.id.prefix(),
            scopes: whole.scopes,
            allowed_cidrs: whole.allowed_cidrs,
            expires_at: whole.expires_at,
            status,
            last_used_at: whole.last_used_at,
            last_used_ip: whole.last_used_ip,
            created_at: whole.created_at,
            created_by: whole.created_by,
            rotated_at: whole.rotated_at,
            revoked_at: whole.revoked_at,
            revoked_by: whole.revoked_by,
            version,
        }
    }

    pub fn of_record(record: &KeyRecord, now: Timestamp) -> KeyView {
        KeyView::of(&record.summary, record.version, now)
    }
}

impl Representation for KeyView {
    fn version(&self) -> u64 {
        self.version
    }

    fn location(&self) -> String {
        let kind = if self.user_id.is_some() { "api-keys" } else { "service-keys" };
        format!("/api/v1/auth/{kind}/{}", self.id)
    }
}

/// An API key with its secret, which is shown once.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ApiKeyWithSecret)]
pub struct FreshKey {
    #[serde(flatten)]
    pub view: KeyView,
    /// The whole key; null when the request is repeated.
    #[schema(value_type = Option<String>)]
    pub key: Secret,
}

impl Representation for FreshKey {
    fn version(&self) -> u64 {
        self.view.version
    }

    fn location(&self) -> String {
        self.view.location()
    }

    fn shown_once() -> &'static [&'static str] {
        &["key"]
    }
}
