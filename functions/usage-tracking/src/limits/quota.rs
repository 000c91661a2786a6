//! Quotas: defined, changed, archived, topped up.

use std::collections::BTreeMap;

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Change, Entries, Error, FaultCode, Faults, Line, Timestamp};
use millwright_http::{
    Allowed, Answered, Body, Created, IfMatch, Listed, Listing, NoContent, Parameters,
    PathParameter, Plain, Representation, Submission, Versioned,
};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::{
    LimitFilters, LimitStatus,
    manage::{check_new, create, is_visible, page_of},
};
use crate::{
    app::Usage,
    domain::{
        COST, CategoryPattern, Enforcement, Limit, LimitId, MeasureName, Name, Period, Quantity,
        QuotaId, ReasonText, ScopeType, Zone,
    },
    permissions::{QuotaManage, QuotaRead, ReportReadAll},
};

/// A new quota.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({
    "name": "Completions a day", "scopeType": "user", "categoryPattern": "ai.completion",
    "measure": "count", "period": "day", "limit": 200, "enforcement": "hard",
}))]
pub struct QuotaIn {
    /// Unique in the organization.
    name: Name,
    #[deserr(default = ScopeType::Organization)]
    #[schema(required = false)]
    scope_type: ScopeType,
    /// Without it each one of the type has its own counter.
    #[deserr(default)]
    #[schema(required = false)]
    scope_id: Option<Line<1, 100>>,
    category_pattern: CategoryPattern,
    /// `count` or a metric.
    measure: MeasureName,
    /// Values of dimensions it is for, at most three dimensions.
    #[deserr(default, rename = "match")]
    #[schema(required = false, rename = "match", value_type = BTreeMap<String, Vec<String>>)]
    matching: Entries<Vec<String>>,
    period: Period,
    limit: Quantity,
    enforcement: Enforcement,
    /// Of a soft one: how far it may be exceeded, 100-200.
    #[deserr(default)]
    #[schema(required = false)]
    grace_limit_percent: Option<u16>,
    /// Percent at which an alert is raised.
    #[deserr(default)]
    #[schema(required = false)]
    thresholds: Option<Vec<u16>>,
    #[deserr(default)]
    #[schema(required = false)]
    time_zone: Option<Zone>,
    /// On which day months and longer periods begin, 1-28.
    #[deserr(default)]
    #[schema(required = false)]
    anchor_day: Option<i8>,
}

/// A change of a quota. What it counts, and when, stays.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "limit": 300 }))]
pub struct QuotaPatchIn {
    #[deserr(default)]
    #[schema(required = false)]
    name: Change<Name>,
    #[deserr(default)]
    #[schema(required = false)]
    limit: Change<Quantity>,
    #[deserr(default)]
    #[schema(required = false)]
    enforcement: Change<Enforcement>,
    #[deserr(default)]
    #[schema(required = false)]
    grace_limit_percent: Change<u16>,
    #[deserr(default)]
    #[schema(required = false)]
    thresholds: Change<Vec<u16>>,
}

/// A quota.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(rename_all = "camelCase", example = json!({
    "id": "quo_01jdz7xk2nf5h9vq3w8c6m4t0b", "name": "Completions a day", "scopeType": "user",
    "scopeId": null, "categoryPattern": "ai.completion", "measure": "count", "match": {},
    "period": "day", "limit": "200", "enforcement": "hard", "graceLimitPercent": 110,
    "thresholds": [80, 95, 100], "timeZone": "UTC", "anchorDay": 1, "archivedAt": null,
    "version": 1, "createdAt": "2026-11-23T01:04:58.000Z",
    "createdBy": "usr_01jdz7xk2nf5h9vq3w8c6m4t0b", "updatedAt": "2026-11-23T01:04:58.000Z",
}))]
pub struct QuotaView {
    id: String,
    name: Name,
    scope_type: ScopeType,
    scope_id: Option<String>,
    category_pattern: CategoryPattern,
    measure: String,
    #[serde(rename = "match")]
    #[schema(rename = "match")]
    matching: BTreeMap<String, Vec<String>>,
    period: Period,
    limit: Quantity,
    enforcement: Enforcement,
    grace_limit_percent: u16,
    thresholds: Vec<u16>,
    time_zone: Zone,
    anchor_day: i8,
    archived_at: Option<Timestamp>,
    version: u64,
    created_at: Timestamp,
    created_by: String,
    updated_at: Timestamp,
}

