//! Comments of imported tasks: known again by their own time and place, so none comes twice, and
//! none comes back that somebody deleted.

use std::collections::BTreeSet;

use aws_lc_rs::digest::{Context, SHA256};
use millwright_core::{Error, Result, Timestamp, codes};
use millwright_store::{Contention, Key, Outcome as Written};

use super::{
    rows::{Known, reference},
    work::{Checkpoint, Step, Stepped},
};
use crate::{
    comment::mentions,
    domain::TaskSummary,
    events::{CommentCreated, CommentData},
    store::{Comment, CommentCount, CommentId, CommentItem, CommentTombstone, Subject},
    transfer::{ExternalReference, ImportComment, Outcome, Person, Row, Warning, WarningCode},
    worker::{Chunk, Halt, Run},
};

/// The most comments that are looked up and written at once: two keys each, one item each.
const MAX_COMMENTS: usize = 45;

/// The comments a row brings.
fn comments(row: &Row) -> &[ImportComment] {
    match &row.outcome {
        Outcome::Task(task) => &task.comments,
        Outcome::Comments(more) => &more.comments,
        Outcome::Skipped(_) | Outcome::Failed(_) => &[],
    }
}

/// The first of these rows that brings comments.
pub fn pending_comments(rows: &[Row]) -> Option<u32> {
    rows.iter().find(|row| !comments(row).is_empty()).map(|row| row.number)
}

/// Own time, then a hash of task and place: the same comment of the same file has one id for ever.
fn comment_id(step: &Step<'_>, task: &ExternalReference, comment: &ImportComment) -> CommentId {
    let source = task.source.as_ref().unwrap_or(&step.importing.source);
    let mut context = Context::new(&SHA256);
    for part in [source.as_str(), task.external_id.as_str()] {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part.as_bytes());
    }
    context.update(&comment.position.to_be_bytes());
    let mut bits = [0; 10];
    for (bit, byte) in bits.iter_mut().zip(context.finish().as_ref()) {
        *bit = *byte;
    }
    // Without a time in the file it has that of the import, which is another each time.
    let is_made_up = comment.created_at == step.importing.stamp.at;
    let at = if is_made_up { Timestamp::UNIX_EPOCH } else { comment.created_at };
    CommentId::derived(at, &bits)
}

