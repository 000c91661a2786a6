//! The bodies of requests, and what is left of them once they are checked.

mod export;
mod import;

pub use export::{ExportFormat, ExportIn, ExportInclude, ExportRequest};
pub use import::{
    ImportContent, ImportDefaults, ImportFormat, ImportIn, ImportInclude, ImportOptions,
    ImportRequest, OnConflict, Preset,
};
