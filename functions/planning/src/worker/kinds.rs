//! The kinds of jobs and what works them off.

use std::sync::Arc;

use super::{Work, Works};
use crate::{app::Planning, domain::JobKind, export::ExportWork, import::ImportWork};

/// What works off the jobs of each kind.
pub fn works(planning: Planning) -> Works {
    Arc::new(move |kind| {
        let work: Arc<dyn Work> = match kind {
            JobKind::TaskImport => Arc::new(ImportWork::new(planning.clone())),
            JobKind::TaskExport => Arc::new(ExportWork::new(planning.clone())),
        };
        Some(work)
    })
}
