//! Consuming: asked and booked in one.

use axum::extract::State;
use millwright_core::Error;
use millwright_http::{AllowedOrService, Answered, Plain, Submission};

use super::{
    Decision, LimitStatus, UseIn,
    apply::{Booked, applied, book, try_booking},
};
use crate::{
    app::Usage,
    codes,
    domain::Counted,
    permissions::{LimitConsume, LimitConsumeFor},
};

fn used(amount: i128) -> Counted {
    Counted { used: amount, ..Counted::default() }
}

/// Consume within limits
///
/// All limits that apply let it through, or none counts it. A denial is 200 with `allowed: false`:
/// it names every limit that refused. Needs an `Idempotency-Key`. One transaction of one item for
/// each limit and one more; beyond a soft limit another one; a denial reclaims expired
/// reservations and asks once more.
#[utoipa::path(post, path = "/api/v1/usage/limits/consume", tag = "Limits")]
pub async fn limit_consume(
    caller: AllowedOrService<LimitConsume, LimitConsumeFor>,
    State(usage): State<Usage>,
    submission: Submission<UseIn>,
) -> Answered<Plain<Decision>> {
    let tenant = caller.tenant();
    let (submission, input) = submission.take();
    if !submission.is_keyed() {
        let detail = "so that a repeat consumes nothing twice";
        return Err(Error::new(codes::IDEMPOTENCY_KEY_REQUIRED, detail).into());
    }
    let defined = usage.defined(&tenant).await?;
    let wanted = input.check(&caller, &defined).await?;
    let applied = applied(&defined, &wanted, usage.store.clock().now())?;
    for is_last in [false, true] {
        let allowed = |over_limit| {
            let limits = applied.iter().map(|it| LimitStatus::unread(it.limit, &it.counter));
            let limits = limits.collect();
            let denied_by = Vec::new();
            Plain(Decision { allowed: true, over_limit, denied_by, limits, retry_at: None })
        };
        let booked = try_booking(&applied, |lenient| {
            let answer = allowed(!lenient.is_empty());
            let mut write = submission.write(&usage.store, &caller);
            let steps = book(&mut write, &applied, &lenient, used);
            async move { Ok((write.attempt(&answer).await?, steps)) }
        });
        match booked.await? {
            Booked::Done { over_limit } => return Ok(allowed(over_limit)),
            Booked::Refused(refusals) => return Err(refusals.into_error().into()),
            Booked::Denied if !is_last && usage.reclaim(&tenant).await? => {}
            Booked::Denied => break,
        }
    }
    let denied = Plain(usage.denial(&tenant, &wanted, &applied).await?);
    Ok(submission.write(&usage.store, &caller).commit(denied).await?)
}
