//! History: what changed, by whom, append-only.

use millwright_core::{Error, ProjectId, Result, TaskId, Tenant, Timestamp};
use millwright_store::{Item, Key, Partition};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{project_partition, task_partition};

millwright_core::id! {
    /// An entry of a history.
    HistoryId = History("hist");
}

/// Whose history or comments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    Project(ProjectId),
    Task(TaskId),
}

impl Subject {
    /// The last bytes of its id, which are random.
    fn fingerprint(&self) -> [u8; 4] {
        let uuid = match self {
            Subject::Project(id) => id.uuid(),
            Subject::Task(id) => id.uuid(),
        };
        let [.., a, b, c, d] = *uuid.as_bytes();
        [a, b, c, d]
    }

    pub fn partition(&self, tenant: &Tenant) -> Partition {
        match self {
            Subject::Project(id) => project_partition(tenant, *id),
            Subject::Task(id) => task_partition(tenant, *id),
        }
    }
}

/// One field of a change. Values over 1,000 characters are cut.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FieldChange {
    pub field: String,
    #[schema(value_type = Value)]
    pub from: Value,
    #[schema(value_type = Value)]
    pub to: Value,
    /// True if a value was cut.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
}

/// One change of a thing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "id": "hist_01jdz7xk2nf5h9vq3w8c6m4t0b",
    "at": "2026-11-23T01:04:58.000Z",
    "actorId": "usr_01jdz7xk2nf5h9vq3w8c6m4t0b",
    "operationId": "task_transition",
    "changes": [{ "field": "state", "from": "to_do", "to": "in_progress" }],
}))]
pub struct HistoryEntry {
    pub id: HistoryId,
    pub at: Timestamp,
    pub actor_id: String,
    /// The operation that changed it.
    pub operation_id: String,
    pub changes: Vec<FieldChange>,
    /// What the actor said to it, and whether guards were overridden.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A stored entry.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HistoryItem {
    #[serde(skip)]
    subject: Option<Subject>,
    pub entry: HistoryEntry,
}

impl HistoryItem {
    /// The entry for version `version` of the subject. Entries sort by time, within a millisecond
    /// by version: the id carries both.
    pub fn new(
        subject: Subject,
        version: u64,
        at: Timestamp,
        actor_id: &str,
        operation_id: &str,
        changes: Vec<FieldChange>,
        note: Option<String>,
    ) -> HistoryItem {
        let mut bits = [0; 10];
        // Time, then version (its two upper bits are the UUID's own), then the subject: entries of
        // one subject sort, those of two never collide.
        let version_bits = u32::try_from(version).unwrap_or(u32::MAX).to_be_bytes();
        bits[2..6].copy_from_slice(&version_bits);
        bits[6..].copy_from_slice(&subject.fingerprint());
        let entry = HistoryEntry {
            id: HistoryId::derived(at, &bits),
            at,
            actor_id: actor_id.to_owned(),
            operation_id: operation_id.to_owned(),
            changes,
            note,
        };
        HistoryItem { subject: Some(subject), entry }
    }
}

impl Item for HistoryItem {
    const KIND: &'static str = "history";

    fn key(&self, tenant: &Tenant) -> Key {
        match &self.subject {
            Some(subject) => subject.partition(tenant).at(format!("HIST#{}", self.entry.id)),
            None => super::unplaced(tenant),
        }
    }
}

/// Fields that are derived, or say who and when: never in a history.
const NOT_IN_HISTORY: [&str; 17] = [
    "id",
    "key",
    "number",
    "projectId",
    "version",
    "createdAt",
    "createdBy",
    "updatedAt",
    "updatedBy",
    "rank",
    "stateCategory",
    "startedAt",
    "completedAt",
    "importedAt",
    "sourceUpdatedAt",
    "openBlockers",
    "purgeAt",
];

/// Groups of fields that are recorded each for itself.
const GROUPS: [&str; 2] = ["settings", "relations"];

