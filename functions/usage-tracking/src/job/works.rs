//! What works off the jobs of each kind.

use std::sync::Arc;

use millwright_files::Files;
use millwright_job::{Work, Works};

use super::{UsageJobs, export::ExportWork, rewrite::RewriteWork, roll_up::RollUpWork};
use crate::{app::Usage, domain::JobKind};

/// What works off the jobs of each kind.
pub fn works(usage: Usage, files: Files) -> Works<UsageJobs> {
    Arc::new(move |kind| {
        let work: Arc<dyn Work<UsageJobs>> = match kind {
            JobKind::RollUp => Arc::new(RollUpWork::new(usage.clone())),
            JobKind::Export => Arc::new(ExportWork::new(usage.clone(), files.clone())),
            JobKind::Reclassify | JobKind::Reprice => Arc::new(RewriteWork::new(usage.clone())),
        };
        Some(work)
    })
}