/// Whether the row brings a comment that its task does not have, and has not had. One BatchGetItem
/// per 50 comments, none without.
pub async fn missing_comments(step: &Step<'_>, task: &TaskSummary, row: &Row) -> Result<bool> {
    let Some(reference) = reference(row) else { return Ok(false) };
    for some in comments(row).chunks(MAX_COMMENTS) {
        let ids: Vec<CommentId> =
            some.iter().map(|comment| comment_id(step, &reference, comment)).collect();
        if !absent(step, task, &ids).await?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Those of the comments that are neither there nor deleted.
async fn absent(
    step: &Step<'_>,
    task: &TaskSummary,
    ids: &[CommentId],
) -> Result<BTreeSet<CommentId>> {
    let subject = Subject::Task(task.id);
    let places = |id: CommentId| {
        [
            CommentItem::place(&step.tenant, subject, id),
            CommentTombstone::place(&step.tenant, subject, id),
        ]
    };
    let keys: BTreeSet<Key> = ids.iter().flat_map(|id| places(*id)).collect();
    let keys: Vec<Key> = keys.into_iter().collect();
    let items = step.planning.store.get_many(&keys).await?;
    let found: BTreeSet<&str> = items.iter().map(|item| item.sort_key()).collect();
    let is_absent = |id: &CommentId| !places(*id).iter().any(|key| found.contains(key.sort_key()));
    Ok(ids.iter().copied().filter(is_absent).collect())
}

impl Step<'_> {
    /// The next comments of one row before `end`, at most 45 in a transaction.
    pub async fn import_comments(
        &self,
        run: &mut Run,
        (number, position): (u32, u32),
        end: u32,
    ) -> Result<Stepped, Halt> {
        let until = end.saturating_sub(number) as usize;
        let rows = self.rows_from(number);
        let rows = rows.get(..until).unwrap_or(rows);
        let Some(first) = pending_comments(rows) else {
            return Ok(Stepped::Passed(Checkpoint::Rows { next: end }));
        };
        let from = if first == number { position as usize } else { 0 };
        let row = self.rows_from(first).first();
        let next_row = Checkpoint::Comments { row: first + 1, position: 0, next: end };
        let Some((row, reference)) = row.and_then(|row| Some((row, reference(row)?))) else {
            return Ok(Stepped::Passed(next_row));
        };
        let known: Known = self.known([reference.clone()]).await?;
        let Some(task) = known.get(&reference).filter(|task| task.deleted_at.is_none()) else {
            return Ok(Stepped::Passed(next_row));
        };
        let all = comments(row);
        let some = all.get(from..).unwrap_or_default();
        let some = some.get(..MAX_COMMENTS).unwrap_or(some);
        if some.is_empty() {
            return Ok(Stepped::Passed(next_row));
        }
        let done = from + some.len();
        let after = match done < all.len() {
            true => Checkpoint::Comments {
                row: first,
                position: u32::try_from(done).unwrap_or(u32::MAX),
                next: end,
            },
            false => next_row.clone(),
        };
        let mut contention = Contention::new(&self.planning.store);
        loop {
            let ids: Vec<CommentId> =
                some.iter().map(|comment| comment_id(self, &reference, comment)).collect();
            let absent = absent(self, task, &ids).await?;
            if absent.is_empty() {
                return Ok(Stepped::Passed(after));
            }
            let mut chunk = self.chunk(run, "comments");
            let subject = Subject::Task(task.id);
            let count = u32::try_from(absent.len()).unwrap_or_default();
            CommentCount::add(&mut chunk, subject, count);
            for (comment, id) in some.iter().zip(&ids) {
                if absent.contains(id) {
                    self.write_comment(&mut chunk, task, *id, comment)?;
                }
            }
            match chunk.commit(run, &after).await? {
                Written::Done => return Ok(Stepped::Committed),
                Written::Refused(refusals) => match refusals.into_error() {
                    // The task has all the comments it can have.
                    error if error.is(codes::LIMIT_REACHED) => {
                        let detail = error.detail().to_owned();
                        let code = WarningCode::CommentsDropped;
                        let left_out = Warning { code, detail };
                        return self.tell(run, row, false, vec![left_out], &next_row).await;
                    }
                    _ => contention.lost(&self.planning.store).await?,
                },
            };
        }
    }

    fn write_comment(
        &self,
        chunk: &mut Chunk,
        task: &TaskSummary,
        id: CommentId,
        comment: &ImportComment,
    ) -> Result<()> {
        let by = self.importing.stamp.by.clone();
        let (author_id, author_name) = match &comment.author {
            Some(Person::Known(assignee)) => (Some(assignee.to_string()), None),
            Some(Person::Named(name)) => (None, Some(name.clone())),
            None => (None, None),
        };
        let comment = Comment {
            id,
            subject_id: task.id.to_string(),
            body: comment.body.clone(),
            mentions: mentions(comment.body.as_str()),
            author_id,
            author_name,
            edited_at: comment.edited_at,
            imported_at: Some(self.importing.stamp.at),
            version: 1,
            created_at: comment.created_at,
            created_by: by.clone(),
            updated_at: comment.edited_at.unwrap_or(comment.created_at),
            updated_by: by,
        };
        let subject = Subject::Task(task.id);
        let step = chunk.create(&CommentItem::new(subject, &comment));
        chunk.refused_as(step, Error::lost_race());
        chunk.emit(&CommentCreated(CommentData::of(&comment, subject, task.project_id)))
    }
}
