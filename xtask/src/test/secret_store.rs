//! The backend in the secret store, over the local stack and the emulator's Secrets Manager.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context as _, Result, anyhow, ensure};
use aws_sdk_secretsmanager::{Client, error::DisplayErrorContext};
use millwright_runtime::aws::Clients;
use serde_json::{Value, json};
use tokio::{
    runtime::Runtime,
    time::{Instant, sleep},
};

use crate::{
    dev::{Api, Settings},
    keys, output,
};

/// Messages and jobs take a moment.
const WITHIN: Duration = Duration::from_secs(60);

pub(super) fn check(runtime: &Runtime, settings: &Settings) -> Result<()> {
    runtime.block_on(there_and_back(settings))
}

async fn there_and_back(settings: &Settings) -> Result<()> {
    let config = settings.config()?;
    let clients = Clients::new(&config).map_err(|error| anyhow!("no AWS clients: {error}"))?;
    let store = clients.secretsmanager()?;
    let owner = Api::of(settings, "owner")?;
    let backends = json!({ "allowedBackends": ["internal", "aws_secrets_manager"] });
    owner.patch("/secrets/settings", &backends).await?;
    let body = json!({
        "name": "store/k", "type": "api_key", "scope": "organization", "value": { "key": "v1" },
        "backend": "aws_secrets_manager",
    });
    let made = owner.post("/secrets", &body, None).await?;
    let id = made["id"].as_str().context("no id")?;
    let name = config.secret(&format!("{}/{id}", keys::demo_organization()));
    let path = format!("/secrets/{id}");
    let versions = format!("{path}/versions");
    for key in ["v2", "v3"] {
        owner.post(&versions, &json!({ "value": { "key": key } }), None).await?;
    }
    let wanted = [("AWSCURRENT", "v3"), ("v1", "v1"), ("v2", "v2"), ("v3", "v3")];
    soon("the store knows which is current", async || {
        let there = labelled(&store, &name).await?;
        Ok(wanted.iter().all(|(label, key)| {
            let wanted = json!({ "key": key }).to_string();
            there.get(*label) == Some(&wanted)
        }))
    })
    .await?;
    check_values(&owner, &path, &["v1", "v2", "v3"]).await?;
    let references = json!({ "references": ["store/k", "store/k@previous", "store/k#key@1"] });
    let resolved = owner.post("/secrets/resolve", &references, None).await?;
    let values: Vec<&Value> =
        resolved["results"].as_array().context("no results")?.iter().map(|r| &r["value"]).collect();
    ensure!(
        values == [&json!({ "key": "v3" }), &json!({ "key": "v2" }), &json!("v1")],
        "other values: {resolved}"
    );
    move_to(&owner, &path, "internal").await?;
    check_values(&owner, &path, &["v1", "v2", "v3"]).await?;
    ensure!(labelled(&store, &name).await?.is_empty(), "something stayed in the store");
    move_to(&owner, &path, "aws_secrets_manager").await?;
    check_values(&owner, &path, &["v1", "v2", "v3"]).await?;
    owner.post(&format!("{path}/versions/1/destroy"), &json!({}), None).await?;
    soon("a destroyed version loses its label", async || {
        let there = labelled(&store, &name).await?;
        Ok(there.len() >= 2 && !there.contains_key("v1"))
    })
    .await?;
    output::progress("values are kept in Secrets Manager, and move there and back");
    Ok(())
}

async fn check_values(owner: &Api, path: &str, keys: &[&str]) -> Result<()> {
    for (number, key) in (1..).zip(keys) {
        let which = json!({ "version": number });
        let revealed = owner.post(&format!("{path}/reveal"), &which, None).await?;
        ensure!(revealed["value"]["key"] == *key, "version {number} is {revealed}");
    }
    Ok(())
}

async fn move_to(owner: &Api, path: &str, backend: &str) -> Result<()> {
    let migrate = format!("{path}/migrate");
    let job = owner.post(&migrate, &json!({ "backend": backend }), None).await?;
    let job = format!("/secrets/jobs/{}", job["id"].as_str().context("no job")?);
    soon("the job is done", async || {
        let job = owner.get(&job).await?.context("no job")?;
        ensure!(job["problem"].is_null(), "the job failed: {job}");
        Ok(job["state"] == "completed")
    })
    .await?;
    let secret = owner.get(path).await?.context("no secret")?;
    ensure!(secret["backend"] == backend, "it is elsewhere: {secret}");
    Ok(())
}

async fn soon(what: &str, holds: impl AsyncFn() -> Result<bool>) -> Result<()> {
    let started = Instant::now();
    while !holds().await? {
        ensure!(started.elapsed() < WITHIN, "not so: {what}");
        sleep(Duration::from_millis(300)).await;
    }
    Ok(())
}

/// Texts by their labels, as the store has them; nothing if the secret is not there.
async fn labelled(store: &Client, name: &str) -> Result<BTreeMap<String, String>> {
    let described = match store.describe_secret().secret_id(name).send().await {
        Ok(described) => described,
        Err(error)
            if error
                .as_service_error()
                .is_some_and(|error| error.is_resource_not_found_exception()) =>
        {
            return Ok(BTreeMap::new());
        }
        Err(error) => return Err(anyhow!("{}", DisplayErrorContext(error))),
    };
    let mut texts = BTreeMap::new();
    for (version, labels) in described.version_ids_to_stages.unwrap_or_default() {
        let read = store.get_secret_value().secret_id(name).version_id(version).send().await;
        let read = read.map_err(|error| anyhow!("{}", DisplayErrorContext(error)))?;
        let text = read.secret_string.unwrap_or_default();
        texts.extend(labels.into_iter().map(|label| (label, text.clone())));
    }
    Ok(texts)
}
