//! Items that stand for a task elsewhere: what lists by label and parent, and look-ups by external
//! id, go through.

use std::collections::BTreeSet;

use millwright_core::{Error, Label, ProjectId, TaskId, Tenant};
use millwright_store::{Item, Key, Partition, Transaction};
use serde::{Deserialize, Serialize};

use super::project_partition;
use crate::{
    codes,
    domain::{ExternalId, Source, Task, TaskSummary},
};

/// Tasks with a label, by number.
pub fn tasks_with_label(tenant: &Tenant, project: ProjectId, label: &Label) -> Partition {
    project_partition(tenant, project).and("LABEL").and(label.as_str())
}

/// Subtasks, by rank.
pub fn subtasks_of(tenant: &Tenant, parent: TaskId) -> Partition {
    Partition::of(tenant).and("LINK").and(parent)
}

/// Leads from a list to a task.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskLink {
    pub task_id: TaskId,
    #[serde(skip)]
    place: Option<Key>,
}

impl Item for TaskLink {
    const KIND: &'static str = "task_link";

    fn key(&self, tenant: &Tenant) -> Key {
        self.place.clone().unwrap_or_else(|| super::unplaced(tenant))
    }
}

/// An external id belongs to one task of a project, deleted or not.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExternalIdMarker {
    pub task_id: TaskId,
    #[serde(skip)]
    place: Option<Key>,
}

impl ExternalIdMarker {
    pub fn place(tenant: &Tenant, project: ProjectId, source: &Source, id: &ExternalId) -> Key {
        project_partition(tenant, project).and("EXT").and(source.as_str()).at(id.as_str())
    }

    fn of(tenant: &Tenant, task: &TaskSummary) -> Option<ExternalIdMarker> {
        let (source, id) = (task.source.as_ref()?, task.external_id.as_ref()?);
        let place = Some(ExternalIdMarker::place(tenant, task.project_id, source, id));
        Some(ExternalIdMarker { task_id: task.id, place })
    }
}

impl Item for ExternalIdMarker {
    const KIND: &'static str = "external_id";

    fn key(&self, tenant: &Tenant) -> Key {
        self.place.clone().unwrap_or_else(|| super::unplaced(tenant))
    }
}

/// Writes the links and markers in which a task differs from what it was: at most 20 labels gone
/// and 20 come, two for the parent, two for the external id.
pub fn relink(transaction: &mut Transaction, before: Option<&Task>, after: &Task) {
    let tenant = *transaction.tenant();
    let was = before.map(|task| places(&tenant, &task.summary)).unwrap_or_default();
    let is = places(&tenant, &after.summary);
    let task_id = after.summary.id;
    for place in was.difference(&is) {
        transaction.delete(place);
    }
    for place in is.difference(&was) {
        transaction.put(&TaskLink { task_id, place: Some(place.clone()) });
    }
    let marker_was = before.and_then(|task| ExternalIdMarker::of(&tenant, &task.summary));
    let marker_is = ExternalIdMarker::of(&tenant, &after.summary);
    let place = |marker: &Option<ExternalIdMarker>| marker.as_ref().and_then(|m| m.place.clone());
    if place(&marker_was) == place(&marker_is) {
        return;
    }
    if let Some(marker) = &marker_was {
        transaction.remove(marker);
    }
    if let Some(marker) = &marker_is {
        let step = transaction.create(marker);
        let detail = "another task of the project has this externalId from this source";
        transaction.refused_as(step, Error::new(codes::EXTERNAL_ID_TAKEN, detail));
    }
}

/// Where a task is linked from; a deleted one from nowhere.
fn places(tenant: &Tenant, task: &TaskSummary) -> BTreeSet<Key> {
    if task.deleted_at.is_some() {
        return BTreeSet::new();
    }
    let by_label = task.labels.as_slice().iter().map(|label| {
        tasks_with_label(tenant, task.project_id, label).at(super::task::digits(task.number))
    });
    let by_parent = task.parent_id.map(|parent| {
        subtasks_of(tenant, parent).at(format!("{}#{}", task.rank.as_str(), task.id))
    });
    by_label.chain(by_parent).collect()
}
