//! The exact cycle check: `blocks` is a directed acyclic graph over an organization, whoever adds
//! what at the same time.
//!
//! Every change of a relation moves the graph version of the projects at both ends. A walk reads
//! the version of each project before its first task; the transaction that adds the edge requires
//! all of them unchanged, so what was walked is what is written to.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use millwright_core::{Error, ProjectId, Result, TaskId, Tenant};
use millwright_store::Transaction;

use crate::{
    app::Planning,
    codes,
    domain::{Edge, RelationKind},
    store::{GraphVersion, TaskHead, TaskRelations},
};

/// The most tasks one walk visits.
const MAX_TASKS: usize = 2_000;
/// The most levels it descends.
const MAX_LEVELS: usize = 64;
/// The most projects beside the two of the edge: each is one item of the transaction.
const MAX_OTHER_PROJECTS: usize = 20;

/// Graph versions of projects, as they were read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Versions(BTreeMap<ProjectId, u64>);

impl Versions {
    /// Reads those it does not know. At most one BatchGetItem.
    async fn learn(
        &mut self,
        planning: &Planning,
        tenant: &Tenant,
        projects: impl IntoIterator<Item = ProjectId>,
    ) -> Result<()> {
        let unknown: BTreeSet<ProjectId> =
            projects.into_iter().filter(|project| !self.0.contains_key(project)).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let place = |project: &ProjectId| GraphVersion::place(tenant, *project);
        let keys: Vec<_> = unknown.iter().map(place).collect();
        let items = planning.store.get_many(&keys).await?;
        for (project, key) in unknown.into_iter().zip(keys) {
            let item = items.iter().find(|item| item.partition_key() == key.partition());
            self.0.insert(project, GraphVersion::read(item));
        }
        Ok(())
    }

    /// As [`Versions::learn`], all from the beginning.
    pub async fn read(
        planning: &Planning,
        tenant: &Tenant,
        projects: impl IntoIterator<Item = ProjectId>,
    ) -> Result<Versions> {
        let mut versions = Versions::default();
        versions.learn(planning, tenant, projects).await?;
        Ok(versions)
    }

    /// Moves those of `ends` and requires all others unchanged: one item each.
    pub fn write(&self, transaction: &mut Transaction, ends: [ProjectId; 2]) {
        for (project, version) in &self.0 {
            match ends.contains(project) {
                true => GraphVersion::bump(transaction, *project, *version),
                false => GraphVersion::require(transaction, *project, *version),
            }
        }
    }
}

/// Walks from `start` along `blocks`, breadth first, deleted tasks included, and answers `versions`
/// with those of the projects it met. One BatchGetItem per level and 100 tasks, and one for each
/// level that meets another project.
///
/// # Errors
/// `relation_cycle` with the keys of the cycle if it meets `target`, `graph_too_large` beyond
/// 2,000 tasks, 64 levels or 20 other projects; `contention` if the cycle was undone meanwhile.
pub async fn check_acyclic(
    planning: &Planning,
    tenant: &Tenant,
    mut versions: Versions,
    start: (TaskId, &[Edge]),
    target: TaskId,
) -> Result<Versions> {
    let (start, edges) = start;
    let ends = versions.0.len();
    let mut reached_from: HashMap<TaskId, TaskId> = HashMap::new();
    let mut level: Vec<Edge> = Vec::new();
    let blocked = |edges: &[Edge]| -> Vec<Edge> {
        edges.iter().filter(|edge| edge.kind == RelationKind::Blocks).copied().collect()
    };
    for edge in blocked(edges) {
        reached_from.insert(edge.task_id, start);
        level.push(edge);
    }
    for _ in 0..MAX_LEVELS {
        if reached_from.contains_key(&target) {
            return Err(cycle(planning, tenant, &versions, &reached_from, start, target).await);
        }
        if level.is_empty() {
            return Ok(versions);
        }
        if reached_from.len() > MAX_TASKS {
            return Err(too_large("tasks", MAX_TASKS));
        }
        versions.learn(planning, tenant, level.iter().map(|edge| edge.project_id)).await?;
        if versions.0.len() > ends + MAX_OTHER_PROJECTS {
            return Err(too_large("other projects", MAX_OTHER_PROJECTS));
        }
        let place = |edge: &Edge| TaskRelations::place(tenant, edge.task_id);
        let keys: Vec<_> = level.iter().map(place).collect();
        level.clear();
        for item in planning.store.get_many(&keys).await? {
            let relations: TaskRelations = item.decode()?;
            for edge in blocked(&relations.edges) {
                if edge.task_id != start && !reached_from.contains_key(&edge.task_id) {
                    reached_from.insert(edge.task_id, relations.task_id);
                    level.push(edge);
                }
            }
        }
    }
    if level.is_empty() {
        return Ok(versions);
    }
    Err(too_large("levels", MAX_LEVELS))
}

fn too_large(what: &str, max: usize) -> Error {
    let detail = format!("the check would visit more than {max} {what}: split the graph");
    Error::new(codes::GRAPH_TOO_LARGE, detail).with("limit", what).with("max", max)
}

/// The refusal, with the cycle's keys in order from the blocking task on; a lost race if the graph
/// has changed since the walk began, since then the way may have been gone before it was closed.
async fn cycle(
    planning: &Planning,
    tenant: &Tenant,
    versions: &Versions,
    reached_from: &HashMap<TaskId, TaskId>,
    start: TaskId,
    target: TaskId,
) -> Error {
    let mut way = vec![target];
    let mut at = target;
    while let Some(before) = reached_from.get(&at).filter(|_| way.len() <= MAX_LEVELS) {
        way.push(*before);
        if *before == start {
            break;
        }
        at = *before;
    }
    // From the target the new edge leads to the start, and the walk back to the target.
    way.push(target);
    way.reverse();
    match keys_of(planning, tenant, versions, &way).await {
        Ok(keys) => {
            let detail = format!("it would close the cycle {}", keys.join(" -> "));
            Error::new(codes::RELATION_CYCLE, detail).with("cycle", keys)
        }
        Err(error) => error,
    }
}

async fn keys_of(
    planning: &Planning,
    tenant: &Tenant,
    versions: &Versions,
    way: &[TaskId],
) -> Result<Vec<String>> {
    let distinct: BTreeSet<TaskId> = way.iter().copied().collect();
    let places: Vec<_> = distinct.iter().map(|id| TaskHead::place(tenant, *id)).collect();
    let mut keys: HashMap<TaskId, String> = HashMap::new();
    for item in planning.store.get_many(&places).await? {
        let head: TaskHead = item.decode()?;
        keys.insert(head.summary.id, head.summary.key);
    }
    let now = Versions::read(planning, tenant, versions.0.keys().copied()).await?;
    if now != *versions {
        return Err(Error::lost_race());
    }
    Ok(way.iter().filter_map(|id| keys.get(id).cloned()).collect())
}