impl Representation for QuotaView {
    fn version(&self) -> u64 {
        self.version
    }

    fn location(&self) -> String {
        format!("/api/v1/usage/quotas/{}", self.id)
    }
}

impl From<&Limit> for QuotaView {
    fn from(limit: &Limit) -> QuotaView {
        let it = limit.clone();
        QuotaView {
            id: it.id.to_string(),
            name: it.name,
            scope_type: it.scope_type,
            scope_id: it.scope_id,
            category_pattern: it.category_pattern,
            measure: it.measure,
            matching: it.matching,
            period: it.period,
            limit: it.limit,
            enforcement: it.enforcement,
            grace_limit_percent: it.grace_limit_percent,
            thresholds: it.thresholds,
            time_zone: it.time_zone,
            anchor_day: it.anchor_day,
            archived_at: it.archived_at,
            version: it.version,
            created_at: it.created_at,
            created_by: it.created_by,
            updated_at: it.updated_at,
        }
    }
}

/// What is added to a quota.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "quantity": 50, "reason": "The demo on Friday" }))]
pub struct QuotaTopUpIn {
    /// Where each has its own counter: whose.
    #[deserr(default)]
    #[schema(required = false)]
    scope_id: Option<Line<1, 100>>,
    quantity: Quantity,
    reason: ReasonText,
}

/// Whose counter of a quota.
#[derive(Clone, Debug, Deserr, IntoParams)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[into_params(rename_all = "camelCase")]
pub struct StatusParameters {
    /// Where each has its own counter: whose.
    #[deserr(default)]
    #[param(inline)]
    scope_id: Option<Line<1, 100>>,
}

/// Create a quota
///
/// It counts from now on. Three queries at most and one transaction.
#[utoipa::path(post, path = "/api/v1/usage/quotas", tag = "Limits")]
pub async fn quota_create(
    caller: Allowed<QuotaManage>,
    State(usage): State<Usage>,
    submission: Submission<QuotaIn>,
) -> Answered<Created<QuotaView>> {
    let (submission, input) = submission.take();
    let defined = usage.defined_now(&caller.tenant()).await?;
    let stamp = usage.stamp(&caller);
    let limit = Limit {
        id: LimitId::Quota(usage.store.ids().next()),
        name: input.name,
        scope_type: input.scope_type,
        scope_id: input.scope_id.map(Line::into_string),
        category_pattern: input.category_pattern,
        measure: input.measure.to_string(),
        matching: input.matching.0,
        period: input.period,
        limit: input.limit,
        enforcement: input.enforcement,
        grace_limit_percent: input.grace_limit_percent.unwrap_or(110),
        thresholds: input.thresholds.unwrap_or_else(|| vec![80, 95, 100]),
        time_zone: input.time_zone.unwrap_or_else(|| defined.settings().time_zone.clone()),
        anchor_day: input.anchor_day.unwrap_or(1),
        archived_at: None,
        version: 1,
        created_at: stamp.at,
        created_by: stamp.by,
        updated_at: stamp.at,
    };
    if limit.measure == COST {
        let detail = "a limit of costs is a budget";
        return Err(Error::fault("/measure", FaultCode::NotAllowed, detail).into());
    }
    check_new(&defined, &limit)?;
    let mut write = submission.write(&usage.store, &caller);
    create(&mut write, &limit)?;
    let created = write.commit(Created(QuotaView::from(&limit))).await?;
    usage.forget(&caller.tenant());
    Ok(created)
}

/// List quotas
///
/// By name. At most two queries.
#[utoipa::path(get, path = "/api/v1/usage/quotas", tag = "Limits")]
pub async fn quota_list(
    caller: Allowed<QuotaRead>,
    State(usage): State<Usage>,
    listing: Listing<LimitFilters>,
) -> Answered<Listed<QuotaView>> {
    let defined = usage.defined_now(&caller.tenant()).await?;
    let (limits, next) = page_of(&caller, &defined, &listing, false);
    Ok(listing.page(limits.iter().map(QuotaView::from).collect(), next).await?)
}

