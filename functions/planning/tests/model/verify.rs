//! Everything that can be read, compared with the model.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use http::Method;
use millwright_testkit::{Client, deliveries, settled};
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use serde_json::{Map, Value, json};

use crate::{
    drive::{Driver, PROJECTS, TASKS, without_rank},
    model::{Entry, Project, Task, World, category},
    operation::STATES,
    verify_lists,
};

pub async fn everything(driver: &Driver, seed: u64) {
    for (index, project) in driver.world.projects.iter().enumerate() {
        if project.is_deleted() {
            verify_lists::nothing_of(driver, project).await;
            continue;
        }
        reads_of_project(driver, project).await;
        lists(driver, index, project, seed).await;
        verify_lists::of_project(driver, index, project, seed).await;
    }
    verify_lists::of_assignees(driver).await;
    for task in &driver.world.tasks {
        if driver.world.projects[task.project].is_deleted() {
            let path = format!("{TASKS}/{}?includeDeleted=true", task.id());
            driver.owner.get(&path).await.expect_problem(404, "not_found");
        } else if task.is_deleted() {
            reads_of_deleted(driver, task).await;
        } else {
            reads_of_task(driver, task).await;
            verify_lists::beside(driver, task).await;
        }
    }
    events(driver).await;
    summaries(driver, seed).await;
}

/// Shows the first difference only.
pub fn assert_same(found: &[Value], expected: &[Value], what: &str) {
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!(found == expected, "{what}, {index}:\n{found}\nexpected:\n{expected}");
    }
    assert_eq!(found.len(), expected.len(), "{what}: {:?}", found.last());
}

/// Reading the version one knows already is 304.
async fn conditional(client: &Client, path: &str, version: u64) {
    let tag = format!("\"{version}\"");
    let answer = client.send(Method::GET, path, &[("if-none-match", &tag)], "").await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (304, ""), "{path} {tag}");
    assert_eq!(answer.etag(), tag);
}

async fn reads_of_project(driver: &Driver, project: &Project) {
    let by_id = format!("{PROJECTS}/{}", project.id());
    let by_key = format!("{PROJECTS}/{}", project.fields["key"].as_str().unwrap());
    for path in [&by_id, &by_key] {
        let answer = driver.member.get(path).await;
        assert_eq!(answer.expect(200), Value::Object(project.fields.clone()));
    }
    conditional(&driver.owner, &by_id, project.version()).await;
    history(&driver.member, &by_id, &project.history, &project.fields).await;
}

async fn reads_of_task(driver: &Driver, task: &Task) {
    let by_id = format!("{TASKS}/{}", task.id());
    let key = task.fields["key"].as_str().unwrap();
    let by_key = format!("{TASKS}/{}", key.to_lowercase());
    for path in [&by_id, &by_key] {
        // Whoever knows another version gets this one.
        let older = format!("\"{}\"", task.version() - 1);
        let answer = driver.member.send(Method::GET, path, &[("if-none-match", &older)], "").await;
        assert_eq!(answer.etag(), format!("\"{}\"", task.version()));
        assert_eq!(without_rank(answer.expect(200)), Value::Object(task.fields.clone()));
    }
    conditional(&driver.owner, &by_id, task.version()).await;
    let resolved = driver.member.get(&format!("/api/v1/planning/keys/{key}")).await.expect(200);
    assert_eq!(resolved["id"], task.fields["id"]);
    let mut present = task.fields.clone();
    if task.followed {
        // Its last entry does not know of it.
        present["relations"]["duplicateOf"] = verify_lists::last_recorded_original(task);
    }
    history(&driver.owner, &by_id, &task.history, &present).await;
    let comments = driver.member.all(&format!("{by_id}/comments"), 2).await;
    let expected: Vec<Value> = task
        .comments
        .iter()
        .filter(|comment| !comment.is_gone)
        .map(|comment| Value::Object(comment.fields.clone()))
        .collect();
    assert_same(&comments, &expected, &by_id);
}

async fn reads_of_deleted(driver: &Driver, task: &Task) {
    let path = format!("{TASKS}/{}", task.id());
    for hidden in [path.clone(), format!("{path}/comments"), format!("{path}/history")] {
        driver.owner.get(&hidden).await.expect_problem(404, "not_found");
    }
    let shown = format!("{path}?includeDeleted=true");
    driver.member.get(&shown).await.expect_problem(404, "not_found");
    let answer = driver.owner.get(&shown).await;
    match driver.world.may_be_seen_deleted(task) {
        true => assert_eq!(without_rank(answer.expect(200)), Value::Object(task.fields.clone())),
        false => drop(answer.expect_problem(404, "not_found")),
    }
}

