//! Rows of CSV by RFC 4180: CRLF or LF; comma, semicolon or tab.

use csv::{ReaderBuilder, StringRecord};
use serde_json::Value;

use super::{
    Content, Lines, RawRow, Unreadable,
    draft::{Draft, Vocabulary},
    row_too_large, too_many_rows,
};
use crate::transfer::{Field, ImportOptions, Preset, RowProblem, limits};

/// The delimiters that are looked for, in the order that decides a draw.
const DELIMITERS: [u8; 3] = [b',', b';', b'\t'];

/// The records below the header.
pub(super) struct CsvRows<'a> {
    text: &'a str,
    delimiter: u8,
    reader: csv::Reader<&'a [u8]>,
    record: StringRecord,
    columns: Vec<Column>,
    lines: Lines<'a>,
    total: u32,
}

enum Column {
    Fills(Field),
    Unknown(String),
}

fn reader(text: &str, delimiter: u8) -> csv::Reader<&[u8]> {
    let mut builder = ReaderBuilder::new();
    builder.has_headers(false).flexible(true).delimiter(delimiter).from_reader(text.as_bytes())
}

fn columns(header: &StringRecord, options: &ImportOptions) -> Vec<Column> {
    let column = |name: &str| {
        let name = name.trim();
        let mapped = options.mapping.0.get(name).copied();
        let native = || {
            // The comments of a CSV export are one text for people.
            let field = Field::of_column(name).filter(|field| *field != Field::Comments)?;
            (options.preset == Preset::Native && !options.mapping.fills(field)).then_some(field)
        };
        match mapped.or_else(native) {
            Some(field) => Column::Fills(field),
            None => Column::Unknown(name.to_owned()),
        }
    };
    header.iter().map(column).collect()
}

fn has_title(columns: &[Column]) -> bool {
    columns.iter().any(|column| matches!(column, Column::Fills(Field::Title)))
}

impl<'a> CsvRows<'a> {
    /// Reads the header and counts the records.
    pub fn open(text: &'a str, options: &ImportOptions) -> Result<CsvRows<'a>, Unreadable> {
        // The delimiter that finds a title, then the one that finds most columns.
        let mut best: Option<((bool, usize), u8, Vec<Column>)> = None;
        for delimiter in DELIMITERS {
            let mut header = StringRecord::new();
            let mut reader = reader(text, delimiter);
            let found = reader.read_record(&mut header).unwrap_or_default();
            let oversized = header.as_slice().len() > limits::MAX_ROW_BYTES;
            if !found || oversized {
                continue;
            }
            let columns = columns(&header, options);
            let merit = (has_title(&columns), columns.len());
            if best.as_ref().is_none_or(|(other, ..)| merit > *other) {
                best = Some((merit, delimiter, columns));
            }
        }
        let Some((_, delimiter, columns)) = best else {
            return Err(Unreadable::new("the file has no header line"));
        };
        if !has_title(&columns) {
            let names = columns.iter().filter_map(Column::unknown).take(20);
            let names: Vec<String> = names.map(|name| name.chars().take(50).collect()).collect();
            let detail = format!("no column is the title; other columns: {}", names.join(", "));
            return Err(Unreadable::new(detail));
        }
        let mut rows = CsvRows {
            text,
            delimiter,
            reader: reader(text, delimiter),
            record: StringRecord::new(),
            columns,
            lines: Lines::new(text),
            total: 0,
        };
        rows.total = count(&mut rows.reader)?;
        rows.reader = reader(text, delimiter);
        rows.advance();
        Ok(rows)
    }

    pub fn total(&self) -> u32 {
        self.total
    }

    /// The columns that fill nothing.
    pub fn unmapped(&self) -> impl Iterator<Item = String> {
        let unknown = self.columns.iter().filter_map(Column::unknown);
        unknown.map(|name| name.chars().take(200).collect())
    }

    pub fn next(&mut self) -> Option<RawRow> {
        let raw = self.advance()?;
        let line = self.lines.of(offset(self.text, raw));
        // Spreadsheets write such rows below the last.
        if self.record.iter().all(|cell| cell.trim().is_empty()) {
            return Some(RawRow { line, content: Ok(Content::Skipped("a row of blank cells")) });
        }
        Some(RawRow { line, content: self.draft(raw).map(Content::Task) })
    }

    /// Reads the next record and gives its text.
    fn advance(&mut self) -> Option<&'a str> {
        let start = position(&self.reader);
        // Only invalid UTF-8 could fail, and the text is a str.
        if !self.reader.read_record(&mut self.record).unwrap_or_default() {
            return None;
        }
        let raw = self.text.get(start..position(&self.reader)).unwrap_or_default();
        Some(raw.trim_start_matches(['\r', '\n']))
    }

    fn draft(&self, raw: &str) -> Result<Draft, RowProblem> {
        if raw.len() > limits::MAX_ROW_BYTES {
            return Err(row_too_large());
        }
        if self.is_unclosed(raw) {
            return Err(RowProblem::invalid("a quote is opened and never closed"));
        }
        let (cells, columns) = (self.record.len(), self.columns.len());
        let surplus = self.record.iter().skip(columns).any(|cell| !cell.trim().is_empty());
        if cells < columns || surplus {
            let detail = format!("the row has {cells} cells, the header has {columns}");
            return Err(RowProblem::invalid(detail));
        }
        let mut draft = Draft::new(Vocabulary::Csv);
        for (cell, column) in self.record.iter().zip(&self.columns) {
            if let Column::Fills(field) = column {
                draft.add(*field, Value::String(cell.to_owned()));
            }
        }
        Ok(draft)
    }

    /// True for a last record that swallowed the rest of the file: then a further record does not
    /// end it.
    fn is_unclosed(&self, raw: &str) -> bool {
        let is_last = self.text.len() == offset(self.text, raw) + raw.len();
        if !is_last || !raw.contains('"') {
            return false;
        }
        let extended = format!("{raw}\nx");
        let records = reader(&extended, self.delimiter).into_records().count();
        records < 2
    }
}

impl Column {
    fn unknown(&self) -> Option<&str> {
        match self {
            Column::Unknown(name) if !name.is_empty() => Some(name),
            _ => None,
        }
    }
}

fn position(reader: &csv::Reader<&[u8]>) -> usize {
    usize::try_from(reader.position().byte()).unwrap_or(usize::MAX)
}

/// Where `part` begins in `text`, which it is a part of.
fn offset(text: &str, part: &str) -> usize {
    (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize)
}

fn count(reader: &mut csv::Reader<&[u8]>) -> Result<u32, Unreadable> {
    let mut record = csv::ByteRecord::new();
    let mut records = 0;
    while reader.read_byte_record(&mut record).unwrap_or_default() {
        records += 1;
        if records > limits::MAX_ROWS + 1 {
            return Err(too_many_rows());
        }
    }
    Ok(records - 1)
}
