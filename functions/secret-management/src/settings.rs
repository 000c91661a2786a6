//! Settings of an organization, and its data keys.

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Bounded, Error, FaultCode, Faults, Result};
use millwright_http::{Allowed, Answered, Body, IfMatch, Plain, Recent, Representation, Versioned};
use millwright_store::{Condition, Contention, Query};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    app::SecretManagement,
    domain::{Backend, Scope, Settings, reminder_days},
    events::{SettingsData, SettingsUpdated},
    permissions::{KeyRead, SettingsManage, SettingsRead},
    secret::check_backend,
    store::{DataKeyItem, DataKeyState, DataKeyView, RekeyProgress, SettingsItem, keys_of},
};

impl Representation for Settings {
    fn version(&self) -> u64 {
        self.version
    }

    fn location(&self) -> String {
        "/api/v1/secrets/settings".to_owned()
    }
}

/// One GetItem.
async fn read(app: &SecretManagement, tenant: &millwright_core::Tenant) -> Result<Settings> {
    let found: Option<SettingsItem> = app.store.get(&SettingsItem::place(tenant)).await?;
    Ok(found.map(|item| item.settings).unwrap_or_default())
}

/// Read the settings
///
/// The defaults, version 0, until somebody changes them. One read.
#[utoipa::path(get, path = "/api/v1/secrets/settings", tag = "Settings")]
pub async fn settings_get(
    caller: Allowed<SettingsRead>,
    State(app): State<SecretManagement>,
) -> Answered<Versioned<Settings>> {
    Ok(Versioned(read(&app, &caller.tenant()).await?))
}

/// A change of the settings.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "requireRevealReason": true }))]
pub struct SettingsPatchIn {
    #[deserr(default)]
    default_backend: Option<Backend>,
    #[deserr(default)]
    allowed_backends: Option<Vec<Backend>>,
    #[deserr(default)]
    show_hints: Option<bool>,
    #[deserr(default)]
    require_reveal_reason: Option<bool>,
    #[deserr(default)]
    default_expiry_reminder_days: Option<Vec<u32>>,
    #[deserr(default)]
    #[schema(inline)]
    reveals_per_minute_user: Option<Bounded<1, 600>>,
    #[deserr(default)]
    #[schema(inline)]
    reveals_per_minute_service_key: Option<Bounded<1, 1_200>>,
    #[deserr(default)]
    member_may_create: Option<Vec<Scope>>,
}

impl SettingsPatchIn {
    fn apply(self, settings: &Settings) -> Result<Settings> {
        let mut next = settings.clone();
        if let Some(mut backends) = self.allowed_backends {
            backends.sort_by_key(|backend| backend.as_str());
            backends.dedup();
            next.allowed_backends = backends;
        }
        next.default_backend = self.default_backend.unwrap_or(next.default_backend);
        check_backend(next.default_backend, &next)?;
        if let Some(days) = self.default_expiry_reminder_days {
            next.default_expiry_reminder_days = reminder_days(days, "/defaultExpiryReminderDays")?;
        }
        if let Some(mut scopes) = self.member_may_create {
            scopes.sort_by_key(|scope| scope.as_str());
            scopes.dedup();
            if scopes.contains(&Scope::Platform) {
                let detail = "secrets of the platform are the operators'";
                return Err(Error::fault("/memberMayCreate", FaultCode::NotAllowed, detail));
            }
            next.member_may_create = scopes;
        }
        next.show_hints = self.show_hints.unwrap_or(next.show_hints);
        next.require_reveal_reason =
            self.require_reveal_reason.unwrap_or(next.require_reveal_reason);
        let user = self.reveals_per_minute_user.map(Bounded::get);
        next.reveals_per_minute_user = user.unwrap_or(next.reveals_per_minute_user);
        let key = self.reveals_per_minute_service_key.map(Bounded::get);
        next.reveals_per_minute_service_key = key.unwrap_or(next.reveals_per_minute_service_key);
        Ok(next)
    }
}

/// Change the settings
///
/// In force everywhere within a minute. A change of nothing is no change. One read and one
/// transaction of two items.
#[utoipa::path(patch, path = "/api/v1/secrets/settings", tag = "Settings")]
pub async fn settings_update(
    caller: Recent<Allowed<SettingsManage>>,
    State(app): State<SecretManagement>,
    if_match: IfMatch,
    Body(patch): Body<SettingsPatchIn>,
) -> Answered<Versioned<Settings>> {
    let tenant = caller.tenant();
    let organization = tenant.organization();
    let organization = organization.ok_or_else(|| Error::internal("no organization"))?;
    let attempt = || async {
        let before = read(&app, &tenant).await?;
        if_match.check(before.version)?;
        let mut after = patch.clone().apply(&before)?;
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
        write.emit(&SettingsUpdated(SettingsData::between(organization, &before, &after)))?;
        let answer = write.commit(Versioned(after)).await?;
        app.remember_settings(&tenant, &answer.0);
        Ok(answer)
    };
    Ok(Contention::new(&app.store).settle(&app.store, attempt).await?)
}

/// A data key, without the key.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DataKey {
    #[serde(flatten)]
    key: DataKeyView,
    state: DataKeyState,
    /// Of a retired key.
    rekey_progress: Option<RekeyProgress>,
}

/// All of them at once.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DataKeys {
    items: Vec<DataKey>,
    /// Always null.
    next_cursor: Option<String>,
}

/// List data keys
///
/// Newest first, without the keys themselves; not paged. One query.
#[utoipa::path(get, path = "/api/v1/secrets/data-keys", tag = "Settings")]
pub async fn data_key_list(
    caller: Allowed<KeyRead>,
    State(app): State<SecretManagement>,
) -> Answered<Plain<DataKeys>> {
    let mut items = Vec::new();
    for item in app.store.collect(&Query::partition(keys_of(&caller.tenant())), 500).await? {
        if item.is::<DataKeyItem>() {
            let DataKeyItem { key, state, rekey_progress, .. } = item.decode()?;
            items.push(DataKey { key, state, rekey_progress });
        }
    }
    items.sort_by_key(|item| std::cmp::Reverse((item.key.created_at, item.key.id)));
    Ok(Plain(DataKeys { items, next_cursor: None }))
}
