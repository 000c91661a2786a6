//! Export of backlogs: the request, and the work.

mod create;
mod tasks;
mod work;

pub use create::{__path_export_create, export_create};
pub use work::ExportWork;
