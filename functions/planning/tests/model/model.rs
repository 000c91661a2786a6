//! The model: plain maps and the rules of the specification, written a second time.

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

    // Projects

    /// A project as the first call answered it: projects are where a sequence begins.
    pub fn project_created(&mut self, answer: &Value) {
        let fields = answer.as_object().unwrap().clone();
        let mut blank = fields.clone();
        blank.values_mut().for_each(|value| *value = Value::Null);
        let mut recorded = changes(&PROJECT_HISTORY, &blank, &fields);
        recorded.retain(|change| change.to != json!("") && change.to != json!(false));
        let entry = Entry {
            operation: "project_create",
            actor: self.owner.clone(),
            at: self.now,
            changes: recorded,
            note: None,
        };
        let project = Project { fields, last_number: 0, history: vec![entry] };
        let data = project_data(&project, &[]);
        self.say("planning.project.created", project.id(), Actor::Owner, data);
        self.projects.push(project);
    }

    pub fn project_update(
        &mut self,
        index: usize,
        actor: Actor,
        if_match: IfMatch,
        patch: &Fields,
    ) -> Result<(), Refused> {
        let project = &self.projects[index];
        if project.is_deleted() {
            return Err(NOT_FOUND);
        }
        check(if_match)?;
        project.writable()?;
        let mut after = project.fields.clone();
        for (field, value) in patch {
            match field.as_str() {
                "settings" => {
                    if let Some(required) = value.get("requireReview") {
                        let required = required.as_bool().unwrap_or(false);
                        after["settings"]["requireReview"] = required.into();
                    }
                }
                field => after[field] = kept(field, value),
            }
        }
        self.name_is_free(index, &after)?;
        self.project_becomes(index, actor, after, "project_update", "planning.project.updated");
        Ok(())
    }

    fn name_is_free(&self, index: usize, after: &Fields) -> Result<(), Refused> {
        let wanted = after["name"].as_str().unwrap().to_lowercase();
        let others = self.projects.iter().enumerate().filter(|(other, _)| *other != index);
        let mut live = others.filter(|(_, other)| !other.is_deleted());
        match live.any(|(_, other)| other.folded_name() == wanted) {
            true => Err((409, "name_taken")),
            false => Ok(()),
        }
    }

    pub fn project_delete(
        &mut self,
        index: usize,
        actor: Actor,
        if_match: IfMatch,
    ) -> Result<(), Refused> {
        self.may_delete_projects(actor, "project_delete")?;
        let project = &self.projects[index];
        if project.is_deleted() {
            return Ok(());
        }
        check(if_match)?;
        if project.fields["status"] != "archived" {
            return Err(INVALID_STATE);
        }
        let mut after = project.fields.clone();
        after["deletedAt"] = self.now.to_string().into();
        after["purgeAt"] = self.now.plus(RESTORABLE).to_string().into();
        self.project_becomes(index, actor, after, "project_delete", "planning.project.deleted");
        Ok(())
    }

    pub fn project_restore(&mut self, index: usize, actor: Actor) -> Result<(), Refused> {
        self.may_delete_projects(actor, "project_restore")?;
        let project = &self.projects[index];
        let mut after = project.fields.clone();
        let Some(purge_at) = after["purgeAt"].as_str() else { return Ok(()) };
        if self.now >= purge_at.parse::<Timestamp>().unwrap() {
            return Err(NOT_FOUND);
        }
        after["deletedAt"] = Value::Null;
        after["purgeAt"] = Value::Null;
        self.name_is_free(index, &after)?;
        self.project_becomes(index, actor, after, "project_restore", "planning.project.restored");
        Ok(())
    }

    pub fn project_archive(
        &mut self,
        index: usize,
        actor: Actor,
        archive: bool,
    ) -> Result<(), Refused> {
        let status = if archive { "archived" } else { "active" };
        let mut after = self.projects[index].fields.clone();
        if self.projects[index].is_deleted() {
            return Err(NOT_FOUND);
        }
        if after["status"] == status {
            return Err(INVALID_STATE);
        }
        after["status"] = status.into();
        let (operation, kind) = match archive {
            true => ("project_archive", "planning.project.archived"),
            false => ("project_unarchive", "planning.project.unarchived"),
        };
        self.project_becomes(index, actor, after, operation, kind);
        Ok(())
    }

    fn project_becomes(
        &mut self,
        index: usize,
        actor: Actor,
        mut after: Fields,
        operation: &'static str,
        kind: &'static str,
    ) {
        let changes = changes(&PROJECT_HISTORY, &self.projects[index].fields, &after);
        if changes.is_empty() {
            return;
        }
        self.stamp(&mut after, actor);
        let entry = Entry {
            operation,
            actor: self.user(actor).to_owned(),
            at: self.now,
            changes: changes.clone(),
            note: None,
        };
        let project = &mut self.projects[index];
        project.fields = after;
        project.history.push(entry);
        let (data, subject) = (project_data(project, &changes), project.id());
        self.say(kind, subject, actor, data);
    }

    // Tasks

    pub fn may_create(&self, project: usize, input: &Fields) -> Result<(), Refused> {
        self.projects[project].writable()?;
        let identity = [input.get("externalId"), input.get("source")];
        self.identity_is_free(project, None, identity.map(|part| part.cloned().unwrap_or_default()))
    }

    /// One task of a project has an external id, deleted or not.
    fn identity_is_free(
        &self,
        project: usize,
        task: Option<usize>,
        identity: [Value; 2],
    ) -> Result<(), Refused> {
        let others = self.tasks.iter().enumerate().filter(|(other, _)| Some(*other) != task);
        let mut of_project = others.filter(|(_, other)| other.project == project);
        let of =
            |other: &Task| [other.fields["externalId"].clone(), other.fields["source"].clone()];
        match !identity[0].is_null() && of_project.any(|(_, other)| of(other) == identity) {
            true => Err((409, "external_id_taken")),
            false => Ok(()),
        }
    }

    /// The task that a creation makes, but for its rank; its id is the answer's.
    pub fn task_created(&mut self, index: usize, actor: Actor, input: &Fields, id: &str) {
        let user = self.user(actor).to_owned();
        let now = self.now.to_string();
        let project = &mut self.projects[index];
        project.last_number += 1;
        let project_key = project.fields["key"].as_str().unwrap();
        let fields = json!({
            "id": id, "projectId": project.id(), "number": project.last_number,
            "key": format!("{project_key}-{}", project.last_number),
            "title": "", "description": "", "type": "task", "state": "to_do",
            "stateCategory": "to_do", "priority": "medium", "assigneeId": null,
            "reporterId": user, "labels": [], "startDate": null, "dueDate": null,
            "estimateSeconds": null, "points": null, "acceptanceCriteria": [],
            "blockedReason": null, "startedAt": null, "completedAt": null, "version": 1,
            "createdAt": now, "createdBy": user, "updatedAt": now, "updatedBy": user,
            "deletedAt": null, "parentId": null, "openBlockers": 0, "externalId": null,
            "source": null, "externalKey": null, "externalUrl": null, "importedAt": null,
            "sourceUpdatedAt": null,
            "relations": {
                "blocks": [], "blockedBy": [], "relatesTo": [], "duplicates": [],
                "duplicateOf": null,
            },
        });
        let Value::Object(mut fields) = fields else { unreachable!() };
        for (field, sent) in input {
            fields[field] = kept(field, sent);
        }
        fields["stateCategory"] = fields["state"].clone();
        let mut blank = fields.clone();
        blank.values_mut().for_each(|value| *value = Value::Null);
        let mut recorded = changes(&TASK_HISTORY, &blank, &fields);
        recorded.retain(|change| change.to != json!("") && change.to != json!([]));
        let assignee = fields["assigneeId"].as_str().filter(|id| id.starts_with("usr_"));
        let watchers = assignee.map(str::to_owned).into_iter().chain([user.clone()]).collect();
        let entry = Entry {
            operation: "task_create",
            actor: user,
            at: self.now,
            changes: recorded,
            note: None,
        };
        let task = Task {
            project: index,
            fields,
            entered: self.now,
            rank: String::new(),
            is_ranked_anew: true,
            watchers,
            followed: false,
            comments: Vec::new(),
            history: vec![entry],
        };
        self.say("planning.task.created", task.id(), actor, task_data(&task, &[]));
        self.tasks.push(task);
    }

    pub fn task_update(
        &mut self,
        index: usize,
        actor: Actor,
        if_match: IfMatch,
        patch: &Fields,
    ) -> Result<(), Refused> {
        self.visible(index)?;
        let task = &self.tasks[index];
        check(if_match)?;
        self.projects[task.project].writable()?;
        let mut after = task.fields.clone();
        for (field, sent) in patch {
            after[field] = kept(field, sent);
        }
        let has_half_an_identity = after["externalId"].is_null() != after["source"].is_null();
        if ends_before_it_starts(&after) || has_half_an_identity || after["parentId"] == after["id"]
        {
            return Err(INVALID);
        }
        if after["parentId"] != task.fields["parentId"] {
            self.may_be_below(index, after["parentId"].as_str())?;
        }
        let identity = [after["externalId"].clone(), after["source"].clone()];
        self.identity_is_free(task.project, Some(index), identity)?;
        let (from, to) = (task.fields["assigneeId"].clone(), after["assigneeId"].clone());
        let Some(changes) = self.task_becomes(index, actor, after, "task_update", None) else {
            return Ok(());
        };
        let task = &self.tasks[index];
        let subject = task.id();
        let data = task_data(task, &changes);
        let assigned = json!({
            "projectId": task.fields["projectId"], "taskId": subject,
            "version": task.version(), "key": task.fields["key"], "from": from, "to": to,
        });
        self.say("planning.task.updated", subject.clone(), actor, data);
        if from != to {
            self.say("planning.task.assigned", subject, actor, assigned);
            self.involve(index, to.as_str().unwrap_or_default());
        }
        Ok(())
    }

    pub fn task_transition(
        &mut self,
        index: usize,
        actor: Actor,
        to: &str,
        reason: Option<&str>,
        force: bool,
    ) -> Result<(), Refused> {
        self.visible(index)?;
        self.project_of(index).writable()?;
        self.may_go(index, to, reason, force)?;
        let task = &self.tasks[index];
        if to == "done" && !force && self.has_open_subtask(&task.id()) {
            return Err((409, "open_subtasks"));
        }
        let (was_open, from) = (task.is_open(), task.state().to_owned());
        let mut after = self.entering(index, to);
        after["blockedReason"] = if to == "blocked" { reason.into() } else { Value::Null };
        let note = match (reason, force) {
            (Some(reason), true) => Some(format!("forced: {reason}")),
            (Some(reason), false) => Some(reason.to_owned()),
            (None, true) => Some("forced".to_owned()),
            (None, false) => None,
        };
        self.task_becomes(index, actor, after, "task_transition", note);
        self.say_moved(index, actor, &from, force);
        self.follow(index, actor, was_open);
        Ok(())
    }

    /// The ways and guards of section 4.3, but for subtasks.
    fn may_go(
        &self,
        index: usize,
        to: &str,
        reason: Option<&str>,
        force: bool,
    ) -> Result<(), Refused> {
        let (task, project) = (&self.tasks[index], self.project_of(index));
        let from = task.state();
        if !ways(from).contains(&to) {
            return Err(INVALID_STATE);
        }
        let waits = task.open_blockers() > 0;
        if to == "in_progress" && ["to_do", "blocked"].contains(&from) && waits && !force {
            return Err((409, "task_not_ready"));
        }
        if to == "blocked" && reason.is_none() && !waits {
            return Err(INVALID);
        }
        if to == "done" {
            if project.requires_review() && from != "review" {
                return Err((409, "review_required"));
            }
            let criteria = task.fields["acceptanceCriteria"].as_array().unwrap();
            if !force && criteria.iter().any(|criterion| criterion["met"] == false) {
                return Err((409, "criteria_unmet"));
            }
        }
        Ok(())
    }

    /// The task in another state.
    pub fn entering(&mut self, index: usize, to: &str) -> Fields {
        let now: Value = self.now.to_string().into();
        let task = &mut self.tasks[index];
        task.is_ranked_anew = true;
        task.entered = self.now;
        let mut after = task.fields.clone();
        after["state"] = to.into();
        after["stateCategory"] = category(to).into();
        after["blockedReason"] = Value::Null;
        if category(to) == "in_progress" && after["startedAt"].is_null() {
            after["startedAt"] = now.clone();
        }
        let is_closed = to == "done" || to == "cancelled";
        after["completedAt"] = if is_closed { now } else { Value::Null };
        after
    }

    pub fn say_moved(&mut self, index: usize, actor: Actor, from: &str, force: bool) {
        let fields = &self.tasks[index].fields;
        let data = json!({
            "projectId": fields["projectId"], "taskId": fields["id"],
            "version": fields["version"], "key": fields["key"], "from": from,
            "to": fields["state"], "fromCategory": category(from),
            "toCategory": fields["stateCategory"], "forced": force,
            "assigneeId": fields["assigneeId"], "points": fields["points"],
            "estimateSeconds": fields["estimateSeconds"], "imported": false,
        });
        self.say("planning.task.transitioned", id(fields), actor, data);
    }

    pub fn task_claim(&mut self, index: usize, actor: Actor) -> Result<(), Refused> {
        self.visible(index)?;
        self.project_of(index).writable()?;
        let task = &self.tasks[index];
        if !task.fields["assigneeId"].is_null() {
            return Err((409, "already_claimed"));
        }
        self.may_go(index, "in_progress", None, false)?;
        let (was_open, from) = (task.is_open(), task.state().to_owned());
        let mut after = self.entering(index, "in_progress");
        let user = self.user(actor).to_owned();
        after["assigneeId"] = user.as_str().into();
        self.task_becomes(index, actor, after, "task_claim", None);
        self.say_moved(index, actor, &from, false);
        let fields = &self.tasks[index].fields;
        let assigned = json!({
            "projectId": fields["projectId"], "taskId": fields["id"],
            "version": fields["version"], "key": fields["key"], "from": null, "to": user,
        });
        self.say("planning.task.assigned", id(fields), actor, assigned);
        self.follow(index, actor, was_open);
        self.involve(index, &user);
        Ok(())
    }

    pub fn task_delete(
        &mut self,
        index: usize,
        actor: Actor,
        if_match: IfMatch,
    ) -> Result<(), Refused> {
        self.may_delete_tasks(actor, "task_delete")?;
        if self.project_of(index).is_deleted() {
            return Err(NOT_FOUND);
        }
        let task = &self.tasks[index];
        if task.is_deleted() {
            // Again 204, whatever version was read before.
            return Ok(());
        }
        check(if_match)?;
        self.projects[task.project].writable()?;
        if self.has_open_subtask(&task.id()) {
            return Err((409, "open_subtasks"));
        }
        let was_open = task.is_open();
        let mut after = task.fields.clone();
        after["deletedAt"] = self.now.to_string().into();
        let changes = self.task_becomes(index, actor, after, "task_delete", None).unwrap();
        let (subject, data) = (self.tasks[index].id(), task_data(&self.tasks[index], &changes));
        self.say("planning.task.deleted", subject, actor, data);
        self.follow(index, actor, was_open);
        Ok(())
    }

    pub fn task_restore(&mut self, index: usize, actor: Actor) -> Result<(), Refused> {
        self.may_delete_tasks(actor, "task_restore")?;
        if self.project_of(index).is_deleted() {
            return Err(NOT_FOUND);
        }
        let task = &self.tasks[index];
        if !task.is_deleted() {
            return Ok(());
        }
        if !self.may_be_seen_deleted(task) {
            return Err(NOT_FOUND);
        }
        self.projects[task.project].writable()?;
        let mut after = task.fields.clone();
        after["deletedAt"] = Value::Null;
        let changes = self.task_becomes(index, actor, after, "task_restore", None).unwrap();
        let (subject, data) = (self.tasks[index].id(), task_data(&self.tasks[index], &changes));
        self.say("planning.task.restored", subject, actor, data);
        self.follow(index, actor, false);
        Ok(())
    }

    /// What changed; nothing happens if nothing did.
    pub fn task_becomes(
        &mut self,
        index: usize,
        actor: Actor,
        mut after: Fields,
        operation: &'static str,
        note: Option<String>,
    ) -> Option<Vec<Changed>> {
        let changes = changes(&TASK_HISTORY, &self.tasks[index].fields, &after);
        if changes.is_empty() {
            return None;
        }
        self.stamp(&mut after, actor);
        let actor = self.user(actor).to_owned();
        let entry = Entry { operation, actor, at: self.now, changes: changes.clone(), note };
        let task = &mut self.tasks[index];
        task.fields = after;
        task.history.push(entry);
        Some(changes)
    }

    // Comments

    pub fn may_comment(&self, task: usize) -> Result<(), Refused> {
        self.visible(task)?;
        self.project_of(task).writable()
    }

    pub fn comment_created(&mut self, index: usize, actor: Actor, body: &str, id: &str) {
        let user = self.user(actor).to_owned();
        let now = self.now.to_string();
        let task = &mut self.tasks[index];
        let fields = json!({
            "id": id, "subjectId": task.id(), "body": body, "mentions": mentions(body),
            "authorId": user, "authorName": null, "editedAt": null, "importedAt": null,
            "version": 1, "createdAt": now, "createdBy": user, "updatedAt": now, "updatedBy": user,
        });
        let Value::Object(fields) = fields else { unreachable!() };
        let data = comment_data(task, &fields);
        task.comments.push(Comment { fields, is_gone: false });
        task.watchers.insert(user);
        self.say("planning.comment.created", id.to_owned(), actor, data);
    }

    pub fn comment_update(
        &mut self,
        (index, comment): (usize, usize),
        actor: Actor,
        if_match: IfMatch,
        body: Option<&str>,
    ) -> Result<(), Refused> {
        self.visible(index)?;
        let task = &self.tasks[index];
        let before = &task.comments[comment];
        if before.is_gone {
            return Err(NOT_FOUND);
        }
        if before.fields["authorId"] != self.user(actor) {
            return Err(self.deny(actor, "task_comment_update", "planning.comment.create"));
        }
        check(if_match)?;
        self.projects[task.project].writable()?;
        let Some(body) = body.filter(|body| before.fields["body"] != *body) else {
            return Ok(());
        };
        let mut after = before.fields.clone();
        after["body"] = body.into();
        after["mentions"] = mentions(body);
        self.stamp(&mut after, actor);
        after["editedAt"] = after["updatedAt"].clone();
        let (subject, data) = (id(&after), comment_data(task, &after));
        self.tasks[index].comments[comment].fields = after;
        self.say("planning.comment.updated", subject, actor, data);
        Ok(())
    }

    pub fn comment_delete(
        &mut self,
        (index, comment): (usize, usize),
        actor: Actor,
        if_match: IfMatch,
    ) -> Result<(), Refused> {
        self.visible(index)?;
        let task = &self.tasks[index];
        let before = &task.comments[comment];
        if before.is_gone {
            return Ok(());
        }
        if before.fields["authorId"] != self.user(actor) && actor == Actor::Member {
            return Err(self.deny(actor, "task_comment_delete", "planning.comment.delete"));
        }
        check(if_match)?;
        self.projects[task.project].writable()?;
        let (subject, data) = (before.id(), comment_data(task, &before.fields));
        self.tasks[index].comments[comment].is_gone = true;
        self.say("planning.comment.deleted", subject, actor, data);
        Ok(())
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
