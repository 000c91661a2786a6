//! What changes a project, deletes it and brings it back.

use axum::extract::State;
use millwright_core::{Error, ProjectId, Result, codes as shared_codes};
use millwright_event::Event;
use millwright_http::{
    Allowed, Answer, Answered, Body, Caller, Empty, IfMatch, NoContent, PathParameter, Submission,
    Versioned, Write,
};
use millwright_store::Contention;

use crate::{
    app::{Planning, check_writable},
    domain::{Project, ProjectName, ProjectPatch, ProjectReference, ProjectSummary},
    events::{
        ProjectArchived, ProjectData, ProjectDeleted, ProjectRestored, ProjectUnarchived,
        ProjectUpdated,
    },
    permissions::{ProjectDelete, ProjectUpdate},
    store::{
        Counter, DuePurge, FieldChange, HistoryItem, ProjectCounts, ProjectHead, ProjectNameMarker,
        Purged, RESTORABLE, RunningJobs, Subject,
    },
    task::Deleted,
};

use super::ProjectPatchIn;

/// Change a project
///
/// Its key and visibility stay. A change of nothing is no change. An archived project is
/// read-only. One query and one transaction of at most eight items.
#[utoipa::path(patch, path = "/api/v1/planning/projects/{id}", tag = "Projects")]
pub async fn project_update(
    caller: Allowed<ProjectUpdate>,
    State(planning): State<Planning>,
    PathParameter((reference,)): PathParameter<(ProjectReference,)>,
    if_match: IfMatch,
    Body(patch): Body<ProjectPatchIn>,
) -> Answered<Versioned<Project>> {
    let patch = ProjectPatch::from(patch);
    let change = Alteration {
        operation: "project_update",
        reference: &reference,
        deleted: Deleted::NotFound,
        if_match: Some(if_match),
        decide: |project: &Project| {
            check_writable(&project.summary)?;
            Ok(project.patched(patch.clone()))
        },
        event: ProjectUpdated,
    };
    let begin = || caller.write(&planning.store);
    Ok(alter(&planning, &caller, begin, Versioned, change).await?)
}

/// Archive a project
///
/// From then on it is read-only: creations are refused at once, other changes within a minute. One
/// query and one transaction of five items.
#[utoipa::path(post, path = "/api/v1/planning/projects/{id}/archive", tag = "Projects")]
pub async fn project_archive(
    caller: Allowed<ProjectUpdate>,
    State(planning): State<Planning>,
    PathParameter((reference,)): PathParameter<(ProjectReference,)>,
    submission: Submission<Empty>,
) -> Answered<Versioned<Project>> {
    let change = Alteration {
        operation: "project_archive",
        reference: &reference,
        deleted: Deleted::NotFound,
        if_match: None,
        decide: |project: &Project| project.archived(),
        event: ProjectArchived,
    };
    let begin = || submission.write(&planning.store, &caller);
    Ok(alter(&planning, &caller, begin, Versioned, change).await?)
}

/// Unarchive a project
///
/// It can be worked in again. One query and one transaction of five items.
#[utoipa::path(post, path = "/api/v1/planning/projects/{id}/unarchive", tag = "Projects")]
pub async fn project_unarchive(
    caller: Allowed<ProjectUpdate>,
    State(planning): State<Planning>,
    PathParameter((reference,)): PathParameter<(ProjectReference,)>,
    submission: Submission<Empty>,
) -> Answered<Versioned<Project>> {
    let change = Alteration {
        operation: "project_unarchive",
        reference: &reference,
        deleted: Deleted::NotFound,
        if_match: None,
        decide: |project: &Project| project.unarchived(),
        event: ProjectUnarchived,
    };
    let begin = || submission.write(&planning.store, &caller);
    Ok(alter(&planning, &caller, begin, Versioned, change).await?)
}

/// Delete a project
///
/// Only an archived one. Within a minute nothing in it is seen any more; it can be restored for 30
/// days. Its name is free at once, its key never. One query and one transaction of at most nine
/// items.
#[utoipa::path(delete, path = "/api/v1/planning/projects/{id}", tag = "Projects")]
pub async fn project_delete(
    caller: Allowed<ProjectDelete>,
    State(planning): State<Planning>,
    PathParameter((reference,)): PathParameter<(ProjectReference,)>,
    if_match: IfMatch,
) -> Answered<NoContent> {
    let change = Alteration {
        operation: "project_delete",
        reference: &reference,
        deleted: Deleted::Done,
        if_match: Some(if_match),
        decide: |project: &Project| {
            let now = planning.store.clock().now();
            project.deleted(now, now.plus(RESTORABLE))
        },
        event: ProjectDeleted,
    };
    let begin = || caller.write(&planning.store);
    Ok(alter(&planning, &caller, begin, |_| NoContent, change).await?)
}

