//! Rows of JSON Lines, of one array, or of GitHub's object of two.

use serde::de::IgnoredAny;
use serde_json::{Deserializer, Map, Value};

use super::{Draft, Lines, RawRow, Unreadable, github, native, row_too_large, too_many_rows};
use crate::transfer::{ImportInclude, ImportOptions, Preset, RowProblem, limits};

/// Which list of the document a row is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum List {
    Only,
    Issues,
    Pulls,
}

struct Span {
    start: usize,
    end: usize,
    line: u32,
    list: List,
}

/// The rows, found but not parsed.
pub(super) struct JsonRows<'a> {
    text: &'a str,
    spans: Vec<Span>,
    next: usize,
}

impl<'a> JsonRows<'a> {
    /// One row a line; blank lines are none.
    pub fn of_lines(text: &'a str) -> Result<JsonRows<'a>, Unreadable> {
        let (mut spans, mut start) = (Vec::new(), 0);
        for (index, line) in text.split('\n').enumerate() {
            if !line.trim().is_empty() {
                let number = u32::try_from(index + 1).unwrap_or(u32::MAX);
                let span = Span { start, end: start + line.len(), line: number, list: List::Only };
                push(&mut spans, span)?;
            }
            start += line.len() + 1;
        }
        Ok(JsonRows { text, spans, next: 0 })
    }

    /// One array, or with the preset github an object with `issues`, `pulls`.
    pub fn of_document(text: &'a str, options: &ImportOptions) -> Result<JsonRows<'a>, Unreadable> {
        let mut scan = Scan { text, at: 0, lines: Lines::new(text), spans: Vec::new() };
        match scan.peek() {
            Some(b'[') => scan.array(List::Only)?,
            Some(b'{') if options.preset == Preset::GitHub => scan.github(options.include)?,
            _ if options.preset == Preset::GitHub => {
                let detail = "the file is neither an array nor an object with issues and pulls";
                return Err(Unreadable::new(detail));
            }
            _ => return Err(Unreadable::new("the file is not a JSON array")),
        }
        match scan.peek() {
            None => Ok(JsonRows { text, spans: scan.spans, next: 0 }),
            Some(_) => Err(scan.broken("something follows the end of the document")),
        }
    }

    pub fn total(&self) -> u32 {
        u32::try_from(self.spans.len()).unwrap_or(u32::MAX)
    }

    pub fn next(
        &mut self,
        options: &ImportOptions,
        note_unmapped: &mut dyn FnMut(&str),
    ) -> Option<RawRow> {
        let span = self.spans.get(self.next)?;
        self.next += 1;
        let text = self.text.get(span.start..span.end).unwrap_or_default();
        let content = parse(text).and_then(|row| match options.preset {
            Preset::GitHub => github::content(row, span.list, options, note_unmapped),
            Preset::Native | Preset::Custom => native::content(row, options, note_unmapped),
        });
        Some(RawRow { line: span.line, content })
    }
}

fn push(spans: &mut Vec<Span>, span: Span) -> Result<(), Unreadable> {
    if spans.len() >= usize::try_from(limits::MAX_ROWS).unwrap_or(usize::MAX) {
        return Err(too_many_rows());
    }
    spans.push(span);
    Ok(())
}

fn parse(text: &str) -> Result<Map<String, Value>, RowProblem> {
    if text.len() > limits::MAX_ROW_BYTES {
        return Err(row_too_large());
    }
    // The parser itself stops at 128 levels, so what comes out can be walked.
    let value: Value = serde_json::from_str(text)
        .map_err(|error| RowProblem::invalid(format!("the row is not JSON: {error}")))?;
    if depth(&value) > limits::MAX_DEPTH {
        let detail = format!("the row is nested deeper than {} levels", limits::MAX_DEPTH);
        return Err(RowProblem::invalid(detail));
    }
    match value {
        Value::Object(row) => Ok(row),
        _ => Err(RowProblem::invalid("the row is not a JSON object")),
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or_default(),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or_default(),
        _ => 0,
    }
}

/// Finds where the elements of a document are. Values are stepped over, not kept, and not by
/// recursion.
struct Scan<'a> {
    text: &'a str,
    at: usize,
    lines: Lines<'a>,
    spans: Vec<Span>,
}

impl Scan<'_> {
    fn rest(&self) -> &[u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    /// The next byte that is no white space; the scan then stands at it.
    fn peek(&mut self) -> Option<u8> {
        let blank = |byte: &&u8| matches!(**byte, b' ' | b'\t' | b'\n' | b'\r');
        self.at += self.rest().iter().take_while(blank).count();
        self.rest().first().copied()
    }

    fn broken(&mut self, what: &str) -> Unreadable {
        let line = self.lines.of(self.at);
        Unreadable::new(format!("the file is not JSON at line {line}: {what}"))
    }

    /// Steps over one value.
    fn value(&mut self) -> Result<(usize, usize), Unreadable> {
        let mut values = Deserializer::from_slice(self.rest()).into_iter::<IgnoredAny>();
        let stepped = match values.next() {
            Some(Ok(_)) => Some(values.byte_offset()),
            _ => None,
        };
        let start = self.at;
        match stepped {
            Some(length) => {
                self.at += length;
                Ok((start, self.at))
            }
            None => Err(self.broken("a value is expected that ends")),
        }
    }

    /// Steps over `,`, which means there is more, or over `end`.
    fn more(&mut self, end: u8) -> Result<bool, Unreadable> {
        let next = self.peek();
        if next != Some(b',') && next != Some(end) {
            return Err(self.broken(&format!("a comma or {} is expected", char::from(end))));
        }
        self.at += 1;
        Ok(next == Some(b','))
    }

    /// True if the list or object that begins here is empty; then it is stepped over.
    fn is_empty(&mut self, end: u8) -> bool {
        self.at += 1;
        let empty = self.peek() == Some(end);
        self.at += usize::from(empty);
        empty
    }

    fn array(&mut self, list: List) -> Result<(), Unreadable> {
        if self.is_empty(b']') {
            return Ok(());
        }
        loop {
            self.peek();
            let (start, end) = self.value()?;
            let line = self.lines.of(start);
            push(&mut self.spans, Span { start, end, line, list })?;
            if !self.more(b']')? {
                return Ok(());
            }
        }
    }

    fn github(&mut self, include: ImportInclude) -> Result<(), Unreadable> {
        let mut found = false;
        let mut more = !self.is_empty(b'}');
        while more {
            self.peek();
            let (start, end) = self.value()?;
            let key = self.text.get(start..end).unwrap_or_default();
            if !key.starts_with('"') {
                return Err(self.broken("a key is expected"));
            }
            let list = match key {
                "\"issues\"" => Some((List::Issues, include != ImportInclude::Pulls)),
                "\"pulls\"" => Some((List::Pulls, include != ImportInclude::Issues)),
                _ => None,
            };
            if self.peek() != Some(b':') {
                return Err(self.broken("a colon is expected"));
            }
            self.at += 1;
            let next = self.peek();
            match list {
                Some((list, true)) if next == Some(b'[') => self.array(list)?,
                Some((_, true)) => return Err(self.broken("issues and pulls are lists")),
                _ => {
                    self.value()?;
                }
            }
            found |= list.is_some();
            more = self.more(b'}')?;
        }
        if found { Ok(()) } else { Err(Unreadable::new("the file has neither issues nor pulls")) }
    }
}

/// Forgets what `mapping` fills otherwise, and adds what it points at. Gives the keys it uses.
pub(super) fn apply_mapping(
    draft: &mut Draft,
    row: &Map<String, Value>,
    options: &ImportOptions,
) -> Vec<String> {
    for field in options.mapping.0.values() {
        draft.forget(*field);
    }
    let mut used = Vec::new();
    for (column, field) in &options.mapping.0 {
        let value = match column.strip_prefix('/') {
            Some(pointer) => {
                let first = pointer.split('/').next().unwrap_or_default();
                used.push(first.replace("~1", "/").replace("~0", "~"));
                resolve(row, pointer)
            }
            None => {
                used.push(column.clone());
                row.get(column)
            }
        };
        if let Some(value) = value {
            draft.add(*field, value.clone());
        }
    }
    used
}

/// RFC 6901, without the leading slash.
fn resolve<'v>(row: &'v Map<String, Value>, pointer: &str) -> Option<&'v Value> {
    let unescaped = |segment: &str| segment.replace("~1", "/").replace("~0", "~");
    match pointer.split_once('/') {
        None => row.get(&unescaped(pointer)),
        Some((first, rest)) => row.get(&unescaped(first))?.pointer(&format!("/{rest}")),
    }
}

/// Names the keys of the row that nobody used.
pub(super) fn note_unused(
    row: &Map<String, Value>,
    is_known: impl Fn(&str) -> bool,
    used: &[String],
    note_unmapped: &mut dyn FnMut(&str),
) {
    for key in row.keys() {
        if !is_known(key) && !used.contains(key) {
            note_unmapped(key);
        }
    }
}
