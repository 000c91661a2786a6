//! The kinds of jobs and what works them off.

use std::sync::Arc;

use millwright_job::Work;

use super::Works;
use crate::{
    app::Planning, domain::JobKind, export::ExportWork, import::ImportWork, job::PlanningJobs,
};

/// What works off the jobs of each kind.
pub fn works(planning: Planning) -> Works {
    Arc::new(move |kind| {
        let work: Arc<dyn Work<PlanningJobs>> = match kind {
            JobKind::TaskImport => Arc::new(ImportWork::new(planning.clone())),
            JobKind::TaskExport => Arc::new(ExportWork::new(planning.clone())),
        };
        Some(work)
    })
}
