//! `infra/template.yaml` is written by hand; this holds it against the services it must deploy.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use anyhow::{Context, Result, bail};
use millwright_manifest::{Right, Service};
use saphyr::{LoadableYamlNode, Yaml};

use super::output::Output;

pub(super) const FILE: &str = "infra/template.yaml";

/// Every service is a nested stack, none other is, each is given exactly the parameters its
/// template declares, and every secret that a function reads is there.
pub(super) fn check(workspace: &Path, services: &[Service], output: &Output) -> Result<()> {
    let text = fs::read_to_string(workspace.join(FILE)).context("infra/template.yaml")?;
    let given = nested(&parse(&text).context(FILE)?);
    let mut faults = Vec::new();
    for (name, template) in output.within("infra/services") {
        let template = parse(template).with_context(|| format!("infra/services/{name}"))?;
        let declared = keys(member(&template, "Parameters"));
        match given.get(&format!("services/{name}")) {
            None => {
                faults.push(format!("it has no AWS::Serverless::Application for services/{name}"))
            }
            Some(passed) => {
                let missing = declared.difference(passed);
                faults.extend(missing.map(|one| format!("services/{name} is not given {one}")));
                let unknown = passed.difference(&declared);
                faults.extend(unknown.map(|one| format!("services/{name} has no parameter {one}")));
            }
        }
    }
    let known: BTreeSet<String> =
        output.within("infra/services").map(|(name, _)| format!("services/{name}")).collect();
    let gone = given.keys().filter(|location| !known.contains(*location));
    faults.extend(gone.map(|location| format!("{location} does not exist")));
    for secret in secrets(services) {
        let line = format!("Name: !Sub ${{Prefix}}/{secret}");
        if !text.lines().any(|present| present.trim() == line) {
            faults.push(format!("it has no secret with `{line}`, which functions read"));
        }
    }
    if !faults.is_empty() {
        bail!(
            "{FILE}, which is written by hand, does not fit the services:\n  {}",
            faults.join("\n  ")
        );
    }
    Ok(())
}

/// The names without the prefix.
fn secrets(services: &[Service]) -> BTreeSet<&'static str> {
    let functions = services.iter().flat_map(|service| &service.functions);
    functions
        .flat_map(|function| function.single_rights())
        .filter_map(|right| match right {
            // Those of a folder come and go.
            Right::ReadSecret(name) | Right::RotateSecret(name) if !name.ends_with('*') => {
                Some(name)
            }
            _ => None,
        })
        .collect()
}

/// The parameters given to nested stacks, by location.
fn nested(root: &Yaml<'_>) -> BTreeMap<String, BTreeSet<String>> {
    let resources = member(root, "Resources").and_then(Yaml::as_mapping);
    resources
        .into_iter()
        .flat_map(|resources| resources.values())
        .filter(|resource| {
            member(resource, "Type").and_then(Yaml::as_str) == Some("AWS::Serverless::Application")
        })
        .filter_map(|resource| {
            let properties = member(resource, "Properties")?;
            let location = member(properties, "Location")?.as_str()?.to_owned();
            Some((location, keys(member(properties, "Parameters"))))
        })
        .collect()
}

fn parse(text: &str) -> Result<Yaml<'_>> {
    Yaml::load_from_str(text)?.into_iter().next().context("it is empty")
}

fn member<'a>(value: &'a Yaml<'a>, name: &str) -> Option<&'a Yaml<'a>> {
    value.as_mapping_get(name)
}

fn keys(mapping: Option<&Yaml<'_>>) -> BTreeSet<String> {
    mapping
        .and_then(Yaml::as_mapping)
        .into_iter()
        .flat_map(|mapping| mapping.keys())
        .filter_map(|key| key.as_str().map(str::to_owned))
        .collect()
}
