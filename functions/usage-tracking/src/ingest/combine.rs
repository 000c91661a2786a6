//! At most 1,000 combinations of dimension values of a category and day have counters of their own.

use std::collections::BTreeSet;

use millwright_core::{Result, Tenant, Timestamp};
use millwright_store::{Condition, Item, Key, Outcome, Update, schema::TTL};
use serde::{Deserialize, Serialize};

use super::{Ingest, prepare::Prepared};
use crate::{
    alerting::raise_cardinality,
    app::Defined,
    domain::{Labels, MAX_COMBINATIONS, OTHER},
    store::{Combination, active_categories, day_of, dimensions_part},
};

/// A category counted something in a month.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct ActiveCategory {
    category: String,
    month: String,
    at: Timestamp,
}

impl Item for ActiveCategory {
    const KIND: &'static str = "active";

    fn key(&self, tenant: &Tenant) -> Key {
        active_categories(tenant, &self.month).at(&self.category)
    }
}

impl Ingest {
    /// What comes after the 1,000th combination counts as `__other__` in every dimension. One
    /// transaction for each combination this process meets for the first time on a day.
    pub(super) async fn fold_rare_values(
        &self,
        tenant: &Tenant,
        defined: &Defined,
        events: &mut [Prepared],
    ) -> Result<()> {
        for event in events {
            let summary = &mut event.item.summary;
            if summary.dimensions.is_empty() {
                continue;
            }
            let (category, time) = (summary.category_code.as_str(), summary.time);
            if !self.has_counters(tenant, category, time, &summary.dimensions).await? {
                for value in summary.dimensions.values_mut() {
                    *value = OTHER.to_owned();
                }
                let known = format!("OTHER#{category}#{}", day_of(time));
                if !self.remembers(tenant, &known) {
                    raise_cardinality(&self.usage, tenant, defined, category, time).await?;
                    self.remember(tenant, known);
                }
            }
        }
        Ok(())
    }

    async fn has_counters(
        &self,
        tenant: &Tenant,
        category: &str,
        at: Timestamp,
        dimensions: &Labels,
    ) -> Result<bool> {
        let known = format!("DIM#{category}#{}#{}", day_of(at), dimensions_part(dimensions));
        if self.remembers(tenant, &known) {
            return Ok(true);
        }
        let combination =
            Combination { category: category.to_owned(), day: at, dimensions: dimensions.clone() };
        let mut transaction = self.usage.store.transaction(tenant);
        let first = transaction.create(&combination);
        let room = Condition::default()
            .below("combinations", i128::from(MAX_COMBINATIONS))
            .or_attribute_absent("combinations");
        let expires = Combination::expires(at).as_second();
        let update = Update::when(room).add("combinations", 1).set_number(TTL, i128::from(expires));
        transaction.update(&Combination::counter(tenant, category, at), &update);
        let has = match transaction.attempt().await? {
            Outcome::Done => true,
            // It is there already, however many there are.
            Outcome::Refused(refusals) => refusals.at(first).is_some(),
        };
        if has {
            self.remember(tenant, known);
        }
        Ok(has)
    }

    /// Remembers which categories count in a month, before they do: queries of patterns ask those.
    /// One PutItem for each category and month this process meets for the first time.
    pub(super) async fn mark_active(&self, tenant: &Tenant, events: &[Prepared]) -> Result<()> {
        let all: BTreeSet<(String, String)> = events
            .iter()
            .map(|it| &it.item.summary)
            .map(|it| (it.category_code.clone(), day_of(it.time)[..6].to_owned()))
            .collect();
        for (category, month) in all {
            let known = format!("ACT#{category}#{month}");
            if self.remembers(tenant, &known) {
                continue;
            }
            let at = self.usage.store.clock().now();
            let item = ActiveCategory { category, month, at };
            self.usage.store.put_when(tenant, &item, &Condition::default()).await?;
            self.remember(tenant, known);
        }
        Ok(())
    }
}
