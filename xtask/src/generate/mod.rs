//! `cargo xtask gen`: everything that follows from the manifests of the services, as files.
//!
//! A generator turns the services into [`Output`]; this module alone writes, compares and removes.

mod catalogue;
mod cost;
mod documents;
mod events;
mod json;
mod models;
mod openapi;
mod output;
mod reference;
mod root;
mod router;
mod rules;
mod template;
mod view;

use anyhow::{Result, bail};
use millwright_manifest::Service;

use self::output::Output;
pub use self::{
    documents::{header, table},
    models::catalogue as model_catalogue,
};
use crate::{output as console, paths};

/// Writes what is derived from the services' manifests: templates, API document, event catalogue,
/// watch router, permission matrix, idle cost.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Write nothing; fail naming each file that is out of date
    #[arg(long)]
    check: bool,
    /// Renew the catalogue of models too, of the pinned release of genai-prices and with the prices
    /// of this day; needs the package index once
    #[arg(long, value_name = "YYYY-MM-DD", conflicts_with = "check")]
    models: Option<String>,
}

pub fn run(options: &Options) -> Result<()> {
    if let Some(day) = &options.models {
        models::renew(day)?;
    }
    let services = all::services();
    let (output, cost) = generate(&services)?;
    let workspace = paths::workspace();
    if options.check {
        let stale = output.stale(&workspace)?;
        if !stale.is_empty() {
            bail!("out of date, run `cargo xtask gen`:\n  {}", stale.join("\n  "));
        }
        console::progress("generated files are up to date");
    } else {
        for change in output.write(&workspace)? {
            console::progress(change);
        }
        console::progress(format_args!("an idle installation costs {cost} a month"));
    }
    // Last, so that the files a new service needs are there when the root is found wanting.
    root::check(&workspace, &services, &output)
}

/// All generated files, and the monthly idle cost.
fn generate(services: &[Service]) -> Result<(Output, String)> {
    let workspace = paths::workspace();
    rules::check(services)?;
    let mut output = Output::default();
    template::generate(services, &mut output)?;
    openapi::generate(services, &mut output)?;
    reference::generate(services, &mut output)?;
    events::generate(services, &mut output)?;
    router::generate(services, &workspace, &mut output)?;
    documents::generate(services, &mut output)?;
    catalogue::generate(services, &mut output)?;
    let cost = cost::generate(services, &workspace, &mut output)?;
    Ok((output, cost))
}
