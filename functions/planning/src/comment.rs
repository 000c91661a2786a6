//! Comments: the same handlers for every noun that has them, one row of routes per noun.

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Change, Error, Faults, Markdown, ProjectId, Result, Tenant, UserId};
use millwright_http::{
    Allowed, Answered, Body, Caller, Created, IfMatch, Listed, Listing, NoContent, NoFilters,
    PathParameter, Representation, Submission, Versioned,
};
use millwright_store::{Condition, Contention, Query};
use utoipa::ToSchema;

use crate::{
    app::{Planning, check_writable},
    domain::TaskReference,
    events::{CommentCreated, CommentData, CommentDeleted, CommentUpdated},
    permissions::{CommentCreate, CommentDelete, TaskRead},
    store::{
        Comment, CommentCount, CommentId, CommentItem, CommentTombstone, Subject, TaskHead,
        Watchers,
    },
};

type CommentBody = Markdown<1, 16_000>;

/// A new comment.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "body": "Looks good to me." }))]
pub struct CommentIn {
    /// CommonMark. `@usr_…` mentions somebody.
    body: CommentBody,
}

/// A change of a comment.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "body": "Looks good to me, thank you." }))]
pub struct CommentPatchIn {
    #[deserr(default)]
    #[schema(required = false)]
    body: Change<CommentBody>,
}

impl Representation for Comment {
    fn version(&self) -> u64 {
        self.version
    }

    fn location(&self) -> String {
        format!("/api/v1/planning/tasks/{}/comments/{}", self.subject_id, self.id)
    }

    fn can_be_read(&self) -> bool {
        false
    }
}

/// List the comments of a task
///
/// Oldest first. One read and one query; by key one read more.
#[utoipa::path(get, path = "/api/v1/planning/tasks/{id}/comments", tag = "Comments")]
pub async fn task_comment_list(
    caller: Allowed<TaskRead>,
    State(planning): State<Planning>,
    PathParameter((reference,)): PathParameter<(TaskReference,)>,
    listing: Listing<NoFilters>,
) -> Answered<Listed<Comment>> {
    let thread = Thread::of_task(&planning, &caller, &reference).await?;
    let partition = thread.subject.partition(&caller.tenant());
    let query = Query::partition(partition).starting_with("CMT#");
    let page = planning.store.page(&query, listing.limit, listing.from.as_ref()).await?;
    let comments: Result<Vec<Comment>> =
        page.items.iter().map(|item| Ok(item.decode::<CommentItem>()?.comment)).collect();
    Ok(listing.page(comments?, page.next).await?)
}

/// Comment on a task
///
/// At most 5,000 comments per task. Who comments follows the task from then on. One batch read and
/// one transaction of at most five items, with a warm project cache; by key one read more.
#[utoipa::path(post, path = "/api/v1/planning/tasks/{id}/comments", tag = "Comments")]
pub async fn task_comment_create(
    caller: Allowed<CommentCreate>,
    State(planning): State<Planning>,
    PathParameter((reference,)): PathParameter<(TaskReference,)>,
    submission: Submission<CommentIn>,
) -> Answered<Created<Comment>> {
    let tenant = caller.tenant();
    let id: CommentId = planning.store.ids().next();
    let reference = TaskReference::Id(planning.task_id(&tenant, &reference).await?);
    let attempt = || async {
        let (thread, watchers) = Thread::with_watchers(&planning, &tenant, &reference).await?;
        thread.check_writable(&planning, &caller).await?;
        let stamp = planning.stamp(&caller);
        let body = submission.input.body.clone();
        let comment = Comment {
            id,
            subject_id: thread.subject_id.clone(),
            mentions: mentions(body.as_str()),
            body,
            author_id: Some(stamp.by.clone()),
            author_name: None,
            edited_at: None,
            imported_at: None,
            version: 1,
            created_at: stamp.at,
            created_by: stamp.by.clone(),
            updated_at: stamp.at,
            updated_by: stamp.by,
        };
        let mut write = submission.write(&planning.store, &caller);
        CommentCount::add(&mut write, thread.subject, 1);
        write.create(&CommentItem::new(thread.subject, &comment));
        if let Ok(user) = caller.actor().parse() {
            Watchers::involve(&mut write, thread.subject, user, &watchers);
        }
        write.emit(&CommentCreated(CommentData::of(&comment, thread.subject, thread.project)))?;
        write.commit(Created(comment)).await
    };
    Ok(Contention::new(&planning.store).settle(&planning.store, attempt).await?)
}

/// Change one's own comment
///
/// Only its author may. Two reads and one transaction of two items, with a warm project cache.
#[utoipa::path(patch, path = "/api/v1/planning/tasks/{id}/comments/{commentId}", tag = "Comments")]
pub async fn task_comment_update(
    caller: Allowed<CommentCreate>,
    State(planning): State<Planning>,
    PathParameter((reference, id)): PathParameter<(TaskReference, CommentId)>,
    if_match: IfMatch,
    Body(patch): Body<CommentPatchIn>,
) -> Answered<Versioned<Comment>> {
    let thread = Thread::of_task(&planning, &caller, &reference).await?;
    let place = CommentItem::place(&caller.tenant(), thread.subject, id);
    let attempt = || async {
        let found: Option<CommentItem> = planning.store.get(&place).await?;
        let before = found.ok_or_else(|| Error::not_found("comment"))?.comment;
        if before.author_id.as_deref() != Some(caller.actor()) {
            return Err(caller.deny::<CommentCreate>("only its author changes a comment").await);
        }
        if_match.check(before.version)?;
        thread.check_writable(&planning, &caller).await?;
        let mut after = before.clone();
        if let Change::Set(body) = &patch.body {
            after.body = body.clone();
        }
        let mut write = caller.write(&planning.store);
        if after == before {
            return write.commit(Versioned(before)).await;
        }
        let stamp = planning.stamp(&caller);
        after.mentions = mentions(after.body.as_str());
        after.version += 1;
        after.updated_at = stamp.at.max(before.updated_at);
        after.updated_by = stamp.by;
        after.edited_at = Some(after.updated_at);
        let step = write.replace(&CommentItem::new(thread.subject, &after), before.version);
        write.refused_as(step, Error::lost_race());
        write.emit(&CommentUpdated(CommentData::of(&after, thread.subject, thread.project)))?;
        write.commit(Versioned(after)).await
    };
    Ok(Contention::new(&planning.store).settle(&planning.store, attempt).await?)
}

