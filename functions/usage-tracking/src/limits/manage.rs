//! Quotas and budgets: defined, changed, archived, topped up.

use std::collections::BTreeMap;

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Change, Error, FaultCode, Faults, Line, Result, Tenant, Timestamp};
use millwright_http::{
    Allowed, Answered, Body, Caller, Created, IfMatch, Listed, Listing, NoContent, Parameters,
    PathParameter, Plain, Representation, Submission, Versioned, Write,
};
use millwright_store::{Contention, Position};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::LimitStatus;
use crate::{
    app::{Defined, Usage},
    codes,
    domain::{
        BudgetId, COST, CategoryPattern, Cost, Counted, Enforcement, Limit, LimitId,
        MAX_APPLICABLE, MeasureName, Name, Period, Quantity, QuotaId, ReasonText, ScopeType, Zone,
    },
    events::{
        BudgetArchived, BudgetCreated, BudgetUpdated, LimitData, LimitToppedUp, QuotaArchived,
        QuotaCreated, QuotaUpdated, TopUpData,
    },
    permissions::{BudgetManage, BudgetRead, QuotaManage, QuotaRead, ReportReadAll},
    store::{LimitCounter, LimitItem, UniqueMarker, definitions},
};

const MAX_QUOTAS: usize = 200;
const MAX_BUDGETS: usize = 100;

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
    #[schema(required = false, rename = "match")]
    matching: BTreeMap<String, Vec<String>>,
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

macro_rules! representation {
    ($($view:ty = $path:literal),+) => {$(
        impl Representation for $view {
            fn version(&self) -> u64 {
                self.version
            }

            fn location(&self) -> String {
                format!(concat!("/api/v1/usage/", $path, "/{}"), self.id)
            }
        }
    )+};
}

representation!(QuotaView = "quotas", BudgetView = "budgets");

fn micros(amount: u64) -> Quantity {
    Quantity::whole(i64::try_from(amount).unwrap_or(i64::MAX))
}

fn kind(limit: &Limit) -> &'static str {
    if limit.is_budget() { "budget" } else { "quota" }
}

/// More limits could apply to one use than are looked at: counted for each category, with the scope
/// of each type that has most of them.
fn check_applicable(defined: &Defined, limits: &[&Limit]) -> Result<()> {
    for category in defined.categories() {
        let mut of_each: BTreeMap<ScopeType, usize> = BTreeMap::new();
        let mut of_one: BTreeMap<(ScopeType, &str), usize> = BTreeMap::new();
        for limit in limits.iter().filter(|it| it.category_pattern.matches(category.code.as_str()))
        {
            match &limit.scope_id {
                Some(id) => *of_one.entry((limit.scope_type, id)).or_default() += 1,
                None => *of_each.entry(limit.scope_type).or_default() += 1,
            }
        }
        let most = |scope: ScopeType| {
            let named = of_one.iter().filter(|((it, _), _)| *it == scope).map(|(_, n)| *n).max();
            named.unwrap_or(0) + of_each.get(&scope).copied().unwrap_or(0)
        };
        if ScopeType::ALL.iter().map(|scope| most(*scope)).sum::<usize>() > MAX_APPLICABLE {
            let detail = format!("more than {MAX_APPLICABLE} would apply to {}", category.code);
            return Err(Error::new(codes::TOO_MANY_LIMITS, detail));
        }
    }
    Ok(())
}

fn check_new(defined: &Defined, limit: &Limit) -> Result<()> {
    limit.check()?;
    let categories = defined.matching(&limit.category_pattern);
    if categories.is_empty() {
        let detail = "there is no such category";
        return Err(Error::fault("/categoryPattern", FaultCode::NotAllowed, detail));
    }
    if !categories.iter().any(|it| it.has_measure(&limit.measure)) {
        let detail = "no measure of these categories";
        return Err(Error::fault("/measure", FaultCode::NotAllowed, detail));
    }
    let all = || defined.0.limits.iter().filter(|it| it.archived_at.is_none());
    let (max, what) = match limit.is_budget() {
        true => (MAX_BUDGETS, "budgets"),
        false => (MAX_QUOTAS, "quotas"),
    };
    if all().filter(|it| it.is_budget() == limit.is_budget()).count() >= max {
        return Err(Error::limit_reached(what, max as u64));
    }
    let limits: Vec<&Limit> = all().chain([limit]).collect();
    check_applicable(defined, &limits)
}

