//! Whether the words of a new service are free.

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::{Context, Result, bail};
use millwright_manifest::Service;
use toml_edit::DocumentMut;

use super::{files, names::Names, register};

/// Words of Rust, and crates that are always there.
const WORDS_OF_RUST: [&str; 57] = [
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "const",
    "continue",
    "core",
    "crate",
    "do",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "proc_macro",
    "pub",
    "ref",
    "return",
    "self",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "union",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "where",
    "while",
    "yield",
];

/// # Errors
/// Lists everything that is taken at once.
pub(super) fn check(workspace: &Path, services: &[Service], names: &Names) -> Result<()> {
    let Names { name, library, base, module, noun, prefix, .. } = names;
    let folder = format!("functions/{name}");
    if workspace.join(&folder).exists() {
        bail!("{folder} exists");
    }
    let mut faults = Vec::new();
    let mut unless = |free: bool, fault: String| {
        if !free {
            faults.push(fault);
        }
    };
    let package = format!("millwright-{name}");
    unless(
        !workspace.join("shared").join(name).exists(),
        format!("the crate {package} exists, in shared/{name}"),
    );
    let functions = || services.iter().flat_map(|service| &service.functions);
    let has_name = services.iter().any(|service| service.name == name)
        || functions().any(|function| function.name == name);
    unless(!has_name, format!("a service or function called {name} exists"));
    let owner = services.iter().find(|service| service.bases.contains(&base.as_str()));
    if let Some(owner) = owner {
        unless(false, format!("the base {base} is that of {}: give --base", owner.name));
    }
    let mut modules = services.iter().filter(|service| {
        let permissions = service.permissions.iter().map(|permission| permission.module());
        let events = service.events.iter().filter_map(|event| event.name.split('.').next());
        permissions.chain(events).any(|taken| taken == module)
    });
    if let Some(owner) = modules.next() {
        unless(false, format!("the module {module} is that of {}: give --module", owner.name));
    }
    let prefixes = prefixes_of_ids(workspace)?;
    unless(
        !prefixes.contains(prefix.as_str()),
        format!("ids that begin with {prefix}_ exist: give --prefix"),
    );
    let crates = crates(workspace)?;
    for (what, word) in [("name", library), ("noun", noun)] {
        unless(
            !WORDS_OF_RUST.contains(&word.as_str()) && !crates.contains(word.as_str()),
            format!("the {what} {word} is a word of Rust or a crate the workspace uses"),
        );
    }
    unless(
        !files::module_names().any(|module| module == noun),
        format!("the noun {noun} is the name of another file of every service"),
    );
    let used = files::type_names();
    let types = names.types()?;
    for name in types.intersection(&used) {
        unless(false, format!("{name} is a type the generated code uses: take another word"));
    }
    let template = register::read(workspace, register::TEMPLATE)?;
    unless(
        !template.lines().any(|line| line == format!("  {}:", names.state)),
        format!("{} has a resource or parameter called {}", register::TEMPLATE, names.state),
    );
    if !faults.is_empty() {
        bail!("{}", faults.join("\n  "));
    }
    Ok(())
}

/// Crates by the name Rust code has for them.
fn crates(workspace: &Path) -> Result<BTreeSet<String>> {
    let manifest: DocumentMut =
        register::read(workspace, "Cargo.toml")?.parse().context("Cargo.toml")?;
    let dependencies = manifest["workspace"]["dependencies"].as_table();
    let dependencies = dependencies.context("Cargo.toml has no workspace.dependencies")?;
    let ours = ["all", "xtask"].map(str::to_owned);
    Ok(dependencies.iter().map(|(name, _)| name.replace('-', "_")).chain(ours).collect())
}

/// What stands in the `id!` macros of all crates: `Alias = Noun("prefix");`.
pub(super) fn prefixes_of_ids(workspace: &Path) -> Result<BTreeSet<String>> {
    let mut prefixes = BTreeSet::new();
    for folder in ["functions", "shared"] {
        collect_prefixes(&workspace.join(folder), &mut prefixes)?;
    }
    Ok(prefixes)
}

fn collect_prefixes(folder: &Path, prefixes: &mut BTreeSet<String>) -> Result<()> {
    let entries = fs::read_dir(folder);
    for entry in entries.with_context(|| format!("{} cannot be listed", folder.display()))? {
        let path = entry.context("a folder cannot be listed")?.path();
        if path.is_dir() {
            collect_prefixes(&path, prefixes)?;
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            let text = fs::read_to_string(&path)
                .with_context(|| format!("{} cannot be read", path.display()))?;
            prefixes.extend(text.lines().filter_map(prefix_in).map(str::to_owned));
        }
    }
    Ok(())
}

fn prefix_in(line: &str) -> Option<&str> {
    let (alias, noun) = line.trim().strip_suffix("\");")?.split_once(" = ")?;
    let (noun, prefix) = noun.split_once("(\"")?;
    let is_word = |word: &str| word.chars().all(|c| c.is_ascii_alphanumeric());
    (is_word(alias) && is_word(noun)).then_some(prefix)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::new_service::Options;

    fn refused(name: &str, noun: &str, change: impl FnOnce(&mut Options)) -> String {
        let mut options =
            Options { name: name.to_owned(), noun: noun.to_owned(), ..Options::default() };
        change(&mut options);
        let names = Names::of(&options).expect("well-formed");
        let told = check(&crate::paths::workspace(), &all::services(), &names);
        told.map_or_else(|error| error.to_string(), |()| String::new())
    }

    #[test]
    fn what_is_free_can_be_had() {
        assert_eq!(refused("toy-shelf", "toy", |_| {}), "");
    }

    #[test]
    fn what_is_taken_cannot() {
        assert_eq!(refused("planning", "toy", |_| {}), "functions/planning exists");
        let base = refused("toys", "toy", |options| options.base = Some("planning".to_owned()));
        for part in ["base planning is that of planning", "module planning is that of planning"] {
            assert!(base.contains(part), "{part}: {base}");
        }
        assert!(refused("planning-api", "toy", |_| {}).contains("function called planning-api"));
        let prefix = refused("toys", "toy", |options| options.prefix = Some("task".to_owned()));
        assert!(prefix.contains("task_ exist: give --prefix"), "{prefix}");
        assert!(refused("store", "toy", |_| {}).contains("shared/store"));
        assert!(refused("domain", "toy", |_| {}).contains("infra/template.yaml has a resource"));
        assert!(refused("serde", "toy", |_| {}).contains("a crate the workspace uses"));
        assert!(refused("toys", "value", |_| {}).contains("Value is a type"));
        assert!(refused("toys", "store", |_| {}).contains("another file of every service"));
        assert!(refused("toys", "loop", |_| {}).contains("a word of Rust"));
    }

    #[test]
    fn prefixes_of_all_crates_are_found() {
        let prefixes = prefixes_of_ids(&crate::paths::workspace()).expect("read");
        for prefix in ["org", "usr", "prj", "task", "cmt"] {
            assert!(prefixes.contains(prefix), "{prefix}: {prefixes:?}");
        }
    }
}
