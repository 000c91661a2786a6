//! What planning is measured with: sixteen projects to create tasks in, and one with a full board.

use anyhow::Result;
use futures::future::BoxFuture;
use serde_json::json;

use super::{
    scenario::{Repetition, Request, Scenario, Subject, World},
    stage::Caller,
    work::{Source, Work},
};

const PROJECTS: usize = 16;
/// A full page of tasks, and some.
const TASKS: usize = 64;
/// As CSV they are less than the megabyte that an order may hold.
const ROWS: u32 = 10_000;

const BASE: &str = "/api/v1/planning";

pub const PLANNING: Subject = Subject {
    service: "planning",
    function: "planning-api",
    sample: "planning-api-project-create",
    furnish,
    first: "task_get",
    race: Some("task_create"),
    beside: &[],
    works: &[Work {
        name: "import of 10,000 rows",
        function: "planning-jobs",
        amount: ROWS,
        of_what: "rows",
        source: Source::Ordered(import_create),
    }],
    scenarios: &[
        Scenario {
            name: "health_get",
            status: 200,
            is_in_node: false,
            repetition: Repetition::Cycle(1),
            request: |_, _| Request::get(format!("{BASE}/health")),
        },
        Scenario {
            name: "project_get",
            status: 200,
            is_in_node: false,
            repetition: Repetition::Cycle(PROJECTS),
            request: |world, number| {
                Request::get(format!("{BASE}/projects/{}", world.id("project", number)))
            },
        },
        Scenario {
            name: "task_get",
            status: 200,
            is_in_node: true,
            repetition: Repetition::Cycle(TASKS),
            request: |world, number| {
                Request::get(format!("{BASE}/tasks/{}", world.id("task", number)))
            },
        },
        Scenario {
            name: "task_list, 50 tasks",
            status: 200,
            is_in_node: false,
            repetition: Repetition::Cycle(1),
            request: |world, _| {
                let query = format!("projectId={}&limit=50", world.id("board", 0));
                Request::get(format!("{BASE}/tasks")).query(query)
            },
        },
        Scenario {
            name: "task_create",
            status: 201,
            is_in_node: true,
            repetition: Repetition::Cycle(PROJECTS),
            request: |world, number| task_create(world.id("project", number)),
        },
        Scenario {
            name: "task_create, Idempotency-Key",
            status: 201,
            is_in_node: false,
            repetition: Repetition::Never,
            request: |world, number| {
                task_create(world.id("project", number))
                    .header("idempotency-key", format!("bench-{number}"))
            },
        },
        Scenario {
            name: "task_update",
            status: 200,
            is_in_node: false,
            repetition: Repetition::Cycle(2 * TASKS),
            request: |world, number| {
                // A change of nothing would be none: every task in turn, there and back.
                let priority = if number < TASKS { "critical" } else { "low" };
                let path = format!("{BASE}/tasks/{}", world.id("task", number));
                Request::patch(path, json!({ "priority": priority }))
            },
        },
        Scenario {
            name: "comment_create",
            status: 201,
            is_in_node: false,
            repetition: Repetition::Cycle(TASKS),
            request: |world, number| {
                let path = format!("{BASE}/tasks/{}/comments", world.id("task", number));
                Request::post(path, json!({ "body": "Measured on three phones: 0.8 s." }))
            },
        },
    ],
};

fn task_create(project: &str) -> Request {
    Request::post(
        format!("{BASE}/tasks"),
        json!({
            "projectId": project,
            "title": "Load product pages within a second",
            "description": "On a phone, with an empty cache.",
            "type": "feature",
            "priority": "high",
            "labels": ["speed", "checkout"],
        }),
    )
}

/// Rows without labels, comments or relations.
fn import_create(world: &World) -> Request {
    let mut content = "externalId,title,state,priority\n".to_owned();
    for number in 1..=ROWS {
        content += &format!("{number},Load product page {number} within a second,to_do,high\n");
    }
    let order = json!({
        "projectId": world.id("project", 0), "format": "csv", "source": "bench",
        "content": content,
    });
    Request::post(format!("{BASE}/imports"), order)
}

fn furnish(caller: Caller<'_>) -> BoxFuture<'_, Result<World>> {
    Box::pin(async move {
        let mut world = World::default();
        let project = |number: usize| {
            let body =
                json!({ "key": format!("BENCH{number}"), "name": format!("Bench {number}") });
            Request::post(format!("{BASE}/projects"), body)
        };
        for number in 0..PROJECTS {
            world.add("project", &caller.call(&project(number)).await?)?;
        }
        world.add("board", &caller.call(&project(PROJECTS)).await?)?;
        for _ in 0..TASKS {
            let task = caller.call(&task_create(world.id("board", 0))).await?;
            world.add("task", &task)?;
        }
        Ok(world)
    })
}
