//! Reading and writing backlogs: against Python's own readers, against files made by hand, there
//! and back again, and with anything at all. What a machine lacks is skipped, the reason printed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests"
)]

mod arbitrary;
mod archive;
mod csv;
mod github;
mod native;
mod python;
mod round_trip;

use millwright_core::Timestamp;
use planning::transfer::{
    ImportFormat, ImportOptions, ImportRow, Outcome, Preset, Reader, Reading, Row, RowProblem,
    Unreadable,
};

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn now() -> Timestamp {
    time("2026-11-23T12:00:00Z")
}

fn options(format: ImportFormat, preset: Preset) -> ImportOptions {
    ImportOptions::new(format, preset, "tracker".parse().expect("a source"))
}

fn open<'a>(content: &'a [u8], options: &'a ImportOptions) -> Result<Reader<'a>, Unreadable> {
    Reader::open(content, Reading { options, now: now() })
}

fn read(content: impl AsRef<[u8]>, options: &ImportOptions) -> Vec<Row> {
    let reader = open(content.as_ref(), options).expect("a readable file");
    let total = reader.total();
    let rows: Vec<Row> = reader.collect();
    assert_eq!(usize::try_from(total).expect("fits"), rows.len(), "the total is the rows");
    rows
}

fn task(row: &Row) -> &ImportRow {
    match &row.outcome {
        Outcome::Task(task) => task,
        other => panic!("row {} is {other:?}", row.number),
    }
}

fn problem(row: &Row) -> &RowProblem {
    match &row.outcome {
        Outcome::Failed(problem) => problem,
        other => panic!("row {} is {other:?}", row.number),
    }
}

/// The one task of a file.
fn only(content: impl AsRef<[u8]>, options: &ImportOptions) -> (ImportRow, Vec<String>) {
    let rows = read(content, options);
    assert_eq!(rows.len(), 1);
    (task(&rows[0]).clone(), codes(&rows[0]))
}

fn codes(row: &Row) -> Vec<String> {
    let warnings = row.warnings.clone().into_list();
    warnings.iter().map(|warning| warning.code.to_string()).collect()
}
