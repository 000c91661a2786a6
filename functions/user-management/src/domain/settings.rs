//! What an organization sets for itself.

use millwright_core::{
    Bounded, Change, Error, Patch, Result, RoleId, Timestamp, codes as shared_codes, wire_enum,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{EmailDomain, Few, Language, Stamp, Timezone};

wire_enum! {
    /// The first day of the week.
    pub enum WeekStart {
        Monday = "monday",
        Sunday = "sunday",
        Saturday = "saturday",
    }
}

/// What clients keep in the settings of an organization. Opaque here: the one place of the domain
/// that holds JSON.
pub type CustomSettings = Map<String, Value>;

const MAX_CUSTOM_BYTES: usize = 64 * 1024;

/// The settings of an organization.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "timezone": "Europe/London",
    "language": "en",
    "weekStart": "monday",
    "invitationRoleId": "role_01jdz7xk2nf5h9vq3w8c6m4t0e",
    "custom": { "theme": { "accent": "teal" } },
    "version": 2,
    "updatedAt": "2026-11-23T01:04:58.000Z",
    "updatedBy": "usr_01jdz7xk2nf5h9vq3w8c6m4t0b",
}))]
pub struct Settings {
    pub timezone: Timezone,
    pub language: Language,
    pub week_start: WeekStart,
    /// The role of who is invited without one.
    pub invitation_role_id: RoleId,
    /// A JSON object of at most 64 KB.
    #[schema(value_type = Object)]
    pub custom: CustomSettings,
    pub version: u64,
    pub updated_at: Timestamp,
    pub updated_by: String,
}

/// What a PATCH of the settings changes; `custom` is merged member by member.
#[derive(Clone, Debug, Default)]
pub struct SettingsPatch {
    pub timezone: Patch<Timezone>,
    pub language: Patch<Language>,
    pub week_start: Change<WeekStart>,
    pub invitation_role_id: Change<RoleId>,
    pub custom: Patch<CustomSettings>,
}

impl Settings {
    /// As long as nobody has set anything.
    pub fn initial(viewer: RoleId, stamp: Stamp) -> Settings {
        Settings {
            timezone: Timezone::default(),
            language: Language::default(),
            week_start: WeekStart::Monday,
            invitation_role_id: viewer,
            custom: CustomSettings::new(),
            version: 1,
            updated_at: stamp.at,
            updated_by: stamp.by,
        }
    }

    /// After the patch; equal to these if nothing changes.
    ///
    /// # Errors
    /// `too_large`.
    pub fn patched(&self, patch: SettingsPatch) -> Result<Settings> {
        let mut next = self.clone();
        patch.timezone.apply_or_default(&mut next.timezone);
        patch.language.apply_or_default(&mut next.language);
        patch.week_start.apply_to(&mut next.week_start);
        patch.invitation_role_id.apply_to(&mut next.invitation_role_id);
        match patch.custom {
            Patch::Keep => {}
            Patch::Clear => next.custom.clear(),
            Patch::Set(custom) => merge(&mut next.custom, custom),
        }
        let size = serde_json::to_string(&next.custom).map_or(usize::MAX, |json| json.len());
        if size > MAX_CUSTOM_BYTES {
            let detail = "custom would be larger than 64 KB";
            return Err(Error::new(shared_codes::TOO_LARGE, detail).with("limit", MAX_CUSTOM_BYTES));
        }
        Ok(next)
    }

    /// The fields in which others differ, by their names in JSON.
    pub fn fields_changed(&self, other: &Settings) -> Vec<&'static str> {
        [
            (self.timezone != other.timezone, "timezone"),
            (self.language != other.language, "language"),
            (self.week_start != other.week_start, "weekStart"),
            (self.invitation_role_id != other.invitation_role_id, "invitationRoleId"),
            (self.custom != other.custom, "custom"),
        ]
        .into_iter()
        .filter_map(|(differs, field)| differs.then_some(field))
        .collect()
    }
}

/// JSON Merge Patch (RFC 7396) of one object.
pub fn merge(target: &mut Map<String, Value>, patch: Map<String, Value>) {
    for (name, value) in patch {
        match value {
            Value::Null => {
                target.remove(&name);
            }
            Value::Object(patch) => {
                let inner = target.entry(name).or_insert_with(|| Value::Object(Map::new()));
                if !inner.is_object() {
                    *inner = Value::Object(Map::new());
                }
                if let Value::Object(inner) = inner {
                    merge(inner, patch);
                }
            }
            value => {
                target.insert(name, value);
            }
        }
    }
}

/// The domains of which a member's address must be; none: any.
pub type AllowedDomains = Few<EmailDomain, 0, 50>;

