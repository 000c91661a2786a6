//! What is spent, and by whom.

use std::collections::BTreeMap;

use millwright_core::{ProjectId, TeamId, Tenant, UserId};
use serde_json::{Map, Value};

/// Amounts by measure of a category: its metrics, `count` (1 if nobody says otherwise) and `cost`.
/// Exact: decimals travel as texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Amounts(BTreeMap<String, String>);

impl Amounts {
    /// In micro-dollars.
    #[must_use]
    pub fn cost_micros(self, micros: u64) -> Amounts {
        self.quantity("cost", micros)
    }

    /// A whole quantity of a metric, in its unit.
    #[must_use]
    pub fn quantity(self, metric: &str, quantity: u64) -> Amounts {
        self.decimal(metric, quantity.to_string())
    }

    /// A decimal with at most 18 digits before the point and 9 behind it, not negative.
    #[must_use]
    pub fn decimal(mut self, metric: &str, decimal: impl Into<String>) -> Amounts {
        self.0.insert(metric.to_owned(), decimal.into());
        self
    }

    pub(crate) fn json(&self) -> Value {
        let amounts = self.0.iter().map(|(name, it)| (name.clone(), it.as_str().into()));
        Value::Object(amounts.collect::<Map<String, Value>>())
    }
}

/// Whose usage it is. Limits of the organization apply, and those of whoever is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// The organization.
    pub tenant: Tenant,
    pub user: Option<UserId>,
    pub team: Option<TeamId>,
    pub project: Option<ProjectId>,
}

/// What is going to be spent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spending {
    pub who: Who,
    /// The code of a category, such as `ai.completion`.
    pub category: String,
    /// Values of the category's dimensions, such as `model`; limits may be of some values alone.
    pub dimensions: BTreeMap<String, String>,
    /// The worst case of a reservation.
    pub amounts: Amounts,
}

impl Spending {
    pub(crate) fn json(&self) -> Value {
        let mut body = serde_json::json!({
            "categoryCode": self.category,
            "dimensions": self.dimensions,
            "amounts": self.amounts.json(),
        });
        let Who { user, team, project, .. } = &self.who;
        let named = [
            ("userId", user.map(|id| id.to_string())),
            ("teamId", team.map(|id| id.to_string())),
            ("projectId", project.map(|id| id.to_string())),
        ];
        for (name, id) in named {
            if let Some(id) = id {
                body[name] = id.into();
            }
        }
        body
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_travel_as_texts() {
        let amounts = Amounts::default().cost_micros(u64::MAX).decimal("seconds", "0.000000001");
        let json = serde_json::json!({ "cost": "18446744073709551615", "seconds": "0.000000001" });
        assert_eq!(amounts.json(), json);
    }
}
