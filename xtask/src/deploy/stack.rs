//! Deploying on the emulator, and the clients of what is deployed.

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context, Result, anyhow};
use millwright_config::{Config, variable};
use millwright_identity::issuer::Issuer;
use millwright_runtime::aws::Clients;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    emulator::{ACCOUNT, Emulator},
    output, paths, process,
    tools::{Group, Tools},
};

/// Of the installation under test: as long as one may be.
pub(super) const PREFIX: &str = "millwright-tests";
const STAGE: &str = "test";
const AUDIENCE: &str = "millwright";
const REGION: &str = "us-east-1";

/// What is deployed.
pub(super) struct Installation {
    /// The emulator, which stands for every AWS service.
    pub(super) endpoint: String,
    pub(super) public_url: String,
    /// Where the emulator answers for the function URL of completions.
    pub(super) completions_url: String,
    /// Issues tokens that the deployed verifier accepts.
    pub(super) issuer: Issuer,
    /// By name without the prefix.
    pub(super) functions: BTreeMap<String, Deployed>,
}

/// A deployed function: its role, and credentials of that role.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Deployed {
    pub(super) role: String,
    pub(super) policies: Vec<String>,
    pub(super) policy: Value,
    /// Of its environment.
    pub(super) variables: BTreeMap<String, String>,
    access_key_id: String,
    secret_access_key: String,
    session_token: String,
}

#[derive(Deserialize)]
struct Answer {
    outputs: BTreeMap<String, String>,
    functions: BTreeMap<String, Deployed>,
}

impl Installation {
    /// Translates, uploads, creates the stacks and puts public keys where operators put them.
    pub(super) fn deploy(
        tools: &Tools,
        emulator: &Emulator,
        binary: &Path,
        folder: &Path,
    ) -> Result<Installation> {
        let workspace = paths::workspace();
        let mut command = process::scrubbed(tools.program(Group::Emulator, "python"));
        command
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .arg(workspace.join("xtask/python/deploy.py"))
            .args(["--endpoint", &emulator.url(), "--account", ACCOUNT])
            .arg("--infra")
            .arg(workspace.join("infra"))
            .arg("--binary")
            .arg(binary)
            .arg("--out")
            .arg(folder)
            .args([
                format!("Stage={STAGE}"),
                format!("Prefix={PREFIX}"),
                format!("Audience={AUDIENCE}"),
                "Architecture=x86_64".to_owned(),
                "AlarmEmail=operator@example.com".to_owned(),
            ]);
        output::progress("deploying on the emulator");
        let answer = process::read(&mut command).context("the templates cannot be deployed")?;
        let answer: Answer =
            serde_json::from_str(&answer).context("deploy.py printed something else")?;
        let public_url =
            answer.outputs.get("PublicUrl").context("the stack has no PublicUrl")?.clone();
        let url =
            answer.outputs.get("CompletionsUrl").context("the stack has no CompletionsUrl")?;
        let id = url.trim_start_matches("https://").split('.').next().unwrap_or_default();
        // By its own host nobody here resolves it.
        let completions_url = format!("{}/_aws/lambda-url/{id}", emulator.url());
        let issuer = Issuer::generate(format!("{public_url}/api/v1"), AUDIENCE)
            .map_err(|error| anyhow!("no signing key could be made: {error}"))?;
        let functions = answer
            .functions
            .into_iter()
            .map(|(name, deployed)| {
                let short = name.strip_prefix(PREFIX).and_then(|rest| rest.strip_prefix('-'));
                let short = short.with_context(|| format!("{name} lacks the prefix"))?;
                Ok((short.to_owned(), deployed))
            })
            .collect::<Result<_>>()?;
        Ok(Installation {
            endpoint: emulator.url(),
            public_url,
            completions_url,
            issuer,
            functions,
        })
    }

    /// Clients with all rights, as the operator has them.
    pub(super) fn operator(&self) -> Result<Clients> {
        self.operator_of("")
    }

    /// The same, for the bucket of that service.
    pub(super) fn operator_of(&self, service: &str) -> Result<Clients> {
        self.clients(ACCOUNT, "unused", "", self.bucket(service))
    }

    /// Clients with the rights of a function's role.
    pub(super) fn acting_as(&self, service: &str, function: &str) -> Result<Clients> {
        let deployed = self.function(function)?;
        let Deployed { access_key_id, secret_access_key, session_token, .. } = deployed;
        self.clients(access_key_id, secret_access_key, session_token, self.bucket(service))
    }

    pub(super) fn function(&self, name: &str) -> Result<&Deployed> {
        self.functions.get(name).with_context(|| format!("{name} is not deployed"))
    }

    fn clients(
        &self,
        key: &str,
        secret: &str,
        session: &str,
        bucket: Option<&str>,
    ) -> Result<Clients> {
        let config = Config::from_variables(|name| {
            let value = match name {
                "MILLWRIGHT_STAGE" => STAGE,
                "MILLWRIGHT_PREFIX" => PREFIX,
                "MILLWRIGHT_PUBLIC_URL" => &self.public_url,
                "AWS_REGION" => REGION,
                "AWS_ENDPOINT_URL" => &self.endpoint,
                "AWS_ACCESS_KEY_ID" => key,
                "AWS_SECRET_ACCESS_KEY" => secret,
                "AWS_SESSION_TOKEN" => session,
                variable::BUCKET => bucket.unwrap_or_default(),
                _ => return None,
            };
            Some(value.to_owned())
        })
        .context("the clients' configuration")?;
        Clients::new(&config).map_err(|error| anyhow!("no AWS clients: {error}"))
    }

    /// `<prefix>-<name>`.
    pub(super) fn resource(&self, name: &str) -> String {
        format!("{PREFIX}-{name}")
    }

    /// The bucket of a service, as the functions that use it are told.
    fn bucket(&self, service: &str) -> Option<&str> {
        let functions = self.functions.iter().filter(|(name, _)| name.starts_with(service));
        let mut names = functions.filter_map(|(_, one)| one.variables.get(variable::BUCKET));
        names.next().map(String::as_str)
    }

    /// The URL of a queue as the emulator has it.
    pub(super) fn queue_url(&self, name: &str) -> String {
        format!("{}/{ACCOUNT}/{PREFIX}-{name}", self.endpoint)
    }
}
