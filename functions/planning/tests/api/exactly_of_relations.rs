//! "Exactly N" where a change touches more than one task.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures::future::join_all;
use millwright_testkit::{Answer, Client, TestApp};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use crate::{
    A,
    exactly::{at_once, count, crowd, persistent},
    go, path_of, project, put, read, relate, task, task_with, tasks,
};

const TASKS: &str = "/api/v1/planning/tasks";

fn refused(answers: &[Answer], code: &str) -> usize {
    answers.iter().filter(|answer| answer.status == 409 && answer.json()["code"] == code).count()
}

/// The counts stored beside a task: live and open subtasks, then how many of which height.
async fn subtask_counts(app: &TestApp, task: &str) -> [i64; 7] {
    let items = app.database.items().await;
    let of_task = |item: &&millwright_store::RawItem| {
        item.partition_key().ends_with(task) && item.sort_key() == "SUBTASKS"
    };
    let item = items.iter().find(of_task);
    let names = ["live", "open", "height0", "height1", "height2", "height3", "height4"];
    names.map(|name| item.and_then(|item| item.signed_number(name)).unwrap_or_default())
}

#[tokio::test]
async fn one_of_64_claims_wins() {
    let (app, instances) = crowd(64).await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    let created = task(&owner, &id, "T").await;
    let claim = format!("{}/claim", path_of(&created));
    let answers = at_once(&instances, async |client| {
        persistent(async || client.post(&claim, json!({})).await).await
    })
    .await;
    assert_eq!(count(&answers, 200), 1);
    assert_eq!(refused(&answers, "already_claimed"), 63);
    assert_eq!(read(&owner, &created).await["version"], 2);
    assert_eq!(owner.all(&format!("{}/history", path_of(&created)), 10).await.len(), 2);
    let types = app.event_types().await;
    for kind in ["planning.task.assigned", "planning.task.transitioned"] {
        assert_eq!(types.iter().filter(|said| *said == kind).count(), 1);
    }
}

