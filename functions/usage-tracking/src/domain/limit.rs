//! Quotas and budgets: both are limits, which count used and reserved per scope and window.

use std::{collections::BTreeMap, fmt, str::FromStr};

use millwright_core::{Fault, FaultCode, Faults, InputError, Result, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{
    Attribution, BudgetId, COST, COUNT, CategoryPattern, Cost, Labels, Name, Period, Quantity,
    QuotaId, ScopeType, Window, Zone, period_window,
};

/// The most limits that may apply to one use.
pub const MAX_APPLICABLE: usize = 20;

/// The id of a quota or a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LimitId {
    Quota(QuotaId),
    Budget(BudgetId),
}

impl fmt::Display for LimitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LimitId::Quota(id) => id.fmt(f),
            LimitId::Budget(id) => id.fmt(f),
        }
    }
}

impl FromStr for LimitId {
    type Err = InputError;

    fn from_str(text: &str) -> Result<LimitId, InputError> {
        match text.parse() {
            Ok(id) => Ok(LimitId::Quota(id)),
            Err(_) => text.parse().map(LimitId::Budget),
        }
    }
}

impl Serialize for LimitId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for LimitId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

millwright_core::wire_enum! {
    /// What a limit does to a use beyond it.
    pub enum Enforcement {
        /// Budgets: counts and tells.
        None = "none",
        /// Quotas: counts and tells.
        Warn = "warn",
        /// Refuses beyond the limit and its grace.
        Soft = "soft",
        /// Refuses beyond the limit.
        Hard = "hard",
    }
}

millwright_core::wire_enum! {
    /// How near a budget is to its end.
    pub enum Phase {
        Abundant = "abundant",
        Normal = "normal",
        Caution = "caution",
        Crisis = "crisis",
    }
}

impl Phase {
    /// By percent of what may be used.
    pub fn of(percent: i128) -> Phase {
        match percent {
            ..60 => Phase::Abundant,
            60..80 => Phase::Normal,
            80..95 => Phase::Caution,
            _ => Phase::Crisis,
        }
    }
}

/// A quota or a budget.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Limit {
    pub id: LimitId,
    pub name: Name,
    pub scope_type: ScopeType,
    /// None: each one of the type has its own counter.
    pub scope_id: Option<String>,
    pub category_pattern: CategoryPattern,
    pub measure: String,
    #[serde(rename = "match")]
    pub matching: BTreeMap<String, Vec<String>>,
    pub period: Period,
    /// Of the measure; micro-dollars of a cost.
    pub limit: Quantity,
    pub enforcement: Enforcement,
    pub grace_limit_percent: u16,
    pub thresholds: Vec<u16>,
    pub time_zone: Zone,
    pub anchor_day: i8,
    pub archived_at: Option<Timestamp>,
    pub version: u64,
    pub created_at: Timestamp,
    pub created_by: String,
    pub updated_at: Timestamp,
}

/// Amounts by measure, as counters hold them: parts of 10^-9, pico-dollars of a cost.
pub type Amounts = BTreeMap<String, i128>;

/// A quantity of a measure as counters hold it.
pub fn scaled(measure: &str, quantity: Quantity) -> i128 {
    match measure {
        COST => Cost::of_micros(quantity).pico(),
        _ => quantity.nano(),
    }
}

/// And back.
pub fn shown(measure: &str, scaled: i128) -> Quantity {
    match measure {
        COST => Cost::from_pico(scaled).as_micros(),
        _ => Quantity::from_nano(scaled),
    }
}

/// The amounts of a use as callers give them; `count` is 1 if they say nothing of it.
pub fn scaled_amounts(amounts: &BTreeMap<String, Quantity>) -> Amounts {
    let mut all: Amounts =
        amounts.iter().map(|(name, quantity)| (name.clone(), scaled(name, *quantity))).collect();
    all.entry(COUNT.to_owned()).or_insert(Quantity::ONE.nano());
    all
}

impl Limit {
    pub fn is_budget(&self) -> bool {
        matches!(self.id, LimitId::Budget(_))
    }

    /// The counter it counts a use in: the id of its scope, which is empty for the organization.
    /// None if it does not apply.
    pub fn applies(
        &self,
        category: &str,
        dimensions: &Labels,
        who: &Attribution,
    ) -> Option<String> {
        if self.archived_at.is_some() || !self.category_pattern.matches(category) {
            return None;
        }
        let fits = |(name, values): (&String, &Vec<String>)| {
            dimensions.get(name).is_some_and(|value| values.contains(value))
        };
        if !self.matching.iter().all(fits) {
            return None;
        }
        let scope = who.of(self.scope_type)?;
        match (&self.scope_id, self.scope_type) {
            (_, ScopeType::Organization) | (None, _) => Some(scope),
            (Some(id), _) => (*id == scope).then_some(scope),
        }
    }

    /// # Errors
    /// `window_unavailable` at the ends of time.
    pub fn window(&self, at: Timestamp) -> Result<Window> {
        period_window(self.period, &self.time_zone, self.anchor_day, at)
    }

    pub fn scaled_limit(&self) -> i128 {
        scaled(&self.measure, self.limit)
    }

