//! What adding or removing a relation does to the tasks at both ends, and around them.

use millwright_core::{
    Error, Fault, FaultCode, Faults, ProjectId, Result, TaskId, Tenant, Timestamp,
    codes as shared_codes,
};
use millwright_event::Effects;
use millwright_store::{Condition, Transaction};

use super::walk::{Versions, check_acyclic};
use crate::{
    app::{Planning, check_writable},
    codes,
    domain::{Edge, Force, RelationKind, Relations, Stamp, Task, TaskReference, TaskSummary},
    events::{RelationAdded, RelationData, RelationRemoved},
    store::{GraphVersion, TaskHead},
    task::{Neighbors, Surroundings, TaskChange},
};

/// The most duplicates of its own with which a task can become a duplicate.
const MAX_REPOINTED: usize = 20;

/// The two tasks of a relation: the one that is edited, and the other.
#[derive(Clone, Copy, Debug)]
pub struct Ends {
    pub subject: TaskId,
    pub other: TaskId,
}

impl Ends {
    /// By id or key.
    ///
    /// # Errors
    /// `not_found` for a key that was never given; `invalid_request` if both are the same.
    pub async fn find(
        planning: &Planning,
        tenant: &Tenant,
        subject: &TaskReference,
        other: &TaskReference,
    ) -> Result<Ends> {
        let subject = planning.task_id(tenant, subject).await?;
        let other = planning.task_id(tenant, other).await?;
        if subject == other {
            let detail = "a task has no relation to itself";
            return Err(
                Faults::of(Fault::new("path:otherId", FaultCode::NotAllowed, detail)).into()
            );
        }
        Ok(Ends { subject, other })
    }

    fn subject(&self) -> TaskReference {
        TaskReference::Id(self.subject)
    }
}

/// What became of an edit.
pub enum Edited {
    /// There was nothing to do.
    Unchanged(Task),
    /// As it will be when the effects are committed.
    Changed(Task),
}

/// Edits of relations, by whom and in the name of which operation.
pub struct Edit<'a> {
    pub planning: &'a Planning,
    pub tenant: Tenant,
    pub stamp: Stamp,
    pub operation: &'a str,
    /// When it is part of an import: then states and times stay as they are.
    pub imported_at: Option<Timestamp>,
}

