//! Keys of files, and why none can be made without a tenant.

use std::fmt;

use millwright_core::{Id, Noun, Tenant};

/// Files of one purpose: they expire after the same time, and rights are given by folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Folder {
    /// Lower-case letters and `-`.
    pub name: &'static str,
    /// The bucket removes its files after so many days, if nobody did before.
    pub keep_days: u32,
}

/// The key of one file: `<folder>/<tenant>/<id>`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct FileKey(String);

impl FileKey {
    pub fn of<N: Noun>(tenant: &Tenant, folder: &Folder, id: Id<N>) -> FileKey {
        FileKey(format!("{}/{tenant}/{id}", folder.name))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FileKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for FileKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
