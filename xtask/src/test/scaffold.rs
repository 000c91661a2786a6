//! What `cargo xtask new-service` makes, in a copy of the workspace: it builds without a warning, is
//! formatted, passes its own tests and the guards, and one `gen` is enough.
//!
//! The copy stays, with a folder of compiled crates of its own: the next run builds what has
//! changed. Other people's crates are lent to it, as the workspace has compiled them.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use super::{Outcome, compiled};
use crate::{
    new_service::{File, Options, Plan},
    output, paths, process,
};

/// Never part of a copy, wherever they are at the top.
const NOT_COPIED: [&str; 3] = [".git", ".millwright", "target"];
/// Two words, so that every spelling is put to the test; the service is called like its things, as
/// most are.
const NAME: &str = "wooden-toys";
const NOUN: &str = "wooden-toy";
const PACKAGE: &str = "millwright-wooden-toys";

pub(super) fn run() -> Result<Outcome> {
    let workspace = paths::workspace();
    let options = Options { name: NAME.to_owned(), noun: NOUN.to_owned(), ..Options::default() };
    let plan = Plan::of(&workspace, &all::services(), &options)?;
    let copy = paths::private().join("test/scaffold");
    let mut files = BTreeMap::new();
    read_folder(&workspace, &workspace, &target()?, &mut files)?;
    for File { path, text } in plan.created.into_iter().chain(plan.edited) {
        files.insert(PathBuf::from(path), text.into_bytes());
    }
    write_folder(&copy, files)?;
    output::progress(format_args!("the copy of the workspace: {}", copy.display()));

    let compiled = paths::private().join("test/scaffold-target");
    let lock = workspace.join("Cargo.lock");
    let lock = fs::read_to_string(&lock).context("Cargo.lock cannot be read")?;
    compiled::lend(&lock, &target()?.join("debug"), &compiled.join("debug"))?;

    let cargo = |arguments: &[&str]| {
        let mut command = process::cargo();
        command
            .current_dir(&copy)
            .env("CARGO_TARGET_DIR", &compiled)
            .env("CARGO_NET_OFFLINE", "true")
            // Nobody edits the copy: what speeds up the next edit would take gigabytes.
            .env("CARGO_INCREMENTAL", "0")
            // The step with all tests guards the other services.
            .env("GUARDED", NAME);
        let called = format!("cargo {}", arguments.join(" "));
        if !process::run_visible(&called, command.args(arguments))?.success() {
            bail!("`{called}` failed in {}: mend xtask/templates/new-service", copy.display());
        }
        Ok(())
    };
    let xtask = ["run", "--quiet", "--package", "xtask", "--", "gen"];
    cargo(&xtask)?;
    cargo(&[&xtask[..], &["--check"]].concat())?;
    cargo(&["fmt", "--package", PACKAGE, "--package", "millwright-all", "--check"])?;
    cargo(&["clippy", "--package", PACKAGE, "--all-targets", "--", "--deny", "warnings"])?;
    let has_nextest = process::find("cargo-nextest").is_some();
    let runner: &[&str] = if has_nextest { &["nextest", "run"] } else { &["test"] };
    let of_service: &[&str] = &["--package", PACKAGE, "--package", "millwright-all"];
    let tests: &[&str] = &["--lib", "--test", "api", "--test", "guards"];
    cargo(&[runner, of_service, tests].concat())?;
    Ok(Outcome::Passed)
}

/// The folder this program was built in.
fn target() -> Result<PathBuf> {
    let own = std::env::current_exe().context("the place of this program is unknown")?;
    let target = own.parent().and_then(Path::parent).context("this program is in no target")?;
    Ok(target.to_path_buf())
}

fn read_folder(
    root: &Path,
    folder: &Path,
    target: &Path,
    files: &mut BTreeMap<PathBuf, Vec<u8>>,
) -> Result<()> {
    for path in entries(folder)? {
        let below = path.strip_prefix(root).context("a file outside of its folder")?;
        if NOT_COPIED.iter().any(|name| below == Path::new(name)) || path == target {
            continue;
        }
        if path.is_dir() {
            read_folder(root, &path, target, files)?;
        } else {
            let bytes =
                fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))?;
            files.insert(below.to_path_buf(), bytes);
        }
    }
    Ok(())
}

/// Writes what differs and removes what is not among the files, so that the rest keeps its time and
/// is not built again.
fn write_folder(folder: &Path, files: BTreeMap<PathBuf, Vec<u8>>) -> Result<()> {
    paths::create(folder)?;
    let mut present = BTreeMap::new();
    read_folder(folder, folder, folder, &mut present)?;
    for path in present.keys().filter(|path| !files.contains_key(*path)) {
        let path = folder.join(path);
        fs::remove_file(&path).with_context(|| format!("{} cannot be removed", path.display()))?;
        // An empty folder of functions/ would pass for a service.
        let mut above = path.parent();
        while let Some(empty) = above.filter(|above| fs::remove_dir(above).is_ok()) {
            above = empty.parent();
        }
    }
    for (path, bytes) in files {
        if present.get(&path) != Some(&bytes) {
            let path = folder.join(path);
            path.parent().map_or(Ok(()), paths::create)?;
            fs::write(&path, bytes)
                .with_context(|| format!("{} cannot be written", path.display()))?;
        }
    }
    Ok(())
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let unlisted = || format!("{} cannot be listed", folder.display());
    let entries = fs::read_dir(folder).with_context(unlisted)?;
    entries.map(|entry| Ok(entry.with_context(unlisted)?.path())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_what_it_should_and_writes_only_what_differs() {
        let (source, copy) = (tempfile::tempdir().expect("one"), tempfile::tempdir().expect("two"));
        for (path, text) in [("a/b.rs", "b"), ("c", "c"), ("target/x", "x"), (".git/y", "y")] {
            let path = source.path().join(path);
            paths::create(path.parent().expect("a folder")).expect("made");
            fs::write(path, text).expect("written");
        }
        paths::create(&copy.path().join("gone/deep")).expect("made");
        fs::write(copy.path().join("gone/deep/d"), "z").expect("written");
        fs::write(copy.path().join("c"), "c").expect("written");
        let before =
            fs::metadata(copy.path().join("c")).expect("there").modified().expect("a time");

        let mut files = BTreeMap::new();
        read_folder(source.path(), source.path(), Path::new("elsewhere"), &mut files)
            .expect("read");
        write_folder(copy.path(), files).expect("written");
        let mut found = BTreeMap::new();
        read_folder(copy.path(), copy.path(), Path::new("elsewhere"), &mut found).expect("read");
        let found: Vec<&Path> = found.keys().map(PathBuf::as_path).collect();
        assert_eq!(found, [Path::new("a/b.rs"), Path::new("c")]);
        assert!(!copy.path().join("gone").exists());
        let after = fs::metadata(copy.path().join("c")).expect("there").modified().expect("a time");
        assert_eq!(after, before);
    }
}
