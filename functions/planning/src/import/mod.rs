//! Import of backlogs: the request, and the work in two passes.
//!
//! Pass 1 goes over the rows in file order: as many tasks as fit one transaction, together with
//! their numbers, results and checkpoint, then their comments. Pass 2 sets parents and relations,
//! which may point forward. Whatever crashes, each transaction happens once; and whatever is
//! imported again, each task is found by its external id, each comment by its own.

mod comments;
mod create;
mod links;
mod rows;
mod task;
mod work;

pub use create::{__path_import_create, import_create};
pub use work::ImportWork;
