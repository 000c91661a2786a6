//! Building the functions: once at the start, and again whenever a source file changes.

use std::{
    collections::hash_map::DefaultHasher,
    fs,
    hash::{Hash, Hasher},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use crate::{paths, process};

/// Builds the binary with every function, cargo's progress in plain view.
///
/// `xtask` is named too, though not built: cargo then resolves features for both, and what was
/// compiled to start this command is not compiled once more.
pub fn build() -> Result<PathBuf> {
    // <target>/debug/xtask: beside it, whatever the target folder is called.
    let own = std::env::current_exe().context("the place of this program is unknown")?;
    let target = own.parent().and_then(Path::parent).context("this program is in no target")?;
    let mut cargo = process::cargo();
    cargo
        .args(["build", "--package", "millwright-all", "--package", "xtask", "--bin", "all"])
        .arg("--target-dir")
        .arg(target);
    let status = process::run_visible("cargo build", &mut cargo)?;
    if !status.success() {
        bail!("the functions do not build; what the compiler says is above");
    }
    let program = own.with_file_name("all");
    if !program.is_file() {
        bail!("cargo built the functions, but {} is not there", program.display());
    }
    Ok(program)
}

/// Changes whenever a source file of the functions does.
pub fn fingerprint() -> u64 {
    let workspace = paths::workspace();
    let mut hash = DefaultHasher::new();
    for name in ["Cargo.toml", "Cargo.lock"] {
        add_file(&workspace.join(name), &mut hash);
    }
    for name in ["functions", "shared", "infra"] {
        add_folder(&workspace.join(name), &mut hash);
    }
    hash.finish()
}

fn add_folder(folder: &Path, hash: &mut DefaultHasher) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut entries: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    entries.sort();
    for path in entries {
        let is_test = path.file_name().is_some_and(|name| name == "tests");
        if path.is_dir() && !is_test {
            add_folder(&path, hash);
        } else if path
            .extension()
            .is_some_and(|kind| kind == "rs" || kind == "toml" || kind == "json")
        {
            add_file(&path, hash);
        }
    }
}

fn add_file(path: &Path, hash: &mut DefaultHasher) {
    let Ok(metadata) = fs::metadata(path) else { return };
    path.hash(hash);
    metadata.len().hash(hash);
    metadata.modified().ok().hash(hash);
}
