//! Settings of an organization.

use millwright_core::{Timestamp, wire_enum};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Scope;

wire_enum! {
    /// Where values are kept.
    pub enum Backend {
        Internal = "internal",
        AwsSecretsManager = "aws_secrets_manager",
    }
}

/// One per organization; these are the defaults until somebody changes them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    pub default_backend: Backend,
    pub allowed_backends: Vec<Backend>,
    /// The last four characters of API keys are shown to who reads one.
    pub show_hints: bool,
    pub require_reveal_reason: bool,
    pub default_expiry_reminder_days: Vec<u32>,
    /// Values a minute.
    pub reveals_per_minute_user: u32,
    /// Values a minute; also of each service.
    pub reveals_per_minute_service_key: u32,
    /// In which scopes members may create secrets.
    pub member_may_create: Vec<Scope>,
    pub version: u64,
    pub updated_at: Option<Timestamp>,
    pub updated_by: Option<String>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            default_backend: Backend::Internal,
            allowed_backends: vec![Backend::Internal],
            show_hints: true,
            require_reveal_reason: false,
            default_expiry_reminder_days: vec![30, 14, 7, 1],
            reveals_per_minute_user: 100,
            reveals_per_minute_service_key: 600,
            member_may_create: vec![Scope::User, Scope::Team, Scope::Project],
            version: 0,
            updated_at: None,
            updated_by: None,
        }
    }
}
