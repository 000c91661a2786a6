//! What has fallen due since the last sweep.

use std::time::Duration;

use millwright_core::{OrgId, Result, Timestamp};
use millwright_event::Cause;
use millwright_store::{Contention, Store};
use serde::Serialize;

use super::{EraseUser, JOBS, PurgeOrganization, SLICE, Task};
use crate::{
    domain::{InvitationId, InvitationStatus},
    events::{InvitationData, InvitationExpired},
    invitation::settle_for_good,
    store::{Due, DueItem, InvitationItem, Swept, due_on},
    vouch,
};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// How far the first sweep looks back.
const FIRST_LOOK: Duration = Duration::from_secs(100 * 24 * 3600);

/// What a sweep has found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Accounts whose erasure was ordered.
    pub erasures: usize,
    /// Organizations whose purge was ordered.
    pub purges: usize,
    /// Invitations that were settled.
    pub expired: usize,
    /// The time was up before everything was looked at: the next sweep goes on.
    pub unfinished: bool,
}

/// Orders erasures and purges whose time has come, and settles expired invitations, day by day, for
/// at most 40 seconds. What is ordered stays due until it is done: an order that gets lost is given
/// again. One Query for each day since the last one of which nothing is left, and one transaction
/// for each thing that is due.
///
/// # Errors
/// `unavailable` if DynamoDB is: the next sweep goes on.
pub async fn sweep(store: &Store) -> Result<Report> {
    let now = store.clock().now();
    let cause = Cause {
        tenant: vouch::installation(),
        actor_id: "user-management".to_owned(),
        traceparent: None,
        correlation_id: store.ids().next_uuid().to_string(),
        causation_id: None,
    };
    let task = Task { store, cause, until: now.plus(SLICE) };
    let from = Swept::read(store).await?.map_or(now.minus(FIRST_LOOK), |swept| swept.until);
    let mut report = Report::default();
    let mut until = None;
    let mut day = from;
    while day <= now.plus(DAY) && !report.unfinished {
        let is_empty = sweep_day(&task, day, now, &mut report).await?;
        // The first day of which something is left is looked at again.
        if until.is_none() && (!is_empty || day.plus(DAY) > now) {
            until = Some(day);
        }
        day = day.plus(DAY);
    }
    if let Some(until) = until.filter(|until| *until > from) {
        let mut transaction = store.transaction(&vouch::installation());
        transaction.put(&Swept { until });
        transaction.commit().await?;
    }
    Ok(report)
}

/// True if nothing of it is left.
async fn sweep_day(
    task: &Task<'_>,
    day: Timestamp,
    now: Timestamp,
    report: &mut Report,
) -> Result<bool> {
    const AT_ONCE: usize = 100;
    let query = due_on(day, now);
    let (mut from, mut is_empty) = (None, true);
    loop {
        let page = task.store.page(&query, AT_ONCE, from.as_ref()).await?;
        for item in &page.items {
            if task.is_over() {
                report.unfinished = true;
                return Ok(false);
            }
            let item: DueItem = item.decode()?;
            match item.due {
                Due::Erasure(user_id) => {
                    let mut effects = task.effects(&vouch::person(user_id));
                    effects.send(JOBS, &EraseUser { user_id })?;
                    effects.commit().await?;
                    (report.erasures, is_empty) = (report.erasures + 1, false);
                }
                Due::Purge(organization_id) => {
                    let mut effects = task.effects(&vouch::joined(organization_id));
                    effects.send(JOBS, &PurgeOrganization { organization_id })?;
                    effects.commit().await?;
                    (report.purges, is_empty) = (report.purges + 1, false);
                }
                Due::Expiry(organization, invitation) => {
                    report.expired +=
                        usize::from(expire(task, item, organization, invitation).await?);
                }
            }
        }
        from = page.next;
        if from.is_none() {
            return Ok(is_empty);
        }
    }
}

/// Settles an invitation that nobody has taken in time. False if somebody has, or it was sent again.
async fn expire(
    task: &Task<'_>,
    item: DueItem,
    organization: OrgId,
    invitation: InvitationId,
) -> Result<bool> {
    let tenant = vouch::joined(organization);
    let attempt = || async {
        let place = InvitationItem::place(&tenant, invitation);
        let found: Option<InvitationItem> = task.store.get(&place).await?;
        let mut effects = task.effects(&tenant);
        let pending = found.filter(|it| {
            it.invitation.status == InvitationStatus::Pending
                && it.invitation.expires_at <= item.due_at
        });
        let is_settled = pending.is_some();
        match pending {
            Some(before) => {
                let expired = InvitationStatus::Expired;
                let after = before.invitation.ended(expired, None, task.stamp());
                settle_for_good(&mut effects, &before, &after)?;
                effects.emit(&InvitationExpired(InvitationData::of(&after)))?;
            }
            None => DueItem::drop(&mut effects, item.due, item.due_at),
        }
        effects.commit().await?;
        Ok(is_settled)
    };
    Contention::new(task.store).settle(task.store, attempt).await
}
