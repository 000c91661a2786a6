//! The native format, by hand.

use planning::{
    domain::{StateCategory, TaskState, TaskType},
    transfer::{ImportFormat, ImportOptions, ImportRow, Outcome, Person, Preset, UnreadableCode},
};
use serde_json::{Value, json};

use super::{codes, only, open, options, problem, read, task};

fn native() -> ImportOptions {
    options(ImportFormat::JsonLines, Preset::Native)
}

fn one(row: Value) -> (ImportRow, Vec<String>) {
    only(row.to_string(), &native())
}

fn refused(row: Value) -> (String, String) {
    let rows = read(row.to_string(), &native());
    let problem = problem(&rows[0]);
    (problem.code.to_string(), problem.detail.clone())
}

#[test]
fn every_field_is_read() {
    let user = "usr_01h455vb4pex5vsknk084sn02q";
    let agent = "agt_01h455vb4pex5vsknk084sn02q";
    let (row, warnings) = one(json!({
        "key": "WEB-3", "externalId": "a", "source": "elsewhere", "externalKey": "OLD-3",
        "externalUrl": "https://example.org/3", "title": "  e\u{301}cole ", "description": " # as is\n",
        "type": "chore", "state": "blocked", "priority": "critical", "assigneeId": agent,
        "reporterId": user, "labels": ["One", "two"], "createdAt": "2024-01-01T00:00:00.123456789Z",
        "updatedAt": "2024-01-02T01:00:00+01:00", "startedAt": "2024-01-01T06:00:00Z",
        "startDate": "2024-01-01", "dueDate": "2024-01-01", "estimateSeconds": 31_536_000, "points": 100,
        "acceptanceCriteria": [{ "text": "holds", "met": true }, "plain"], "blockedReason": "waits",
        "rank": "0abc", "parentId": "p", "history": [1],
        "relations": {
            "blocks": ["b", { "externalId": "c", "source": "elsewhere" }, { "externalId": "t", "source": "tracker" }],
            "blockedBy": [9], "relatesTo": "one, id", "duplicateOf": "root",
        },
        "comments": [
            { "authorId": user, "body": "  hi\n", "createdAt": "2024-01-03T00:00:00Z", "editedAt": "2024-01-04T00:00:00Z" },
            { "authorName": "Anna", "body": "there" },
            "plain",
        ],
    }));
    assert_eq!(warnings, Vec::<String>::new());
    assert_eq!(row.external_id.as_str(), "a");
    assert_eq!(row.source.as_ref().expect("a source").as_str(), "elsewhere");
    assert_eq!(row.external_key.as_ref().expect("a key").as_str(), "OLD-3");
    assert_eq!(row.external_url.as_ref().expect("a URL").as_str(), "https://example.org/3");
    assert_eq!(row.title.as_str(), "école");
    assert_eq!(row.description.as_str(), " # as is\n");
    assert_eq!((row.kind, row.state), (TaskType::Chore, TaskState::Blocked));
    assert_eq!(row.priority.as_str(), "critical");
    assert_eq!(row.assignee, Some(Person::Known(agent.parse().expect("an id"))));
    assert_eq!(row.author, Some(Person::Known(user.parse().expect("an id"))));
    assert_eq!(json!(row.labels), json!(["one", "two"]));
    assert_eq!(json!(row.created_at), json!("2024-01-01T00:00:00.123Z"));
    assert_eq!(json!(row.updated_at), json!("2024-01-02T00:00:00.000Z"));
    assert_eq!(json!(row.started_at), json!("2024-01-01T06:00:00.000Z"));
    assert_eq!(row.completed_at, None);
    assert_eq!(
        (json!(row.start_date), json!(row.due_date)),
        (json!("2024-01-01"), json!("2024-01-01"))
    );
    assert_eq!((json!(row.estimate_seconds), json!(row.points)), (json!(31_536_000), json!(100)));
    let criteria = json!([{ "text": "holds", "met": true }, { "text": "plain", "met": false }]);
    assert_eq!(json!(row.acceptance_criteria), criteria);
    assert_eq!(row.blocked_reason.as_ref().expect("a reason").as_str(), "waits");
    assert_eq!(row.rank.as_ref().expect("a rank").as_str(), "0abc");
    assert_eq!(json!(row.parent), json!("p"));
    assert_eq!(
        json!(row.relations),
        json!({
            "blocks": ["b", { "source": "elsewhere", "externalId": "c" }, "t"],
            "blockedBy": ["9"], "relatesTo": ["one, id"], "duplicateOf": "root",
        })
    );
    let comments: Vec<(u32, &str, String)> = row
        .comments
        .iter()
        .map(|comment| (comment.position, comment.body.as_str(), comment.created_at.to_string()))
        .collect();
    let own = "2024-01-01T00:00:00.123Z".to_owned();
    let expected = [
        (0, "  hi\n", "2024-01-03T00:00:00.000Z".to_owned()),
        (1, "there", own.clone()),
        (2, "plain", own),
    ];
    assert_eq!(comments, expected);
    assert_eq!(row.comments[0].author, row.author);
    assert_eq!(json!(row.comments[0].edited_at), json!("2024-01-04T00:00:00.000Z"));
    assert_eq!(row.comments[1].author, Some(Person::Named("Anna".parse().expect("a name"))));
    assert_eq!(row.comments[2].author, None);
}

