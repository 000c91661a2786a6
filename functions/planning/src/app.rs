//! The state behind planning's handlers.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::extract::FromRef;
use millwright_core::{Error, ProjectId, Result, TaskId, Tenant, Timestamp, codes as shared_codes};
use millwright_files::Files;
use millwright_http::{Caller, Platform};
use millwright_store::{Query, Store};

use crate::{
    codes,
    domain::{Project, ProjectReference, ProjectSummary, Stamp, Task, TaskReference, TaskSummary},
    store::{
        ProjectHead, ProjectKeyMarker, TaskHead, TaskKeyMarker, project_partition, task_partition,
    },
};

/// What handlers and workers share. Cheap to clone.
#[derive(Clone)]
pub struct Planning {
    pub store: Store,
    files: Files,
    memory: Arc<Memory>,
    project_cache: Duration,
}

/// What an instance remembers between requests. It only saves calls: every condition that matters
/// is checked by the table.
#[derive(Default)]
struct Memory {
    projects: Mutex<HashMap<(Tenant, ProjectId), (ProjectSummary, Timestamp)>>,
    last_numbers: Mutex<HashMap<ProjectId, u64>>,
    number_gates: Mutex<HashMap<ProjectId, Arc<tokio::sync::Mutex<()>>>>,
}

/// A remembered map is emptied when it grows beyond this.
const MAX_REMEMBERED: usize = 1_000;

/// Planning behind its API: what the router is built with.
#[derive(Clone)]
pub struct Served {
    pub platform: Platform,
    pub planning: Planning,
}

impl FromRef<Served> for Platform {
    fn from_ref(served: &Served) -> Platform {
        served.platform.clone()
    }
}

impl FromRef<Served> for Planning {
    fn from_ref(served: &Served) -> Planning {
        served.planning.clone()
    }
}

impl Planning {
    /// `project_cache`: how long the head of a project is served from memory.
    pub fn new(store: Store, files: Files, project_cache: Duration) -> Planning {
        Planning { store, files, memory: Arc::default(), project_cache }
    }

    /// Uploads and results.
    pub fn files(&self) -> &Files {
        &self.files
    }

    /// Now, and by whom.
    pub fn stamp(&self, caller: &Caller) -> Stamp {
        Stamp { at: self.store.clock().now(), by: caller.actor().to_owned() }
    }

