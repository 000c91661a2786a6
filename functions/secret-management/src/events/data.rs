//! What events carry.

use millwright_core::{OrgId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::domain::{
    ActorType, Binding, BindingId, DataKeyId, DeletedBecause, Environment, Grant, GrantId,
    GranteeType, ImportFormat, Origin, Policy, Right, Rotation, RotationId, Scope, Secret,
    SecretId, SecretName, SecretType, Settings, Stage,
};

/// What all events of a secret say.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct About {
    pub secret_id: SecretId,
    pub name: SecretName,
    #[serde(rename = "type")]
    pub kind: SecretType,
    pub scope: Scope,
    pub scope_id: Option<String>,
    pub environment: Option<Environment>,
}

/// The id of the secret: the subject of its events.
impl std::fmt::Display for About {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.secret_id.fmt(f)
    }
}

impl About {
    fn of(secret: &Secret) -> About {
        About {
            secret_id: secret.id,
            name: secret.name.clone(),
            kind: secret.kind,
            scope: secret.scope,
            scope_id: secret.scope_id.clone(),
            environment: secret.environment.clone(),
        }
    }
}

/// A changed field, with what it was and is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FieldChange {
    pub field: String,
    pub from: Value,
    pub to: Value,
}

/// The named fields that differ, as they are in JSON.
fn changes(before: &impl Serialize, after: &impl Serialize, fields: &[&str]) -> Vec<FieldChange> {
    let (before, after) = (json!(before), json!(after));
    let change = |field: &&str| FieldChange {
        field: (*field).to_owned(),
        from: before[*field].clone(),
        to: after[*field].clone(),
    };
    fields.iter().map(change).collect()
}

/// What uses a secret, and on whose behalf it was bound.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BoundData {
    pub binding_id: BindingId,
    pub service: String,
    pub resource_type: String,
    pub resource_id: String,
    pub created_by: String,
}

macro_rules! about {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty,)* })+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "camelCase")]
        pub struct $name {
            #[serde(flatten)]
            pub about: About,
            $(pub $field: $type,)*
        }

    )+};
}

about! {
    /// What happened to a secret.
    SecretData { changes: Vec<FieldChange>, because: Option<DeletedBecause>, }
    /// Why a secret was deleted, and what used it then.
    DeletionData { because: Option<DeletedBecause>, bindings: Vec<BoundData>, }
    /// Which value is current now.
    RotatedData { version: u32, previous_version: Option<u32>, cause: RotatedBy, }
    /// What happened to a version.
    VersionData { version: u32, stage: Option<Stage>, origin: Option<Origin>, }
    /// When a secret expires, or has.
    ExpiryData { expires_at: Option<Timestamp>, days_left: u32, }
    /// Since when another value should be there.
    RotationDueData { next_rotation_at: Option<Timestamp>, }
    /// What happened to a grant.
    GrantData {
        grant_id: GrantId,
        grantee_type: GranteeType,
        grantee_id: String,
        rights_before: Vec<Right>,
        rights_after: Vec<Right>,
        expires_at: Option<Timestamp>,
    }
    /// What happened to a binding.
    BindingData { service: String, resource_type: String, resource_id: String, }
    /// What happened to a rotation.
    RotationData {
        rotation_id: RotationId,
        version: u32,
        deadline_at: Option<Timestamp>,
        reason: Option<String>,
    }
}

millwright_core::wire_enum! {
    /// Why another value is current.
    pub enum RotatedBy {
        Written = "written",
        Rotation = "rotation",
        Promotion = "promotion",
        Rollback = "rollback",
        Import = "import",
    }
}

impl RotatedBy {
    /// By where the value comes from.
    pub fn of(origin: Origin) -> RotatedBy {
        match origin {
            Origin::Rotated => RotatedBy::Rotation,
            Origin::Imported => RotatedBy::Import,
            Origin::RolledBack => RotatedBy::Rollback,
            Origin::Written | Origin::Generated | Origin::Migrated => RotatedBy::Written,
        }
    }
}

impl SecretData {
    pub fn of(secret: &Secret) -> SecretData {
        let about = About::of(secret);
        SecretData { about, changes: Vec::new(), because: secret.deleted_because }
    }

    pub fn between(before: &Secret, after: &Secret) -> SecretData {
        let fields = before.fields_changed(after);
        SecretData { changes: changes(before, after, &fields), ..SecretData::of(after) }
    }
}

