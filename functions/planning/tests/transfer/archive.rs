//! A public issue archive, read as Python reads it. The file is not part of the repository.

use planning::transfer::{ImportFormat, ImportInclude, Person, Preset, Row};
use serde_json::{Value, json};

use super::{codes, open, options, python::python, read, task};

const ARCHIVE: &str = "../../../shared/data/backlog/archive.json";

fn archive() -> Option<Vec<u8>> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(ARCHIVE);
    match std::fs::read(&path) {
        Ok(content) => Some(content),
        Err(error) => {
            eprintln!("skipped: no archive: {error}");
            None
        }
    }
}

/// The independent reading, of the fields as the specification maps them.
const SCRIPT: &str = r##"
import json, sys
from datetime import datetime, timezone

def time(text):
    if text is None:
        return None
    at = datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(timezone.utc)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + "%03dZ" % (at.microsecond // 1000)

def item(it, pull):
    labels = []
    for label in it["labels"]:
        if label.lower() not in labels:
            labels.append(label.lower())
    types = {"bug": "bug", "enhancement": "feature", "documentation": "documentation"}
    state = {"OPEN": "review", "MERGED": "done", "CLOSED": "cancelled"}[it["state"]] if pull else \
        {"OPEN": "to_do", "CLOSED": "done"}[it["state"]]
    return {
        "externalId": str(it["number"]), "externalKey": "#%d" % it["number"],
        "externalUrl": it["url"], "title": it["title"].strip(), "description": it["body"],
        "type": next((types[l] for l in labels if l in types), "task"), "state": state,
        "priority": "medium", "labels": labels,
        "assignee": it["assignees"][0] if it["assignees"] else None, "author": it["author"],
        "createdAt": time(it["createdAt"]), "updatedAt": time(it["updatedAt"]),
        "completedAt": time(it["closedAt"]),
        "comments": [[c["author"], c["body"], time(c["createdAt"])] for c in it["comments"]],
    }

data = json.load(sys.stdin)
print(json.dumps({
    "issues": [item(it, False) for it in data["issues"]],
    "pulls": [item(it, True) for it in data["pulls"]],
}))
"##;

fn name(person: &Option<Person>) -> Value {
    match person {
        None => Value::Null,
        Some(Person::Named(name)) => json!(name),
        Some(Person::Known(id)) => json!(id),
    }
}

fn as_python(row: &Row) -> Value {
    let row = task(row);
    let comments: Vec<Value> = row
        .comments
        .iter()
        .map(|comment| json!([name(&comment.author), comment.body, comment.created_at]))
        .collect();
    json!({
        "externalId": row.external_id, "externalKey": row.external_key,
        "externalUrl": row.external_url, "title": row.title, "description": row.description,
        "type": row.kind, "state": row.state, "priority": row.priority, "labels": row.labels,
        "assignee": name(&row.assignee), "author": name(&row.author),
        "createdAt": row.created_at, "updatedAt": row.updated_at, "completedAt": row.completed_at,
        "comments": comments,
    })
}

fn count(rows: &[Row], state: &str) -> usize {
    rows.iter().filter(|row| task(row).state.as_str() == state).count()
}

#[test]
fn issues_are_read_as_python_reads_them() {
    let Some(content) = archive() else { return };
    let options = options(ImportFormat::Json, Preset::GitHub);
    let rows = read(&content, &options);
    assert_eq!(rows.len(), 205);
    assert_eq!(count(&rows, "done"), 205);
    assert_eq!(rows.iter().map(|row| task(row).comments.len()).sum::<usize>(), 514);
    assert_eq!(rows.iter().flat_map(codes).collect::<Vec<_>>(), Vec::<String>::new());
    let Some(python) = python(SCRIPT, &content) else { return };
    let ours: Vec<Value> = rows.iter().map(as_python).collect();
    assert_eq!(Value::Array(ours), python["issues"]);
}

#[test]
fn both_are_read_as_python_reads_them() {
    let Some(content) = archive() else { return };
    let mut options = options(ImportFormat::Json, Preset::GitHub);
    options.include = ImportInclude::Both;
    let rows = read(&content, &options);
    assert_eq!(rows.len(), 612);
    let (issues, pulls) = rows.split_at(205);
    assert_eq!((count(pulls, "done"), count(pulls, "cancelled")), (389, 18));
    let Some(python) = python(SCRIPT, &content) else { return };
    let ours = |rows: &[Row]| Value::Array(rows.iter().map(as_python).collect());
    assert_eq!(ours(issues), python["issues"]);
    assert_eq!(ours(pulls), python["pulls"]);
}

#[test]
fn lines_and_lines_of_the_file_and_resuming_agree() {
    let Some(content) = archive() else { return };
    let mut options = options(ImportFormat::Json, Preset::GitHub);
    options.include = ImportInclude::Pulls;
    let rows = read(&content, &options);
    assert_eq!(rows.len(), 407);
    let text = std::str::from_utf8(&content).expect("UTF-8");
    for row in &rows {
        let line = usize::try_from(row.line).expect("fits");
        assert_eq!(text.lines().nth(line - 1), Some("  {"), "row {}", row.number);
    }
    for from in [1, 2, 200, 407, 408] {
        let mut reader = open(&content, &options).expect("a readable file");
        reader.skip_to(from);
        let rest: Vec<Row> = reader.by_ref().collect();
        assert_eq!(rest, rows[usize::try_from(from).expect("fits") - 1..]);
        let unmapped: Vec<&str> = reader.unmapped_columns().collect();
        let expected = [
            "authorAssociation",
            "baseRefName",
            "baseRefOid",
            "baseRepository",
            "headRefOid",
            "headRepository",
            "id",
            "mergeCommit",
            "mergedBy",
            "reviews",
        ];
        assert_eq!(unmapped, expected);
    }
}
