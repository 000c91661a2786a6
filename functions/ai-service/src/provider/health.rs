//! How a provider fared, minute by minute.

use std::{collections::BTreeMap, time::Duration};

use axum::extract::State;
use millwright_core::Timestamp;
use millwright_http::{Allowed, Answered, PathParameter, Plain};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    app::AiService,
    domain::{HealthMinute, Provider, ProviderId, p50},
    permissions::ProviderRead,
    store::health_of,
    thing,
};

/// One minute.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MinuteOfHealth {
    /// When it began.
    minute: Timestamp,
    /// Tries.
    samples: u64,
    /// Those that failed, but for faults of clients.
    failures: u64,
    failure_rate: Option<f64>,
    /// Median time to the first token, rounded up to a bound of the histogram.
    p50_ms: Option<u64>,
}

/// The last 60 minutes, those without a try left out.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MinutesOfHealth {
    items: Vec<MinuteOfHealth>,
    /// Always null.
    next_cursor: Option<String>,
}

/// Read how a provider fared
///
/// Minute by minute for the last hour, oldest first. Two queries.
#[utoipa::path(get, path = "/api/v1/ai/providers/{id}/health", tag = "Providers")]
pub async fn provider_health(
    caller: Allowed<ProviderRead>,
    State(app): State<AiService>,
    PathParameter((id,)): PathParameter<(ProviderId,)>,
) -> Answered<Plain<MinutesOfHealth>> {
    let tenant = caller.tenant();
    thing::get::<Provider>(&app, &tenant, id).await?;
    let since = app.store.clock().now().minus(Duration::from_secs(59 * 60));
    let mut minutes: BTreeMap<String, HealthMinute> = BTreeMap::new();
    for (minute, _, counts) in health_of(&app.store, &tenant, id, since).await? {
        minutes.entry(minute).or_default().add(&counts);
    }
    let minute = |(minute, counts): (String, HealthMinute)| {
        Some(MinuteOfHealth {
            minute: format!("{minute}:00Z").parse().ok()?,
            samples: counts.samples,
            failures: counts.failures,
            failure_rate: counts.failure_rate(),
            p50_ms: p50(&counts.buckets),
        })
    };
    let items = minutes.into_iter().filter_map(minute).collect();
    Ok(Plain(MinutesOfHealth { items, next_cursor: None }))
}
