//! How many subtasks a task has, how many of them are open, and how high they are nested: one item
//! beside the task, changed by ADD alone.

use std::collections::BTreeMap;

use millwright_core::{Error, TaskId, Tenant};
use millwright_store::{Condition, Key, RawItem, Transaction, Update};

use super::task_partition;
use crate::{
    codes,
    domain::{Heights, MAX_SUBTASKS, Task},
};

/// What is counted of the subtasks of one task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SubtaskCounts {
    /// Not deleted.
    pub live: i64,
    /// Neither deleted nor done nor cancelled.
    pub open: i64,
    pub heights: Heights,
    /// The task itself is deleted: nothing is put below it.
    pub parent_deleted: bool,
}

fn height_attribute(height: usize) -> String {
    format!("height{height}")
}

impl SubtaskCounts {
    pub fn place(tenant: &Tenant, parent: TaskId) -> Key {
        task_partition(tenant, parent).at("SUBTASKS")
    }

    /// What is stored; nothing counts as zero.
    pub fn read(item: Option<&RawItem>) -> SubtaskCounts {
        let Some(item) = item else { return SubtaskCounts::default() };
        let number = |name: &str| item.signed_number(name).unwrap_or_default();
        let mut heights = Heights::default();
        for (height, count) in heights.0.iter_mut().enumerate() {
            *count = number(&height_attribute(height));
        }
        SubtaskCounts {
            live: number("live"),
            open: number("open"),
            heights,
            parent_deleted: item.flag("parentDeleted").unwrap_or_default(),
        }
    }
}

/// Changes of counts of several tasks, one item each.
#[derive(Clone, Debug, Default)]
pub struct SubtaskChanges(BTreeMap<TaskId, Change>);

#[derive(Clone, Debug, Default)]
struct Change {
    live: i64,
    open: i64,
    heights: Heights,
    /// A subtask comes that was not below it before.
    arrival: bool,
}

impl SubtaskChanges {
    /// What a change of a task means for its old and new parent.
    pub fn of(before: Option<&Task>, after: &Task) -> SubtaskChanges {
        let mut changes = SubtaskChanges::default();
        let was = before.map(|task| &task.summary).filter(|task| task.parent_id.is_some());
        let is = Some(&after.summary).filter(|task| task.parent_id.is_some());
        for (task, sign) in [(was, -1), (is, 1)] {
            let Some((task, parent)) = task.and_then(|task| Some((task, task.parent_id?))) else {
                continue;
            };
            let change = changes.0.entry(parent).or_default();
            change.live += sign * i64::from(task.deleted_at.is_none());
            change.open += sign * i64::from(task.is_open());
        }
        let old_parent = was.and_then(|task| task.parent_id);
        if let Some(parent) = is.and_then(|task| task.parent_id)
            && Some(parent) != old_parent
        {
            changes.0.entry(parent).or_default().arrival = true;
        }
        changes
    }

    pub fn heights(&mut self, task: TaskId, change: Heights) {
        self.0.entry(task).or_default().heights = change;
    }

    /// One item per task whose counts change.
    pub fn write(&self, transaction: &mut Transaction) {
        for (task, change) in &self.0 {
            change.write(transaction, *task);
        }
    }
}

impl Change {
    fn write(&self, transaction: &mut Transaction, task: TaskId) {
        let counts = [("live".to_owned(), self.live), ("open".to_owned(), self.open)];
        let heights = self.heights.0.iter().enumerate();
        let heights = heights.map(|(height, change)| (height_attribute(height), *change));
        let changes: Vec<(String, i64)> =
            counts.into_iter().chain(heights).filter(|(_, change)| *change != 0).collect();
        if changes.is_empty() {
            return;
        }
        let mut condition = Condition::default();
        if self.live > 0 {
            condition = condition.less_than("live", MAX_SUBTASKS).or_attribute_absent("live");
        }
        if self.arrival {
            condition = condition.attribute_absent("parentDeleted");
        }
        let mut update = Update::when(condition);
        for (name, change) in changes {
            update = update.add(&name, change);
        }
        let key = SubtaskCounts::place(transaction.tenant(), task);
        let step = transaction.update(&key, &update);
        // Whoever brings a subtask has read the counts before: they have changed since.
        let refused = match self.arrival {
            true => Error::lost_race(),
            false => Error::limit_reached("subtasks of a task", MAX_SUBTASKS),
        };
        transaction.refused_as(step, refused);
    }
}

fn none_open() -> Condition {
    Condition::default().equals("open", 0).or_attribute_absent("open")
}

fn open_subtasks(detail: &'static str) -> Error {
    Error::new(codes::OPEN_SUBTASKS, detail)
}

/// The task has no open subtask.
pub fn require_no_open_subtask(transaction: &mut Transaction, task: TaskId) {
    let key = SubtaskCounts::place(transaction.tenant(), task);
    let step = transaction.check(&key, none_open());
    let detail = "finish or cancel its subtasks first; force overrides";
    transaction.refused_as(step, open_subtasks(detail));
}

/// Nothing is put below the task from now on; it has no open subtask.
pub fn close_to_subtasks(transaction: &mut Transaction, task: TaskId) {
    let key = SubtaskCounts::place(transaction.tenant(), task);
    let step = transaction.update(&key, &Update::when(none_open()).set("parentDeleted", true));
    transaction.refused_as(step, open_subtasks("finish, cancel or delete its subtasks first"));
}

pub fn open_to_subtasks(transaction: &mut Transaction, task: TaskId) {
    let key = SubtaskCounts::place(transaction.tenant(), task);
    transaction.update(&key, &Update::new().remove("parentDeleted"));
}
