//! Who follows a thing: the same handlers for every noun that has watchers.

use axum::extract::State;
use millwright_core::{Error, Result, UserId};
use millwright_http::{
    Allowed, Answered, Caller, Listed, Listing, NoContent, NoFilters, PathParameter,
};
use millwright_store::Contention;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    app::{Planning, check_writable},
    domain::TaskReference,
    permissions::{TaskRead, TaskUpdate},
    store::{MAX_WATCHERS, Subject, Watchers},
};

/// Somebody who follows a thing.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({ "userId": "usr_01jdz7xk2nf5h9vq3w8c6m4t0b" }))]
pub struct Watcher {
    user_id: UserId,
}

/// List the watchers of a task
///
/// All of them on one page, by id; at most 100. Two reads; by key one more.
#[utoipa::path(get, path = "/api/v1/planning/tasks/{id}/watchers", tag = "Watchers")]
pub async fn task_watcher_list(
    caller: Allowed<TaskRead>,
    State(planning): State<Planning>,
    PathParameter((reference,)): PathParameter<(TaskReference,)>,
    listing: Listing<NoFilters>,
) -> Answered<Listed<Watcher>> {
    let tenant = caller.tenant();
    let subject = Subject::Task(planning.task_head(&tenant, &reference).await?.id);
    let watchers = watchers(&planning, &caller, subject).await?;
    let watchers = watchers.into_iter().map(|user_id| Watcher { user_id }).collect();
    Ok(listing.page(watchers, None).await?)
}

/// Watch a task
///
/// Oneself; others need the permission to change tasks. Whether one watches already or not. At most
/// 100 watchers. Two reads and one transaction of one item, with a warm project cache; by key one
/// read more.
#[utoipa::path(put, path = "/api/v1/planning/tasks/{id}/watchers/{userId}", tag = "Watchers")]
pub async fn task_watch(
    caller: Allowed<TaskRead>,
    State(planning): State<Planning>,
    PathParameter((reference, user)): PathParameter<(TaskReference, UserId)>,
) -> Answered<NoContent> {
    let subject = self_or_update(&planning, &caller, &reference, user).await?;
    let attempt = || async {
        let current = watchers(&planning, &caller, subject).await?;
        if current.contains(&user) {
            return Ok(NoContent);
        }
        if current.len() as u64 >= MAX_WATCHERS {
            return Err(Error::limit_reached("watchers", MAX_WATCHERS));
        }
        let mut write = caller.write(&planning.store);
        Watchers::involve(&mut write, subject, user, &current);
        write.commit(NoContent).await
    };
    Ok(Contention::new(&planning.store).settle(&planning.store, attempt).await?)
}

/// Stop watching a task
///
/// Oneself; others need the permission to change tasks. Whether one watches or not. One read and
/// one transaction of one item, with a warm project cache; by key one read more.
#[utoipa::path(delete, path = "/api/v1/planning/tasks/{id}/watchers/{userId}", tag = "Watchers")]
pub async fn task_unwatch(
    caller: Allowed<TaskRead>,
    State(planning): State<Planning>,
    PathParameter((reference, user)): PathParameter<(TaskReference, UserId)>,
) -> Answered<NoContent> {
    let subject = self_or_update(&planning, &caller, &reference, user).await?;
    let mut write = caller.write(&planning.store);
    Watchers::remove(&mut write, subject, user);
    Ok(write.commit(NoContent).await?)
}

async fn watchers(planning: &Planning, caller: &Caller, subject: Subject) -> Result<Vec<UserId>> {
    let place = Watchers::place(&caller.tenant(), subject);
    Ok(Watchers::read(planning.store.get_raw(&place).await?.as_ref()))
}

/// What is watched, if the caller may decide whether `user` does and the project is not archived.
async fn self_or_update(
    planning: &Planning,
    caller: &Caller,
    reference: &TaskReference,
    user: UserId,
) -> Result<Subject> {
    if caller.actor() != user.to_string() && !caller.may::<TaskUpdate>() {
        let detail = "watching for others needs the permission to change tasks";
        return Err(caller.deny::<TaskUpdate>(detail).await);
    }
    let task = planning.task_head(&caller.tenant(), reference).await?;
    check_writable(&planning.project_head(&caller.tenant(), task.project_id).await?)?;
    Ok(Subject::Task(task.id))
}
