//! Random graphs, one after the other: lists, readiness and counts are those of the graph.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use millwright_testkit::{Client, TestApp};
use petgraph::{
    algo::{has_path_connecting, is_cyclic_directed},
    graph::{DiGraph, NodeIndex},
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Map, Value, json};

use crate::{ORGANIZATION, TASKS, block, block_from_behind, oracle, project, router, task};

/// In all the tests below; a graph costs a third of a second of an unoptimized build.
/// `MILLWRIGHT_TEST_GRAPHS` sets another number, 1,000 for all that the specification asks for.
const GRAPHS: u64 = 120;

/// Each of two tests takes half, so that two cores share the work.
const SHARES: u64 = 2;

/// So many share a table.
const GRAPHS_PER_APP: u64 = 50;

fn share(index: u64) -> impl Iterator<Item = u64> {
    #[allow(clippy::disallowed_methods, reason = "how much to test")]
    let asked = std::env::var("MILLWRIGHT_TEST_GRAPHS").ok();
    let graphs = asked.map_or(GRAPHS, |graphs| graphs.parse().expect("a number of graphs"));
    (0..graphs).filter(move |seed| seed % SHARES == index)
}

/// A graph built over the API, and what was answered.
async fn build(client: &Client, projects: &[String], seed: u64) -> Value {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let count = random.random_range(4..=7);
    let mut nodes = Vec::new();
    let mut graph: DiGraph<(), ()> = DiGraph::new();
    for _ in 0..count {
        let project = &projects[random.random_range(0..projects.len())];
        nodes.push(task(client, project).await);
        graph.add_node(());
    }
    let (mut added, mut refused) = (Vec::new(), Vec::new());
    let mut closed = BTreeSet::new();
    for _ in 0..random.random_range(3..=2 * count) {
        let (from, to) = (random.random_range(0..count), random.random_range(0..count));
        if from == to {
            continue;
        }
        let (start, end) = (NodeIndex::new(from), NodeIndex::new(to));
        let closes = has_path_connecting(&graph, end, start, None);
        let answer = match random.random_bool(0.5) {
            true => block(client, &nodes[from], &nodes[to]).await,
            false => block_from_behind(client, &nodes[from], &nodes[to]).await,
        };
        if closes {
            let problem = answer.expect_problem(409, "relation_cycle");
            assert_around(&problem["cycle"]);
            refused.push(json!([nodes[from], nodes[to], added.len()]));
        } else {
            answer.expect(200);
            if graph.find_edge(start, end).is_none() {
                graph.add_edge(start, end, ());
                added.push(json!([nodes[from], nodes[to]]));
            }
        }
        if random.random_bool(0.25) {
            toggle(client, &nodes[random.random_range(0..count)], &mut closed).await;
        }
    }
    assert!(!is_cyclic_directed(&graph));
    json!({
        "nodes": nodes, "added": added, "refused": refused, "closed": closed,
        "answers": answers(client, &nodes).await,
    })
}

/// The first is the last, and nothing else comes twice.
fn assert_around(cycle: &Value) {
    let keys: Vec<&str> =
        cycle.as_array().unwrap().iter().map(|key| key.as_str().unwrap()).collect();
    let distinct: BTreeSet<&&str> = keys.iter().collect();
    assert!(keys.len() >= 3 && distinct.len() == keys.len() - 1, "{cycle}");
    assert_eq!(keys.first(), keys.last());
}

async fn toggle(client: &Client, task: &str, closed: &mut BTreeSet<String>) {
    let to = if closed.remove(task) {
        "to_do"
    } else {
        closed.insert(task.to_owned());
        "cancelled"
    };
    let path = format!("{TASKS}/{task}/transition");
    client.post(&path, json!({ "to": to })).await.expect(200);
}

async fn answers(client: &Client, nodes: &[String]) -> Map<String, Value> {
    let answers = nodes.iter().map(async |node| {
        let path = format!("{TASKS}/{node}");
        let relations = client.get(&format!("{path}/relations")).await.expect(200);
        let readiness = client.get(&format!("{path}/readiness")).await.expect(200);
        let task = client.get(&path).await.expect(200);
        let mut lists: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for relation in relations["items"].as_array().unwrap() {
            let kind = relation["type"].as_str().unwrap();
            lists.entry(kind).or_default().push(relation["task"]["id"].as_str().unwrap());
        }
        let of = |kind: &str| json!(lists.get(kind).cloned().unwrap_or_default());
        assert_eq!(of("blocks"), task["relations"]["blocks"]);
        assert_eq!(of("blocked_by"), task["relations"]["blockedBy"]);
        let reasons = readiness["reasons"].as_array().unwrap().iter();
        let open: Vec<&Value> = reasons
            .filter(|reason| reason["code"] == "open_blocker")
            .map(|reason| &reason["id"])
            .collect();
        let answer = json!({
            "blocks": of("blocks"), "blockedBy": of("blocked_by"), "open": open,
            "ready": readiness["ready"], "openBlockers": task["openBlockers"],
        });
        (node.clone(), answer)
    });
    join_all(answers).await.into_iter().collect()
}

/// The same by our own means, for whoever has no Python.
fn check(graph: &Value) {
    let edges: Vec<(&Value, &Value)> =
        graph["added"].as_array().unwrap().iter().map(|edge| (&edge[0], &edge[1])).collect();
    let closed = graph["closed"].as_array().unwrap();
    let sorted = |list: &[&Value]| {
        let mut texts: Vec<String> = list.iter().map(ToString::to_string).collect();
        texts.sort();
        texts
    };
    let list = |list: &Value| sorted(&list.as_array().unwrap().iter().collect::<Vec<_>>());
    for (node, answer) in graph["answers"].as_object().unwrap() {
        let node = &json!(node);
        let successors: Vec<&Value> =
            edges.iter().filter(|(from, _)| *from == node).map(|(_, to)| *to).collect();
        let mut blockers: Vec<&Value> =
            edges.iter().filter(|(_, to)| *to == node).map(|(from, _)| *from).collect();
        assert_eq!(list(&answer["blocks"]), sorted(&successors), "{graph}");
        assert_eq!(list(&answer["blockedBy"]), sorted(&blockers), "{graph}");
        blockers.retain(|blocker| !closed.contains(blocker));
        assert_eq!(list(&answer["open"]), sorted(&blockers), "{graph}");
        assert_eq!(answer["openBlockers"], blockers.len(), "{graph}");
        assert_eq!(answer["ready"], blockers.is_empty(), "{graph}");
    }
}

async fn run(index: u64) {
    let seeds: Vec<u64> = share(index).collect();
    let mut graphs = Vec::new();
    for seeds in seeds.chunks(usize::try_from(GRAPHS_PER_APP).unwrap()) {
        let app = TestApp::start("planning", router).await;
        let client = app.client(ORGANIZATION, "owner");
        let projects = [project(&client, "ONE").await, project(&client, "TWO").await];
        for seed in seeds {
            graphs.push(build(&client, &projects, *seed).await);
        }
    }
    graphs.iter().for_each(check);
    oracle::judge(&graphs);
}

#[tokio::test]
async fn lists_readiness_and_counts_are_those_of_random_graphs() {
    run(0).await;
}

#[tokio::test]
async fn lists_readiness_and_counts_are_those_of_more_random_graphs() {
    run(1).await;
}