/// Read a quota
///
/// One read.
#[utoipa::path(get, path = "/api/v1/usage/quotas/{quotaId}", tag = "Limits")]
pub async fn quota_get(
    caller: Allowed<QuotaRead>,
    State(usage): State<Usage>,
    PathParameter((id,)): PathParameter<(QuotaId,)>,
) -> Answered<Versioned<QuotaView>> {
    let limit = usage.limit(&caller.tenant(), LimitId::Quota(id)).await?;
    match is_visible(&caller, &limit) {
        true => Ok(Versioned(QuotaView::from(&limit))),
        false => Err(Error::not_found("quota").into()),
    }
}

/// Change a quota
///
/// Noticed everywhere within ten seconds. One read and one transaction.
#[utoipa::path(patch, path = "/api/v1/usage/quotas/{quotaId}", tag = "Limits")]
pub async fn quota_update(
    caller: Allowed<QuotaManage>,
    State(usage): State<Usage>,
    PathParameter((id,)): PathParameter<(QuotaId,)>,
    if_match: IfMatch,
    Body(patch): Body<QuotaPatchIn>,
) -> Answered<Versioned<QuotaView>> {
    let change = |limit: &mut Limit, _: Timestamp| {
        let patch = patch.clone();
        patch.name.apply_to(&mut limit.name);
        patch.limit.apply_to(&mut limit.limit);
        patch.enforcement.apply_to(&mut limit.enforcement);
        patch.grace_limit_percent.apply_to(&mut limit.grace_limit_percent);
        patch.thresholds.apply_to(&mut limit.thresholds);
    };
    let after = usage.change_limit(&caller, LimitId::Quota(id), &if_match, change).await?;
    Ok(Versioned(QuotaView::from(&after)))
}

/// Archive a quota
///
/// It refuses and counts nothing any more. One read and one transaction.
#[utoipa::path(delete, path = "/api/v1/usage/quotas/{quotaId}", tag = "Limits")]
pub async fn quota_archive(
    caller: Allowed<QuotaManage>,
    State(usage): State<Usage>,
    PathParameter((id,)): PathParameter<(QuotaId,)>,
    if_match: IfMatch,
) -> Answered<NoContent> {
    let archive = |limit: &mut Limit, now: Timestamp| {
        limit.archived_at.get_or_insert(now);
    };
    usage.change_limit(&caller, LimitId::Quota(id), &if_match, archive).await?;
    Ok(NoContent)
}

/// Read where a quota stands
///
/// In its present window. Two reads.
#[utoipa::path(get, path = "/api/v1/usage/quotas/{quotaId}/status", tag = "Limits")]
pub async fn quota_status(
    caller: Allowed<QuotaRead>,
    State(usage): State<Usage>,
    PathParameter((id,)): PathParameter<(QuotaId,)>,
    Parameters(parameters): Parameters<StatusParameters>,
) -> Answered<Plain<LimitStatus>> {
    let tenant = caller.tenant();
    let limit = usage.limit(&tenant, LimitId::Quota(id)).await?;
    let mut scope_id = parameters.scope_id.map(Line::into_string);
    let own = caller.user().map(|user| user.to_string());
    let is_of_each_user = limit.scope_type == ScopeType::User && limit.scope_id.is_none();
    if !caller.may::<ReportReadAll>() {
        if is_of_each_user && scope_id.is_none() {
            scope_id.clone_from(&own);
        }
        let sees = limit.scope_type == ScopeType::Organization
            || (is_visible(&caller, &limit)
                && scope_id.as_ref().is_none_or(|id| Some(id) == own.as_ref()));
        if !sees {
            return Err(caller.deny::<ReportReadAll>("you see your own limits only").await.into());
        }
    }
    Ok(Plain(usage.limit_status(&tenant, &limit, scope_id).await?))
}

/// Top up a quota
///
/// Adds room to its present window alone. Two reads and one transaction.
#[utoipa::path(post, path = "/api/v1/usage/quotas/{quotaId}/top-ups", tag = "Limits")]
pub async fn quota_top_up(
    caller: Allowed<QuotaManage>,
    State(usage): State<Usage>,
    PathParameter((id,)): PathParameter<(QuotaId,)>,
    submission: Submission<QuotaTopUpIn>,
) -> Answered<Plain<LimitStatus>> {
    let (submission, input) = submission.take();
    let scope_id = input.scope_id.map(Line::into_string);
    let (id, reason) = (LimitId::Quota(id), input.reason.as_str());
    Ok(usage.top_up(&caller, &submission, id, scope_id, input.quantity, reason).await?)
}
