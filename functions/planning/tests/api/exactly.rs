//! Promises of the form "exactly N": many clients on many instances, with injected conflicts.

use std::collections::BTreeSet;

use futures::future::join_all;
use millwright_core::Clock;
use millwright_testkit::{Answer, Client, TestApp};
use serde_json::{Value, json};

use crate::{A, path_of, project, router, task};

const TASKS: &str = "/api/v1/planning/tasks";

/// As many instances as clients, each with a tenth of its transactions conflicting. Waits are real
/// here, so the clock runs.
pub async fn crowd(clients: u64) -> (TestApp, Vec<TestApp>) {
    let app = TestApp::start_at("planning", router, Clock::system()).await;
    let instances = (0..clients)
        .map(|seed| {
            let instance = app.instance();
            instance.faults().conflict(seed, 0.1);
            instance
        })
        .collect();
    (app, instances)
}

/// A 503 says that nothing happened: the client asks again, as told.
pub async fn persistent(call: impl AsyncFn() -> Answer) -> Answer {
    loop {
        let answer = call().await;
        if answer.status != 503 {
            return answer;
        }
    }
}

#[tokio::test]
async fn numbers_have_no_gap_under_64_clients() {
    let (app, instances) = crowd(8).await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    let creators = (0..64).map(|client| {
        let member = instances[client % instances.len()].client(A, "member");
        let id = id.clone();
        async move {
            let mut numbers = Vec::new();
            for n in 0..10 {
                let body = json!({ "projectId": id, "title": format!("{n}") });
                let created = persistent(async || member.post(TASKS, body.clone()).await).await;
                let created = created.expect(201);
                numbers.push(created["number"].as_u64().unwrap());
            }
            numbers
        }
    });
    let mut numbers: Vec<u64> = join_all(creators).await.into_iter().flatten().collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=640).collect::<Vec<_>>());
    let conflicts: usize = instances.iter().map(|instance| instance.faults().conflicts()).sum();
    assert!(conflicts > 0, "conflicts were injected");
    let summary = owner.get(&format!("/api/v1/planning/projects/{id}/summary")).await.expect(200);
    assert_eq!(summary["lastNumber"], 640);
    assert_eq!(owner.all(&format!("{TASKS}?projectId={id}"), 100).await.len(), 640);
}

/// What each of many clients is answered, all at once.
pub async fn at_once(instances: &[TestApp], call: impl AsyncFn(Client) -> Answer) -> Vec<Answer> {
    join_all(instances.iter().map(|instance| call(instance.client(A, "owner")))).await
}

pub fn count(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status.as_u16() == status).count()
}

#[tokio::test]
async fn one_of_many_transitions_wins() {
    let (app, instances) = crowd(32).await;
    let id = project(&app.client(A, "owner"), "WEB").await;
    let created = task(&app.client(A, "owner"), &id, "T").await;
    let path = format!("{}/transition", path_of(&created));
    let answers = at_once(&instances, async |client| {
        client.post(&path, json!({ "to": "in_progress" })).await
    })
    .await;
    assert_eq!(count(&answers, 200), 1);
    assert_eq!(count(&answers, 409), 31);
    let transitions = app.event_types().await;
    assert_eq!(transitions.iter().filter(|kind| *kind == "planning.task.transitioned").count(), 1);
}

#[tokio::test]
async fn one_of_many_projects_gets_the_key_and_one_the_name() {
    let (_app, instances) = crowd(32).await;
    let projects = "/api/v1/planning/projects";
    let answers = at_once(&instances, async |client| {
        client.post(projects, json!({ "key": "WEB", "name": format!("{:?}", client.user) })).await
    })
    .await;
    assert_eq!(count(&answers, 201), 1);
    let keys = std::sync::atomic::AtomicU32::new(0);
    let answers = at_once(&instances, async |client| {
        let key = format!("K{}", keys.fetch_add(1, std::sync::atomic::Ordering::SeqCst));
        client.post(projects, json!({ "key": format!("{key}X"), "name": "The one" })).await
    })
    .await;
    assert_eq!(count(&answers, 201), 1);
    for refused in answers.iter().filter(|answer| answer.status != 201) {
        refused.expect_problem(409, "name_taken");
    }
}

