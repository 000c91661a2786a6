//! Budgets: defined, changed, archived, topped up.

use std::collections::BTreeMap;

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Change, Error, Faults, Line, Timestamp};
use millwright_http::{
    Allowed, Answered, Body, Created, IfMatch, Listed, Listing, NoContent, PathParameter, Plain,
    Representation, Submission, Versioned,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    LimitFilters, LimitStatus,
    manage::{check_new, create, is_visible, micros, page_of},
};
use crate::{
    app::Usage,
    domain::{
        BudgetId, COST, CategoryPattern, Cost, Enforcement, Limit, LimitId, Name, Period,
        ReasonText, ScopeType, Zone,
    },
    permissions::{BudgetManage, BudgetRead},
};

/// A new budget.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({
    "name": "AI in a month", "scopeType": "organization", "categoryPattern": "ai.*",
    "period": "month", "amountMicros": 50000000, "enforcement": "hard",
}))]
pub struct BudgetIn {
    /// Unique in the organization.
    name: Name,
    #[deserr(default = ScopeType::Organization)]
    #[schema(required = false)]
    scope_type: ScopeType,
    #[deserr(default)]
    #[schema(required = false)]
    scope_id: Option<Line<1, 100>>,
    #[deserr(default = CategoryPattern::Any)]
    #[schema(required = false)]
    category_pattern: CategoryPattern,
    period: Period,
    amount_micros: u64,
    #[deserr(default = Enforcement::None)]
    #[schema(required = false)]
    enforcement: Enforcement,
    #[deserr(default)]
    #[schema(required = false)]
    grace_limit_percent: Option<u16>,
    #[deserr(default)]
    #[schema(required = false)]
    thresholds: Option<Vec<u16>>,
    #[deserr(default)]
    #[schema(required = false)]
    time_zone: Option<Zone>,
    #[deserr(default)]
    #[schema(required = false)]
    anchor_day: Option<i8>,
}

/// A change of a budget.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "amountMicros": 60000000 }))]
pub struct BudgetPatchIn {
    #[deserr(default)]
    #[schema(required = false)]
    name: Change<Name>,
    #[deserr(default)]
    #[schema(required = false)]
    amount_micros: Change<u64>,
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

/// A budget.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(rename_all = "camelCase", example = json!({
    "id": "bud_01jdz7xk2nf5h9vq3w8c6m4t0b", "name": "AI in a month", "scopeType": "organization",
    "scopeId": null, "categoryPattern": "ai.*", "period": "month", "amountMicros": 50000000,
    "enforcement": "hard", "graceLimitPercent": 110, "thresholds": [75, 90, 100, 150],
    "timeZone": "UTC", "anchorDay": 1, "archivedAt": null, "version": 1,
    "createdAt": "2026-11-23T01:04:58.000Z", "createdBy": "usr_01jdz7xk2nf5h9vq3w8c6m4t0b",
    "updatedAt": "2026-11-23T01:04:58.000Z",
}))]
pub struct BudgetView {
    id: String,
    name: Name,
    scope_type: ScopeType,
    scope_id: Option<String>,
    category_pattern: CategoryPattern,
    period: Period,
    amount_micros: i64,
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

impl Representation for BudgetView {
    fn version(&self) -> u64 {
        self.version
    }

