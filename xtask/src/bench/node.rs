//! The function to compare with: `xtask/node/bench`, bundled.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::node::NodeProgram;

/// The Node function, ready to run.
pub struct NodeFunction {
    pub node: PathBuf,
    pub version: String,
    pub bundle: PathBuf,
}

impl NodeFunction {
    /// Installs its packages, once for each lock file, and bundles it.
    pub fn prepare() -> Result<NodeFunction> {
        let program = NodeProgram::prepare("bench")?.context(
            "Node 20 or newer with npm was not found; install it, or leave it out: --without-node",
        )?;
        program.npm("bundling the Node function", &["run", "bundle"])?;
        let bundle = program.folder.join("dist/index.cjs");
        Ok(NodeFunction { node: program.node, version: program.version, bundle })
    }
}