/// Restore a deleted project
///
/// Within 30 days, if its name was not given away meanwhile; it comes back archived. A project that
/// is not deleted stays as it is. One query and one transaction of at most ten items.
#[utoipa::path(post, path = "/api/v1/planning/projects/{id}/restore", tag = "Projects")]
pub async fn project_restore(
    caller: Allowed<ProjectDelete>,
    State(planning): State<Planning>,
    PathParameter((reference,)): PathParameter<(ProjectReference,)>,
    submission: Submission<Empty>,
) -> Answered<Versioned<Project>> {
    let change = Alteration {
        operation: "project_restore",
        reference: &reference,
        deleted: Deleted::Wanted,
        if_match: None,
        decide: |project: &Project| {
            let now = planning.store.clock().now();
            match project.summary.purge_at {
                Some(purge_at) if now >= purge_at => Err(Error::not_found("project")),
                _ => Ok(project.restored()),
            }
        },
        event: ProjectRestored,
    };
    let begin = || submission.write(&planning.store, &caller);
    Ok(alter(&planning, &caller, begin, Versioned, change).await?)
}

/// One change of a project: what is decided, and what is said of it.
struct Alteration<'a, D, E> {
    operation: &'static str,
    reference: &'a ProjectReference,
    deleted: Deleted,
    if_match: Option<IfMatch>,
    decide: D,
    event: fn(ProjectData) -> E,
}

/// Reads, decides, writes; again if somebody was faster and the caller named no version.
async fn alter<R, D, E>(
    planning: &Planning,
    caller: &Caller,
    begin: impl Fn() -> Write,
    answer: impl Fn(Project) -> R,
    alteration: Alteration<'_, D, E>,
) -> Result<R>
where
    R: Answer,
    D: Fn(&Project) -> Result<Project>,
    E: Event,
{
    let tenant = caller.tenant();
    let attempt = || async {
        let before = planning.project_or_deleted(&tenant, alteration.reference).await?;
        match (before.summary.deleted_at, alteration.deleted) {
            (Some(_), Deleted::NotFound) => return Err(Error::not_found("project")),
            (Some(_), Deleted::Done) => return begin().commit(answer(before)).await,
            _ => {}
        }
        if let Some(if_match) = alteration.if_match {
            if_match.check(before.summary.version)?;
        }
        let after = (alteration.decide)(&before)?;
        let mut write = begin();
        if after == before {
            return write.commit(answer(before)).await;
        }
        let after = after.stamped(&before, &planning.stamp(caller));
        let changes = FieldChange::between(Some(&before), &after)?;
        let head = write.replace(&ProjectHead::of(&after), before.summary.version);
        write.refused_as(head, Error::lost_race());
        if after.body_version != before.body_version {
            write.put(&after.body());
        }
        rewrite_markers(&mut write, &before.summary, &after.summary);
        write.emit(&(alteration.event)(ProjectData::of(&after, &changes)))?;
        write.create(&history_item(&after, alteration.operation, changes));
        let summary = after.summary.clone();
        let answer = write.commit(answer(after)).await?;
        planning.remember_project(&tenant, &summary);
        Ok(answer)
    };
    Contention::new(&planning.store).settle(&planning.store, attempt).await
}

/// What follows the name, team, status and existence of a project.
fn rewrite_markers(write: &mut Write, was: &ProjectSummary, is: &ProjectSummary) {
    let lives = |project: &ProjectSummary| project.deleted_at.is_none();
    let name = |project: &ProjectSummary| lives(project).then(|| project.folded_name());
    if name(was) != name(is) {
        if lives(is) {
            take_name(write, &is.name, is.id);
        }
        if lives(was) {
            write.remove(&ProjectNameMarker::of(&was.name, is.id));
        }
    }
    if lives(was) != lives(is) {
        match lives(is) {
            true => ProjectCounts::add(write, None),
            false => ProjectCounts::remove(write, None),
        }
    }
    let team = |project: &ProjectSummary| project.team_id.filter(|_| lives(project));
    if team(was) != team(is) {
        if team(was).is_some() {
            ProjectCounts::remove(write, team(was));
        }
        if team(is).is_some() {
            ProjectCounts::add(write, team(is));
        }
    }
    if was.status != is.status {
        Counter::set_archived(write, is.id, is.is_archived());
        if is.is_archived() {
            RunningJobs::none(write, is.id);
        }
    }
    let tenant = *write.tenant();
    let purge = |at| DuePurge::of(&tenant, Purged::Project(is.id), at);
    match (was.deleted_at, is.deleted_at) {
        (None, Some(deleted_at)) => {
            write.put(&purge(deleted_at));
        }
        (Some(deleted_at), None) => {
            write.remove(&purge(deleted_at));
        }
        _ => {}
    }
}

pub(super) fn take_name(write: &mut Write, name: &ProjectName, id: ProjectId) {
    let step = write.create(&ProjectNameMarker::of(name, id));
    let detail = "another project has this name, whatever the case";
    write.refused_as(step, Error::new(shared_codes::NAME_TAKEN, detail));
}

pub(super) fn history_item(
    project: &Project,
    operation: &str,
    changes: Vec<FieldChange>,
) -> HistoryItem {
    let ProjectSummary { id, version, updated_at, updated_by, .. } = &project.summary;
    let subject = Subject::Project(*id);
    HistoryItem::new(subject, *version, *updated_at, updated_by, operation, changes, None)
}
