//! Providers read and listed.

use std::time::Duration;

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Faults, Result, Tenant};
use millwright_http::{Allowed, Answered, Flag, Listed, Listing, PathParameter, Versioned};
use utoipa::IntoParams;

use super::{ProviderView, RunTime, run_times};
use crate::{
    app::AiService,
    domain::{Health, HealthStatus, Provider, ProviderId, ProviderKind},
    permissions::ProviderRead,
    store::{health_of, last_minutes, read_configuration},
    thing,
};

impl RunTime {
    /// Of a provider that nobody has asked anything yet.
    pub(super) fn fresh_view(&self, provider: Provider) -> ProviderView {
        let health = Health {
            status: HealthStatus::Unknown,
            since: None,
            failure_rate: None,
            p50_ms: None,
            samples: 0,
            last_error: None,
        };
        let now = provider.common.updated_at;
        self.view(provider, now, health)
    }
}

/// With what run time says of it now. One BatchGetItem and one Query at once.
pub(super) async fn view(
    app: &AiService,
    tenant: &Tenant,
    provider: Provider,
) -> Result<ProviderView> {
    let now = app.store.clock().now();
    let since = now.minus(Duration::from_secs(4 * 60));
    let providers = [provider.clone()];
    let (run_times, minutes) = futures::future::try_join(
        run_times(app, tenant, &providers),
        health_of(&app.store, tenant, provider.id, since),
    )
    .await?;
    let run_time = run_times.into_iter().next().unwrap_or_default();
    let health = run_time.state.health_by(&last_minutes(&minutes, now));
    Ok(run_time.view(provider, now, health))
}

/// Read a provider
///
/// With what it has spent and how it fares, never with its key. Strongly consistent. One query, then
/// one batch read and one query at once.
#[utoipa::path(get, path = "/api/v1/ai/providers/{id}", tag = "Providers")]
pub async fn provider_get(
    caller: Allowed<ProviderRead>,
    State(app): State<AiService>,
    PathParameter((id,)): PathParameter<(ProviderId,)>,
) -> Answered<Versioned<ProviderView>> {
    let tenant = caller.tenant();
    let provider = thing::get::<Provider>(&app, &tenant, id).await?;
    Ok(Versioned(view(&app, &tenant, provider).await?))
}

/// Which providers to list.
#[derive(Clone, Debug, Deserr, IntoParams)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[into_params(rename_all = "camelCase")]
pub struct ProviderFilters {
    #[deserr(default)]
    kind: Option<ProviderKind>,
    #[deserr(default)]
    enabled: Option<Flag>,
}

/// List providers
///
/// By priority and slug; `health` as it was last announced. One query and one batch read, strongly
/// consistent.
#[utoipa::path(get, path = "/api/v1/ai/providers", tag = "Providers")]
pub async fn provider_list(
    caller: Allowed<ProviderRead>,
    State(app): State<AiService>,
    listing: Listing<ProviderFilters>,
) -> Answered<Listed<ProviderView>> {
    let tenant = caller.tenant();
    let providers = read_configuration(&app.store, &tenant).await?.providers;
    let run_times = run_times(&app, &tenant, &providers).await?;
    let now = app.store.clock().now();
    let passes = |provider: &Provider| {
        let filters = &listing.filters;
        filters.kind.is_none_or(|kind| provider.kind == kind)
            && filters.enabled.is_none_or(|Flag(enabled)| provider.enabled == enabled)
    };
    let show = |provider: &Provider| {
        let place = providers.iter().position(|other| other.id == provider.id);
        let run_time = place.and_then(|place| run_times.get(place)).cloned().unwrap_or_default();
        let health = run_time.state.health();
        run_time.view(provider.clone(), now, health)
    };
    Ok(thing::page(&listing, &tenant, &providers, passes, show).await?)
}
