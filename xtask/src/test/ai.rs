//! The gateway to models over the local stack, used by the SDKs of OpenAI and Anthropic: its key from
//! secret-management, its streams through the local server, its usage counted.

use std::{io::Write as _, process::Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::{Outcome, local::with_stack};
use crate::{
    dev::{Api, Settings},
    output, paths, process,
    tools::{Group, Tools},
};

pub(super) fn run(tools: &Tools) -> Result<Outcome> {
    tools.install(Group::Models)?;
    with_stack(tools, "ai", |_, settings| by_sdks(tools, settings))?;
    Ok(Outcome::Passed)
}

fn by_sdks(tools: &Tools, settings: &Settings) -> Result<()> {
    let script = paths::workspace().join("xtask/python/ai.py");
    let mut python = process::scrubbed(tools.program(Group::Models, "python"));
    python
        .arg(script)
        .args(["--api", &format!("{}/api/v1", settings.public_url())])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    // By its input: arguments of processes can be read by others.
    let input = json!(Api::of(settings, "owner")?.token()).to_string();
    let mut child = python.spawn().context("Python does not start")?;
    child.stdin.take().context("no input")?.write_all(input.as_bytes())?;
    let answer = child.wait_with_output().context("the SDKs did not end")?;
    let said = String::from_utf8_lossy(&answer.stderr);
    ensure!(answer.status.success(), "openai and anthropic: {said}");
    let answer: Value = serde_json::from_slice(&answer.stdout).context("ai.py printed no JSON")?;
    output::progress(format_args!(
        "the SDKs of OpenAI and Anthropic work as with them: {} expectations",
        answer["met"]
    ));
    Ok(())
}
