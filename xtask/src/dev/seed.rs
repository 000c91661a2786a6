//! The demo organization: what a small team has on its board after a few weeks.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::{Demo, Settings, api::Api};
use crate::output;

/// A task of the demo for the calls to try: in state `to_do`.
pub const A_TASK: &str = "SHOP-4";

/// Says that the demo is complete.
const LAST_PROJECT: &str = "OPS";

struct Project {
    key: &'static str,
    name: &'static str,
    description: &'static str,
    tasks: &'static [Task],
}

struct Task {
    title: &'static str,
    kind: &'static str,
    priority: &'static str,
    labels: &'static [&'static str],
    /// The way it has come, state by state.
    through: &'static [&'static str],
    comment: Option<&'static str>,
}

const fn task(
    title: &'static str,
    kind: &'static str,
    priority: &'static str,
    labels: &'static [&'static str],
) -> Task {
    Task { title, kind, priority, labels, through: &[], comment: None }
}

const PROJECTS: &[Project] = &[
    Project {
        key: "SHOP",
        name: "Web shop relaunch",
        description: "Checkout in one page, and pages that load within a second on a phone.",
        tasks: &[
            Task {
                through: &["in_progress", "review", "done"],
                comment: Some("Measured on three phones: 0.8 s at the median."),
                ..task("Load product pages within a second", "feature", "high", &["speed"])
            },
            Task {
                through: &["in_progress", "review"],
                comment: Some("Ready for a look; the address form is the interesting part."),
                ..task("Put checkout on one page", "feature", "critical", &["checkout"])
            },
            Task {
                through: &["in_progress"],
                ..task("Show delivery dates in the basket", "feature", "medium", &["checkout"])
            },
            task("Remember the basket across devices", "feature", "medium", &["basket"]),
            Task {
                through: &["in_progress", "done"],
                ..task("Coupon codes are refused in lower case", "bug", "high", &["checkout"])
            },
            task("Describe the order API for partners", "documentation", "low", &["api"]),
            Task {
                through: &["cancelled"],
                comment: Some("Nobody asked for it twice."),
                ..task("Offer a dark theme", "feature", "low", &["design"])
            },
        ],
    },
    Project {
        key: LAST_PROJECT,
        name: "Platform operations",
        description: "Keeping the lights on, and the bill small.",
        tasks: &[
            Task {
                through: &["in_progress", "done"],
                ..task("Alarm on messages in dead-letter queues", "task", "high", &["alarms"])
            },
            Task {
                through: &["in_progress"],
                comment: Some("Restore took 11 minutes on the copy; writing it down."),
                ..task("Rehearse a restore of the database", "task", "high", &["backup"])
            },
            task("Rotate signing keys every quarter", "chore", "medium", &["security"]),
            task("Remove the unused staging domain", "chore", "low", &[]),
            Task {
                through: &["in_progress"],
                ..task("Flaky test in the import pipeline", "bug", "medium", &["tests"])
            },
        ],
    },
];

/// Enters the demo organization, and fills it unless that is done. Interrupted, it goes on where
/// it was: every call carries an idempotency key.
pub async fn fill(settings: &Settings) -> Result<Demo> {
    output::progress("signing in");
    let demo = Demo::enter(settings).await?;
    let mark = settings.data().join("demo");
    if mark.exists() {
        return Ok(demo);
    }
    output::progress("filling the demo organization");
    let api = Api::with_token(settings, &demo.token)?;
    for project in PROJECTS {
        fill_project(&api, project)
            .await
            .with_context(|| format!("the demo project {} cannot be made", project.key))?;
    }
    crate::paths::replace(&mark, "filled\n")?;
    Ok(demo)
}

async fn fill_project(api: &Api, project: &Project) -> Result<()> {
    let existing = api.get(&format!("/planning/projects/{}", project.key)).await?;
    let made = match existing {
        Some(made) => made,
        None => {
            let body = json!({
                "key": project.key, "name": project.name, "description": project.description,
            });
            let key = format!("demo-{}", project.key);
            api.post("/planning/projects", &body, Some(&key)).await?
        }
    };
    let project_id = text(&made, "id")?;
    for (index, task) in project.tasks.iter().enumerate() {
        let key = format!("demo-{}-{}", project.key, index + 1);
        fill_task(api, &project_id, task, &key).await?;
    }
    Ok(())
}

async fn fill_task(api: &Api, project_id: &str, task: &Task, key: &str) -> Result<()> {
    let body = json!({
        "projectId": project_id,
        "title": task.title,
        "type": task.kind,
        "priority": task.priority,
        "labels": task.labels,
    });
    let made = api.post("/planning/tasks", &body, Some(key)).await?;
    let path = format!("/planning/tasks/{}", text(&made, "id")?);
    for (step, state) in task.through.iter().enumerate() {
        let step_key = format!("{key}-to-{}", step + 1);
        api.post(&format!("{path}/transition"), &json!({ "to": state }), Some(&step_key)).await?;
    }
    if let Some(comment) = task.comment {
        let comment_key = format!("{key}-comment");
        let body = json!({ "body": comment });
        api.post(&format!("{path}/comments"), &body, Some(&comment_key)).await?;
    }
    Ok(())
}

/// A field that is text.
pub fn text(value: &Value, field: &str) -> Result<String> {
    let found = value.get(field).and_then(Value::as_str);
    found.map(str::to_owned).with_context(|| format!("{value} has no {field}"))
}
