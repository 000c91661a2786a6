//! The state behind the handlers.

use std::sync::Arc;

use axum::extract::FromRef;
use millwright_core::{Error, OrgId, Result, Tenant};
use millwright_http::{Caller, Platform};
use millwright_store::Store;

use crate::{completion::Completions, domain::Stamp, secrets::Secrets};

/// What stands around the service.
#[derive(Clone)]
pub struct Ports {
    /// What asks models; knows the table.
    pub completions: Completions,
    pub secrets: Arc<dyn Secrets>,
    /// Origin of the compatible surfaces, without a slash at its end.
    pub completions_origin: String,
}

/// What the handlers share. Cheap to clone.
#[derive(Clone)]
pub struct AiService {
    platform: Platform,
    pub store: Store,
    pub completions: Completions,
    pub secrets: Arc<dyn Secrets>,
    completions_origin: Arc<str>,
}

impl AiService {
    pub fn new(platform: Platform, ports: Ports) -> AiService {
        let Ports { completions, secrets, completions_origin } = ports;
        AiService {
            platform,
            store: completions.store.clone(),
            completions,
            secrets,
            completions_origin: completions_origin.into(),
        }
    }

    /// Origin of the compatible surfaces.
    pub fn completions_origin(&self) -> &str {
        &self.completions_origin
    }

    /// Now, and by whom.
    pub fn stamp(&self, caller: &Caller) -> Stamp {
        Stamp { at: self.store.clock().now(), by: caller.actor().to_owned() }
    }

    /// The organization of a credential.
    ///
    /// # Errors
    /// `internal`: every gate of ours lets only those with one pass.
    pub fn organization(&self, tenant: &Tenant) -> Result<OrgId> {
        tenant.organization().ok_or_else(|| Error::internal("no organization"))
    }
}

impl FromRef<AiService> for Platform {
    fn from_ref(app: &AiService) -> Platform {
        app.platform.clone()
    }
}