#[test]
fn every_state_is_read_and_closed_ones_are_completed() {
    for state in TaskState::ALL {
        let row = json!({
            "title": "a", "state": state, "updatedAt": "2024-01-02T00:00:00Z",
            "createdAt": "2024-01-01T00:00:00Z",
        });
        let (row, warnings) = one(row);
        assert_eq!(row.state, *state);
        let closed = matches!(state.category(), StateCategory::Done | StateCategory::Cancelled);
        assert_eq!(row.completed_at, closed.then(|| super::time("2024-01-02T00:00:00Z")));
        assert_eq!(warnings, Vec::<String>::new());
    }
    let (row, warnings) = one(json!({ "title": "a", "completedAt": "2024-01-02T00:00:00Z" }));
    assert_eq!((row.completed_at, warnings), (None, vec!["date_dropped".to_owned()]));
    assert_eq!(one(json!({ "title": "a", "state": "done" })).0.completed_at, Some(super::now()));
}

#[test]
fn bad_rows_fail_and_the_others_do_not() {
    let content = "{\"title\":\"a\"}\nnot json\n[]\n{\"title\":\" \"}\n{\"title\":\"b\",\"labels\":\"\\ud800\"}\n{\"title\":\"c\"}";
    let rows = read(content, &native());
    let failed: Vec<u32> = rows
        .iter()
        .filter(|row| matches!(row.outcome, Outcome::Failed(_)))
        .map(|row| row.number)
        .collect();
    assert_eq!(failed, [2, 3, 4, 5]);
    assert_eq!(task(&rows[5]).title.as_str(), "c");
}

#[test]
fn what_makes_a_row_bad() {
    let code = |row: Value| refused(row).0;
    assert_eq!(code(json!({ "title": {} })), "invalid_request");
    assert_eq!(code(json!({ "title": "a", "relations": [] })), "invalid_request");
    assert_eq!(code(json!({ "title": "a", "createdAt": "2024-13-01T00:00:00Z" })), "invalid_time");
    assert_eq!(code(json!({ "title": "a", "updatedAt": "2026-11-23T12:05:01Z" })), "invalid_time");
    assert_eq!(
        code(json!({ "title": "a", "comments": [{ "body": "b", "createdAt": "later" }] })),
        "invalid_time"
    );
    assert_eq!(code(json!({ "title": "a", "dueDate": "later" })), "invalid_time");
    assert_eq!(code(json!({ "title": "a", "estimateSeconds": "3d" })), "invalid_request");
    assert_eq!(code(json!({ "title": "a", "externalId": 1.5 })), "invalid_request");
    assert_eq!(code(json!({ "title": "a", "source": "x".repeat(51) })), "invalid_request");
    assert_eq!(code(json!({ "title": "a", "state": "Doing" })), "invalid_request");
    assert_eq!(code(json!({ "title": "a".repeat(256 * 1024) })), "too_large");
    let nested = "[".repeat(64) + &"]".repeat(64);
    let rows = read(format!("{{\"title\":\"a\",\"x\":{nested}}}"), &native());
    assert_eq!(problem(&rows[0]).detail, "the row is nested deeper than 64 levels");
    let deep = "[".repeat(100_000);
    let rows = read(format!("{{\"title\":\"a\",\"x\":{deep}}}"), &native());
    assert_eq!(problem(&rows[0]).code.as_str(), "invalid_request");
}

