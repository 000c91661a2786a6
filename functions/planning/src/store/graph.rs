//! The version of a project's graph: every change of its relations and parents moves it, so that
//! whoever has walked the graph knows whether it still is what was walked.

use millwright_core::{Error, ProjectId, Tenant};
use millwright_store::{Condition, Key, RawItem, Transaction, Update};

use super::project_partition;

pub struct GraphVersion;

impl GraphVersion {
    pub fn place(tenant: &Tenant, project: ProjectId) -> Key {
        project_partition(tenant, project).at("GRAPH")
    }

    /// 0 before the first change.
    pub fn read(item: Option<&RawItem>) -> u64 {
        item.and_then(|item| item.number("graphVersion")).unwrap_or_default()
    }

    fn unchanged(version: u64) -> Condition {
        let condition = Condition::default().equals("graphVersion", version);
        match version {
            0 => condition.or_attribute_absent("graphVersion"),
            _ => condition,
        }
    }

    /// One more, if it still is `version`.
    pub fn bump(transaction: &mut Transaction, project: ProjectId, version: u64) {
        let key = GraphVersion::place(transaction.tenant(), project);
        let update = Update::when(GraphVersion::unchanged(version)).add("graphVersion", 1);
        let step = transaction.update(&key, &update);
        transaction.refused_as(step, Error::lost_race());
    }

    /// One more, whatever it is.
    pub fn touch(transaction: &mut Transaction, project: ProjectId) {
        let key = GraphVersion::place(transaction.tenant(), project);
        transaction.update(&key, &Update::new().add("graphVersion", 1));
    }

    /// Still `version`.
    pub fn require(transaction: &mut Transaction, project: ProjectId, version: u64) {
        let key = GraphVersion::place(transaction.tenant(), project);
        let step = transaction.check(&key, GraphVersion::unchanged(version));
        transaction.refused_as(step, Error::lost_race());
    }
}
