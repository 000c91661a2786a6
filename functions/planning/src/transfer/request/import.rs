//! What `import_create` is asked.

use std::collections::BTreeMap;

use deserr::Deserr;
use millwright_core::{Fault, FaultCode, Faults, Labels, ProjectId, Result, UserId, wire_enum};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    domain::{Source, TaskState, TaskType, UploadId},
    transfer::{Field, FieldMapping, ImportSource, field::MappedField, names::Names},
};

wire_enum! {
    /// How the file is written.
    pub enum ImportFormat {
        JsonLines = "jsonl",
        Json = "json",
        Csv = "csv",
    }
}

wire_enum! {
    /// Whose columns the file has.
    pub enum Preset {
        Native = "native",
        GitHub = "github",
        Custom = "custom",
    }
}

wire_enum! {
    /// What of a GitHub file is imported.
    pub enum ImportInclude {
        Issues = "issues",
        Pulls = "pulls",
        Both = "both",
    }
}

wire_enum! {
    /// What happens to a task that an earlier import brought.
    pub enum OnConflict {
        /// It stays as it is.
        Skip = "skip",
        /// It takes the row's fields if the row is newer.
        Update = "update",
    }
}

/// What a row gets that has nothing of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Deserr, ToSchema)]
#[serde(rename_all = "camelCase")]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
pub struct ImportDefaults {
    #[deserr(rename = "type", default)]
    #[serde(rename = "type")]
    pub kind: Option<TaskType>,
    /// Also of rows whose state is neither known nor in `stateMap`, with a warning.
    #[deserr(default)]
    pub state: Option<TaskState>,
    #[deserr(default)]
    #[schema(required = false)]
    pub labels: Labels,
}

/// A new import.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({
    "projectId": "prj_01jdz7xk2nf5h9vq3w8c6m4t0b",
    "format": "csv",
    "preset": "custom",
    "source": "tracker-acme",
    "content": "Ref,Summary,Status,Labels\n7,Show the sign-in page,Doing,ui\n",
    "mapping": { "Ref": "externalId", "Summary": "title", "Status": "state", "Labels": "labels" },
    "stateMap": { "Doing": "in_progress" },
}))]
pub struct ImportIn {
    project_id: ProjectId,
    format: ImportFormat,
    #[deserr(default = Preset::Native)]
    #[schema(required = false)]
    preset: Preset,
    /// With the id of a row it names a task: the same file twice changes nothing.
    source: ImportSource,
    /// A file that was uploaded; either this or `content`.
    #[deserr(default)]
    upload_id: Option<UploadId>,
    /// The file itself, at most 1 MB.
    #[deserr(default)]
    #[schema(max_length = 1_048_576)]
    content: Option<String>,
    /// `github` only; `issues` if not given.
    #[deserr(default)]
    include: Option<ImportInclude>,
    /// Column (CSV), or key or JSON Pointer (JSON) -> field. At most 100.
    #[deserr(default)]
    #[schema(required = false)]
    mapping: Names<MappedField, 100>,
    /// Name in the file -> user. At most 1,000.
    #[deserr(default)]
    #[schema(required = false)]
    user_map: Names<UserId, 1_000>,
    /// State in the file -> state. At most 100.
    #[deserr(default)]
    #[schema(required = false)]
    state_map: Names<TaskState, 100>,
    #[deserr(default)]
    #[schema(required = false)]
    defaults: ImportDefaults,
    #[deserr(default = OnConflict::Update)]
    #[schema(required = false)]
    on_conflict: OnConflict,
    /// Only tells what would happen.
    #[deserr(default)]
    #[schema(required = false, default = false)]
    dry_run: bool,
}

/// Where the file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportContent {
    Upload(UploadId),
    Inline(String),
}

/// How a file is read. Goes into the job as it is: at most 110 KB as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImportOptions {
    pub format: ImportFormat,
    pub preset: Preset,
    pub source: Source,
    pub include: ImportInclude,
    pub mapping: FieldMapping,
    pub user_map: BTreeMap<String, UserId>,
    pub state_map: BTreeMap<String, TaskState>,
    pub defaults: ImportDefaults,
}

impl ImportOptions {
    /// Nothing mapped, issues only.
    pub fn new(format: ImportFormat, preset: Preset, source: Source) -> ImportOptions {
        ImportOptions {
            format,
            preset,
            source,
            include: ImportInclude::Issues,
            mapping: FieldMapping::default(),
            user_map: BTreeMap::new(),
            state_map: BTreeMap::new(),
            defaults: ImportDefaults::default(),
        }
    }
}

/// An import that may begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportRequest {
    pub project_id: ProjectId,
    pub content: ImportContent,
    pub options: ImportOptions,
    pub on_conflict: OnConflict,
    pub dry_run: bool,
}

