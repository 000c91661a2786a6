//! The history of a thing: what changed, newest first.

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Faults, Line};
use millwright_http::{Allowed, Answered, Caller, Listed, Listing, PathParameter};
use millwright_store::{Query, RawItem};
use utoipa::IntoParams;

use crate::{
    app::Planning,
    domain::{ProjectReference, TaskReference},
    permissions::{ProjectRead, TaskRead},
    store::{HistoryEntry, HistoryItem, Subject},
};

/// Filters of a history.
#[derive(Debug, Deserr, IntoParams)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[into_params(rename_all = "camelCase")]
pub struct HistoryFilters {
    /// Only changes of this field, e.g. `state`.
    #[deserr(default)]
    #[param(inline)]
    field: Option<Line<1, 50>>,
}

/// List the history of a project
///
/// Newest first. A page examines at most 1,000 entries and may be short. One read and one query.
#[utoipa::path(get, path = "/api/v1/planning/projects/{id}/history", tag = "Projects")]
pub async fn project_history_list(
    caller: Allowed<ProjectRead>,
    State(planning): State<Planning>,
    PathParameter((reference,)): PathParameter<(ProjectReference,)>,
    listing: Listing<HistoryFilters>,
) -> Answered<Listed<HistoryEntry>> {
    let id = planning.project_id(&caller.tenant(), &reference).await?;
    planning.project_head(&caller.tenant(), id).await?;
    list(&planning, &caller, Subject::Project(id), &listing).await
}

/// List the history of a task
///
/// Newest first. A page examines at most 1,000 entries and may be short. One read and one query.
#[utoipa::path(get, path = "/api/v1/planning/tasks/{id}/history", tag = "Tasks")]
pub async fn task_history_list(
    caller: Allowed<TaskRead>,
    State(planning): State<Planning>,
    PathParameter((reference,)): PathParameter<(TaskReference,)>,
    listing: Listing<HistoryFilters>,
) -> Answered<Listed<HistoryEntry>> {
    let task = planning.task_head(&caller.tenant(), &reference).await?;
    list(&planning, &caller, Subject::Task(task.id), &listing).await
}

async fn list(
    planning: &Planning,
    caller: &Caller,
    subject: Subject,
    listing: &Listing<HistoryFilters>,
) -> Answered<Listed<HistoryEntry>> {
    let partition = subject.partition(&caller.tenant());
    let query = Query::partition(partition).starting_with("HIST#").descending(true);
    let field = listing.filters.field.as_ref().map(Line::as_str);
    let admit = |item: &RawItem| {
        let entry = item.decode::<HistoryItem>()?.entry;
        let concerns = |field| entry.changes.iter().any(|change| change.field == field);
        Ok(field.is_none_or(concerns).then_some(entry))
    };
    let (limit, from) = (listing.limit, listing.from.as_ref());
    let page = planning.store.filtered_page(&query, limit, from, field.is_some(), admit).await?;
    Ok(listing.page(page.items, page.next).await?)
}
