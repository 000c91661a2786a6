//! What quotas and budgets have in common: how a limit is checked, changed, listed, topped up.

use std::collections::BTreeMap;

use deserr::Deserr;
use millwright_core::{Error, FaultCode, Faults, Line, Result, Tenant, Timestamp};
use millwright_http::{Caller, IfMatch, Listing, NoContent, Plain, Submission, Write};
use millwright_store::{Contention, Position};
use utoipa::IntoParams;

use super::LimitStatus;
use crate::{
    app::{Defined, Usage},
    codes,
    domain::{Counted, Enforcement, Limit, LimitId, MAX_APPLICABLE, Quantity, ScopeType},
    events::{
        BudgetArchived, BudgetCreated, BudgetUpdated, LimitData, LimitToppedUp, QuotaArchived,
        QuotaCreated, QuotaUpdated, TopUpData,
    },
    permissions::ReportReadAll,
    store::{LimitCounter, LimitItem, UniqueMarker, definitions},
};

const MAX_QUOTAS: usize = 200;
const MAX_BUDGETS: usize = 100;

pub(super) fn micros(amount: u64) -> Quantity {
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

pub(super) fn check_new(defined: &Defined, limit: &Limit) -> Result<()> {
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
    pub(super) async fn limit(&self, tenant: &Tenant, id: LimitId) -> Result<Limit> {
        let item: Option<LimitItem> = self.store.get(&LimitItem::place(tenant, id)).await?;
        let what = if matches!(id, LimitId::Budget(_)) { "budget" } else { "quota" };
        Ok(item.ok_or_else(|| Error::not_found(what))?.0)
    }

    /// Reads, changes and writes a limit.
    pub(super) async fn change_limit(
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
    pub(super) async fn top_up(
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

    pub(super) async fn limit_status(
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
pub(super) fn is_visible(caller: &Caller, limit: &Limit) -> bool {
    caller.may::<ReportReadAll>()
        || limit.scope_id.is_none()
        || (limit.scope_type == ScopeType::User
            && limit.scope_id == caller.user().map(|user| user.to_string()))
}

/// A page of limits by name, from the definitions.
pub(super) fn page_of(
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

pub(super) fn create(write: &mut Write, limit: &Limit) -> Result<()> {
    write.create(&LimitItem(limit.clone()));
    take_name(write, limit);
    tell(write, None, limit)
}
