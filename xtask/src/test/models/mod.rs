//! What `millwright-model` says, before those who say it first: the catalogue and its sums before
//! genai-prices, the dialects before the SDKs of openai and anthropic. No network, no stack.

mod prices;
mod spoken;

use std::{io::Write as _, process::Stdio};

use anyhow::{Context as _, Result, ensure};
use millwright_model::catalogue;
use serde_json::{Value, json};

use super::Outcome;
use crate::{
    generate, output, paths, process,
    tools::{Group, Tools},
};

pub(super) fn run(tools: &Tools) -> Result<Outcome> {
    if let Err(error) = tools.install(Group::Models) {
        return Ok(Outcome::Skipped(format!("genai-prices could not be installed: {error:#}")));
    }
    let made = generate::model_catalogue(tools, catalogue::source().date)?;
    let file = paths::workspace().join("shared/model/data/catalogue.tsv");
    let kept = std::fs::read_to_string(&file).context("the catalogue cannot be read")?;
    ensure!(
        made == kept,
        "the catalogue of models is not what genai-prices says: `cargo xtask gen --models <day>`"
    );

    let answer = judged(tools, &json!({ "prices": prices::sums(), "spoken": spoken::all()? }))?;
    output::progress(format_args!(
        "{} costs of {} models are those of genai-prices, {} within the rounding of their prices; \
         the SDKs understand {} requests, answers, streams and errors",
        answer["costs"], answer["models"], answer["rounded"], answer["understood"]
    ));
    Ok(Outcome::Passed)
}

/// What the script in Python finds; fails with what it finds wrong.
fn judged(tools: &Tools, input: &Value) -> Result<Value> {
    let script = paths::workspace().join("xtask/python/models.py");
    let mut child = process::scrubbed(tools.program(Group::Models, "python"))
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("Python does not start")?;
    let mut stdin = child.stdin.take().context("no input")?;
    // A script that ends early says why by itself.
    let _ = stdin.write_all(input.to_string().as_bytes());
    drop(stdin);
    let answer = child.wait_with_output().context("models.py did not end")?;
    let said = String::from_utf8_lossy(&answer.stderr);
    ensure!(answer.status.success(), "models.py: {said}");
    serde_json::from_slice(&answer.stdout).context("models.py printed no JSON")
}
