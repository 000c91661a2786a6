//! The forms of GitHub's issues.

use planning::{
    domain::TaskState,
    transfer::{ImportFormat, ImportInclude, ImportOptions, Outcome, Person, Preset},
};
use serde_json::{Value, json};

use super::{codes, only, open, options, problem, read, task};

fn github() -> ImportOptions {
    options(ImportFormat::Json, Preset::GitHub)
}

fn both() -> ImportOptions {
    ImportOptions { include: ImportInclude::Both, ..github() }
}

fn one(item: Value, options: &ImportOptions) -> (planning::transfer::ImportRow, Vec<String>) {
    only(json!([item]).to_string(), options)
}

/// An issue as `gh issue list --json …` writes it.
fn of_cli() -> Value {
    json!({
        "number": 7,
        "title": "It fails",
        "body": "Always.\r\n",
        "state": "CLOSED",
        "stateReason": "COMPLETED",
        "url": "https://github.com/acme/web/issues/7",
        "author": { "id": "MDQ6", "is_bot": false, "login": "anna", "name": "Anna" },
        "assignees": [{ "login": "bert" }, { "login": "carl" }],
        "labels": [{ "id": "x", "name": "Bug" }, { "id": "y", "name": "priority: High" }],
        "milestone": { "number": 1, "title": "v1", "dueOn": "2024-06-30T07:00:00Z" },
        "createdAt": "2024-01-01T00:00:00Z",
        "updatedAt": "2024-01-02T00:00:00Z",
        "closedAt": "2024-01-01T12:00:00Z",
        "comments": [{
            "author": { "login": "bert" },
            "body": "Why?",
            "createdAt": "2024-01-01T01:00:00Z",
            "includesCreatedEdit": false,
        }],
    })
}

/// The same issue as the REST API writes it.
fn of_rest() -> Value {
    json!({
        "id": 1, "node_id": "I_7", "number": 7, "title": "It fails", "body": "Always.\r\n",
        "state": "closed", "state_reason": "completed",
        "url": "https://api.github.com/repos/acme/web/issues/7",
        "html_url": "https://github.com/acme/web/issues/7",
        "user": { "login": "anna", "type": "User" },
        "assignee": { "login": "bert" },
        "assignees": [{ "login": "bert" }, { "login": "carl" }],
        "labels": [{ "name": "Bug", "color": "f00" }, { "name": "priority: High" }],
        "milestone": { "title": "v1", "due_on": "2024-06-30T07:00:00Z" },
        "created_at": "2024-01-01T00:00:00Z",
        "updated_at": "2024-01-02T00:00:00Z",
        "closed_at": "2024-01-01T12:00:00Z",
        "comments": 3,
        "draft": false,
    })
}

#[test]
fn cli_and_rest_are_one_task() {
    let (mut cli, warnings) = one(of_cli(), &github());
    assert_eq!(warnings, ["values_dropped"], "of two assignees one is taken");
    assert_eq!((cli.external_id.as_str(), cli.kind.as_str()), ("7", "bug"));
    assert_eq!((cli.priority.as_str(), cli.state.as_str()), ("high", "done"));
    assert_eq!(cli.due_date.expect("a date").to_string(), "2024-06-30");
    assert_eq!(cli.assignee, Some(Person::Named("bert".parse().expect("a name"))));
    assert_eq!(cli.author, Some(Person::Named("anna".parse().expect("a name"))));
    assert_eq!(cli.comments.len(), 1);
    cli.comments.clear();
    let (rest, warnings) = one(of_rest(), &github());
    assert_eq!(rest, cli);
    assert_eq!(warnings, ["values_dropped", "comments_not_in_file"]);
}

#[test]
fn people_are_mapped_and_logins_are_no_ids() {
    let user = "usr_01h455vb4pex5vsknk084sn02q";
    let mut options = github();
    options.user_map.insert("bert".to_owned(), user.parse().expect("an id"));
    let mut item = of_cli();
    item["author"] = json!({ "login": user });
    let (row, _) = one(item, &options);
    assert_eq!(row.assignee, Some(Person::Known(user.parse().expect("an id"))));
    assert_eq!(row.comments[0].author, row.assignee);
    assert_eq!(row.author, Some(Person::Named(user.parse().expect("a name"))));
}

#[test]
fn states_of_issues_and_pulls() {
    let state = |more: Value| {
        let mut item = json!({ "number": 1, "title": "a" });
        let members = more.as_object().expect("an object").clone();
        item.as_object_mut().expect("an object").extend(members);
        one(item, &both()).0.state
    };
    for (item, expected) in [
        (json!({ "state": "OPEN" }), TaskState::ToDo),
        (json!({ "state": "open", "state_reason": "reopened" }), TaskState::ToDo),
        (json!({ "state": "CLOSED", "stateReason": "" }), TaskState::Done),
        (json!({ "state": "CLOSED", "stateReason": "NOT_PLANNED" }), TaskState::Cancelled),
        (json!({ "state": "closed", "state_reason": "not_planned" }), TaskState::Cancelled),
        (json!({ "state": "NOT_PLANNED" }), TaskState::Cancelled),
        (json!({}), TaskState::ToDo),
        (json!({ "state": "OPEN", "isDraft": true }), TaskState::Review),
        (json!({ "state": "MERGED", "mergedAt": "2024-01-01T00:00:00Z" }), TaskState::Done),
        (json!({ "state": "MERGED" }), TaskState::Done),
        (
            json!({ "state": "OPEN", "url": "https://github.com/acme/web/pull/1" }),
            TaskState::Review,
        ),
        (
            json!({ "state": "OPEN", "url": "https://github.com/acme/pull/issues/1" }),
            TaskState::ToDo,
        ),
        (json!({ "state": "CLOSED", "headRefName": "x", "mergedAt": null }), TaskState::Cancelled),
        (json!({ "state": "closed", "pull_request": { "merged_at": null } }), TaskState::Cancelled),
        (
            json!({ "state": "closed", "pull_request": { "merged_at": "2024-01-01T00:00:00Z" } }),
            TaskState::Done,
        ),
        (json!({ "state": "closed", "merged_at": "2024-01-01T00:00:00Z" }), TaskState::Done),
    ] {
        assert_eq!(state(item.clone()), expected, "{item}");
    }
}

