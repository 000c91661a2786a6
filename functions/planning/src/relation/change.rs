//! Adding and removing relations.

use axum::extract::State;
use millwright_core::{
    Error, Fault, FaultCode, Faults, ProjectId, Result, TaskId, Tenant, codes as shared_codes,
};
use millwright_http::{Allowed, Answered, Caller, NoContent, PathParameter, Versioned, Write};
use millwright_store::{Condition, Contention};

use super::walk::{Versions, check_acyclic};
use crate::{
    app::{Planning, check_writable},
    codes,
    domain::{
        Edge, Force, RelationKind, RelationPath, Relations, Task, TaskReference, TaskSummary,
    },
    events::{RelationAdded, RelationData, RelationRemoved},
    permissions::TaskUpdate,
    store::{GraphVersion, TaskHead},
    task::{Neighbors, Surroundings, TaskChange},
};

/// The most duplicates of its own with which a task can become a duplicate.
const MAX_REPOINTED: usize = 20;

/// A walk is repeated so often if the graph changes under it.
const MAX_WALKS: u32 = 10;

const ADD: &str = "task_relation_add";
const REMOVE: &str = "task_relation_remove";

/// Add a relation
///
/// Between two tasks of the organization, also of different projects. What is there already stays
/// as it is. `blocks` and `blocked-by` never close a cycle, whoever adds what at the same time; a
/// graph of more than 2,000 tasks or 64 levels behind the blocked task is refused. `duplicate-of`
/// cancels an open task, and leads to the original where the other is a duplicate itself. One
/// query, one batch read and one transaction of at most 29 items (`duplicate-of`: 93), with a warm
/// project cache; where a cycle is possible, one batch read more per level and 100 tasks.
#[utoipa::path(
    put,
    path = "/api/v1/planning/tasks/{id}/relations/{type}/{otherId}",
    tag = "Relations"
)]
pub async fn task_relation_add(
    caller: Allowed<TaskUpdate>,
    State(planning): State<Planning>,
    PathParameter((reference, RelationPath(kind), other)): PathParameter<(
        TaskReference,
        RelationPath,
        TaskReference,
    )>,
) -> Answered<Versioned<Task>> {
    let ends = Ends::find(&planning, &caller, &reference, &other).await?;
    let attempt = || async {
        let subject = planning.task(&ends.tenant, &ends.subject()).await?;
        let mut others = Neighbors::whole(&planning, &ends.tenant, [ends.other]).await?;
        let other = others.head(ends.other).map(|head| head.summary.clone());
        let other = other.filter(|other| other.deleted_at.is_none());
        let other = other.ok_or_else(|| Error::not_found("task"))?;
        for project in [subject.summary.project_id, other.project_id] {
            check_writable(&planning.project_head(&ends.tenant, project).await?)?;
        }
        let mut write = caller.write(&planning.store);
        if subject.relations.find(kind, other.id).is_some() {
            return Ok(Versioned(subject));
        }
        let mut end = other.clone();
        let mut left = None;
        let after = match kind {
            RelationKind::DuplicateOf => {
                let duplicate = Duplicate { planning: &planning, ends: &ends, subject: &subject };
                match duplicate.settle(&mut write, &mut others, &other).await? {
                    Some(settled) => {
                        (end, left) = (settled.original, settled.left);
                        settled.task
                    }
                    None => return Ok(Versioned(subject)),
                }
            }
            _ => relate(&subject, &mut others, kind, &other)?,
        };
        if let RelationKind::Blocks | RelationKind::BlockedBy = kind {
            let edge = (kind, &other);
            check_cycle(&planning, &ends.tenant, &mut write, &subject, &others, edge).await?;
        }
        let change = Change { planning: &planning, caller: &caller, operation: ADD };
        let after = change.write(&mut write, &subject, after, others).await?;
        if let Some(left) = left {
            write.emit(&RelationRemoved(relation_data(kind, &after.summary, &left)))?;
        }
        write.emit(&RelationAdded(relation_data(kind, &after.summary, &end)))?;
        write.commit(Versioned(after)).await
    };
    let contention = Contention::new(&planning.store).at_most(MAX_WALKS);
    Ok(contention.settle(&planning.store, attempt).await?)
}

