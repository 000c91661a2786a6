//! What one change of a task writes: its items, what hangs on them, history and events.

use millwright_core::{Result, Tenant, Timestamp, UserId};
use millwright_event::Effects;

use super::{neighbors::Neighbors, placement::Placement};
use crate::{
    app::Planning,
    domain::{Assignee, Force, Stamp, Task, TaskState},
    events::{
        TaskAssigned, TaskAssignmentChanged, TaskCreated, TaskData, TaskDeleted, TaskReady,
        TaskRestored, TaskStateChanged, TaskTransitioned, TaskUnblocked, TaskUpdated,
    },
    store::{
        DuePurge, FieldChange, HistoryItem, Purged, Subject, SubtaskChanges, TaskHead,
        TaskKeyMarker, Watchers, close_to_subtasks, open_to_subtasks, relink,
        require_no_open_subtask,
    },
};

/// One change of one task, decided and stamped.
#[derive(Clone, Debug)]
pub struct TaskChange<'a> {
    /// None for a creation.
    pub before: Option<&'a Task>,
    pub after: &'a Task,
    pub operation: &'a str,
    /// What the history notes beside the changes.
    pub note: Option<String>,
    pub force: Force,
    /// When it is part of an import: then events say so, and nobody follows the task for it. The
    /// task's own times are those of the file.
    pub imported_at: Option<Timestamp>,
}

/// What else a change touches, as it was read for it.
#[derive(Debug, Default)]
pub struct Surroundings {
    pub neighbors: Neighbors,
    placement: Option<Placement>,
    watchers: Vec<UserId>,
}

impl Surroundings {
    /// Reads what the change touches; nothing for most. One BatchGetItem if tasks wait for it and
    /// it opens or closes; one GetItem if it is assigned to a user; see [`Placement::read`] for a
    /// new parent.
    pub async fn read(
        planning: &Planning,
        tenant: &Tenant,
        before: Option<&Task>,
        after: &Task,
    ) -> Result<Surroundings> {
        let mut around = Surroundings::default();
        let (was, is) = (before.map(|task| &task.summary), &after.summary);
        if was.is_some_and(|was| was.is_open() != is.is_open()) {
            around.neighbors = Neighbors::heads(planning, tenant, after.blocked_tasks()).await?;
        }
        let from = was.and_then(|was| was.parent_id);
        if from != is.parent_id {
            let placement = Placement::read(planning, tenant, is, from, is.parent_id).await?;
            around.placement = Some(placement);
        }
        if was.is_some_and(|was| was.assignee_id != is.assignee_id)
            && matches!(is.assignee_id, Some(Assignee::User(_)))
        {
            let place = Watchers::place(tenant, Subject::Task(is.id));
            around.watchers = Watchers::read(planning.store.get_raw(&place).await?.as_ref());
        }
        Ok(around)
    }
}