#[test]
fn a_state_map_comes_first() {
    let mut options = github();
    options.state_map.insert("CLOSED".to_owned(), TaskState::Cancelled);
    assert_eq!(one(of_cli(), &options).0.state, TaskState::Cancelled);
}

#[test]
fn of_a_list_only_what_is_included_is_a_task() {
    let list = json!([of_cli(), { "number": 8, "title": "p", "state": "MERGED" }]).to_string();
    let rows = read(&list, &github());
    assert!(matches!(rows[1].outcome, Outcome::Skipped(_)));
    assert_eq!(task(&rows[0]).external_id.as_str(), "7");
    let pulls = ImportOptions { include: ImportInclude::Pulls, ..github() };
    let rows = read(&list, &pulls);
    assert!(matches!(rows[0].outcome, Outcome::Skipped(_)));
    assert_eq!(task(&rows[1]).state, TaskState::Done);
}

#[test]
fn lines_array_and_object_are_the_same_rows() {
    let (first, second) = (of_cli(), json!({ "number": 8, "title": "b", "labels": ["x"] }));
    let array = read(json!([first, second]).to_string(), &github());
    let lines = options(ImportFormat::JsonLines, Preset::GitHub);
    let lines = read(format!("\u{feff}{first}\r\n\r\n{second}"), &lines);
    let object = json!({ "magic": [1, {}], "issues": [first, second], "pulls": [] });
    let object = read(object.to_string(), &github());
    for (index, row) in array.iter().enumerate() {
        assert_eq!(row.outcome, lines[index].outcome);
        assert_eq!(row.outcome, object[index].outcome);
    }
    assert_eq!((lines[0].line, lines[1].line), (1, 3));
}

#[test]
fn a_mapping_overrides_the_preset() {
    let mut options = github();
    options.mapping.0.insert("/user/login".to_owned(), planning::transfer::Field::AssigneeId);
    options.mapping.0.insert("/nested/0/a~1b".to_owned(), planning::transfer::Field::Title);
    let mut item = of_rest();
    item["nested"] = json!([{ "a/b": "Mapped" }]);
    let content = json!([item]).to_string();
    let mut reader = open(content.as_bytes(), &options).expect("a readable file");
    let row = reader.next().expect("a row");
    assert_eq!(task(&row).assignee, Some(Person::Named("anna".parse().expect("a name"))));
    assert_eq!(task(&row).title.as_str(), "Mapped");
    assert_eq!(reader.unmapped_columns().collect::<Vec<_>>(), ["id", "node_id"]);
}

#[test]
fn a_list_without_a_number_and_a_number_twice() {
    let items = json!([{ "title": "a" }, { "title": "a" }, { "number": 1, "title": "b" }, { "number": 1, "title": "c" }]);
    let rows = read(items.to_string(), &github());
    assert_eq!(task(&rows[0]).external_id.as_str().len(), 64);
    assert_eq!(task(&rows[0]).external_key, None);
    for index in [1, 3] {
        assert_eq!(problem(&rows[index]).code.as_str(), "duplicate_external_id");
    }
    assert_eq!(codes(&rows[2]), Vec::<String>::new());
}

#[test]
fn documents_that_are_none() {
    for (content, detail) in [
        ("", "the file is neither an array nor an object with issues and pulls"),
        ("7", "the file is neither an array nor an object with issues and pulls"),
        ("{}", "the file has neither issues nor pulls"),
        ("{\"issues\": {}}", "the file is not JSON at line 1: issues and pulls are lists"),
        ("[{}\n{}]", "the file is not JSON at line 2: a comma or ] is expected"),
        ("[{},\n", "the file is not JSON at line 2: a value is expected that ends"),
        ("[{}]\n\n7", "the file is not JSON at line 3: something follows the end of the document"),
        ("{\"issues\": []", "the file is not JSON at line 1: a comma or } is expected"),
        ("{7: []}", "the file is not JSON at line 1: a key is expected"),
    ] {
        let unreadable = open(content.as_bytes(), &github()).err().expect(content);
        assert_eq!(unreadable.detail, detail, "{content}");
    }
    assert_eq!(open(b"[]", &github()).expect("no rows").total(), 0);
    assert_eq!(open(b"{\"pulls\": [{}]}", &github()).expect("no issues").total(), 0);
}
