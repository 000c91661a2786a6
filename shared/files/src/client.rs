//! Calls to S3.

use std::time::Duration;

use aws_lc_rs::digest;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use base64::{Engine, engine::general_purpose::STANDARD};
use millwright_aws::{Answer, Endpoint, EndpointParts, Signer, Timeouts, credentials};
use millwright_config::{AwsService, Config, ConfigError};
use millwright_core::{Clock, Error, Result};

use crate::{FileKey, address::Address};

/// The bucket of one service. Cheap to clone.
#[derive(Clone)]
pub struct Files {
    address: Address,
    pub(crate) endpoint: Endpoint,
}

/// What was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    pub size_bytes: u64,
    pub sha256: [u8; 32],
}

/// Some bytes of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Fewer than asked for at the end of the file.
    pub bytes: Vec<u8>,
    /// Of the whole file.
    pub file_size: u64,
}

impl Files {
    /// The bucket of `service`, through the HTTP client that all AWS clients share. A call is
    /// tried three times and has 40 seconds.
    ///
    /// # Errors
    /// On the local stage without an endpoint.
    pub fn new(
        config: &Config,
        service: &str,
        http: SharedHttpClient,
        clock: Clock,
    ) -> Result<Files, ConfigError> {
        let endpoint = config.endpoint(AwsService::S3)?;
        let address = Address::of(&config.bucket(service), &config.aws.region, endpoint);
        let region = config.aws.region.clone();
        let signer = Signer { credentials: credentials(config)?, region, service: "s3" };
        let timeouts = Timeouts {
            attempt: Duration::from_secs(20),
            call: Duration::from_secs(40),
            attempts: 3,
        };
        let origin = address.origin.clone();
        let endpoint = Endpoint::new(EndpointParts { origin, signer, http, clock, timeouts });
        Ok(Files { address, endpoint })
    }

    /// Stores a file, whatever was there. One PutObject; S3 checks the bytes it got.
    ///
    /// # Errors
    /// `unavailable` if S3 is.
    pub async fn put(&self, key: &FileKey, content_type: &str, bytes: Vec<u8>) -> Result<Stored> {
        let digest = digest::digest(&digest::SHA256, &bytes);
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(digest.as_ref());
        let stored = Stored { size_bytes: bytes.len() as u64, sha256 };
        let headers = vec![
            ("content-length", bytes.len().to_string()),
            ("content-type", content_type.to_owned()),
            ("x-amz-checksum-sha256", STANDARD.encode(sha256)),
        ];
        let answer = self.call("PUT", key, headers, bytes).await?;
        expect_success(&answer, "PutObject", key)?;
        Ok(stored)
    }

    /// At most `length` bytes from `from` on; none if there is no such file. One GetObject.
    ///
    /// # Errors
    /// `unavailable` if S3 is.
    pub async fn read(&self, key: &FileKey, from: u64, length: u64) -> Result<Option<Part>> {
        let last = from.saturating_add(length.max(1)) - 1;
        let headers = vec![("range", format!("bytes={from}-{last}"))];
        let answer = self.call("GET", key, headers, Vec::new()).await?;
        if is_missing(&answer) {
            return Ok(None);
        }
        if answer.status == 416 {
            // `from` is the end of the file or beyond it: nothing is left to read.
            return Ok(Some(Part { bytes: Vec::new(), file_size: total(&answer).unwrap_or(from) }));
        }
        expect_success(&answer, "GetObject", key)?;
        let file_size = total(&answer).unwrap_or(from + answer.body.len() as u64);
        Ok(Some(Part { bytes: answer.body, file_size }))
    }

    /// A whole file of at most `max_bytes`; none if there is no such file. One GetObject.
    ///
    /// # Errors
    /// `internal` if it is larger; `unavailable` if S3 is.
    pub async fn read_whole(&self, key: &FileKey, max_bytes: u64) -> Result<Option<Vec<u8>>> {
        match self.read(key, 0, max_bytes).await? {
            Some(part) if part.file_size > max_bytes => {
                let size = part.file_size;
                Err(Error::internal(format!("{key} has {size} bytes, at most {max_bytes} go")))
            }
            part => Ok(part.map(|part| part.bytes)),
        }
    }

    /// The size of a file in bytes; none if there is no such file. One HeadObject.
    ///
    /// # Errors
    /// `unavailable` if S3 is.
    pub async fn size(&self, key: &FileKey) -> Result<Option<u64>> {
        let answer = self.call("HEAD", key, Vec::new(), Vec::new()).await?;
        if is_missing(&answer) {
            return Ok(None);
        }
        expect_success(&answer, "HeadObject", key)?;
        Ok(answer.header("content-length").and_then(|length| length.parse().ok()))
    }

    /// Removes a file, whether it is there or not. One DeleteObject.
    ///
    /// # Errors
    /// `unavailable` if S3 is.
    pub async fn delete(&self, key: &FileKey) -> Result<()> {
        let answer = self.call("DELETE", key, Vec::new(), Vec::new()).await?;
        if answer.status == 404 {
            return Ok(());
        }
        expect_success(&answer, "DeleteObject", key)
    }

    pub(crate) fn url(&self, key: &FileKey) -> String {
        format!("{}{}", self.endpoint.origin(), self.address.path(key))
    }

    async fn call(
        &self,
        method: &'static str,
        key: &FileKey,
        headers: Vec<(&'static str, String)>,
        body: Vec<u8>,
    ) -> Result<Answer> {
        self.endpoint.call(method, &self.address.path(key), headers, body).await
    }
}

/// No such file. A role without the right to list a bucket is told 403 instead of 404 of a file
/// that is not there.
fn is_missing(answer: &Answer) -> bool {
    match answer.status {
        404 => true,
        403 => answer.body.is_empty() || code(answer) == Some("AccessDenied"),
        _ => false,
    }
}

/// The code of an error, `<Error><Code>…</Code>…`.
fn code(answer: &Answer) -> Option<&str> {
    let text = std::str::from_utf8(&answer.body).ok()?;
    let (_, rest) = text.split_once("<Code>")?;
    rest.split_once("</Code>").map(|(code, _)| code)
}

/// The size of the whole file: what follows the slash of `bytes 0-99/1234`.
fn total(answer: &Answer) -> Option<u64> {
    answer.header("content-range")?.rsplit_once('/')?.1.parse().ok()
}

fn expect_success(answer: &Answer, call: &str, key: &FileKey) -> Result<()> {
    if answer.is_success() {
        return Ok(());
    }
    let code = code(answer).unwrap_or("no code");
    let message = format!("{call} {key}: {} {code}", answer.status);
    // The bytes came too slowly, or the clocks differ for a moment.
    match code {
        "RequestTimeout" | "RequestTimeTooSkewed" => Err(Error::unavailable(message)),
        _ => Err(Error::internal(message)),
    }
}
