//! What `export_create` is asked.

use deserr::Deserr;
use millwright_core::{Fault, FaultCode, Faults, ProjectId, Result, wire_enum};
use utoipa::ToSchema;

wire_enum! {
    /// How an export is written.
    pub enum ExportFormat {
        JsonLines = "jsonl",
        Csv = "csv",
    }
}

wire_enum! {
    /// What an export tells of each task beside the task.
    pub enum ExportInclude {
        Comments = "comments",
        History = "history",
    }
}

/// A new export.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({
    "projectId": "prj_01jdz7xk2nf5h9vq3w8c6m4t0b",
    "format": "jsonl",
    "include": ["comments"],
}))]
pub struct ExportIn {
    project_id: ProjectId,
    format: ExportFormat,
    #[deserr(default)]
    #[schema(required = false)]
    include: Vec<ExportInclude>,
}

/// An export that may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExportRequest {
    pub project_id: ProjectId,
    pub format: ExportFormat,
    pub comments: bool,
    pub history: bool,
}

impl ExportIn {
    /// # Errors
    /// `invalid_request` if something is included twice.
    pub fn into_request(self) -> Result<ExportRequest> {
        let mut faults = Faults::default();
        for (index, include) in self.include.iter().enumerate() {
            if self.include[..index].contains(include) {
                let pointer = format!("/include/{index}");
                faults.0.push(Fault::new(pointer, FaultCode::Duplicate, "is there already"));
            }
        }
        faults.0.truncate(Faults::MAX);
        if !faults.0.is_empty() {
            return Err(faults.into());
        }
        Ok(ExportRequest {
            project_id: self.project_id,
            format: self.format,
            comments: self.include.contains(&ExportInclude::Comments),
            history: self.include.contains(&ExportInclude::History),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn an_export_includes_each_thing_once() {
        let read = |include: Value| {
            let body = json!({
                "projectId": "prj_01jdz7xk2nf5h9vq3w8c6m4t0b", "format": "csv", "include": include,
            });
            deserr::deserialize::<ExportIn, Value, Faults>(body)?.into_request()
        };
        let request = read(json!(["history"])).expect("a request");
        assert!(request.history && !request.comments);
        let error = read(json!(["comments", "comments"])).expect_err("twice");
        assert_eq!(error.faults()[0].pointer, "/include/1");
        assert_eq!(read(json!(["worklogs"])).expect_err("later").faults()[0].pointer, "/include/0");
    }
}
