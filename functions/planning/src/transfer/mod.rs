//! Import and export of backlogs, the pure part: bytes to rows, and tasks to bytes. No I/O, no
//! clock, no randomness: the same bytes and the same [`Reading`] give the same rows again, which is
//! what a worker that resumes rests on.
//!
//! Reading ([`Reader`]) holds the file, one row, and the external ids met so far. Writing
//! ([`write_task`], [`CsvColumns`]) holds one task.

mod field;
mod identity;
mod names;
mod read;
mod request;
mod row;
mod write;

pub use field::{Field, FieldMapping};
pub use identity::{ExternalReference, ImportSource, Person, PersonName};
pub use read::{Reader, Reading, Unreadable, UnreadableCode};
pub use request::{
    ExportFormat, ExportIn, ExportInclude, ExportRequest, ImportContent, ImportDefaults,
    ImportFormat, ImportIn, ImportInclude, ImportOptions, ImportRequest, OnConflict, Preset,
};
pub use row::{
    CommentsRow, ExternalRelations, ImportComment, ImportRow, Outcome, Row, RowProblem,
    RowProblemCode, Warning, WarningCode, Warnings,
};
pub use write::{
    CsvColumns, ExportComment, ExportLinks, ExportTask, export_identity, write_comments,
    write_history, write_task,
};

/// The limits of a file.
pub mod limits {
    pub const MAX_BYTES: usize = 50 * 1024 * 1024;
    pub const MAX_ROWS: u32 = 50_000;
    pub const MAX_ROW_BYTES: usize = 256 * 1024;
    pub const MAX_ROW_COMMENTS: usize = 500;
    /// How deep the JSON of a row may nest.
    pub const MAX_DEPTH: usize = 64;
    /// How many unknown columns are named.
    pub const MAX_UNMAPPED_COLUMNS: usize = 200;
}