/// What an organization asks of its members' sign-ins and keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "allowedEmailDomains": ["example.com"],
    "linkInvitationsAllowed": false,
    "personalApiKeysAllowed": true,
    "apiKeyMaxLifetimeDays": 365,
    "sessionMaxAgeSeconds": null,
    "reauthAfter": null,
    "version": 2,
    "updatedAt": "2026-11-23T01:04:58.000Z",
    "updatedBy": "usr_01jdz7xk2nf5h9vq3w8c6m4t0b",
}))]
pub struct SecuritySettings {
    /// Who joins needs a verified address in one of them; empty: any.
    pub allowed_email_domains: AllowedDomains,
    pub link_invitations_allowed: bool,
    pub personal_api_keys_allowed: bool,
    pub api_key_max_lifetime_days: Bounded<1, 365>,
    /// Older sign-ins get no token here.
    pub session_max_age_seconds: Option<Bounded<3_600, 2_592_000>>,
    /// Nor do sign-ins before this.
    pub reauth_after: Option<Timestamp>,
    pub version: u64,
    pub updated_at: Timestamp,
    pub updated_by: String,
}

/// What a PATCH of the security settings changes.
#[derive(Clone, Debug, Default)]
pub struct SecurityPatch {
    pub allowed_email_domains: Patch<AllowedDomains>,
    pub link_invitations_allowed: Change<bool>,
    pub personal_api_keys_allowed: Change<bool>,
    pub api_key_max_lifetime_days: Change<Bounded<1, 365>>,
    pub session_max_age_seconds: Patch<Bounded<3_600, 2_592_000>>,
}

impl SecuritySettings {
    /// As long as nobody has set anything.
    ///
    /// # Errors
    /// None: the default is within the limits.
    pub fn initial(stamp: Stamp) -> Result<SecuritySettings> {
        Ok(SecuritySettings {
            allowed_email_domains: AllowedDomains::default(),
            link_invitations_allowed: false,
            personal_api_keys_allowed: true,
            api_key_max_lifetime_days: Bounded::new(365)?,
            session_max_age_seconds: None,
            reauth_after: None,
            version: 1,
            updated_at: stamp.at,
            updated_by: stamp.by,
        })
    }

    /// After the patch; equal to these if nothing changes.
    #[must_use]
    pub fn patched(&self, patch: SecurityPatch) -> SecuritySettings {
        let mut next = self.clone();
        patch.allowed_email_domains.apply_or_default(&mut next.allowed_email_domains);
        patch.link_invitations_allowed.apply_to(&mut next.link_invitations_allowed);
        patch.personal_api_keys_allowed.apply_to(&mut next.personal_api_keys_allowed);
        patch.api_key_max_lifetime_days.apply_to(&mut next.api_key_max_lifetime_days);
        patch.session_max_age_seconds.apply_to_option(&mut next.session_max_age_seconds);
        next
    }

    /// The fields in which others differ, by their names in JSON.
    pub fn fields_changed(&self, other: &SecuritySettings) -> Vec<&'static str> {
        macro_rules! differing {
            ($($field:ident $name:literal),+ $(,)?) => {
                [$((self.$field != other.$field, $name)),+]
            };
        }
        differing!(
            allowed_email_domains "allowedEmailDomains",
            link_invitations_allowed "linkInvitationsAllowed",
            personal_api_keys_allowed "personalApiKeysAllowed",
            api_key_max_lifetime_days "apiKeyMaxLifetimeDays",
            session_max_age_seconds "sessionMaxAgeSeconds",
            reauth_after "reauthAfter",
        )
        .into_iter()
        .filter_map(|(differs, field)| differs.then_some(field))
        .collect()
    }

    /// True if tokens and keys that were good under these may be so no longer under `next`.
    pub fn is_stricter_in(&self, next: &SecuritySettings) -> bool {
        let age = |settings: &SecuritySettings| {
            settings.session_max_age_seconds.map_or(u32::MAX, Bounded::get)
        };
        (self.personal_api_keys_allowed && !next.personal_api_keys_allowed)
            || age(next) < age(self)
            || next.reauth_after > self.reauth_after
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn objects_are_merged_deeply() {
        let Value::Object(mut target) = json!({ "a": { "b": 1, "c": 2 }, "d": [1] }) else {
            unreachable!()
        };
        let Value::Object(patch) = json!({ "a": { "b": null, "x": { "y": null } }, "d": 3 }) else {
            unreachable!()
        };
        merge(&mut target, patch);
        assert_eq!(Value::Object(target), json!({ "a": { "c": 2, "x": {} }, "d": 3 }));
    }
}