/// Newest first; and its changes, one after the other, make the present.
async fn history(client: &Client, path: &str, entries: &[Entry], present: &Map<String, Value>) {
    let listed = client.all(&format!("{path}/history"), 3).await;
    let listed: Vec<Value> = listed.into_iter().map(sorted_changes).collect();
    let mut expected = Vec::new();
    for entry in entries.iter().rev() {
        let changes: Vec<Value> = entry.changes.iter().map(|change| change.recorded()).collect();
        let mut json = json!({
            "at": entry.at.to_string(), "actorId": entry.actor,
            "operationId": entry.operation, "changes": changes,
        });
        if let Some(note) = &entry.note {
            json["note"] = note.as_str().into();
        }
        expected.push(json);
    }
    let ids: BTreeSet<&str> = listed.iter().map(|entry| entry["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), listed.len(), "ids differ");
    let without_ids: Vec<Value> = listed
        .iter()
        .cloned()
        .map(|mut entry| {
            entry.as_object_mut().unwrap().remove("id");
            entry
        })
        .collect();
    assert_same(&without_ids, &expected, path);
    replay(&listed, present);
    let states = client.all(&format!("{path}/history?field=state"), 1).await;
    let moves = entries.iter().filter(|entry| entry.changes.iter().any(|c| c.field == "state"));
    assert_eq!(states.len(), moves.count());
}

fn replay(newest_first: &[Value], present: &Map<String, Value>) {
    let mut fields: BTreeMap<String, Value> = BTreeMap::new();
    let mut cut = BTreeSet::new();
    for entry in newest_first.iter().rev() {
        for change in entry["changes"].as_array().unwrap() {
            let field = change["field"].as_str().unwrap().to_owned();
            let before = fields.get(&field).unwrap_or(&Value::Null);
            // What was blank at the creation is not in its entry.
            let was_blank =
                before.is_null() && [json!(""), json!([]), json!(false)].contains(&change["from"]);
            // A duplicate may have followed its original to another without an entry.
            let has_followed = field == "relations.duplicateOf";
            assert!(
                was_blank || has_followed || *before == change["from"],
                "{field}: {before} and {change}"
            );
            if change["truncated"] == true {
                cut.insert(field.clone());
            } else {
                cut.remove(&field);
            }
            fields.insert(field, change["to"].clone());
        }
    }
    for (field, value) in fields {
        let now = match field.split_once('.') {
            Some((group, member)) => &present[group][member],
            None => &present[&field],
        };
        match (cut.contains(&field), now) {
            (true, Value::String(whole)) if whole.chars().count() > 1_000 => {
                assert!(whole.starts_with(value.as_str().unwrap()), "{field}");
            }
            _ => assert_eq!(*now, value, "{field}"),
        }
    }
}

fn sorted_changes(mut of: Value) -> Value {
    if let Some(changes) = of.get_mut("changes").and_then(Value::as_array_mut) {
        changes.sort_by_key(|change| change["field"].as_str().unwrap().to_owned());
    }
    of
}

/// A task as lists show it.
pub fn summary(task: &Task) -> Value {
    let mut fields = task.fields.clone();
    for long in ["description", "acceptanceCriteria", "blockedReason", "relations", "externalUrl"] {
        fields.remove(long);
    }
    Value::Object(fields)
}

pub fn numbers(tasks: &[Value]) -> Vec<u64> {
    tasks.iter().map(|task| task["number"].as_u64().unwrap()).collect()
}

type Keep = fn(&Task) -> bool;

/// Residual filters and what they mean.
const FILTERS: [(&str, Keep); 13] = [
    ("ready=true", |task| task.open_blockers() == 0),
    ("type=bug", |task| task.fields["type"] == "bug"),
    ("type=bug&type=feature", |task| task.fields["type"] != "task"),
    ("priority=low", |task| task.fields["priority"] == "low"),
    ("stateCategory=in_progress", |task| category(task.state()) == "in_progress"),
    ("labels=ui", |task| has_label(task, "ui")),
    ("labels=UI&labels=backend", |task| has_label(task, "ui") && has_label(task, "backend")),
    ("unassigned=true", |task| task.fields["assigneeId"].is_null()),
    ("dueBefore=2026-02-01", |task| task.fields["dueDate"] == "2026-01-20"),
    ("dueAfter=2026-01-20", |task| task.fields["dueDate"] == "2026-03-01"),
    ("titleContains=alpha", |task| lower(task).contains("alpha")),
    ("titleContains=U%CC%88BER", |task| lower(task).contains("\u{fc}ber")),
    ("unassigned=true&type=task&stateCategory=to_do", |task| {
        task.fields["assigneeId"].is_null()
            && task.fields["type"] == "task"
            && task.state() == "to_do"
    }),
];

fn has_label(task: &Task, label: &str) -> bool {
    task.fields["labels"].as_array().unwrap().contains(&json!(label))
}

fn lower(task: &Task) -> String {
    task.fields["title"].as_str().unwrap().to_lowercase()
}

/// Both orders, every column, and a third of the filters: which of them, the seed decides.
async fn lists(driver: &Driver, index: usize, project: &Project, seed: u64) {
    let base = format!("{TASKS}?projectId={}", project.id());
    let mut tasks = driver.world.listed(index);
    tasks.sort_by_key(|task| task.fields["number"].as_u64());
    let ascending = driver.owner.all(&format!("{base}&sort=number"), 4).await;
    if tasks.is_empty() {
        assert!(ascending.is_empty());
        return;
    }
    let expected: Vec<Value> = tasks.iter().map(|task| summary(task)).collect();
    let found: Vec<Value> = ascending.into_iter().map(without_rank).collect();
    assert_same(&found, &expected, "by number");
    let mut descending = numbers(&driver.member.all(&base, 3).await);
    descending.reverse();
    assert_eq!(descending, numbers(&expected));
    for state in STATES {
        let column = driver.owner.all(&format!("{base}&state={state}"), 3).await;
        assert!(column.is_sorted_by_key(|task| task["rank"].as_str().unwrap().to_owned()));
        let expected = driver.world.column(index, state);
        let expected: Vec<Value> = expected.into_iter().map(summary).collect();
        let found: Vec<Value> = column.into_iter().map(without_rank).collect();
        assert_same(&found, &expected, state);
    }
    let third = usize::try_from(seed % 3).unwrap();
    for (filter, keep) in FILTERS.into_iter().skip(third).step_by(3) {
        let found = driver.owner.all(&format!("{base}&sort=number&{filter}"), 2).await;
        let expected: Vec<Value> =
            tasks.iter().filter(|task| keep(task)).map(|task| summary(task)).collect();
        let found: Vec<Value> = found.into_iter().map(without_rank).collect();
        assert_same(&found, &expected, filter);
    }
    let column = format!("{base}&state=to_do&unassigned=true");
    let found: BTreeSet<u64> = numbers(&driver.owner.all(&column, 1).await).into_iter().collect();
    let expected: Vec<Value> = tasks
        .iter()
        .filter(|task| task.state() == "to_do" && task.fields["assigneeId"].is_null())
        .map(|task| summary(task))
        .collect();
    assert_eq!(found, numbers(&expected).into_iter().collect());
}

/// One event per committed change and nothing else, in order.
async fn events(driver: &Driver) {
    let said = driver.app.outbox().await;
    let found: Vec<Value> = said
        .iter()
        .map(|entry| {
            let envelope = &entry.envelope;
            json!({
                "to": entry.to, "type": envelope.kind, "subject": envelope.subject,
                "actor": envelope.actorid, "data": sorted_changes(envelope.data.clone()),
            })
        })
        .collect();
    let expected: Vec<Value> = driver
        .world
        .said
        .iter()
        .map(|said| {
            json!({
                "to": "bus", "type": said.kind, "subject": said.subject, "actor": said.actor,
                "data": sorted_changes(said.data.clone()),
            })
        })
        .collect();
    assert_same(&found, &expected, "events");
    let ids: BTreeSet<&str> = said.iter().map(|entry| entry.envelope.id.as_str()).collect();
    assert_eq!(ids.len(), said.len(), "ids of events differ");
}

/// The consumer over everything that was said, doubled and shuffled, in batches.
async fn summaries(driver: &Driver, seed: u64) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut events = driver.app.events().await;
    events.extend(events.clone());
    events.shuffle(&mut random);
    for batch in events.chunks(10 + usize::try_from(seed % 40).unwrap()) {
        let store = Arc::new(driver.app.database.store());
        let batch = planning::consumer::consume(store, deliveries(batch)).await;
        assert_eq!(settled(batch).await, (Vec::new(), Vec::new()));
    }
    let live = driver.world.projects.iter().enumerate().filter(|(_, it)| !it.is_deleted());
    for (index, project) in live {
        let path = format!("{PROJECTS}/{}/summary", project.id());
        let summary = driver.member.get(&path).await.expect(200);
        assert_eq!(summary["lastNumber"], project.last_number);
        for (counts, name) in
            [("byState", "state"), ("byCategory", "stateCategory"), ("byType", "type")]
        {
            assert_eq!(counted(&summary[counts]), recount(&driver.world, index, name), "{counts}");
        }
        let states = recount(&driver.world, index, "state");
        let of = |state: &str| states.get(state).copied().unwrap_or_default();
        let whole: i64 = states.values().sum::<i64>() - of("cancelled");
        let share = if whole == 0 { 0.0 } else { of("done") as f64 / whole as f64 };
        assert!((summary["doneShare"].as_f64().unwrap() - share).abs() <= 0.000_05);
    }
}

fn counted(counts: &Value) -> BTreeMap<String, i64> {
    let counts = counts.as_object().unwrap().iter();
    let counts = counts.map(|(name, count)| (name.clone(), count.as_i64().unwrap()));
    counts.filter(|(_, count)| *count != 0).collect()
}

fn recount(world: &World, project: usize, field: &str) -> BTreeMap<String, i64> {
    let mut counts = BTreeMap::new();
    for task in world.listed(project) {
        *counts.entry(task.fields[field].as_str().unwrap().to_owned()).or_default() += 1;
    }
    counts
}
