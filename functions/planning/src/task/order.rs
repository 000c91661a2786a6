//! The order of a board column.

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Error, Fault, FaultCode, Faults, Result, TaskId, Tenant, codes};
use millwright_http::{Allowed, Answered, PathParameter, Submission, Versioned};
use millwright_store::{Contention, Index, Query, RawItem};
use utoipa::ToSchema;

use super::effects::{Surroundings, TaskChange};
use crate::{
    app::{Planning, check_writable},
    domain::{Force, Rank, Task, TaskReference, TaskSummary},
    permissions::TaskUpdate,
    store::{TaskHead, tasks_of_state},
};

/// Where a task goes in its column: exactly one of the two.
#[derive(Clone, Copy, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "before": "task_01jdz7xk2nf5h9vq3w8c6m4t0c" }))]
pub struct MoveIn {
    #[deserr(default)]
    before: Option<TaskId>,
    #[deserr(default)]
    after: Option<TaskId>,
}

#[derive(Clone, Copy)]
enum Side {
    Before,
    After,
}

impl MoveIn {
    fn anchor(self) -> Result<(Side, TaskId)> {
        match (self.before, self.after) {
            (Some(anchor), None) => Ok((Side::Before, anchor)),
            (None, Some(anchor)) => Ok((Side::After, anchor)),
            _ => {
                let detail = "send exactly one of before and after";
                Err(Faults::of(Fault::new("", FaultCode::Required, detail)).into())
            }
        }
    }
}

/// Move a task within its column
///
/// Next to another task of the same project and state. The order is seen in lists and boards; it
/// makes no history entry. Two tasks moved to one place at once may come in either order. One
/// query, one read, one query and one transaction of at most five items, with a warm project cache.
#[utoipa::path(post, path = "/api/v1/planning/tasks/{id}/move", tag = "Tasks")]
pub async fn task_move(
    caller: Allowed<TaskUpdate>,
    State(planning): State<Planning>,
    PathParameter((reference,)): PathParameter<(TaskReference,)>,
    submission: Submission<MoveIn>,
) -> Answered<Versioned<Task>> {
    let (side, anchor) = submission.input.anchor()?;
    let tenant = caller.tenant();
    let attempt = || async {
        let before = planning.task(&tenant, &reference).await?;
        check_writable(&planning.project_head(&tenant, before.summary.project_id).await?)?;
        let rank = rank_beside(&planning, &tenant, &before.summary, side, anchor).await?;
        let mut write = submission.write(&planning.store, &caller);
        if rank == before.summary.rank {
            return write.commit(Versioned(before)).await;
        }
        let after = before.ranked(rank).stamped(&before, &planning.stamp(&caller));
        let change = TaskChange {
            before: Some(&before),
            after: &after,
            operation: "task_move",
            note: None,
            force: Force::No,
            imported_at: None,
        };
        change.write(&mut write, Surroundings::default())?;
        write.commit(Versioned(after)).await
    };
    Ok(Contention::new(&planning.store).settle(&planning.store, attempt).await?)
}

/// The rank that brings `task` next to `anchor`; its own if it is there already.
async fn rank_beside(
    planning: &Planning,
    tenant: &Tenant,
    task: &TaskSummary,
    side: Side,
    anchor: TaskId,
) -> Result<Rank> {
    let pointer = match side {
        Side::Before => "/before",
        Side::After => "/after",
    };
    let unknown =
        || -> Error { Error::fault(pointer, FaultCode::UnknownReference, "there is no such task") };
    if anchor == task.id {
        return Err(Error::fault(pointer, FaultCode::NotAllowed, "is the task itself"));
    }
    let item = planning.store.get_raw(&TaskHead::place(tenant, anchor)).await?;
    let item = item.filter(RawItem::is::<TaskHead>).ok_or_else(unknown)?;
    let neighbor = item.decode::<TaskHead>()?.summary;
    if neighbor.deleted_at.is_some() {
        return Err(unknown());
    }
    if neighbor.project_id != task.project_id || neighbor.state != task.state {
        let detail = "both tasks must be in one project and state: transition the task first";
        return Err(Error::new(codes::INVALID_STATE, detail)
            .with("state", task.state.as_str())
            .with("otherState", neighbor.state.as_str()));
    }
    let column = tasks_of_state(tenant, task.project_id, task.state);
    let column = Query::index(Index::Gsi2, column).descending(matches!(side, Side::Before));
    let from = item.position(Some(Index::Gsi2));
    // A few: the task itself may be the next one, and some may share a rank.
    const NEIGHBORS: usize = 10;
    let next = planning.store.page(&column, NEIGHBORS, Some(&from)).await?;
    for beyond in &next.items {
        let beyond: TaskSummary = beyond.decode_attribute("summary")?;
        let (low, high) = match side {
            Side::Before => (&beyond.rank, &neighbor.rank),
            Side::After => (&neighbor.rank, &beyond.rank),
        };
        if beyond.id == task.id && low < high {
            return Ok(task.rank.clone());
        }
        if low < high {
            return Rank::between(Some(low), Some(high));
        }
    }
    match side {
        Side::Before => Rank::between(None, Some(&neighbor.rank)),
        Side::After => {
            let last = Rank::last_at(planning.store.clock().now(), task.number);
            match last > neighbor.rank {
                true => Ok(last),
                false => Rank::between(Some(&neighbor.rank), None),
            }
        }
    }
}
