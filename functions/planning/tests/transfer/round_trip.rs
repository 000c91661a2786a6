//! Written and read back: what the native format promises.

use millwright_core::{Labels, TaskId};
use planning::{
    domain::{
        AcceptanceCriteria, EstimateSeconds, ExternalId, Points, Rank, Source, StateCategory, Task,
        TaskState, TaskSummary,
    },
    store::HistoryEntry,
    transfer::{
        CommentsRow, CsvColumns, ExportComment, ExportLinks, ExportTask, ExternalReference,
        ExternalRelations, ImportComment, ImportFormat, ImportRow, Outcome, Person, Preset, Row,
        export_identity, write_task,
    },
};
use proptest::{option, prelude::*, sample::select, strategy::ValueTree};
use serde_json::{Value, json};

use super::{options, python::python, read, task, time};

const USER: &str = "usr_01h455vb4pex5vsknk084sn02q";
const AGENT: &str = "agt_01h455vb4pex5vsknk084sn02q";

fn reference() -> impl Strategy<Value = ExternalReference> {
    let own =
        "[A-Za-z0-9#,;é ]{0,10}[A-Za-z]".prop_map(|id| id.parse::<ExternalId>().expect("an id"));
    let source = select(vec!["jira-acme", "Another Tracker"]);
    let source = source.prop_map(|source| source.parse::<Source>().expect("a source"));
    (option::of((source, own)), any::<u128>()).prop_map(|(external, bits)| {
        let (source, id) = external.unzip();
        export_identity(TaskId::from_uuid(uuid::Uuid::from_u128(bits)), source, id).expect("a name")
    })
}

fn references(max: usize) -> impl Strategy<Value = Vec<ExternalReference>> {
    proptest::collection::btree_set(reference(), 0..=max).prop_map(|set| set.into_iter().collect())
}

fn moment() -> impl Strategy<Value = millwright_core::Timestamp> {
    (0i64..1_790_000_000_000).prop_map(millwright_core::Timestamp::from_millisecond)
}

fn date() -> impl Strategy<Value = millwright_core::Date> {
    (1u32..=12, 1u32..=28).prop_map(|(m, d)| format!("2024-{m:02}-{d:02}").parse().expect("a date"))
}

/// What Markdown may hold: everything but control characters.
fn markdown(max: usize) -> impl Strategy<Value = String> {
    proptest::collection::vec(
        prop_oneof![select(vec!['\n', '\r', '\t', '"', '\\', '=']), any::<char>()],
        0..max,
    )
    .prop_map(|characters| {
        characters.into_iter().filter(|c| !c.is_control() || "\n\r\t".contains(*c)).collect()
    })
}

fn comment() -> impl Strategy<Value = ExportComment> {
    let author = select(vec![Some(USER), Some(AGENT), None]);
    (author, markdown(40), moment(), option::of(moment())).prop_map(
        |(author, body, created_at, edited_at)| ExportComment {
            author_id: author.map(ToOwned::to_owned),
            author_name: author.is_none().then(|| "Anna B.".parse().expect("a name")),
            body: format!("x{body}").parse().expect("a body"),
            created_at,
            edited_at,
        },
    )
}

fn labels() -> impl Strategy<Value = Labels> {
    proptest::collection::vec("[A-Za-zßéİ =-]{0,20}[a-z]", 0..25).prop_map(|texts| {
        let mut labels = Labels::default();
        for text in texts {
            labels.push(text.parse().expect("a label"));
        }
        labels
    })
}

prop_compose! {
    fn summary()(
        id in any::<u128>(),
        title in "[=+@a-zé\u{1f980}'\" ]{0,100}[a-z]",
        (kind, state, priority) in (
            select(planning::domain::TaskType::ALL),
            select(TaskState::ALL),
            select(planning::domain::Priority::ALL),
        ),
        assignee in option::of(select(vec![USER, AGENT])),
        labels in labels(),
        (created_at, updated_at, started_at, completed_at) in
            (moment(), moment(), option::of(moment()), moment()),
        (start_date, due_date) in (option::of(date()), option::of(date())),
        (estimate_seconds, points) in (option::of(0u32..=31_536_000), option::of(0u32..=100)),
        rank in "[0-9a-z]{0,59}[1-9a-z]",
    ) -> TaskSummary {
        let closed = matches!(state.category(), StateCategory::Done | StateCategory::Cancelled);
        TaskSummary {
            id: TaskId::from_uuid(uuid::Uuid::from_u128(id)),
            project_id: "prj_01h455vb4pex5vsknk084sn02q".parse().expect("an id"),
            key: "WEB-1".to_owned(),
            number: 1,
            title: title.parse().expect("a title"),
            kind,
            state,
            state_category: state.category(),
            priority,
            assignee_id: assignee.map(|id| id.parse().expect("an id")),
            reporter_id: USER.to_owned(),
            labels,
            rank: rank.parse::<Rank>().expect("a rank"),
            start_date: start_date.min(due_date.or(start_date)),
            due_date,
            estimate_seconds: estimate_seconds.map(|n| EstimateSeconds::new(n.into()).expect("fits")),
            points: points.map(|n| Points::new(n.into()).expect("fits")),
            parent_id: None,
            open_blockers: 0,
            external_id: None,
            source: None,
            external_key: None,
            imported_at: None,
            source_updated_at: None,
            started_at,
            completed_at: closed.then_some(completed_at),
            version: 1,
            created_at,
            created_by: USER.to_owned(),
            updated_at,
            updated_by: USER.to_owned(),
            deleted_at: None,
        }
    }
}

