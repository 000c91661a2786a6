//! Links: signed requests for somebody without credentials.

use std::{collections::BTreeMap, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use millwright_aws::{SignableBody, Unsigned, encoded};
use millwright_core::{Result, Timestamp};

use crate::{FileKey, Files};

/// What somebody says they will upload; S3 refuses anything else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promise {
    pub content_type: String,
    pub size_bytes: u64,
    /// SHA-256 of the bytes.
    pub sha256: [u8; 32],
}

/// A request that may be made until it expires, by whoever knows the URL: treat it as a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    pub url: String,
    /// What must be sent with it, exactly.
    pub headers: BTreeMap<String, String>,
    pub expires_at: Timestamp,
}

impl Files {
    /// `PUT` of exactly the promised bytes: length and checksum are signed. No call.
    ///
    /// # Errors
    /// `internal` if it cannot be signed.
    pub fn upload_link(
        &self,
        key: &FileKey,
        promise: &Promise,
        lifetime: Duration,
    ) -> Result<Link> {
        let headers = vec![
            ("content-length", promise.size_bytes.to_string()),
            ("content-type", promise.content_type.clone()),
            ("x-amz-checksum-sha256", STANDARD.encode(promise.sha256)),
        ];
        self.link("PUT", self.url(key), headers, lifetime)
    }

    /// `GET` of the file, which browsers save as `file_name`. No call, so the file may be gone.
    ///
    /// # Errors
    /// `internal` if it cannot be signed.
    pub fn download_link(
        &self,
        key: &FileKey,
        file_name: &str,
        lifetime: Duration,
    ) -> Result<Link> {
        let disposition = encoded(&content_disposition(file_name));
        let url = format!("{}?response-content-disposition={disposition}", self.url(key));
        self.link("GET", url, Vec::new(), lifetime)
    }

    fn link(
        &self,
        method: &'static str,
        url: String,
        headers: Vec<(&'static str, String)>,
        lifetime: Duration,
    ) -> Result<Link> {
        let now = self.endpoint.clock().now();
        let to_send = headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        let to_send = to_send.collect();
        let request = Unsigned { method, url, headers, body: SignableBody::UnsignedPayload };
        let url = self.endpoint.signer().link(request, now, lifetime)?;
        Ok(Link { url, headers: to_send, expires_at: now.plus(lifetime) })
    }
}

/// RFC 6266: a name in ASCII for old clients, and the real one.
fn content_disposition(file_name: &str) -> String {
    let plain: String = file_name
        .chars()
        .map(|c| if c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '%') { c } else { '_' })
        .collect();
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{}", encoded(file_name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_downloads_survive_any_character() {
        assert_eq!(
            content_disposition("Plän \"1\".csv"),
            "attachment; filename=\"Pl_n__1_.csv\"; filename*=UTF-8''Pl%C3%A4n%20%221%22.csv"
        );
        assert!(!content_disposition("a\r\nb: c").contains(['\r', '\n']));
    }
}