    fn location(&self) -> String {
        format!("/api/v1/usage/budgets/{}", self.id)
    }
}

impl From<&Limit> for BudgetView {
    fn from(limit: &Limit) -> BudgetView {
        let it = limit.clone();
        BudgetView {
            id: it.id.to_string(),
            name: it.name,
            scope_type: it.scope_type,
            scope_id: it.scope_id,
            category_pattern: it.category_pattern,
            period: it.period,
            amount_micros: Cost::of_micros(it.limit).micros(),
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

/// What is added to a budget.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "amountMicros": 5000000, "reason": "The demo on Friday" }))]
pub struct BudgetTopUpIn {
    amount_micros: u64,
    reason: ReasonText,
}

/// Create a budget
///
/// It counts from now on. Three queries at most and one transaction.
#[utoipa::path(post, path = "/api/v1/usage/budgets", tag = "Limits")]
pub async fn budget_create(
    caller: Allowed<BudgetManage>,
    State(usage): State<Usage>,
    submission: Submission<BudgetIn>,
) -> Answered<Created<BudgetView>> {
    let (submission, input) = submission.take();
    let defined = usage.defined_now(&caller.tenant()).await?;
    let stamp = usage.stamp(&caller);
    let limit = Limit {
        id: LimitId::Budget(usage.store.ids().next()),
        name: input.name,
        scope_type: input.scope_type,
        scope_id: input.scope_id.map(Line::into_string),
        category_pattern: input.category_pattern,
        measure: COST.to_owned(),
        matching: BTreeMap::new(),
        period: input.period,
        limit: micros(input.amount_micros),
        enforcement: input.enforcement,
        grace_limit_percent: input.grace_limit_percent.unwrap_or(110),
        thresholds: input.thresholds.unwrap_or_else(|| vec![75, 90, 100, 150]),
        time_zone: input.time_zone.unwrap_or_else(|| defined.settings().time_zone.clone()),
        anchor_day: input.anchor_day.unwrap_or(1),
        archived_at: None,
        version: 1,
        created_at: stamp.at,
        created_by: stamp.by,
        updated_at: stamp.at,
    };
    check_new(&defined, &limit)?;
    let mut write = submission.write(&usage.store, &caller);
    create(&mut write, &limit)?;
    let created = write.commit(Created(BudgetView::from(&limit))).await?;
    usage.forget(&caller.tenant());
    Ok(created)
}

/// List budgets
///
/// By name. At most two queries.
#[utoipa::path(get, path = "/api/v1/usage/budgets", tag = "Limits")]
pub async fn budget_list(
    caller: Allowed<BudgetRead>,
    State(usage): State<Usage>,
    listing: Listing<LimitFilters>,
) -> Answered<Listed<BudgetView>> {
    let defined = usage.defined_now(&caller.tenant()).await?;
    let (limits, next) = page_of(&caller, &defined, &listing, true);
    Ok(listing.page(limits.iter().map(BudgetView::from).collect(), next).await?)
}

/// Read a budget
///
/// One read.
#[utoipa::path(get, path = "/api/v1/usage/budgets/{budgetId}", tag = "Limits")]
pub async fn budget_get(
    caller: Allowed<BudgetRead>,
    State(usage): State<Usage>,
    PathParameter((id,)): PathParameter<(BudgetId,)>,
) -> Answered<Versioned<BudgetView>> {
    let limit = usage.limit(&caller.tenant(), LimitId::Budget(id)).await?;
    match is_visible(&caller, &limit) {
        true => Ok(Versioned(BudgetView::from(&limit))),
        false => Err(Error::not_found("budget").into()),
    }
}

/// Change a budget
///
/// Noticed everywhere within ten seconds. One read and one transaction.
#[utoipa::path(patch, path = "/api/v1/usage/budgets/{budgetId}", tag = "Limits")]
pub async fn budget_update(
    caller: Allowed<BudgetManage>,
    State(usage): State<Usage>,
    PathParameter((id,)): PathParameter<(BudgetId,)>,
    if_match: IfMatch,
    Body(patch): Body<BudgetPatchIn>,
) -> Answered<Versioned<BudgetView>> {
    let change = |limit: &mut Limit, _: Timestamp| {
        let patch = patch.clone();
        patch.name.apply_to(&mut limit.name);
        if let Change::Set(amount) = patch.amount_micros {
            limit.limit = micros(amount);
        }
        patch.enforcement.apply_to(&mut limit.enforcement);
        patch.grace_limit_percent.apply_to(&mut limit.grace_limit_percent);
        patch.thresholds.apply_to(&mut limit.thresholds);
    };
    let after = usage.change_limit(&caller, LimitId::Budget(id), &if_match, change).await?;
    Ok(Versioned(BudgetView::from(&after)))
}

/// Archive a budget
///
/// It refuses and counts nothing any more. One read and one transaction.
#[utoipa::path(delete, path = "/api/v1/usage/budgets/{budgetId}", tag = "Limits")]
pub async fn budget_archive(
    caller: Allowed<BudgetManage>,
    State(usage): State<Usage>,
    PathParameter((id,)): PathParameter<(BudgetId,)>,
    if_match: IfMatch,
) -> Answered<NoContent> {
    let archive = |limit: &mut Limit, now: Timestamp| {
        limit.archived_at.get_or_insert(now);
    };
    usage.change_limit(&caller, LimitId::Budget(id), &if_match, archive).await?;
    Ok(NoContent)
}

/// Read where a budget stands
///
/// In its present window, what it will come to, and its costs by category. Two reads, and the
/// queries of its series.
#[utoipa::path(get, path = "/api/v1/usage/budgets/{budgetId}/status", tag = "Limits")]
pub async fn budget_status(
    caller: Allowed<BudgetRead>,
    State(usage): State<Usage>,
    PathParameter((id,)): PathParameter<(BudgetId,)>,
) -> Answered<Plain<LimitStatus>> {
    let tenant = caller.tenant();
    let limit = usage.limit(&tenant, LimitId::Budget(id)).await?;
    if !is_visible(&caller, &limit) {
        return Err(Error::not_found("budget").into());
    }
    Ok(Plain(usage.limit_status(&tenant, &limit, None).await?))
}

/// Top up a budget
///
/// Adds room to its present window alone. Two reads and one transaction.
#[utoipa::path(post, path = "/api/v1/usage/budgets/{budgetId}/top-ups", tag = "Limits")]
pub async fn budget_top_up(
    caller: Allowed<BudgetManage>,
    State(usage): State<Usage>,
    PathParameter((id,)): PathParameter<(BudgetId,)>,
    submission: Submission<BudgetTopUpIn>,
) -> Answered<Plain<LimitStatus>> {
    let (submission, input) = submission.take();
    let (id, reason) = (LimitId::Budget(id), input.reason.as_str());
    let quantity = micros(input.amount_micros);
    Ok(usage.top_up(&caller, &submission, id, None, quantity, reason).await?)
}
