//! The lists that lead over relations, people, labels and times, compared with the model.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    drive::{Driver, PROJECTS, TASKS, without_rank},
    model::{Project, Task},
    operation::{AGENT, SOMEBODY},
    verify::{assert_same, numbers, summary},
};

async fn listed(driver: &Driver, query: &str, limit: usize) -> Vec<Value> {
    let listed = driver.owner.all(&format!("{TASKS}?{query}"), limit).await;
    listed.into_iter().map(without_rank).collect()
}

fn summaries<'a>(tasks: impl IntoIterator<Item = &'a &'a Task>) -> Vec<Value> {
    tasks.into_iter().map(|task| summary(task)).collect()
}

/// A deleted project is nowhere.
pub async fn nothing_of(driver: &Driver, project: &Project) {
    let (id, key) = (project.id(), project.fields["key"].as_str().unwrap());
    for path in [
        format!("{PROJECTS}/{id}"),
        format!("{PROJECTS}/{key}"),
        format!("{PROJECTS}/{id}/summary"),
        format!("{PROJECTS}/{id}/history"),
        format!("{TASKS}?projectId={id}"),
    ] {
        driver.owner.get(&path).await.expect_problem(404, "not_found");
    }
    for status in ["active", "archived"] {
        let projects = driver.owner.all(&format!("{PROJECTS}?status={status}"), 10).await;
        assert!(projects.iter().all(|listed| listed["id"] != id));
    }
}

/// By update, label and external id.
pub async fn of_project(driver: &Driver, index: usize, project: &Project, seed: u64) {
    let base = format!("projectId={}", project.id());
    let mut tasks = driver.world.listed(index);
    let text = |task: &Task, field: &str| task.fields[field].as_str().unwrap().to_owned();
    tasks.sort_by_key(|task| (text(task, "updatedAt"), task.id()));
    let ascending = summaries(&tasks);
    let mut descending = ascending.clone();
    descending.reverse();
    let by_update = format!("{base}&sort=-updatedAt");
    assert_same(&listed(driver, &by_update, 3).await, &descending, "by update");
    if let Some(task) = tasks.get(usize::try_from(seed % 5).unwrap()) {
        let since = text(task, "updatedAt");
        let expected = ascending.iter().filter(|task| task["updatedAt"].as_str() >= Some(&since));
        let expected: Vec<Value> = expected.cloned().collect();
        let query = format!("{by_update}&updatedSince={since}");
        assert_same(&listed(driver, &query, 2).await, &expected, "updated since");
    }
    tasks.sort_by_key(|task| std::cmp::Reverse(task.fields["number"].as_u64()));
    for label in ["ui", "backend", "none"] {
        let has_it =
            |task: &&&Task| task.fields["labels"].as_array().unwrap().contains(&json!(label));
        let expected = summaries(tasks.iter().filter(has_it));
        let query = format!("{base}&label={label}");
        assert_same(&listed(driver, &query, 2).await, &expected, label);
    }
    for external in ["1", "2"] {
        let has_it = |task: &&&Task| task.fields["externalId"] == external;
        let expected = summaries(tasks.iter().filter(has_it));
        assert!(expected.len() <= 1);
        let query = format!("{base}&externalId={external}&source=x");
        assert_same(&listed(driver, &query, 2).await, &expected, "by external id");
    }
}

/// By priority, due date, id, over all projects that are there.
pub async fn of_assignees(driver: &Driver) {
    let world = &driver.world;
    let people = [SOMEBODY, AGENT, world.owner.as_str(), world.member.as_str()];
    for who in people {
        for open in [true, false] {
            let mut tasks: Vec<&Task> = (0..world.projects.len())
                .filter(|project| !world.projects[*project].is_deleted())
                .flat_map(|project| world.listed(project))
                .filter(|task| task.fields["assigneeId"] == who && task.is_open() == open)
                .collect();
            let urgency = |task: &&Task| {
                let order = ["critical", "high", "medium", "low"];
                let priority = task.fields["priority"].as_str().unwrap();
                let due = task.fields["dueDate"].as_str().unwrap_or("9999-99-99").to_owned();
                (order.iter().position(|it| *it == priority), due, task.id())
            };
            tasks.sort_by_key(urgency);
            let query = format!("assigneeId={who}&open={open}");
            assert_same(&listed(driver, &query, 2).await, &summaries(&tasks), &query);
        }
    }
    let mine = driver.member.all(&format!("{TASKS}?assigneeId=me"), 3).await;
    let named = driver.owner.all(&format!("{TASKS}?assigneeId={}", world.member), 3).await;
    assert_eq!(numbers(&mine), numbers(&named));
}

