//! Exports of the local stack, read by python-dotenv and npm's dotenv; and logs and tables, searched
//! by detect-secrets for what must not be there.

use std::{
    fs::{self, File},
    io::{BufWriter, Write as _},
    path::Path,
};

use anyhow::{Context as _, Result, anyhow, ensure};
use aws_sdk_dynamodb::{error::DisplayErrorContext, types::AttributeValue};
use millwright_runtime::aws::Clients;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::secrets::judged;
use crate::{
    dev::{Api, Settings},
    node::NodeProgram,
    output, paths, process,
    tools::Tools,
};

const SCRIPT: &str = "secret_files.py";

/// Files are read by others as they were written; of marked values nothing is anywhere.
pub(super) fn check(tools: &Tools, runtime: &Runtime, settings: &Settings) -> Result<()> {
    let folder = settings.folder.join("files");
    let dumps = settings.folder.join("tables");
    paths::create(&folder)?;
    paths::create(&dumps)?;
    let url = format!("{}/api/v1/secrets", settings.public_url());
    let folder_text = folder.to_string_lossy().into_owned();
    let base = ["--url", &url, "--folder", &folder_text];
    let token = json!(Api::of(settings, "owner")?.token()).to_string();
    let answer = judged(tools, SCRIPT, &base, &token)?;
    output::progress(format_args!(
        "python-dotenv reads exports as they were: {} expectations",
        answer["met"]
    ));
    by_npm(&folder)?;
    runtime.block_on(dump(settings, &dumps))?;
    let log = settings.log("any");
    let logs = log.parent().context("no logs")?.to_string_lossy().into_owned();
    let dumps = dumps.to_string_lossy().into_owned();
    let looking = ["--look", "--logs", &logs, "--dumps", &dumps];
    let answer = judged(tools, SCRIPT, &[&base[..], &looking].concat(), "")?;
    output::progress(format_args!(
        "detect-secrets finds no marked value in logs, tables and lists: {} expectations",
        answer["met"]
    ));
    Ok(())
}

fn by_npm(folder: &Path) -> Result<()> {
    let program = match NodeProgram::prepare("dotenv") {
        Ok(Some(program)) => program,
        Ok(None) => {
            output::progress("without Node 20 and npm, npm's dotenv was not asked");
            return Ok(());
        }
        Err(error) => {
            output::progress(format_args!("npm's dotenv was not asked: {error:#}"));
            return Ok(());
        }
    };
    let mut node = process::scrubbed(&program.node);
    node.arg(program.folder.join("src/index.mjs"));
    node.args([folder.join("exported.env"), folder.join("expected.json")]);
    let printed = process::read(&mut node)?;
    let answer: Value = serde_json::from_str(&printed).context("dotenv printed no JSON")?;
    output::progress(format_args!("npm's dotenv reads the same {} values", answer["read"]));
    Ok(())
}

/// All tables, with outboxes, idempotency records and what consumers keep: texts and bytes as they are.
async fn dump(settings: &Settings, folder: &Path) -> Result<()> {
    let config = settings.config()?;
    let clients = Clients::new(&config).map_err(|error| anyhow!("no AWS clients: {error}"))?;
    let client = clients.dynamodb()?;
    for service in all::services().iter().filter(|service| service.table.is_some()) {
        let place = folder.join(format!("{}.txt", service.name));
        let mut file = BufWriter::new(File::create(&place)?);
        let mut from = None;
        loop {
            let scan = client.scan().table_name(config.resource(service.name));
            let page = scan.set_exclusive_start_key(from).send().await;
            let page = page.map_err(|error| anyhow!("{}", DisplayErrorContext(error)))?;
            for item in page.items() {
                for (name, value) in item {
                    write!(file, "{name}: ")?;
                    write_value(&mut file, value)?;
                    writeln!(file)?;
                }
            }
            from = page.last_evaluated_key;
            if from.is_none() {
                break;
            }
        }
        file.flush()?;
    }
    ensure!(fs::read_dir(folder)?.next().is_some(), "there are no tables");
    Ok(())
}

fn write_value(file: &mut impl std::io::Write, value: &AttributeValue) -> Result<()> {
    match value {
        AttributeValue::S(text) | AttributeValue::N(text) => file.write_all(text.as_bytes())?,
        AttributeValue::B(bytes) => file.write_all(bytes.as_ref())?,
        AttributeValue::L(values) => {
            for value in values {
                write_value(file, value)?;
                file.write_all(b" ")?;
            }
        }
        AttributeValue::M(members) => {
            for (name, value) in members {
                write!(file, "{name}: ")?;
                write_value(file, value)?;
                file.write_all(b" ")?;
            }
        }
        other => write!(file, "{other:?}")?,
    }
    Ok(())
}
