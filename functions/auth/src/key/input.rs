//! What callers say of keys, and what they may say.

use std::time::Duration;

use deserr::Deserr;
use millwright_access::{
    api_keys::{network, scopes},
    facts::OrganizationFacts,
};
use millwright_core::{
    Bounded, Change, Error, FaultCode, Faults, Line, Patch, Result, Text, Timestamp,
};
use millwright_http::Caller;
use millwright_identity::{Grantable, Grants, Pattern, Permission};
use utoipa::ToSchema;

use crate::codes::SCOPE_NOT_HELD;

/// 1-100 characters, unique among the active keys of an owner, case-insensitive.
pub type KeyName = Line<1, 100>;
/// At most 500 characters.
pub type KeyDescription = Text<0, 500>;

const MAX_SCOPES: usize = 100;
const MAX_NETWORKS: usize = 20;
const SHORTEST: Duration = Duration::from_secs(3_600);
const STANDARD_DAYS: u32 = 90;

/// A new key.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({
    "name": "Backup",
    "scopes": ["auth.api_key.read"],
    "allowedCidrs": ["192.0.2.0/24"],
}))]
pub struct KeyIn {
    pub name: KeyName,
    #[deserr(default)]
    #[schema(required = false)]
    pub description: KeyDescription,
    /// Permission patterns, 1-100; each within your own permissions.
    #[schema(min_items = 1, max_items = 100)]
    pub scopes: Vec<String>,
    /// Networks it may be used from, at most 20; none: from anywhere.
    #[deserr(default)]
    #[schema(required = false, max_items = 20)]
    pub allowed_cidrs: Vec<String>,
    /// In one hour at least, in 365 days or what the organization allows at most; in 90 days if
    /// not given.
    #[deserr(default)]
    #[schema(required = false, value_type = Option<Timestamp>)]
    pub expires_at: Option<Timestamp>,
}

/// A change of a key. It expires when it does.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "name": "Backup of tasks" }))]
pub struct KeyPatchIn {
    #[deserr(default)]
    #[schema(required = false)]
    pub name: Change<KeyName>,
    #[deserr(default)]
    #[schema(required = false)]
    pub description: Patch<KeyDescription>,
    #[deserr(default)]
    #[schema(required = false)]
    pub scopes: Change<Vec<String>>,
    #[deserr(default)]
    #[schema(required = false)]
    pub allowed_cidrs: Patch<Vec<String>>,
}

/// A new secret for a key.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "overlapSeconds": 3600 }))]
pub struct RotateIn {
    /// How long the old secret is still good.
    #[deserr(default)]
    #[schema(required = false, value_type = Bounded<0, 86_400>)]
    pub overlap_seconds: Option<Bounded<0, 86_400>>,
    #[deserr(default)]
    #[schema(required = false, value_type = Option<Timestamp>)]
    pub expires_at: Option<Timestamp>,
}

/// Canonical scopes the caller holds.
///
/// # Errors
/// `invalid_request`, `scope_not_held`.
pub fn checked_scopes(
    texts: &[String],
    caller: &Caller,
    catalogue: &[&'static Permission],
) -> Result<Vec<String>> {
    let fault = |code, detail: &str| Error::fault("/scopes", code, detail);
    if texts.is_empty() {
        return Err(fault(FaultCode::TooShort, "must have a scope"));
    }
    if texts.len() > MAX_SCOPES {
        return Err(fault(FaultCode::TooLong, "must have at most 100 scopes"));
    }
    let patterns = scopes(texts)?;
    for pattern in &patterns {
        if !holds(&caller.principal.grants, pattern, catalogue) {
            let detail = format!("{pattern} goes beyond your own permissions");
            return Err(Error::new(SCOPE_NOT_HELD, detail).with("scope", pattern.to_string()));
        }
    }
    let mut canonical: Vec<String> = patterns.iter().map(ToString::to_string).collect();
    canonical.sort_unstable();
    canonical.dedup();
    Ok(canonical)
}

/// True if whatever the pattern reaches is granted already.
fn holds(grants: &Grants, pattern: &Pattern, catalogue: &[&'static Permission]) -> bool {
    match grants {
        Grants::Role(role) => {
            let reached: Vec<_> = catalogue
                .iter()
                .filter(|it| it.grantable == Grantable::Role && pattern.reaches(it))
                .collect();
            !reached.is_empty() && reached.iter().all(|it| it.default_roles.contains(role))
        }
        Grants::Patterns(held) => held.iter().any(|it| it.subsumes(pattern)),
        Grants::Scoped { role, scopes } => {
            scopes.iter().any(|it| it.subsumes(pattern)) && holds(role, pattern, catalogue)
        }
        Grants::Nothing => false,
    }
}

/// Canonical networks.
///
/// # Errors
/// `invalid_request`.
pub fn checked_networks(texts: &[String]) -> Result<Vec<String>> {
    if texts.len() > MAX_NETWORKS {
        let detail = "must have at most 20 networks";
        return Err(Error::fault("/allowedCidrs", FaultCode::TooLong, detail));
    }
    let read = |(index, text): (usize, &String)| {
        network(text).map(|it| it.to_string()).map_err(|refused| {
            Error::fault(&format!("/allowedCidrs/{index}"), refused.code, refused.detail)
        })
    };
    texts.iter().enumerate().map(read).collect()
}

/// When a key expires: what was asked for, within what the organization allows.
///
/// # Errors
/// `invalid_request`.
pub fn checked_expiry(
    wanted: Option<Timestamp>,
    organization: &OrganizationFacts,
    now: Timestamp,
) -> Result<Timestamp> {
    let days = |days: u32| Duration::from_secs(u64::from(days) * 24 * 3_600);
    let longest = organization.api_key_max_lifetime_days.clamp(1, 365);
    let latest = now.plus(days(longest));
    let Some(wanted) = wanted else { return Ok(now.plus(days(STANDARD_DAYS.min(longest)))) };
    let fault = |code, detail: String| Error::fault("/expiresAt", code, detail);
    if wanted < now.plus(SHORTEST) {
        return Err(fault(FaultCode::TooSmall, "must be in an hour at least".to_owned()));
    }
    if wanted > latest {
        return Err(fault(FaultCode::TooLarge, format!("must be in {longest} days at most")));
    }
    Ok(wanted)
}
