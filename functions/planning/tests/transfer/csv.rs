//! CSV, against Python's `csv`.

use planning::{
    domain::TaskState,
    transfer::{Field, ImportFormat, ImportOptions, Outcome, Person, Preset, UnreadableCode},
};
use serde_json::{Value, json};

use super::{codes, only, open, options, problem, python::python, read, task};

fn custom(mapping: &[(&str, Field)]) -> ImportOptions {
    let mut options = options(ImportFormat::Csv, Preset::Custom);
    options.mapping.0 =
        mapping.iter().map(|(column, field)| ((*column).to_owned(), *field)).collect();
    options
}

/// The rows below the header as Python reads them: the line each begins at, and its cells.
fn in_python(content: &str, delimiter: char) -> Option<Vec<(u64, Vec<String>)>> {
    let script = format!(
        r#"
import csv, io, json, sys
text = sys.stdin.buffer.read().decode("utf-8-sig")
class Lines:
    def __init__(self, text): self.lines, self.count = io.StringIO(text, newline=""), 0
    def __iter__(self): return self
    def __next__(self):
        line = next(self.lines); self.count += 1; return line
csv.field_size_limit(10**9)
lines, rows, before = Lines(text), [], 0
for cells in csv.reader(lines, delimiter={delimiter:?}):
    if cells: rows.append([before + 1, cells])
    before = lines.count
print(json.dumps(rows[1:]))
"#
    );
    let rows = python(&script, content.as_bytes())?;
    let row = |row: &Value| {
        let cells = row[1].as_array().expect("cells");
        let cells = cells.iter().map(|cell| cell.as_str().expect("a text").to_owned()).collect();
        (row[0].as_u64().expect("a line"), cells)
    };
    Some(rows.as_array().expect("rows").iter().map(row).collect())
}

/// A file with everything that is hard about CSV; rows 3, 6, 8, 9 and 12 are bad, row 4 is blank.
fn hard(delimiter: char, line_break: &str, bom: &str) -> String {
    let huge = "x".repeat(300 * 1024);
    let rows: [&[&str]; 13] = [
        &["Ref", "Summary", "Text", "Label", "Label", "Created", "State"],
        &["1", "Plain", "", "ui", "api", "2024-02-29T23:30:00+02:00", "done"],
        &["2", "Quoted, with; all\tof it", "He said \"no\".\nThen\r\nyes", "", "Über", "", "To Do"],
        &["3", "", "no title", "", "", "", ""],
        &["", "", "", "", "", "", ""],
        &["5", "\u{1f980} crab", "last\n", "a", "a", "", "In Progress"],
        &["6", "Too large", &huge, "", "", "", ""],
        &["7", "=1+1", "", "", "", "2024-01-01T00:00:00.123456789Z", "canceled"],
        &["8", "Soon", "", "", "", "soon", ""],
        &["9", "Short"],
        &["10", "One more, empty", "", "", "", "", "", ""],
        &["11", "Blank lines follow", "", "", "", "", ""],
        &["12", "One more, full", "", "", "", "", "", "lost?"],
    ];
    let cell = |cell: &&str| match cell.contains(['"', '\r', '\n', ',', ';', '\t']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => (*cell).to_owned(),
    };
    let mut text = bom.to_owned();
    for (index, row) in rows.iter().enumerate() {
        let cells: Vec<String> = row.iter().map(cell).collect();
        text += &cells.join(&delimiter.to_string());
        text += line_break;
        if index == 11 {
            text += &line_break.repeat(2);
        }
    }
    text
}

#[test]
fn rows_and_lines_are_those_of_python() {
    let mut options = custom(&[
        ("Ref", Field::ExternalId),
        ("Summary", Field::Title),
        ("Text", Field::Description),
        ("Label", Field::Labels),
        ("Created", Field::CreatedAt),
        ("State", Field::State),
    ]);
    for (delimiter, line_break, bom) in
        [(',', "\n", ""), (';', "\r\n", "\u{feff}"), ('\t', "\r\n", ""), (',', "\r\n", "\u{feff}")]
    {
        let content = hard(delimiter, line_break, bom);
        options.defaults.state = None;
        let rows = read(&content, &options);
        let bad: Vec<(u32, &str)> = rows
            .iter()
            .filter(|row| matches!(row.outcome, Outcome::Failed(_)))
            .map(|row| (row.number, problem(row).code.as_str()))
            .collect();
        let expected = [
            (3, "invalid_request"),
            (6, "too_large"),
            (8, "invalid_time"),
            (9, "invalid_request"),
            (12, "invalid_request"),
        ];
        assert_eq!(bad, expected);
        assert!(matches!(rows[3].outcome, Outcome::Skipped(_)));
        let Some(python) = in_python(&content, delimiter) else { return };
        assert_eq!(rows.len(), python.len());
        for (row, (line, cells)) in rows.iter().zip(&python) {
            assert_eq!(u64::from(row.line), *line, "row {}", row.number);
            if let Outcome::Task(row) = &row.outcome {
                assert_eq!(row.external_id.as_str(), cells[0]);
                assert_eq!(row.title.as_str(), cells[1].replace('\t', " "));
                assert_eq!(row.description.as_str(), cells[2]);
                let mut labels: Vec<String> = cells[3..5]
                    .iter()
                    .filter(|l| !l.is_empty())
                    .map(|l| l.to_lowercase())
                    .collect();
                labels.dedup();
                assert_eq!(json!(row.labels), json!(labels));
            }
        }
    }
}