/// Delete a comment
///
/// One's own, or any with the permission to delete comments. One read, one batch read and one
/// transaction of four items, with a warm project cache.
#[utoipa::path(delete, path = "/api/v1/planning/tasks/{id}/comments/{commentId}", tag = "Comments")]
pub async fn task_comment_delete(
    caller: Allowed<CommentCreate>,
    State(planning): State<Planning>,
    PathParameter((reference, id)): PathParameter<(TaskReference, CommentId)>,
    if_match: IfMatch,
) -> Answered<NoContent> {
    let tenant = caller.tenant();
    let thread = Thread::of_task(&planning, &caller, &reference).await?;
    let keys = [
        CommentItem::place(&tenant, thread.subject, id),
        CommentTombstone::place(&tenant, thread.subject, id),
    ];
    let attempt = || async {
        let items = planning.store.get_many(&keys).await?;
        let Some(item) = items.iter().find(|item| item.is::<CommentItem>()) else {
            return match items.is_empty() {
                true => Err(Error::not_found("comment")),
                false => Ok(NoContent),
            };
        };
        let comment = item.decode::<CommentItem>()?.comment;
        if comment.author_id.as_deref() != Some(caller.actor()) && !caller.may::<CommentDelete>() {
            let detail = "only its author, or who may delete comments, deletes a comment";
            return Err(caller.deny::<CommentDelete>(detail).await);
        }
        if_match.check(comment.version)?;
        thread.check_writable(&planning, &caller).await?;
        let mut write = caller.write(&planning.store);
        let step = write.delete_when(&keys[0], Condition::version(comment.version));
        write.refused_as(step, Error::lost_race());
        let deleted_at = planning.store.clock().now();
        write.create(&CommentTombstone::new(thread.subject, id, deleted_at));
        CommentCount::remove(&mut write, thread.subject);
        write.emit(&CommentDeleted(CommentData::of(&comment, thread.subject, thread.project)))?;
        write.commit(NoContent).await
    };
    Ok(Contention::new(&planning.store).settle(&planning.store, attempt).await?)
}

/// What is commented on.
struct Thread {
    subject: Subject,
    subject_id: String,
    project: ProjectId,
}

impl Thread {
    async fn of_task(
        planning: &Planning,
        caller: &Caller,
        reference: &TaskReference,
    ) -> Result<Thread> {
        let task = planning.task_head(&caller.tenant(), reference).await?;
        Ok(Thread {
            subject: Subject::Task(task.id),
            subject_id: task.id.to_string(),
            project: task.project_id,
        })
    }

    /// As it is to be commented on: with those who follow it. One BatchGetItem.
    async fn with_watchers(
        planning: &Planning,
        tenant: &Tenant,
        reference: &TaskReference,
    ) -> Result<(Thread, Vec<UserId>)> {
        let id = planning.task_id(tenant, reference).await?;
        let subject = Subject::Task(id);
        let places = [TaskHead::place(tenant, id), Watchers::place(tenant, subject)];
        let items = planning.store.get_many(&places).await?;
        let head = items.iter().find(|item| item.is::<TaskHead>());
        let head: TaskHead = head.ok_or_else(|| Error::not_found("task"))?.decode()?;
        if head.summary.deleted_at.is_some() {
            return Err(Error::not_found("task"));
        }
        let watchers = items.iter().find(|item| item.sort_key() == places[1].sort_key());
        let project = head.summary.project_id;
        let thread = Thread { subject, subject_id: id.to_string(), project };
        Ok((thread, Watchers::read(watchers)))
    }

    async fn check_writable(&self, planning: &Planning, caller: &Caller) -> Result<()> {
        check_writable(&planning.project_head(&caller.tenant(), self.project).await?)
    }
}

/// At most this many are told of one comment.
const MAX_MENTIONS: usize = 50;

/// The distinct `@usr_…` of a text, in their order.
pub fn mentions(body: &str) -> Vec<UserId> {
    const ID_CHARACTERS: usize = 4 + 26;
    let mut users: Vec<UserId> = Vec::new();
    for (at, _) in body.match_indices("@usr_") {
        let id = body.get(at + 1..at + 1 + ID_CHARACTERS).and_then(|text| text.parse().ok());
        if let Some(id) = id
            && !users.contains(&id)
            && users.len() < MAX_MENTIONS
        {
            users.push(id);
        }
    }
    users
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mentions_are_distinct_user_ids() {
        let (one, two) = ("usr_01h455vb4pex5vsknk084sn02q", "usr_01h455vb4pex5vsknk084sn02r");
        let body = format!("@{one}, see @{two}: @{one} and @usr_short, ü@usr_ü");
        let found: Vec<String> = mentions(&body).iter().map(ToString::to_string).collect();
        assert_eq!(found, [one, two]);
    }
}
