//! GET /planning/tasks

use serde_json::{Value, json};

use crate::{A, B, app, path_of, project, task};

const TASKS: &str = "/api/v1/planning/tasks";

fn numbers(items: &[Value]) -> Vec<u64> {
    items.iter().map(|item| item["number"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn a_project_is_listed_by_number_either_way() {
    let app = app().await;
    let member = app.client(A, "member");
    let id = project(&member, "WEB").await;
    let other = project(&member, "APP").await;
    for n in 0..5 {
        task(&member, &id, &format!("{n}")).await;
        task(&member, &other, "elsewhere").await;
    }
    let listed = member.all(&format!("{TASKS}?projectId={id}"), 2).await;
    assert_eq!(numbers(&listed), [5, 4, 3, 2, 1]);
    let ascending = member.all(&format!("{TASKS}?projectId={id}&sort=number"), 2).await;
    assert_eq!(numbers(&ascending), [1, 2, 3, 4, 5]);
    for absent in ["description", "acceptanceCriteria", "blockedReason"] {
        assert!(listed[0].get(absent).is_none(), "{absent}");
    }
    let read = member.get(&path_of(&listed[0])).await.expect(200);
    for (field, value) in listed[0].as_object().unwrap() {
        assert_eq!(&read[field], value);
    }
}

#[tokio::test]
async fn a_column_is_listed_by_rank() {
    let app = app().await;
    let member = app.client(A, "member");
    let id = project(&member, "WEB").await;
    for n in 0..3 {
        app.database.clock.advance(std::time::Duration::from_millis(5));
        task(&member, &id, &format!("{n}")).await;
    }
    let column = format!("{TASKS}?projectId={id}&state=to_do");
    assert_eq!(numbers(&member.all(&column, 1).await), [1, 2, 3]);
    // What comes back is last.
    let transition = format!("{TASKS}/WEB-1/transition");
    for to in ["in_progress", "to_do"] {
        app.database.clock.advance(std::time::Duration::from_millis(5));
        member.post(&transition, json!({ "to": to })).await.expect(200);
    }
    assert_eq!(numbers(&member.all(&column, 1).await), [2, 3, 1]);
}

#[tokio::test]
async fn residual_filters_leave_out_without_losing_a_page() {
    let app = app().await;
    let member = app.client(A, "member");
    let id = project(&member, "WEB").await;
    for n in 1..=30u32 {
        let body = json!({
            "projectId": id,
            "title": if n % 3 == 0 { format!("Ünïque {n}") } else { format!("Plain {n}") },
            "type": if n % 2 == 0 { "bug" } else { "chore" },
            "priority": (if n % 5 == 0 { "high" } else { "low" }),
            "labels": if n % 4 == 0 { vec!["ui", "ux"] } else { vec!["ui"] },
            "dueDate": if n % 10 == 0 { Some(format!("2026-03-{n}")) } else { None },
            "assigneeId": if n % 6 == 0 { Some(member.user.to_string()) } else { None },
        });
        member.post(TASKS, body).await.expect(201);
    }
    let list = async |filter: &str| {
        let mut found = numbers(&member.all(&format!("{TASKS}?projectId={id}&{filter}"), 3).await);
        found.sort_unstable();
        found
    };
    let every = |keep: fn(u64) -> bool| (1..=30u64).filter(|n| keep(*n)).collect::<Vec<_>>();
    assert_eq!(list("type=bug").await, every(|n| n % 2 == 0));
    assert_eq!(list("type=bug&type=chore").await, every(|_| true));
    assert_eq!(list("priority=high&type=bug").await, every(|n| n % 10 == 0));
    assert_eq!(list("labels=ui&labels=ux").await, every(|n| n % 4 == 0));
    assert_eq!(list("unassigned=true").await, every(|n| n % 6 != 0));
    assert_eq!(list("dueBefore=2026-03-20").await, [10]);
    assert_eq!(list("dueAfter=2026-03-10").await, [20, 30]);
    assert_eq!(list("titleContains=%C3%BCN%C3%8FQ").await, every(|n| n % 3 == 0));
    assert_eq!(list("stateCategory=done").await, Vec::<u64>::new());
    assert_eq!(list("state=to_do&type=bug").await, every(|n| n % 2 == 0));
}

#[tokio::test]
async fn what_no_index_serves_is_refused_with_what_is() {
    let app = app().await;
    let member = app.client(A, "member");
    let id = project(&member, "WEB").await;
    for filter in [
        "",
        "?state=done",
        "?type=bug",
        "?sort=number",
        &format!("?projectId={id}&state=done&sort=number"),
    ] {
        let problem = member.get(&format!("{TASKS}{filter}")).await;
        let problem = problem.expect_problem(400, "unsupported_filter");
        assert_eq!(problem["allowed"][0], "projectId", "{filter}");
    }
}

#[tokio::test]
async fn a_cursor_belongs_to_its_list() {
    let app = app().await;
    let member = app.client(A, "member");
    let id = project(&member, "WEB").await;
    for _ in 0..3 {
        task(&member, &id, "T").await;
    }
    let first = member.get(&format!("{TASKS}?projectId={id}&limit=1")).await.expect(200);
    let cursor = first["nextCursor"].as_str().unwrap();
    member.get(&format!("{TASKS}?projectId={id}&limit=2&cursor={cursor}")).await.expect(200);
    // Another instance has the same secret.
    let elsewhere = app.instance().client(A, "viewer");
    elsewhere.get(&format!("{TASKS}?projectId={id}&cursor={cursor}")).await.expect(200);
    // What leads on in one history leads nowhere in another.
    let histories = [format!("{TASKS}/WEB-1/history"), format!("{TASKS}/WEB-2/history")];
    for n in 0..2 {
        member.patch(&format!("{TASKS}/WEB-1"), json!({ "points": n })).await.expect(200);
    }
    let page = member.get(&format!("{}?limit=1", histories[0])).await.expect(200);
    let of_history = page["nextCursor"].as_str().unwrap();
    member.get(&format!("{}?cursor={of_history}", histories[0])).await.expect(200);
    let elsewhere = member.get(&format!("{}?cursor={of_history}", histories[1])).await;
    elsewhere.expect_problem(400, "invalid_request");
    let mut forged = cursor.to_owned();
    forged.replace_range(30..31, if &forged[30..31] == "A" { "B" } else { "A" });
    let foreign_project = project(&app.client(B, "member"), "WEB").await;
    for (client, query) in [
        (&member, format!("projectId={id}&sort=number&cursor={cursor}")),
        (&member, format!("projectId={id}&type=bug&cursor={cursor}")),
        (&member, format!("projectId={id}&cursor={forged}")),
        (&member, format!("projectId={id}&cursor=nonsense")),
        (&member, format!("projectId={id}&cursor=")),
        (&member, format!("projectId={id}&cursor={}", "A".repeat(5_000))),
        (&app.client(B, "member"), format!("projectId={foreign_project}&cursor={cursor}")),
    ] {
        let problem = client.get(&format!("{TASKS}?{query}")).await;
        let problem = problem.expect_problem(400, "invalid_request");
        assert_eq!(problem["errors"][0]["pointer"], "query:cursor", "{query}");
    }
}
