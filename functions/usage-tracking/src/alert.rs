//! Alerts: read, acknowledged, resolved.

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Error, Faults, Result, Timestamp};
use millwright_http::{
    Allowed, Answered, Caller, Listed, Listing, PathParameter, Representation, Submission,
    Versioned,
};
use millwright_store::{Contention, Index, Query};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use crate::{
    app::Usage,
    domain::{Alert, AlertId, AlertState, AlertType, Note, Quantity, ScopeType, Severity},
    events::{AlertData, AlertResolved},
    permissions::{AlertManage, AlertRead},
    store::{AlertItem, all_alerts},
};

/// An alert.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(rename_all = "camelCase")]
pub struct AlertView {
    id: AlertId,
    #[serde(rename = "type")]
    #[schema(rename = "type")]
    kind: AlertType,
    severity: Severity,
    limit_id: Option<String>,
    category_code: Option<String>,
    scope_type: Option<ScopeType>,
    scope_id: Option<String>,
    threshold: Option<u16>,
    value: Option<Quantity>,
    limit: Option<Quantity>,
    window_start: Option<Timestamp>,
    state: AlertState,
    acknowledged_by: Option<String>,
    note: Note,
    version: u64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<&Alert> for AlertView {
    fn from(alert: &Alert) -> AlertView {
        let it = alert.clone();
        AlertView {
            id: it.id,
            kind: it.kind,
            severity: it.severity,
            limit_id: it.limit_id.map(|id| id.to_string()),
            category_code: it.category_code,
            scope_type: it.scope_type,
            scope_id: it.scope_id,
            threshold: it.threshold,
            value: it.value,
            limit: it.limit,
            window_start: it.window_start,
            state: it.state,
            acknowledged_by: it.acknowledged_by,
            note: it.note,
            version: it.version,
            created_at: it.created_at,
            updated_at: it.updated_at,
        }
    }
}

impl Representation for AlertView {
    fn version(&self) -> u64 {
        self.version
    }

    fn location(&self) -> String {
        format!("/api/v1/usage/alerts/{}", self.id)
    }
}

/// Filters of alerts.
#[derive(Clone, Debug, Deserr, IntoParams)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[into_params(rename_all = "camelCase")]
pub struct AlertFilters {
    #[deserr(default)]
    #[param(inline)]
    state: Option<AlertState>,
    #[deserr(default, rename = "type")]
    #[param(inline, rename = "type")]
    kind: Option<AlertType>,
    #[deserr(default)]
    #[param(inline)]
    severity: Option<Severity>,
}

/// What is to be said of it.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "note": "We know; the demo is on Friday" }))]
pub struct NoteIn {
    #[deserr(default)]
    #[schema(required = false)]
    note: Note,
}

/// List alerts
///
/// Newest first, of 13 months. One query of an index.
#[utoipa::path(get, path = "/api/v1/usage/alerts", tag = "Alerts")]
pub async fn alert_list(
    caller: Allowed<AlertRead>,
    State(usage): State<Usage>,
    listing: Listing<AlertFilters>,
) -> Answered<Listed<AlertView>> {
    let query = Query::index(Index::Gsi2, all_alerts(&caller.tenant())).descending(true);
    let filters = &listing.filters;
    let admit = |item: &millwright_store::RawItem| {
        let it: Alert = item.decode_attribute("summary")?;
        let admitted = filters.state.is_none_or(|state| state == it.state)
            && filters.kind.is_none_or(|kind| kind == it.kind)
            && filters.severity.is_none_or(|severity| severity == it.severity);
        Ok(admitted.then(|| AlertView::from(&it)))
    };
    let page = usage
        .store
        .filtered_page(&query, listing.limit, listing.from.as_ref(), true, admit)
        .await?;
    Ok(listing.page(page.items, page.next).await?)
}

impl Usage {
    async fn change_alert(
        &self,
        caller: &Caller,
        submission: &Submission<NoteIn>,
        id: AlertId,
        to: AlertState,
    ) -> Result<Versioned<AlertView>> {
        let place = AlertItem::place(&caller.tenant(), id);
        let attempt = || async {
            let item: Option<AlertItem> = self.store.get(&place).await?;
            let before = item.ok_or_else(|| Error::not_found("alert"))?.summary;
            let mut write = submission.write(&self.store, caller);
            if before.state == to || before.state == AlertState::Resolved {
                return write.commit(Versioned(AlertView::from(&before))).await;
            }
            let stamp = self.stamp(caller);
            let mut after = Alert {
                state: to,
                version: before.version + 1,
                updated_at: stamp.at.max(before.updated_at),
                ..before.clone()
            };
            if to == AlertState::Acknowledged {
                after.acknowledged_by = Some(stamp.by);
            }
            if !submission.input.note.as_str().is_empty() {
                after.note = submission.input.note.clone();
            }
            let step = write.replace(&AlertItem::of(&after), before.version);
            write.refused_as(step, Error::lost_race());
            if to == AlertState::Resolved {
                write.emit(&AlertResolved(AlertData::of(&after)))?;
            }
            write.commit(Versioned(AlertView::from(&after))).await
        };
        Contention::new(&self.store).settle(&self.store, attempt).await
    }
}

/// Read an alert
///
/// One read.
#[utoipa::path(get, path = "/api/v1/usage/alerts/{alertId}", tag = "Alerts")]
pub async fn alert_get(
    caller: Allowed<AlertRead>,
    State(usage): State<Usage>,
    PathParameter((id,)): PathParameter<(AlertId,)>,
) -> Answered<Versioned<AlertView>> {
    let item: Option<AlertItem> = usage.store.get(&AlertItem::place(&caller.tenant(), id)).await?;
    let alert = item.ok_or_else(|| Error::not_found("alert"))?.summary;
    Ok(Versioned(AlertView::from(&alert)))
}

/// Acknowledge an alert
///
/// Somebody looks after it. One read and one transaction.
#[utoipa::path(post, path = "/api/v1/usage/alerts/{alertId}/acknowledge", tag = "Alerts")]
pub async fn alert_acknowledge(
    caller: Allowed<AlertManage>,
    State(usage): State<Usage>,
    PathParameter((id,)): PathParameter<(AlertId,)>,
    submission: Submission<NoteIn>,
) -> Answered<Versioned<AlertView>> {
    Ok(usage.change_alert(&caller, &submission, id, AlertState::Acknowledged).await?)
}

/// Resolve an alert
///
/// It is over. One read and one transaction.
#[utoipa::path(post, path = "/api/v1/usage/alerts/{alertId}/resolve", tag = "Alerts")]
pub async fn alert_resolve(
    caller: Allowed<AlertManage>,
    State(usage): State<Usage>,
    PathParameter((id,)): PathParameter<(AlertId,)>,
    submission: Submission<NoteIn>,
) -> Answered<Versioned<AlertView>> {
    Ok(usage.change_alert(&caller, &submission, id, AlertState::Resolved).await?)
}
