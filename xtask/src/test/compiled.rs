//! Lends what was compiled of other people's crates to a copy of the workspace.
//!
//! Cargo gives a crate of a registry the same name for the same version, features and profile in
//! every workspace, so what one has compiled another finds fresh. Crates of the workspace itself are
//! not lent: cargo tells those of a copy from the originals by nothing. Should cargo not take what it
//! is lent, it compiles it again and nothing is lost but time.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// What cargo keeps of a unit of work, below the folder of a profile.
const FINGERPRINTS: &str = ".fingerprint";
const BUILD: &str = "build";
const COMPILED: &str = "deps";

/// Lends the units of the crates that `lock` has from a registry and that `to` has not yet; both are
/// folders of the same profile.
///
/// # Errors
/// A file can be neither read nor written.
pub(super) fn lend(lock: &str, from: &Path, to: &Path) -> Result<()> {
    let foreign = of_registries(lock)?;
    let mut hashes = BTreeSet::new();
    for unit in entries(&from.join(FINGERPRINTS))? {
        let name = name_of(&unit);
        let Some((package, hash)) = name.rsplit_once('-') else { continue };
        if foreign.contains(package) && !to.join(FINGERPRINTS).join(&name).exists() {
            hashes.insert(hash.to_owned());
        }
    }
    let is_lent = |path: &Path| {
        let name = name_of(path);
        let stem = name.split_once('.').map_or(name.as_str(), |(stem, _)| stem);
        stem.rsplit_once('-').is_some_and(|(_, hash)| hashes.contains(hash))
    };
    // The fingerprints last: a unit that has one is complete.
    for kind in [COMPILED, BUILD, FINGERPRINTS] {
        fs::create_dir_all(to.join(kind))?;
        for path in entries(&from.join(kind))?.into_iter().filter(|path| is_lent(path)) {
            let copy = to.join(kind).join(name_of(&path));
            hand_over(&path, &copy, kind == COMPILED)
                .with_context(|| format!("{} cannot be lent", path.display()))?;
        }
    }
    Ok(())
}

/// The names of the packages that come from a registry. Names of ours are never among them.
fn of_registries(lock: &str) -> Result<BTreeSet<String>> {
    let lock: toml_edit::DocumentMut = lock.parse().context("Cargo.lock is not TOML")?;
    let packages = lock.get("package").and_then(|it| it.as_array_of_tables());
    let packages = packages.context("Cargo.lock lists no package")?;
    let foreign = packages.iter().filter(|package| package.contains_key("source"));
    Ok(foreign.filter_map(|it| it.get("name")?.as_str().map(str::to_owned)).collect())
}

/// Libraries are linked: cargo replaces them whole. What it rewrites in place is copied, with its
/// time, by which cargo tells what is fresh.
fn hand_over(from: &Path, to: &Path, is_replaced_whole: bool) -> Result<()> {
    if from.is_dir() {
        fs::create_dir_all(to)?;
        for path in entries(from)? {
            hand_over(&path, &to.join(name_of(&path)), is_replaced_whole)?;
        }
        return Ok(());
    }
    let is_library = is_replaced_whole && from.extension().is_none_or(|it| it != "d");
    if is_library && (to.exists() || fs::hard_link(from, to).is_ok()) {
        return Ok(());
    }
    fs::copy(from, to)?;
    let modified = fs::metadata(from)?.modified()?;
    fs::File::options().write(true).open(to)?.set_modified(modified)?;
    Ok(())
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// What is in a folder; nothing where there is none.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let unlisted = || format!("{} cannot be listed", folder.display());
    let entries = fs::read_dir(folder).with_context(unlisted)?;
    entries.map(|entry| Ok(entry.with_context(unlisted)?.path())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = r#"
        [[package]]
        name = "ours"
        version = "0.1.0"

        [[package]]
        name = "two-words"
        version = "1.0.0"
        source = "registry"
    "#;

    #[test]
    fn only_the_crates_of_registries_are_lent_and_once() {
        let (from, to) = (tempfile::tempdir().expect("one"), tempfile::tempdir().expect("two"));
        let paths = [
            ".fingerprint/two-words-0a/lib",
            "build/two-words-0a/output",
            "deps/libtwo_words-0a.rlib",
            "deps/two_words-0a.d",
            ".fingerprint/ours-0b/lib",
            "deps/libours-0b.rlib",
        ];
        for path in paths {
            let path = from.path().join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, "x").expect("written");
        }
        lend(LOCK, from.path(), to.path()).expect("lent");
        for path in &paths[..4] {
            let time = |root: &Path| fs::metadata(root.join(path)).expect("there").modified();
            assert_eq!(time(to.path()).expect("a time"), time(from.path()).expect("a time"));
        }
        for path in &paths[4..] {
            assert!(!to.path().join(path).exists(), "{path}");
        }
        // What cargo has made of it since stays.
        fs::write(to.path().join(paths[3]), "y").expect("written");
        lend(LOCK, from.path(), to.path()).expect("lent");
        assert_eq!(fs::read_to_string(to.path().join(paths[3])).expect("there"), "y");
    }
}
