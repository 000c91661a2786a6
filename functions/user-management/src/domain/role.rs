//! Roles: what members may do.

use std::{fmt, str::FromStr};

use millwright_access::facts::RoleStatus;
use millwright_core::{FaultCode, InputError, Line, OrgId, RoleId, Text, Timestamp};
use millwright_identity::{Catalogue, Pattern, SystemRole, canonical, codes_of};
use serde::Serialize;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

use super::Few;

/// 1-100 characters, unique among the roles of an organization, case-insensitive.
pub type RoleName = Line<1, 100>;
/// At most 500 characters.
pub type RoleDescription = Text<0, 500>;

/// As much as a token has room for.
const MAX_PATTERN_BYTES: usize = 3_072;

/// A permission pattern as it comes in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternText(pub Pattern);

impl FromStr for PatternText {
    type Err = InputError;

    fn from_str(text: &str) -> Result<PatternText, InputError> {
        text.trim().parse().map(PatternText)
    }
}

impl fmt::Display for PatternText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

millwright_core::deserr_from_str!(PatternText);

impl PartialSchema for PatternText {
    fn schema() -> RefOr<Schema> {
        let object = ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("`*`, `module.*` or `module.resource.action`, `*` per segment"))
            .max_length(Some(150));
        RefOr::T(Schema::Object(object.build()))
    }
}

impl ToSchema for PatternText {}

/// What a custom role grants: 1-100 patterns.
pub type Patterns = Few<PatternText, 1, 100>;

/// Patterns in their canonical form.
///
/// # Errors
/// The patterns that reach nothing; none of them if there is another fault.
pub fn settled(patterns: &Patterns, catalogue: Catalogue<'_>) -> Result<Vec<Pattern>, Vec<String>> {
    let patterns = patterns.as_slice().iter().map(|text| text.0.clone());
    let (known, unknown): (Vec<Pattern>, Vec<Pattern>) =
        patterns.partition(|pattern| !pattern.reach(catalogue).is_empty());
    match unknown.is_empty() {
        true => Ok(canonical(known, catalogue)),
        false => Err(unknown.iter().map(ToString::to_string).collect()),
    }
}

/// # Errors
/// `too_long`.
pub fn check_size(patterns: &[Pattern]) -> Result<(), InputError> {
    let bytes: usize = patterns.iter().map(|pattern| pattern.to_string().len() + 1).sum();
    if bytes > MAX_PATTERN_BYTES {
        let detail = format!("must have at most {MAX_PATTERN_BYTES} bytes in all, has {bytes}");
        return Err(InputError::new(FaultCode::TooLong, detail));
    }
    Ok(())
}

/// A role as it is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "id": "role_01jdz7xk2nf5h9vq3w8c6m4t0b",
    "organizationId": "org_01jdz7xk2nf5h9vq3w8c6m4t0b",
    "name": "Auditor",
    "description": "Reads everything",
    "systemKey": null,
    "permissions": ["*.*.read"],
    "unknownPermissions": [],
    "status": "active",
    "memberCount": 2,
    "version": 1,
    "createdAt": "2026-11-23T01:04:58.000Z",
    "createdBy": "usr_01jdz7xk2nf5h9vq3w8c6m4t0b",
    "updatedAt": "2026-11-23T01:04:58.000Z",
    "updatedBy": "usr_01jdz7xk2nf5h9vq3w8c6m4t0b",
}))]
pub struct Role {
    pub id: RoleId,
    pub organization_id: OrgId,
    pub name: String,
    pub description: String,
    /// Null for a custom role.
    pub system_key: Option<SystemRole>,
    /// Canonical patterns; of a built-in role its codes.
    pub permissions: Vec<String>,
    /// Those of them that reach nothing since a later deployment: they grant nothing.
    pub unknown_permissions: Vec<String>,
    pub status: RoleStatus,
    /// Active and suspended members.
    pub member_count: u64,
    pub version: u64,
    pub created_at: Timestamp,
    pub created_by: String,
    pub updated_at: Timestamp,
    pub updated_by: String,
}

/// The codes of a built-in role.
pub fn system_codes(role: SystemRole, catalogue: Catalogue<'_>) -> Vec<String> {
    let mut codes: Vec<String> =
        codes_of(role, catalogue).iter().map(|permission| permission.code.to_owned()).collect();
    codes.sort_unstable();
    codes
}