prop_compose! {
    fn export_task()(
        mut summary in summary(),
        description in markdown(80),
        criteria in proptest::collection::vec(("[a-zé\" ]{0,20}[a-z]", any::<bool>()), 0..4),
        reason in option::of("[a-z]{1,20}"),
        identity in reference(),
        key in option::of("[A-Z#0-9]{1,20}"),
        parent in option::of(reference()),
        (blocks, relates_to, duplicate_of) in (references(3), references(3), option::of(reference())),
        comments in proptest::collection::vec(comment(), 0..4),
    ) -> ExportTask {
        let blocked = summary.state == TaskState::Blocked;
        let criteria = criteria.into_iter().map(|(text, met)| {
            planning::domain::AcceptanceCriterion { text: text.parse().expect("a text"), met }
        });
        if identity.source.is_some() {
            summary.external_id = Some(identity.external_id);
            summary.source = identity.source;
        }
        summary.external_key = key.map(|key| key.parse().expect("a key"));
        let task = Task {
            summary,
            description: description.parse().expect("a description"),
            acceptance_criteria: AcceptanceCriteria(criteria.collect()),
            blocked_reason: reason.filter(|_| blocked).map(|text| text.parse().expect("a reason")),
            external_url: Some("https://example.org/a?b=c".parse().expect("a URL")),
            relations: planning::domain::Relations::default(),
            parts: planning::domain::Parts::default(),
        };
        let task = ExportTask::of(task, ExportLinks::default()).expect("a task");
        let itself = task.identity();
        let other = |reference: &ExternalReference| *reference != itself;
        let relations = ExternalRelations {
            blocks: blocks.into_iter().filter(other).collect(),
            blocked_by: Vec::new(),
            relates_to: relates_to.into_iter().filter(other).collect(),
            duplicate_of: duplicate_of.filter(other),
        };
        ExportTask { parent_id: parent.filter(other), relations, comments, ..task }
    }
}

fn person(id: &str) -> Person {
    id.parse().map_or_else(|_| Person::Named(id.parse().expect("a name")), Person::Known)
}

fn expected_comment(position: usize, comment: &ExportComment) -> ImportComment {
    let name = comment.author_name.as_ref().map(|name| name.as_str());
    let author = comment.author_id.as_deref().or(name);
    ImportComment {
        position: u32::try_from(position).expect("fits"),
        author: author.map(person),
        body: comment.body.clone(),
        created_at: comment.created_at,
        edited_at: comment.edited_at,
    }
}

/// The task as a row, field by field.
fn expected(task: &ExportTask) -> ImportRow {
    ImportRow {
        source: task.source.clone(),
        external_id: task.external_id.clone(),
        external_key: task.external_key.clone(),
        external_url: task.external_url.clone(),
        title: task.title.clone(),
        description: task.description.clone(),
        kind: task.kind,
        state: task.state,
        priority: task.priority,
        assignee: task.assignee_id.map(Person::Known),
        author: Some(person(&task.reporter_id)),
        labels: task.labels.clone(),
        created_at: Some(task.created_at),
        updated_at: Some(task.updated_at),
        started_at: task.started_at,
        completed_at: task.completed_at,
        start_date: task.start_date,
        due_date: task.due_date,
        estimate_seconds: task.estimate_seconds,
        points: task.points,
        acceptance_criteria: AcceptanceCriteria(task.acceptance_criteria.clone()),
        blocked_reason: task.blocked_reason.clone(),
        rank: Some(task.rank.clone()),
        parent: task.parent_id.clone(),
        relations: task.relations.clone(),
        comments: task.comments.iter().enumerate().map(|(n, c)| expected_comment(n, c)).collect(),
    }
}

fn exported(tasks: &[ExportTask]) -> Vec<u8> {
    let mut out = Vec::new();
    for task in tasks {
        write_task(task, &mut out).expect("a vector takes everything");
    }
    out
}

fn read_back(content: &[u8]) -> Vec<Row> {
    read(content, &options(ImportFormat::JsonLines, Preset::Native))
}

