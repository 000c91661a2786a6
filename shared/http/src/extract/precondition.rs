//! `If-Match`: change it only if it still is what I have read.

use axum::extract::FromRequestParts;
use http::{header, request::Parts};
use millwright_core::{Error, Fault, FaultCode, Faults, Result};

use crate::{Describe, OperationDocument, Problem};

/// The version a caller has read, if it sent one. Without it the last write wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IfMatch(Wanted);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Any,
    Version(u64),
    /// An entity tag that is no version of ours: never current.
    Never,
}

impl IfMatch {
    /// # Errors
    /// `version_stale` with the current version.
    pub fn check(&self, current: u64) -> Result<()> {
        match self.0 {
            Wanted::Any => Ok(()),
            Wanted::Version(version) if version == current => Ok(()),
            Wanted::Version(_) | Wanted::Never => Err(Error::version_stale(current)),
        }
    }

    fn parse(text: &str) -> Option<IfMatch> {
        let text = text.trim();
        if text == "*" {
            return Some(IfMatch(Wanted::Any));
        }
        // Weak tags never match here (RFC 9110 section 13.1.1).
        let tag = text.strip_prefix("W/").unwrap_or(text);
        let opaque = tag.strip_prefix('"')?.strip_suffix('"')?;
        if opaque.contains('"') {
            return None;
        }
        let version = opaque.parse().ok().filter(|_| !text.starts_with("W/"));
        Some(IfMatch(version.map_or(Wanted::Never, Wanted::Version)))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let mut values = parts.headers.get_all(header::IF_MATCH).iter();
        let fault = |code, detail: &str| {
            Problem::from(Faults::of(Fault::new("header:If-Match", code, detail)))
        };
        let Some(value) = values.next() else { return Ok(IfMatch(Wanted::Any)) };
        if values.next().is_some() {
            return Err(fault(FaultCode::Duplicate, "must be sent once"));
        }
        value
            .to_str()
            .ok()
            .and_then(IfMatch::parse)
            .ok_or_else(|| fault(FaultCode::BadFormat, "must be one ETag, such as \"3\""))
    }
}

impl Describe for IfMatch {
    fn describe(document: &mut OperationDocument) {
        document.conditional_write();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_current_version_passes() {
        assert!(IfMatch::parse("\"3\"").expect("a tag").check(3).is_ok());
        assert!(IfMatch::parse("*").expect("any").check(3).is_ok());
        for other in ["\"2\"", "\"abc\"", "\"\"", "W/\"3\""] {
            assert!(IfMatch::parse(other).expect("a tag").check(3).is_err(), "{other}");
        }
        for malformed in ["3", "\"3", "", "\"1\",\"2\""] {
            assert!(IfMatch::parse(malformed).is_none(), "{malformed}");
        }
    }
}
