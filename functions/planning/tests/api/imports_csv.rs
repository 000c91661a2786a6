//! /planning/imports of spreadsheets, with everything that is hard about CSV. Acceptance 14; the
//! reader alone is compared with Python's in `tests/transfer`.

use serde_json::{Value, json};

use crate::{
    A, app,
    imports::{import, uploaded},
    project,
};

/// Byte order mark, semicolons, CRLF, quoted line breaks, a column that is there twice; the third
/// row has no title and the fourth a cell of 300 KB.
fn spreadsheet() -> String {
    let huge = "x".repeat(300 * 1024);
    let rows = [
        "External ID;Title;Description;Labels;Labels".to_owned(),
        "1;Plain;;ui;api".to_owned(),
        "2;\"Quoted; with \"\"all\"\" of it\";\"Two\r\nlines\";;\u{dc}ber".to_owned(),
        "3;;no title;;".to_owned(),
        format!("4;Too large;{huge};;"),
        ";;;;".to_owned(),
        "5;\u{1f980} crab;;a;a".to_owned(),
    ];
    format!("\u{feff}{}\r\n", rows.join("\r\n"))
}

#[tokio::test]
async fn exactly_the_bad_rows_of_a_spreadsheet_fail() {
    let app = app().await;
    let member = app.client(A, "member");
    let id = project(&member, "WEB").await;
    let upload = uploaded(&app, &member, "backlog.csv", spreadsheet().as_bytes()).await;
    let order = json!({
        "projectId": id, "format": "csv", "source": "sheet", "uploadId": upload,
    });
    let (job, rows) = import(&app, &member, order).await;
    assert_eq!(job["status"], "completed", "{job}");
    let told: Vec<(&str, &Value)> =
        rows.iter().map(|row| (row["status"].as_str().unwrap(), &row["problem"]["code"])).collect();
    let expected = [
        ("created", &Value::Null),
        ("created", &Value::Null),
        ("failed", &json!("invalid_request")),
        ("failed", &json!("too_large")),
        ("skipped", &Value::Null),
        ("created", &Value::Null),
    ];
    assert_eq!(told, expected, "{rows:?}");
    let tasks =
        member.all(&format!("/api/v1/planning/tasks?projectId={id}&sort=number"), 100).await;
    let seen: Vec<Value> =
        tasks.iter().map(|task| json!([task["title"], task["labels"]])).collect();
    assert_eq!(
        seen,
        [
            json!(["Plain", ["ui", "api"]]),
            json!(["Quoted; with \"all\" of it", ["\u{fc}ber"]]),
            json!(["\u{1f980} crab", ["a"]]),
        ]
    );
    let path = format!("/api/v1/planning/tasks/{}", tasks[1]["id"].as_str().unwrap());
    assert_eq!(member.get(&path).await.expect(200)["description"], "Two\r\nlines");
}

#[tokio::test]
async fn a_spreadsheet_that_is_not_utf_8_imports_nothing() {
    let app = app().await;
    let member = app.client(A, "member");
    let id = project(&member, "WEB").await;
    let latin = b"External ID,Title\n1,Fine\n2,Gr\xfc\xdfe\n";
    let upload = uploaded(&app, &member, "latin.csv", latin).await;
    let order = json!({
        "projectId": id, "format": "csv", "source": "sheet", "uploadId": upload,
    });
    let (job, _) = import(&app, &member, order).await;
    assert_eq!(job["status"], "failed", "{job}");
    assert_eq!(job["problem"]["code"], "import_unreadable");
    let tasks = member.all(&format!("/api/v1/planning/tasks?projectId={id}"), 100).await;
    assert!(tasks.is_empty(), "a file that cannot be read imports nothing");
}
