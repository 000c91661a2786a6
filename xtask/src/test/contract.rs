//! Schemathesis: requests made of the API document, good and bad, against the local stack. No
//! server error, and no answer that the document does not describe.

use std::process::Command;

use anyhow::{Result, bail};

use super::{Outcome, local::with_stack};
use crate::{
    dev::Api,
    paths, process,
    tools::{Group, Tools},
};

/// What the whole run may take.
const SECONDS: u32 = 120;

const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_schema_conformance";

pub(super) fn run(tools: &Tools) -> Result<Outcome> {
    tools.install(Group::Contract)?;
    with_stack(tools, "contract", |_runtime, settings| {
        let api = Api::of(settings, "owner")?;
        let url = settings.public_url();
        let work = settings.folder.join("schemathesis");
        paths::create(&work)?;
        let mut command: Command =
            process::scrubbed(tools.program(Group::Contract, "schemathesis"));
        command
            .current_dir(&work)
            .env("HOME", &work)
            .env("PYTHONUNBUFFERED", "1")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("PYTHONPATH", paths::workspace().join("xtask/python"))
            .env("SCHEMATHESIS_HOOKS", "schemathesis_hooks")
            .args(["run", &format!("{url}/openapi.json"), "--url", &url])
            .args(["--header", &format!("Authorization: Bearer {}", api.token())])
            .args(["--checks", CHECKS])
            .args(["--phases", "examples,coverage,fuzzing"])
            .args(["--max-time", &SECONDS.to_string()])
            .args(["--request-timeout", "20", "--workers", "1"])
            .args(["--seed", "1", "--generation-database", "none", "--no-shrink"])
            .args(["--suppress-health-check", "all", "--warnings", "off"]);
        let status = process::run_visible("Schemathesis", &mut command)?;
        if !status.success() {
            bail!("the API and its document differ, see above");
        }
        Ok(())
    })?;
    Ok(Outcome::Passed)
}
