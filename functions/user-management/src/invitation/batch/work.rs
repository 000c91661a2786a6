//! Inviting row by row.

use std::sync::Arc;

use futures::future::BoxFuture;
use millwright_core::{Error, Result, UserId, codes as shared};
use millwright_event::{Cause, Effects};
use millwright_identity::Catalogue;
use millwright_job::{Advance, Chunk, Halt, Run, Work, Works};
use millwright_store::Outcome;
use tokio::sync::OnceCell;

use super::{
    BatchInput, BatchKind, BatchRow, Batches, ROWS_KEPT, RowIn, RowItem, RowStatus,
    judge::{Judge, Reason, Wanted},
};
use crate::{
    codes,
    domain::{InvitationStatus, Stamp},
    events::{InvitationCreated, InvitationData, InvitationExpired},
    invitation::{
        handlers::{InvitationIn, count_pending, lead_to, new},
        settle_for_good,
        token::Token,
    },
    store::{InvitationItem, PendingMarker, RoleItem, count_sent},
};

/// What batches do.
pub fn works(catalogue: Catalogue<'static>) -> Works<Batches> {
    Arc::new(move |kind| match kind {
        BatchKind::Invitations => {
            Some(Arc::new(Inviting { catalogue, scene: OnceCell::new() }) as Arc<dyn Work<Batches>>)
        }
    })
}

/// A slice of a batch.
struct Inviting {
    catalogue: Catalogue<'static>,
    scene: OnceCell<(Vec<RowIn>, Judge)>,
}

/// A row that loses so many races is tried again later.
const MAX_LOSSES: usize = 20;

impl Work<Batches> for Inviting {
    /// One row: one BatchGetItem, at most two GetItem, and one transaction of at most fourteen
    /// items. A slice begins with two reads and two queries.
    fn advance<'a>(&'a self, run: &'a mut Run<Batches>) -> BoxFuture<'a, Result<Advance, Halt>> {
        Box::pin(async move {
            let next: usize = run.checkpoint()?.unwrap_or(0);
            let (rows, judge) = self.scene.get_or_try_init(|| self.read(run)).await?;
            let Some(row) = rows.get(next) else { return Ok(Advance::Finished) };
            let creator: UserId = run
                .job()
                .created_by
                .parse()
                .map_err(|_| Error::internal("a batch that no person has sent"))?;
            for _ in 0..MAX_LOSSES {
                let (store, tenant) = (run.store().clone(), *run.tenant());
                let judged = judge.judge(&store, &tenant, creator, next, row).await?;
                let total = rows.len() as u64;
                let refused = match write(run, judge, (next, total), row, judged).await? {
                    None => return Ok(Advance::More),
                    Some(error) => error,
                };
                let lasting = [codes::INVITATION_LIMIT_REACHED, codes::ROLE_ARCHIVED];
                let lasting = lasting.into_iter().find(|code| refused.is(*code));
                if let Some(code) = lasting {
                    let reason = Reason { code: code.name, is_skipped: false };
                    if write(run, judge, (next, total), row, Err(reason)).await?.is_none() {
                        return Ok(Advance::More);
                    }
                } else if !refused.is(shared::CONTENTION) && !refused.is(shared::CONFLICT) {
                    return Err(refused.into());
                }
            }
            Err(Error::unavailable("a row kept losing races").into())
        })
    }
}

impl Inviting {
    async fn read(&self, run: &Run<Batches>) -> Result<(Vec<RowIn>, Judge)> {
        let place = BatchInput::place(run.tenant(), run.job().id);
        let input: Option<BatchInput> = run.store().get(&place).await?;
        let input = input.ok_or_else(|| Error::internal("a batch without rows"))?;
        let rows = input.rows()?;
        let judge = Judge::read(run.store(), run.tenant(), &rows, self.catalogue).await?;
        Ok((rows, judge))
    }
}

/// Writes what becomes of a row; what was refused, if it was.
async fn write(
    run: &mut Run<Batches>,
    judge: &Judge,
    (index, total): (usize, u64),
    row: &RowIn,
    judged: Result<Wanted, Reason>,
) -> Result<Option<Error>, Halt> {
    let batch_id = run.job().id;
    let now = run.store().clock().now();
    let mut result = BatchRow {
        index: index as u64,
        email: row.email.to_string(),
        status: RowStatus::Created,
        invitation_id: None,
        code: None,
    };
    if let Ok(Wanted { expired: Some(expired), .. }) = &judged {
        settle_expired(run, expired).await?;
        // Judged again without it.
        return Ok(Some(Error::lost_race()));
    }
    let mut chunk = run.chunk();
    match judged {
        Ok(wanted) => {
            let by = run.job().created_by.clone();
            let stamp = Stamp { at: now, by };
            result.invitation_id = Some(invite(&mut chunk, judge, &wanted, row, batch_id, stamp)?);
        }
        Err(reason) => {
            result.status = if reason.is_skipped { RowStatus::Skipped } else { RowStatus::Failed };
            result.code = Some(reason.code.to_owned());
        }
    }
    chunk.details().count(result.status);
    chunk.done(index as u64 + 1, Some(total));
    chunk.put(&RowItem { batch_id, row: result, expires_at: now.plus(ROWS_KEPT) });
    match chunk.commit(run, &(index + 1)).await? {
        Outcome::Done => Ok(None),
        Outcome::Refused(refusals) => Ok(Some(refusals.into_error())),
    }
}

/// At most nine items.
fn invite(
    chunk: &mut Chunk<Batches>,
    judge: &Judge,
    wanted: &Wanted,
    row: &RowIn,
    batch_id: crate::domain::InvitationBatchId,
    stamp: Stamp,
) -> Result<crate::domain::InvitationId> {
    let Wanted { email, role, teams, .. } = wanted;
    let store = chunk.store().clone();
    let token = Token::random(store.ids());
    let input = InvitationIn::to(email.clone(), teams.clone(), row.message.clone());
    let invitation = new(&store, &judge.organization, &input, role.facts.role_id, &stamp);
    RoleItem::promise(chunk, invitation.role_id);
    count_pending(chunk);
    count_sent(chunk, stamp.at);
    chunk.create(&InvitationItem::of(&invitation, &token.hash()));
    lead_to(chunk, &invitation, &token);
    let marker = PendingMarker { email: email.clone(), invitation_id: invitation.id };
    marker.take(chunk, None);
    let data = InvitationData { batch_id: Some(batch_id), ..InvitationData::of(&invitation) };
    chunk.emit(&InvitationCreated(data))?;
    Ok(invitation.id)
}

/// One transaction; nothing if somebody was faster.
async fn settle_expired(run: &Run<Batches>, before: &InvitationItem) -> Result<()> {
    let stamp = Stamp { at: run.store().clock().now(), by: run.job().created_by.clone() };
    let after = before.invitation.ended(InvitationStatus::Expired, None, stamp.clone());
    let cause = Cause {
        tenant: *run.tenant(),
        actor_id: stamp.by,
        traceparent: None,
        correlation_id: run.job().id.to_string(),
        causation_id: None,
    };
    let mut effects = Effects::new(run.store(), cause);
    settle_for_good(&mut effects, before, &after)?;
    effects.emit(&InvitationExpired(InvitationData::of(&after)))?;
    match effects.commit().await {
        Err(error) if error.is(shared::CONTENTION) => Ok(()),
        outcome => outcome,
    }
}