impl Edit<'_> {
    /// Adds a relation to what is written.
    ///
    /// # Errors
    /// `not_found`, `project_archived`, `relation_cycle`, `graph_too_large`, `limit_reached`;
    /// `contention` if something changed under it.
    pub async fn add(
        &self,
        effects: &mut Effects,
        ends: Ends,
        kind: RelationKind,
    ) -> Result<Edited> {
        let (planning, tenant) = (self.planning, &self.tenant);
        let subject = planning.task(tenant, &ends.subject()).await?;
        let mut others = Neighbors::whole(planning, tenant, [ends.other]).await?;
        let other = others.head(ends.other).map(|head| head.summary.clone());
        let other = other.filter(|other| other.deleted_at.is_none());
        let other = other.ok_or_else(|| Error::not_found("task"))?;
        for project in [subject.summary.project_id, other.project_id] {
            check_writable(&planning.project_head(tenant, project).await?)?;
        }
        if subject.relations.find(kind, other.id).is_some() {
            return Ok(Edited::Unchanged(subject));
        }
        let mut end = other.clone();
        let mut left = None;
        let after = match kind {
            RelationKind::DuplicateOf => {
                match self.become_duplicate(effects, &subject, &mut others, &other).await? {
                    Some(duplicate) => {
                        (end, left) = (duplicate.original, duplicate.left);
                        duplicate.task
                    }
                    None => return Ok(Edited::Unchanged(subject)),
                }
            }
            _ => relate(&subject, &mut others, kind, &other)?,
        };
        if let RelationKind::Blocks | RelationKind::BlockedBy = kind {
            self.check_cycle(effects, &subject, &others, (kind, &other)).await?;
        }
        let after = self.write(effects, &subject, after, others).await?;
        if let Some(left) = left {
            effects.emit(&RelationRemoved(relation_data(kind, &after.summary, &left)))?;
        }
        effects.emit(&RelationAdded(relation_data(kind, &after.summary, &end)))?;
        Ok(Edited::Changed(after))
    }

    /// Removes a relation in what is written.
    ///
    /// # Errors
    /// `not_found`, `project_archived`; `contention` if something changed under it.
    pub async fn remove(
        &self,
        effects: &mut Effects,
        ends: Ends,
        kind: RelationKind,
    ) -> Result<Edited> {
        let (planning, tenant) = (self.planning, &self.tenant);
        let subject = planning.task(tenant, &ends.subject()).await?;
        let mut others = Neighbors::whole(planning, tenant, [ends.other]).await?;
        let mut end = ends.other;
        if kind == RelationKind::DuplicateOf
            && let Some(original) = others.relations(end).and_then(Relations::original).copied()
        {
            // Named as it was when added: as a duplicate of a duplicate.
            end = original.task_id;
            others = Neighbors::whole(planning, tenant, [end]).await?;
        }
        if subject.relations.find(kind, end).is_none() {
            return Ok(Edited::Unchanged(subject));
        }
        let other = others.head(end).map(|head| head.summary.clone());
        let other = other.ok_or_else(|| Error::not_found("task"))?;
        check_both_writable(planning, tenant, &subject.summary, &other).await?;
        let mut after = subject.clone();
        after.relations.remove(kind, end);
        others.relate(end, |relations| {
            relations.remove(kind.inverse(), subject.summary.id);
            Ok(())
        })?;
        match kind {
            RelationKind::Blocks if subject.summary.is_open() => others.count_blocker(end, false),
            RelationKind::BlockedBy if other.is_open() => {
                let count = &mut after.summary.open_blockers;
                *count = count.saturating_sub(1);
            }
            _ => {}
        }
        if let RelationKind::Blocks | RelationKind::BlockedBy = kind {
            touch(effects, [subject.summary.project_id, other.project_id]);
        }
        let after = self.write(effects, &subject, after, others).await?;
        effects.emit(&RelationRemoved(relation_data(kind, &after.summary, &other)))?;
        Ok(Edited::Changed(after))
    }

    /// Makes sure that the new edge closes no cycle, and moves the graph's versions. Without a walk
    /// if nothing leads to the blocking task or from the blocked one: neither can change unnoticed,
    /// since both heads are written.
    async fn check_cycle(
        &self,
        effects: &mut Effects,
        subject: &Task,
        others: &Neighbors,
        (kind, other): (RelationKind, &TaskSummary),
    ) -> Result<()> {
        let none = Relations::default();
        let here = (&subject.summary, &subject.relations);
        let there = (other, others.relations(other.id).unwrap_or(&none));
        let (blocking, blocked) = match kind {
            RelationKind::Blocks => (here, there),
            _ => (there, here),
        };
        let projects = [blocking.0.project_id, blocked.0.project_id];
        let leads_to = blocking.1.of(RelationKind::BlockedBy).next().is_some();
        let leads_from = blocked.1.of(RelationKind::Blocks).next().is_some();
        if leads_to && leads_from {
            let versions = Versions::read(self.planning, &self.tenant, projects).await?;
            let start = (blocked.0.id, blocked.1.edges());
            let walked =
                check_acyclic(self.planning, &self.tenant, versions, start, blocking.0.id).await?;
            walked.write(effects, projects);
        } else {
            touch(effects, projects);
        }
        Ok(())
    }

    /// The task as a duplicate of the original behind `other`; none if it is one already. What is a
    /// duplicate of it becomes one of the original, too.
    ///
    /// # Errors
    /// `relation_cycle` if the original is the task itself, `limit_reached`.
    async fn become_duplicate(
        &self,
        effects: &mut Effects,
        subject: &Task,
        others: &mut Neighbors,
        other: &TaskSummary,
    ) -> Result<Option<Duplicate>> {
        let id = subject.summary.id;
        let behind = others.relations(other.id).and_then(Relations::original).copied();
        let root = behind.map_or(other.id, |edge| edge.task_id);
        if root == id {
            let keys =
                vec![subject.summary.key.clone(), other.key.clone(), subject.summary.key.clone()];
            let detail = "the other is a duplicate of this one: remove that first";
            return Err(Error::new(codes::RELATION_CYCLE, detail).with("cycle", keys));
        }
        let before = subject.relations.original().copied();
        if before.is_some_and(|edge| edge.task_id == root) {
            return Ok(None);
        }
        let own: Vec<Edge> = subject.relations.of(RelationKind::Duplicates).copied().collect();
        if own.len() > MAX_REPOINTED {
            let limit = "duplicates of a task that becomes one itself";
            return Err(Error::limit_reached(limit, MAX_REPOINTED as u64));
        }
        // A task that waits for this one is written, which checks its version, too.
        let waits = subject.relations.find(RelationKind::Blocks, other.id).is_some();
        if root != other.id && !(waits && subject.summary.is_open()) {
            let version = others.head(other.id).map_or(0, |head| head.version);
            let place = TaskHead::place(&self.tenant, other.id);
            let step = effects.check(&place, Condition::version(version));
            effects.refused_as(step, Error::lost_race());
        }
        let touched = own.iter().chain(&before).map(|edge| edge.task_id).chain([root]);
        let missing: Vec<TaskId> = touched.filter(|task| !others.has(*task)).collect();
        others.extend(Neighbors::whole(self.planning, &self.tenant, missing).await?);
        let head = |task: TaskId| others.head(task).map(|head| head.summary.clone());
        let original = head(root).filter(|task| task.deleted_at.is_none());
        let original = original.ok_or_else(|| Error::not_found("task"))?;
        let left = before.and_then(|edge| head(edge.task_id));
        let (planning, tenant) = (self.planning, &self.tenant);
        check_writable(&planning.project_head(tenant, original.project_id).await?)?;
        if let Some(left) = &left {
            check_both_writable(planning, tenant, &subject.summary, left).await?;
        }
        if let Some(before) = before {
            others.relate(before.task_id, |relations| {
                relations.remove(RelationKind::Duplicates, id);
                Ok(())
            })?;
        }
        others.relate(root, |relations| {
            relations.add(edge(RelationKind::Duplicates, &subject.summary))?;
            own.iter().try_for_each(|duplicate| relations.add(*duplicate))
        })?;
        for duplicate in &own {
            others.follow(duplicate.task_id, |relations| {
                relations.remove(RelationKind::DuplicateOf, id);
                relations.add(edge(RelationKind::DuplicateOf, &original))
            })?;
        }
        let mut after = match self.imported_at {
            Some(_) => subject.clone(),
            None => subject.settled_as_duplicate(self.stamp.at),
        };
        let kept = after.relations.edges().iter().copied().filter(|edge| {
            !matches!(edge.kind, RelationKind::Duplicates | RelationKind::DuplicateOf)
        });
        after.relations = Relations::new(kept.collect());
        after.relations.add(edge(RelationKind::DuplicateOf, &original))?;
        Ok(Some(Duplicate { task: after, original, left }))
    }

    /// The change of the edited task, together with its neighbors.
    async fn write(
        &self,
        effects: &mut Effects,
        before: &Task,
        after: Task,
        others: Neighbors,
    ) -> Result<Task> {
        let after = match self.imported_at {
            Some(_) => after.counted(before),
            None => after.stamped(before, &self.stamp),
        };
        let mut around =
            Surroundings::read(self.planning, &self.tenant, Some(before), &after).await?;
        let waiting = std::mem::replace(&mut around.neighbors, others);
        around.neighbors.extend(waiting);
        let change = TaskChange {
            before: Some(before),
            after: &after,
            operation: self.operation,
            note: None,
            force: Force::No,
            imported_at: self.imported_at,
        };
        change.write(effects, around)?;
        Ok(after)
    }
}

