//! The model: plain maps and the rules of the specification, written a second time.

mod comments;
mod projects;
mod tasks;

use std::{collections::BTreeSet, time::Duration};

use millwright_core::Timestamp;
use serde_json::{Map, Value, json};

use crate::operation::{Actor, Fields, IfMatch, TITLES};

/// Status and code of a refusal.
pub type Refused = (u16, &'static str);

pub const NOT_FOUND: Refused = (404, "not_found");
const FORBIDDEN: Refused = (403, "forbidden");
const STALE: Refused = (412, "version_stale");
const ARCHIVED: Refused = (409, "project_archived");
pub const INVALID: Refused = (400, "invalid_request");
pub const INVALID_STATE: Refused = (409, "invalid_state");

/// How long a deleted task can be restored.
const RESTORABLE: Duration = Duration::from_secs(30 * 24 * 3600);

/// Values over this many characters are cut in histories.
const LONGEST: usize = 1_000;

/// Everything that was committed.
pub struct World {
    pub now: Timestamp,
    pub owner: String,
    pub member: String,
    pub projects: Vec<Project>,
    pub tasks: Vec<Task>,
    pub said: Vec<Said>,
    /// Caller, operation and minute of denials.
    pub denied: BTreeSet<(String, &'static str, String)>,
}

pub struct Project {
    /// As it is read.
    pub fields: Fields,
    pub last_number: u64,
    pub history: Vec<Entry>,
}

pub struct Task {
    pub project: usize,
    /// As it is read, but for the rank.
    pub fields: Fields,
    /// When it came to its place in its column.
    pub entered: Timestamp,
    /// Where that is: opaque, as it was answered.
    pub rank: String,
    /// Its last change gave it another rank.
    pub is_ranked_anew: bool,
    pub watchers: BTreeSet<String>,
    /// Its original changed with that of another: without an entry in its history.
    pub followed: bool,
    pub comments: Vec<Comment>,
    pub history: Vec<Entry>,
}

pub struct Comment {
    pub fields: Fields,
    pub is_gone: bool,
}

/// An entry of a history.
pub struct Entry {
    pub operation: &'static str,
    pub actor: String,
    pub at: Timestamp,
    pub changes: Vec<Changed>,
    pub note: Option<String>,
}

#[derive(Clone)]
pub struct Changed {
    pub field: String,
    pub from: Value,
    pub to: Value,
}

/// An event.
pub struct Said {
    pub kind: &'static str,
    pub subject: String,
    pub actor: String,
    pub data: Value,
}

/// Fields that histories record.
pub const TASK_HISTORY: [&str; 19] = [
    "acceptanceCriteria",
    "assigneeId",
    "blockedReason",
    "deletedAt",
    "description",
    "dueDate",
    "estimateSeconds",
    "externalId",
    "labels",
    "parentId",
    "points",
    "priority",
    "relations",
    "reporterId",
    "source",
    "startDate",
    "state",
    "title",
    "type",
];
const PROJECT_HISTORY: [&str; 8] =
    ["deletedAt", "description", "leadId", "name", "settings", "status", "teamId", "visibility"];

/// The lists of relations, each recorded for itself.
const RELATIONS: [&str; 5] = ["blockedBy", "blocks", "duplicateOf", "duplicates", "relatesTo"];

/// Fields whose values are in no event.
const TEXTS: [&str; 6] =
    ["title", "name", "description", "blockedReason", "acceptanceCriteria", "labels"];

pub fn changes(recorded: &[&str], before: &Fields, after: &Fields) -> Vec<Changed> {
    let mut changes = Vec::new();
    for field in recorded {
        let (from, to) = (before[*field].clone(), after[*field].clone());
        if from == to {
            continue;
        }
        match (*field, from, to) {
            ("settings", from, to) => changes.push(Changed {
                field: "settings.requireReview".into(),
                from: from["requireReview"].clone(),
                to: to["requireReview"].clone(),
            }),
            ("relations", from, to) => {
                for list in RELATIONS.into_iter().filter(|list| from[list] != to[list]) {
                    let (from, to) = (from[list].clone(), to[list].clone());
                    changes.push(Changed { field: format!("relations.{list}"), from, to });
                }
            }
            (field, from, to) => changes.push(Changed { field: field.into(), from, to }),
        }
    }
    changes
}

impl Changed {
    /// As a history shows it.
    pub fn recorded(&self) -> Value {
        let cut = |value: &Value| match value {
            Value::String(text) if text.chars().count() > LONGEST => {
                (Value::String(text.chars().take(LONGEST).collect()), true)
            }
            value => (value.clone(), false),
        };
        let ((from, from_cut), (to, to_cut)) = (cut(&self.from), cut(&self.to));
        let mut change = json!({ "field": self.field, "from": from, "to": to });
        if from_cut || to_cut {
            change["truncated"] = true.into();
        }
        change
    }

    /// As an event shows it.
    fn announced(&self) -> Value {
        match TEXTS.contains(&self.field.as_str()) {
            true => json!({ "field": self.field }),
            false => json!({ "field": self.field, "from": self.from, "to": self.to }),
        }
    }
}

fn announced(changes: &[Changed]) -> Value {
    changes.iter().map(Changed::announced).collect()
}

pub fn id(fields: &Fields) -> String {
    fields["id"].as_str().unwrap().to_owned()
}

pub fn version(fields: &Fields) -> u64 {
    fields["version"].as_u64().unwrap()
}

/// What `If-Match` lets through.
fn check(if_match: IfMatch) -> Result<(), Refused> {
    if if_match == IfMatch::Stale { Err(STALE) } else { Ok(()) }
}

/// What a state means.
pub fn category(state: &str) -> &str {
    if state == "blocked" { "in_progress" } else { state }
}

/// Section 4.3.
fn ways(from: &str) -> &'static [&'static str] {
    match from {
        "backlog" => &["to_do", "cancelled"],
        "to_do" => &["backlog", "in_progress", "cancelled"],
        "in_progress" => &["to_do", "blocked", "review", "done", "cancelled"],
        "blocked" => &["to_do", "in_progress", "cancelled"],
        "review" => &["in_progress", "done", "cancelled"],
        "done" => &["to_do", "in_progress"],
        "cancelled" => &["backlog", "to_do"],
        other => panic!("{other}"),
    }
}

/// A field as it is kept.
fn kept(field: &str, sent: &Value) -> Value {
    match (field, sent) {
        ("title", sent) => {
            let title = TITLES.iter().find(|(title, _)| sent == title).unwrap();
            title.1.into()
        }
        ("description", Value::Null) => "".into(),
        ("labels" | "acceptanceCriteria", Value::Null) => json!([]),
        ("labels", Value::Array(labels)) => {
            labels.iter().map(|label| label.as_str().unwrap().to_lowercase()).collect()
        }
        ("acceptanceCriteria", Value::Array(criteria)) => {
            let kept = |criterion: &Value| {
                let met = criterion["met"].as_bool().unwrap_or(false);
                json!({ "text": criterion["text"], "met": met })
            };
            criteria.iter().map(kept).collect()
        }
        (_, sent) => sent.clone(),
    }
}

fn ends_before_it_starts(fields: &Fields) -> bool {
    match (fields["startDate"].as_str(), fields["dueDate"].as_str()) {
        (Some(start), Some(due)) => due < start,
        _ => false,
    }
}

impl Task {
    pub fn id(&self) -> String {
        id(&self.fields)
    }

    pub fn version(&self) -> u64 {
        version(&self.fields)
    }

    pub fn is_deleted(&self) -> bool {
        !self.fields["deletedAt"].is_null()
    }

    pub fn state(&self) -> &str {
        self.fields["state"].as_str().unwrap()
    }

    /// Others wait for it.
    pub fn is_open(&self) -> bool {
        !self.is_deleted() && !["done", "cancelled"].contains(&self.state())
    }

    pub fn parent(&self) -> Option<&str> {
        self.fields["parentId"].as_str()
    }

    pub fn open_blockers(&self) -> u64 {
        self.fields["openBlockers"].as_u64().unwrap()
    }

    /// The ids in one of its relations.
    pub fn related(&self, list: &str) -> Vec<String> {
        let ids = self.fields["relations"][list].as_array().unwrap();
        ids.iter().map(|id| id.as_str().unwrap().to_owned()).collect()
    }
}

impl Comment {
    pub fn id(&self) -> String {
        id(&self.fields)
    }

    pub fn version(&self) -> u64 {
        version(&self.fields)
    }
}

impl Project {
    pub fn id(&self) -> String {
        id(&self.fields)
    }

    pub fn version(&self) -> u64 {
        version(&self.fields)
    }

    pub fn is_deleted(&self) -> bool {
        !self.fields["deletedAt"].is_null()
    }

    pub fn writable(&self) -> Result<(), Refused> {
        match (self.is_deleted(), self.fields["status"] == "archived") {
            (true, _) => Err(NOT_FOUND),
            (false, true) => Err(ARCHIVED),
            (false, false) => Ok(()),
        }
    }

    fn requires_review(&self) -> bool {
        self.fields["settings"]["requireReview"] == true
    }

    fn folded_name(&self) -> String {
        self.fields["name"].as_str().unwrap().to_lowercase()
    }
}

impl World {
    pub fn user(&self, actor: Actor) -> &str {
        match actor {
            Actor::Owner => &self.owner,
            Actor::Member => &self.member,
        }
    }

    pub fn may_be_seen_deleted(&self, task: &Task) -> bool {
        let deleted_at: Timestamp = task.fields["deletedAt"].as_str().unwrap().parse().unwrap();
        self.now.since(deleted_at) < RESTORABLE
    }

    /// A task is there if neither it nor its project is deleted.
    pub fn visible(&self, task: usize) -> Result<(), Refused> {
        let task = &self.tasks[task];
        let is_gone = task.is_deleted() || self.projects[task.project].is_deleted();
        if is_gone { Err(NOT_FOUND) } else { Ok(()) }
    }

    pub fn project_of(&self, task: usize) -> &Project {
        &self.projects[self.tasks[task].project]
    }

    /// The place of a task.
    pub fn find(&self, id: &str) -> usize {
        self.tasks.iter().position(|task| task.fields["id"] == id).unwrap()
    }

    pub fn stamp(&self, fields: &mut Fields, actor: Actor) {
        fields["version"] = (version(fields) + 1).into();
        fields["updatedAt"] = self.now.to_string().into();
        fields["updatedBy"] = self.user(actor).into();
    }

    pub fn say(&mut self, kind: &'static str, subject: String, actor: Actor, data: Value) {
        let actor = self.user(actor).to_owned();
        self.said.push(Said { kind, subject, actor, data });
    }

    /// A denial, announced once per caller, operation and minute.
    fn deny(&mut self, actor: Actor, operation: &'static str, permission: &str) -> Refused {
        let minute = format!("{}:00.000Z", &self.now.to_string()[..16]);
        let (user, role) = match actor {
            Actor::Owner => (self.owner.clone(), "owner"),
            Actor::Member => (self.member.clone(), "member"),
        };
        if self.denied.insert((user.clone(), operation, minute.clone())) {
            let data = json!({
                "operation": operation, "permission": permission, "role": role,
                "windowStart": minute,
            });
            self.say("planning.access.denied", user, actor, data);
        }
        FORBIDDEN
    }

    /// Only owners and admins delete projects.
    fn may_delete_projects(
        &mut self,
        actor: Actor,
        operation: &'static str,
    ) -> Result<(), Refused> {
        match actor {
            Actor::Owner => Ok(()),
            Actor::Member => Err(self.deny(actor, operation, "planning.project.delete")),
        }
    }

    /// Only owners and admins delete tasks.
    fn may_delete_tasks(&mut self, actor: Actor, operation: &'static str) -> Result<(), Refused> {
        match actor {
            Actor::Owner => Ok(()),
            Actor::Member => Err(self.deny(actor, operation, "planning.task.delete")),
        }
    }

    /// Tasks of a project that are not deleted.
    pub fn listed(&self, project: usize) -> Vec<&Task> {
        self.tasks.iter().filter(|task| task.project == project && !task.is_deleted()).collect()
    }
}

fn project_data(project: &Project, changes: &[Changed]) -> Value {
    let fields = &project.fields;
    json!({
        "projectId": fields["id"], "version": fields["version"], "key": fields["key"],
        "name": fields["name"], "teamId": fields["teamId"], "visibility": fields["visibility"],
        "changes": announced(changes),
    })
}

pub fn task_data(task: &Task, changes: &[Changed]) -> Value {
    let fields = &task.fields;
    json!({
        "projectId": fields["projectId"], "taskId": fields["id"], "version": fields["version"],
        "key": fields["key"], "type": fields["type"], "state": fields["state"],
        "stateCategory": fields["stateCategory"], "assigneeId": fields["assigneeId"],
        "parentId": fields["parentId"], "labels": fields["labels"],
        "changes": announced(changes), "imported": false,
    })
}

fn comment_data(task: &Task, comment: &Map<String, Value>) -> Value {
    json!({
        "projectId": task.fields["projectId"], "version": comment["version"],
        "commentId": comment["id"], "subjectNoun": "task", "subjectId": task.fields["id"],
        "mentions": comment["mentions"], "authorId": comment["authorId"],
    })
}

/// Who is named, each once, in the order of the text. The bodies of the tests separate them by
/// blanks and commas.
fn mentions(body: &str) -> Value {
    let mut named: Vec<&str> = Vec::new();
    for word in body.split([' ', ',']) {
        if let Some(user) = word.strip_prefix('@')
            && user.len() == 30
            && !named.contains(&user)
        {
            named.push(user);
        }
    }
    named.into()
}
