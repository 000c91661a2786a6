//! How tasks stand to each other.

use std::str::FromStr;

use millwright_core::{Error, InputError, ProjectId, Result, TaskId, wire_enum};
use serde::{Deserialize, Serialize};
use utoipa::{PartialSchema, ToSchema};

wire_enum! {
    /// What one task is to another.
    pub enum RelationKind {
        /// The other waits for it.
        Blocks = "blocks",
        /// It waits for the other.
        BlockedBy = "blocked_by",
        RelatesTo = "relates_to",
        /// The other is a duplicate of it.
        Duplicates = "duplicates",
        DuplicateOf = "duplicate_of",
    }
}

impl RelationKind {
    /// What the other is to it.
    #[must_use]
    pub fn inverse(self) -> RelationKind {
        match self {
            RelationKind::Blocks => RelationKind::BlockedBy,
            RelationKind::BlockedBy => RelationKind::Blocks,
            RelationKind::RelatesTo => RelationKind::RelatesTo,
            RelationKind::Duplicates => RelationKind::DuplicateOf,
            RelationKind::DuplicateOf => RelationKind::Duplicates,
        }
    }

    /// The most relations of this kind a task has.
    pub fn max(self) -> usize {
        match self {
            RelationKind::Blocks | RelationKind::BlockedBy => 40,
            RelationKind::RelatesTo | RelationKind::Duplicates => 50,
            RelationKind::DuplicateOf => 1,
        }
    }

    /// As limits call it.
    fn plural(self) -> &'static str {
        match self {
            RelationKind::Blocks => "tasks blocked by a task",
            RelationKind::BlockedBy => "blockers of a task",
            RelationKind::RelatesTo => "related tasks of a task",
            RelationKind::Duplicates => "duplicates of a task",
            RelationKind::DuplicateOf => "tasks a task is a duplicate of",
        }
    }
}

/// The relations a path can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RelationPath(pub RelationKind);

const PATHS: [(&str, RelationKind); 4] = [
    ("blocks", RelationKind::Blocks),
    ("blocked-by", RelationKind::BlockedBy),
    ("relates-to", RelationKind::RelatesTo),
    ("duplicate-of", RelationKind::DuplicateOf),
];

impl FromStr for RelationPath {
    type Err = InputError;

    fn from_str(text: &str) -> Result<RelationPath, InputError> {
        let found = PATHS.iter().find(|(path, _)| *path == text);
        found.map(|(_, kind)| RelationPath(*kind)).ok_or_else(|| {
            InputError::not_allowed("must be blocks, blocked-by, relates-to or duplicate-of")
        })
    }
}

impl PartialSchema for RelationPath {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        let object = utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::Type::String)
            .enum_values(Some(PATHS.map(|(path, _)| path)));
        utoipa::openapi::RefOr::T(utoipa::openapi::Schema::Object(object.build()))
    }
}

impl ToSchema for RelationPath {}

/// One relation, as the task at one end keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Edge {
    pub kind: RelationKind,
    /// The task at the other end, and its project.
    pub task_id: TaskId,
    pub project_id: ProjectId,
}

/// All relations of a task, each kind in the order of adding.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(into = "RelationsView")]
pub struct Relations(Vec<Edge>);

impl Relations {
    pub fn new(edges: Vec<Edge>) -> Relations {
        Relations(edges)
    }

    pub fn edges(&self) -> &[Edge] {
        &self.0
    }

    pub fn of(&self, kind: RelationKind) -> impl Iterator<Item = &Edge> {
        self.0.iter().filter(move |edge| edge.kind == kind)
    }

    pub fn find(&self, kind: RelationKind, task: TaskId) -> Option<&Edge> {
        self.of(kind).find(|edge| edge.task_id == task)
    }

    /// The task it is a duplicate of.
    pub fn original(&self) -> Option<&Edge> {
        self.of(RelationKind::DuplicateOf).next()
    }

    /// Adds a relation; nothing happens if it is there.
    ///
    /// # Errors
    /// `limit_reached`.
    pub fn add(&mut self, edge: Edge) -> Result<()> {
        if self.find(edge.kind, edge.task_id).is_some() {
            return Ok(());
        }
        if self.of(edge.kind).count() >= edge.kind.max() {
            return Err(Error::limit_reached(edge.kind.plural(), edge.kind.max() as u64));
        }
        self.0.push(edge);
        Ok(())
    }

    /// Removes a relation, whether it is there or not.
    pub fn remove(&mut self, kind: RelationKind, task: TaskId) {
        self.0.retain(|edge| edge.kind != kind || edge.task_id != task);
    }
}

/// Relations as the API shows them: task ids.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Relations)]
pub struct RelationsView {
    /// Tasks that wait for this one.
    #[schema(max_items = 40)]
    pub blocks: Vec<TaskId>,
    /// Tasks this one waits for.
    #[schema(max_items = 40)]
    pub blocked_by: Vec<TaskId>,
    #[schema(max_items = 50)]
    pub relates_to: Vec<TaskId>,
    /// Tasks that are duplicates of this one.
    #[schema(max_items = 50)]
    pub duplicates: Vec<TaskId>,
    /// The task this one is a duplicate of; never a duplicate itself.
    pub duplicate_of: Option<TaskId>,
}

impl From<Relations> for RelationsView {
    fn from(relations: Relations) -> RelationsView {
        let of = |kind| relations.of(kind).map(|edge| edge.task_id).collect();
        RelationsView {
            blocks: of(RelationKind::Blocks),
            blocked_by: of(RelationKind::BlockedBy),
            relates_to: of(RelationKind::RelatesTo),
            duplicates: of(RelationKind::Duplicates),
            duplicate_of: relations.original().map(|edge| edge.task_id),
        }
    }
}
