//! Where things are: the workspace, and the private folder `.millwright/` that git ignores.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// The workspace this `xtask` was built in.
pub fn workspace() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_path_buf()
}

/// `.millwright/`: tools, data, logs and keys of this workspace, never committed.
pub fn private() -> PathBuf {
    workspace().join(".millwright")
}

/// Makes a folder and its parents.
pub fn create(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)
        .with_context(|| format!("folder {} cannot be made", folder.display()))
}

/// Removes a folder and all in it, if it is there.
pub fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("folder {} cannot be removed", folder.display()))
        }
        _ => Ok(()),
    }
}

/// Writes a file so that a reader sees the old text or the new, never half of it.
pub fn replace(file: &Path, text: impl AsRef<[u8]>) -> Result<()> {
    let new = file.with_extension("new");
    fs::write(&new, text)
        .and_then(|()| fs::rename(&new, file))
        .with_context(|| format!("{} cannot be written", file.display()))
}
