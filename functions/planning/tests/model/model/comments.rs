//! What becomes of comments.

use super::*;

impl World {
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
}
