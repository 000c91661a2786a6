//! The main job of README through the local stack: calls, and their events all the way into the
//! consumer that counts.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use super::{Outcome, local::with_stack};
use crate::{
    dev::{self, Api, text},
    output,
    tools::Tools,
};

/// Events travel through outbox, stream, relay, bus, queue and consumer within it.
const ARRIVE_WITHIN: Duration = Duration::from_secs(30);
const TASKS: usize = 3;

pub(super) fn run(tools: &Tools) -> Result<Outcome> {
    with_stack(tools, "smoke", |runtime, settings| {
        let api = Api::of(settings, "member")?;
        dev::start(runtime, main_job(&api))
    })?;
    Ok(Outcome::Passed)
}

async fn main_job(api: &Api) -> Result<()> {
    let body = json!({ "key": "SMOKE", "name": "Smoke test" });
    let project = api.post("/planning/projects", &body, None).await?;
    let project_id = text(&project, "id")?;

    let mut first = None;
    for number in 1..=TASKS {
        let body = json!({ "projectId": project_id, "title": format!("Task {number}") });
        let task = api.post("/planning/tasks", &body, None).await?;
        ensure!(text(&task, "key")? == format!("SMOKE-{number}"), "numbers have a gap: {task}");
        first.get_or_insert(text(&task, "id")?);
    }
    let task = format!("/planning/tasks/{}", first.context("no task was made")?);

    for state in ["in_progress", "review", "done"] {
        let moved = api.post(&format!("{task}/transition"), &json!({ "to": state }), None).await?;
        ensure!(text(&moved, "state")? == state, "not moved to {state}: {moved}");
    }
    api.post(&format!("{task}/comments"), &json!({ "body": "Well done." }), None).await?;

    let comments = items(api, &format!("{task}/comments")).await?;
    ensure!(comments.len() == 1, "one comment was written, there are {}", comments.len());
    let history = items(api, &format!("{task}/history")).await?;
    ensure!(history.len() >= 4, "history has {} entries of at least 4", history.len());
    let listed = items(api, &format!("/planning/tasks?projectId={project_id}")).await?;
    ensure!(listed.len() == TASKS, "{} of {TASKS} tasks are listed", listed.len());

    wait_for_counts(api, &project_id).await
}

async fn items(api: &Api, path: &str) -> Result<Vec<Value>> {
    let page = api.get(path).await?.with_context(|| format!("{path} is not there"))?;
    let items = page.get("items").and_then(Value::as_array);
    items.cloned().with_context(|| format!("{path} gave no items: {page}"))
}

/// The summary is kept by events alone: once it is right, all of the way works.
async fn wait_for_counts(api: &Api, project_id: &str) -> Result<()> {
    let path = format!("/planning/projects/{project_id}/summary");
    let started = Instant::now();
    loop {
        let summary = api.get(&path).await?.context("the project has no summary")?;
        let count = |state: &str| {
            summary.pointer(&format!("/byState/{state}")).and_then(Value::as_u64).unwrap_or(0)
        };
        if count("done") == 1 && count("to_do") == 2 && count("in_progress") == 0 {
            let seconds = started.elapsed().as_secs_f32();
            output::progress(format_args!("counts arrived by events after {seconds:.1} s"));
            return Ok(());
        }
        if started.elapsed() > ARRIVE_WITHIN {
            bail!(
                "the counts are not right after {} s: {summary}; look into relay.log and \
                 planning-on-events.log",
                ARRIVE_WITHIN.as_secs()
            );
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