fn take_name(write: &mut Write, limit: &Limit) {
    let step = write.create(&UniqueMarker::new(kind(limit), limit.name.as_str(), limit.id));
    let detail = "another one has this name";
    write.refused_as(step, Error::new(millwright_core::codes::NAME_TAKEN, detail));
}

fn tell(write: &mut Write, before: Option<&Limit>, after: &Limit) -> Result<()> {
    let data = LimitData::of(before, after);
    match (before, after.is_budget(), after.archived_at.is_some()) {
        (None, false, _) => write.emit(&QuotaCreated(data)),
        (None, true, _) => write.emit(&BudgetCreated(data)),
        (Some(_), false, true) => write.emit(&QuotaArchived(data)),
        (Some(_), true, true) => write.emit(&BudgetArchived(data)),
        (Some(_), false, false) => write.emit(&QuotaUpdated(data)),
        (Some(_), true, false) => write.emit(&BudgetUpdated(data)),
    }
}

impl Usage {
    async fn limit(&self, tenant: &Tenant, id: LimitId) -> Result<Limit> {
        let item: Option<LimitItem> = self.store.get(&LimitItem::place(tenant, id)).await?;
        let what = if matches!(id, LimitId::Budget(_)) { "budget" } else { "quota" };
        Ok(item.ok_or_else(|| Error::not_found(what))?.0)
    }

    /// Reads, changes and writes a limit.
    async fn change_limit(
        &self,
        caller: &Caller,
        id: LimitId,
        if_match: &IfMatch,
        change: impl Fn(&mut Limit, Timestamp),
    ) -> Result<Limit> {
        let tenant = caller.tenant();
        let attempt = || async {
            let before = self.limit(&tenant, id).await?;
            if_match.check(before.version)?;
            let mut after = before.clone();
            let stamp = self.stamp(caller);
            change(&mut after, stamp.at);
            if after == before {
                return Ok(before);
            }
            after.check()?;
            after.version += 1;
            after.updated_at = stamp.at.max(before.updated_at);
            let mut write = caller.write(&self.store);
            let step = write.replace(&LimitItem(after.clone()), before.version);
            write.refused_as(step, Error::lost_race());
            let renamed = after.name.as_str().to_lowercase() != before.name.as_str().to_lowercase();
            if renamed {
                take_name(&mut write, &after);
            }
            if renamed || (after.archived_at.is_some() && before.archived_at.is_none()) {
                write.remove(&UniqueMarker::new(kind(&before), before.name.as_str(), id));
            }
            tell(&mut write, Some(&before), &after)?;
            write.commit(NoContent).await?;
            Ok(after)
        };
        let after = Contention::new(&self.store).settle(&self.store, attempt).await?;
        self.forget(&tenant);
        Ok(after)
    }

    /// Adds room to the present window of a limit.
    async fn top_up(
        &self,
        caller: &Caller,
        submission: &Submission<()>,
        id: LimitId,
        scope_id: Option<String>,
        quantity: Quantity,
        reason: &str,
    ) -> Result<Plain<LimitStatus>> {
        let tenant = caller.tenant();
        let limit = self.limit(&tenant, id).await?;
        let scope = scope_of(&limit, scope_id)?;
        if quantity <= Quantity::ZERO {
            let pointer = if limit.is_budget() { "/amountMicros" } else { "/quantity" };
            return Err(Error::fault(pointer, FaultCode::TooSmall, "must be more than 0"));
        }
        let counter = LimitCounter::of(&limit, scope, self.store.clock().now())?;
        let extra = crate::domain::scaled(&limit.measure, quantity);
        let mut write = submission.write(&self.store, caller);
        counter.move_by(&mut write, Counted { extra, ..Counted::default() }, None);
        write.emit(&LimitToppedUp(TopUpData {
            limit_id: id.to_string(),
            scope_id: (!counter.scope_id.is_empty()).then(|| counter.scope_id.clone()),
            quantity: quantity.to_string(),
            reason: reason.to_owned(),
            window_start: counter.window.start,
        }))?;
        let counted =
            LimitCounter::read(&self.store, &tenant, std::slice::from_ref(&counter)).await?;
        let mut counted = counted.first().copied().unwrap_or_default();
        counted.extra += extra;
        let status = limit.status(&counter.scope_id, counter.window, counted);
        write.commit(Plain(LimitStatus::of(&limit, &status))).await
    }

