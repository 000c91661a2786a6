//! The part of the model in which one task touches another: relations, parents, order, watchers.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::{
    model::{
        Entry, INVALID, INVALID_STATE, NOT_FOUND, Refused, TASK_HISTORY, Task, World, changes, id,
        task_data, version,
    },
    operation::{Actor, Fields},
};

/// A task has at most so many ancestors.
const MAX_DEPTH: usize = 5;

/// Other tasks that change with one, as they were.
#[derive(Default)]
struct Others(BTreeMap<String, Other>);

struct Other {
    index: usize,
    before: Fields,
    is_recorded: bool,
}

/// The lists at both ends of a relation that a path names.
fn lists(kind: &str) -> (&'static str, &'static str) {
    match kind {
        "blocks" => ("blocks", "blockedBy"),
        "blocked-by" => ("blockedBy", "blocks"),
        "relates-to" => ("relatesTo", "relatesTo"),
        other => panic!("{other}"),
    }
}

fn put(fields: &mut Fields, list: &str, id: &str) {
    fields["relations"][list].as_array_mut().unwrap().push(id.into());
}

fn take(fields: &mut Fields, list: &str, id: &str) {
    fields["relations"][list].as_array_mut().unwrap().retain(|other| other != id);
}

fn count(fields: &mut Fields, by: i64) {
    let count = fields["openBlockers"].as_i64().unwrap() + by;
    assert!(count >= 0);
    fields["openBlockers"] = count.into();
}

fn has(fields: &Fields, list: &str, id: &str) -> bool {
    fields["relations"][list].as_array().unwrap().contains(&json!(id))
}

