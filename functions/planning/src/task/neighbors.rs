//! Other tasks that a change of one task touches: those it blocks, and those whose relations change
//! with its own.

use std::collections::BTreeMap;

use millwright_core::{Error, Result, TaskId, Tenant};
use millwright_event::Effects;
use serde::Serialize;

use crate::{
    app::Planning,
    domain::{Relations, Stamp},
    events::{TaskReady, TaskUnblocked},
    store::{FieldChange, HistoryItem, Subject, TaskHead, TaskRelations},
};

/// Tasks as they were read, and as they will be.
#[derive(Debug, Default)]
pub struct Neighbors(BTreeMap<TaskId, Neighbor>);

#[derive(Debug)]
struct Neighbor {
    before: TaskHead,
    after: TaskHead,
    relations_before: Relations,
    relations: Relations,
    /// Somebody changed its relations, they did not just follow another change.
    recorded: bool,
}

/// The part of a task that is compared for the history of its relations.
#[derive(Serialize)]
struct RelationFields<'a> {
    relations: &'a Relations,
}

impl Neighbors {
    /// Heads alone. One BatchGetItem per 100 tasks.
    pub async fn heads(
        planning: &Planning,
        tenant: &Tenant,
        ids: impl IntoIterator<Item = TaskId>,
    ) -> Result<Neighbors> {
        let keys: Vec<_> = ids.into_iter().map(|id| TaskHead::place(tenant, id)).collect();
        let mut neighbors = Neighbors::default();
        for item in planning.store.get_many(&keys).await? {
            neighbors.add(item.decode()?, Relations::default());
        }
        Ok(neighbors)
    }

    /// Heads and relations. One BatchGetItem per 50 tasks.
    ///
    /// # Errors
    /// `contention` if one was read between two halves of a write.
    pub async fn whole(
        planning: &Planning,
        tenant: &Tenant,
        ids: impl IntoIterator<Item = TaskId>,
    ) -> Result<Neighbors> {
        let keys: Vec<_> = ids
            .into_iter()
            .flat_map(|id| [TaskHead::place(tenant, id), TaskRelations::place(tenant, id)])
            .collect();
        let items = planning.store.get_many(&keys).await?;
        let mut relations: BTreeMap<TaskId, TaskRelations> = BTreeMap::new();
        for item in items.iter().filter(|item| item.is::<TaskRelations>()) {
            let item: TaskRelations = item.decode()?;
            relations.insert(item.task_id, item);
        }
        let mut neighbors = Neighbors::default();
        for item in items.iter().filter(|item| item.is::<TaskHead>()) {
            let head: TaskHead = item.decode()?;
            let part = relations.remove(&head.summary.id);
            if part.as_ref().map_or(0, |part| part.relations_version) != head.relations_version {
                return Err(Error::lost_race());
            }
            let edges = part.map(|part| part.edges).unwrap_or_default();
            neighbors.add(head, Relations::new(edges));
        }
        Ok(neighbors)
    }

    fn add(&mut self, head: TaskHead, relations: Relations) {
        let neighbor = Neighbor {
            before: head.clone(),
            after: head,
            relations_before: relations.clone(),
            relations,
            recorded: false,
        };
        self.0.insert(neighbor.before.summary.id, neighbor);
    }

    /// Takes the tasks of `other` that it does not have.
    pub fn extend(&mut self, other: Neighbors) {
        for (id, neighbor) in other.0 {
            self.0.entry(id).or_insert(neighbor);
        }
    }

    pub fn has(&self, id: TaskId) -> bool {
        self.0.contains_key(&id)
    }

    pub fn head(&self, id: TaskId) -> Option<&TaskHead> {
        self.0.get(&id).map(|neighbor| &neighbor.after)
    }

    pub fn relations(&self, id: TaskId) -> Option<&Relations> {
        self.0.get(&id).map(|neighbor| &neighbor.relations)
    }

    /// Somebody changes the relations of a task.
    pub fn relate(
        &mut self,
        id: TaskId,
        change: impl FnOnce(&mut Relations) -> Result<()>,
    ) -> Result<()> {
        let Some(neighbor) = self.0.get_mut(&id) else { return Ok(()) };
        neighbor.recorded = true;
        change(&mut neighbor.relations)
    }

    /// The relations of a task follow those of another; no history.
    pub fn follow(
        &mut self,
        id: TaskId,
        change: impl FnOnce(&mut Relations) -> Result<()>,
    ) -> Result<()> {
        let Some(neighbor) = self.0.get_mut(&id) else { return Ok(()) };
        change(&mut neighbor.relations)
    }

    /// One open blocker more or less.
    pub fn count_blocker(&mut self, id: TaskId, opened: bool) {
        if let Some(neighbor) = self.0.get_mut(&id) {
            let count = &mut neighbor.after.summary.open_blockers;
            *count = if opened { count.saturating_add(1) } else { count.saturating_sub(1) };
        }
    }

    /// Writes what changed: at most a head, the relations and a history entry for each task. An
    /// import keeps the times the tasks have.
    ///
    /// # Errors
    /// `internal` if something is no JSON. A head that has changed meanwhile is a lost race.
    pub fn write(
        self,
        effects: &mut Effects,
        stamp: &Stamp,
        operation: &str,
        keep_times: bool,
    ) -> Result<()> {
        let mut neighbors = self.0.into_values();
        neighbors.try_for_each(|neighbor| neighbor.write(effects, stamp, operation, keep_times))
    }
}

impl Neighbor {
    fn write(
        mut self,
        effects: &mut Effects,
        stamp: &Stamp,
        operation: &str,
        keep_times: bool,
    ) -> Result<()> {
        let related = self.relations != self.relations_before;
        if !related && self.after == self.before {
            return Ok(());
        }
        let version = self.before.version + 1;
        self.after.version = version;
        self.after.summary.version = version;
        if related {
            self.after.relations_version = version;
            if !keep_times {
                self.after.summary.updated_at = stamp.at.max(self.before.summary.updated_at);
                self.after.summary.updated_by = stamp.by.clone();
            }
            effects.put(&TaskRelations {
                task_id: self.after.summary.id,
                relations_version: version,
                edges: self.relations.edges().to_vec(),
            });
        }
        self.after.replace(effects, self.before.version);
        let summary = &self.after.summary;
        if related && self.recorded {
            let before = RelationFields { relations: &self.relations_before };
            let after = RelationFields { relations: &self.relations };
            let changes = FieldChange::between(Some(&before), &after)?;
            let subject = Subject::Task(summary.id);
            let entry = HistoryItem::new(
                subject,
                version,
                if keep_times { stamp.at } else { summary.updated_at },
                &stamp.by,
                operation,
                changes,
                None,
            );
            effects.create(&entry);
        }
        let was = self.before.summary.open_blockers;
        if was > 0 && summary.open_blockers == 0 && summary.deleted_at.is_none() {
            effects.emit(&TaskUnblocked(TaskReady::of(summary)))?;
        }
        Ok(())
    }
}
