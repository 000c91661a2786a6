//! Where a task hangs in the forest of subtasks, and what moving it means for those above.

use std::collections::BTreeMap;

use millwright_core::{Error, Fault, FaultCode, Faults, ProjectId, Result, TaskId, Tenant};
use millwright_store::{RawItem, Transaction};

use crate::{
    app::Planning,
    codes,
    domain::{Forest, MAX_DEPTH, MAX_SUBTASKS, TaskSummary},
    store::{GraphVersion, SubtaskChanges, SubtaskCounts, TaskHead},
};

/// A task comes below another, or leaves it: the counts of heights that change, good for one
/// version of the graph.
#[derive(Debug)]
pub struct Placement {
    project: ProjectId,
    graph_version: u64,
    before: Forest,
    after: Forest,
}

/// A task above another, with the counts of its subtasks.
struct Ancestor {
    head: TaskHead,
    counts: SubtaskCounts,
}

impl Placement {
    /// Walks up from the old and the new parent. One GetItem, then a BatchGetItem per level: at
    /// most five.
    ///
    /// # Errors
    /// `invalid_request` if the new parent is no task of the project; `relation_cycle`,
    /// `depth_exceeded`, `limit_reached`.
    pub async fn read(
        planning: &Planning,
        tenant: &Tenant,
        task: &TaskSummary,
        from: Option<TaskId>,
        to: Option<TaskId>,
    ) -> Result<Placement> {
        let project = task.project_id;
        // First: what is read after it is at least as new as the version it is good for.
        let place = GraphVersion::place(tenant, project);
        let graph_version = GraphVersion::read(planning.store.get_raw(&place).await?.as_ref());
        let mut known: BTreeMap<TaskId, Ancestor> = BTreeMap::new();
        let mut own = SubtaskCounts::default();
        let mut frontier: Vec<TaskId> = from.into_iter().chain(to).collect();
        for level in 0..=MAX_DEPTH {
            frontier.sort_unstable();
            frontier.dedup();
            frontier.retain(|id| !known.contains_key(id));
            if frontier.is_empty() {
                break;
            }
            let own_key = (level == 0).then(|| SubtaskCounts::place(tenant, task.id));
            let keys: Vec<_> = frontier
                .iter()
                .flat_map(|id| [TaskHead::place(tenant, *id), SubtaskCounts::place(tenant, *id)])
                .chain(own_key.clone())
                .collect();
            let items = planning.store.get_many(&keys).await?;
            let counts_at = |partition: &str| {
                let at = |item: &&RawItem| {
                    item.partition_key() == partition && item.sort_key() == "SUBTASKS"
                };
                SubtaskCounts::read(items.iter().find(at))
            };
            if let Some(key) = own_key {
                own = counts_at(key.partition());
            }
            frontier.clear();
            for item in items.iter().filter(|item| item.is::<TaskHead>()) {
                let head: TaskHead = item.decode()?;
                frontier.extend(head.summary.parent_id);
                let counts = counts_at(item.partition_key());
                known.insert(head.summary.id, Ancestor { head, counts });
            }
        }
        let old_chain = chain(&known, from);
        let new_chain = chain(&known, to);
        if let Some(parent) = to {
            check_parent(known.get(&parent), task, &new_chain, &known)?;
        }
        let mut before = Forest::default();
        before.know(task.id, own.heights);
        for (id, ancestor) in &known {
            before.know(*id, ancestor.counts.heights);
        }
        let mut after = before.clone();
        let height = before.height(task.id);
        after.detach(&old_chain, height);
        if to.is_some() {
            after.attach(&new_chain, height)?;
        }
        Ok(Placement { project, graph_version, before, after })
    }

    /// Moves the graph's version, and adds the changed heights to the counts.
    pub fn write(&self, transaction: &mut Transaction, changes: &mut SubtaskChanges) {
        GraphVersion::bump(transaction, self.project, self.graph_version);
        for (task, after) in self.after.heights() {
            let before = self.before.heights().get(task).copied().unwrap_or_default();
            if *after != before {
                changes.heights(*task, after.since(&before));
            }
        }
    }
}

fn chain(known: &BTreeMap<TaskId, Ancestor>, from: Option<TaskId>) -> Vec<TaskId> {
    let mut chain = Vec::new();
    let mut next = from;
    while let Some(id) = next {
        let Some(ancestor) = known.get(&id).filter(|_| chain.len() <= MAX_DEPTH) else { break };
        chain.push(id);
        next = ancestor.head.summary.parent_id;
    }
    chain
}

fn check_parent(
    parent: Option<&Ancestor>,
    task: &TaskSummary,
    chain: &[TaskId],
    known: &BTreeMap<TaskId, Ancestor>,
) -> Result<()> {
    let fault =
        |code, detail: &str| -> Error { Faults::of(Fault::new("/parentId", code, detail)).into() };
    let Some(parent) = parent.filter(|parent| parent.head.summary.deleted_at.is_none()) else {
        return Err(fault(FaultCode::UnknownReference, "there is no such task"));
    };
    if parent.head.summary.project_id != task.project_id {
        return Err(fault(FaultCode::NotAllowed, "must be a task of the same project"));
    }
    if let Some(end) = chain.iter().position(|id| *id == task.id) {
        let mut cycle = vec![task.key.clone()];
        let above = chain.iter().take(end + 1).filter_map(|id| known.get(id));
        cycle.extend(above.map(|ancestor| ancestor.head.summary.key.clone()));
        let detail = "a task cannot be a part of its own part";
        return Err(Error::new(codes::RELATION_CYCLE, detail).with("cycle", cycle));
    }
    if parent.counts.live >= i64::try_from(MAX_SUBTASKS).unwrap_or(i64::MAX) {
        return Err(Error::limit_reached("subtasks of a task", MAX_SUBTASKS));
    }
    Ok(())
}
