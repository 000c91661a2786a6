//! AWS Signature Version 4.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
pub use aws_sigv4::http_request::SignableBody;
use aws_sigv4::{
    http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableRequest, SignatureLocation,
        SigningSettings, UriPathNormalizationMode, sign,
    },
    sign::v4,
};
use millwright_core::{Error, Result, Timestamp};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// All but what RFC 3986 calls unreserved.
const RESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A request that is not signed yet.
#[derive(Clone, Debug)]
pub struct Unsigned<'a> {
    pub method: &'static str,
    /// Absolute, encoded, with its query.
    pub url: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: SignableBody<'a>,
}

/// Names and values of headers or of parameters.
pub type Pairs = Vec<(String, String)>;

/// AWS Signature Version 4; paths are taken as they are, encoded once.
#[derive(Clone, Debug)]
pub struct Signer {
    pub credentials: Credentials,
    pub region: String,
    /// As signatures call it, e.g. `s3`.
    pub service: &'static str,
}

impl Signer {
    /// The headers to send beside the request's own.
    ///
    /// # Errors
    /// `internal` if it cannot be signed.
    pub fn headers(&self, request: Unsigned<'_>, now: Timestamp) -> Result<Pairs> {
        let mut settings = settings();
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        let (headers, _) = self.sign(request, settings, now)?;
        Ok(headers)
    }

    /// The URL with the signature in its query, good for `lifetime`.
    ///
    /// # Errors
    /// `internal` if it cannot be signed.
    pub fn link(
        &self,
        request: Unsigned<'_>,
        now: Timestamp,
        lifetime: Duration,
    ) -> Result<String> {
        let mut settings = settings();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(lifetime);
        let mut url = request.url.clone();
        let (_, parameters) = self.sign(request, settings, now)?;
        for (name, value) in parameters {
            url.push(if url.contains('?') { '&' } else { '?' });
            url.push_str(&format!("{name}={}", encoded(&value)));
        }
        Ok(url)
    }

    fn sign(
        &self,
        request: Unsigned<'_>,
        settings: SigningSettings,
        now: Timestamp,
    ) -> Result<(Pairs, Pairs)> {
        let milliseconds = u64::try_from(now.as_millisecond()).unwrap_or_default();
        let identity = self.credentials.clone().into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(self.service)
            .time(SystemTime::UNIX_EPOCH + Duration::from_millis(milliseconds))
            .settings(settings)
            .build()
            .map_err(Error::internal)?
            .into();
        let headers = request.headers.iter().map(|(name, value)| (*name, value.as_str()));
        let signable = SignableRequest::new(request.method, request.url, headers, request.body)
            .map_err(Error::internal)?;
        let (instructions, _) = sign(signable, &parameters).map_err(Error::internal)?.into_parts();
        let (headers, parameters) = instructions.into_parts();
        let headers = headers.iter().map(|h| (h.name().to_owned(), h.value().to_owned()));
        let parameters =
            parameters.into_iter().map(|(n, value)| (n.to_owned(), value.into_owned()));
        Ok((headers.collect(), parameters.collect()))
    }
}

fn settings() -> SigningSettings {
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    settings
}

/// A value within a query.
pub fn encoded(text: &str) -> String {
    utf8_percent_encode(text, &RESERVED).to_string()
}
