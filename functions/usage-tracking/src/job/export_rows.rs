//! The rows of an export, as CSV or JSON Lines.

use std::collections::BTreeMap;

use csv::{Terminator, WriterBuilder};
use millwright_core::{Error, Result, Timestamp};
use serde::Serialize;

use super::export::ExportFormat;
use crate::{domain::Quantity, store::EventItem};

pub(super) const EVENT_COLUMNS: [&str; 18] = [
    "id",
    "source",
    "eventId",
    "type",
    "kind",
    "state",
    "time",
    "receivedAt",
    "categoryCode",
    "userId",
    "teamId",
    "projectId",
    "subject",
    "dimensions",
    "quantities",
    "costMicros",
    "costSource",
    "data",
];
pub(super) const SERIES_COLUMNS: [&str; 5] =
    ["day", "categoryCode", "dimensions", "quantities", "costMicros"];

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SeriesRow {
    pub(super) day: Timestamp,
    pub(super) category_code: String,
    pub(super) dimensions: BTreeMap<String, String>,
    pub(super) quantities: BTreeMap<String, Quantity>,
    pub(super) cost_micros: i64,
}

/// Rows of a file.
pub(super) struct Rows {
    format: ExportFormat,
    pub(super) bytes: Vec<u8>,
    pub(super) rows: u64,
}

/// A cell that no spreadsheet takes for a formula.
fn text(value: impl ToString) -> String {
    let value = value.to_string();
    match value.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => format!("'{value}"),
        false => value,
    }
}

fn optional(value: Option<impl ToString>) -> String {
    value.map(text).unwrap_or_default()
}

impl Rows {
    pub(super) fn new(format: ExportFormat) -> Rows {
        Rows { format, bytes: Vec::new(), rows: 0 }
    }

    pub(super) fn header(&mut self, names: &[&str]) -> Result<()> {
        match self.format {
            ExportFormat::Csv => self.cells(names),
            ExportFormat::Jsonl => Ok(()),
        }
    }

    fn cells(&mut self, cells: &[impl AsRef<[u8]>]) -> Result<()> {
        let mut writer =
            WriterBuilder::new().terminator(Terminator::CRLF).from_writer(&mut self.bytes);
        writer.write_record(cells).map_err(Error::internal)?;
        writer.flush().map_err(Error::internal)
    }

    fn line(&mut self, row: &impl Serialize) -> Result<()> {
        serde_json::to_writer(&mut self.bytes, row).map_err(Error::internal)?;
        self.bytes.push(b'\n');
        Ok(())
    }

    pub(super) fn event(&mut self, item: &EventItem) -> Result<()> {
        self.rows += 1;
        if self.format == ExportFormat::Jsonl {
            return self.line(&crate::event::EventView::of(item.clone())?);
        }
        let it = &item.summary;
        self.cells(&[
            it.id.to_string(),
            text(&it.source),
            text(&it.event_id),
            text(&it.event_type),
            it.kind.to_string(),
            it.state.to_string(),
            it.time.to_string(),
            it.received_at.to_string(),
            text(&it.category_code),
            optional(it.user_id),
            optional(it.team_id),
            optional(it.project_id),
            optional(it.subject.as_ref()),
            serde_json::to_string(&it.dimensions).map_err(Error::internal)?,
            serde_json::to_string(&it.quantities).map_err(Error::internal)?,
            it.cost_micros.to_string(),
            it.cost_source.to_string(),
            item.data.clone(),
        ])
    }

    pub(super) fn series(&mut self, row: &SeriesRow) -> Result<()> {
        self.rows += 1;
        if self.format == ExportFormat::Jsonl {
            return self.line(row);
        }
        self.cells(&[
            row.day.to_string()[..10].to_owned(),
            text(&row.category_code),
            serde_json::to_string(&row.dimensions).map_err(Error::internal)?,
            serde_json::to_string(&row.quantities).map_err(Error::internal)?,
            row.cost_micros.to_string(),
        ])
    }
}
