//! Jobs: migrations, purges and keys that are changed, as far as somebody waits for them.

mod migrate;
mod read;
mod work;

pub mod handlers {
    //! Where the table of contents finds them.
    pub use super::read::*;
}

use millwright_core::{Result, codes, wire_enum};
use millwright_event::Effects;
use millwright_job::{JobHead, JobSummary, Jobs, Limit, NewJob};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use self::work::works;
use crate::{
    domain::{DataKeyId, JobNoun, SecretId},
    work::JOBS,
};

wire_enum! {
    /// What a job does.
    pub enum JobKind {
        Migrate = "migrate",
        Purge = "purge",
        Rekey = "rekey",
    }
}

/// What it works on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobDetails {
    /// The secret or the data key.
    pub subject_id: String,
}

/// The jobs of secret-management. Nothing is announced at their end: what they do is.
#[derive(Clone, Debug, PartialEq)]
pub struct SecretJobs;

impl Jobs for SecretJobs {
    type Noun = JobNoun;
    type Kind = JobKind;
    type Details = JobDetails;
    type Extra = ();
    const SERVICE: &'static str = "secret-management";
    const FUNCTION: &'static str = JOBS;
    const SLICE_DUE: &'static str = "secrets.job.slice_due";

    fn limit(kind: JobKind) -> Option<Limit> {
        let most = match kind {
            JobKind::Migrate | JobKind::Purge => 20,
            JobKind::Rekey => 1,
        };
        Some(Limit { counter: kind.as_str(), most, code: codes::LIMIT_REACHED })
    }

    fn ending(_effects: &mut Effects, _job: &JobSummary<SecretJobs>) -> Result<()> {
        Ok(())
    }
}

/// Purges a secret whose time has come.
pub fn start_purge(
    effects: &mut Effects,
    secret: SecretId,
    by: &str,
) -> Result<JobHead<SecretJobs>> {
    let details = JobDetails { subject_id: secret.to_string() };
    NewJob { kind: JobKind::Purge, details, extra: (), request: secret }.start(effects, by)
}

/// Moves the values of a secret to where it is said to move.
pub fn start_migration(
    effects: &mut Effects,
    secret: SecretId,
    by: &str,
) -> Result<JobHead<SecretJobs>> {
    let details = JobDetails { subject_id: secret.to_string() };
    NewJob { kind: JobKind::Migrate, details, extra: (), request: secret }.start(effects, by)
}

/// Seals what is under a retired key anew.
pub fn start_rekey(effects: &mut Effects, old: DataKeyId, by: &str) -> Result<JobHead<SecretJobs>> {
    let details = JobDetails { subject_id: old.to_string() };
    NewJob { kind: JobKind::Rekey, details, extra: (), request: old }.start(effects, by)
}