/// Remove a relation
///
/// Whether it is there or not. One query, one batch read and one transaction of at most nine items,
/// with a warm project cache.
#[utoipa::path(
    delete,
    path = "/api/v1/planning/tasks/{id}/relations/{type}/{otherId}",
    tag = "Relations"
)]
pub async fn task_relation_remove(
    caller: Allowed<TaskUpdate>,
    State(planning): State<Planning>,
    PathParameter((reference, RelationPath(kind), other)): PathParameter<(
        TaskReference,
        RelationPath,
        TaskReference,
    )>,
) -> Answered<NoContent> {
    let ends = Ends::find(&planning, &caller, &reference, &other).await?;
    let attempt = || async {
        let subject = planning.task(&ends.tenant, &ends.subject()).await?;
        let mut others = Neighbors::whole(&planning, &ends.tenant, [ends.other]).await?;
        let mut end = ends.other;
        if kind == RelationKind::DuplicateOf
            && let Some(original) = others.relations(end).and_then(Relations::original).copied()
        {
            // Named as it was when added: as a duplicate of a duplicate.
            end = original.task_id;
            others = Neighbors::whole(&planning, &ends.tenant, [end]).await?;
        }
        if subject.relations.find(kind, end).is_none() {
            return Ok(NoContent);
        }
        let other = others.head(end).map(|head| head.summary.clone());
        let other = other.ok_or_else(|| Error::not_found("task"))?;
        check_both_writable(&planning, &ends.tenant, &subject.summary, &other).await?;
        let mut after = subject.clone();
        after.relations.remove(kind, end);
        others.relate(end, |relations| {
            relations.remove(kind.inverse(), subject.summary.id);
            Ok(())
        })?;
        let mut write = caller.write(&planning.store);
        match kind {
            RelationKind::Blocks if subject.summary.is_open() => others.count_blocker(end, false),
            RelationKind::BlockedBy if other.is_open() => {
                let count = &mut after.summary.open_blockers;
                *count = count.saturating_sub(1);
            }
            _ => {}
        }
        if let RelationKind::Blocks | RelationKind::BlockedBy = kind {
            touch(&mut write, [subject.summary.project_id, other.project_id]);
        }
        let change = Change { planning: &planning, caller: &caller, operation: REMOVE };
        let after = change.write(&mut write, &subject, after, others).await?;
        write.emit(&RelationRemoved(relation_data(kind, &after.summary, &other)))?;
        write.commit(NoContent).await
    };
    Ok(Contention::new(&planning.store).settle(&planning.store, attempt).await?)
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

/// The two tasks of a request.
struct Ends {
    tenant: Tenant,
    subject: TaskId,
    other: TaskId,
}

impl Ends {
    async fn find(
        planning: &Planning,
        caller: &Caller,
        subject: &TaskReference,
        other: &TaskReference,
    ) -> Result<Ends> {
        let tenant = caller.tenant();
        let subject = planning.task_id(&tenant, subject).await?;
        let other = planning.task_id(&tenant, other).await?;
        if subject == other {
            let detail = "a task has no relation to itself";
            return Err(
                Faults::of(Fault::new("path:otherId", FaultCode::NotAllowed, detail)).into()
            );
        }
        Ok(Ends { tenant, subject, other })
    }

    fn subject(&self) -> TaskReference {
        TaskReference::Id(self.subject)
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

/// Makes sure that the new edge closes no cycle, and moves the graph's versions. Without a walk if
/// nothing leads to the blocking task or from the blocked one: neither can change unnoticed, since
/// both heads are written.
async fn check_cycle(
    planning: &Planning,
    tenant: &Tenant,
    write: &mut Write<'_>,
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
        let versions = Versions::read(planning, tenant, projects).await?;
        let start = (blocked.0.id, blocked.1.edges());
        let walked = check_acyclic(planning, tenant, versions, start, blocking.0.id).await?;
        walked.write(write, projects);
    } else {
        touch(write, projects);
    }
    Ok(())
}

/// Moves the graph's versions, whatever they are.
fn touch(write: &mut Write<'_>, projects: [ProjectId; 2]) {
    let [one, other] = projects;
    GraphVersion::touch(write, one);
    if other != one {
        GraphVersion::touch(write, other);
    }
}

/// A task becomes a duplicate.
struct Duplicate<'a> {
    planning: &'a Planning,
    ends: &'a Ends,
    subject: &'a Task,
}

/// What becomes of a task that becomes a duplicate.
struct Settled {
    task: Task,
    original: TaskSummary,
    /// The original it leaves for this one.
    left: Option<TaskSummary>,
}

impl Duplicate<'_> {
    /// The task as a duplicate of the original behind `other`; none if it is one already. What is a
    /// duplicate of it becomes one of the original, too.
    ///
    /// # Errors
    /// `relation_cycle` if the original is the task itself, `limit_reached`.
    async fn settle(
        &self,
        write: &mut Write<'_>,
        others: &mut Neighbors,
        other: &TaskSummary,
    ) -> Result<Option<Settled>> {
        let subject = self.subject;
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
            let place = TaskHead::place(&self.ends.tenant, other.id);
            let step = write.check(&place, Condition::version(version));
            write.refused_as(step, Error::lost_race());
        }
        let touched = own.iter().chain(&before).map(|edge| edge.task_id).chain([root]);
        let missing: Vec<TaskId> = touched.filter(|task| !others.has(*task)).collect();
        others.extend(Neighbors::whole(self.planning, &self.ends.tenant, missing).await?);
        let head = |task: TaskId| others.head(task).map(|head| head.summary.clone());
        let original = head(root).filter(|task| task.deleted_at.is_none());
        let original = original.ok_or_else(|| Error::not_found("task"))?;
        let left = before.and_then(|edge| head(edge.task_id));
        for end in [Some(&original), left.as_ref()].into_iter().flatten() {
            let tenant = &self.ends.tenant;
            check_both_writable(self.planning, tenant, &subject.summary, end).await?;
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
        let now = self.planning.store.clock().now();
        let mut after = subject.settled_as_duplicate(now);
        let kept = after.relations.edges().iter().copied().filter(|edge| {
            !matches!(edge.kind, RelationKind::Duplicates | RelationKind::DuplicateOf)
        });
        after.relations = Relations::new(kept.collect());
        after.relations.add(edge(RelationKind::DuplicateOf, &original))?;
        Ok(Some(Settled { task: after, original, left }))
    }
}

/// The change of the task that the path names, together with its neighbors.
struct Change<'a> {
    planning: &'a Planning,
    caller: &'a Caller,
    operation: &'static str,
}

impl Change<'_> {
    async fn write(
        &self,
        write: &mut Write<'_>,
        before: &Task,
        after: Task,
        others: Neighbors,
    ) -> Result<Task> {
        let tenant = self.caller.tenant();
        let after = after.stamped(before, &self.planning.stamp(self.caller));
        let mut around = Surroundings::read(self.planning, &tenant, Some(before), &after).await?;
        let waiting = std::mem::replace(&mut around.neighbors, others);
        around.neighbors.extend(waiting);
        let change = TaskChange {
            before: Some(before),
            after: &after,
            operation: self.operation,
            note: None,
            force: Force::No,
            imported: false,
        };
        change.write(write, around)?;
        Ok(after)
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
