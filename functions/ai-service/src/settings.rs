//! Settings of an organization.

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Bounded, Change, Error, Faults, Line, Patch, Result, Tenant, Timestamp};
use millwright_http::{Allowed, Answered, Body, IfMatch, Representation, Versioned};
use millwright_store::{Condition, Contention, Store};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    app::AiService,
    domain::{CacheMode, LogContent, Micros, Redaction, Settings},
    events::{FieldChange, SettingsData, SettingsUpdated},
    permissions::{SettingsManage, SettingsRead},
    store::SettingsItem,
};

impl Representation for Settings {
    fn version(&self) -> u64 {
        self.version
    }

    fn location(&self) -> String {
        "/api/v1/ai/settings".to_owned()
    }
}

async fn read(store: &Store, tenant: &Tenant) -> Result<Settings> {
    let found: Option<SettingsItem> = store.get(&SettingsItem::place(tenant)).await?;
    Ok(found.map(|item| item.settings).unwrap_or_default())
}

/// Read the settings
///
/// The defaults, version 0, until somebody changes them. One read.
#[utoipa::path(get, path = "/api/v1/ai/settings", tag = "Settings")]
pub async fn settings_get(
    caller: Allowed<SettingsRead>,
    State(app): State<AiService>,
) -> Answered<Versioned<Settings>> {
    Ok(Versioned(read(&app.store, &caller.tenant()).await?))
}

/// A change of the settings. Null sets back to the default.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "logContent": "none" }))]
pub struct SettingsPatchIn {
    // A model string: `auto`, the slug of a chain, or the name of a model.
    #[deserr(default)]
    #[schema(required = false, inline)]
    default_model: Patch<Line<1, 200>>,
    #[deserr(default)]
    #[schema(required = false)]
    log_content: Change<LogContent>,
    #[deserr(default)]
    #[schema(required = false, inline)]
    log_retention_days: Change<Bounded<1, 365>>,
    #[deserr(default)]
    #[schema(required = false)]
    redaction: Patch<Redaction>,
    #[deserr(default)]
    #[schema(required = false)]
    cache_default: Change<CacheMode>,
    #[deserr(default)]
    #[schema(required = false)]
    require_prices: Change<bool>,
    #[deserr(default)]
    #[schema(required = false, inline)]
    max_request_cost_micros: Patch<Micros>,
    /// The kill switch: completions are refused from then on, until it is null again.
    #[deserr(default)]
    #[schema(required = false)]
    disabled_at: Patch<Timestamp>,
}

impl SettingsPatchIn {
    fn apply(self, settings: &Settings) -> Settings {
        let mut next = settings.clone();
        match self.default_model {
            Patch::Keep => {}
            Patch::Clear => next.default_model = Settings::default().default_model,
            Patch::Set(model) => next.default_model = model,
        }
        self.log_content.apply_to(&mut next.log_content);
        if let Change::Set(days) = self.log_retention_days {
            next.log_retention_days = days.get();
        }
        self.redaction.apply_or_default(&mut next.redaction);
        self.cache_default.apply_to(&mut next.cache_default);
        self.require_prices.apply_to(&mut next.require_prices);
        self.max_request_cost_micros.apply_to_option(&mut next.max_request_cost_micros);
        self.disabled_at.apply_to_option(&mut next.disabled_at);
        next
    }
}

/// The fields of two versions that differ.
fn changes(before: &Settings, after: &Settings) -> Result<Vec<FieldChange>> {
    let json = |settings| serde_json::to_value(settings).map_err(Error::internal);
    let (from, to): (Value, Value) = (json(before)?, json(after)?);
    let change = |field: &str| FieldChange {
        field: field.to_owned(),
        from: from[field].clone(),
        to: to[field].clone(),
    };
    Ok(before.fields_changed(after).into_iter().map(change).collect())
}

/// Change the settings
///
/// In force everywhere within half a minute, the kill switch too. A change of nothing is no change.
/// One read and one transaction of two items.
#[utoipa::path(patch, path = "/api/v1/ai/settings", tag = "Settings")]
pub async fn settings_update(
    caller: Allowed<SettingsManage>,
    State(app): State<AiService>,
    if_match: IfMatch,
    Body(patch): Body<SettingsPatchIn>,
) -> Answered<Versioned<Settings>> {
    let tenant = caller.tenant();
    let organization_id = app.organization(&tenant)?;
    let attempt = || async {
        let before = read(&app.store, &tenant).await?;
        if_match.check(before.version)?;
        let mut after = patch.clone().apply(&before);
        let mut write = caller.write(&app.store);
        if after == before {
            return write.commit(Versioned(before)).await;
        }
        let stamp = app.stamp(&caller);
        after.version += 1;
        after.updated_at = Some(stamp.at);
        after.updated_by = Some(stamp.by);
        let item = SettingsItem { version: after.version, settings: after.clone() };
        let unchanged = match before.version {
            0 => Condition::absent(),
            version => Condition::version(version),
        };
        let step = write.put_when(&item, unchanged);
        write.refused_as(step, Error::lost_race());
        let (version, changes) = (after.version, changes(&before, &after)?);
        write.emit(&SettingsUpdated(SettingsData { organization_id, version, changes }))?;
        write.commit(Versioned(after)).await
    };
    Ok(Contention::new(&app.store).settle(&app.store, attempt).await?)
}
