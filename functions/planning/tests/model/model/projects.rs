//! What becomes of projects.

use super::*;

impl World {
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
}