impl DeletionData {
    pub fn of(secret: &Secret, bindings: &[Binding]) -> DeletionData {
        let bound = |binding: &Binding| BoundData {
            binding_id: binding.id,
            service: binding.service.to_string(),
            resource_type: binding.resource_type.to_string(),
            resource_id: binding.resource_id.to_string(),
            created_by: binding.created_by.clone(),
        };
        let (about, because) = (About::of(secret), secret.deleted_because);
        DeletionData { about, because, bindings: bindings.iter().map(bound).collect() }
    }
}

impl ExpiryData {
    pub fn of(secret: &Secret, days_left: u32) -> ExpiryData {
        ExpiryData { about: About::of(secret), expires_at: secret.expires_at, days_left }
    }
}

impl RotationDueData {
    pub fn of(secret: &Secret) -> RotationDueData {
        let next_rotation_at = secret.rotation.next_rotation_at;
        RotationDueData { about: About::of(secret), next_rotation_at }
    }
}

impl RotatedData {
    pub fn of(secret: &Secret, cause: RotatedBy) -> RotatedData {
        RotatedData {
            about: About::of(secret),
            version: secret.current_version.unwrap_or_default(),
            previous_version: secret.previous_version,
            cause,
        }
    }
}

impl VersionData {
    pub fn of(secret: &Secret, version: u32, origin: Option<Origin>) -> VersionData {
        let stage = secret.stages(version).first().copied();
        VersionData { about: About::of(secret), version, stage, origin }
    }
}

impl GrantData {
    pub fn of(secret: &Secret, grant: &Grant, before: &[Right], after: &[Right]) -> GrantData {
        GrantData {
            about: About::of(secret),
            grant_id: grant.id,
            grantee_type: grant.grantee_type,
            grantee_id: grant.grantee_id.clone(),
            rights_before: before.to_vec(),
            rights_after: after.to_vec(),
            expires_at: grant.expires_at,
        }
    }
}

impl BindingData {
    pub fn of(secret: &Secret, binding: &Binding) -> BindingData {
        BindingData {
            about: About::of(secret),
            service: binding.service.to_string(),
            resource_type: binding.resource_type.to_string(),
            resource_id: binding.resource_id.to_string(),
        }
    }
}

impl RotationData {
    pub fn of(secret: &Secret, rotation: &Rotation) -> RotationData {
        RotationData {
            about: About::of(secret),
            rotation_id: rotation.id,
            version: rotation.value_version,
            deadline_at: rotation.deadline_at,
            reason: rotation.failure_reason.as_ref().map(ToString::to_string),
        }
    }
}

/// Values that were given away in one call.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RevealedData {
    /// At most 100, the different ones.
    pub secret_ids: Vec<SecretId>,
    pub count: u64,
    pub action: String,
    pub actor_type: ActorType,
    pub actor_id: String,
    pub binding_id: Option<BindingId>,
}

/// Changed settings.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SettingsData {
    pub organization_id: OrgId,
    pub changes: Vec<FieldChange>,
}

impl SettingsData {
    pub fn between(organization_id: OrgId, before: &Settings, after: &Settings) -> SettingsData {
        let (old, new) = (json!(before), json!(after));
        let fields: Vec<&str> = old
            .as_object()
            .into_iter()
            .flat_map(|members| members.keys().map(String::as_str))
            .filter(|field| !matches!(*field, "version" | "updatedAt" | "updatedBy"))
            .filter(|field| old[*field] != new[*field])
            .collect();
        SettingsData { organization_id, changes: changes(before, after, &fields) }
    }
}

/// Which data key seals values now.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DataKeyData {
    pub data_key_id: DataKeyId,
    pub previous_data_key_id: DataKeyId,
}

/// What an import has come to; no names.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportData {
    pub format: ImportFormat,
    pub scope: Scope,
    pub scope_id: Option<String>,
    pub environment: Option<Environment>,
    pub created: u64,
    pub new_versions: u64,
    pub unchanged: u64,
    pub skipped: u64,
}

/// What was exported; no names.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExportData {
    pub format: ImportFormat,
    pub scope: Scope,
    pub scope_id: Option<String>,
    pub environment: Option<Environment>,
    pub include_values: bool,
    pub secrets: u64,
    /// Which the caller may not read.
    pub left_out: u64,
}

/// What happened to a generation policy.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PolicyData {
    pub policy_id: String,
    pub name: String,
}

impl PolicyData {
    pub fn of(policy: &Policy) -> PolicyData {
        PolicyData { policy_id: policy.id.clone(), name: policy.name.to_string() }
    }
}