fn edge(kind: RelationKind, task: &TaskSummary) -> Edge {
    Edge { kind, task_id: task.id, project_id: task.project_id }
}

/// Both ends of a new relation, and the open blockers it brings.
fn relate(
    subject: &Task,
    others: &mut Neighbors,
    kind: RelationKind,
    other: &TaskSummary,
) -> Result<Task> {
    let mut after = subject.clone();
    after.relations.add(edge(kind, other))?;
    let back = edge(kind.inverse(), &subject.summary);
    others.relate(other.id, |relations| relations.add(back))?;
    match kind {
        RelationKind::Blocks if subject.summary.is_open() => others.count_blocker(other.id, true),
        RelationKind::BlockedBy if other.is_open() => after.summary.open_blockers += 1,
        _ => {}
    }
    Ok(after)
}

/// Moves the graph's versions, whatever they are.
fn touch(transaction: &mut Transaction, projects: [ProjectId; 2]) {
    let [one, other] = projects;
    GraphVersion::touch(transaction, one);
    if other != one {
        GraphVersion::touch(transaction, other);
    }
}

/// What becomes of a task that becomes a duplicate.
struct Duplicate {
    task: Task,
    original: TaskSummary,
    /// The original it leaves for this one.
    left: Option<TaskSummary>,
}

/// Neither end's project is archived. What is related to a task of a deleted project can be freed of
/// it.
async fn check_both_writable(
    planning: &Planning,
    tenant: &Tenant,
    subject: &TaskSummary,
    other: &TaskSummary,
) -> Result<()> {
    check_writable(&planning.project_head(tenant, subject.project_id).await?)?;
    match planning.project_head(tenant, other.project_id).await {
        Ok(project) => check_writable(&project),
        Err(error) if error.is(shared_codes::NOT_FOUND) => Ok(()),
        Err(error) => Err(error),
    }
}

/// The event of a relation, told from its active end.
fn relation_data(kind: RelationKind, subject: &TaskSummary, other: &TaskSummary) -> RelationData {
    let (kind, from, to, version) = match kind {
        // The other is written with the next version.
        RelationKind::BlockedBy => (RelationKind::Blocks, other, subject, other.version + 1),
        kind => (kind, subject, other, subject.version),
    };
    RelationData { project_id: from.project_id, version, kind, from_id: from.id, to_id: to.id }
}
