//! The archive: one zip, one JSON file for each section.

use std::io::{Cursor, Write};

use millwright_core::{Error, Result};
use serde_json::Value;
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::sections::Section;

/// A zip that grows in memory.
pub(super) struct Archive(ZipWriter<Cursor<Vec<u8>>>);

impl Archive {
    pub fn begin() -> Archive {
        Archive(ZipWriter::new(Cursor::new(Vec::new())))
    }

    /// A file of its pieces, each as [`piece`] made it.
    pub fn file(&mut self, section: Section, pieces: &[Vec<u8>]) -> Result<()> {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        let zip = &mut self.0;
        zip.start_file(section.path(), options).map_err(Error::internal)?;
        let (begin, end) = if section.is_list() { ("[\n", "\n]\n") } else { ("", "\n") };
        let mut write = |bytes: &[u8]| zip.write_all(bytes).map_err(Error::internal);
        write(begin.as_bytes())?;
        for (number, piece) in pieces.iter().enumerate() {
            if number > 0 {
                write(b",\n")?;
            }
            write(piece)?;
        }
        write(end.as_bytes())
    }

    pub fn end(self) -> Result<Vec<u8>> {
        Ok(self.0.finish().map_err(Error::internal)?.into_inner())
    }
}

/// Some things of a file, one a line.
pub(super) fn piece(things: &[Value]) -> Vec<u8> {
    let lines: Vec<String> = things.iter().map(Value::to_string).collect();
    lines.join(",\n").into_bytes()
}
