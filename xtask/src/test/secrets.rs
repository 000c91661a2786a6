//! Secrets over the local stack, with data keys of the emulator's key service: the facade for KV v2
//! used by hvac, values in Secrets Manager, and exports read by others.

use std::{io::Write as _, process::Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::{Outcome, local::with_stack, secret_files, secret_store};
use crate::{
    dev::{Api, Settings},
    keys, output, paths, process,
    tools::{Group, Tools},
};

pub(super) fn run(tools: &Tools) -> Result<Outcome> {
    if let Err(error) = tools.install(Group::Secrets) {
        return Ok(Outcome::Skipped(format!(
            "what judges secrets could not be installed: {error:#}"
        )));
    }
    with_stack(tools, "secrets", |runtime, settings| {
        by_hvac(tools, settings)?;
        secret_store::check(runtime, settings)?;
        secret_files::check(tools, runtime, settings)
    })?;
    Ok(Outcome::Passed)
}

fn by_hvac(tools: &Tools, settings: &Settings) -> Result<()> {
    let script = paths::workspace().join("xtask/python/kv.py");
    let mut python = process::scrubbed(tools.program(Group::Secrets, "python"));
    python
        .arg(script)
        .args(["--url", &format!("{}/api/v1/secrets/kv", settings.public_url())])
        .args(["--namespace", &keys::demo_organization().to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let tokens = ["owner", "viewer"].map(|role| Api::of(settings, role));
    let [owner, viewer] = tokens;
    // By its input: arguments of processes can be read by others.
    let input = json!([owner?.token(), viewer?.token()]).to_string();
    let mut child = python.spawn().context("Python does not start")?;
    child.stdin.take().context("no input")?.write_all(input.as_bytes())?;
    let answer = child.wait_with_output().context("hvac did not end")?;
    let said = String::from_utf8_lossy(&answer.stderr);
    ensure!(answer.status.success(), "hvac: {said}");
    let answer: Value = serde_json::from_slice(&answer.stdout).context("kv.py printed no JSON")?;
    output::progress(format_args!(
        "hvac works as with a KV v2 store: {} expectations",
        answer["met"]
    ));
    Ok(())
}
