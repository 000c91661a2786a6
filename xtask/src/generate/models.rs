//! The catalogue of models: the data of genai-prices, renewed when somebody asks for it and not by
//! every `gen`, for it needs a package that is not of this workspace.

use std::process::Command;

use anyhow::{Context, Result};

use crate::{
    output, paths, process,
    tools::{Group, Tools},
};

const FILE: &str = "shared/model/data/catalogue.tsv";

/// Writes the catalogue with the prices of a day.
pub(super) fn renew(day: &str) -> Result<()> {
    let tools = Tools::of_workspace();
    tools.install(Group::Models)?;
    paths::replace(&paths::workspace().join(FILE), catalogue(&tools, day)?)?;
    output::progress(format_args!("wrote {FILE}"));
    Ok(())
}

/// The text of the catalogue.
pub fn catalogue(tools: &Tools, day: &str) -> Result<String> {
    let script = paths::workspace().join("xtask/python/model_catalogue.py");
    let mut python = Command::new(tools.program(Group::Models, "python"));
    python.arg(script).args(["--date", day]);
    let text = process::read(&mut python).context("the catalogue cannot be made")?;
    Ok(text + "\n")
}
