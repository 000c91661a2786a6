//! The hourly work of an organization. Each step does what is due by writes that do nothing a second
//! time; the chunk after it only remembers that it is done.

use std::time::Duration;

use futures::future::BoxFuture;
use millwright_core::{Result, Tenant, Timestamp};
use millwright_job::{Advance, Halt, Work};
use millwright_store::{Index, Outcome, Query};
use serde::{Deserialize, Serialize};

use super::{Run, UsageJobs};
use crate::{
    anomaly::watch_anomalies,
    app::Usage,
    domain::{Alert, AlertState},
    events::{AlertData, AlertResolved},
    store::{AlertItem, ending_alerts},
};

/// The most alerts that end in one piece.
const PAGE: usize = 100;

/// What is done, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Step {
    Reservations,
    Alerts,
    Anomalies,
    Budgets,
    Statements,
    DaysOver,
    Days,
    Done,
}

impl Step {
    fn number(self) -> u64 {
        match self {
            Step::Reservations => 0,
            Step::Alerts => 1,
            Step::Anomalies => 2,
            Step::Budgets => 3,
            Step::Statements => 4,
            Step::DaysOver => 5,
            Step::Days => 6,
            Step::Done => 7,
        }
    }
}

/// Does what is due.
pub struct RollUpWork {
    usage: Usage,
}

impl RollUpWork {
    pub fn new(usage: Usage) -> RollUpWork {
        RollUpWork { usage }
    }

    async fn step(&self, run: &mut Run) -> Result<Advance, Halt> {
        let hour: Timestamp = run.request()?;
        let tenant = *run.tenant();
        let step: Step = run.checkpoint()?.unwrap_or(Step::Reservations);
        let next = match step {
            Step::Reservations => match self.usage.reclaim(&tenant).await? {
                true => Step::Reservations,
                false => Step::Alerts,
            },
            Step::Alerts => match self.end_alerts(&tenant).await? {
                true => Step::Alerts,
                false => Step::Anomalies,
            },
            Step::Anomalies => {
                watch_anomalies(&self.usage, &tenant, hour).await?;
                Step::Budgets
            }
            Step::Budgets => {
                self.usage.book_monthly(&tenant).await?;
                Step::Statements
            }
            Step::Statements => {
                self.usage.finalize_statement(&tenant).await?;
                Step::DaysOver
            }
            Step::DaysOver => {
                match self.usage.close_days(&tenant, hour.plus(Duration::from_secs(3_600))).await? {
                    true => Step::DaysOver,
                    false => Step::Days,
                }
            }
            Step::Days => match self.usage.compute_days(&tenant, run.job().created_at).await? {
                true => Step::Days,
                false => Step::Done,
            },
            Step::Done => return Ok(Advance::Finished),
        };
        let mut chunk = run.chunk();
        chunk.done(next.number(), Some(Step::Done.number()));
        match chunk.commit(run, &next).await? {
            Outcome::Done => Ok(Advance::More),
            Outcome::Refused(refusals) => Err(refusals.into_error().into()),
        }
    }

    /// Resolves alerts whose window is over; true if there may be more. One Query, and one
    /// transaction for each.
    async fn end_alerts(&self, tenant: &Tenant) -> Result<bool> {
        let now = self.usage.store.clock().now();
        let query = Query::index(Index::Gsi1, ending_alerts(tenant));
        let page =
            self.usage.store.page(&query.until_sort_key(format!("{now}#~")), PAGE, None).await?;
        for item in &page.items {
            let alert: Alert = item.decode_attribute("summary")?;
            self.usage.end_alert(tenant, &alert).await?;
        }
        Ok(page.items.len() == PAGE)
    }
}

impl Usage {
    /// Resolves an alert unless somebody was faster. One transaction.
    ///
    /// # Errors
    /// `unavailable`.
    pub async fn end_alert(&self, tenant: &Tenant, alert: &Alert) -> Result<()> {
        if alert.state == AlertState::Resolved {
            return Ok(());
        }
        let now = self.store.clock().now();
        let after = Alert {
            state: AlertState::Resolved,
            version: alert.version + 1,
            updated_at: now.max(alert.updated_at),
            ..alert.clone()
        };
        let mut effects = self.own_effects(tenant);
        // An index follows a moment later: the version decides.
        effects.replace(&AlertItem::of(&after), alert.version);
        effects.emit(&AlertResolved(AlertData::of(&after)))?;
        effects.attempt().await.map(drop)
    }
}

impl Work<UsageJobs> for RollUpWork {
    fn advance<'a>(&'a self, run: &'a mut Run) -> BoxFuture<'a, Result<Advance, Halt>> {
        Box::pin(self.step(run))
    }
}