impl World {
    fn touch<'a>(
        &'a mut self,
        others: &mut Others,
        index: usize,
        recorded: bool,
    ) -> &'a mut Fields {
        let task = &mut self.tasks[index];
        let before = || Other { index, before: task.fields.clone(), is_recorded: false };
        let other = others.0.entry(task.id()).or_insert_with(before);
        other.is_recorded |= recorded;
        &mut task.fields
    }

    /// What changed with the subject: by id, as it is said.
    fn settle(&mut self, others: Others, actor: Actor, operation: &'static str) {
        for other in others.0.into_values() {
            let before = other.before;
            if self.tasks[other.index].fields == before {
                continue;
            }
            let changed = changes(&TASK_HISTORY, &before, &self.tasks[other.index].fields);
            let mut after = self.tasks[other.index].fields.clone();
            match changed.is_empty() {
                // Only counted: nobody did it.
                true => after["version"] = (version(&before) + 1).into(),
                false => self.stamp(&mut after, actor),
            }
            if !changed.is_empty() && other.is_recorded {
                let actor = self.user(actor).to_owned();
                let entry = Entry { operation, actor, at: self.now, changes: changed, note: None };
                self.tasks[other.index].history.push(entry);
            }
            self.tasks[other.index].fields = after;
            self.say_unblocked(other.index, actor, &before);
        }
    }

    fn say_unblocked(&mut self, index: usize, actor: Actor, before: &Fields) {
        let fields = &self.tasks[index].fields;
        let is_free = before["openBlockers"] != 0 && fields["openBlockers"] == 0;
        if is_free && fields["deletedAt"].is_null() {
            let data = json!({
                "projectId": fields["projectId"], "taskId": fields["id"],
                "version": fields["version"], "key": fields["key"],
                "assigneeId": fields["assigneeId"],
            });
            self.say("planning.task.unblocked", id(fields), actor, data);
        }
    }

    /// Those that wait for a task, after it closed or opened.
    pub fn follow(&mut self, index: usize, actor: Actor, was_open: bool) {
        let mut others = Others::default();
        self.count_for(&mut others, index, was_open);
        self.settle(others, actor, "");
    }

    fn count_for(&mut self, others: &mut Others, index: usize, was_open: bool) {
        let is_open = self.tasks[index].is_open();
        if was_open != is_open {
            for waiting in self.tasks[index].related("blocks") {
                let waiting = self.find(&waiting);
                count(self.touch(others, waiting, false), if is_open { 1 } else { -1 });
            }
        }
    }

    pub fn relate(
        &mut self,
        from: usize,
        kind: &str,
        to: usize,
        actor: Actor,
    ) -> Result<(), Refused> {
        if from == to {
            return Err(INVALID);
        }
        self.visible(from)?;
        if self.tasks[to].is_deleted() {
            return Err(NOT_FOUND);
        }
        self.project_of(from).writable()?;
        self.project_of(to).writable()?;
        if kind == "duplicate-of" {
            return self.becomes_duplicate(from, to, actor);
        }
        let (here, there) = lists(kind);
        let (subject, other) = (self.tasks[from].id(), self.tasks[to].id());
        if has(&self.tasks[from].fields, here, &other) {
            return Ok(());
        }
        let (blocking, blocked) = if kind == "blocked-by" { (to, from) } else { (from, to) };
        if kind != "relates-to" && self.leads(blocked, blocking) {
            return Err((409, "relation_cycle"));
        }
        let (opens, is_open) = (self.tasks[from].is_open(), self.tasks[to].is_open());
        let mut after = self.tasks[from].fields.clone();
        put(&mut after, here, &other);
        let mut others = Others::default();
        let fields = self.touch(&mut others, to, true);
        put(fields, there, &subject);
        match kind {
            "blocks" if opens => count(fields, 1),
            "blocked-by" if is_open => count(&mut after, 1),
            _ => {}
        }
        self.task_becomes(from, actor, after, "task_relation_add", None);
        self.settle(others, actor, "task_relation_add");
        self.say_related("planning.task.relation_added", from, kind, to, actor);
        Ok(())
    }

    /// Whether one comes from a task to another along `blocks`, deleted ones included.
    fn leads(&self, from: usize, to: usize) -> bool {
        let mut seen = BTreeSet::new();
        let mut next = vec![from];
        while let Some(at) = next.pop() {
            if at == to {
                return true;
            }
            if seen.insert(at) {
                next.extend(self.tasks[at].related("blocks").iter().map(|id| self.find(id)));
            }
        }
        false
    }

    /// Of the root behind `to`.
    fn becomes_duplicate(&mut self, from: usize, to: usize, actor: Actor) -> Result<(), Refused> {
        let original =
            |task: &Task| task.fields["relations"]["duplicateOf"].as_str().map(str::to_owned);
        let subject = self.tasks[from].id();
        let root = original(&self.tasks[to]).map_or(to, |id| self.find(&id));
        let before = original(&self.tasks[from]).map(|id| self.find(&id));
        if root == from {
            return Err((409, "relation_cycle"));
        }
        if before == Some(root) {
            return Ok(());
        }
        if self.tasks[root].is_deleted() {
            return Err(NOT_FOUND);
        }
        self.project_of(root).writable()?;
        if let Some(before) = before.filter(|before| !self.project_of(*before).is_deleted()) {
            self.project_of(before).writable()?;
        }
        let root_id = self.tasks[root].id();
        let own = self.tasks[from].related("duplicates");
        let (was_open, state) = (self.tasks[from].is_open(), self.tasks[from].state().to_owned());
        let mut after = match was_open {
            true => self.entering(from, "cancelled"),
            false => self.tasks[from].fields.clone(),
        };
        after["relations"]["duplicates"] = json!([]);
        after["relations"]["duplicateOf"] = root_id.as_str().into();
        let mut others = Others::default();
        if let Some(before) = before {
            take(self.touch(&mut others, before, true), "duplicates", &subject);
        }
        for duplicate in [&subject].into_iter().chain(&own) {
            put(self.touch(&mut others, root, true), "duplicates", duplicate);
        }
        for duplicate in &own {
            let duplicate = self.find(duplicate);
            let fields = self.touch(&mut others, duplicate, false);
            fields["relations"]["duplicateOf"] = root_id.as_str().into();
            self.tasks[duplicate].followed = true;
        }
        self.task_becomes(from, actor, after, "task_relation_add", None);
        if was_open {
            self.say_moved(from, actor, &state, false);
        }
        self.count_for(&mut others, from, was_open);
        self.settle(others, actor, "task_relation_add");
        if let Some(before) = before {
            let kind = "planning.task.relation_removed";
            self.say_related(kind, from, "duplicate-of", before, actor);
        }
        self.say_related("planning.task.relation_added", from, "duplicate-of", root, actor);
        Ok(())
    }

    pub fn unrelate(
        &mut self,
        from: usize,
        kind: &str,
        to: usize,
        actor: Actor,
    ) -> Result<(), Refused> {
        const OPERATION: &str = "task_relation_remove";
        if from == to {
            return Err(INVALID);
        }
        self.visible(from)?;
        let (mut other, subject) = (self.tasks[to].id(), self.tasks[from].id());
        if kind == "duplicate-of"
            && let Some(original) = self.tasks[to].fields["relations"]["duplicateOf"].as_str()
        {
            other = original.to_owned();
        }
        let is_there = match kind {
            "duplicate-of" => self.tasks[from].fields["relations"]["duplicateOf"] == other.as_str(),
            kind => has(&self.tasks[from].fields, lists(kind).0, &other),
        };
        if !is_there {
            return Ok(());
        }
        let to = self.find(&other);
        self.project_of(from).writable()?;
        if !self.project_of(to).is_deleted() {
            self.project_of(to).writable()?;
        }
        let (opens, is_open) = (self.tasks[from].is_open(), self.tasks[to].is_open());
        let before = self.tasks[from].fields.clone();
        let mut after = before.clone();
        let mut others = Others::default();
        let fields = self.touch(&mut others, to, true);
        match kind {
            "duplicate-of" => {
                after["relations"]["duplicateOf"] = Value::Null;
                take(fields, "duplicates", &subject);
            }
            kind => {
                take(&mut after, lists(kind).0, &other);
                take(fields, lists(kind).1, &subject);
            }
        }
        match kind {
            "blocks" if opens => count(fields, -1),
            "blocked-by" if is_open => count(&mut after, -1),
            _ => {}
        }
        self.task_becomes(from, actor, after, OPERATION, None);
        self.say_unblocked(from, actor, &before);
        self.settle(others, actor, OPERATION);
        self.say_related("planning.task.relation_removed", from, kind, to, actor);
        Ok(())
    }

    fn say_related(
        &mut self,
        event: &'static str,
        from: usize,
        kind: &str,
        to: usize,
        actor: Actor,
    ) {
        let (from, to) = if kind == "blocked-by" { (to, from) } else { (from, to) };
        let kind = if kind == "blocked-by" { "blocks".to_owned() } else { kind.replace('-', "_") };
        let (fields, other) = (&self.tasks[from].fields, &self.tasks[to].fields);
        let data = json!({
            "projectId": fields["projectId"], "version": fields["version"], "type": kind,
            "fromId": fields["id"], "toId": other["id"],
        });
        self.say(event, id(fields), actor, data);
    }

    // Parents

    fn children(&self, parent: &str) -> impl Iterator<Item = &Task> {
        self.tasks.iter().filter(move |task| task.parent() == Some(parent))
    }

    pub fn has_open_subtask(&self, parent: &str) -> bool {
        self.children(parent).any(Task::is_open)
    }

    /// Deleted subtasks count: they can come back.
    fn height(&self, task: &str) -> usize {
        self.children(task).map(|child| self.height(&child.id()) + 1).max().unwrap_or(0)
    }

    pub fn may_be_below(&self, index: usize, parent: Option<&str>) -> Result<(), Refused> {
        let Some(parent) = parent else { return Ok(()) };
        let task = &self.tasks[index];
        let above = &self.tasks[self.find(parent)];
        if above.is_deleted() || above.project != task.project {
            return Err(INVALID);
        }
        let mut chain = vec![parent.to_owned()];
        while let Some(next) = self.tasks[self.find(chain.last().unwrap())].parent() {
            chain.push(next.to_owned());
        }
        if chain.contains(&task.id()) {
            return Err((409, "relation_cycle"));
        }
        if chain.len() + self.height(&task.id()) > MAX_DEPTH {
            return Err((409, "depth_exceeded"));
        }
        Ok(())
    }

    // Order

    /// The tasks of a task's column, in order.
    pub fn column(&self, project: usize, state: &str) -> Vec<&Task> {
        let mut column = self.listed(project);
        column.retain(|task| task.state() == state);
        column.sort_by_key(|task| (task.rank.clone(), task.id()));
        column
    }

    pub fn task_move(
        &mut self,
        index: usize,
        anchor: usize,
        before: bool,
        actor: Actor,
    ) -> Result<(), Refused> {
        self.visible(index)?;
        self.project_of(index).writable()?;
        let (task, neighbor) = (&self.tasks[index], &self.tasks[anchor]);
        if index == anchor || neighbor.is_deleted() {
            return Err(INVALID);
        }
        if neighbor.project != task.project || neighbor.state() != task.state() {
            return Err(INVALID_STATE);
        }
        if self.is_beside(index, anchor, before) {
            return Ok(());
        }
        let mut after = self.tasks[index].fields.clone();
        self.stamp(&mut after, actor);
        let task = &mut self.tasks[index];
        task.fields = after;
        task.is_ranked_anew = true;
        task.entered = self.now;
        let data = task_data(&self.tasks[index], &[]);
        self.say("planning.task.updated", self.tasks[index].id(), actor, data);
        Ok(())
    }

    pub fn is_beside(&self, index: usize, anchor: usize, before: bool) -> bool {
        let task = &self.tasks[index];
        let column = self.column(task.project, task.state());
        let place = |id: String| column.iter().position(|task| task.id() == id);
        let (here, there) = (place(task.id()), place(self.tasks[anchor].id()));
        let (Some(here), Some(there)) = (here, there) else { return false };
        if before { here + 1 == there } else { there + 1 == here }
    }

    /// The rank that was answered: another one only after what gives one, and then behind all that
    /// came earlier, unless it was moved.
    pub fn take_rank(&mut self, index: usize, rank: &str, was_moved: bool) {
        let now = self.now;
        let task = &mut self.tasks[index];
        if !std::mem::take(&mut task.is_ranked_anew) {
            assert_eq!(task.rank, rank);
            return;
        }
        task.rank = rank.to_owned();
        if was_moved {
            return;
        }
        let task = &self.tasks[index];
        for other in self.column(task.project, task.state()) {
            assert!(other.entered >= now || other.rank < task.rank, "{}", other.id());
        }
    }

    // Watchers

    /// Users watch what they work on; agents do not.
    pub fn involve(&mut self, index: usize, who: &str) {
        if who.starts_with("usr_") {
            self.tasks[index].watchers.insert(who.to_owned());
        }
    }

    pub fn watch(&mut self, index: usize, who: &str, watches: bool) -> Result<(), Refused> {
        self.visible(index)?;
        self.project_of(index).writable()?;
        match watches {
            true => self.tasks[index].watchers.insert(who.to_owned()),
            false => self.tasks[index].watchers.remove(who),
        };
        Ok(())
    }
}