#[tokio::test]
async fn each_external_id_has_one_of_64_creators() {
    let (app, instances) = crowd(8).await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    let creators = (0..64).map(|n| {
        let client = instances[n % instances.len()].client(A, "owner");
        let body = json!({
            "projectId": id, "title": "T", "externalId": format!("{}", n % 5), "source": "x",
        });
        async move { persistent(async || client.post(TASKS, body.clone()).await).await }
    });
    let answers = join_all(creators).await;
    assert_eq!(count(&answers, 201), 5);
    assert_eq!(refused(&answers, "external_id_taken"), 59);
    let listed = owner.all(&format!("{TASKS}?projectId={id}&sort=number"), 100).await;
    let numbers: Vec<u64> = listed.iter().map(|task| task["number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5], "refused creations take no number");
}

#[tokio::test]
async fn the_hundredth_subtask_is_the_last() {
    let (app, instances) = crowd(8).await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    let parent = task(&owner, &id, "parent").await;
    let more = json!({ "parentId": parent["id"] });
    for _ in 0..90 {
        task_with(&owner, &id, more.clone()).await;
    }
    let lonely = tasks(&owner, &id, 10).await;
    // Half create, half move what there is.
    let comers = (0..20).map(|n| {
        let client = instances[n % instances.len()].client(A, "owner");
        let mut body = json!({ "projectId": id, "title": "T", "parentId": parent["id"] });
        let path = lonely.get(n).map(path_of);
        async move {
            let Some(path) = path else {
                return persistent(async || client.post(TASKS, body.clone()).await).await;
            };
            body = json!({ "parentId": body["parentId"] });
            persistent(async || client.patch(&path, body.clone()).await).await
        }
    });
    let answers = join_all(comers).await;
    assert_eq!(count(&answers, 200) + count(&answers, 201), 10);
    assert_eq!(refused(&answers, "limit_reached"), 10);
    let listed = owner.all(&format!("{}/subtasks", path_of(&parent)), 100).await;
    assert_eq!(listed.len(), 100);
    let counts = subtask_counts(&app, parent["id"].as_str().unwrap()).await;
    assert_eq!(counts, [100, 100, 100, 0, 0, 0, 0]);
}

#[tokio::test]
async fn the_hundredth_watcher_is_the_last() {
    let (app, instances) = crowd(64).await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    let created = task(&owner, &id, "T").await;
    let user =
        |n: u64| millwright_core::UserId::from_uuid(uuid::Uuid::from_u128(u128::from(n) + 1));
    let watchers = format!("{}/watchers", path_of(&created));
    for n in 0..59 {
        put(&owner, &format!("{watchers}/{}", user(n))).await.expect(204);
    }
    let turn = std::sync::atomic::AtomicU64::new(1_000);
    let answers = at_once(&instances, async |client| {
        let who = user(turn.fetch_add(1, std::sync::atomic::Ordering::SeqCst));
        persistent(async || put(&client, &format!("{watchers}/{who}")).await).await
    })
    .await;
    assert_eq!(count(&answers, 204), 40);
    assert_eq!(refused(&answers, "limit_reached"), 24);
    assert_eq!(owner.all(&watchers, 100).await.len(), 100);
}

#[tokio::test]
async fn open_blockers_equal_a_recount_after_32_finish_and_reopen() {
    let (app, instances) = crowd(16).await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    let waiting = tasks(&owner, &id, 2).await;
    let blockers = tasks(&owner, &id, 32).await;
    for blocker in &blockers {
        for waiting in &waiting {
            relate(&owner, blocker, "blocks", waiting).await.expect(200);
        }
    }
    join_all(instances.iter().cycle().zip(&blockers).enumerate().map(
        async |(n, (instance, blocker))| {
            let client = instance.client(A, "owner");
            let path = path_of(blocker);
            let change = async |to: &str| {
                let transition = format!("{path}/transition");
                let sent = async || client.post(&transition, json!({ "to": to })).await;
                persistent(sent).await.expect(200);
            };
            change("cancelled").await;
            match n % 4 {
                0 => change("to_do").await,
                1 => drop(persistent(async || client.delete(&path).await).await.expect(204)),
                2 => {
                    change("backlog").await;
                    persistent(async || client.delete(&path).await).await.expect(204);
                    let restore = format!("{path}/restore");
                    let sent = async || client.post(&restore, json!({})).await;
                    persistent(sent).await.expect(200);
                }
                _ => {}
            }
        },
    ))
    .await;
    for waiting in &waiting {
        assert_eq!(read(&owner, waiting).await["openBlockers"], 16);
        let listed = owner.all(&format!("{}/relations", path_of(waiting)), 100).await;
        let open = listed.iter().filter(|relation| {
            let category = relation["task"]["stateCategory"].as_str().unwrap();
            !["done", "cancelled"].contains(&category)
        });
        assert_eq!(open.count(), 16);
    }
}

/// The heads of tasks as they were written, in order.
fn written_heads(app: &TestApp) -> Vec<Value> {
    let records = app.database.stream();
    let images = records.iter().map(|record| &record["dynamodb"]["NewImage"]);
    let heads = images.filter(|image| image["kind"]["S"] == "task");
    heads.map(|image| image["summary"]["M"].clone()).collect()
}

#[tokio::test]
async fn at_the_moment_a_parent_is_done_no_subtask_is_open() {
    let (app, instances) = crowd(3).await;
    app.database.record_stream().await;
    let clients: Vec<Client> = instances.iter().map(|it| it.client(A, "owner")).collect();
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    let (mut done, mut refusals) = (0, 0);
    for round in 0..12 {
        let parent = task(&owner, &id, "parent").await;
        let child = task_with(&owner, &id, json!({ "parentId": parent["id"] })).await;
        go(&owner, &parent, &["in_progress"]).await;
        go(&owner, &child, &["cancelled"]).await;
        let finish = async {
            for _ in 0..round % 3 {
                tokio::task::yield_now().await;
            }
            let path = format!("{}/transition", path_of(&parent));
            persistent(async || clients[0].post(&path, json!({ "to": "done" })).await).await
        };
        let reopen = async {
            let path = format!("{}/transition", path_of(&child));
            persistent(async || clients[1].post(&path, json!({ "to": "to_do" })).await).await
        };
        let create = async {
            let body = json!({ "projectId": id, "title": "T", "parentId": parent["id"] });
            persistent(async || clients[2].post(TASKS, body.clone()).await).await
        };
        let (finished, reopened, created) = tokio::join!(finish, reopen, create);
        reopened.expect(200);
        created.expect(201);
        match finished.status.as_u16() {
            200 => done += 1,
            _ => {
                finished.expect_problem(409, "open_subtasks");
                refusals += 1;
            }
        }
    }
    assert_eq!(done + refusals, 12);
    // In the order of the table's own stream.
    let mut open_below: HashMap<String, BTreeSet<String>> = HashMap::new();
    let mut states: HashMap<String, String> = HashMap::new();
    let mut seen_done = 0;
    for head in written_heads(&app) {
        let text = |name: &str| head[name]["S"].as_str().map(str::to_owned);
        let (id, state) = (text("id").unwrap(), text("state").unwrap());
        if let Some(parent) = text("parentId") {
            let open = open_below.entry(parent).or_default();
            match state.as_str() {
                "cancelled" => open.remove(&id),
                _ => open.insert(id.clone()),
            };
        }
        let before = states.insert(id.clone(), state.clone());
        if state == "done" && before.as_deref() != Some("done") {
            seen_done += 1;
            assert!(open_below.get(&id).is_none_or(BTreeSet::is_empty), "{id}");
        }
    }
    assert_eq!(seen_done, done);
}

/// Parents by task, as every task tells them.
async fn forest(owner: &Client, project: &str) -> BTreeMap<String, Option<String>> {
    let listed = owner.all(&format!("{TASKS}?projectId={project}"), 100).await;
    let pair = |task: &Value| {
        (task["id"].as_str().unwrap().to_owned(), task["parentId"].as_str().map(str::to_owned))
    };
    listed.iter().map(pair).collect()
}

fn height(forest: &BTreeMap<String, Option<String>>, of: &str) -> usize {
    let children = forest.iter().filter(|(_, parent)| parent.as_deref() == Some(of));
    children.map(|(child, _)| height(forest, child) + 1).max().unwrap_or(0)
}

#[tokio::test]
async fn trees_that_move_at_once_stay_a_forest_of_bounded_depth() {
    let (app, instances) = crowd(8).await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    let all = tasks(&owner, &id, 14).await;
    let codes = join_all(instances.iter().enumerate().map(async |(seed, instance)| {
        let client = instance.client(A, "owner");
        let mut random = ChaCha8Rng::seed_from_u64(seed as u64);
        let mut codes = BTreeMap::new();
        for _ in 0..20 {
            let task = &all[random.random_range(0..all.len())];
            let parent = &all[random.random_range(0..all.len())];
            let patch = match random.random_range(0..6) {
                0 => json!({ "parentId": null }),
                _ => json!({ "parentId": parent["id"] }),
            };
            let sent = async || client.patch(&path_of(task), patch.clone()).await;
            let answer = persistent(sent).await;
            let code = answer.json()["code"].as_str().unwrap_or("ok").to_owned();
            *codes.entry(code).or_insert(0) += 1;
        }
        codes
    }))
    .await;
    let forest = forest(&owner, &id).await;
    for task in forest.keys() {
        let (mut depth, mut at) = (0, task);
        while let Some(parent) = &forest[at] {
            depth += 1;
            at = parent;
            assert!(depth <= 5, "{task} is too deep or in a circle: {forest:?}");
        }
        let mut counts = [0; 7];
        for (child, _) in forest.iter().filter(|(_, parent)| parent.as_ref() == Some(task)) {
            counts[0] += 1;
            counts[1] += 1;
            counts[2 + height(&forest, child)] += 1;
        }
        assert_eq!(subtask_counts(&app, task).await, counts, "{task}");
    }
    let seen: BTreeSet<&String> = codes.iter().flat_map(BTreeMap::keys).collect();
    for code in ["ok", "relation_cycle", "depth_exceeded"] {
        assert!(seen.contains(&code.to_owned()), "{code} was met: {seen:?}");
    }
}

#[tokio::test]
async fn tasks_moved_at_once_are_each_in_one_place_of_one_order() {
    let (app, instances) = crowd(8).await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    let all = tasks(&owner, &id, 16).await;
    let column = format!("{TASKS}?projectId={id}&state=to_do");
    let movers = join_all(instances.iter().enumerate().map(async |(n, instance)| {
        let client = instance.client(A, "owner");
        let mut random = ChaCha8Rng::seed_from_u64(n as u64);
        for _ in 0..10 {
            let (task, anchor) = (random.random_range(0..16), random.random_range(0..15));
            let anchor = &all[if anchor == task { 15 } else { anchor }];
            if anchor["id"] == all[task]["id"] {
                continue;
            }
            let side = if random.random_bool(0.5) { "before" } else { "after" };
            let path = format!("{}/move", path_of(&all[task]));
            let body = json!({ side: anchor["id"] });
            persistent(async || client.post(&path, body.clone()).await).await.expect(200);
        }
    }));
    let reader = async {
        for _ in 0..20 {
            let page = owner.get(&format!("{column}&limit=100")).await.expect(200);
            let ids: BTreeSet<&str> = page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|task| task["id"].as_str().unwrap())
                .collect();
            assert_eq!(ids.len(), 16, "none is missing");
        }
    };
    tokio::join!(movers, reader);
    let listed = owner.all(&column, 5).await;
    let order: Vec<(String, String)> = listed
        .iter()
        .map(|task| {
            let text = |name: &str| task[name].as_str().unwrap().to_owned();
            (text("rank"), text("id"))
        })
        .collect();
    assert!(order.is_sorted(), "{order:?}");
    assert_eq!(order.iter().collect::<BTreeSet<_>>().len(), 16);
    // What reads each alone says the same.
    for (rank, id) in &order {
        let task = owner.get(&format!("{TASKS}/{id}")).await.expect(200);
        assert_eq!(task["rank"], *rank);
    }
}
