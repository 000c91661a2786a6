//! Hard limits of usage-tracking: the worst case is held before a provider is asked, and what it came
//! to is told afterwards.

use std::time::Duration;

use millwright_core::{Error, Tenant};
use millwright_model::{Code, SurfaceError};
use millwright_usage::{Amounts, DEFAULT_TTL, Reserved, Spending, Who};

use super::{Completion, Completions, Refused, open::Open};

/// The category of usage-tracking.
const CATEGORY: &str = "ai.completion";

/// Holds the worst case where a hard limit applies.
pub(super) async fn reserve(app: &Completions, open: &mut Open) -> Result<(), Refused> {
    let Some(usage) = &app.usage else { return Ok(()) };
    let tenant = open.asked.tenant;
    let summary = &open.completion.summary;
    let who = Who { tenant, user: summary.user_id, team: None, project: summary.project_id };
    let target = open.plan.targets.first();
    let dimensions = [
        ("model", target.map(|it| it.name.clone()).unwrap_or_default()),
        ("provider", target.map(|it| it.kind.to_string()).unwrap_or_default()),
    ];
    let spending = Spending {
        who: who.clone(),
        category: CATEGORY.to_owned(),
        dimensions: dimensions.map(|(name, value)| (name.to_owned(), value)).into(),
        amounts: Amounts::default().cost_micros(open.completion.detail.worst_case_micros),
    };
    let about = Completions::about(who.user, who.project);
    let known = app.standing(&tenant, &about);
    let hard = match &known {
        Some((standing, true)) => standing.hard_limited,
        _ => match usage.standing(&spending).await {
            Ok(standing) => {
                let hard = standing.hard_limited;
                app.remember_standing(&tenant, &about, standing);
                hard
            }
            // Nothing is known: where a limit was known it is, else nobody waits for us.
            Err(error) => match &known {
                Some((standing, _)) if standing.hard_limited => {
                    return Err(quota_unavailable(&error));
                }
                _ => {
                    tracing::warn!(%error, "usage-tracking is not there; going on without it");
                    false
                }
            },
        },
    };
    if !hard {
        return Ok(());
    }
    let id = open.id().to_string();
    match usage.reserve(&spending, &id, DEFAULT_TTL).await {
        Ok(Reserved::Held(held)) => {
            open.completion.detail.reservation_id = Some(held.id);
            Ok(())
        }
        Ok(Reserved::Denied(denial)) => {
            let message = "a quota or budget of the organization is used up";
            let wait = denial.retry_at.map(|at| at.since(app.now()));
            let error = SurfaceError::new(Code::QuotaExceeded, message);
            Err(Refused::waiting(error, wait.unwrap_or(Duration::from_secs(3_600))))
        }
        Err(error) => Err(quota_unavailable(&error)),
    }
}

fn quota_unavailable(error: &Error) -> Refused {
    tracing::warn!(%error, "a hard limit cannot be asked");
    let message = "the organization's limits cannot be asked now; try again";
    let error = SurfaceError::new(Code::QuotaUnavailable, message);
    Refused::waiting(error, Duration::from_secs(5))
}

/// What was held becomes what it came to. If that fails the hold lapses, and the event is counted.
pub(super) async fn settle(app: &Completions, tenant: &Tenant, completion: &Completion) {
    let (Some(usage), Some(id)) = (&app.usage, &completion.detail.reservation_id) else { return };
    let Completion { summary, .. } = completion;
    let (user, project) = (summary.user_id, summary.project_id);
    let who = Who { tenant: *tenant, user, team: None, project };
    let settled = match summary.cost_micros {
        0 => usage.release(&who, id).await,
        cost => usage.commit(&who, id, &Amounts::default().cost_micros(cost)).await,
    };
    if let Err(error) = settled {
        tracing::warn!(%error, reservation = id, "a reservation was not settled");
    }
}