/// Longer texts are cut.
const MAX_CHARACTERS: usize = 1_000;

impl FieldChange {
    /// The fields in which two representations differ, by name. Without a `before`, every
    /// field that has a value.
    ///
    /// # Errors
    /// `internal` if a representation is no JSON object.
    pub fn between<T: Serialize>(before: Option<&T>, after: &T) -> Result<Vec<FieldChange>> {
        let before = match before {
            Some(before) => fields(before)?,
            None => Map::new(),
        };
        let mut changes = Vec::new();
        for (field, to) in fields(after)? {
            let from = before.get(&field).cloned().unwrap_or(Value::Null);
            let is_unset = before.is_empty() && is_blank(&to);
            if from != to && !is_unset {
                let (from, from_cut) = cut(from);
                let (to, to_cut) = cut(to);
                changes.push(FieldChange { field, from, to, truncated: from_cut || to_cut });
            }
        }
        Ok(changes)
    }
}

fn fields(representation: &impl Serialize) -> Result<Map<String, Value>> {
    let value = serde_json::to_value(representation).map_err(Error::internal)?;
    let Value::Object(mut members) = value else {
        return Err(Error::internal("a representation is no object"));
    };
    for group in GROUPS {
        if let Some(Value::Object(fields)) = members.remove(group) {
            let named = |(name, value)| (format!("{group}.{name}"), value);
            members.extend(fields.into_iter().map(named));
        }
    }
    members.retain(|name, _| !NOT_IN_HISTORY.contains(&name.as_str()));
    Ok(members)
}

fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.is_empty(),
        Value::Bool(flag) => !flag,
        _ => false,
    }
}

fn cut(value: Value) -> (Value, bool) {
    let text = match &value {
        Value::String(text) => text.clone(),
        Value::Array(_) | Value::Object(_) => value.to_string(),
        _ => return (value, false),
    };
    if text.chars().count() <= MAX_CHARACTERS {
        return (value, false);
    }
    (Value::String(text.chars().take(MAX_CHARACTERS).collect()), true)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn entries_of_one_millisecond_sort_by_version() {
        let at: Timestamp = "2026-11-23T01:04:58.123Z".parse().expect("a time");
        let subject = Subject::Task(TaskId::from_uuid(uuid::Uuid::nil()));
        let id =
            |version, at| HistoryItem::new(subject, version, at, "", "", vec![], None).entry.id;
        for version in [1u64, 2, 255, 256, 65_535, 65_536, 1_000_000, (1 << 30) - 2] {
            assert!(id(version, at) < id(version + 1, at), "{version}");
        }
        let later = at.plus(std::time::Duration::from_millis(1));
        assert!(id((1 << 30) - 1, at) < id(1, later));
        let other = Subject::Task(TaskId::from_uuid(uuid::Uuid::max()));
        let of_other = HistoryItem::new(other, 1, at, "", "", vec![], None).entry.id;
        assert_ne!(id(1, at), of_other);
    }

    #[test]
    fn only_what_differs_is_recorded() {
        let before =
            json!({"title": "a", "labels": [], "version": 1, "settings": {"requireReview": false}});
        let after =
            json!({"title": "b", "labels": [], "version": 2, "settings": {"requireReview": true}});
        let changes = FieldChange::between(Some(&before), &after).expect("objects");
        let names: Vec<&str> = changes.iter().map(|change| change.field.as_str()).collect();
        assert_eq!(names, ["settings.requireReview", "title"]);
        let created = FieldChange::between(None, &before).expect("an object");
        assert_eq!(created.len(), 1);
    }

    #[test]
    fn long_values_are_cut_and_marked() {
        let after = json!({"description": "x".repeat(1_001)});
        let change = &FieldChange::between(None, &after).expect("an object")[0];
        assert!(change.truncated);
        assert_eq!(change.to.as_str().expect("text").len(), 1_000);
    }
}