    async fn limit_status(
        &self,
        tenant: &Tenant,
        limit: &Limit,
        scope_id: Option<String>,
    ) -> Result<LimitStatus> {
        let scope = scope_of(limit, scope_id)?;
        let counter = LimitCounter::of(limit, scope, self.store.clock().now())?;
        let counted =
            LimitCounter::read(&self.store, tenant, std::slice::from_ref(&counter)).await?;
        let counted = counted.first().copied().unwrap_or_default();
        let status = limit.status(&counter.scope_id, counter.window, counted);
        let mut status = LimitStatus::of(limit, &status);
        if limit.is_budget() {
            crate::query::foretell(self, tenant, limit, &counter, &mut status).await?;
        }
        Ok(status)
    }
}

/// The scope of a limit's counter: its own, or the one that is named where each has its own.
fn scope_of(limit: &Limit, named: Option<String>) -> Result<String> {
    match (&limit.scope_id, limit.scope_type, named) {
        (None, ScopeType::Organization, None) => Ok(String::new()),
        (Some(id), _, None) => Ok(id.clone()),
        (Some(id), _, Some(named)) if *id == named => Ok(named),
        (None, scope, Some(named)) if scope != ScopeType::Organization => Ok(named),
        (None, _, None) => {
            Err(Error::fault("/scopeId", FaultCode::Required, "each one has its own counter"))
        }
        _ => Err(Error::fault("/scopeId", FaultCode::NotAllowed, "it is not of that scope")),
    }
}

/// Filters of limits.
#[derive(Clone, Debug, Deserr, IntoParams)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[into_params(rename_all = "camelCase")]
pub struct LimitFilters {
    #[deserr(default)]
    #[param(inline)]
    scope_type: Option<ScopeType>,
    #[deserr(default)]
    #[param(inline)]
    scope_id: Option<Line<1, 100>>,
    #[deserr(default)]
    #[param(inline)]
    enforcement: Option<Enforcement>,
}

/// What a caller without sight of everything sees: limits of the organization, of each user, and
/// their own.
fn is_visible(caller: &Caller, limit: &Limit) -> bool {
    caller.may::<ReportReadAll>()
        || limit.scope_id.is_none()
        || (limit.scope_type == ScopeType::User
            && limit.scope_id == caller.user().map(|user| user.to_string()))
}

/// A page of limits by name, from the definitions.
fn page_of(
    caller: &Caller,
    defined: &Defined,
    listing: &Listing<LimitFilters>,
    budgets: bool,
) -> (Vec<Limit>, Option<Position>) {
    let filters = &listing.filters;
    let key = |limit: &Limit| format!("{}#{}", limit.name.as_str().to_lowercase(), limit.id);
    let after = listing.from.as_ref().map(|position| position.sort_key().to_owned());
    let mut limits: Vec<&Limit> = defined
        .0
        .limits
        .iter()
        .filter(|it| it.is_budget() == budgets && it.archived_at.is_none())
        .filter(|it| is_visible(caller, it))
        .filter(|it| filters.scope_type.is_none_or(|scope| scope == it.scope_type))
        .filter(|it| {
            let wanted = filters.scope_id.as_ref().map(Line::as_str);
            wanted.is_none_or(|id| it.scope_id.as_deref() == Some(id))
        })
        .filter(|it| filters.enforcement.is_none_or(|wanted| wanted == it.enforcement))
        .filter(|it| after.as_ref().is_none_or(|after| key(it) > *after))
        .collect();
    limits.sort_by_key(|it| key(it));
    let has_more = limits.len() > listing.limit;
    limits.truncate(listing.limit);
    let last = limits.last().map(|it| definitions(&caller.tenant()).at(key(it)));
    let next = last.filter(|_| has_more).map(|key| Position::behind(&key));
    (limits.into_iter().cloned().collect(), next)
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

/// What is added to a budget.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "amountMicros": 5000000, "reason": "The demo on Friday" }))]
pub struct BudgetTopUpIn {
    amount_micros: u64,
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
        matching: input.matching,
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

fn create(write: &mut Write, limit: &Limit) -> Result<()> {
    write.create(&LimitItem(limit.clone()));
    take_name(write, limit);
    tell(write, None, limit)
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
