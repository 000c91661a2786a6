//! Completions whose function has died: closed, charged the estimate, told once.

use millwright_core::{Result, Tenant};
use millwright_event::{Cause, Effects};
use millwright_model::{Code, Usage};
use millwright_store::{Index, Outcome, Partition, Query};
use serde::Serialize;

use super::{
    Completion, CompletionId, CompletionStatus, CompletionSummary, Completions,
    finish::settle_budgets, milliseconds, purge::purge, quota::settle,
};
use crate::{
    events::{CompletionData, CompletionFailed},
    gateway::UsageSource,
    store::{CompletionItem, OPEN_SHARDS, OpenCompletions},
    vouch,
};

/// What a sweep has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Swept {
    pub closed: usize,
    /// Answers of the cache that were purged.
    pub purged: usize,
}

/// Of a page of the index.
const AT_ONCE: usize = 100;

/// Closes what must have ended by now, and deletes what was purged: at most 31 minutes after it began, if it runs every 15. One
/// Query for each of four shards, and for what it finds one GetItem and one transaction of two items.
///
/// # Errors
/// `unavailable`: the next sweep goes on.
pub async fn sweep(app: &Completions) -> Result<Swept> {
    let mut swept = Swept::default();
    for shard in 0..OPEN_SHARDS {
        let partition = Partition::global(&OpenCompletions(shard));
        let due = Query::index(Index::Gsi3, partition).until_sort_key(app.now().to_string());
        let mut from = None;
        loop {
            let page = app.store.page(&due, AT_ONCE, from.as_ref()).await?;
            for item in &page.items {
                let tenant = vouch::of_item(item)?;
                let summary: CompletionSummary = item.decode_attribute("summary")?;
                swept.closed += usize::from(close(app, &tenant, summary.id).await?);
            }
            from = page.next;
            if from.is_none() {
                break;
            }
        }
    }
    swept.purged = purge(app).await?;
    Ok(swept)
}

/// True if it was still open and nobody else has closed it meanwhile.
async fn close(app: &Completions, tenant: &Tenant, id: CompletionId) -> Result<bool> {
    let place = CompletionItem::place(tenant, id);
    let Some(mut item) = app.store.get::<CompletionItem>(&place).await? else { return Ok(false) };
    if item.summary.status != CompletionStatus::InProgress {
        return Ok(false);
    }
    let configuration = app.configuration(tenant).await?;
    let model = item.summary.model_id.and_then(|id| configuration.model(id));
    let provider = item.summary.provider_id.and_then(|id| configuration.provider(id));
    // What it said is gone with it: the request was sent, as far as anybody knows.
    let usage = Usage { input_tokens: item.detail.input_estimate, ..Usage::default() };
    let prices = model.and_then(|model| model.prices());
    let summary = &mut item.summary;
    summary.cost_micros = prices.as_ref().map_or(0, |prices| prices.cost_micros(&usage));
    summary.price_unknown = prices.is_none();
    summary.usage = usage.into();
    summary.usage_source = UsageSource::Estimated;
    summary.status = CompletionStatus::Failed;
    summary.error_code = Some(Code::Internal.as_str().to_owned());
    summary.duration_ms = milliseconds(app.now().since(summary.created_at));
    let expected = item.version;
    item.version += 1;
    item.summary.version = item.version;
    let name = model.map(|model| model.name.to_string()).unwrap_or_default();
    let completion = Completion { summary: item.summary.clone(), detail: item.detail.clone() };
    let data = CompletionData::of(&completion, name, provider.map(|it| it.kind), false);
    let cause = Cause {
        tenant: *tenant,
        actor_id: "ai-service".to_owned(),
        traceparent: None,
        correlation_id: app.store.ids().next_uuid().to_string(),
        causation_id: None,
    };
    let mut effects = Effects::new(&app.store, cause.clone());
    effects.replace(&item, expected);
    effects.emit(&CompletionFailed(data))?;
    if matches!(effects.attempt().await?, Outcome::Refused(_)) {
        return Ok(false);
    }
    settle(app, tenant, &completion).await;
    settle_budgets(app, tenant, &cause, &completion).await;
    Ok(true)
}
