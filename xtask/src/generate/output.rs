//! The set of generated files, and the folders in which nothing else may lie.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use anyhow::{Context, Result, bail};

/// Folders whose files of that ending are all generated: one that is not of this run belonged to a
/// service or event that is gone.
const OWNED: [(&str, &str); 3] =
    [("infra/services", "yaml"), ("infra/openapi", "json"), ("events", "json")];

/// Generated files by their path in the workspace.
#[derive(Debug, Default)]
pub(super) struct Output {
    files: BTreeMap<String, String>,
}

impl Output {
    pub(super) fn add(&mut self, path: impl Into<String>, text: String) -> Result<()> {
        let path = path.into();
        if self.files.contains_key(&path) {
            bail!("{path} would be generated twice");
        }
        self.files.insert(path, text);
        Ok(())
    }

    /// The generated files below a folder, by the last part of their path.
    pub(super) fn within<'a>(
        &'a self,
        folder: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a str)> + 'a {
        self.files.iter().filter_map(move |(path, text)| {
            let name = path.strip_prefix(folder)?.strip_prefix('/')?;
            Some((name, text.as_str()))
        })
    }

    /// What differs between the workspace and this set, one line each.
    pub(super) fn stale(&self, workspace: &Path) -> Result<Vec<String>> {
        let mut stale = Vec::new();
        for (path, text) in &self.files {
            match fs::read_to_string(workspace.join(path)) {
                Ok(present) if present == *text => {}
                Ok(_) => stale.push(format!("{path} is out of date")),
                Err(_) => stale.push(format!("{path} is missing")),
            }
        }
        let abandoned = self.abandoned(workspace)?;
        stale.extend(abandoned.iter().map(|path| format!("{path} belongs to nothing any more")));
        Ok(stale)
    }

    /// Writes what differs, removes what is abandoned, and tells what it did.
    pub(super) fn write(&self, workspace: &Path) -> Result<Vec<String>> {
        let mut changes = Vec::new();
        for (path, text) in &self.files {
            let file = workspace.join(path);
            if fs::read_to_string(&file).is_ok_and(|present| present == *text) {
                continue;
            }
            if let Some(folder) = file.parent() {
                crate::paths::create(folder)?;
            }
            crate::paths::replace(&file, text)?;
            changes.push(format!("wrote {path}"));
        }
        for path in self.abandoned(workspace)? {
            fs::remove_file(workspace.join(&path))
                .with_context(|| format!("{path} cannot be removed"))?;
            changes.push(format!("removed {path}"));
        }
        Ok(changes)
    }

    fn abandoned(&self, workspace: &Path) -> Result<BTreeSet<String>> {
        let mut abandoned = BTreeSet::new();
        for (folder, ending) in OWNED {
            let Ok(entries) = fs::read_dir(workspace.join(folder)) else { continue };
            for entry in entries {
                let entry = entry.with_context(|| format!("{folder} cannot be listed"))?;
                let name = entry.file_name().to_string_lossy().into_owned();
                let path = format!("{folder}/{name}");
                let is_ours = name.rsplit_once('.').is_some_and(|(_, found)| found == ending);
                if is_ours && !self.files.contains_key(&path) {
                    abandoned.insert(path);
                }
            }
        }
        Ok(abandoned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_once_then_finds_nothing_stale() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut output = Output::default();
        output.add("infra/services/planning.yaml", "a: 1\n".to_owned()).expect("first");
        assert!(output.add("infra/services/planning.yaml", String::new()).is_err());
        let abandoned = folder.path().join("infra/services/gone.yaml");
        fs::create_dir_all(abandoned.parent().expect("a folder")).expect("made");
        fs::write(&abandoned, "b: 2\n").expect("written");

        let stale = output.stale(folder.path()).expect("listed");
        assert_eq!(
            stale,
            [
                "infra/services/planning.yaml is missing",
                "infra/services/gone.yaml belongs to nothing any more"
            ]
        );
        assert_eq!(output.write(folder.path()).expect("written").len(), 2);
        assert!(!abandoned.exists());
        assert!(output.stale(folder.path()).expect("listed").is_empty());
        assert!(output.write(folder.path()).expect("written").is_empty());
    }
}
