//! Small Node programs of ours, in `xtask/node`: packages are installed below `.millwright/node/`,
//! once for each lock file, and never get into the working tree.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::{output, paths, process};

const LOCK: &str = "package-lock.json";

/// A program with its packages, ready to run.
pub struct NodeProgram {
    pub node: PathBuf,
    /// As Node says it, e.g. `v20.19.5`.
    pub version: String,
    pub folder: PathBuf,
    name: &'static str,
}

impl NodeProgram {
    /// The program in `xtask/node/<name>`; none where there is no Node 20 or newer with npm.
    ///
    /// # Errors
    /// If the packages cannot be installed.
    pub fn prepare(name: &'static str) -> Result<Option<NodeProgram>> {
        let (Some(node), Some(_)) = (process::find("node"), process::find("npm")) else {
            return Ok(None);
        };
        let version = process::read(Command::new(&node).arg("--version"))?;
        let major = version.trim_start_matches('v').split('.').next().unwrap_or_default();
        if major.parse::<u32>().unwrap_or_default() < 20 {
            return Ok(None);
        }
        let source = paths::workspace().join("xtask/node").join(name);
        let folder = paths::private().join("node").join(name);
        paths::create(&folder.join("src"))?;
        let is_installed = folder.join("node_modules/.package-lock.json").exists()
            && is_same(&source.join(LOCK), &folder.join(LOCK));
        for file in ["package.json", LOCK, ".npmrc"] {
            copy(&source.join(file), &folder.join(file))?;
        }
        let modules = fs::read_dir(source.join("src")).context("the program is not there")?;
        for module in modules.flatten() {
            copy(&module.path(), &folder.join("src").join(module.file_name()))?;
        }
        let program = NodeProgram { node, version, folder, name };
        if !is_installed {
            output::progress(format_args!(
                "installing the packages of the Node program {name} (once)"
            ));
            program.npm("installing the packages", &["ci"])?;
        }
        Ok(Some(program))
    }

    /// Runs npm in the folder of the program.
    pub fn npm(&self, doing: &str, arguments: &[&str]) -> Result<()> {
        let log = paths::private().join(format!("log/node-{}.log", self.name));
        let mut command = Command::new("npm");
        process::run_logged(doing, command.args(arguments).current_dir(&self.folder), &log)
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let copied = fs::copy(from, to);
    copied.map(drop).with_context(|| format!("{} cannot be copied", from.display()))
}

fn is_same(a: &Path, b: &Path) -> bool {
    matches!((fs::read(a), fs::read(b)), (Ok(a), Ok(b)) if a == b)
}