    /// A project, deleted or not, by id or key. One Query; by key one GetItem more.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn project_or_deleted(
        &self,
        tenant: &Tenant,
        reference: &ProjectReference,
    ) -> Result<Project> {
        let id = self.project_id(tenant, reference).await?;
        let heads = Query::partition(project_partition(tenant, id)).starting_with("HEAD");
        let project = self.store.assemble(&heads, Project::assemble).await?;
        let project = project.ok_or_else(|| Error::not_found("project"))?;
        self.remember_project(tenant, &project.summary);
        Ok(project)
    }

    /// A project that is not deleted, by id or key. One Query; by key one GetItem more.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn project(&self, tenant: &Tenant, reference: &ProjectReference) -> Result<Project> {
        let project = self.project_or_deleted(tenant, reference).await?;
        match project.summary.deleted_at {
            None => Ok(project),
            Some(_) => Err(Error::not_found("project")),
        }
    }

    /// # Errors
    /// `not_found` for a key that was never given. By key one GetItem.
    pub async fn project_id(
        &self,
        tenant: &Tenant,
        reference: &ProjectReference,
    ) -> Result<ProjectId> {
        match reference {
            ProjectReference::Id(id) => Ok(*id),
            ProjectReference::Key(key) => {
                let place = ProjectKeyMarker::place(tenant, key);
                let marker: Option<ProjectKeyMarker> = self.store.get(&place).await?;
                Ok(marker.ok_or_else(|| Error::not_found("project"))?.project_id)
            }
        }
    }

    /// The head of a project, from memory if it was read within the last minute. At most one
    /// GetItem.
    ///
    /// # Errors
    /// `not_found`, also for a deleted one.
    pub async fn project_head(&self, tenant: &Tenant, id: ProjectId) -> Result<ProjectSummary> {
        if let Some(summary) = self.remembered_project(tenant, id) {
            return present(summary);
        }
        let head: Option<ProjectHead> = self.store.get(&ProjectHead::place(tenant, id)).await?;
        let summary = head.ok_or_else(|| Error::not_found("project"))?.summary;
        self.remember_project(tenant, &summary);
        present(summary)
    }

    /// Those of the projects that are not deleted. One BatchGetItem if one of them was not read
    /// within the last minute.
    pub async fn live_projects(
        &self,
        tenant: &Tenant,
        ids: &BTreeSet<ProjectId>,
    ) -> Result<BTreeSet<ProjectId>> {
        let (known, unknown): (Vec<_>, Vec<_>) =
            ids.iter().map(|id| (*id, self.remembered_project(tenant, *id))).partition(is_known);
        let places: Vec<_> =
            unknown.iter().map(|(id, _)| ProjectHead::place(tenant, *id)).collect();
        let mut found: Vec<ProjectSummary> =
            known.into_iter().filter_map(|(_, summary)| summary).collect();
        for item in self.store.get_many(&places).await? {
            let summary = item.decode::<ProjectHead>()?.summary;
            self.remember_project(tenant, &summary);
            found.push(summary);
        }
        let live = found.into_iter().filter(|summary| summary.deleted_at.is_none());
        Ok(live.map(|summary| summary.id).collect())
    }

    fn remembered_project(&self, tenant: &Tenant, id: ProjectId) -> Option<ProjectSummary> {
        let now = self.store.clock().now();
        let projects = lock(&self.memory.projects);
        let (summary, read_at) = projects.get(&(*tenant, id))?;
        read_at.is_within(self.project_cache, now).then(|| summary.clone())
    }

    pub fn remember_project(&self, tenant: &Tenant, summary: &ProjectSummary) {
        let entry = (summary.clone(), self.store.clock().now());
        let mut projects = lock(&self.memory.projects);
        if projects.len() >= MAX_REMEMBERED {
            projects.clear();
        }
        projects.insert((*tenant, summary.id), entry);
    }

    /// The last number of a project this instance has seen.
    pub fn remembered_number(&self, id: ProjectId) -> Option<u64> {
        lock(&self.memory.last_numbers).get(&id).copied()
    }

    /// Where the creations of one project queue within an instance that works on several requests
    /// at once: a lost race bills a whole transaction, waiting for one's turn nothing.
    pub fn number_gate(&self, id: ProjectId) -> Arc<tokio::sync::Mutex<()>> {
        let mut gates = lock(&self.memory.number_gates);
        if gates.len() >= MAX_REMEMBERED {
            gates.retain(|_, gate| Arc::strong_count(gate) > 1);
        }
        gates.entry(id).or_default().clone()
    }

    /// Numbers only rise.
    pub fn remember_number(&self, id: ProjectId, number: u64) {
        let mut numbers = lock(&self.memory.last_numbers);
        if numbers.len() >= MAX_REMEMBERED {
            numbers.clear();
        }
        let known = numbers.entry(id).or_default();
        *known = number.max(*known);
    }

    /// The summary of a task that is not deleted, by id or key. One GetItem; by key one more, and
    /// one for its project if that is not remembered.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn task_head(
        &self,
        tenant: &Tenant,
        reference: &TaskReference,
    ) -> Result<TaskSummary> {
        let id = self.task_id(tenant, reference).await?;
        let head: Option<TaskHead> = self.store.get(&TaskHead::place(tenant, id)).await?;
        let summary = head.map(|head| head.summary).filter(|task| task.deleted_at.is_none());
        let summary = summary.ok_or_else(|| Error::not_found("task"))?;
        self.project_of(tenant, &summary).await?;
        Ok(summary)
    }

    /// The head of a task's project: a task is not there if its project is not.
    async fn project_of(&self, tenant: &Tenant, task: &TaskSummary) -> Result<ProjectSummary> {
        let project = self.project_head(tenant, task.project_id).await;
        project.map_err(|error| match error.is(shared_codes::NOT_FOUND) {
            true => Error::not_found("task"),
            false => error,
        })
    }

    /// A task that is not deleted, by id or key. One Query; by key one GetItem more, and one for
    /// its project if that is not remembered.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn task(&self, tenant: &Tenant, reference: &TaskReference) -> Result<Task> {
        let task = self.task_or_deleted(tenant, reference).await?;
        match task.summary.deleted_at {
            None => Ok(task),
            Some(_) => Err(Error::not_found("task")),
        }
    }

    /// A task, deleted or not.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn task_or_deleted(
        &self,
        tenant: &Tenant,
        reference: &TaskReference,
    ) -> Result<Task> {
        let id = self.task_id(tenant, reference).await?;
        let heads = Query::partition(task_partition(tenant, id)).starting_with("HEAD");
        let task = self.store.assemble(&heads, Task::assemble).await?;
        let task = task.ok_or_else(|| Error::not_found("task"))?;
        self.project_of(tenant, &task.summary).await?;
        Ok(task)
    }

    /// # Errors
    /// `not_found` for a key that was never given.
    pub async fn task_id(&self, tenant: &Tenant, reference: &TaskReference) -> Result<TaskId> {
        match reference {
            TaskReference::Id(id) => Ok(*id),
            TaskReference::Key(key) => {
                let place = TaskKeyMarker::place(tenant, key);
                let marker: Option<TaskKeyMarker> = self.store.get(&place).await?;
                Ok(marker.ok_or_else(|| Error::not_found("task"))?.task_id)
            }
        }
    }
}

/// The project can be written in.
///
/// # Errors
/// `project_archived`.
pub fn check_writable(project: &ProjectSummary) -> Result<()> {
    if project.is_archived() {
        return Err(project_archived());
    }
    Ok(())
}

pub fn project_archived() -> Error {
    Error::new(codes::PROJECT_ARCHIVED, "unarchive the project to change anything in it")
}

fn present(project: ProjectSummary) -> Result<ProjectSummary> {
    match project.deleted_at {
        None => Ok(project),
        Some(_) => Err(Error::not_found("project")),
    }
}

fn is_known<T>((_, summary): &(ProjectId, Option<T>)) -> bool {
    summary.is_some()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
