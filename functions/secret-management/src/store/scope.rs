//! What is known of projects: whether they are there, as far as that was said.

use millwright_core::{ProjectId, Tenant, Timestamp};
use millwright_store::{Item, Key, Partition};
use serde::{Deserialize, Serialize};

/// What was said last of a project. Events come in any order.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProjectMark {
    pub project_id: ProjectId,
    pub is_deleted: bool,
    /// When it happened there.
    pub at: Timestamp,
}

impl ProjectMark {
    pub fn place(tenant: &Tenant, project: ProjectId) -> Key {
        projects_of(tenant).at(project)
    }
}

pub fn projects_of(tenant: &Tenant) -> Partition {
    Partition::of(tenant).and("PROJECTS")
}

impl Item for ProjectMark {
    const KIND: &'static str = "project_mark";

    fn key(&self, tenant: &Tenant) -> Key {
        ProjectMark::place(tenant, self.project_id)
    }
}

/// Where everything of an organization lies that is not of one secret or day.
pub fn parts_of(tenant: &Tenant) -> Vec<Partition> {
    let own = || Partition::of(tenant);
    // The keys come last: which was in force keeps others from making one.
    vec![
        own().and("POLICIES"),
        own().and("SETTINGS"),
        own().and("COUNT"),
        own().and("PROJECTS"),
        own().and("POSTURE"),
        own().and("KEY"),
    ]
}
