//! Pass 2: parents and relations, one at a time, by the rules of the API.

use millwright_core::{Error, Result, TaskId, codes as shared_codes};
use millwright_store::{Contention, Outcome as Written, Query, RawItem};

use super::{
    rows::{OPERATION, reference, row_warning},
    work::{Checkpoint, Step, Stepped, has_links},
};
use crate::{
    codes,
    domain::{Force, RelationKind, RowStatus, Task, TaskReference},
    relation::{Edit, Edited, Ends},
    store::{JobRows, job_partition},
    task::{Surroundings, TaskChange},
    transfer::{ExternalReference, ImportRow, Outcome, Row, Warning, WarningCode, Warnings},
    worker::{Chunk, Halt, Run},
};

/// What a row says of another task.
#[derive(Clone, Copy, Debug)]
enum Link {
    Parent,
    Relation(RelationKind),
}

/// All of them, in one order for ever: the checkpoint counts them.
fn links(row: &ImportRow) -> Vec<(Link, &ExternalReference)> {
    let relation = |kind| move |other| (Link::Relation(kind), other);
    let relations = &row.relations;
    let parent = row.parent.iter().map(|parent| (Link::Parent, parent));
    parent
        .chain(relations.blocks.iter().map(relation(RelationKind::Blocks)))
        .chain(relations.blocked_by.iter().map(relation(RelationKind::BlockedBy)))
        .chain(relations.relates_to.iter().map(relation(RelationKind::RelatesTo)))
        .chain(relations.duplicate_of.iter().map(relation(RelationKind::DuplicateOf)))
        .collect()
}

/// Why a link is left out.
fn warning(error: &Error, other: &ExternalReference) -> Option<Warning> {
    let code = match error.code() {
        code if code == codes::RELATION_CYCLE => WarningCode::RelationCycle,
        code if code == shared_codes::NOT_FOUND || code == shared_codes::INVALID_REQUEST => {
            WarningCode::UnknownReference
        }
        code if code == codes::DEPTH_EXCEEDED
            || code == codes::GRAPH_TOO_LARGE
            || code == codes::PROJECT_ARCHIVED
            || code == shared_codes::LIMIT_REACHED =>
        {
            WarningCode::RelationsDropped
        }
        _ => return None,
    };
    let detail = format!("{}: {}", other.external_id, error.detail());
    Some(Warning { code, detail })
}

/// The result of one link.
enum Set {
    Committed,
    Unchanged,
    LeftOut(Warning),
}

