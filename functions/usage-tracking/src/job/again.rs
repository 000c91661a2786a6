//! Asking for events to be counted anew.

use std::time::Duration;

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Error, FaultCode, Faults, Result, Timestamp};
use millwright_event::Effects;
use millwright_http::{Accepted, Allowed, Answered, PathParameter, Submission};
use millwright_job::{JobHead, NewJob};
use utoipa::ToSchema;

use super::{JobView, UsageJobs, rewrite::RewriteOrder};
use crate::{
    app::Usage,
    codes,
    domain::{CategoryCode, JobDetails, JobKind},
    permissions::{CategoryManage, PriceManage},
};

/// How far back events are repriced.
pub const MAX_PAST: Duration = Duration::from_secs(35 * 24 * 3_600);
/// How long events are kept.
const KEPT: Duration = Duration::from_secs(40 * 24 * 3_600);

/// Which events.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({
    "from": "2026-11-01T00:00:00Z", "to": "2026-11-23T00:00:00Z",
}))]
pub struct ReclassifyIn {
    from: Timestamp,
    to: Timestamp,
}

/// Which events, and of which category.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({
    "categoryCode": "ai.completion", "from": "2026-11-01T00:00:00Z", "to": "2026-11-23T00:00:00Z",
}))]
pub struct RepriceIn {
    category_code: CategoryCode,
    /// At most 35 days ago.
    from: Timestamp,
    to: Timestamp,
}

fn check_span(from: Timestamp, to: Timestamp, now: Timestamp, most: Duration) -> Result<()> {
    if to <= from {
        return Err(Error::fault("/to", FaultCode::TooSmall, "must be after from"));
    }
    if now.since(from) > most {
        let detail = format!("must be at most {} days ago", most.as_secs() / 86_400);
        return Err(Error::fault("/from", FaultCode::TooSmall, detail));
    }
    Ok(())
}

fn start(
    effects: &mut Effects,
    kind: JobKind,
    order: RewriteOrder,
    by: &str,
) -> Result<JobHead<UsageJobs>> {
    let details = JobDetails { category_code: Some(order.category_code.clone()), rows: 0 };
    NewJob::<UsageJobs, RewriteOrder> { kind, details, extra: (), request: order }
        .start(effects, by)
}

/// Adds a repricing to a transaction: prices of the past are applied by it.
///
/// # Errors
/// As those of [`NewJob::start`].
pub fn order_repricing(
    effects: &mut Effects,
    category: &CategoryCode,
    (from, to): (Timestamp, Timestamp),
    by: &str,
) -> Result<()> {
    let order = RewriteOrder { category_code: category.to_string(), from, to };
    start(effects, JobKind::Reprice, order, by).map(drop)
}

/// Reclassify uncategorized events
///
/// Counts stored `uncategorized` events of the category's types where they belong, with all they
/// add. Follow the job that `Location` names. At most three jobs of an organization at once. At most
/// two queries, and one transaction of five items.
#[utoipa::path(post, path = "/api/v1/usage/categories/{code}/reclassify", tag = "Categories")]
pub async fn category_reclassify(
    caller: Allowed<CategoryManage>,
    State(usage): State<Usage>,
    PathParameter((code,)): PathParameter<(CategoryCode,)>,
    submission: Submission<ReclassifyIn>,
) -> Answered<Accepted<JobView>> {
    let (submission, input) = submission.take();
    let defined = usage.defined_now(&caller.tenant()).await?;
    let category = defined.require_category(code.as_str())?;
    if category.is_system {
        return Err(Error::new(codes::SYSTEM_CATEGORY, "its types have always counted").into());
    }
    check_span(input.from, input.to, usage.store.clock().now(), KEPT)?;
    let order = RewriteOrder { category_code: code.to_string(), from: input.from, to: input.to };
    let mut write = submission.write(&usage.store, &caller);
    let head = start(&mut write, JobKind::Reclassify, order, caller.actor())?;
    Ok(write.commit(Accepted(JobView::of(head.summary, None))).await?)
}

/// Reprice events
///
/// Gives the events of a category the cost of the prices that hold by now, with the difference in
/// every counter and budget. Follow the job that `Location` names. At most three jobs of an
/// organization at once. At most two queries, and one transaction of five items.
#[utoipa::path(post, path = "/api/v1/usage/reprice", tag = "Prices")]
pub async fn repricing_start(
    caller: Allowed<PriceManage>,
    State(usage): State<Usage>,
    submission: Submission<RepriceIn>,
) -> Answered<Accepted<JobView>> {
    let (submission, input) = submission.take();
    let defined = usage.defined_now(&caller.tenant()).await?;
    defined.require_category(input.category_code.as_str())?;
    check_span(input.from, input.to, usage.store.clock().now(), MAX_PAST)?;
    let category_code = input.category_code.to_string();
    let order = RewriteOrder { category_code, from: input.from, to: input.to };
    let mut write = submission.write(&usage.store, &caller);
    let head = start(&mut write, JobKind::Reprice, order, caller.actor())?;
    Ok(write.commit(Accepted(JobView::of(head.summary, None))).await?)
}
