//! Read, decide, write; again if somebody was faster.

use millwright_core::{Error, Result};
use millwright_http::{Answer, Caller, IfMatch, Write};
use millwright_store::Contention;

use super::effects::{Surroundings, TaskChange};
use crate::{
    app::Planning,
    domain::{Force, ProjectSummary, Task, TaskReference},
};

/// What a change makes of a task that is deleted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    /// It is as good as none.
    NotFound,
    /// There is nothing left to do, whatever version the caller names.
    Done,
    /// That is what it is for.
    Wanted,
}

/// The task as it should be; the same if there is nothing to do.
pub trait Decide: Fn(&Task, &ProjectSummary) -> Result<Task> {}

impl<D: Fn(&Task, &ProjectSummary) -> Result<Task>> Decide for D {}

/// One change of a task.
pub struct Alteration<'a, D> {
    pub operation: &'static str,
    pub reference: &'a TaskReference,
    pub deleted: Deleted,
    pub if_match: Option<IfMatch>,
    /// What the history notes beside the changes.
    pub note: Option<String>,
    pub force: Force,
    pub decide: D,
}

/// Reads, decides, writes; again if somebody was faster and the caller named no version.
pub async fn alter<R, D>(
    planning: &Planning,
    caller: &Caller,
    begin: impl Fn() -> Write,
    answer: impl Fn(Task) -> R,
    alteration: Alteration<'_, D>,
) -> Result<R>
where
    R: Answer,
    D: Decide,
{
    let tenant = caller.tenant();
    let attempt = || async {
        let before = planning.task_or_deleted(&tenant, alteration.reference).await?;
        match (before.summary.deleted_at, alteration.deleted) {
            (Some(_), Deleted::NotFound) => return Err(Error::not_found("task")),
            (Some(_), Deleted::Done) => return begin().commit(answer(before)).await,
            _ => {}
        }
        if let Some(if_match) = alteration.if_match {
            if_match.check(before.summary.version)?;
        }
        let project = planning.project_head(&tenant, before.summary.project_id).await?;
        let after = (alteration.decide)(&before, &project)?;
        let mut write = begin();
        if after == before {
            return write.commit(answer(before)).await;
        }
        let after = after.stamped(&before, &planning.stamp(caller));
        let around = Surroundings::read(planning, &tenant, Some(&before), &after).await?;
        let change = TaskChange {
            before: Some(&before),
            after: &after,
            operation: alteration.operation,
            note: alteration.note.clone(),
            force: alteration.force,
            imported_at: None,
        };
        change.write(&mut write, around)?;
        write.commit(answer(after)).await
    };
    Contention::new(&planning.store).settle(&planning.store, attempt).await
}
