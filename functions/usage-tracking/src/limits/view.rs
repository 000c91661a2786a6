//! What callers say and see of uses and limits.

use std::collections::BTreeMap;

use deserr::Deserr;
use millwright_core::{
    Entries, Fault, FaultCode, Faults, ProjectId, Result, TeamId, Timestamp, UserId,
};
use millwright_http::Caller;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    app::Defined,
    domain::{
        Amounts, Attribution, COUNT, CategoryCode, Enforcement, Limit, MAX_VALUE, Phase, Quantity,
        Status, scaled_amounts, shown,
    },
    permissions::LimitConsume,
    store::LimitCounter,
};

/// What will be used, by whom.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({
    "categoryCode": "ai.completion", "amounts": { "cost": 1200, "inputTokens": 4000 },
}))]
pub struct UseIn {
    pub category_code: CategoryCode,
    #[deserr(default)]
    #[schema(required = false, value_type = BTreeMap<String, String>)]
    pub dimensions: Entries<String>,
    #[deserr(default)]
    #[schema(required = false)]
    pub user_id: Option<UserId>,
    #[deserr(default)]
    #[schema(required = false)]
    pub team_id: Option<TeamId>,
    #[deserr(default)]
    #[schema(required = false)]
    pub project_id: Option<ProjectId>,
    /// By measure; `cost` in micro-dollars; `count` is 1 if it is not named.
    #[deserr(default)]
    #[schema(required = false, value_type = BTreeMap<String, String>)]
    pub amounts: Entries<Quantity>,
}

/// A use that was checked.
#[derive(Clone, Debug)]
pub struct Use {
    pub category_code: CategoryCode,
    pub dimensions: std::collections::BTreeMap<String, String>,
    pub attribution: Attribution,
    pub quantities: BTreeMap<String, Quantity>,
    pub amounts: Amounts,
}

impl UseIn {
    /// # Errors
    /// `not_found` for the category; `invalid_request` with all faults; `forbidden` for a person who
    /// names somebody else.
    pub async fn check(self, caller: &Caller, defined: &Defined) -> Result<Use> {
        let category = defined.require_category(self.category_code.as_str())?;
        let mut faults = Faults::default();
        for (name, quantity) in &self.amounts.0 {
            let pointer = format!("/amounts/{name}");
            if !category.has_measure(name) {
                faults.0.push(Fault::new(pointer, FaultCode::NotAllowed, "no such measure"));
            } else if quantity.is_negative() {
                faults.0.push(Fault::new(pointer, FaultCode::TooSmall, "must not be negative"));
            }
        }
        for (name, value) in &self.dimensions.0 {
            let pointer = format!("/dimensions/{name}");
            if !category.has_dimension(name) {
                faults.0.push(Fault::new(pointer, FaultCode::NotAllowed, "no such dimension"));
            } else if value.chars().count() > MAX_VALUE {
                faults.0.push(Fault::new(pointer, FaultCode::TooLong, "at most 64 characters"));
            }
        }
        if !faults.0.is_empty() {
            return Err(faults.into());
        }
        let own = caller.user();
        if let (Some(own), Some(named)) = (own, self.user_id)
            && own != named
        {
            let detail = "a person uses for nobody but themselves";
            return Err(caller.deny::<LimitConsume>(detail).await);
        }
        let attribution = Attribution {
            user_id: self.user_id.or(own),
            team_id: self.team_id,
            project_id: self.project_id,
            subject: None,
        };
        let amounts = scaled_amounts(&self.amounts);
        let mut quantities = self.amounts.0;
        quantities.entry(COUNT.to_owned()).or_insert(Quantity::ONE);
        let (category_code, mut dimensions) = (self.category_code, self.dimensions.0);
        for dimension in &category.dimensions.0 {
            dimensions.entry(dimension.name.to_string()).or_default();
        }
        Ok(Use { category_code, dimensions, attribution, quantities, amounts })
    }
}

