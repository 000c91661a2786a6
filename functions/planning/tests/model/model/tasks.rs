//! What becomes of tasks.

use super::*;

impl World {
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
}
