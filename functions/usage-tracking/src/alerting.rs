//! Raising alerts, each once.

use millwright_core::{Result, Tenant, Timestamp};
use millwright_event::{Cause, Effects};
use millwright_store::Outcome;

use crate::{
    app::{Defined, Usage},
    domain::{Alert, AlertState, AlertType, MAX_COMBINATIONS, Note, Quantity, Severity},
    events::{AlertData, AlertRaised},
    store::{AlertItem, OnceMarker, day_of},
};

impl Usage {
    /// Begins a transaction that nobody asked for.
    pub fn own_effects(&self, tenant: &Tenant) -> Effects {
        let cause = Cause {
            tenant: *tenant,
            actor_id: "usage-tracking".to_owned(),
            traceparent: None,
            correlation_id: self.store.ids().next_uuid().to_string(),
            causation_id: None,
        };
        Effects::new(&self.store, cause)
    }

    /// Raises an alert unless `what` was told before; true if it is new. One transaction.
    ///
    /// # Errors
    /// `unavailable`.
    pub async fn raise(
        &self,
        tenant: &Tenant,
        what: String,
        alert: Alert,
        further: impl FnOnce(&mut Effects) -> Result<()>,
    ) -> Result<bool> {
        let mut effects = self.own_effects(tenant);
        effects.create(&OnceMarker { what, at: alert.created_at });
        effects.create(&AlertItem::of(&alert));
        effects.emit(&AlertRaised(AlertData::of(&alert)))?;
        further(&mut effects)?;
        Ok(matches!(effects.attempt().await?, Outcome::Done))
    }

    /// An alert of now, about nothing yet.
    pub fn alert(&self, kind: AlertType, severity: Severity) -> Alert {
        let now = self.store.clock().now();
        Alert {
            id: self.store.ids().next(),
            kind,
            severity,
            limit_id: None,
            category_code: None,
            scope_type: None,
            scope_id: None,
            threshold: None,
            value: None,
            limit: None,
            window_start: None,
            window_end: None,
            state: AlertState::Active,
            acknowledged_by: None,
            note: Note::default(),
            version: 1,
            created_at: now,
            updated_at: now,
        }
    }
}

/// A category has more combinations of dimension values on a day than have counters of their own.
///
/// # Errors
/// `unavailable`.
pub async fn raise_cardinality(
    usage: &Usage,
    tenant: &Tenant,
    _defined: &Defined,
    category: &str,
    at: Timestamp,
) -> Result<()> {
    let alert = Alert {
        category_code: Some(category.to_owned()),
        limit: Some(Quantity::whole(i64::try_from(MAX_COMBINATIONS).unwrap_or(i64::MAX))),
        ..usage.alert(AlertType::Cardinality, Severity::Warning)
    };
    let what = format!("CARDINALITY#{category}#{}", day_of(at));
    usage.raise(tenant, what, alert, |_| Ok(())).await.map(drop)
}
