//! What usage-tracking counts, compared with SQL: more events than the step of the Rust tests has
//! time for, so optimized.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};

use super::{Context, Outcome, rust::TEST_PYTHON};
use crate::{output, process, process::Process, tools::Group};

/// Says how many events are compared.
const EVENTS: &str = "MILLWRIGHT_USAGE_EVENTS";
/// If it says nothing.
const USUAL: u32 = 100_000;
/// What each part of the test says behind the number of its events.
const SAID: &str = "events compared with DuckDB";

pub(super) fn run(context: &mut Context) -> Result<Outcome> {
    context.tools.install(Group::Oracle)?;
    let events = match std::env::var(EVENTS) {
        Ok(number) => number.parse().with_context(|| format!("{EVENTS} must be a whole number"))?,
        Err(_) => USUAL,
    };
    output::progress(format_args!(
        "{events} events, counted by workers that die and by DuckDB (some minutes; the first time \
         it compiles everything optimized, which takes longer)"
    ));
    // The profile of the bench's driver: optimized, without the link of a release.
    let mut command = process::cargo();
    command
        .args(["test", "--locked", "--profile", "driver", "--package", "millwright-usage-tracking"])
        .args(["--test", "oracle", "--", "--nocapture"])
        .env(TEST_PYTHON, context.tools.program(Group::Oracle, "python"))
        .env(EVENTS, events.to_string())
        .stderr(Stdio::piped());
    let mut running = Process::spawn("the comparison", &mut command, Duration::from_secs(10))?;
    let lines = running.take_errors().context("the test's output cannot be read")?;
    let mut compared = 0;
    for line in BufReader::new(lines).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line).into_owned();
        output::line(&line);
        if let Some((count, _)) = line.split_once(SAID) {
            compared += count.trim().parse().unwrap_or(0);
        }
    }
    if !running.wait(None)?.success() {
        bail!("the numbers differ: what the test says is above");
    }
    ensure!(compared == events, "{compared} of {events} events were compared");
    context.summary.push(format!("usage: {compared} {SAID}, no difference"));
    Ok(Outcome::Passed)
}
