//! Projects: input, and what creates and reads them.

pub mod change;

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Change, Error, Faults, Patch, ProjectId, Result, TeamId, UserId};
use millwright_http::{
    Allowed, Answered, Created, Listed, Listing, PathParameter, Representation, Submission,
    Versioned,
};
use millwright_store::{Index, Query};
use utoipa::{IntoParams, ToSchema};

use crate::{
    app::Planning,
    codes,
    domain::{
        Project, ProjectDescription, ProjectKey, ProjectName, ProjectPatch, ProjectReference,
        ProjectSettings, ProjectStatus, ProjectSummary, Visibility,
    },
    events::{ProjectCreated, ProjectData},
    permissions::{ProjectCreate, ProjectRead},
    store::{
        Counter, FieldChange, ProjectCounts, ProjectHead, ProjectKeyMarker, projects_of_status,
        projects_of_team,
    },
};

use change::{history_item, take_name};

/// A new project.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({
    "key": "WEB",
    "name": "Web console",
    "description": "Everything our users see.",
}))]
pub struct ProjectIn {
    /// Unique in the organization for ever; never changes.
    key: ProjectKey,
    /// Unique in the organization, case-insensitive.
    name: ProjectName,
    #[deserr(default)]
    #[schema(required = false)]
    description: ProjectDescription,
    #[deserr(default)]
    team_id: Option<TeamId>,
    /// The creator if not given.
    #[deserr(default)]
    lead_id: Option<UserId>,
    #[deserr(default = Visibility::Organization)]
    #[schema(required = false)]
    visibility: Visibility,
    #[deserr(default)]
    #[schema(required = false)]
    settings: ProjectSettingsIn,
}

/// Rules of a new project.
#[derive(Debug, Default, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase")]
pub struct ProjectSettingsIn {
    /// Tasks reach `done` only from `review`.
    #[deserr(default)]
    #[schema(required = false, default = false)]
    require_review: bool,
}

/// A change of a project.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "name": "Web console 2" }))]
pub struct ProjectPatchIn {
    #[deserr(default)]
    #[schema(required = false)]
    name: Change<ProjectName>,
    #[deserr(default)]
    #[schema(required = false)]
    description: Patch<ProjectDescription>,
    #[deserr(default)]
    #[schema(required = false)]
    team_id: Patch<TeamId>,
    #[deserr(default)]
    #[schema(required = false)]
    lead_id: Patch<UserId>,
    #[deserr(default)]
    #[schema(required = false)]
    settings: ProjectSettingsPatchIn,
}

/// A change of a project's rules.
#[derive(Debug, Default, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase")]
pub struct ProjectSettingsPatchIn {
    #[deserr(default)]
    #[schema(required = false)]
    require_review: Patch<bool>,
}

/// Filters of the project list: `status` or `teamId`, not both.
#[derive(Debug, Deserr, IntoParams)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[into_params(rename_all = "camelCase")]
pub struct ProjectFilters {
    /// `active` if neither filter is given.
    #[deserr(default)]
    #[param(inline)]
    status: Option<ProjectStatus>,
    #[deserr(default)]
    #[param(inline)]
    team_id: Option<TeamId>,
}

impl From<ProjectPatchIn> for ProjectPatch {
    fn from(patch: ProjectPatchIn) -> ProjectPatch {
        let ProjectPatchIn { name, description, team_id, lead_id, settings } = patch;
        let require_review = settings.require_review;
        ProjectPatch { name, description, team_id, lead_id, require_review }
    }
}

impl ProjectIn {
    fn into_project(self, id: ProjectId, stamp: crate::domain::Stamp) -> Project {
        Project {
            summary: ProjectSummary {
                id,
                key: self.key,
                name: self.name,
                team_id: self.team_id,
                // A service key creates projects without a lead.
                lead_id: self.lead_id.or_else(|| stamp.by.parse().ok()),
                visibility: self.visibility,
                status: ProjectStatus::Active,
                settings: ProjectSettings { require_review: self.settings.require_review },
                version: 1,
                created_at: stamp.at,
                created_by: stamp.by.clone(),
                updated_at: stamp.at,
                updated_by: stamp.by,
                deleted_at: None,
                purge_at: None,
            },
            description: self.description,
            body_version: 1,
        }
    }
}

impl Representation for Project {
    fn version(&self) -> u64 {
        self.summary.version
    }

    fn location(&self) -> String {
        format!("/api/v1/planning/projects/{}", self.summary.id)
    }
}

/// Create a project
///
/// The key names the project in the keys of its tasks, `WEB-1`, and is never given again. At most
/// 2,000 projects per organization and 200 per team. One transaction.
#[utoipa::path(post, path = "/api/v1/planning/projects", tag = "Projects")]
pub async fn project_create(
    caller: Allowed<ProjectCreate>,
    State(planning): State<Planning>,
    submission: Submission<ProjectIn>,
) -> Answered<Created<Project>> {
    let mut write = submission.write(&planning.store, &caller);
    let project =
        submission.input.into_project(planning.store.ids().next(), planning.stamp(&caller));
    let summary = &project.summary;
    let key = write.create(&ProjectKeyMarker { key: summary.key.clone(), project_id: summary.id });
    write.refused_as(key, Error::new(codes::KEY_TAKEN, "a project has or had this key"));
    take_name(&mut write, &summary.name, summary.id);
    ProjectCounts::add(&mut write, None);
    if summary.team_id.is_some() {
        ProjectCounts::add(&mut write, summary.team_id);
    }
    write.create(&ProjectHead::of(&project));
    write.create(&project.body());
    write.create(&Counter { project_id: summary.id, last_number: 0, archived: false });
    let changes = FieldChange::between(None, &project)?;
    write.emit(&ProjectCreated(ProjectData::of(&project, &[])))?;
    write.create(&history_item(&project, "project_create", changes));
    Ok(write.commit(Created(project)).await?)
}

/// List projects
///
/// By name. Either of one status or of one team. One query, eventually consistent.
#[utoipa::path(get, path = "/api/v1/planning/projects", tag = "Projects")]
pub async fn project_list(
    caller: Allowed<ProjectRead>,
    State(planning): State<Planning>,
    listing: Listing<ProjectFilters>,
) -> Answered<Listed<ProjectSummary>> {
    let tenant = caller.tenant();
    let query = match (listing.filters.status, listing.filters.team_id) {
        (Some(_), Some(_)) => {
            let detail = "filter by status or by teamId, not by both";
            return Err(Error::new(codes::UNSUPPORTED_FILTER, detail)
                .with("allowed", vec!["status", "teamId"])
                .into());
        }
        (None, Some(team)) => Query::index(Index::Gsi2, projects_of_team(&tenant, team)),
        (status, None) => {
            let status = status.unwrap_or(ProjectStatus::Active);
            Query::index(Index::Gsi1, projects_of_status(&tenant, status))
        }
    };
    let page = planning.store.page(&query, listing.limit, listing.from.as_ref()).await?;
    let projects: Result<Vec<ProjectSummary>> =
        page.items.iter().map(|item| item.decode_attribute("summary")).collect();
    Ok(listing.page(projects?, page.next).await?)
}

/// Read a project
///
/// By id or key, strongly consistent. One query; by key one read more.
#[utoipa::path(get, path = "/api/v1/planning/projects/{id}", tag = "Projects")]
pub async fn project_get(
    caller: Allowed<ProjectRead>,
    State(planning): State<Planning>,
    PathParameter((reference,)): PathParameter<(ProjectReference,)>,
) -> Answered<Versioned<Project>> {
    Ok(Versioned(planning.project(&caller.tenant(), &reference).await?))
}
