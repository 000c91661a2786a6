//! JSON documents, one a line (Ollama).

use super::MAX_EVENT_BYTES;
use crate::common::UpstreamError;

/// Makes lines of bytes, however they are cut.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    rest: Vec<u8>,
}

impl Lines {
    /// The lines that these bytes complete, without the empty ones.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<Vec<String>, UpstreamError> {
        let mut lines = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.rest.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                lines.extend(self.line()?);
            }
        }
        if self.rest.len() > MAX_EVENT_BYTES {
            return Err(UpstreamError::malformed("a line of the stream is too large"));
        }
        Ok(lines)
    }

    /// The last line may have no end.
    pub(crate) fn end(&mut self) -> Result<Option<String>, UpstreamError> {
        self.line()
    }

    fn line(&mut self) -> Result<Option<String>, UpstreamError> {
        let line = String::from_utf8(std::mem::take(&mut self.rest))
            .map_err(|_| UpstreamError::malformed("the stream is no UTF-8"))?;
        let line = line.trim();
        Ok((!line.is_empty()).then(|| line.to_owned()))
    }
}