#[tokio::test]
async fn parallel_patches_without_a_version_all_take_effect() {
    let (app, instances) = crowd(32).await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    let path = path_of(&task(&owner, &id, "T").await);
    let turn = std::sync::atomic::AtomicU32::new(0);
    let answers = at_once(&instances, async |client| {
        let points = turn.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1;
        persistent(async || client.patch(&path, json!({ "points": points })).await).await
    })
    .await;
    assert_eq!(count(&answers, 200), 32);
    let versions: BTreeSet<u64> =
        answers.iter().map(|answer| answer.json()["version"].as_u64().unwrap()).collect();
    assert_eq!(versions, (2..=33).collect());
    let history = owner.all(&format!("{path}/history"), 100).await;
    assert_eq!(history.len(), 33);
    // Entries follow each other without a gap: each change begins where the one before ended.
    let mut before = Value::Null;
    for entry in history.iter().rev() {
        let changes = entry["changes"].as_array().unwrap();
        for change in changes.iter().filter(|change| change["field"] == "points") {
            assert_eq!(change["from"], before);
            before = change["to"].clone();
        }
    }
}

#[tokio::test]
async fn parallel_patches_of_one_version_have_one_winner() {
    let (app, instances) = crowd(32).await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    let path = path_of(&task(&owner, &id, "T").await);
    let turn = std::sync::atomic::AtomicU32::new(0);
    let answers = at_once(&instances, async |client| {
        let points = turn.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1;
        client.patch_if(&path, "\"1\"", json!({ "points": points })).await
    })
    .await;
    assert_eq!(count(&answers, 200), 1);
    assert_eq!(count(&answers, 412), 31);
}

#[tokio::test]
async fn after_the_answer_to_an_archive_no_task_is_created() {
    let (app, instances) = crowd(33).await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    let archived = std::sync::atomic::AtomicBool::new(false);
    let create = async |instance: &TestApp| {
        let member = instance.client(A, "member");
        let mut late = 0;
        for _ in 0..10 {
            let was_archived = archived.load(std::sync::atomic::Ordering::SeqCst);
            let body = json!({ "projectId": id, "title": "T" });
            let answer = member.post(TASKS, body).await;
            match answer.status.as_u16() {
                201 if was_archived => late += 1,
                201 | 503 => {}
                _ => {
                    answer.expect_problem(409, "project_archived");
                }
            }
        }
        late
    };
    let archive = async {
        tokio::task::yield_now().await;
        let client = instances[32].client(A, "owner");
        client
            .post(&format!("/api/v1/planning/projects/{id}/archive"), json!({}))
            .await
            .expect(200);
        archived.store(true, std::sync::atomic::Ordering::SeqCst);
        0
    };
    let creators = join_all(instances[..32].iter().map(create));
    let (late, _) = tokio::join!(creators, archive);
    assert_eq!(late.iter().sum::<u32>(), 0);
    let summary = owner.get(&format!("/api/v1/planning/projects/{id}/summary")).await.expect(200);
    let listed = owner.all(&format!("{TASKS}?projectId={id}"), 100).await;
    assert_eq!(summary["lastNumber"], listed.len());
}

#[tokio::test]
async fn pages_of_one_lose_and_double_nothing_while_others_write() {
    let (app, instances) = crowd(32).await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    for n in 0..100 {
        task(&owner, &id, &format!("{n}")).await;
    }
    let writers = join_all(instances.iter().enumerate().map(|(index, instance)| {
        let member = instance.client(A, "member");
        let id = id.clone();
        async move {
            for n in 0..3 {
                let body = json!({ "projectId": id, "title": format!("new {n}") });
                let _ = member.post(TASKS, body).await;
                let transition = format!("{TASKS}/WEB-{}/transition", index * 3 + n + 1);
                member.post(&transition, json!({ "to": "in_progress" })).await.expect(200);
            }
        }
    }));
    let list = format!("{TASKS}?projectId={id}");
    let readers = join_all((0..4).map(|_| owner.all(&list, 1)));
    let (_, lists) = tokio::join!(writers, readers);
    for listed in lists {
        let numbers: Vec<u64> =
            listed.iter().map(|task| task["number"].as_u64().unwrap()).collect();
        let distinct: BTreeSet<u64> = numbers.iter().copied().collect();
        assert_eq!(distinct.len(), numbers.len(), "none is doubled");
        assert!((1..=100).all(|number| distinct.contains(&number)), "none is missing");
    }
}
