//! The settings of an organization.

use axum::extract::State;
use deserr::Deserr;
use millwright_access::facts::{RoleFacts, RoleStatus};
use millwright_core::{
    Change, Error, Fault, FaultCode, Faults, OrgId, Patch, Result, RoleId, Tenant,
};
use millwright_http::{Allowed, Answered, Body, IfMatch, PathParameter, Representation, Versioned};
use millwright_store::{Condition, Contention};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    app::UserManagement,
    codes,
    domain::{CustomSettings, Language, Settings, SettingsPatch, Stamp, Timezone, WeekStart},
    events::{SettingsData, SettingsUpdated},
    permissions::{SettingsRead, SettingsUpdate},
    store::{RoleItem, SettingsItem, organization_place, settings_place},
    vouch,
};

/// A change of the settings.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "timezone": "Europe/London" }))]
pub struct SettingsPatchIn {
    #[deserr(default)]
    #[schema(required = false)]
    timezone: Patch<Timezone>,
    #[deserr(default)]
    #[schema(required = false)]
    language: Patch<Language>,
    #[deserr(default)]
    #[schema(required = false)]
    week_start: Change<WeekStart>,
    /// An active role.
    #[deserr(default)]
    #[schema(required = false)]
    invitation_role_id: Change<RoleId>,
    /// Merged member by member; at most 64 KB afterwards.
    #[deserr(default)]
    #[schema(required = false, value_type = Option<Object>)]
    custom: Patch<Value>,
}

impl SettingsPatchIn {
    fn patch(self) -> Result<SettingsPatch, Faults> {
        let custom: Patch<CustomSettings> = match self.custom {
            Patch::Keep => Patch::Keep,
            Patch::Clear => Patch::Clear,
            Patch::Set(Value::Object(custom)) => Patch::Set(custom),
            Patch::Set(_) => {
                let fault = Fault::new("/custom", FaultCode::WrongType, "must be an object");
                return Err(Faults::of(fault));
            }
        };
        Ok(SettingsPatch {
            timezone: self.timezone,
            language: self.language,
            week_start: self.week_start,
            invitation_role_id: self.invitation_role_id,
            custom,
        })
    }
}

impl Representation for Settings {
    fn version(&self) -> u64 {
        self.version
    }

    fn location(&self) -> String {
        "/api/v1/organizations/settings".to_owned()
    }

    fn can_be_read(&self) -> bool {
        false
    }
}

/// Read the settings
///
/// One batch read.
#[utoipa::path(
    get,
    path = "/api/v1/organizations/{organizationId}/settings",
    tag = "Organizations"
)]
pub async fn settings_get(
    caller: Allowed<SettingsRead>,
    State(app): State<UserManagement>,
    PathParameter((id,)): PathParameter<(OrgId,)>,
) -> Answered<Versioned<Settings>> {
    let (settings, _) = read(&app, &vouch::own(&caller, id)?).await?;
    Ok(Versioned(settings))
}

/// Change the settings
///
/// `custom` is merged, also within its objects. A change of nothing is no change. One batch read
/// and one transaction of at most three items; with another role for invitations one read more.
#[utoipa::path(
    patch,
    path = "/api/v1/organizations/{organizationId}/settings",
    tag = "Organizations"
)]
pub async fn settings_update(
    caller: Allowed<SettingsUpdate>,
    State(app): State<UserManagement>,
    PathParameter((id,)): PathParameter<(OrgId,)>,
    if_match: IfMatch,
    Body(patch): Body<SettingsPatchIn>,
) -> Answered<Versioned<Settings>> {
    let tenant = vouch::own(&caller, id)?;
    let patch = patch.patch()?;
    let attempt = || async {
        let (before, is_stored) = read(&app, &tenant).await?;
        if_match.check(before.version)?;
        let mut after = before.patched(patch.clone())?;
        let mut write = caller.write(&app.store);
        let changed = before.fields_changed(&after);
        if changed.is_empty() {
            return write.commit(Versioned(before)).await;
        }
        if after.invitation_role_id != before.invitation_role_id {
            let role = after.invitation_role_id;
            check_active(&app, &tenant, role).await?;
            let active = Condition::default().equals("status", RoleStatus::Active);
            let step = write.check(&RoleFacts::place(&tenant, role), active);
            write.refused_as(step, Error::lost_race());
        }
        let stamp = app.stamp(&caller);
        after.version += 1;
        after.updated_at = stamp.at.max(before.updated_at);
        after.updated_by = stamp.by;
        let item = SettingsItem::of(&after)?;
        let step = match is_stored {
            true => write.replace(&item, before.version),
            false => write.create(&item),
        };
        write.refused_as(step, Error::lost_race());
        write.emit(&SettingsUpdated(SettingsData::of(id, after.version, &changed)))?;
        write.commit(Versioned(after)).await
    };
    Ok(Contention::new(&app.store).settle(&app.store, attempt).await?)
}

/// The settings, and whether somebody has set any. One BatchGetItem.
///
/// # Errors
/// `not_found`.
pub async fn read(app: &UserManagement, tenant: &Tenant) -> Result<(Settings, bool)> {
    let places = [organization_place(tenant), settings_place(tenant)];
    let items = app.store.get_many(&places).await?;
    let organization = items.iter().find(|item| item.is::<crate::domain::Organization>());
    let organization: crate::domain::Organization =
        organization.ok_or_else(|| Error::not_found("organization"))?.decode()?;
    match items.iter().find(|item| item.is::<SettingsItem>()) {
        Some(item) => Ok((item.decode::<SettingsItem>()?.settings()?, true)),
        None => {
            let stamp = Stamp { at: organization.created_at, by: organization.created_by };
            Ok((Settings::initial(organization.system_role_ids.viewer, stamp), false))
        }
    }
}

async fn check_active(app: &UserManagement, tenant: &Tenant, role: RoleId) -> Result<()> {
    let role: Option<RoleItem> = app.store.get(&RoleFacts::place(tenant, role)).await?;
    match role.map(|role| role.facts.status) {
        Some(RoleStatus::Active) => Ok(()),
        Some(RoleStatus::Archived) => {
            Err(Error::new(codes::ROLE_ARCHIVED, "an archived role cannot be given"))
        }
        None => Err(Error::not_found("role")),
    }
}
