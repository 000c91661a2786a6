//! Calls to S3.

use std::{fmt, time::Duration};

use aws_credential_types::Credentials;
use aws_lc_rs::digest;
use aws_sigv4::http_request::SignableBody;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_runtime::client::{
    orchestrator::operation::Operation,
    retries::classifiers::{HttpStatusCodeClassifier, TransientErrorClassifier},
};
use aws_smithy_runtime_api::client::{
    behavior_version::BehaviorVersion,
    http::SharedHttpClient,
    orchestrator::{HttpRequest, HttpResponse, OrchestratorError},
    result::SdkError,
};
use aws_smithy_types::{
    body::SdkBody, error::display::DisplayErrorContext, retry::RetryConfig, timeout::TimeoutConfig,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use millwright_config::{AwsService, Config, ConfigError};
use millwright_core::{Clock, Error, Result};

use crate::{
    FileKey,
    request::{Address, Signer, Unsigned},
};

/// The bucket of one service. Cheap to clone.
#[derive(Clone)]
pub struct Files {
    address: Address,
    pub(crate) signer: Signer,
    pub(crate) clock: Clock,
    operation: Operation<HttpRequest, Answer, Failed>,
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

/// An answer below 500, with a body that is whole.
#[derive(Clone, Debug)]
struct Answer {
    status: u16,
    body: Vec<u8>,
    content_length: Option<u64>,
    content_range: Option<String>,
}

/// S3 itself failed: worth another try.
#[derive(Debug)]
struct Failed(u16);

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S3 answered {}", self.0)
    }
}

impl std::error::Error for Failed {}

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
        let credentials = config.aws.credentials.as_ref().ok_or_else(|| ConfigError {
            variable: "AWS_ACCESS_KEY_ID",
            detail: "is not set: requests to S3 cannot be signed".to_owned(),
        })?;
        let credentials = Credentials::new(
            &credentials.access_key_id,
            &credentials.secret_access_key,
            credentials.session_token.clone(),
            None,
            "environment",
        );
        let signer = Signer { credentials, region: config.aws.region.clone() };
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(2))
            .operation_attempt_timeout(Duration::from_secs(20))
            .operation_timeout(Duration::from_secs(40))
            .build();
        let operation = Operation::builder()
            .service_name("s3")
            .operation_name("call")
            .behavior_version(BehaviorVersion::latest())
            .http_client(http)
            .endpoint_url(&address.origin)
            .no_auth()
            .standard_retry(&RetryConfig::standard().with_max_attempts(3))
            .retry_classifier(HttpStatusCodeClassifier::default())
            .retry_classifier(TransientErrorClassifier::<Failed>::new())
            .timeout_config(timeouts)
            .sleep_impl(TokioSleep::new())
            .with_connection_poisoning()
            .serializer(Ok)
            .deserializer(answer)
            .build();
        Ok(Files { address, signer, clock, operation })
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
        answer.expect_success("PutObject", key)?;
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
        if answer.is_missing() {
            return Ok(None);
        }
        if answer.status == 416 {
            // `from` is the end of the file or beyond it: nothing is left to read.
            return Ok(Some(Part { bytes: Vec::new(), file_size: answer.total().unwrap_or(from) }));
        }
        answer.expect_success("GetObject", key)?;
        let file_size = answer.total().unwrap_or(from + answer.body.len() as u64);
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
        if answer.is_missing() {
            return Ok(None);
        }
        answer.expect_success("HeadObject", key)?;
        Ok(answer.content_length)
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
        answer.expect_success("DeleteObject", key)
    }

    pub(crate) fn url(&self, key: &FileKey) -> String {
        format!("{}{}", self.address.origin, self.address.path(key))
    }

    async fn call(
        &self,
        method: &'static str,
        key: &FileKey,
        headers: Vec<(&'static str, String)>,
        body: Vec<u8>,
    ) -> Result<Answer> {
        let unsigned = Unsigned {
            method,
            url: self.url(key),
            headers: headers.clone(),
            body: SignableBody::Bytes(&body),
        };
        let signed = self.signer.headers(unsigned, self.clock.now())?;
        // Without scheme and host, which the endpoint adds.
        let mut request = http::Request::builder().method(method).uri(self.address.path(key));
        let own = headers.into_iter().map(|(name, value)| (name.to_owned(), value));
        for (name, value) in own.chain(signed) {
            request = request.header(name, value);
        }
        let request = request.body(SdkBody::from(body)).map_err(Error::internal)?;
        let request = HttpRequest::try_from(request).map_err(Error::internal)?;
        self.operation.invoke(request).await.map_err(|error| match error {
            SdkError::ConstructionFailure(_) => Error::internal(DisplayErrorContext(error)),
            error => Error::unavailable(format!("S3: {}", DisplayErrorContext(error))),
        })
    }
}

fn answer(response: &HttpResponse) -> Result<Answer, OrchestratorError<Failed>> {
    let status = response.status().as_u16();
    if status >= 500 {
        return Err(OrchestratorError::operation(Failed(status)));
    }
    let header = |name| response.headers().get(name).map(str::to_owned);
    Ok(Answer {
        status,
        body: response.body().bytes().unwrap_or_default().to_vec(),
        content_length: header("content-length").and_then(|length| length.parse().ok()),
        content_range: header("content-range"),
    })
}

impl Answer {
    /// No such file. A role without the right to list a bucket is told 403 instead of 404 of a file
    /// that is not there.
    fn is_missing(&self) -> bool {
        match self.status {
            404 => true,
            403 => self.body.is_empty() || self.code() == Some("AccessDenied"),
            _ => false,
        }
    }

    /// The code of an error, `<Error><Code>…</Code>…`.
    fn code(&self) -> Option<&str> {
        let text = std::str::from_utf8(&self.body).ok()?;
        let (_, rest) = text.split_once("<Code>")?;
        rest.split_once("</Code>").map(|(code, _)| code)
    }

    /// The size of the whole file: what follows the slash of `bytes 0-99/1234`.
    fn total(&self) -> Option<u64> {
        self.content_range.as_ref()?.rsplit_once('/')?.1.parse().ok()
    }

    fn expect_success(&self, call: &str, key: &FileKey) -> Result<()> {
        if (200..300).contains(&self.status) {
            return Ok(());
        }
        let code = self.code().unwrap_or("no code");
        let message = format!("{call} {key}: {} {code}", self.status);
        // The bytes came too slowly, or the clocks differ for a moment.
        match code {
            "RequestTimeout" | "RequestTimeTooSkewed" => Err(Error::unavailable(message)),
            _ => Err(Error::internal(message)),
        }
    }
}
