//! /planning/jobs/{id}/rows

use serde_json::Value;

use crate::{
    A, app, project,
    queue::{Queue, TIMES},
    toy::{rows, start, works},
};

fn numbers(rows: &[Value]) -> Vec<u64> {
    rows.iter().map(|row| row["row"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn pages_of_any_size_show_every_row_once_in_order() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    let path = start(&app, &owner, &id, rows(47, 6)).await;
    assert!(owner.all(&format!("{path}/rows"), 10).await.is_empty());
    Queue::of(&app, &works(&app), 1).drain(TIMES, |_| None).await;
    let all: Vec<u64> = (1..=47).collect();
    for limit in [1, 2, 5, 6, 7, 12, 46, 47, 48, 100] {
        let found = owner.all(&format!("{path}/rows"), limit).await;
        assert_eq!(numbers(&found), all, "pages of {limit}");
    }
    for limit in [1, 3, 100] {
        let failed = owner.all(&format!("{path}/rows?status=failed"), limit).await;
        assert_eq!(numbers(&failed), [10, 20, 30, 40], "pages of {limit}");
        assert_eq!(failed[0]["problem"]["code"], "not_found");
    }
    let both = owner.all(&format!("{path}/rows?status=failed&status=created"), 9).await;
    assert_eq!(numbers(&both), all);
}

#[tokio::test]
async fn a_page_with_a_filter_examines_1000_rows_and_goes_on() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    let path = start(&app, &owner, &id, rows(1_050, 96)).await;
    Queue::of(&app, &works(&app), 1).drain(TIMES, |_| None).await;
    let path = format!("{path}/rows?status=skipped");
    let first = owner.get(&format!("{path}&limit=5")).await.expect(200);
    assert_eq!(first["items"], serde_json::json!([]));
    let cursor = first["nextCursor"].as_str().expect("it examined only some");
    let second = owner.get(&format!("{path}&limit=5&cursor={cursor}")).await.expect(200);
    assert_eq!((&second["items"], &second["nextCursor"]), (&serde_json::json!([]), &Value::Null));
}

#[tokio::test]
async fn a_cursor_of_one_jobs_rows_is_none_of_anothers() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    let (one, other) =
        (start(&app, &owner, &id, rows(4, 2)).await, start(&app, &owner, &id, rows(1, 1)).await);
    Queue::of(&app, &works(&app), 1).drain(TIMES, |_| None).await;
    let page = owner.get(&format!("{one}/rows?limit=1")).await.expect(200);
    let cursor = page["nextCursor"].as_str().unwrap();
    let foreign = owner.get(&format!("{other}/rows?limit=1&cursor={cursor}")).await;
    foreign.expect_problem(400, "invalid_request");
}
