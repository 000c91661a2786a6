//! Bytes to rows.

mod build;
mod comments;
mod csv;
mod draft;
mod fields;
mod github;
mod json;
mod links;
mod native;
mod people;
mod scalar;
mod text;

use std::collections::{BTreeSet, HashMap};

use millwright_core::{Timestamp, wire_enum};

use self::{csv::CsvRows, draft::Draft, json::JsonRows};
use super::{
    Field, ImportFormat, ImportOptions, ImportRow, Outcome, Row, RowProblem, RowProblemCode,
    Warnings, identity::external_id_of, limits,
};
use crate::domain::{ExternalId, Source};

/// How to read a file.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a> {
    pub options: &'a ImportOptions,
    /// When the import was asked for, the same however often the file is read: times over five
    /// minutes later are refused.
    pub now: Timestamp,
}

wire_enum! {
    /// Why a whole file is not imported.
    pub enum UnreadableCode {
        ImportUnreadable = "import_unreadable",
        TooLarge = "too_large",
    }
}

/// Why a whole file is not imported. No row of it was given out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    pub code: UnreadableCode,
    pub detail: String,
}

impl Unreadable {
    fn new(detail: impl Into<String>) -> Unreadable {
        Unreadable { code: UnreadableCode::ImportUnreadable, detail: detail.into() }
    }

    fn too_large(detail: impl Into<String>) -> Unreadable {
        Unreadable { code: UnreadableCode::TooLarge, detail: detail.into() }
    }
}

/// The rows of a file, in its order. Holds the external ids met so far and, of JSON, where each row
/// is: at most 24 bytes a row beside the ids.
pub struct Reader<'a> {
    reading: Reading<'a>,
    rows: Rows<'a>,
    number: u32,
    /// The row that has the id.
    seen: HashMap<(Source, ExternalId), u32>,
    unmapped: BTreeSet<String>,
}

