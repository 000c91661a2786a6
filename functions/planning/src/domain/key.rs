//! Human keys: `WEB` for a project, `WEB-42` for a task.

use std::{fmt, str::FromStr};

use millwright_core::{InputError, ProjectId, TaskId};
use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

/// 2-10 of `A-Z0-9`, first a letter; unique per organization for ever.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProjectKey(String);

impl ProjectKey {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ProjectKey {
    type Err = InputError;

    /// Lower case is read as upper case.
    fn from_str(text: &str) -> Result<ProjectKey, InputError> {
        let key = text.trim().to_ascii_uppercase();
        let proper = (2..=10).contains(&key.len())
            && key.starts_with(|c: char| c.is_ascii_uppercase())
            && key.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        if !proper {
            let detail = "must be 2-10 of A-Z and 0-9, first a letter";
            return Err(InputError::bad_format(detail));
        }
        Ok(ProjectKey(key))
    }
}

millwright_core::deserr_from_str!(ProjectKey);

impl PartialSchema for ProjectKey {
    fn schema() -> RefOr<Schema> {
        let object = ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some("^[A-Za-z][A-Za-z0-9]{1,9}$"))
            .description(Some("Upper-cased"));
        RefOr::T(Schema::Object(object.build()))
    }
}

impl ToSchema for ProjectKey {}

/// `<PROJECTKEY>-<n>`: the key of a task.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ItemKey {
    pub project: ProjectKey,
    /// From 1 on.
    pub number: u64,
}

impl fmt::Display for ItemKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.project, self.number)
    }
}

impl FromStr for ItemKey {
    type Err = InputError;

    fn from_str(text: &str) -> Result<ItemKey, InputError> {
        let bad = || InputError::bad_format("must be a key such as WEB-42");
        let (project, number) = text.split_once('-').ok_or_else(bad)?;
        let project = project.parse().map_err(|_| bad())?;
        let proper = !number.starts_with('0')
            && (1..=10).contains(&number.len())
            && number.bytes().all(|b| b.is_ascii_digit());
        let number = number.parse().ok().filter(|_| proper).ok_or_else(bad)?;
        Ok(ItemKey { project, number })
    }
}

impl PartialSchema for ItemKey {
    fn schema() -> RefOr<Schema> {
        let object = ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some("^[A-Za-z][A-Za-z0-9]{1,9}-[1-9][0-9]{0,9}$"));
        RefOr::T(Schema::Object(object.build()))
    }
}

impl ToSchema for ItemKey {}

/// A task by id or key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskReference {
    Id(TaskId),
    Key(ItemKey),
}

impl FromStr for TaskReference {
    type Err = InputError;

    fn from_str(text: &str) -> Result<TaskReference, InputError> {
        if text.contains('_') {
            return text.parse().map(TaskReference::Id);
        }
        text.parse().map(TaskReference::Key).map_err(|_| {
            InputError::bad_format("must be a task id (task_…) or a key such as WEB-42")
        })
    }
}

fn reference_schema(what: &str, pattern: &str) -> RefOr<Schema> {
    let object = ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some(pattern))
        .description(Some(format!("Id or key of the {what}")));
    RefOr::T(Schema::Object(object.build()))
}

impl PartialSchema for TaskReference {
    fn schema() -> RefOr<Schema> {
        let id = "task_[0-7][0-9a-hjkmnp-tv-z]{25}";
        let key = "[A-Za-z][A-Za-z0-9]{1,9}-[1-9][0-9]{0,9}";
        reference_schema("task", &format!("^({id}|{key})$"))
    }
}

impl ToSchema for TaskReference {}

/// A project by id or key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProjectReference {
    Id(ProjectId),
    Key(ProjectKey),
}

impl FromStr for ProjectReference {
    type Err = InputError;

    fn from_str(text: &str) -> Result<ProjectReference, InputError> {
        if text.contains('_') {
            return text.parse().map(ProjectReference::Id);
        }
        text.parse().map(ProjectReference::Key).map_err(|_| {
            InputError::bad_format("must be a project id (prj_…) or a key such as WEB")
        })
    }
}

impl PartialSchema for ProjectReference {
    fn schema() -> RefOr<Schema> {
        let id = "prj_[0-7][0-9a-hjkmnp-tv-z]{25}";
        reference_schema("project", &format!("^({id}|[A-Za-z][A-Za-z0-9]{{1,9}})$"))
    }
}

impl ToSchema for ProjectReference {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_in_any_case() {
        let key: ItemKey = "web-42".parse().expect("a key");
        assert_eq!(key.to_string(), "WEB-42");
        for bad in [
            "WEB",
            "WEB-",
            "WEB-0",
            "WEB-01",
            "WEB-4x",
            "4EB-1",
            "W-1",
            "ELEVENCHARS-1",
            "WEB-12345678901",
        ] {
            assert!(bad.parse::<ItemKey>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_reference_is_an_id_or_a_key() {
        let id = "task_01h455vb4pex5vsknk084sn02q";
        assert!(matches!(id.parse(), Ok(TaskReference::Id(_))));
        assert!(matches!("WEB-1".parse(), Ok(TaskReference::Key(_))));
        assert!("prj_01h455vb4pex5vsknk084sn02q".parse::<TaskReference>().is_err());
        assert!("prj_01h455vb4pex5vsknk084sn02q".parse::<ProjectReference>().is_ok());
    }
}