#[test]
fn unknown_words_take_the_default() {
    let mut options = native();
    options.defaults.state = Some(TaskState::Backlog);
    options.defaults.kind = Some(TaskType::Feature);
    options.defaults.labels = serde_json::from_value(json!(["old"])).expect("labels");
    options.state_map.insert("Doing".to_owned(), TaskState::InProgress);
    let row = json!({ "title": "a", "state": "Icebox", "type": "Story", "priority": "P1" });
    let (row, warnings) = only(row.to_string(), &options);
    assert_eq!((row.state, row.kind), (TaskState::Backlog, TaskType::Feature));
    assert_eq!(warnings, ["unknown_state", "unknown_type", "unknown_priority"]);
    assert_eq!(json!(row.labels), json!(["old"]));
    let (row, warnings) = only(json!({ "title": "a", "state": " Doing" }).to_string(), &options);
    assert_eq!((row.state, warnings.len()), (TaskState::InProgress, 0));
}

#[test]
fn a_long_title_opens_the_description() {
    let title = "é".repeat(201);
    let (row, warnings) = one(json!({ "title": title, "description": "More." }));
    assert_eq!(row.title.as_str(), "é".repeat(200));
    assert_eq!(row.description.as_str(), format!("{title}\n\nMore."));
    assert_eq!(warnings, ["title_cut"]);
    let (row, warnings) = one(json!({ "title": title }));
    assert_eq!((row.description.as_str(), warnings.len()), (title.as_str(), 1));
    let (row, warnings) = one(json!({ "title": "é".repeat(200) }));
    assert_eq!((row.description.as_str(), warnings.len()), ("", 0));
}

#[test]
fn everything_over_a_limit_is_cut_and_told() {
    let labels: Vec<String> = (0..22).map(|n| format!("label {n}")).collect();
    let many: Vec<String> = (0..60).map(|n| format!("t{n}")).collect();
    let (row, mut warnings) = one(json!({
        "title": "two\nlines", "description": "d".repeat(64_001), "externalId": "x".repeat(201),
        "externalKey": "k".repeat(201), "externalUrl": "javascript:alert(1)", "labels": labels,
        "assigneeId": "n".repeat(201), "estimateSeconds": 31_536_001, "points": 1.5,
        "acceptanceCriteria": (0..21).map(|_| "c".repeat(501)).collect::<Vec<_>>(),
        "startDate": "2024-02-01", "dueDate": "2024-01-01", "blockedReason": "not blocked",
        "rank": "Ü", "relations": { "blocks": many, "relatesTo": many }, "parentId": "x".repeat(201),
    }));
    assert_eq!(row.title.as_str(), "two lines");
    assert_eq!(row.description.as_str().len(), 64_000);
    assert_eq!(row.external_id.as_str().len(), 64);
    assert_eq!(row.parent, None, "it is the row itself");
    assert_eq!(row.labels.as_slice().len(), 20);
    assert_eq!(row.acceptance_criteria.0.len(), 20);
    assert_eq!((row.relations.blocks.len(), row.relations.relates_to.len()), (40, 50));
    assert_eq!((json!(row.estimate_seconds), json!(row.points)), (json!(31_536_000), json!(1)));
    assert_eq!((row.start_date, row.rank, row.external_url), (None, None, None));
    let last = warnings.pop();
    assert_eq!(last.as_deref(), Some("more_warnings"), "21 criteria were cut");
    let one_of_them = |code: &str| warnings.iter().any(|warning| warning == code);
    for code in [
        "control_characters",
        "text_cut",
        "external_id_hashed",
        "date_dropped",
        "url_dropped",
        "labels_dropped",
        "number_changed",
    ] {
        assert!(one_of_them(code), "{code}: {warnings:?}");
    }
}

