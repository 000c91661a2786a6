//! What planning says of its jobs.

use millwright_core::{Result, Tenant};
use millwright_event::Effects;
use millwright_job::{JobSummary as StoredJob, Jobs, Limit, jobs_of};
use millwright_store::{Index, IndexKeys};

use crate::{
    app::project_archived,
    codes,
    domain::{JobDetails, JobExtra, JobKind, JobNoun, JobStatus, MAX_JOBS},
    events::{JobCancelled, JobCompleted, JobData, JobFailed},
    store::{Counter, RunningJobs, jobs_of_project},
    worker::PLANNING_JOBS,
};

/// The jobs of planning: each of a project, which cannot be archived meanwhile.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanningJobs;

impl Jobs for PlanningJobs {
    type Noun = JobNoun;
    type Kind = JobKind;
    type Details = JobDetails;
    type Extra = JobExtra;
    const SERVICE: &'static str = "planning";
    const FUNCTION: &'static str = PLANNING_JOBS;
    const SLICE_DUE: &'static str = "planning.job.slice_due";

    fn limit(kind: JobKind) -> Option<Limit> {
        Some(Limit { counter: kind.as_str(), most: MAX_JOBS, code: codes::JOB_LIMIT })
    }

    fn index_keys(job: &StoredJob<PlanningJobs>, tenant: &Tenant) -> IndexKeys {
        let of_project = jobs_of_project(tenant, job.details.project_id);
        let of_organization = jobs_of::<PlanningJobs>(tenant);
        IndexKeys::default().on(Index::Gsi1, of_project, job.sort_key()).on(
            Index::Gsi2,
            of_organization,
            job.sort_key(),
        )
    }

    /// Two items: the project, which must not be archived, and the count of its running jobs.
    fn starting(effects: &mut Effects, job: &StoredJob<PlanningJobs>) -> Result<()> {
        let project = job.details.project_id;
        let active = Counter::check_active(effects, project);
        effects.refused_as(active, project_archived());
        RunningJobs::one_more(effects, project);
        Ok(())
    }

    /// One item, and one event.
    fn ending(effects: &mut Effects, job: &StoredJob<PlanningJobs>) -> Result<()> {
        RunningJobs::one_less(effects, job.details.project_id);
        let data = JobData::of(job);
        match job.status {
            JobStatus::Completed => effects.emit(&JobCompleted(data)),
            JobStatus::Cancelled => effects.emit(&JobCancelled(data)),
            _ => effects.emit(&JobFailed(data)),
        }
    }
}
