//! The driver program: built once in a profile of its own, then one process for each stage.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command as Program, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use millwright_bench_driver::{Addresses, Command};

use crate::process::{self, Process};

/// Longer than any measurement.
const TIMEOUT: Duration = Duration::from_secs(900);

/// A binary of a package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    pub package: String,
    pub binary: &'static str,
}

/// Builds binaries in a profile, all at once, so that each crate below them is compiled once, with
/// the features that all of them want together, as in a deployment; the folder they are in.
pub fn build(targets: &BTreeSet<Target>, profile: &str) -> Result<PathBuf> {
    // <target>/debug/xtask: beside its folder, whatever the target folder is called.
    let own = std::env::current_exe().context("the place of this program is unknown")?;
    let target = own.parent().and_then(Path::parent).context("this program is in no target")?;
    let mut cargo = process::cargo();
    cargo.args(["build", "--locked", "--profile", profile, "--target-dir"]).arg(target);
    for Target { package, binary } in targets {
        cargo.args(["--package", package, "--bin", binary]);
    }
    let status = process::run_visible("cargo build", &mut cargo)?;
    if !status.success() {
        bail!("not everything builds; what the compiler says is above");
    }
    Ok(target.join(profile))
}

/// A running driver with an empty DynamoDB; ends with the value, and its functions with it.
pub struct Driver {
    _process: Process,
    client: reqwest::Client,
    pub addresses: Addresses,
}

impl Driver {
    pub fn start(program: &Path) -> Result<Driver> {
        let mut command = Program::new(program);
        command.stdout(Stdio::piped());
        let mut process = Process::spawn("the driver", &mut command, Duration::from_secs(1))?;
        let output = process.take_output().context("the driver's output cannot be read")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).context("the driver says nothing")?;
        let addresses = serde_json::from_str(&line).context("the driver did not start")?;
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(TIMEOUT)
            .build()
            .context("no HTTP client")?;
        Ok(Driver { _process: process, client, addresses })
    }

    /// Does one thing, and what came of it.
    pub async fn run<C: Command>(&self, command: &C) -> Result<C::Answer> {
        let url = format!("{}{}", self.addresses.control, C::PATH);
        let answer = self.client.post(url).json(command).send().await;
        let answer = answer.with_context(|| format!("the driver breaks off at {}", C::PATH))?;
        let is_success = answer.status().is_success();
        let text = answer.text().await.context("the driver's answer broke off")?;
        if !is_success {
            bail!("{text}");
        }
        serde_json::from_str(&text).with_context(|| format!("the driver answered {text}"))
    }
}
