//! Meters: named views on usage.

use std::collections::BTreeMap;

use millwright_core::{Error, FaultCode, Result, Timestamp};
use serde::{Deserialize, Serialize};

use super::{COST, Category, CategoryPattern, MeterId, Name, category::pattern_text};

pattern_text!(
    /// `ai_tokens`: what a meter is called in paths.
    Slug, 63, "^[a-z][a-z0-9_]{1,62}$",
    |text| text.len() >= 2
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'),
    "must be 2-63 lower-case letters, digits and _, a letter first"
);

use std::{fmt, str::FromStr};

use millwright_core::InputError;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

millwright_core::wire_enum! {
    /// What is made of the events of a window.
    pub enum Aggregation {
        Count = "count",
        Sum = "sum",
        Avg = "avg",
        Min = "min",
        Max = "max",
        UniqueCount = "unique_count",
        Latest = "latest",
    }
}

impl Aggregation {
    /// It can be added up, and so be read from the counters of the category.
    pub fn is_additive(self) -> bool {
        matches!(self, Aggregation::Count | Aggregation::Sum | Aggregation::Avg)
    }
}

/// A meter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Meter {
    pub id: MeterId,
    pub slug: Slug,
    pub name: Name,
    pub category_pattern: CategoryPattern,
    pub aggregation: Aggregation,
    pub metric: Option<String>,
    pub unique_of: Option<String>,
    pub group_by: Vec<String>,
    pub filters: BTreeMap<String, Vec<String>>,
    /// From when on a meter that cannot be added up counts.
    pub counted_from: Option<Timestamp>,
    pub archived_at: Option<Timestamp>,
    pub version: u64,
    pub created_at: Timestamp,
    pub created_by: String,
    pub updated_at: Timestamp,
}

impl Meter {
    /// It fits its categories: those of the pattern that are there.
    ///
    /// # Errors
    /// `invalid_request`.
    pub fn check(&self, categories: &[&Category]) -> Result<()> {
        let refuse =
            |pointer: &str, code, detail: &str| Err(Error::fault(pointer, code, detail.to_owned()));
        if categories.is_empty() {
            return refuse("/categoryPattern", FaultCode::NotAllowed, "there is no such category");
        }
        let everywhere = |has: &dyn Fn(&Category) -> bool| categories.iter().all(|it| has(it));
        match (self.aggregation, &self.metric) {
            (Aggregation::Count, Some(_)) => {
                return refuse("/metric", FaultCode::NotAllowed, "a count has no metric");
            }
            (Aggregation::Count, None) => {}
            (Aggregation::UniqueCount, Some(_)) => {
                return refuse("/metric", FaultCode::NotAllowed, "name it in uniqueOf");
            }
            (Aggregation::UniqueCount, None) => {}
            (_, None) => return refuse("/metric", FaultCode::Required, "is required"),
            (Aggregation::Sum, Some(metric)) if metric == COST => {}
            (aggregation, Some(name)) => {
                if !everywhere(&|category| category.metric(name).is_some()) {
                    return refuse("/metric", FaultCode::NotAllowed, "no metric of the category");
                }
                let has_average = everywhere(&|category| {
                    category.metric(name).is_some_and(super::Metric::has_average)
                });
                if aggregation == Aggregation::Avg && !has_average {
                    let detail = "an optional metric has averages if it is `averaged`";
                    return refuse("/metric", FaultCode::NotAllowed, detail);
                }
            }
        }
        match (self.aggregation, &self.unique_of) {
            (Aggregation::UniqueCount, None) => {
                return refuse("/uniqueOf", FaultCode::Required, "is required");
            }
            (Aggregation::UniqueCount, Some(of)) => {
                let is_known = ["user", "subject"].contains(&of.as_str())
                    || everywhere(&|it| it.has_dimension(of) || it.metric(of).is_some());
                if !is_known {
                    return refuse("/uniqueOf", FaultCode::NotAllowed, "the category has no such");
                }
            }
            (_, Some(_)) => {
                return refuse("/uniqueOf", FaultCode::NotAllowed, "only for unique_count");
            }
            (_, None) => {}
        }
        if !self.aggregation.is_additive() && self.category_pattern.exact().is_none() {
            return refuse("/categoryPattern", FaultCode::NotAllowed, "needs one category");
        }
        for (pointer, names) in [
            ("/groupBy", self.group_by.iter().collect::<Vec<_>>()),
            ("/filters", self.filters.keys().collect()),
        ] {
            if !names.iter().all(|name| everywhere(&|it| it.has_dimension(name))) {
                return refuse(pointer, FaultCode::NotAllowed, "not a dimension of all categories");
            }
        }
        if self.filters.values().any(|values| values.is_empty() || values.len() > 20) {
            return refuse("/filters", FaultCode::TooLong, "1 to 20 values of a dimension");
        }
        Ok(())
    }
}
