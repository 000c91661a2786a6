//! Items of a project.

use millwright_core::{Error, ProjectId, Result, TeamId, Tenant};
use millwright_store::{
    Assembled, Condition, Index, IndexKeys, Item, Key, Partition, RawItem, Step, Transaction,
    Update,
};
use serde::{Deserialize, Serialize};

use crate::domain::{
    Project, ProjectDescription, ProjectKey, ProjectName, ProjectStatus, ProjectSummary,
};

pub const MAX_PROJECTS_PER_ORGANIZATION: u64 = 2_000;
pub const MAX_PROJECTS_PER_TEAM: u64 = 200;

/// P = `O#PRJ#<project>`.
pub fn project_partition(tenant: &Tenant, id: ProjectId) -> Partition {
    Partition::of(tenant).and("PRJ").and(id)
}

pub fn projects_of_status(tenant: &Tenant, status: ProjectStatus) -> Partition {
    Partition::of(tenant).and("PRJS").and(status)
}

pub fn projects_of_team(tenant: &Tenant, team: TeamId) -> Partition {
    Partition::of(tenant).and("PRJS").and("TEAM").and(team)
}

/// The summary of a project: what lists and the cache need.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProjectHead {
    pub version: u64,
    pub summary: ProjectSummary,
    pub body_version: u64,
}

impl ProjectHead {
    pub fn of(project: &Project) -> ProjectHead {
        ProjectHead {
            version: project.summary.version,
            summary: project.summary.clone(),
            body_version: project.body_version,
        }
    }

    pub fn place(tenant: &Tenant, id: ProjectId) -> Key {
        project_partition(tenant, id).at("HEAD")
    }
}

impl Item for ProjectHead {
    const KIND: &'static str = "project";

    fn key(&self, tenant: &Tenant) -> Key {
        ProjectHead::place(tenant, self.summary.id)
    }

    /// A deleted project is in no list.
    fn index_keys(&self, tenant: &Tenant) -> IndexKeys {
        if self.summary.deleted_at.is_some() {
            return IndexKeys::default();
        }
        let sort_key = format!("{}#{}", self.summary.folded_name(), self.summary.id);
        let by_status = projects_of_status(tenant, self.summary.status);
        let keys = IndexKeys::default().on(Index::Gsi1, by_status, &sort_key);
        match self.summary.team_id {
            Some(team) => keys.on(Index::Gsi2, projects_of_team(tenant, team), &sort_key),
            None => keys,
        }
    }
}

/// The long text of a project.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProjectBody {
    pub project_id: ProjectId,
    pub body_version: u64,
    pub description: ProjectDescription,
}

impl Item for ProjectBody {
    const KIND: &'static str = "project_body";

    fn key(&self, tenant: &Tenant) -> Key {
        project_partition(tenant, self.project_id).at("HEAD#BODY")
    }
}

impl Project {
    /// From what one Query for `HEAD` finds.
    pub fn assemble(items: &[RawItem]) -> Result<Assembled<Project>> {
        let Some(head) = items.iter().find(|item| item.is::<ProjectHead>()) else {
            return Ok(Assembled::Nothing);
        };
        let head: ProjectHead = head.decode()?;
        let body = items.iter().find(|item| item.is::<ProjectBody>());
        let Some(body) = body.map(RawItem::decode::<ProjectBody>).transpose()? else {
            return Ok(Assembled::Torn);
        };
        if body.body_version != head.body_version {
            return Ok(Assembled::Torn);
        }
        Ok(Assembled::Whole(Project {
            summary: head.summary,
            description: body.description,
            body_version: head.body_version,
        }))
    }

    pub fn body(&self) -> ProjectBody {
        ProjectBody {
            project_id: self.summary.id,
            body_version: self.body_version,
            description: self.description.clone(),
        }
    }
}

/// The one sequence of numbers of a project's tasks. Every creation changes it, so the archived
/// flag here stops creations at once.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Counter {
    pub project_id: ProjectId,
    pub last_number: u64,
    pub archived: bool,
}