const MAX_CONTENT_BYTES: usize = 1024 * 1024;
const MAX_MAPS_BYTES: usize = 100 * 1024;

impl ImportIn {
    /// What the types of single fields do not say, all at once.
    ///
    /// # Errors
    /// `invalid_request`.
    pub fn into_request(self) -> Result<ImportRequest> {
        let mut faults = Faults::default();
        self.check_preset(&mut faults);
        self.check_maps(&mut faults);
        let content = self.take_content(&mut faults);
        let (Some(content), true) = (content, faults.0.is_empty()) else {
            return Err(faults.into());
        };
        let mapping = self.mapping.0.into_iter().map(|(column, field)| (column, field.0)).collect();
        Ok(ImportRequest {
            project_id: self.project_id,
            content,
            options: ImportOptions {
                format: self.format,
                preset: self.preset,
                source: self.source.0,
                include: self.include.unwrap_or(ImportInclude::Issues),
                mapping: FieldMapping(mapping),
                user_map: self.user_map.0,
                state_map: self.state_map.0,
                defaults: self.defaults,
            },
            on_conflict: self.on_conflict,
            dry_run: self.dry_run,
        })
    }

    fn check_preset(&self, faults: &mut Faults) {
        let mut refuse = |pointer: &str, code, detail: &str| {
            faults.0.push(Fault::new(pointer, code, detail));
        };
        match self.preset {
            Preset::GitHub if self.format == ImportFormat::Csv => {
                let detail = "must be jsonl or json with the preset github";
                refuse("/format", FaultCode::NotAllowed, detail);
            }
            Preset::Custom if !self.mapping.0.values().any(|field| field.0 == Field::Title) => {
                refuse("/mapping", FaultCode::Required, "must map a column to title");
            }
            _ => {}
        }
        if self.include.is_some() && self.preset != Preset::GitHub {
            refuse("/include", FaultCode::NotAllowed, "belongs to the preset github");
        }
    }

    fn check_maps(&self, faults: &mut Faults) {
        for column in self.mapping.0.keys().filter(|_| self.format != ImportFormat::Csv) {
            if column.starts_with('/') && !is_pointer(column) {
                let detail = "must escape ~ as ~0 or ~1 in a JSON Pointer";
                let pointer = format!("/mapping/{}", column.replace('~', "~0").replace('/', "~1"));
                faults.0.push(Fault::new(pointer, FaultCode::BadFormat, detail));
            }
        }
        let names =
            self.mapping.0.keys().chain(self.user_map.0.keys()).chain(self.state_map.0.keys());
        let bytes: usize = names.map(|name| name.len() + ID_BYTES).sum();
        if bytes > MAX_MAPS_BYTES {
            let detail =
                format!("mapping, userMap and stateMap must have at most {MAX_MAPS_BYTES} bytes");
            faults.0.push(Fault::new("", FaultCode::TooLong, detail));
        }
        faults.0.truncate(Faults::MAX);
    }

    fn take_content(&self, faults: &mut Faults) -> Option<ImportContent> {
        match (&self.upload_id, &self.content) {
            (Some(upload), None) => Some(ImportContent::Upload(*upload)),
            (None, Some(content)) if content.len() > MAX_CONTENT_BYTES => {
                let detail =
                    format!("must have at most {MAX_CONTENT_BYTES} bytes; upload the file");
                faults.0.push(Fault::new("/content", FaultCode::TooLong, detail));
                None
            }
            (None, Some(content)) if content.is_empty() => {
                faults.0.push(Fault::new("/content", FaultCode::TooShort, "must not be empty"));
                None
            }
            (None, Some(content)) => Some(ImportContent::Inline(content.clone())),
            (Some(_), Some(_)) => {
                let detail = "must not be given beside uploadId";
                faults.0.push(Fault::new("/content", FaultCode::NotAllowed, detail));
                None
            }
            (None, None) => {
                let detail = "is required, or content";
                faults.0.push(Fault::new("/uploadId", FaultCode::Required, detail));
                None
            }
        }
    }
}

/// What an entry of a map takes beside its name: an id, quotes, a comma.
const ID_BYTES: usize = 36;