/// A limit and where it stands, as far as that was read.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(rename_all = "camelCase", example = json!({
    "limitId": "quo_01jdz7xk2nf5h9vq3w8c6m4t0b", "scopeId": null, "measure": "count",
    "enforcement": "hard", "windowStart": "2026-11-01T00:00:00.000Z",
    "windowEnd": "2026-12-01T00:00:00.000Z", "limit": "100", "extra": "0", "used": "40",
    "reserved": "2", "remaining": "58", "percent": 40, "phase": "abundant",
    "projectedMicros": null, "breakdown": [],
}))]
pub struct LimitStatus {
    /// Of a quota or a budget.
    pub limit_id: String,
    /// Null for the organization.
    pub scope_id: Option<String>,
    pub measure: String,
    pub enforcement: Enforcement,
    pub window_start: Timestamp,
    pub window_end: Timestamp,
    /// Decimals; micro-dollars of a cost.
    pub limit: Quantity,
    /// Top-ups of this window.
    pub extra: Option<Quantity>,
    pub used: Option<Quantity>,
    pub reserved: Option<Quantity>,
    pub remaining: Option<Quantity>,
    /// Of limit and top-ups, rounded down.
    pub percent: Option<i64>,
    pub phase: Option<Phase>,
    /// Of a budget: what it will come to by the end of its window.
    pub projected_micros: Option<i64>,
    /// Of a budget: its costs by category.
    pub breakdown: Vec<CategoryCost>,
}

/// What a category cost.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CategoryCost {
    pub category_code: String,
    pub cost_micros: i64,
}

fn scope_of(id: &str) -> Option<String> {
    (!id.is_empty()).then(|| id.to_owned())
}

impl LimitStatus {
    /// Nothing was read of it.
    pub fn unread(limit: &Limit, counter: &LimitCounter) -> LimitStatus {
        LimitStatus {
            limit_id: limit.id.to_string(),
            scope_id: scope_of(&counter.scope_id),
            measure: limit.measure.clone(),
            enforcement: limit.enforcement,
            window_start: counter.window.start,
            window_end: counter.window.end,
            limit: limit.limit,
            extra: None,
            used: None,
            reserved: None,
            remaining: None,
            percent: None,
            phase: None,
            projected_micros: None,
            breakdown: Vec::new(),
        }
    }

    pub fn of(limit: &Limit, status: &Status) -> LimitStatus {
        let show = |amount: i128| Some(shown(&status.measure, amount));
        LimitStatus {
            limit_id: limit.id.to_string(),
            scope_id: scope_of(&status.scope_id),
            measure: status.measure.clone(),
            enforcement: limit.enforcement,
            window_start: status.window.start,
            window_end: status.window.end,
            limit: limit.limit,
            extra: show(status.counted.extra),
            used: show(status.counted.used),
            reserved: show(status.counted.reserved),
            remaining: show(status.remaining()),
            percent: i64::try_from(status.percent).ok(),
            phase: Some(status.phase),
            projected_micros: None,
            breakdown: Vec::new(),
        }
    }
}

/// May it be used?
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(rename_all = "camelCase", example = json!({
    "allowed": true, "overLimit": false, "deniedBy": [], "limits": [], "retryAt": null,
}))]
pub struct Decision {
    pub allowed: bool,
    /// Beyond a soft limit, within its grace.
    pub over_limit: bool,
    /// Quotas and budgets that refused.
    pub denied_by: Vec<String>,
    /// Those that apply; of an allowed use without where they stand.
    pub limits: Vec<LimitStatus>,
    /// When the last of the windows that refused ends.
    pub retry_at: Option<Timestamp>,
}

/// How near budgets are to their ends, and which limits apply.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(rename_all = "camelCase", example = json!({
    "hardLimited": false, "phase": "abundant", "allowed": null, "limits": [],
}))]
pub struct EffectiveLimits {
    /// One of them refuses what is beyond it.
    pub hard_limited: bool,
    /// The worst of the budgets that apply.
    pub phase: Phase,
    /// Whether the amounts that were asked for would be allowed.
    pub allowed: Option<bool>,
    pub limits: Vec<LimitStatus>,
}
