//! How far a walk goes.

use millwright_core::{ProjectId, TaskId};
use millwright_testkit::{Client, TestApp};
use planning::{
    domain::{Edge, RelationKind},
    store::TaskRelations,
};
use serde_json::Value;
use uuid::Uuid;

use crate::{ORGANIZATION, block, project, read, router, task};

/// The largest number of writes of one transaction.
const CHUNK: usize = 100;

async fn app() -> (TestApp, Client) {
    let app = TestApp::start("planning", router).await;
    let client = app.client(ORGANIZATION, "owner");
    (app, client)
}

fn nth(n: usize) -> TaskId {
    TaskId::from_uuid(Uuid::from_u128(n as u128 + 1))
}

fn blocks(task_id: TaskId, project_id: ProjectId) -> Edge {
    Edge { kind: RelationKind::Blocks, task_id, project_id }
}

/// A graph written straight into the table: `edges` lists what each task blocks, the first that of
/// an existing one.
async fn seed(app: &TestApp, client: &Client, first: &str, project: &str, edges: Vec<Vec<usize>>) {
    let project: ProjectId = project.parse().unwrap();
    let first: TaskId = first.parse().unwrap();
    let store = app.database.store();
    let place = TaskRelations::place(&client.tenant(), first);
    let existing: TaskRelations = store.get(&place).await.unwrap().unwrap();
    let mut items = Vec::new();
    for (index, targets) in edges.into_iter().enumerate() {
        let edges: Vec<Edge> = targets.into_iter().map(|n| blocks(nth(n), project)).collect();
        items.push(match index {
            0 => {
                let mut first = existing.clone();
                first.edges.extend(edges);
                first
            }
            n => TaskRelations { task_id: nth(n), relations_version: 1, edges },
        });
    }
    for items in items.chunks(CHUNK) {
        let mut transaction = store.transaction(&client.tenant());
        for item in items {
            transaction.put(item);
        }
        transaction.commit().await.unwrap();
    }
}

/// `before` blocks `a`; `b` blocks `c`, behind which the seeded tasks come. The edge from `a` to `b`
/// then needs a walk.
async fn ends(client: &Client, project: &str) -> [String; 3] {
    let [before, a, b, c] = [(); 4].map(|()| task(client, project));
    let (before, a, b, c) = (before.await, a.await, b.await, c.await);
    block(client, &before, &a).await.expect(200);
    block(client, &b, &c).await.expect(200);
    [a, b, c]
}

async fn refused(app: &TestApp, client: &Client, from: &str, to: &str) -> Value {
    let before = app.database.snapshot(&[]).await;
    let problem = block(client, from, to).await.expect_problem(409, "graph_too_large");
    assert_eq!(app.database.snapshot(&[]).await, before, "nothing is written");
    problem
}

#[tokio::test]
async fn a_chain_of_2001_blockers_is_too_large() {
    let (app, client) = app().await;
    let id = project(&client, "WEB").await;
    let [a, b, c] = ends(&client, &id).await;
    // With b and c 2,001 tasks.
    let chain = (0..2_000).map(|n| if n < 1_999 { vec![n + 1] } else { Vec::new() }).collect();
    seed(&app, &client, &c, &id, chain).await;
    let problem = refused(&app, &client, &a, &b).await;
    assert!(problem["max"].is_number(), "{problem}");
    assert_eq!(read(&client, &a).await["relations"]["blocks"].as_array().unwrap().len(), 0);
}

/// Three levels behind c: 40 tasks, 1,600, and `last`.
fn wide(last: usize) -> Vec<Vec<usize>> {
    let mut edges = vec![(1..=40).collect::<Vec<_>>()];
    edges.extend((0..40).map(|n| (41 + n * 40..81 + n * 40).collect()));
    let third: Vec<usize> = (1_641..1_641 + last).collect();
    let mut third = third.chunks(40);
    edges.extend((0..1_600).map(|_| third.next().unwrap_or_default().to_vec()));
    edges
}

#[tokio::test]
async fn two_thousand_tasks_are_walked_and_not_one_more() {
    let (app, client) = app().await;
    let id = project(&client, "WEB").await;
    // Behind b: c, 40, 1,600 and 359 are 2,000.
    let [a, b, c] = ends(&client, &id).await;
    seed(&app, &client, &c, &id, wide(359)).await;
    app.faults().reset_calls();
    block(&client, &a, &b).await.expect(200);
    let calls = app.faults().calls();
    // The task at the other end, the versions, then 1, 1, 16 and 4 for the levels.
    assert_eq!(calls["BatchGetItem"], 2 + 1 + 1 + 16 + 4);
    let [a, b, c] = ends(&client, &id).await;
    seed(&app, &client, &c, &id, wide(360)).await;
    let problem = refused(&app, &client, &a, &b).await;
    assert_eq!((&problem["limit"], &problem["max"]), (&"tasks".into(), &2_000.into()));
}

#[tokio::test]
async fn sixty_four_levels_are_walked_and_not_one_more() {
    let (app, client) = app().await;
    let id = project(&client, "WEB").await;
    // c is the first level.
    let chain = |length: usize| -> Vec<Vec<usize>> {
        (0..=length).map(|n| if n < length { vec![n + 1] } else { Vec::new() }).collect()
    };
    let [a, b, c] = ends(&client, &id).await;
    seed(&app, &client, &c, &id, chain(63)).await;
    block(&client, &a, &b).await.expect(200);
    let [a, b, c] = ends(&client, &id).await;
    seed(&app, &client, &c, &id, chain(64)).await;
    let problem = refused(&app, &client, &a, &b).await;
    assert_eq!((&problem["limit"], &problem["max"]), (&"levels".into(), &64.into()));
}

#[tokio::test]
async fn twenty_other_projects_are_walked_and_not_one_more() {
    let (app, client) = app().await;
    let (one, two) = (project(&client, "ONE").await, project(&client, "TWO").await);
    let (before, a) = (task(&client, &one).await, task(&client, &one).await);
    let (next, later) = (task(&client, &one).await, task(&client, &one).await);
    let b = task(&client, &two).await;
    block(&client, &before, &a).await.expect(200);
    block(&client, &before, &next).await.expect(200);
    block(&client, &before, &later).await.expect(200);
    let mut last = b.clone();
    for n in 0..21 {
        if n == 20 {
            block(&client, &a, &b).await.expect(200);
        }
        let other = project(&client, &format!("P{n}")).await;
        let behind = task(&client, &other).await;
        block(&client, &last, &behind).await.expect(200);
        last = behind;
    }
    let problem = refused(&app, &client, &next, &b).await;
    assert_eq!((&problem["limit"], &problem["max"]), (&"other projects".into(), &20.into()));
    // Those at the ends are no others.
    block(&client, &later, &last).await.expect(200);
}
