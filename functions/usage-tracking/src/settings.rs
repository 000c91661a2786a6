//! Settings of an organization.

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Change, Error, Faults};
use millwright_http::{Allowed, Answered, Body, IfMatch, Representation, Versioned};
use millwright_store::{Condition, Contention};
use utoipa::ToSchema;

use crate::{
    app::Usage,
    domain::{Sensitivity, Settings, UnknownTypes, Zone},
    events::{DefinitionData, SettingsUpdated, changes},
    permissions::{SettingsManage, SettingsRead},
    store::SettingsItem,
};

/// A change of the settings.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "timeZone": "Europe/Berlin" }))]
pub struct SettingsPatchIn {
    /// Of queries, statements, and limits that are made from then on: it holds from the next local
    /// midnight.
    #[deserr(default)]
    #[schema(required = false)]
    time_zone: Change<Zone>,
    #[deserr(default)]
    #[schema(required = false)]
    anomaly_sensitivity: Change<Sensitivity>,
    #[deserr(default)]
    #[schema(required = false)]
    members_see_project_cost: Change<bool>,
    #[deserr(default)]
    #[schema(required = false)]
    unknown_types: Change<UnknownTypes>,
}

impl Representation for Settings {
    fn version(&self) -> u64 {
        self.version
    }

    fn location(&self) -> String {
        "/api/v1/usage/settings".to_owned()
    }
}

impl Usage {
    async fn settings(
        &self,
        tenant: &millwright_core::Tenant,
    ) -> millwright_core::Result<Settings> {
        let item: Option<SettingsItem> = self.store.get(&SettingsItem::place(tenant, "")).await?;
        let settings = item.map(|item| item.0).unwrap_or_default();
        Ok(settings.at(self.store.clock().now()))
    }
}

/// Read the settings
///
/// One read.
#[utoipa::path(get, path = "/api/v1/usage/settings", tag = "Settings")]
pub async fn settings_get(
    caller: Allowed<SettingsRead>,
    State(usage): State<Usage>,
) -> Answered<Versioned<Settings>> {
    Ok(Versioned(usage.settings(&caller.tenant()).await?))
}

/// Change the settings
///
/// Noticed everywhere within ten seconds; another time zone holds from the next midnight of the
/// present one on. One read and one transaction.
#[utoipa::path(patch, path = "/api/v1/usage/settings", tag = "Settings")]
pub async fn settings_update(
    caller: Allowed<SettingsManage>,
    State(usage): State<Usage>,
    if_match: IfMatch,
    Body(patch): Body<SettingsPatchIn>,
) -> Answered<Versioned<Settings>> {
    let tenant = caller.tenant();
    let attempt = || async {
        let before = usage.settings(&tenant).await?;
        if_match.check(before.version)?;
        let mut after = before.clone();
        let patch = patch.clone();
        if let Change::Set(zone) = patch.time_zone {
            after.change_zone(zone, usage.store.clock().now())?;
        }
        patch.anomaly_sensitivity.apply_to(&mut after.anomaly_sensitivity);
        patch.members_see_project_cost.apply_to(&mut after.members_see_project_cost);
        patch.unknown_types.apply_to(&mut after.unknown_types);
        let mut write = caller.write(&usage.store);
        if after == before {
            return write.commit(Versioned(before)).await;
        }
        after.version += 1;
        after.updated_at = usage.stamp(&caller).at.max(before.updated_at);
        let condition = match before.version {
            0 => Condition::absent(),
            version => Condition::version(version),
        };
        let step = write.put_when(&SettingsItem(after.clone()), condition);
        write.refused_as(step, Error::lost_race());
        write.emit(&SettingsUpdated(DefinitionData {
            name: "settings".to_owned(),
            version: after.version,
            changes: changes(Some(&before), Some(&after)),
        }))?;
        write.commit(Versioned(after)).await
    };
    let answer = Contention::new(&usage.store).settle(&usage.store, attempt).await?;
    usage.forget(&tenant);
    Ok(answer)
}
