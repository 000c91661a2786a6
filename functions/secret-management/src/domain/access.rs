//! Records of accesses.

use millwright_core::{Timestamp, wire_enum};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{AccessId, BindingId, DAY, SecretId};

wire_enum! {
    /// What sort of caller.
    pub enum ActorType {
        User = "user",
        ApiKey = "api_key",
        ServiceKey = "service_key",
        Service = "service",
        Operator = "operator",
        System = "system",
    }
}

wire_enum! {
    /// What came of it.
    pub enum AccessOutcome {
        Success = "success",
        Denied = "denied",
        Failed = "failed",
    }
}

/// How long records are kept.
pub const ACCESS_RETENTION: std::time::Duration =
    std::time::Duration::from_secs(400 * DAY.as_secs());

/// Somebody did something with a secret. Never a value, hint or digest, nor the length of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Access {
    pub id: AccessId,
    pub at: Timestamp,
    pub actor_type: ActorType,
    pub actor_id: String,
    /// The operation.
    pub action: String,
    pub outcome: AccessOutcome,
    pub secret_id: Option<SecretId>,
    pub secret_name: Option<String>,
    pub value_version: Option<u32>,
    pub binding_id: Option<BindingId>,
    pub reason: Option<String>,
    pub request_id: String,
    pub ip: Option<String>,
    pub user_agent: Option<String>,
    pub error_code: Option<String>,
}
