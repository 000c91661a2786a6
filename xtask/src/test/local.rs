//! A local stack for one step: the one `cargo xtask dev` starts, on free ports, with data of its
//! own that goes with it.

use anyhow::Result;
use tokio::runtime::Runtime;

use crate::{
    dev::{self, OtherProvider, Ports, Settings, Stack},
    output, paths,
    tools::{Group, Tools},
};

/// Starts a stack, has it used, and ends it. Its logs stay if that fails.
pub(super) fn with_stack<T>(
    tools: &Tools,
    name: &str,
    used: impl FnOnce(&Runtime, &Settings) -> Result<T>,
) -> Result<T> {
    with_providers(tools, name, &[], used)
}

/// As [`with_stack`], with identity providers beside its own.
pub(super) fn with_providers<T>(
    tools: &Tools,
    name: &str,
    providers: &[OtherProvider],
    used: impl FnOnce(&Runtime, &Settings) -> Result<T>,
) -> Result<T> {
    tools.install(Group::Emulator)?;
    tools.install(Group::Identity)?;
    let program = dev::build()?;
    let folder = paths::private().join("test").join(name);
    paths::remove(&folder)?;
    let settings = Settings {
        folder: folder.clone(),
        ports: Ports::free()?,
        is_persistent: false,
        providers: providers.to_vec(),
    };
    let runtime = dev::runtime()?;
    let services = all::services();
    let outcome = dev::start(&runtime, Stack::start(&settings, tools, &services, Some(program)))
        .and_then(|stack| {
            let outcome = used(&runtime, &settings);
            drop(stack);
            outcome
        });
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    match outcome {
        Ok(value) => {
            paths::remove(&folder)?;
            Ok(value)
        }
        Err(error) => {
            output::progress(format_args!("the stack's logs: {}", folder.join("log").display()));
            Err(error)
        }
    }
}
