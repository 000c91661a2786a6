//! From a row of a file to a task: pure.

use millwright_core::{ProjectId, TaskId};

use crate::{
    domain::{Assignee, ItemKey, NewTask, Rank, Source, Stamp, Task, TaskSummary},
    transfer::{ImportRow, Person},
};

/// Into which project, from where, when and by whom.
#[derive(Clone, Debug)]
pub struct Importing {
    pub project: ProjectId,
    /// Of rows that name none of their own.
    pub source: Source,
    pub stamp: Stamp,
}

impl Importing {
    pub fn source_of(&self, row: &ImportRow) -> Source {
        row.source.clone().unwrap_or_else(|| self.source.clone())
    }
}

/// The person, if it is somebody here.
fn known(person: Option<&Person>) -> Option<Assignee> {
    match person {
        Some(Person::Known(assignee)) => Some(*assignee),
        _ => None,
    }
}

/// What the first history entry says of people who are nobody here.
pub fn unknown_people(row: &ImportRow) -> Option<String> {
    let named = |role: &str, person: Option<&Person>| match person {
        Some(Person::Named(name)) => Some(format!("{role}: {name}")),
        _ => None,
    };
    let people = [named("assignee", row.assignee.as_ref()), named("author", row.author.as_ref())];
    let people: Vec<String> = people.into_iter().flatten().collect();
    (!people.is_empty()).then(|| people.join("; "))
}

/// The task a row becomes. Guards of states do not apply, and original times are kept.
pub fn imported(row: &ImportRow, importing: &Importing, id: TaskId, key: &ItemKey) -> Task {
    let new = NewTask {
        project_id: importing.project,
        title: row.title.clone(),
        description: row.description.clone(),
        kind: row.kind,
        state: row.state,
        priority: row.priority,
        assignee_id: known(row.assignee.as_ref()),
        reporter_id: known(row.author.as_ref()).and_then(Assignee::user),
        labels: row.labels.clone(),
        start_date: row.start_date,
        due_date: row.due_date,
        estimate_seconds: row.estimate_seconds,
        points: row.points,
        acceptance_criteria: row.acceptance_criteria.clone(),
        parent_id: None,
        external_id: Some(row.external_id.clone()),
        source: Some(importing.source_of(row)),
        external_key: row.external_key.clone(),
        external_url: row.external_url.clone(),
    };
    let mut task = Task::create(new, id, key, &importing.stamp);
    let summary = &mut task.summary;
    summary.created_at = row.created_at.or(row.updated_at).unwrap_or(importing.stamp.at);
    summary.updated_at = row.updated_at.unwrap_or(summary.created_at).max(summary.created_at);
    summary.started_at = row.started_at;
    summary.completed_at = row.completed_at;
    summary.imported_at = Some(importing.stamp.at);
    summary.source_updated_at = row.updated_at;
    summary.rank =
        row.rank.clone().unwrap_or_else(|| Rank::last_at(summary.created_at, summary.number));
    task.blocked_reason = row.blocked_reason.clone();
    task
}

/// Whether the row tells news of a task that an earlier import brought.
pub fn is_newer(row: &ImportRow, task: &TaskSummary) -> bool {
    match (row.updated_at, task.source_updated_at) {
        (Some(row), Some(known)) => row > known,
        (Some(_), None) => true,
        (None, _) => false,
    }
}

/// The task with the fields of the row; relations and parent are not among them.
pub fn overwritten(task: &Task, row: &ImportRow, importing: &Importing) -> Task {
    let mut next = task.clone();
    let summary = &mut next.summary;
    summary.title = row.title.clone();
    summary.kind = row.kind;
    summary.priority = row.priority;
    summary.assignee_id = known(row.assignee.as_ref());
    summary.labels = row.labels.clone();
    summary.start_date = row.start_date;
    summary.due_date = row.due_date;
    summary.estimate_seconds = row.estimate_seconds;
    summary.points = row.points;
    summary.external_key = row.external_key.clone();
    if summary.state != row.state {
        summary.state = row.state;
        summary.state_category = row.state.category();
        summary.rank = Rank::last_at(importing.stamp.at, summary.number);
    }
    summary.started_at = row.started_at.or(summary.started_at);
    summary.completed_at = row.completed_at;
    summary.imported_at = Some(importing.stamp.at);
    summary.source_updated_at = row.updated_at;
    next.description = row.description.clone();
    next.acceptance_criteria = row.acceptance_criteria.clone();
    next.blocked_reason = row.blocked_reason.clone();
    next.external_url = row.external_url.clone();
    let at = row.updated_at.unwrap_or(importing.stamp.at);
    next.stamped(task, &Stamp { at, by: importing.stamp.by.clone() })
}
