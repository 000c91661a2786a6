//! The function to compare with: `xtask/bench/node`, installed and bundled below `.millwright/`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{output, paths, process};

/// The files of the function; what npm installs never gets into the working tree.
const FILES: [&str; 3] = ["package.json", "package-lock.json", ".npmrc"];

/// The Node function, ready to run.
pub struct NodeFunction {
    pub node: PathBuf,
    pub version: String,
    pub bundle: PathBuf,
}

impl NodeFunction {
    /// Installs its packages, once for each lock file, and bundles it.
    pub fn prepare() -> Result<NodeFunction> {
        let node = process::find("node")
            .context("`node` was not found; install Node 20, or leave it out: --without-node")?;
        let version = process::read(Command::new(&node).arg("--version"))?;
        let major = version.trim_start_matches('v').split('.').next().unwrap_or_default();
        if major.parse::<u32>().unwrap_or_default() < 20 {
            bail!("Node 20 or newer is needed, this is {version}; or leave it out: --without-node");
        }
        let source = paths::workspace().join("xtask/bench/node");
        let folder = paths::private().join("bench/node");
        paths::create(&folder.join("src"))?;
        let is_installed = folder.join("node_modules/.package-lock.json").exists()
            && is_same(&source.join("package-lock.json"), &folder.join("package-lock.json"));
        for file in FILES {
            copy(&source.join(file), &folder.join(file))?;
        }
        let modules = fs::read_dir(source.join("src")).context("the Node function is not there")?;
        for module in modules.flatten() {
            copy(&module.path(), &folder.join("src").join(module.file_name()))?;
        }
        let log = paths::private().join("log/bench-node.log");
        if !is_installed {
            output::progress("installing the packages of the Node function (once)");
            npm("installing the Node function's packages", &folder, &["ci"], &log)?;
        }
        npm("bundling the Node function", &folder, &["run", "bundle"], &log)?;
        Ok(NodeFunction { node, version, bundle: folder.join("dist/index.cjs") })
    }
}

fn npm(doing: &str, folder: &Path, arguments: &[&str], log: &Path) -> Result<()> {
    let mut command = Command::new("npm");
    process::run_logged(doing, command.args(arguments).current_dir(folder), log)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let copied = fs::copy(from, to);
    copied.map(drop).with_context(|| format!("{} cannot be copied", from.display()))
}

fn is_same(a: &Path, b: &Path) -> bool {
    matches!((fs::read(a), fs::read(b)), (Ok(a), Ok(b)) if a == b)
}
