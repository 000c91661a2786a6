//! `cargo xtask test`: everything that checks this workspace.

use anyhow::Result;
use clap::Args;

/// Check everything
#[derive(Args)]
pub struct Options {}

pub fn run(_options: &Options) -> Result<()> {
    Ok(())
}
