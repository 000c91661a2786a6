//! The kinds of jobs and what works them off.

use std::sync::Arc;

use super::Work;
use crate::domain::JobKind;

/// What works off the jobs of a kind.
pub fn works(kind: JobKind) -> Option<Arc<dyn Work>> {
    match kind {
        JobKind::TaskImport | JobKind::TaskExport => None,
    }
}
