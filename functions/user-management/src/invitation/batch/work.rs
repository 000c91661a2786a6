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
    domain::{Invitation, InvitationBatchId, InvitationStatus, InvitationType, MailStatus, Stamp},
    events::{InvitationCreated, InvitationData, InvitationExpired},
    invitation::{
        handlers::{InvitationIn, count_pending, lead_to, new},
        settle_for_good,
        token::Token,
    },
    post::Post,
    store::{InvitationItem, PendingMarker, RoleItem, count_sent},
};

/// What batches do.
pub fn works(catalogue: Catalogue<'static>, post: Post) -> Works<Batches> {
    Arc::new(move |kind| match kind {
        BatchKind::Invitations => {
            let (post, scene) = (post.clone(), OnceCell::new());
            Some(Arc::new(Inviting { catalogue, post, scene }) as Arc<dyn Work<Batches>>)
        }
    })
}

/// A slice of a batch.
struct Inviting {
    catalogue: Catalogue<'static>,
    post: Post,
    scene: OnceCell<(Vec<RowIn>, Judge)>,
}

/// A row that loses so many races is tried again later.
const MAX_LOSSES: usize = 20;

impl Work<Batches> for Inviting {
    /// One row: one BatchGetItem, at most two GetItem, and one transaction of at most fourteen
    /// items; with mail its letter, one BatchGetItem and one PutItem. A slice begins with two reads and two queries.
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
                let refused = match self.write(run, judge, (next, total), row, judged).await? {
                    None => return Ok(Advance::More),
                    Some(error) => error,
                };
                let lasting = [codes::INVITATION_LIMIT_REACHED, codes::ROLE_ARCHIVED];
                let lasting = lasting.into_iter().find(|code| refused.is(*code));
                if let Some(code) = lasting {
                    let reason = Reason { code: code.name, is_skipped: false };
                    let written = self.write(run, judge, (next, total), row, Err(reason));
                    if written.await?.is_none() {
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

    /// Writes what becomes of a row, and sends its letter; what was refused, if it was.
    async fn write(
        &self,
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
        let mut letter = None;
        match judged {
            Ok(wanted) => {
                let by = run.job().created_by.clone();
                let stamp = Stamp { at: now, by };
                let mail_status = self.post.before(InvitationType::Email);
                let invited =
                    invite(&mut chunk, judge, &wanted, row, (batch_id, mail_status), stamp)?;
                result.invitation_id = Some(invited.0.id);
                letter = Some(invited);
            }
            Err(reason) => {
                result.status =
                    if reason.is_skipped { RowStatus::Skipped } else { RowStatus::Failed };
                result.code = Some(reason.code.to_owned());
            }
        }
        chunk.details().count(result.status);
        chunk.done(index as u64 + 1, Some(total));
        chunk.put(&RowItem { batch_id, row: result, expires_at: now.plus(ROWS_KEPT) });
        match chunk.commit(run, &(index + 1)).await? {
            Outcome::Done => {
                // A worker that dies here leaves an invitation whose letter has failed.
                if let Some((invitation, token)) = letter {
                    self.post.invite(run.store(), run.tenant(), &invitation, &token).await;
                }
                Ok(None)
            }
            Outcome::Refused(refusals) => Ok(Some(refusals.into_error())),
        }
    }
}

/// At most nine items.
fn invite(
    chunk: &mut Chunk<Batches>,
    judge: &Judge,
    wanted: &Wanted,
    row: &RowIn,
    (batch_id, mail_status): (InvitationBatchId, MailStatus),
    stamp: Stamp,
) -> Result<(Invitation, Token)> {
    let Wanted { email, role, teams, .. } = wanted;
    let store = chunk.store().clone();
    let token = Token::random(store.ids());
    let input = InvitationIn::to(email.clone(), teams.clone(), row.message.clone());
    let mut invitation = new(&store, &judge.organization, &input, role.facts.role_id, &stamp);
    invitation.mail_status = mail_status;
    RoleItem::promise(chunk, invitation.role_id);
    count_pending(chunk);
    count_sent(chunk, stamp.at);
    chunk.create(&InvitationItem::of(&invitation, &token.hash()));
    lead_to(chunk, &invitation, &token);
    let marker = PendingMarker { email: email.clone(), invitation_id: invitation.id };
    marker.take(chunk, None);
    let data = InvitationData { batch_id: Some(batch_id), ..InvitationData::of(&invitation) };
    chunk.emit(&InvitationCreated(data))?;
    Ok((invitation, token))
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