impl Step<'_> {
    /// The next link of the next row that has some, or what was noticed of a row.
    pub async fn import_links(&self, run: &mut Run, from: Checkpoint) -> Result<Stepped, Halt> {
        let Checkpoint::Links { row: number, link, changed, mut warnings } = from else {
            return Ok(Stepped::Finished);
        };
        let Some(row) = self.rows_from(number).iter().find(|row| has_links(row)) else {
            return Ok(Stepped::Finished);
        };
        if row.number != number {
            return Ok(Stepped::Passed(Checkpoint::links_from(row.number)));
        }
        let Outcome::Task(new) = &row.outcome else {
            return Ok(Stepped::Passed(Checkpoint::links_from(number + 1)));
        };
        let links = links(new);
        let rest = links.get(link..).unwrap_or_default();
        let others = rest.iter().map(|(_, other)| (*other).clone());
        let known = self.known(others.chain(reference(row))).await?;
        let own = reference(row).and_then(|own| known.get(&own));
        let Some(own) = own.filter(|task| task.deleted_at.is_none()) else {
            return Ok(Stepped::Passed(Checkpoint::links_from(number + 1)));
        };
        for (done, (link_kind, other)) in (link + 1..).zip(rest) {
            let there = known.get(*other).filter(|task| task.deleted_at.is_none());
            let Some(there) = there else {
                let detail = format!("{}: no row and no earlier import has it", other.external_id);
                warnings.push(Warning { code: WarningCode::UnknownReference, detail });
                continue;
            };
            let after = Checkpoint::Links {
                row: number,
                link: done,
                changed: true,
                warnings: warnings.clone(),
            };
            let ends = Ends { subject: own.id, other: there.id };
            match self.set(run, *link_kind, ends, other, &after).await? {
                Set::Committed => return Ok(Stepped::Committed),
                Set::Unchanged => {}
                Set::LeftOut(warning) => warnings.push(warning),
            }
        }
        let next = Checkpoint::links_from(number + 1);
        if warnings.is_empty() && !changed {
            return Ok(Stepped::Passed(next));
        }
        self.tell(run, row, changed, warnings, &next).await
    }

    async fn set(
        &self,
        run: &mut Run,
        link: Link,
        ends: Ends,
        other: &ExternalReference,
        after: &Checkpoint,
    ) -> Result<Set, Halt> {
        let mut contention = Contention::new(&self.planning.store);
        loop {
            let mut chunk = self.chunk(run, "relations");
            let written = match link {
                Link::Parent => self.set_parent(&mut chunk, ends).await,
                Link::Relation(kind) => self.add_relation(&mut chunk, ends, kind).await,
            };
            match written {
                Ok(true) => match chunk.commit(run, after).await? {
                    Written::Done => return Ok(Set::Committed),
                    Written::Refused(refusals) => match refusals.into_error() {
                        error if error.is(shared_codes::CONTENTION) => {}
                        error => return left_out(error, other),
                    },
                },
                Ok(false) => return Ok(Set::Unchanged),
                Err(error) if error.is(shared_codes::CONTENTION) => {}
                Err(error) => return left_out(error, other),
            }
            contention.lost(&self.planning.store).await?;
        }
    }

    /// False if it is there already.
    async fn add_relation(
        &self,
        chunk: &mut Chunk,
        ends: Ends,
        kind: RelationKind,
    ) -> Result<bool> {
        let edit = Edit {
            planning: self.planning,
            tenant: self.tenant,
            stamp: self.importing.stamp.clone(),
            operation: OPERATION,
            imported_at: Some(self.importing.stamp.at),
        };
        Ok(matches!(edit.add(chunk, ends, kind).await?, Edited::Changed(_)))
    }

    /// False if it hangs there already.
    async fn set_parent(&self, chunk: &mut Chunk, ends: Ends) -> Result<bool> {
        let before = self.planning.task(&self.tenant, &TaskReference::Id(ends.subject)).await?;
        if before.summary.parent_id == Some(ends.other) {
            return Ok(false);
        }
        let after = below(&before, ends.other);
        let around = Surroundings::read(self.planning, &self.tenant, Some(&before), &after).await?;
        let change = TaskChange {
            before: Some(&before),
            after: &after,
            operation: OPERATION,
            note: None,
            force: Force::No,
            imported_at: Some(self.importing.stamp.at),
        };
        change.write(chunk, around)?;
        Ok(true)
    }

    /// Adds what was noticed to the result of the row, which pass 1 has written.
    pub async fn tell(
        &self,
        run: &mut Run,
        row: &Row,
        changed: bool,
        noticed: Vec<Warning>,
        next: &Checkpoint,
    ) -> Result<Stepped, Halt> {
        let number = u64::from(row.number);
        let rows = Query::partition(job_partition(&self.tenant, run.job().id))
            .until_sort_key(format!("{}{number:07}", JobRows::PREFIX))
            .descending(true);
        let page = self.planning.store.page(&rows, 1, None).await?;
        let item = page.items.first().filter(|item| item.is::<JobRows>());
        let Some(mut rows) = item.map(RawItem::decode::<JobRows>).transpose()? else {
            return Ok(Stepped::Passed(next.clone()));
        };
        let mut chunk = self.chunk(run, "relations");
        for told in rows.rows.iter_mut().filter(|told| told.row == number) {
            let room = Warnings::MAX.saturating_sub(told.warnings.len());
            told.warnings.extend(noticed.iter().take(room).cloned().map(row_warning));
            if changed && told.status == RowStatus::Unchanged {
                told.status = RowStatus::Updated;
                let progress = chunk.progress();
                progress.unchanged = progress.unchanged.saturating_sub(1);
                progress.updated += 1;
            }
        }
        chunk.put(&rows);
        match chunk.commit(run, next).await? {
            Written::Done => Ok(Stepped::Committed),
            Written::Refused(refusals) => Err(refusals.into_error().into()),
        }
    }
}

fn left_out(error: Error, other: &ExternalReference) -> Result<Set, Halt> {
    match warning(&error, other) {
        Some(warning) => Ok(Set::LeftOut(warning)),
        None => Err(error.into()),
    }
}

/// The task as a part of another; its times stay as they are.
fn below(task: &Task, parent: TaskId) -> Task {
    let mut next = task.clone();
    next.summary.parent_id = Some(parent);
    next.counted(task)
}