/// Subtasks, relations, readiness, watchers of a task.
pub async fn beside(driver: &Driver, task: &Task) {
    let world = &driver.world;
    let path = format!("{TASKS}/{}", task.id());
    let is_there =
        |other: &Task| !other.is_deleted() && !world.projects[other.project].is_deleted();
    let parent = task.id();
    let below = world.tasks.iter().filter(|other| other.parent() == Some(parent.as_str()));
    let mut below: Vec<&Task> = below.filter(|other| is_there(other)).collect();
    below.sort_by_key(|task| (task.rank.clone(), task.id()));
    let found = driver.member.all(&format!("{path}/subtasks"), 2).await;
    let found: Vec<Value> = found.into_iter().map(without_rank).collect();
    assert_same(&found, &summaries(&below), "subtasks");

    let mut expected = Vec::new();
    for (list, kind) in [
        ("blocks", "blocks"),
        ("blockedBy", "blocked_by"),
        ("relatesTo", "relates_to"),
        ("duplicates", "duplicates"),
    ] {
        let related = task.related(list);
        expected.extend(related.iter().map(|id| (kind, &world.tasks[world.find(id)])));
    }
    if let Some(original) = task.fields["relations"]["duplicateOf"].as_str() {
        expected.push(("duplicate_of", &world.tasks[world.find(original)]));
    }
    expected.retain(|(_, other)| is_there(other));
    let shown = |(kind, other): (&str, &Task)| json!({ "type": kind, "task": summary(other) });
    let expected: Vec<Value> = expected.into_iter().map(shown).collect();
    let mut found = driver.owner.all(&format!("{path}/relations"), 100).await;
    for relation in &mut found {
        relation["task"] = without_rank(relation["task"].take());
    }
    assert_same(&found, &expected, "relations");

    let blockers = task.related("blockedBy");
    let open: Vec<&String> =
        blockers.iter().filter(|id| world.tasks[world.find(id)].is_open()).collect();
    assert_eq!(task.open_blockers(), open.len() as u64);
    let mut reasons: Vec<Value> =
        open.iter().map(|id| json!({ "code": "open_blocker", "id": id })).collect();
    let is_empty = |field: &str| task.fields[field].as_array().unwrap().is_empty();
    let lacks_criteria = task.fields["type"] == "feature" && is_empty("acceptanceCriteria");
    for (code, holds) in [
        ("missing_estimate", task.fields["estimateSeconds"].is_null()),
        ("missing_criteria", lacks_criteria),
        ("unassigned", task.fields["assigneeId"].is_null()),
    ] {
        if holds {
            reasons.push(json!({ "code": code }));
        }
    }
    let readiness = driver.member.get(&format!("{path}/readiness")).await.expect(200);
    assert_eq!(readiness, json!({ "ready": open.is_empty(), "reasons": reasons }));

    let watchers = driver.member.all(&format!("{path}/watchers"), 100).await;
    let watchers: Vec<&str> =
        watchers.iter().map(|watcher| watcher["userId"].as_str().unwrap()).collect();
    assert!(watchers.is_sorted());
    let watchers: BTreeSet<String> = watchers.into_iter().map(str::to_owned).collect();
    assert_eq!(watchers, task.watchers);
}

/// What the last entry about the original of a duplicate says it is.
pub fn last_recorded_original(task: &Task) -> Value {
    let mut changes = task.history.iter().flat_map(|entry| &entry.changes);
    let last = changes.rfind(|change| change.field == "relations.duplicateOf");
    last.map(|change| change.to.clone()).unwrap_or_default()
}