    /// The most that used + reserved - top-ups may come to; none if it refuses nothing.
    pub fn ceiling(&self) -> Option<i128> {
        let limit = self.scaled_limit();
        match self.enforcement {
            Enforcement::Hard => Some(limit),
            Enforcement::Soft => {
                let percent = i128::from(self.grace_limit_percent);
                // In two steps: the product of the largest limit would still fit, its sum not.
                Some(limit / 100 * percent + limit % 100 * percent / 100)
            }
            Enforcement::Warn | Enforcement::None => None,
        }
    }

    /// # Errors
    /// `invalid_request` with every fault.
    pub fn check(&self) -> Result<()> {
        let mut faults = Faults::default();
        let mut fault = |pointer: &str, code, detail: &str| {
            faults.0.push(Fault::new(pointer.to_owned(), code, detail.to_owned()));
        };
        let amount = if self.is_budget() { "/amountMicros" } else { "/limit" };
        if self.limit <= Quantity::ZERO {
            fault(amount, FaultCode::TooSmall, "must be more than 0");
        }
        if !(100..=200).contains(&self.grace_limit_percent) {
            fault("/graceLimitPercent", FaultCode::TooLarge, "must be 100 to 200");
        }
        let is_distinct = |list: &[u16]| {
            let mut seen = std::collections::BTreeSet::new();
            list.iter().all(|it| seen.insert(*it))
        };
        if self.thresholds.len() > 10 || self.thresholds.iter().any(|it| !(1..=1_000).contains(it))
        {
            fault("/thresholds", FaultCode::TooLarge, "at most 10 whole numbers of 1 to 1000");
        } else if !is_distinct(&self.thresholds) {
            fault("/thresholds", FaultCode::Duplicate, "must be different");
        }
        if !(1..=28).contains(&self.anchor_day) {
            fault("/anchorDay", FaultCode::TooLarge, "must be 1 to 28");
        }
        if self.matching.len() > 3
            || self.matching.values().any(|it| it.is_empty() || it.len() > 20)
        {
            fault("/match", FaultCode::TooLong, "at most 3 dimensions of 1 to 20 values");
        }
        let expects_id = self.scope_type != ScopeType::Organization;
        match (&self.scope_id, self.scope_type) {
            (Some(_), ScopeType::Organization) => {
                fault("/scopeId", FaultCode::NotAllowed, "an organization has only one");
            }
            (_, ScopeType::Subject) => {
                fault("/scopeType", FaultCode::NotAllowed, "limits have no subjects");
            }
            (None, _) if self.is_budget() && expects_id => {
                fault("/scopeId", FaultCode::Required, "a budget is of one scope");
            }
            (Some(id), scope) if !is_id_of(scope, id) => {
                fault("/scopeId", FaultCode::BadFormat, "must be an id of that type");
            }
            _ => {}
        }
        let allowed: &[Enforcement] = match self.is_budget() {
            true => &[Enforcement::None, Enforcement::Soft, Enforcement::Hard],
            false => &[Enforcement::Warn, Enforcement::Soft, Enforcement::Hard],
        };
        if !allowed.contains(&self.enforcement) {
            fault("/enforcement", FaultCode::NotAllowed, "not for this kind of limit");
        }
        if self.is_budget()
            && !matches!(self.period, Period::Month | Period::Quarter | Period::Year)
        {
            fault("/period", FaultCode::NotAllowed, "must be month, quarter or year");
        }
        if faults.0.is_empty() { Ok(()) } else { Err(faults.into()) }
    }

    /// Where it stands.
    pub fn status(&self, scope_id: &str, window: Window, counted: Counted) -> Status {
        let percent = counted.percent(self.scaled_limit(), counted.used);
        let phase_percent = counted.percent(self.scaled_limit(), counted.used + counted.reserved);
        Status {
            limit_id: self.id,
            scope_id: scope_id.to_owned(),
            measure: self.measure.clone(),
            window,
            limit: self.scaled_limit(),
            counted,
            percent,
            phase: Phase::of(phase_percent),
        }
    }
}

fn is_id_of(scope: ScopeType, id: &str) -> bool {
    match scope {
        ScopeType::Team => id.parse::<millwright_core::TeamId>().is_ok(),
        ScopeType::Project => id.parse::<millwright_core::ProjectId>().is_ok(),
        ScopeType::User => id.parse::<millwright_core::UserId>().is_ok(),
        ScopeType::Organization | ScopeType::Subject => true,
    }
}

/// What the counter of a limit holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    pub used: i128,
    pub reserved: i128,
    /// Top-ups.
    pub extra: i128,
}

impl Counted {
    /// Of limit and top-ups, rounded down.
    fn percent(&self, limit: i128, amount: i128) -> i128 {
        let whole = limit + self.extra;
        if whole <= 0 {
            return 0;
        }
        // As above, in two steps.
        (amount / whole * 100 + amount % whole * 100 / whole).max(0)
    }
}

/// Where a limit stands in a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    pub limit_id: LimitId,
    pub scope_id: String,
    pub measure: String,
    pub window: Window,
    pub limit: i128,
    pub counted: Counted,
    pub percent: i128,
    pub phase: Phase,
}

impl Status {
    pub fn remaining(&self) -> i128 {
        (self.limit + self.counted.extra - self.counted.used - self.counted.reserved).max(0)
    }
}
