//! `cargo xtask new-service`: a service that builds, is guarded, deploys and answers, to be filled.

mod files;
mod names;
mod register;
mod taken;

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result, anyhow, bail};
use millwright_manifest::Service;

use self::names::Names;
use crate::{output, paths, process};

/// Begin a service
///
/// Writes functions/<NAME> with one noun that can be created, listed, read, changed and deleted,
/// registers it with the other services, and generates what follows. It builds, is guarded,
/// deploys and answers as it stands; docs/ADDING-A-SERVICE.md says what to decide next.
///
///   cargo xtask new-service notes --noun note --summary "What a team writes down"
///
/// Changes nothing if a word is malformed or taken.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Options {
    /// Crate folder, table and functions are called so, for ever; kebab-case
    pub name: String,
    /// What the service keeps, in the singular; kebab-case
    #[arg(long)]
    pub noun: String,
    /// If it is not the noun with an s
    #[arg(long)]
    pub plural: Option<String>,
    /// First path segment below /api/v1, if it is not the name
    #[arg(long)]
    pub base: Option<String>,
    /// First part of permissions and event types, if it is not the base
    #[arg(long)]
    pub module: Option<String>,
    /// What ids of the noun begin with, for ever; 2-8 letters, made of the noun if not given
    #[arg(long)]
    pub prefix: Option<String>,
    /// One line for README, templates and API document, without a full stop
    #[arg(long)]
    pub summary: Option<String>,
}

/// A file of the workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    pub path: String,
    pub text: String,
}

/// What a new service changes in the workspace. Nothing is written before all of it is known.
#[derive(Debug)]
pub struct Plan {
    names: Names,
    pub created: Vec<File>,
    pub edited: Vec<File>,
}

impl Plan {
    /// # Errors
    /// Tells every word that is malformed or taken.
    pub fn of(workspace: &Path, services: &[Service], options: &Options) -> Result<Plan> {
        let names = Names::of(options)?;
        taken::check(workspace, services, &names)?;
        let created = files::rendered(workspace, &names)?;
        if let Some(file) = created.iter().find(|file| workspace.join(&file.path).exists()) {
            bail!("{} exists", file.path);
        }
        Ok(Plan { created, edited: register::edited(workspace, &names)?, names })
    }

    /// Writes everything; if that fails, what was there before is there again.
    fn write(&self, workspace: &Path) -> Result<()> {
        let before: BTreeMap<&str, String> = self
            .edited
            .iter()
            .map(|file| Ok((file.path.as_str(), register::read(workspace, &file.path)?)))
            .collect::<Result<_>>()?;
        let written = self.created.iter().chain(&self.edited).try_for_each(|file| {
            let path = workspace.join(&file.path);
            path.parent().map_or(Ok(()), paths::create)?;
            paths::replace(&path, &file.text)
        });
        let Err(error) = written else { return Ok(()) };
        for file in &self.created {
            let _ = fs::remove_file(workspace.join(&file.path));
        }
        let _ = paths::remove(&workspace.join("functions").join(&self.names.name));
        for (path, text) in before {
            paths::replace(&workspace.join(path), text)
                .with_context(|| format!("{error:#}; then {path} could not be put back"))?;
        }
        Err(error)
    }
}

pub fn run(options: &Options) -> Result<()> {
    let workspace = paths::workspace();
    let plan = Plan::of(&workspace, &all::services(), options)
        .map_err(|error| anyhow!("nothing was changed. What stands in the way:\n  {error:#}"))?;
    plan.write(&workspace)?;
    let name = &plan.names.name;
    output::progress(format_args!("wrote functions/{name} and its fixture for the guards"));
    for file in &plan.edited {
        output::progress(format_args!("registered it in {}", file.path));
    }
    // Another process, since this one does not know the new manifest.
    let generating = process::run_visible(
        "cargo xtask gen",
        process::cargo().args(["run", "--quiet", "--package", "xtask", "--", "gen"]),
    )?;
    if !generating.success() {
        bail!(
            "the service is written, but `cargo xtask gen` failed, see above: mend it, run it again"
        );
    }
    output::line(next_steps(&plan.names));
    Ok(())
}

fn next_steps(names: &Names) -> String {
    let Names { name, base, noun, .. } = names;
    format!(
        "\n{name} is there: GET /api/v1/{base}/health. Next (docs/ADDING-A-SERVICE.md says more):\n  \
         1. decide what it is about: src/domain.rs, then src/store.rs, src/{noun}.rs and src/api.rs\n  \
         2. decide who may do it and what is said of it: src/permissions.rs, src/events.rs\n  \
         3. cargo xtask gen, after every change of these\n  \
         4. cargo test -p millwright-{name} && cargo test -p millwright-all --test guards\n  \
         5. cargo xtask dev, and say so in CHANGELOG.md, README.md and docs/EVENTS.md"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(name: &str, noun: &str) -> Result<Plan> {
        let options =
            Options { name: name.to_owned(), noun: noun.to_owned(), ..Options::default() };
        Plan::of(&paths::workspace(), &all::services(), &options)
    }

    /// Whatever the length of the names, the files are Rust, formatted, and complete.
    #[test]
    fn every_file_is_rendered_and_formatted() {
        let workspace = paths::workspace();
        for (name, noun) in [("v-2", "ox"), ("toy-shelf-of-the-house", "very-long-experiment")] {
            let options = Options {
                name: name.to_owned(),
                noun: noun.to_owned(),
                prefix: Some("toy".to_owned()),
                module: Some("toys".to_owned()),
                ..Options::default()
            };
            let plan = Plan::of(&workspace, &all::services(), &options).expect("a plan");
            assert_eq!((plan.created.len(), plan.edited.len()), (15, 4));
            for File { path, text } in plan.created.iter().chain(&plan.edited) {
                assert!(!text.contains("{{ ") && !text.contains(" }}"), "{path}: {text}");
                if path.ends_with(".rs") {
                    let formatted =
                        crate::rustfmt::formatted(&workspace, path, text).expect("Rust");
                    assert_eq!(formatted, *text, "{path}");
                }
                // A comment is not wrapped by rustfmt.
                let longest = text.lines().map(|line| line.chars().count()).max();
                assert!(longest <= Some(130), "{path}: {longest:?}");
            }
            let manifest = &plan.created[0];
            assert!(manifest.text.parse::<toml_edit::DocumentMut>().is_ok(), "{}", manifest.text);
        }
    }

    #[test]
    fn what_exists_is_refused_and_nothing_changes() {
        let told = plan("planning", "note").expect_err("it exists").to_string();
        assert!(told.contains("functions/planning exists"), "{told}");
    }

    #[test]
    fn a_failure_to_write_leaves_what_was_there() {
        let workspace = tempfile::tempdir().expect("a folder");
        let mut plan = plan("toy-shelf", "toy").expect("a plan");
        for file in &plan.edited {
            let path = workspace.path().join(&file.path);
            paths::create(path.parent().expect("a folder")).expect("made");
            fs::write(path, "as it was").expect("written");
        }
        // A folder stands where a file should be.
        plan.created.push(File { path: "functions/all".to_owned(), text: String::new() });
        plan.write(workspace.path()).expect_err("it cannot");
        assert!(!workspace.path().join("functions/toy-shelf").exists());
        for file in &plan.edited {
            let text = fs::read_to_string(workspace.path().join(&file.path)).expect("there");
            assert_eq!(text, "as it was", "{}", file.path);
        }
    }
}
