//! The deploy test: all of `infra/` deployed on an emulator of its own, with the functions' own
//! roles in force, and used as an installation on AWS would be.
//!
//! What the emulator cannot prove (it ignores backups, throttling, leading keys and the like) is
//! asserted on the templates as CloudFormation would see them.

mod calls;
mod rights;
mod stack;
mod template;

use anyhow::{Result, bail};

use self::stack::Installation;
use crate::{
    dev,
    emulator::Emulator,
    output, paths,
    tools::{Group, Tools},
};

/// Deploys, checks, and leaves nothing running. The logs stay if a check fails.
pub fn run(tools: &Tools) -> Result<()> {
    tools.install(Group::Emulator)?;
    let binary = dev::build()?;
    let folder = paths::private().join("test/deploy");
    paths::remove(&folder)?;
    paths::create(&folder)?;
    // Declared before what uses it: the emulator and its functions end with this value.
    let emulator = Emulator::start(tools, &folder.join("emulator"), None, false)?;
    let installation = Installation::deploy(tools, &emulator, &binary, &folder)?;
    output::progress(format_args!("deployed, {} functions", installation.functions.len()));

    let faults = template::faults(&folder.join("templates"))?;
    if !faults.is_empty() {
        bail!("the templates lack what they must have:\n  {}", faults.join("\n  "));
    }
    output::progress("templates: backups, protection, throttling, narrow rights");

    let runtime = dev::runtime()?;
    let outcome = dev::start(&runtime, async {
        rights::check(&installation).await?;
        calls::check(&installation).await
    });
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    drop(emulator);
    match outcome {
        Ok(()) => paths::remove(&folder),
        Err(error) => {
            let log = folder.join("emulator/emulator.log");
            output::progress(format_args!("the emulator's log: {}", log.display()));
            Err(error)
        }
    }
}
