//! One AWS service, called over HTTP.

use std::{fmt, time::Duration};

use aws_credential_types::Credentials;
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
use millwright_config::{Config, ConfigError};
use millwright_core::{Clock, Error, Result};

use crate::signer::{Signer, Unsigned};

/// How long a call may take.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    pub attempt: Duration,
    pub call: Duration,
    /// How often it is tried.
    pub attempts: u32,
}

/// The parts of an [`Endpoint`].
pub struct EndpointParts {
    /// Scheme and authority.
    pub origin: String,
    pub signer: Signer,
    pub http: SharedHttpClient,
    pub clock: Clock,
    pub timeouts: Timeouts,
}

/// A service that can be called. Cheap to clone.
#[derive(Clone)]
pub struct Endpoint {
    origin: String,
    signer: Signer,
    clock: Clock,
    operation: Operation<HttpRequest, Answer, Failed>,
}

/// An answer below 500, with a body that is whole.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
    headers: Vec<(String, String)>,
}

impl Answer {
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// The service itself failed: worth another try.
#[derive(Debug)]
struct Failed(u16);

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it answered {}", self.0)
    }
}

impl std::error::Error for Failed {}

/// The credentials of the function's role.
///
/// # Errors
/// If there are none.
pub fn credentials(config: &Config) -> Result<Credentials, ConfigError> {
    let credentials = config.aws.credentials.as_ref().ok_or_else(|| ConfigError {
        variable: "AWS_ACCESS_KEY_ID",
        detail: "is not set: requests to AWS cannot be signed".to_owned(),
    })?;
    Ok(Credentials::new(
        &credentials.access_key_id,
        &credentials.secret_access_key,
        credentials.session_token.clone(),
        None,
        "environment",
    ))
}

impl Endpoint {
    pub fn new(parts: EndpointParts) -> Endpoint {
        let EndpointParts { origin, signer, http, clock, timeouts } = parts;
        let limits = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(2))
            .operation_attempt_timeout(timeouts.attempt)
            .operation_timeout(timeouts.call)
            .build();
        let operation = Operation::builder()
            .service_name(signer.service)
            .operation_name("call")
            .behavior_version(BehaviorVersion::latest())
            .http_client(http)
            .endpoint_url(&origin)
            .no_auth()
            .standard_retry(&RetryConfig::standard().with_max_attempts(timeouts.attempts))
            .retry_classifier(HttpStatusCodeClassifier::default())
            .retry_classifier(TransientErrorClassifier::<Failed>::new())
            .timeout_config(limits)
            .sleep_impl(TokioSleep::new())
            .with_connection_poisoning()
            .serializer(Ok)
            .deserializer(answer)
            .build();
        Endpoint { origin, signer, clock, operation }
    }

    pub fn origin(&self) -> &str {
        &self.origin
    }

    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// One request, tried again while the service fails; `path` is encoded, with its query.
    ///
    /// # Errors
    /// `unavailable` if the service is.
    pub async fn call(
        &self,
        method: &'static str,
        path: &str,
        headers: Vec<(&'static str, String)>,
        body: Vec<u8>,
    ) -> Result<Answer> {
        let unsigned = Unsigned {
            method,
            url: format!("{}{path}", self.origin),
            headers: headers.clone(),
            body: SignableBody::Bytes(&body),
        };
        let signed = self.signer.headers(unsigned, self.clock.now())?;
        // Without scheme and host, which the endpoint adds.
        let mut request = http::Request::builder().method(method).uri(path);
        let own = headers.into_iter().map(|(name, value)| (name.to_owned(), value));
        for (name, value) in own.chain(signed) {
            request = request.header(name, value);
        }
        let request = request.body(SdkBody::from(body)).map_err(Error::internal)?;
        let request = HttpRequest::try_from(request).map_err(Error::internal)?;
        self.operation.invoke(request).await.map_err(|error| match error {
            SdkError::ConstructionFailure(_) => Error::internal(DisplayErrorContext(error)),
            error => Error::unavailable(format!(
                "{}: {}",
                self.signer.service,
                DisplayErrorContext(error)
            )),
        })
    }
}

fn answer(response: &HttpResponse) -> Result<Answer, OrchestratorError<Failed>> {
    let status = response.status().as_u16();
    if status >= 500 {
        return Err(OrchestratorError::operation(Failed(status)));
    }
    let headers = response.headers().iter();
    Ok(Answer {
        status,
        body: response.body().bytes().unwrap_or_default().to_vec(),
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
    })
}
