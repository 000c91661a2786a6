//! Steps that are a call of cargo or one of its tools.

use std::{
    io::{BufRead, BufReader, IsTerminal},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};

use super::{Context, Outcome};
use crate::{output, process, process::Process, tools::Group};

/// Names the Python that has what tests ask for a second opinion.
pub(super) const TEST_PYTHON: &str = "MILLWRIGHT_TEST_PYTHON";

pub(super) fn format() -> Result<Outcome> {
    cargo(&["fmt", "--all", "--check"], "`cargo fmt --all` mends it")
}

pub(super) fn generated() -> Result<Outcome> {
    // In this process would be quicker, but would compare with the manifests this binary was
    // built with.
    cargo(
        &["run", "--quiet", "--package", "xtask", "--", "gen", "--check"],
        "run `cargo xtask gen`",
    )
}

pub(super) fn clippy() -> Result<Outcome> {
    cargo(
        &["clippy", "--locked", "--workspace", "--all-targets", "--", "--deny", "warnings"],
        "what clippy says is above",
    )
}

/// With nextest where it is installed, whose closing lines are kept for the end.
pub(super) fn tests(context: &mut Context) -> Result<Outcome> {
    context.tools.install(Group::Oracle)?;
    let has_nextest = process::find("cargo-nextest").is_some();
    let arguments: &[&str] = if has_nextest {
        &["nextest", "run", "--locked", "--workspace", "--no-fail-fast"]
    } else {
        output::progress("cargo-nextest is not installed, `cargo test` does it too");
        &["test", "--locked", "--workspace", "--all-targets", "--no-fail-fast"]
    };
    let mut command = process::cargo();
    command.args(arguments).stderr(Stdio::piped());
    command.env(TEST_PYTHON, context.tools.program(Group::Oracle, "python"));
    if has_nextest && std::io::stderr().is_terminal() {
        command.args(["--color", "always"]);
    }
    let mut running = Process::spawn("the tests", &mut command, Duration::from_secs(10))?;
    let lines = running.take_errors().context("the tests' output cannot be read")?;
    let reader = thread::spawn(move || {
        let mut summary = Vec::new();
        for line in BufReader::new(lines).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).into_owned();
            output::line(&line);
            let is_closing = line.contains("Summary [");
            if is_closing || !summary.is_empty() {
                summary.push(line);
            }
        }
        summary
    });
    let status = running.wait(None)?;
    context.summary.extend(reader.join().unwrap_or_default());
    if !status.success() {
        bail!("tests failed; one alone: `cargo nextest run <part of its name>`");
    }
    Ok(Outcome::Passed)
}

pub(super) fn examples() -> Result<Outcome> {
    cargo(&["test", "--locked", "--workspace", "--doc", "--quiet"], "what rustdoc says is above")
}

pub(super) fn licenses() -> Result<Outcome> {
    if process::find("cargo-deny").is_none() {
        let why = "cargo-deny is not installed (cargo install --locked cargo-deny)";
        return Ok(Outcome::Skipped(why.to_owned()));
    }
    cargo(&["deny", "--offline", "check", "bans", "licenses", "sources"], "see deny.toml")
}

fn cargo(arguments: &[&str], remedy: &str) -> Result<Outcome> {
    let mut command: Command = process::cargo();
    let status =
        process::run_visible(&format!("cargo {}", arguments.join(" ")), command.args(arguments))?;
    if !status.success() {
        bail!("`cargo {}` failed: {remedy}", arguments.join(" "));
    }
    Ok(Outcome::Passed)
}
