//! The templates of `infra/` as their linters see them.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result, bail};

use crate::{
    output, paths, process,
    tools::{Group, Tools},
};

/// The linters look resources up per region: the cheapest one and a European one.
const REGIONS: [&str; 2] = ["us-east-1", "eu-central-1"];

/// `cfn-lint` over all templates at once, then `sam validate --lint` on each; needs [`Group::Lint`].
pub fn lint(tools: &Tools) -> Result<()> {
    let templates = templates()?;
    // Neither may read the developer's AWS profile or write into the home folder.
    let home = paths::private().join("lint-home");
    paths::create(&home)?;
    let linter = |name: &str| {
        let mut command = process::scrubbed(tools.program(Group::Lint, name));
        command
            .env("HOME", &home)
            .env("AWS_DEFAULT_REGION", REGIONS[0])
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("SAM_CLI_TELEMETRY", "0")
            .current_dir(paths::workspace().join("infra"));
        command
    };
    output::progress(format_args!("cfn-lint: {} templates", templates.len()));
    let mut cfn_lint = linter("cfn-lint");
    cfn_lint.arg("--regions").args(REGIONS).arg("--").args(&templates);
    let status = process::run_visible("cfn-lint", &mut cfn_lint)?;
    if !status.success() {
        bail!("cfn-lint found something above");
    }
    for template in &templates {
        output::progress(format_args!("sam validate --lint: {}", template.display()));
        let mut validate = linter("sam");
        validate.args(["validate", "--lint", "--template"]).arg(template);
        process::read(&mut validate).context("sam validate")?;
    }
    Ok(())
}

/// Relative to `infra/`, the root first.
fn templates() -> Result<Vec<PathBuf>> {
    let folder = paths::workspace().join("infra/services");
    let mut services = Vec::new();
    for entry in fs::read_dir(&folder).context("infra/services cannot be listed")? {
        let name = entry.context("infra/services cannot be listed")?.file_name();
        services.push(PathBuf::from("services").join(name));
    }
    services.sort();
    services.insert(0, PathBuf::from("template.yaml"));
    Ok(services)
}
