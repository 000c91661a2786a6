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
        by_moto(tools, settings)?;
        secret_store::check(runtime, settings)?;
        secret_files::check(tools, runtime, settings)
    })?;
    Ok(Outcome::Passed)
}

fn by_hvac(tools: &Tools, settings: &Settings) -> Result<()> {
    let url = format!("{}/api/v1/secrets/kv", settings.public_url());
    let namespace = keys::demo_organization().to_string();
    let tokens = ["owner", "viewer"].map(|role| Api::of(settings, role));
    let [owner, viewer] = tokens;
    let input = json!([owner?.token(), viewer?.token()]).to_string();
    let answer = judged(tools, "kv.py", &["--url", &url, "--namespace", &namespace], &input)?;
    output::progress(format_args!(
        "hvac works as with a KV v2 store: {} expectations",
        answer["met"]
    ));
    Ok(())
}

/// The same values in the same order, read by stage from both.
fn by_moto(tools: &Tools, settings: &Settings) -> Result<()> {
    let url = format!("{}/api/v1/secrets", settings.public_url());
    let token = json!(Api::of(settings, "owner")?.token()).to_string();
    let answer = judged(tools, "secret_stages.py", &["--url", &url], &token)?;
    output::progress(format_args!(
        "current and previous are those of moto's Secrets Manager: {} expectations",
        answer["met"]
    ));
    Ok(())
}

/// What a script prints that gets `input`: not by arguments, which others can read.
pub(super) fn judged(
    tools: &Tools,
    script: &str,
    arguments: &[&str],
    input: &str,
) -> Result<Value> {
    let mut python = process::scrubbed(tools.program(Group::Secrets, "python"));
    python.arg(paths::workspace().join("xtask/python").join(script)).args(arguments);
    python.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = python.spawn().context("Python does not start")?;
    child.stdin.take().context("no input")?.write_all(input.as_bytes())?;
    let answer = child.wait_with_output().with_context(|| format!("{script} did not end"))?;
    let said = String::from_utf8_lossy(&answer.stderr);
    ensure!(answer.status.success(), "{script}: {said}");
    serde_json::from_slice(&answer.stdout).with_context(|| format!("{script} printed no JSON"))
}
