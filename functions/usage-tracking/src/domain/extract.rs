//! What of an event counts, by the pointers of its category.

use std::{borrow::Cow, collections::BTreeMap};

use serde::{Deserialize, Serialize};

use super::{Category, Cost, Labels, MAX_VALUE, Pointer, Quantity, UNCATEGORIZED, UsageEvent};

/// What is read from the data of an event for its category.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Extracted {
    /// Metrics it carries.
    pub quantities: BTreeMap<String, Quantity>,
    pub dimensions: Labels,
    /// Reported cost, if it reports one and does not call it unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported: Option<Cost>,
    /// The caller's reference of a reservation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

/// Applies the pointers of a category.
///
/// # Errors
/// Names the metric that is missing or no number within limits.
pub fn extract(category: &Category, event: &UsageEvent) -> Result<Extracted, String> {
    let data = event.data.get();
    let mut extracted = Extracted::default();
    for metric in &category.metrics.0 {
        let leaf = metric.pointer.find(data).filter(|leaf| !leaf.is_null());
        let Some(leaf) = leaf else {
            if metric.optional {
                continue;
            }
            return Err(format!("{} is missing at {}", metric.name, metric.pointer));
        };
        let quantity = leaf.scalar().and_then(|digits| digits.parse::<Quantity>().ok());
        match quantity.filter(|quantity| !quantity.is_negative()) {
            Some(quantity) => {
                let quantity = metric.in_its_unit(quantity);
                extracted.quantities.insert(metric.name.to_string(), quantity);
            }
            None if metric.optional => {}
            None => return Err(format!("{} is no number within limits", metric.name)),
        }
    }
    for dimension in &category.dimensions.0 {
        let value = match category.code.as_str() {
            UNCATEGORIZED => event.kind.clone(),
            _ => dimension
                .pointer
                .find(data)
                .and_then(|leaf| leaf.scalar())
                .unwrap_or_default()
                .into_owned(),
        };
        let value = value.chars().filter(|c| !c.is_control()).take(MAX_VALUE).collect();
        extracted.dimensions.insert(dimension.name.to_string(), value);
    }
    let at = |pointer: &Option<Pointer>| pointer.as_ref().and_then(|it| it.find(data));
    let is_unknown = at(&category.price_unknown_pointer).is_some_and(|leaf| leaf.is_true());
    if !is_unknown {
        let digits = at(&category.cost_pointer).and_then(|leaf| leaf.scalar());
        let micros = digits.and_then(|digits| digits.parse::<Quantity>().ok());
        extracted.reported = micros.filter(|micros| !micros.is_negative()).map(Cost::of_micros);
    }
    extracted.reference = at(&category.reference_pointer)
        .and_then(|leaf| leaf.scalar())
        .map(Cow::into_owned)
        .filter(|reference| (1..=100).contains(&reference.chars().count()));
    Ok(extracted)
}
