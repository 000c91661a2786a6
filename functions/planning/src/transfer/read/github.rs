//! Rows of GitHub, in the form of its CLI (`createdAt`, `OPEN`), of its REST API (`created_at`,
//! `open`), and with plain names where those have objects.

use serde_json::{Map, Value, json};

use super::{
    Content,
    draft::{Draft, Vocabulary},
    json::{List, apply_mapping, note_unused},
};
use crate::{
    domain::{Priority, TaskType},
    transfer::{Field, ImportInclude, ImportOptions, RowProblem},
};

/// The keys that are looked at.
const KNOWN: [&str; 28] = [
    "assignee",
    "assignees",
    "author",
    "body",
    "closedAt",
    "closed_at",
    "comments",
    "createdAt",
    "created_at",
    "headRefName",
    "head",
    "html_url",
    "isDraft",
    "draft",
    "labels",
    "mergedAt",
    "merged_at",
    "milestone",
    "number",
    "pull_request",
    "state",
    "stateReason",
    "state_reason",
    "title",
    "updatedAt",
    "updated_at",
    "url",
    "user",
];

pub(super) fn content(
    row: Map<String, Value>,
    list: List,
    options: &ImportOptions,
    note_unmapped: &mut dyn FnMut(&str),
) -> Result<Content, RowProblem> {
    let is_pull = match list {
        List::Issues => false,
        List::Pulls => true,
        List::Only => is_pull(&row),
    };
    match options.include {
        ImportInclude::Issues if is_pull => {
            return Ok(Content::Skipped("a pull request, and only issues are included"));
        }
        ImportInclude::Pulls if !is_pull => {
            return Ok(Content::Skipped("an issue, and only pull requests are included"));
        }
        _ => {}
    }
    let mut draft = draft(&row, is_pull);
    let used = apply_mapping(&mut draft, &row, options);
    note_unused(&row, |key| KNOWN.contains(&key), &used, note_unmapped);
    Ok(Content::Task(draft))
}

/// What only pull requests have. A merged one is one even if nothing else says so.
fn is_pull(row: &Map<String, Value>) -> bool {
    const MARKS: [&str; 8] = [
        "pull_request",
        "mergedAt",
        "merged_at",
        "headRefName",
        "baseRefName",
        "head",
        "isDraft",
        "draft",
    ];
    let url = one(row, &["html_url", "url"]).and_then(Value::as_str).unwrap_or_default();
    let merged = word(row, &["state"]).is_some_and(|state| state.eq_ignore_ascii_case("merged"));
    // The REST API gives issues `"draft": false` too, but then says `pull_request` or not.
    let marked = MARKS.iter().any(|mark| match row.get(*mark) {
        None | Some(Value::Null) => false,
        Some(Value::Bool(value)) => *value,
        Some(_) => true,
    });
    merged || marked || matches!(url.rsplit('/').nth(1), Some("pull" | "pulls"))
}

fn one<'v>(row: &'v Map<String, Value>, keys: &[&str]) -> Option<&'v Value> {
    keys.iter().filter_map(|key| row.get(*key)).find(|value| !value.is_null())
}

fn word<'v>(row: &'v Map<String, Value>, keys: &[&str]) -> Option<&'v str> {
    one(row, keys).and_then(Value::as_str).filter(|text| !text.is_empty())
}

fn draft(row: &Map<String, Value>, is_pull: bool) -> Draft {
    let vocabulary = if is_pull { Vocabulary::GitHubPull } else { Vocabulary::GitHubIssue };
    let mut draft = Draft::new(vocabulary);
    let mut add = |field, keys: &[&str]| {
        if let Some(value) = one(row, keys) {
            draft.add(field, value.clone());
        }
    };
    add(Field::Title, &["title"]);
    add(Field::Description, &["body"]);
    add(Field::ExternalId, &["number"]);
    add(Field::ExternalUrl, &["html_url", "url"]);
    add(Field::CreatedAt, &["createdAt", "created_at"]);
    add(Field::UpdatedAt, &["updatedAt", "updated_at"]);
    add(Field::CompletedAt, &["closedAt", "closed_at"]);
    add(Field::AssigneeId, &["assignees"]);
    add(Field::ReporterId, &["author", "user"]);
    add(Field::Comments, &["comments"]);
    if one(row, &["assignees"]).and_then(Value::as_array).is_none_or(Vec::is_empty) {
        add(Field::AssigneeId, &["assignee"]);
    }
    if let Some(number) = row.get("number").and_then(Value::as_u64) {
        draft.add(Field::ExternalKey, json!(format!("#{number}")));
    }
    if let Some(due) = row.get("milestone").and_then(|of| of.get("dueOn").or(of.get("due_on"))) {
        draft.add(Field::DueDate, due.clone());
    }
    draft.add(Field::State, state(row, is_pull));
    let labels = labels(row);
    if let Some(kind) = labels.iter().find_map(|label| kind_of(label)) {
        draft.add(Field::Type, json!(kind.as_str()));
    }
    if let Some(priority) = labels.iter().find_map(|label| priority_of(label)) {
        draft.add(Field::Priority, json!(priority.as_str()));
    }
    draft.add(Field::Labels, labels.into_iter().map(Value::String).collect());
    draft
}

/// The word that says most: why an issue was closed, that a pull request was merged.
fn state(row: &Map<String, Value>, is_pull: bool) -> Value {
    let state = word(row, &["state"]).unwrap_or_default().to_uppercase();
    if is_pull {
        let merged_at = row.get("pull_request").and_then(|pull| pull.get("merged_at"));
        let merged_at = one(row, &["mergedAt", "merged_at"]).or(merged_at);
        let merged = merged_at.is_some_and(|at| !at.is_null());
        return json!(if merged { "MERGED".to_owned() } else { state });
    }
    let reason = word(row, &["stateReason", "state_reason"]).unwrap_or_default().to_uppercase();
    let closed_otherwise =
        state == "CLOSED" && matches!(reason.as_str(), "NOT_PLANNED" | "DUPLICATE");
    json!(if closed_otherwise { reason } else { state })
}

fn labels(row: &Map<String, Value>) -> Vec<String> {
    let name = |label: &Value| label.get("name").unwrap_or(label).as_str().map(ToOwned::to_owned);
    match row.get("labels") {
        Some(Value::Array(labels)) => labels.iter().filter_map(name).collect(),
        Some(Value::String(labels)) => labels.split(',').map(ToOwned::to_owned).collect(),
        _ => Vec::new(),
    }
}

fn kind_of(label: &str) -> Option<TaskType> {
    match label.trim().to_lowercase().as_str() {
        "bug" => Some(TaskType::Bug),
        "enhancement" => Some(TaskType::Feature),
        "documentation" => Some(TaskType::Documentation),
        _ => None,
    }
}

fn priority_of(label: &str) -> Option<Priority> {
    label.trim().to_lowercase().strip_prefix("priority:")?.trim().parse().ok()
}