impl Counter {
    pub fn place(tenant: &Tenant, id: ProjectId) -> Key {
        project_partition(tenant, id).at("COUNTER")
    }

    /// Takes the `count` numbers after `last`, which must be the last one given; the project must
    /// not be archived.
    pub fn take(transaction: &mut Transaction, id: ProjectId, last: u64, count: u64) -> Step {
        let next = Condition::default().equals("lastNumber", last).equals("archived", false);
        let key = Counter::place(transaction.tenant(), id);
        transaction.update(&key, &Update::when(next).set("lastNumber", last + count))
    }

    /// Requires that the project is not archived, at this very moment.
    pub fn check_active(transaction: &mut Transaction, id: ProjectId) -> Step {
        let key = Counter::place(transaction.tenant(), id);
        transaction.check(&key, Condition::default().equals("archived", false))
    }

    pub fn set_archived(transaction: &mut Transaction, id: ProjectId, archived: bool) -> Step {
        let key = Counter::place(transaction.tenant(), id);
        transaction.update(&key, &Update::when(Condition::exists()).set("archived", archived))
    }
}

impl Item for Counter {
    const KIND: &'static str = "project_counter";

    fn key(&self, tenant: &Tenant) -> Key {
        Counter::place(tenant, self.project_id)
    }
}

/// A project key is given once, for ever.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProjectKeyMarker {
    pub key: ProjectKey,
    #[serde(rename = "projectId")]
    pub project_id: ProjectId,
}

impl ProjectKeyMarker {
    pub fn place(tenant: &Tenant, key: &ProjectKey) -> Key {
        Partition::of(tenant).and("UNIQ").at(format!("PKEY#{key}"))
    }
}

impl Item for ProjectKeyMarker {
    const KIND: &'static str = "project_key";

    fn key(&self, tenant: &Tenant) -> Key {
        ProjectKeyMarker::place(tenant, &self.key)
    }
}

/// A project name is held by one project at a time, case-insensitive.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProjectNameMarker {
    #[serde(rename = "foldedName")]
    pub folded_name: String,
    #[serde(rename = "projectId")]
    pub project_id: ProjectId,
}

impl ProjectNameMarker {
    pub fn of(name: &ProjectName, project_id: ProjectId) -> ProjectNameMarker {
        ProjectNameMarker { folded_name: name.as_str().to_lowercase(), project_id }
    }
}

impl Item for ProjectNameMarker {
    const KIND: &'static str = "project_name";

    fn key(&self, tenant: &Tenant) -> Key {
        Partition::of(tenant).and("UNIQ").at(format!("PNAME#{}", self.folded_name))
    }
}

/// How many projects there are, for the limits.
pub struct ProjectCounts;

impl ProjectCounts {
    /// Counts one more, within the limit.
    pub fn add(transaction: &mut Transaction, team: Option<TeamId>) {
        let (sort_key, limit, max) = match team {
            None => {
                ("PROJECTS".to_owned(), "projects per organization", MAX_PROJECTS_PER_ORGANIZATION)
            }
            Some(team) => (format!("TEAM#{team}"), "projects per team", MAX_PROJECTS_PER_TEAM),
        };
        let key = Partition::of(transaction.tenant()).and("COUNT").at(sort_key);
        let below = Condition::default().less_than("count", max).or_attribute_absent("count");
        let step = transaction.update(&key, &Update::when(below).add("count", 1));
        transaction.refused_as(step, Error::limit_reached(limit, max));
    }

    /// Counts one less.
    pub fn remove(transaction: &mut Transaction, team: Option<TeamId>) {
        let sort_key = team.map_or_else(|| "PROJECTS".to_owned(), |team| format!("TEAM#{team}"));
        let key = Partition::of(transaction.tenant()).and("COUNT").at(sort_key);
        transaction.update(&key, &Update::new().add("count", -1));
    }
}