enum Rows<'a> {
    Json(JsonRows<'a>),
    Csv(Box<CsvRows<'a>>),
}

/// A row before its values are looked at: where it begins, and what it says.
struct RawRow {
    line: u32,
    content: Result<Content, RowProblem>,
}

enum Content {
    Task(Draft),
    /// Native: further comments of a task.
    Comments(serde_json::Map<String, serde_json::Value>),
    Skipped(&'static str),
}

impl Content {
    fn external_id(&self) -> Option<ExternalId> {
        let Content::Task(draft) = self else { return None };
        let text = match draft.first(Field::ExternalId)? {
            serde_json::Value::String(text) => text.clone(),
            serde_json::Value::Number(number) => number.to_string(),
            _ => return None,
        };
        external_id_of(&text).map(|(id, _)| id)
    }
}

impl<'a> Reader<'a> {
    /// Looks at the whole file once: that it is UTF-8, that a JSON document is one, that there is a
    /// title column, how many rows there are. Nothing is imported of a file that fails here.
    ///
    /// # Errors
    /// `import_unreadable`, `too_large`.
    pub fn open(content: &'a [u8], reading: Reading<'a>) -> Result<Reader<'a>, Unreadable> {
        if content.len() > limits::MAX_BYTES {
            let detail = format!("the file has over {} bytes", limits::MAX_BYTES);
            return Err(Unreadable::too_large(detail));
        }
        let text = std::str::from_utf8(content).map_err(|error| {
            Unreadable::new(format!("the file is not UTF-8 at byte {}", error.valid_up_to()))
        })?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut unmapped = BTreeSet::new();
        let rows = match reading.options.format {
            ImportFormat::Csv => {
                let rows = CsvRows::open(text, reading.options)?;
                unmapped.extend(rows.unmapped().take(limits::MAX_UNMAPPED_COLUMNS));
                Rows::Csv(Box::new(rows))
            }
            ImportFormat::JsonLines => Rows::Json(JsonRows::of_lines(text)?),
            ImportFormat::Json => Rows::Json(JsonRows::of_document(text, reading.options)?),
        };
        Ok(Reader { reading, rows, number: 0, seen: HashMap::new(), unmapped })
    }

    /// How many rows the file has.
    pub fn total(&self) -> u32 {
        match &self.rows {
            Rows::Json(rows) => rows.total(),
            Rows::Csv(rows) => rows.total(),
        }
    }

    /// Goes on with row `number`. The rows before it are read and dropped, since which of two rows
    /// with one id wins depends on them; a whole file of 50 MB takes a second or so of one core.
    pub fn skip_to(&mut self, number: u32) {
        while self.number + 1 < number && self.next().is_some() {}
    }

    /// The columns (of JSON: keys of the row) met so far that fill no field, sorted; at most
    /// [`limits::MAX_UNMAPPED_COLUMNS`]. All of them after the last row.
    pub fn unmapped_columns(&self) -> impl Iterator<Item = &str> {
        self.unmapped.iter().map(String::as_str)
    }

    fn next_raw(&mut self) -> Option<RawRow> {
        let mut note = |column: &str| {
            let new = self.unmapped.len() < limits::MAX_UNMAPPED_COLUMNS
                && !self.unmapped.contains(column);
            if new {
                self.unmapped.insert(column.chars().take(200).collect());
            }
        };
        match &mut self.rows {
            Rows::Json(rows) => rows.next(self.reading.options, &mut note),
            Rows::Csv(rows) => rows.next(),
        }
    }

    fn outcome(
        &mut self,
        content: Content,
        warnings: &mut Warnings,
    ) -> Result<Outcome, RowProblem> {
        Ok(match content {
            Content::Skipped(why) => Outcome::Skipped(why),
            Content::Comments(row) => {
                Outcome::Comments(build::comments_row(row, &self.reading, warnings)?)
            }
            Content::Task(draft) => {
                let row = build::task_row(draft, &self.reading, warnings)?;
                self.claim(&row)?;
                Outcome::Task(Box::new(row))
            }
        })
    }

    /// The first good row with an id has it.
    fn claim(&mut self, row: &ImportRow) -> Result<(), RowProblem> {
        let source = row.source.clone().unwrap_or_else(|| self.reading.options.source.clone());
        let first = *self.seen.entry((source, row.external_id.clone())).or_insert(self.number);
        if first == self.number {
            return Ok(());
        }
        let detail = format!("row {first} has the external id {} already", row.external_id);
        Err(RowProblem::new(RowProblemCode::DuplicateExternalId, detail))
    }
}

impl Iterator for Reader<'_> {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        let RawRow { line, content } = self.next_raw()?;
        self.number += 1;
        let mut warnings = Warnings::default();
        let given = content.as_ref().ok().and_then(Content::external_id);
        let outcome = content
            .and_then(|content| self.outcome(content, &mut warnings))
            .unwrap_or_else(Outcome::Failed);
        let external_id = match &outcome {
            Outcome::Task(row) => Some(row.external_id.clone()),
            _ => given,
        };
        Some(Row { number: self.number, line, external_id, outcome, warnings })
    }
}

/// What a row over the limit is told.
fn row_too_large() -> RowProblem {
    let detail = format!("the row has over {} bytes", limits::MAX_ROW_BYTES);
    RowProblem::new(RowProblemCode::TooLarge, detail)
}

fn too_many_rows() -> Unreadable {
    Unreadable::too_large(format!("the file has over {} rows", limits::MAX_ROWS))
}

/// Tells the line of rising places in a text.
struct Lines<'a> {
    text: &'a [u8],
    at: usize,
    line: u32,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Lines<'a> {
        Lines { text: text.as_bytes(), at: 0, line: 1 }
    }

    /// The line of byte `to`, from 1 on. A line ends in LF, CRLF or CR.
    fn of(&mut self, to: usize) -> u32 {
        let passed = self.text.get(self.at..to).unwrap_or_default();
        let breaks = passed.iter().enumerate().filter(|(index, byte)| match byte {
            b'\n' => true,
            b'\r' => self.text.get(self.at + index + 1) != Some(&b'\n'),
            _ => false,
        });
        self.line += u32::try_from(breaks.count()).unwrap_or(u32::MAX);
        self.at = self.at.max(to);
        self.line
    }
}
