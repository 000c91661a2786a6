//! From a route to the models that are asked, with their keys.

use std::{collections::BTreeSet, time::Duration};

use futures::future::join_all;
use millwright_core::{Kind, Tenant};
use millwright_egress::Waits;
use millwright_model::{Code, Defaults, SurfaceError};

use super::Extension;
use crate::{
    domain::{Candidate, Route, Timeouts, Trigger},
    gateway::{Class, Plan, Target},
    keys::Keys,
};

impl From<Trigger> for Class {
    fn from(trigger: Trigger) -> Class {
        match trigger {
            Trigger::Connect => Class::Connect,
            Trigger::Timeout => Class::Timeout,
            Trigger::RateLimit => Class::RateLimit,
            Trigger::ServerError => Class::ServerError,
            Trigger::Overloaded => Class::Overloaded,
            Trigger::ContextLength => Class::ContextLength,
            Trigger::ContentFilter => Class::ContentFilter,
        }
    }
}

/// For as long as a completion of one model may take, if its provider says nothing else.
fn waits(timeouts: Timeouts) -> Waits {
    let seconds = |seconds: u32| Duration::from_secs(seconds.into());
    Waits {
        connect: seconds(timeouts.connect_seconds),
        first: seconds(timeouts.first_token_seconds),
        idle: seconds(timeouts.idle_seconds),
        total: seconds(timeouts.total_seconds),
    }
}

/// The plan of a route, with the keys of its providers. One invoke for each key that is not in
/// memory, at the same time. Members without a key are left out, unless nothing remains.
///
/// # Errors
/// `provider_auth_failed`, `provider_unavailable`.
pub async fn plan(
    tenant: Tenant,
    route: &Route<'_>,
    extension: &Extension,
    keys: &dyn Keys,
) -> Result<Plan, SurfaceError> {
    let all = route.candidates.iter();
    let found = join_all(all.map(|it| target(tenant, *it, extension, keys))).await;
    let mut targets = Vec::new();
    let mut last = None;
    for one in found {
        match one {
            Ok(target) => targets.push(target),
            Err(error) => last = Some(error),
        }
    }
    if let (true, Some(error)) = (targets.is_empty(), last) {
        return Err(error);
    }
    let longest = targets.iter().map(|target| target.waits.total).max().unwrap_or_default();
    let (triggers, total) = match route.chain {
        Some(chain) => {
            let triggers = chain.trigger_on.as_slice().iter().map(|it| Class::from(*it));
            (triggers.collect(), Duration::from_secs(chain.max_total_seconds.into()))
        }
        None => (BTreeSet::new(), longest),
    };
    Ok(Plan { targets, triggers, total })
}

pub(crate) async fn target(
    tenant: Tenant,
    candidate: Candidate<'_>,
    extension: &Extension,
    keys: &dyn Keys,
) -> Result<Target, SurfaceError> {
    let mut target = known(candidate, extension);
    let provider = candidate.provider;
    target.credential = match provider.secret_id {
        None => None,
        Some(secret) => Some(keys.key(tenant, secret).await.map_err(|error| {
            let code = match error.kind() {
                Kind::Unavailable => Code::ProviderUnavailable,
                _ => Code::ProviderAuthFailed,
            };
            let name = provider.slug.as_str();
            SurfaceError::new(code, format!("the key of the provider {name} cannot be read"))
        })?),
    };
    Ok(target)
}

/// The same without its key: for answers that are there already.
pub(super) fn known(candidate: Candidate<'_>, extension: &Extension) -> Target {
    let Candidate { model, provider, timeouts } = candidate;
    let patience = match &extension.timeouts {
        Some(overrides) => timeouts.with(overrides),
        None => timeouts,
    };
    let headers = provider.extra_headers.iter();
    Target {
        model_id: model.id,
        model_version: model.common.version,
        provider_id: provider.id,
        address: format!("{}/{}", provider.slug.as_str(), model.name),
        kind: provider.kind,
        dialect: provider.kind.dialect(),
        base_url: provider.base_url.as_str().to_owned(),
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        credential: None,
        name: model.name.to_string(),
        capabilities: model.capabilities(),
        max_output_tokens: model.max_output_tokens(),
        prices: model.prices(),
        defaults: Defaults::from(&model.defaults),
        waits: waits(patience),
        retries: provider.max_retries,
    }
}
