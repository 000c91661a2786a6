//! The state behind the handlers.

use std::sync::Arc;

use axum::extract::FromRef;
use futures::future::BoxFuture;
use millwright_access::StoredApiKeys;
use millwright_core::{Clock, Error, Result, Tenant, UserId};
use millwright_event::{Cause, Effects};
use millwright_http::{Platform, Readiness, Visit};
use millwright_identity::{NoRevocations, Permission};
use millwright_store::Store;

use crate::{
    directory::Directory,
    domain::Visitor,
    facts::Facts,
    provider::{ProviderHttp, Providers},
    secrets::{KeyRing, Secrets},
    settings::Settings,
};

/// What stands around the service.
pub struct Ports {
    pub settings: Settings,
    /// The table of user-management.
    pub facts: Store,
    pub secrets: Arc<dyn Secrets>,
    pub provider_http: Arc<dyn ProviderHttp>,
    pub directory: Arc<dyn Directory>,
    /// The permissions of all services: what scopes of keys are measured by.
    pub catalogue: Vec<&'static Permission>,
}

/// What auth needs beside its table: the keys it publishes, and providers it can still believe.
struct Ready {
    keys: Arc<KeyRing>,
    providers: Arc<Providers>,
}

impl Readiness for Ready {
    fn check(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async {
            self.keys.published().await?;
            match self.providers.are_fresh() {
                true => Ok(()),
                false => Err(Error::unavailable("what providers say of themselves is too old")),
            }
        })
    }
}

/// What the handlers share. Cheap to clone.
#[derive(Clone)]
pub struct Auth {
    platform: Platform,
    pub store: Store,
    pub settings: Arc<Settings>,
    pub facts: Facts,
    pub keys: Arc<KeyRing>,
    pub providers: Arc<Providers>,
    pub directory: Arc<dyn Directory>,
    pub catalogue: Arc<[&'static Permission]>,
    pub api_keys: Arc<StoredApiKeys>,
}

impl Auth {
    pub fn new(platform: Platform, store: Store, ports: Ports) -> Auth {
        let settings = Arc::new(ports.settings);
        let clock = store.clock();
        let keys = Arc::new(KeyRing::new(ports.secrets, settings.clone(), clock));
        let providers = Arc::new(Providers::new(ports.provider_http, clock.clone()));
        let readiness = Ready { keys: keys.clone(), providers: providers.clone() };
        platform.is_ready_with(Arc::new(readiness));
        Auth {
            providers,
            facts: Facts::new(ports.facts.clone()),
            directory: ports.directory,
            catalogue: ports.catalogue.into(),
            // The record itself says whether it is revoked: no feed is needed here.
            api_keys: Arc::new(StoredApiKeys::new(
                store.clone(),
                ports.facts.clone(),
                Arc::new(NoRevocations),
                clock.clone(),
            )),
            platform,
            store,
            settings,
            keys,
        }
    }

    pub fn clock(&self) -> &Clock {
        self.store.clock()
    }

    /// Begins a transaction of somebody who has no access token: what is done is done by `actor`.
    pub fn effects(&self, person: &Tenant, actor: UserId, visit: &Visit) -> Effects {
        let cause = Cause {
            tenant: *person,
            actor_id: actor.to_string(),
            traceparent: Some(visit.context.traceparent.clone()),
            correlation_id: visit.context.request_id.clone(),
            causation_id: None,
        };
        Effects::new(&self.store, cause)
    }
}

/// Address and browser of a request, cut to what is shown.
pub fn visitor(visit: &Visit) -> Visitor {
    let agent = visit.header("user-agent").unwrap_or_default();
    Visitor {
        ip_address: visit.address().chars().take(45).collect(),
        user_agent: agent.chars().filter(|c| !c.is_control()).take(512).collect(),
    }
}

impl FromRef<Auth> for Platform {
    fn from_ref(app: &Auth) -> Platform {
        app.platform.clone()
    }
}
