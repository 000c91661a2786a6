//! `infra/services/<service>.yaml`: rendered from `xtask/templates`, which read like what comes out.

use anyhow::{Context, Result};
use millwright_manifest::Service;
use minijinja::{Environment, value::Serde};

use super::{output::Output, view::View};
use crate::render;

const TEMPLATES: [(&str, &str); 14] = render::templates![
    "service.yaml.j2",
    "key.yaml.j2",
    "table.yaml.j2",
    "bucket.yaml.j2",
    "dead-letters.yaml.j2",
    "function.yaml.j2",
    "delivery-rights.yaml.j2",
    "routes.yaml.j2",
    "url.yaml.j2",
    "queue.yaml.j2",
    "outboxes.yaml.j2",
    "changes.yaml.j2",
    "schedule.yaml.j2",
    "errors-alarm.yaml.j2",
];

pub(super) fn generate(services: &[Service], output: &mut Output) -> Result<()> {
    let environment = environment()?;
    let template = environment.get_template("service.yaml.j2")?;
    for service in services {
        let text = template
            .render(Serde(View::of(service, services)))
            .with_context(|| format!("the template of {} cannot be rendered", service.name))?;
        output.add(format!("infra/services/{}.yaml", service.name), text)?;
    }
    Ok(())
}

fn environment() -> Result<Environment<'static>> {
    let mut environment = render::environment(&TEMPLATES)?;
    environment.add_filter("text", yaml_text);
    Ok(environment)
}

/// A YAML scalar: plain where YAML reads it as written, else quoted.
fn yaml_text(text: String) -> String {
    let is_plain = text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || " ,.()/-'".contains(c));
    if is_plain { text } else { serde_json::Value::String(text).to_string() }
}