#[test]
fn times_and_states_of_cells() {
    let options = options(ImportFormat::Csv, Preset::Native);
    let content = "Title;Created At;Updated At;State;Due date;Points;Estimate Seconds;Assignee\r\n\
        a;2024-02-29T23:30:00.999999999+02:00;2024-03-01t00:00:00z;In Progress;2024-12-31;5;3600;Anna\r\n";
    let (row, warnings) = only(content, &options);
    assert_eq!(warnings, Vec::<String>::new());
    assert_eq!(row.created_at.expect("one").to_string(), "2024-02-29T21:30:00.999Z");
    assert_eq!(row.updated_at.expect("one").to_string(), "2024-03-01T00:00:00.000Z");
    assert_eq!(row.state, TaskState::InProgress);
    assert_eq!(row.due_date.expect("one").to_string(), "2024-12-31");
    assert_eq!((json!(row.points), json!(row.estimate_seconds)), (json!(5), json!(3600)));
    assert_eq!(row.assignee, Some(Person::Named("Anna".parse().expect("a name"))));
}

#[test]
fn lists_and_criteria_are_taken_apart() {
    let options = options(ImportFormat::Csv, Preset::Native);
    let content = "title,external id,labels,labels,blocks,relatesTo,parent,acceptance_criteria\n\
        a,1,\"Ui, API\",ui,\"2, 3,2,1\",9,7,\"[x] one\n[ ] two\nthree\"\n";
    let (row, warnings) = only(content, &options);
    assert_eq!(json!(row.labels), json!(["ui", "api"]));
    assert_eq!(json!(row.relations), json!({ "blocks": ["2", "3"], "relatesTo": ["9"] }));
    assert_eq!(json!(row.parent), json!("7"));
    assert_eq!(
        json!(row.acceptance_criteria),
        json!([
            { "text": "one", "met": true },
            { "text": "two", "met": false },
            { "text": "three", "met": false },
        ])
    );
    assert_eq!(warnings, ["relations_dropped"], "it does not block itself");
}

#[test]
fn single_values_say_what_they_leave_out() {
    let options = custom(&[
        ("Name", Field::Title),
        ("Text", Field::Description),
        ("Notes", Field::Description),
        ("Who", Field::AssigneeId),
        ("Note", Field::Comments),
    ]);
    let content = "Name,Text,Who,Who,Notes,Note,Note,Sprint\na,one,Anna,Bert,two,first,second,7\n";
    let mut reader = open(content.as_bytes(), &options).expect("a readable file");
    let row = reader.next().expect("a row");
    assert_eq!(codes(&row), ["values_dropped"]);
    assert_eq!(task(&row).description.as_str(), "one\n\ntwo");
    let bodies: Vec<&str> =
        task(&row).comments.iter().map(|comment| comment.body.as_str()).collect();
    assert_eq!(bodies, ["first", "second"]);
    assert!(task(&row).comments.iter().all(|comment| comment.created_at == super::now()));
    assert_eq!(reader.unmapped_columns().collect::<Vec<_>>(), ["Sprint"]);
}

#[test]
fn a_mapping_overrides_a_native_column() {
    let mut options = options(ImportFormat::Csv, Preset::Native);
    options.mapping.0.insert("Headline".to_owned(), Field::Title);
    let content = "title,Headline\nnot this,this\n";
    let mut reader = open(content.as_bytes(), &options).expect("a readable file");
    assert_eq!(task(&reader.next().expect("a row")).title.as_str(), "this");
    assert_eq!(reader.unmapped_columns().collect::<Vec<_>>(), ["title"]);
}

#[test]
fn what_is_no_csv_with_a_title_is_unreadable() {
    let options = options(ImportFormat::Csv, Preset::Native);
    let whys: Vec<String> = [b"".as_slice(), b"\n\n", b"name,state\na,done\n", b"title\n\xff\n"]
        .into_iter()
        .map(|content| {
            let unreadable = open(content, &options).err().expect("unreadable");
            assert_eq!(unreadable.code, UnreadableCode::ImportUnreadable);
            unreadable.detail
        })
        .collect();
    assert_eq!(
        whys,
        [
            "the file has no header line",
            "the file has no header line",
            "no column is the title; other columns: name",
            "the file is not UTF-8 at byte 6",
        ]
    );
}

#[test]
fn a_quote_that_never_closes_is_no_row() {
    let options = options(ImportFormat::Csv, Preset::Native);
    let rows = read("title,description\na,\"b\"\nc,\"d\ne,f\ng,h\n", &options);
    assert_eq!(rows.len(), 2);
    assert_eq!(task(&rows[0]).description.as_str(), "b");
    assert_eq!(problem(&rows[1]).detail, "a quote is opened and never closed");
    let (row, _) = only("title,description\na,\"b\"", &options);
    assert_eq!(row.description.as_str(), "b");
}

#[test]
fn a_file_has_at_most_fifty_thousand_rows() {
    let options = options(ImportFormat::Csv, Preset::Native);
    let rows = "title\n".to_owned() + &"a\n".repeat(50_000);
    assert_eq!(open(rows.as_bytes(), &options).expect("fits").total(), 50_000);
    let more = rows + "a\n";
    let code = open(more.as_bytes(), &options).err().expect("too many").code;
    assert_eq!(code, UnreadableCode::TooLarge);
}
