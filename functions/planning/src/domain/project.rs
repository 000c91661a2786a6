//! The project: the root of everything in planning.

use millwright_core::{
    Change, Error, Line, Patch, ProjectId, Result, TeamId, Timestamp, UserId, codes, wire_enum,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ActorId, ProjectDescription, ProjectKey, Stamp};

/// 1-100 characters, unique among the projects of an organization, case-insensitive.
pub type ProjectName = Line<1, 100>;

wire_enum! {
    /// An archived project is read-only.
    pub enum ProjectStatus {
        Active = "active",
        Archived = "archived",
    }
}

wire_enum! {
    /// Who sees a project.
    pub enum Visibility {
        Organization = "organization",
    }
}

/// Rules of a project.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ProjectSettings {
    /// Tasks reach `done` only from `review`.
    pub require_review: bool,
}

/// A project without its description: what lists show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProjectSummary {
    pub id: ProjectId,
    pub key: ProjectKey,
    pub name: ProjectName,
    pub team_id: Option<TeamId>,
    pub lead_id: Option<UserId>,
    pub visibility: Visibility,
    pub status: ProjectStatus,
    pub settings: ProjectSettings,
    pub version: u64,
    pub created_at: Timestamp,
    pub created_by: ActorId,
    pub updated_at: Timestamp,
    pub updated_by: ActorId,
    pub deleted_at: Option<Timestamp>,
    pub purge_at: Option<Timestamp>,
}

/// A project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "id": "prj_01jdz7xk2nf5h9vq3w8c6m4t0b",
    "key": "WEB",
    "name": "Web console",
    "description": "Everything our users see.",
    "teamId": null,
    "leadId": "usr_01jdz7xk2nf5h9vq3w8c6m4t0b",
    "visibility": "organization",
    "status": "active",
    "settings": { "requireReview": false },
    "version": 1,
    "createdAt": "2026-11-23T01:04:58.000Z",
    "createdBy": "usr_01jdz7xk2nf5h9vq3w8c6m4t0b",
    "updatedAt": "2026-11-23T01:04:58.000Z",
    "updatedBy": "usr_01jdz7xk2nf5h9vq3w8c6m4t0b",
    "deletedAt": null,
    "purgeAt": null,
}))]
pub struct Project {
    #[serde(flatten)]
    pub summary: ProjectSummary,
    pub description: ProjectDescription,
    /// The version in which the description changed last: head and body of storage name it both,
    /// so that a read between two halves of a write is noticed.
    #[serde(skip)]
    #[schema(ignore)]
    pub body_version: u64,
}

/// What a PATCH of a project changes.
#[derive(Clone, Debug, Default)]
pub struct ProjectPatch {
    pub name: Change<ProjectName>,
    pub description: Patch<ProjectDescription>,
    pub team_id: Patch<TeamId>,
    pub lead_id: Patch<UserId>,
    pub require_review: Patch<bool>,
}

impl Project {
    /// The project after the patch; equal to this one but for the stamp if nothing changes.
    pub fn patched(&self, patch: ProjectPatch) -> Project {
        let mut next = self.clone();
        patch.name.apply_to(&mut next.summary.name);
        patch.description.apply_or_default(&mut next.description);
        patch.team_id.apply_to_option(&mut next.summary.team_id);
        patch.lead_id.apply_to_option(&mut next.summary.lead_id);
        patch.require_review.apply_or_default(&mut next.summary.settings.require_review);
        next
    }

    /// # Errors
    /// `invalid_state` if it is archived already.
    pub fn archived(&self) -> Result<Project> {
        self.with_status(ProjectStatus::Active, ProjectStatus::Archived)
    }

    /// # Errors
    /// `invalid_state` if it is not archived.
    pub fn unarchived(&self) -> Result<Project> {
        self.with_status(ProjectStatus::Archived, ProjectStatus::Active)
    }

    /// The project, hidden until it is purged.
    ///
    /// # Errors
    /// `invalid_state` if it is not archived.
    pub fn deleted(&self, now: Timestamp, purge_at: Timestamp) -> Result<Project> {
        if !self.summary.is_archived() {
            return Err(Error::new(codes::INVALID_STATE, "archive the project first")
                .with("from", self.summary.status.as_str())
                .with("to", "deleted"));
        }
        let mut next = self.clone();
        next.summary.deleted_at = Some(now);
        next.summary.purge_at = Some(purge_at);
        Ok(next)
    }

    /// The project, seen again, archived; unchanged if it was not deleted.
    #[must_use]
    pub fn restored(&self) -> Project {
        let mut next = self.clone();
        next.summary.deleted_at = None;
        next.summary.purge_at = None;
        next
    }

    fn with_status(&self, from: ProjectStatus, to: ProjectStatus) -> Result<Project> {
        if self.summary.status != from {
            let detail = format!("the project is {}", self.summary.status);
            return Err(Error::new(codes::INVALID_STATE, detail)
                .with("from", self.summary.status.as_str())
                .with("to", to.as_str()));
        }
        let mut next = self.clone();
        next.summary.status = to;
        Ok(next)
    }

    /// The next version after `before`, by whom and when. Times of one project never run backwards.
    #[must_use]
    pub fn stamped(mut self, before: &Project, stamp: &Stamp) -> Project {
        self.summary.version += 1;
        if self.description != before.description {
            self.body_version = self.summary.version;
        }
        self.summary.updated_at = stamp.at.max(self.summary.updated_at);
        self.summary.updated_by = stamp.by.clone();
        self
    }
}

impl ProjectSummary {
    pub fn is_archived(&self) -> bool {
        self.status == ProjectStatus::Archived
    }

    /// The name as it is compared and sorted.
    pub fn folded_name(&self) -> String {
        self.name.as_str().to_lowercase()
    }
}
