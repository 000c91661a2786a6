//! What jobs do.

use std::sync::Arc;

use futures::future::BoxFuture;
use millwright_core::Result;
use millwright_job::{Advance, Halt, Run, Work, Works};
use millwright_store::Outcome;
use serde::{Deserialize, Serialize};

use super::{JobKind, SecretJobs, migrate::Migrate};
use crate::{
    domain::{DataKeyId, SecretId},
    store::SecretItem,
    vault::Vault,
    work::{Pass, count_secrets, is_due, note_progress, purge_some, record_of, reseal_some},
};

/// What works off the jobs of each kind.
pub fn works(vault: Vault) -> Works<SecretJobs> {
    Arc::new(move |kind| {
        let vault = vault.clone();
        let work: Arc<dyn Work<SecretJobs>> = match kind {
            JobKind::Migrate => Arc::new(Migrate(vault)),
            JobKind::Purge => Arc::new(Purge(vault)),
            JobKind::Rekey => Arc::new(Rekey(vault)),
        };
        Some(work)
    })
}

struct Purge(Vault);

impl Work<SecretJobs> for Purge {
    /// A read, a Query and the transaction of the chunk.
    fn advance<'a>(&'a self, run: &'a mut Run<SecretJobs>) -> BoxFuture<'a, Result<Advance, Halt>> {
        Box::pin(async move {
            let id: SecretId = run.request()?;
            let done = run.checkpoint::<u64>()?.unwrap_or_default() + 1;
            let place = SecretItem::place(run.tenant(), id);
            let found: Option<SecretItem> = self.0.store.get(&place).await?;
            let due = found.filter(|item| is_due(&item.summary, self.0.now()));
            let Some(item) = due else { return Ok(Advance::Finished) };
            let job = run.job();
            let record = record_of(
                &self.0,
                &job.created_by,
                &job.id.to_string(),
                "secret_purge",
                Some(&item.summary),
            );
            let mut chunk = run.chunk();
            let is_last = purge_some(&self.0, &mut chunk, &item, record).await?;
            chunk.done(done, is_last.then_some(done));
            go_on(chunk.commit(run, &done).await?)
        })
    }
}

/// Somebody was faster: what is left is read again.
pub(super) fn go_on(outcome: Outcome) -> Result<Advance, Halt> {
    match outcome {
        Outcome::Done | Outcome::Refused(_) => Ok(Advance::More),
    }
}

struct Rekey(Vault);

/// Where a search for values goes on.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Place {
    pass: Pass,
    total: u64,
    is_over: bool,
}

impl Work<SecretJobs> for Rekey {
    /// A Query, two batch reads and the transaction of the chunk.
    fn advance<'a>(&'a self, run: &'a mut Run<SecretJobs>) -> BoxFuture<'a, Result<Advance, Halt>> {
        Box::pin(async move {
            let old: DataKeyId = run.request()?;
            let place = match run.checkpoint::<Place>()? {
                Some(place) => place,
                None => {
                    let total = count_secrets(&self.0, run.tenant()).await?;
                    Place { total, ..Place::default() }
                }
            };
            if place.is_over {
                return Ok(Advance::Finished);
            }
            let mut chunk = run.chunk();
            let (pass, is_over) = reseal_some(&self.0, &mut chunk, old, &place.pass).await?;
            let total = place.total.max(pass.looked);
            note_progress(&mut chunk, old, pass.looked, total);
            chunk.done(pass.looked, Some(total));
            go_on(chunk.commit(run, &Place { pass, total, is_over }).await?)
        })
    }
}
