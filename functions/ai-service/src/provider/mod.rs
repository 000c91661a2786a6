//! Providers: what goes in and out, and the handlers.

mod change;
mod health;
mod read;
mod remove;
mod test;

use std::collections::HashMap;

use millwright_core::{Error, FaultCode, Result, Tenant, Timestamp};
use millwright_egress::Denied;
use millwright_event::Effects;
use millwright_http::Representation;
use millwright_store::{Key, RawItem};
use serde::Serialize;
use serde_json::{Value, json};
use url::Url;
use utoipa::ToSchema;

#[doc(hidden)]
pub use self::{
    change::{
        __path_provider_create, __path_provider_disable, __path_provider_enable,
        __path_provider_update,
    },
    health::__path_provider_health,
    read::{__path_provider_get, __path_provider_list},
    remove::__path_provider_delete,
    test::{__path_provider_sync_models, __path_provider_test},
};
pub use self::{
    change::{provider_create, provider_disable, provider_enable, provider_update},
    health::provider_health,
    read::{provider_get, provider_list},
    remove::provider_delete,
    test::{provider_sync_models, provider_test},
};

use crate::{
    app::AiService,
    codes::{EGRESS_DENIED, SLUG_TAKEN},
    domain::{Configuration, Health, Model, Provider, ProviderKind, ProviderState, month_of},
    events::{FieldChange, ProviderCreated, ProviderData, ProviderDeleted, ProviderUpdated},
    store::{ProviderStateItem, SpendItem},
    thing::{self, Thing},
};

/// A provider, what it has spent and how it fares.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProviderView {
    #[serde(flatten)]
    #[schema(inline)]
    pub provider: Provider,
    /// In the current month, UTC.
    pub spent_micros: u64,
    /// By completions that have not ended.
    pub reserved_micros: u64,
    pub health: Health,
    /// Until when nothing is asked of it.
    pub cooldown_until: Option<Timestamp>,
}

impl Representation for ProviderView {
    fn version(&self) -> u64 {
        self.provider.common.version
    }

    fn location(&self) -> String {
        format!("/api/v1/ai/providers/{}", self.provider.id)
    }
}

/// What run time has written of a provider.
#[derive(Clone, Debug, Default)]
struct RunTime {
    spend: SpendItem,
    state: ProviderState,
}

impl RunTime {
    fn view(&self, provider: Provider, now: Timestamp, health: Health) -> ProviderView {
        ProviderView {
            provider,
            spent_micros: self.spend.spent_micros,
            reserved_micros: self.spend.reserved_micros(),
            health,
            cooldown_until: self.state.cooldown_until(now),
        }
    }
}

/// What run time has written of providers. One BatchGetItem for 50 of them.
async fn run_times(
    app: &AiService,
    tenant: &Tenant,
    providers: &[Provider],
) -> Result<Vec<RunTime>> {
    let month = month_of(app.store.clock().now());
    let places: Vec<(Key, Key)> = providers
        .iter()
        .map(|it| {
            let spend = SpendItem::place(tenant, it.id, &month);
            (spend, ProviderStateItem::place(tenant, it.id))
        })
        .collect();
    let keys: Vec<Key> =
        places.iter().flat_map(|(spend, state)| [spend.clone(), state.clone()]).collect();
    let items = app.store.get_many(&keys).await?;
    let found: HashMap<(&str, &str), &RawItem> =
        items.iter().map(|item| ((item.partition_key(), item.sort_key()), item)).collect();
    let read = |(spend, state): &(Key, Key)| {
        let spend = found.get(&(spend.partition(), spend.sort_key()));
        let state = found.get(&(state.partition(), state.sort_key()));
        Ok(RunTime {
            spend: spend.map(|item| item.decode()).transpose()?.unwrap_or_default(),
            state: match state {
                Some(item) => item.decode::<ProviderStateItem>()?.state,
                None => ProviderState::default(),
            },
        })
    };
    places.iter().map(read).collect()
}

/// Names of the fields whose values events show.
const FIELDS: &[&str] = &[
    "slug",
    "name",
    "kind",
    "baseUrl",
    "secretId",
    "enabled",
    "priority",
    "timeouts",
    "maxRetries",
    "maxConcurrency",
    "monthlyBudgetMicros",
    "extraHeaders",
];

/// As events show it: of headers the names alone, as their values may be secrets.
fn said(provider: Option<&Provider>) -> Result<Value> {
    let mut value = thing::json(&provider)?;
    if let Some(provider) = provider {
        let names: Vec<&str> = provider.extra_headers.iter().map(|(name, _)| name).collect();
        value["extraHeaders"] = json!(names);
    }
    Ok(value)
}

impl Thing for Provider {
    fn all(configuration: &Configuration) -> &[Provider] {
        &configuration.providers
    }

    fn order(&self) -> String {
        format!("{:04}#{}", self.priority, self.slug)
    }

    fn taken() -> Error {
        Error::new(SLUG_TAKEN, "another provider has this slug")
    }

    fn announce(
        effects: &mut Effects,
        before: Option<&Provider>,
        after: Option<&Provider>,
    ) -> Result<()> {
        let Some(either) = after.or(before) else { return Ok(()) };
        let (from, to) = (said(before)?, said(after)?);
        let headers_changed =
            before.map(|it| &it.extra_headers) != after.map(|it| &it.extra_headers);
        let differs = |field: &&&str| {
            from[**field] != to[**field] || (**field == "extraHeaders" && headers_changed)
        };
        let change = |field: &&str| FieldChange {
            field: (*field).to_owned(),
            from: from[*field].clone(),
            to: to[*field].clone(),
        };
        let data = ProviderData {
            provider_id: either.id,
            slug: either.slug.to_string(),
            version: either.common.version,
            changes: FIELDS.iter().filter(differs).map(change).collect(),
        };
        match (before, after) {
            (None, _) => effects.emit(&ProviderCreated(data)),
            (_, None) => effects.emit(&ProviderDeleted(data)),
            _ => effects.emit(&ProviderUpdated(data)),
        }
    }

    fn user(&self, configuration: &Configuration) -> Option<String> {
        models_of(configuration, self).iter().find_map(|model| {
            let user = configuration.user_of_model(model.id)?;
            Some(format!("{user} targets its model {}, and", model.name))
        })
    }
}

fn models_of<'a>(configuration: &'a Configuration, provider: &Provider) -> Vec<&'a Model> {
    configuration.models.iter().filter(|model| model.provider_id == provider.id).collect()
}

/// What must hold of a provider whatever is changed.
fn check(app: &AiService, provider: &Provider) -> Result<()> {
    let destinations = app.completions.client.destinations();
    let denied = |why: Denied| Error::new(EGRESS_DENIED, format!("baseUrl: {why}"));
    let url = Url::parse(provider.base_url.as_str()).map_err(|_| denied(Denied::Malformed))?;
    destinations.check(&url).map_err(denied)?;
    let is_local = destinations.names(&url);
    if provider.secret_id.is_none() && provider.kind != ProviderKind::Ollama && !is_local {
        let detail = "is required, but for ollama and hosts of the installation's own network";
        return Err(Error::fault("/secretId", FaultCode::Required, detail));
    }
    Ok(())
}