proptest! {
    #[test]
    fn what_is_exported_is_imported(tasks in proptest::collection::vec(export_task(), 1..5)) {
        let rows = read_back(&exported(&tasks));
        prop_assert_eq!(rows.len(), tasks.len());
        let mut names = std::collections::BTreeSet::new();
        for (row, exported) in rows.iter().zip(&tasks) {
            if names.insert(exported.identity()) {
                prop_assert_eq!(task(row), &expected(exported));
            } else {
                prop_assert!(matches!(row.outcome, Outcome::Failed(_)));
            }
            prop_assert_eq!(row.warnings.clone().into_list(), vec![]);
        }
    }

    #[test]
    fn no_cell_of_a_csv_export_is_a_formula(task in export_task()) {
        let columns = CsvColumns { comments: true, history: true };
        let mut out = Vec::new();
        columns.write_header(&mut out).expect("written");
        columns.write_task(&task, &mut out).expect("written");
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(out.as_slice());
        let records: Vec<csv::StringRecord> = reader.records().map(|r| r.expect("CSV")).collect();
        prop_assert_eq!(records.len(), 2);
        prop_assert_eq!(records[0].len(), records[1].len());
        for cell in records.iter().flatten() {
            prop_assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{:?}", cell);
        }
        let undone = |cell: &str, original: &str| cell == original || cell == format!("'{original}");
        prop_assert!(undone(&records[1][1], task.title.as_str()));
        prop_assert!(undone(&records[1][26], task.description.as_str()));
    }
}

/// A task made by hand, with everything that can be long.
fn big() -> ExportTask {
    let body = "\u{1f980}".repeat(15_999) + "!";
    let comments = (0..1_200i64).map(|n| ExportComment {
        author_id: Some(USER.to_owned()),
        author_name: None,
        // Ten of the longest, then short ones.
        body: if n < 10 { body.clone() } else { n.to_string() }.parse().expect("a body"),
        created_at: millwright_core::Timestamp::from_millisecond(n),
        edited_at: None,
    });
    let history = (0..3).map(|n: u32| HistoryEntry {
        id: "hist_01h455vb4pex5vsknk084sn02q".parse().expect("an id"),
        at: time("2024-01-01T00:00:00Z"),
        actor_id: USER.to_owned(),
        operation_id: format!("task_update_{n}"),
        changes: serde_json::from_value(json!([{ "field": "title", "from": "a", "to": "b" }]))
            .expect("changes"),
        note: None,
    });
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let any = export_task().new_tree(&mut runner).expect("a task").current();
    ExportTask { comments: comments.collect(), history: history.collect(), ..any }
}

#[test]
fn what_does_not_fit_a_row_goes_on_in_further_rows() {
    let exported_task = big();
    let rows = read_back(&exported(std::slice::from_ref(&exported_task)));
    let mut comments = task(&rows[0]).comments.clone();
    let mut skipped = 0;
    for row in &rows[1..] {
        match &row.outcome {
            Outcome::Comments(CommentsRow { task, comments: more }) => {
                assert_eq!(*task, exported_task.identity());
                comments.extend(more.iter().cloned());
            }
            Outcome::Skipped(_) => skipped += 1,
            other => panic!("row {} is {other:?}", row.number),
        }
    }
    assert_eq!(comments, expected(&exported_task).comments);
    assert_eq!(skipped, 1, "history is for people");
    assert!(rows.iter().all(|row| row.warnings.clone().into_list().is_empty()));
}

#[test]
fn a_csv_export_is_what_python_reads() {
    let task = big();
    let columns = CsvColumns { comments: false, history: true };
    let mut out = Vec::new();
    columns.write_header(&mut out).expect("written");
    columns.write_task(&task, &mut out).expect("written");
    let script = "import csv,io,json,sys\n\
        text = sys.stdin.buffer.read().decode()\n\
        print(json.dumps(list(csv.DictReader(io.StringIO(text, newline=''), strict=True))))";
    let Some(python) = python(script, &out) else { return };
    let row = &python[0];
    assert_eq!(python.as_array().map(Vec::len), Some(1));
    for (column, value) in [
        ("key", json!(task.key)),
        ("state", json!(task.state)),
        ("externalId", json!(task.external_id)),
        ("createdAt", json!(task.created_at)),
        ("points", json!(task.points.map(|points| points.to_string()).unwrap_or_default())),
    ] {
        assert_eq!(row[column], value, "{column}");
    }
    let history = row["history"].as_str().expect("a text");
    assert_eq!(history.lines().count(), 3);
    assert!(history.starts_with(&format!(
        "2024-01-01T00:00:00.000Z {USER} task_update_0 title: \"a\" -> \"b\""
    )));
    assert_eq!(row.get("comments"), None::<&Value>);
}
