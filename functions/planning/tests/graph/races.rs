//! Edges that are added at the same time.

use std::sync::Mutex;

use futures::future::join_all;
use millwright_core::Clock;
use millwright_testkit::{Client, TestApp};
use petgraph::{
    algo::{has_path_connecting, is_cyclic_directed},
    graph::{DiGraph, NodeIndex},
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use crate::{
    ORGANIZATION, PROJECTS, block, block_from_behind, ids, oracle, persistent, project, read,
    router, task,
};

const ROUNDS: usize = 200;
const CLIENTS: u64 = 32;
const NODES: usize = 200;
const EDGES_PER_CLIENT: usize = 8;

async fn everything(client: &Client, nodes: &[String]) -> Vec<Value> {
    let mut tasks = Vec::with_capacity(nodes.len());
    for node in nodes {
        tasks.push(read(client, node).await);
    }
    tasks
}

/// The graph as all tasks show it: from both ends the same, and each count that of the list.
fn edges(tasks: &[Value]) -> Vec<(usize, usize)> {
    let place = |id: &String| tasks.iter().position(|task| task["id"] == *id).unwrap();
    let mut forwards = Vec::new();
    let mut backwards = Vec::new();
    for (index, task) in tasks.iter().enumerate() {
        let blockers = ids(&task["relations"]["blockedBy"]);
        assert_eq!(task["openBlockers"], blockers.len());
        backwards.extend(blockers.iter().map(|id| (place(id), index)));
        forwards.extend(ids(&task["relations"]["blocks"]).iter().map(|id| (index, place(id))));
    }
    forwards.sort_unstable();
    backwards.sort_unstable();
    assert_eq!(forwards, backwards);
    forwards
}

fn graph_of(nodes: usize, edges: &[(usize, usize)]) -> DiGraph<(), ()> {
    let mut graph = DiGraph::new();
    for _ in 0..nodes {
        graph.add_node(());
    }
    for (from, to) in edges {
        graph.add_edge(NodeIndex::new(*from), NodeIndex::new(*to), ());
    }
    graph
}

#[tokio::test]
async fn of_two_opposite_edges_at_once_one_comes() {
    let app = TestApp::start_at("planning", router, Clock::system()).await;
    let owner = app.client(ORGANIZATION, "owner");
    let projects = [project(&owner, "ONE").await, project(&owner, "TWO").await];
    let instances = [app.instance(), app.instance()];
    instances[0].faults().conflict(1, 0.1);
    instances[1].faults().conflict(2, 0.1);
    let clients = instances.each_ref().map(|instance| instance.client(ORGANIZATION, "owner"));
    let mut graphs = Vec::new();
    for round in 0..ROUNDS {
        let a = task(&owner, &projects[0]).await;
        let b = task(&owner, &projects[round % 2]).await;
        let one = persistent(async || block(&clients[0], &a, &b).await);
        let other = async {
            for _ in 0..round % 4 {
                tokio::task::yield_now().await;
            }
            match round % 3 {
                0 => persistent(async || block_from_behind(&clients[1], &b, &a).await).await,
                _ => persistent(async || block(&clients[1], &b, &a).await).await,
            }
        };
        let (one, other) = tokio::join!(one, other);
        let refused = match (one.status.as_u16(), other.status.as_u16()) {
            (200, 409) => &other,
            (409, 200) => &one,
            _ => panic!("round {round}: {one:?} {other:?}"),
        };
        refused.expect_problem(409, "relation_cycle");
        let found = edges(&everything(&owner, &[a.clone(), b.clone()]).await);
        let (added, lost) = match one.status.as_u16() {
            200 => ([&a, &b], [&b, &a]),
            _ => ([&b, &a], [&a, &b]),
        };
        assert_eq!(found, [if added[0] == &a { (0, 1) } else { (1, 0) }]);
        graphs.push(json!({
            "nodes": [a, b], "added": [added], "refused": [[lost[0], lost[1], 1]], "closed": [],
        }));
    }
    oracle::judge(&graphs);
}

#[tokio::test]
async fn whoever_adds_what_at_once_there_is_no_cycle_and_no_refusal_without_one() {
    let app = TestApp::start_at("planning", router, Clock::system()).await;
    let owner = app.client(ORGANIZATION, "owner");
    let mut projects = Vec::new();
    for key in ["ONE", "TWO", "THR", "FOU"] {
        projects.push(project(&owner, key).await);
    }
    let mut nodes = Vec::new();
    for index in 0..NODES {
        nodes.push(task(&owner, &projects[index % projects.len()]).await);
    }
    let instances: Vec<TestApp> = (0..CLIENTS)
        .map(|seed| {
            let instance = app.instance();
            instance.faults().conflict(seed, 0.1);
            instance
        })
        .collect();
    let refused: Mutex<Vec<(usize, usize)>> = Mutex::default();
    let wanted: Mutex<Vec<(usize, usize)>> = Mutex::default();
    // Most edges among a few tasks, so that cycles are near; all over the place in between.
    join_all(instances.iter().enumerate().map(async |(seed, instance)| {
        let client = instance.client(ORGANIZATION, "owner");
        let mut random = ChaCha8Rng::seed_from_u64(seed as u64);
        for _ in 0..EDGES_PER_CLIENT {
            let reach = if random.random_bool(0.6) { 24 } else { NODES };
            let (from, to) = (random.random_range(0..reach), random.random_range(0..reach));
            if from == to {
                continue;
            }
            let forwards = random.random_bool(0.5);
            let answer = persistent(async || match forwards {
                true => block(&client, &nodes[from], &nodes[to]).await,
                false => block_from_behind(&client, &nodes[from], &nodes[to]).await,
            })
            .await;
            match answer.status.as_u16() {
                200 => wanted.lock().unwrap().push((from, to)),
                _ => {
                    answer.expect_problem(409, "relation_cycle");
                    refused.lock().unwrap().push((from, to));
                }
            }
        }
    }))
    .await;
    let found = edges(&everything(&owner, &nodes).await);
    let mut wanted = wanted.into_inner().unwrap();
    wanted.sort_unstable();
    wanted.dedup();
    assert_eq!(found, wanted, "what was answered is what is there");
    let graph = graph_of(NODES, &found);
    assert!(!is_cyclic_directed(&graph));
    let refused = refused.into_inner().unwrap();
    assert!(refused.len() > 10, "{} edges were refused", refused.len());
    for (from, to) in &refused {
        let (from, to) = (NodeIndex::new(*from), NodeIndex::new(*to));
        assert!(has_path_connecting(&graph, to, from, None));
    }
    assert!(instances.iter().any(|instance| instance.faults().conflicts() > 0));
    let name = |(from, to): &(usize, usize)| json!([nodes[*from], nodes[*to]]);
    oracle::judge(&[json!({
        "nodes": nodes, "added": found.iter().map(name).collect::<Value>(),
        "refused": refused.iter().map(|(from, to)| json!([nodes[*from], nodes[*to], found.len()])).collect::<Value>(),
        "closed": [],
    })]);
    for project in &projects {
        let summary = owner.get(&format!("{PROJECTS}/{project}/summary")).await.expect(200);
        assert_eq!(summary["lastNumber"], NODES / projects.len());
    }
}
