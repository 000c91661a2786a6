//! What a deployment uploads.

use std::{
    fs,
    io::{Cursor, Write},
    path::Path,
};

use anyhow::{Context, Result};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    pub bytes: u64,
    /// As the one file of a deflated zip.
    pub zipped: u64,
}

impl Size {
    pub fn of(file: &Path) -> Result<Size> {
        let bytes = fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .unix_permissions(0o755);
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        archive.start_file("bootstrap", options)?;
        archive.write_all(&bytes)?;
        let zipped = archive.finish()?.into_inner().len();
        Ok(Size { bytes: u64::try_from(bytes.len())?, zipped: u64::try_from(zipped)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zipping_makes_what_repeats_small() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("binary");
        fs::write(&file, vec![7; 100_000]).expect("written");
        let size = Size::of(&file).expect("read");
        assert_eq!(size.bytes, 100_000);
        assert!((20..1_000).contains(&size.zipped), "{size:?}");
    }
}