#[test]
fn labels_are_made_to_fit() {
    let long = "L".repeat(51);
    let (row, warnings) =
        one(json!({ "title": "a", "labels": ["a, b", long, " ", "tab\there", "Ok"] }));
    assert_eq!(json!(row.labels), json!(["a  b", "l".repeat(50), "tab here", "ok"]));
    assert_eq!(warnings, ["label_changed", "label_changed", "control_characters", "label_changed"]);
}

#[test]
fn of_over_500_comments_the_rest_is_dropped() {
    let comments: Vec<Value> = (0..502).map(|n| json!({ "body": n.to_string() })).collect();
    let (row, warnings) = one(json!({ "title": "a", "comments": comments }));
    assert_eq!((row.comments.len(), warnings), (500, vec!["comments_dropped".to_owned()]));
    let (row, warnings) = one(json!({ "title": "a", "comments": [" ", "b".repeat(16_001)] }));
    assert_eq!((row.comments.len(), row.comments[0].position), (1, 1));
    assert_eq!(warnings, ["comment_empty", "text_cut"]);
}

#[test]
fn the_first_good_row_has_the_id() {
    let content = [
        json!({ "title": "bad", "externalId": "1", "createdAt": "never" }),
        json!({ "title": "good", "externalId": "1" }),
        json!({ "title": "late", "externalId": 1 }),
        json!({ "title": "elsewhere", "externalId": "1", "source": "elsewhere" }),
        json!({ "title": "the same source", "externalId": "1", "source": "tracker" }),
    ];
    let content: Vec<String> = content.iter().map(Value::to_string).collect();
    let rows = read(content.join("\n"), &native());
    assert_eq!(problem(&rows[0]).code.as_str(), "invalid_time");
    assert_eq!(task(&rows[1]).title.as_str(), "good");
    for index in [2, 4] {
        assert_eq!(problem(&rows[index]).code.as_str(), "duplicate_external_id");
        assert_eq!(problem(&rows[index]).detail, "row 2 has the external id 1 already");
    }
    assert_eq!(task(&rows[3]).title.as_str(), "elsewhere");
    for row in &rows {
        assert_eq!(row.external_id.as_ref().expect("it says so").as_str(), "1");
    }
}

#[test]
fn a_row_without_an_id_is_known_by_title_and_time() {
    let row =
        |title: &str, at: Value| one(json!({ "title": title, "createdAt": at })).0.external_id;
    let first = row("a", json!("2024-01-01T00:00:00Z"));
    assert_eq!(
        row(" a ", json!("2024-01-01T01:00:00.0001+01:00")),
        first,
        "the same, otherwise written"
    );
    assert_ne!(row("a", json!("2024-01-01T00:00:01Z")), first);
    assert_ne!(row("b", json!("2024-01-01T00:00:00Z")), first);
    // printf 'a\n2024-01-01T00:00:00.000Z' | sha256sum
    assert_eq!(first.as_str(), "300084a5237252eff6f915970caa33c1d5fa1623d1e9cc8833ba71de6d7b9f18");
}

#[test]
fn unknown_keys_are_listed() {
    let content = "{\"title\":\"a\",\"sprint\":1,\"relations\":{\"duplicates\":[]},\"id\":2}\n{\"title\":\"b\",\"é\":null,\"key\":\"x\"}";
    let options = native();
    let mut reader = open(content.as_bytes(), &options).expect("a readable file");
    assert_eq!(reader.by_ref().count(), 2);
    assert_eq!(
        reader.unmapped_columns().collect::<Vec<_>>(),
        ["/relations/duplicates", "id", "sprint", "é"]
    );
}

#[test]
fn an_array_is_a_native_document_and_an_object_is_none() {
    let options = options(ImportFormat::Json, Preset::Native);
    let rows = read(" [ {\"title\":\"a\"} ,\n7, {\"title\":\"b\"}]\n", &options);
    assert_eq!(rows.iter().map(|row| row.line).collect::<Vec<_>>(), [1, 2, 2]);
    assert_eq!(problem(&rows[1]).detail, "the row is not a JSON object");
    assert_eq!(codes(&rows[2]), Vec::<String>::new());
    for content in ["{\"issues\":[]}", "", "null"] {
        let unreadable = open(content.as_bytes(), &options).err().expect(content);
        assert_eq!(unreadable.code, UnreadableCode::ImportUnreadable);
    }
}