fn is_pointer(text: &str) -> bool {
    text.split('~').skip(1).all(|rest| rest.starts_with('0') || rest.starts_with('1'))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(body: Value) -> Result<ImportRequest> {
        deserr::deserialize::<ImportIn, Value, Faults>(body)?.into_request()
    }

    fn body(more: Value) -> Value {
        let mut body = json!({
            "projectId": "prj_01jdz7xk2nf5h9vq3w8c6m4t0b",
            "format": "jsonl",
            "source": "tracker",
            "content": "{}",
        });
        if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
            for (name, value) in more {
                match value {
                    Value::Null => body.remove(&name),
                    value => body.insert(name, value),
                };
            }
        }
        body
    }

    fn faults(more: Value) -> Vec<(String, &'static str)> {
        let error = read(body(more)).expect_err("a fault");
        error.faults().iter().map(|f| (f.pointer.clone(), f.code.as_str())).collect()
    }

    fn one(pointer: &str, code: &'static str) -> Vec<(String, &'static str)> {
        vec![(pointer.to_owned(), code)]
    }

    #[test]
    fn the_least_that_can_be_asked() {
        let request = read(body(json!({}))).expect("a request");
        assert_eq!(request.content, ImportContent::Inline("{}".to_owned()));
        assert_eq!(request.on_conflict, OnConflict::Update);
        assert!(!request.dry_run);
        let source = "tracker".parse().expect("a source");
        let expected = ImportOptions::new(ImportFormat::JsonLines, Preset::Native, source);
        assert_eq!(request.options, expected);
    }

    #[test]
    fn options_survive_storage() {
        let request = read(body(json!({
            "format": "csv", "preset": "custom",
            "mapping": { "Summary": "title", "Who": "assignee" },
            "userMap": { "anna": "usr_01h455vb4pex5vsknk084sn02q" },
            "stateMap": { "Doing": "in_progress" },
            "defaults": { "type": "bug", "state": "backlog", "labels": ["Old"] },
        })))
        .expect("a request");
        assert_eq!(request.options.mapping.0["Who"], Field::AssigneeId);
        let text = serde_json::to_string(&request.options).expect("JSON");
        let read: ImportOptions = serde_json::from_str(&text).expect("the same again");
        assert_eq!(read, request.options);
    }

    #[test]
    fn exactly_one_of_upload_and_content() {
        let upload = "upl_01h455vb4pex5vsknk084sn02q";
        let request =
            read(body(json!({ "uploadId": upload, "content": null }))).expect("a request");
        assert_eq!(request.content, ImportContent::Upload(upload.parse().expect("an id")));
        assert_eq!(faults(json!({ "uploadId": upload })), one("/content", "not_allowed"));
        assert_eq!(faults(json!({ "content": null })), one("/uploadId", "required"));
        assert_eq!(faults(json!({ "content": "" })), one("/content", "too_short"));
        let long = "x".repeat(MAX_CONTENT_BYTES + 1);
        assert_eq!(faults(json!({ "content": long })), one("/content", "too_long"));
    }

    #[test]
    fn presets_have_their_rules() {
        let csv = json!({ "preset": "github", "format": "csv" });
        assert_eq!(faults(csv), one("/format", "not_allowed"));
        assert_eq!(faults(json!({ "include": "both" })), one("/include", "not_allowed"));
        let custom = json!({ "preset": "custom", "mapping": { "a": "state" } });
        assert_eq!(faults(custom), one("/mapping", "required"));
        assert_eq!(faults(json!({ "source": "Jira" })), one("/source", "bad_format"));
        assert_eq!(faults(json!({ "format": "xml" })), one("/format", "not_allowed"));
    }

    #[test]
    fn maps_are_bounded() {
        let many: BTreeMap<String, &str> =
            (0..101).map(|number| (number.to_string(), "to_do")).collect();
        assert_eq!(faults(json!({ "stateMap": many })), one("/stateMap", "too_long"));
        let long = "é".repeat(201);
        let expected = one(&format!("/mapping/{}", "é".repeat(200)), "too_long");
        assert_eq!(faults(json!({ "mapping": { long: "title" } })), expected);
        assert_eq!(faults(json!({ "mapping": { "": "title" } })), one("/mapping/", "too_short"));
        assert_eq!(
            faults(json!({ "mapping": { "/a~2": "title" } })),
            one("/mapping/~1a~02", "bad_format")
        );
        assert_eq!(
            faults(json!({ "mapping": { "a": "sprint" } })),
            one("/mapping/a", "not_allowed")
        );
        let user = json!({ "userMap": { "anna": "usr_1", "bert": 7 } });
        let expected = [
            ("/userMap/anna".to_owned(), "bad_format"),
            ("/userMap/bert".to_owned(), "wrong_type"),
        ];
        assert_eq!(faults(user), expected);
        assert_eq!(faults(json!({ "userMap": [] })), one("/userMap", "wrong_type"));
        let users: BTreeMap<String, &str> = (0..1_000)
            .map(|number| (format!("{number:0200}"), "usr_01h455vb4pex5vsknk084sn02q"))
            .collect();
        assert_eq!(faults(json!({ "userMap": users })), one("", "too_long"));
    }
}