impl TaskChange<'_> {
    /// Adds everything the change means.
    ///
    /// # Errors
    /// `internal` if something is no JSON.
    pub fn write(&self, effects: &mut Effects, around: Surroundings) -> Result<()> {
        let (before, after) = (self.before, self.after);
        self.write_items(effects);
        self.write_subtasks(effects, around.placement.as_ref());
        let changes = FieldChange::between(before, after)?;
        self.announce(effects, &changes)?;
        if !changes.is_empty() {
            effects.create(&self.history(changes));
        }
        let stamp = Stamp { at: self.recorded_at(), by: after.summary.updated_by.clone() };
        let mut neighbors = around.neighbors;
        if let Some(before) = before
            && before.summary.is_open() != after.summary.is_open()
        {
            for waiting in after.blocked_tasks() {
                neighbors.count_blocker(waiting, after.summary.is_open());
            }
        }
        neighbors.write(effects, &stamp, self.operation, self.is_imported())?;
        self.involve(effects, &around.watchers);
        Ok(())
    }

    fn is_imported(&self) -> bool {
        self.imported_at.is_some()
    }

    /// What the history says of the time.
    fn recorded_at(&self) -> Timestamp {
        self.imported_at.unwrap_or(self.after.summary.updated_at)
    }

    fn write_items(&self, effects: &mut Effects) {
        let (before, after) = (self.before, self.after);
        let head = TaskHead::of(after);
        match before {
            None => {
                effects.create(&head);
                effects.create(&after.body());
                effects.create(&TaskKeyMarker::of(after));
            }
            Some(before) => {
                head.replace(effects, before.summary.version);
                if after.parts.body_version != before.parts.body_version {
                    effects.put(&after.body());
                }
                if after.parts.relations_version != before.parts.relations_version {
                    effects.put(&after.relations_item());
                }
            }
        }
        relink(effects, before, after);
    }

    fn write_subtasks(&self, effects: &mut Effects, placement: Option<&Placement>) {
        let mut counts = SubtaskChanges::of(self.before, self.after);
        if let Some(placement) = placement {
            placement.write(effects, &mut counts);
        }
        counts.write(effects);
        let Some(before) = self.before else { return };
        let (was, is) = (&before.summary, &self.after.summary);
        let tenant = *effects.tenant();
        match (was.deleted_at, is.deleted_at) {
            (None, Some(deleted_at)) => {
                close_to_subtasks(effects, is.id);
                effects.put(&DuePurge::of(&tenant, Purged::Task(is.id), deleted_at));
            }
            (Some(deleted_at), None) => {
                open_to_subtasks(effects, is.id);
                effects.remove(&DuePurge::of(&tenant, Purged::Task(is.id), deleted_at));
            }
            _ if was.state != is.state
                && is.state == TaskState::Done
                && self.force == Force::No
                && !self.is_imported() =>
            {
                require_no_open_subtask(effects, is.id);
            }
            _ => {}
        }
    }

    fn announce(&self, effects: &mut Effects, changes: &[FieldChange]) -> Result<()> {
        let after = self.after;
        let data = || TaskData::of(after, changes, self.is_imported());
        let Some(before) = self.before else {
            return effects.emit(&TaskCreated(TaskData::of(after, &[], self.is_imported())));
        };
        let (was, is) = (&before.summary, &after.summary);
        let only_relations = changes.iter().all(|change| change.field.starts_with("relations."));
        match (was.deleted_at, is.deleted_at) {
            (None, Some(_)) => effects.emit(&TaskDeleted(data()))?,
            (Some(_), None) => effects.emit(&TaskRestored(data()))?,
            _ if was.state != is.state => {
                let forced = self.force == Force::Yes;
                let moved = TaskTransitioned::between(before, after, forced, self.is_imported());
                effects.emit(&TaskStateChanged(moved))?;
                // A row may bring all at once.
                if was.kind != is.kind {
                    effects.emit(&TaskUpdated(data()))?;
                }
            }
            _ if was.rank != is.rank || !only_relations => effects.emit(&TaskUpdated(data()))?,
            _ => {}
        }
        if was.assignee_id != is.assignee_id {
            effects.emit(&TaskAssignmentChanged(TaskAssigned::between(was, is)))?;
        }
        if was.open_blockers > 0 && is.open_blockers == 0 {
            effects.emit(&TaskUnblocked(TaskReady::of(is)))?;
        }
        Ok(())
    }

    fn history(&self, changes: Vec<FieldChange>) -> HistoryItem {
        let summary = &self.after.summary;
        HistoryItem::new(
            Subject::Task(summary.id),
            summary.version,
            self.recorded_at(),
            &summary.updated_by,
            self.operation,
            changes,
            self.note.clone(),
        )
    }

    /// Creator and assignee follow a task; nobody does because of an import.
    fn involve(&self, effects: &mut Effects, current: &[UserId]) {
        if self.is_imported() {
            return;
        }
        let summary = &self.after.summary;
        let subject = Subject::Task(summary.id);
        let assignee = summary.assignee_id.and_then(Assignee::user);
        match self.before {
            None => {
                let mut users: Vec<UserId> = summary.created_by.parse().ok().into_iter().collect();
                users.extend(assignee.filter(|assignee| !users.contains(assignee)));
                Watchers::begin(effects, subject, &users);
            }
            Some(before) if before.summary.assignee_id != summary.assignee_id => {
                if let Some(assignee) = assignee {
                    Watchers::involve(effects, subject, assignee, current);
                }
            }
            Some(_) => {}
        }
    }
}
