//! Meters that cannot be added up take note of what was counted: after the transaction and before
//! the message is done, by writes that can be repeated. So also for what was counted before.

use std::collections::BTreeMap;

use futures::{StreamExt, future::BoxFuture};
use millwright_core::{Result, Tenant};

use super::Ingest;
use crate::{
    app::{Defined, Usage},
    domain::{Aggregation, Meter, Quantity},
    store::{EventItem, EventKind, EventState, MeterKey, Value, quarter_of},
};

/// Calls at once.
const PARALLEL: usize = 8;

impl Ingest {
    pub(super) async fn note(
        &self,
        tenant: &Tenant,
        defined: &Defined,
        counted: &[EventItem],
    ) -> Result<()> {
        note_events(&self.usage, tenant, defined.0.meters.iter(), counted).await
    }
}

/// Notes events in meters. One UpdateItem per meter, scope, dimension values and quarter of an
/// hour among them.
///
/// # Errors
/// `unavailable`.
pub async fn note_events<'m>(
    usage: &Usage,
    tenant: &Tenant,
    meters: impl Iterator<Item = &'m Meter>,
    counted: &[EventItem],
) -> Result<()> {
    let mut notes: BTreeMap<(MeterKey, u8), (Aggregation, Vec<Value>)> = BTreeMap::new();
    for meter in meters.filter(|it| !it.aggregation.is_additive() && it.archived_at.is_none()) {
        for item in counted {
            let Some(value) = value_of(meter, item) else { continue };
            let (hour, quarter) = quarter_of(item.summary.time);
            for (scope, scope_id) in item.summary.attribution().scopes() {
                let dimensions = item.summary.dimensions.clone();
                let key = MeterKey { meter: meter.id, scope, scope_id, hour, dimensions };
                let (_, values) =
                    notes.entry((key, quarter)).or_insert_with(|| (meter.aggregation, Vec::new()));
                values.push(value.clone());
            }
        }
    }
    // Boxed: a closure over borrowed keys is not general enough for the compiler.
    let mut calls: Vec<BoxFuture<'_, Result<()>>> = Vec::with_capacity(notes.len());
    for ((key, quarter), (aggregation, values)) in &notes {
        calls.push(Box::pin(key.note(&usage.store, tenant, *aggregation, *quarter, values)));
    }
    let mut noted = futures::stream::iter(calls).buffer_unordered(PARALLEL);
    while let Some(noted) = noted.next().await {
        noted?;
    }
    Ok(())
}

/// What an event means to a meter; none if nothing.
pub fn value_of(meter: &Meter, item: &EventItem) -> Option<Value> {
    let summary = &item.summary;
    let counts = summary.kind == EventKind::Event && summary.state == EventState::Counted;
    let is_of = meter.category_pattern.matches(&summary.category_code)
        && meter.counted_from.is_none_or(|from| from <= summary.time)
        && meter.filters.iter().all(|(name, values)| {
            summary.dimensions.get(name).is_some_and(|value| values.contains(value))
        });
    if !counts || !is_of {
        return None;
    }
    let quantity = |metric: &str| summary.quantities.get(metric).copied();
    match (meter.aggregation, &meter.metric, &meter.unique_of) {
        (Aggregation::UniqueCount, _, Some(of)) => {
            let text = match of.as_str() {
                "user" => summary.user_id?.to_string(),
                "subject" => summary.subject.clone()?,
                of => match summary.dimensions.get(of) {
                    Some(value) => value.clone(),
                    None => quantity(of).as_ref().map(Quantity::to_string)?,
                },
            };
            Some(Value::Text(text))
        }
        (Aggregation::Latest, Some(metric), _) => {
            Some(Value::Latest(summary.time, summary.id.to_string(), quantity(metric)?))
        }
        (_, Some(metric), _) => quantity(metric).map(Value::Number),
        _ => None,
    }
}
