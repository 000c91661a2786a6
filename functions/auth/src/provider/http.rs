//! Calls to providers: a port, and the one over the network.

use std::{sync::OnceLock, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use futures::future::BoxFuture;
use reqwest::{Client, redirect::Policy};
use serde::de::DeserializeOwned;

use crate::{domain::Reason, secret::Secret};

/// A request to a provider.
#[derive(Clone, Debug)]
pub struct ProviderRequest {
    pub url: String,
    /// `Authorization`.
    pub credential: Option<Secret>,
    /// A POST of these fields; none: a GET.
    pub form: Option<Secret>,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct ProviderResponse {
    pub status: u16,
    /// Of `Cache-Control`.
    pub max_age: Option<Duration>,
    pub body: Vec<u8>,
}

/// Why nothing came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProviderFailure {
    /// The request has not left.
    NotConnected,
    TimedOut,
    Broken(String),
}

/// How providers are called: https (http on loopback), 5 seconds, 1 MB, no redirects.
pub trait ProviderHttp: Send + Sync {
    fn send(
        &self,
        request: ProviderRequest,
    ) -> BoxFuture<'_, Result<ProviderResponse, ProviderFailure>>;
}

impl ProviderRequest {
    pub fn get(url: &str) -> ProviderRequest {
        ProviderRequest { url: url.to_owned(), credential: None, form: None }
    }

    #[must_use]
    pub fn with_bearer(self, token: &Secret) -> ProviderRequest {
        let credential = Secret::new(format!("Bearer {}", token.expose()));
        ProviderRequest { credential: Some(credential), ..self }
    }

    /// A request to the token endpoint, by a client that says who it is in `Authorization`
    /// (RFC 6749 section 2.3.1) or in the form.
    pub fn token(
        url: &str,
        fields: [(&str, &str); 4],
        (id, secret): (&str, &Secret),
        in_form: bool,
    ) -> ProviderRequest {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(fields);
        let encoded =
            |text: &str| -> String { form_urlencoded::byte_serialize(text.as_bytes()).collect() };
        let credential = if in_form {
            form.append_pair("client_id", id).append_pair("client_secret", secret.expose());
            None
        } else {
            let pair = format!("{}:{}", encoded(id), encoded(secret.expose()));
            Some(Secret::new(format!("Basic {}", STANDARD.encode(pair))))
        };
        let form = Some(Secret::new(form.finish()));
        ProviderRequest { url: url.to_owned(), credential, form }
    }
}

impl ProviderResponse {
    /// # Errors
    /// `provider_error` if it is no success, or not what was asked for.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Reason> {
        if self.status != 200 {
            tracing::warn!(status = self.status, "the provider refuses");
            return Err(Reason::ProviderError);
        }
        serde_json::from_slice(&self.body).map_err(|error| {
            tracing::warn!(%error, "the provider's answer cannot be read");
            Reason::ProviderError
        })
    }
}

/// Over the network. The client is made for the first call: to read the root certificates takes
/// longer than the rest of a start, and most instances never call a provider.
#[derive(Debug, Default)]
pub struct WebProviderHttp(OnceLock<Client>);

const TIMEOUT: Duration = Duration::from_secs(5);
const MAX_BYTES: usize = 1024 * 1024;

impl WebProviderHttp {
    fn client(&self) -> Result<&Client, ProviderFailure> {
        if let Some(client) = self.0.get() {
            return Ok(client);
        }
        let client = Client::builder().redirect(Policy::none()).timeout(TIMEOUT).build();
        let client = client.map_err(|error| ProviderFailure::Broken(error.to_string()))?;
        Ok(self.0.get_or_init(|| client))
    }

    async fn call(&self, request: ProviderRequest) -> Result<ProviderResponse, ProviderFailure> {
        let client = self.client()?;
        let mut call = match request.form {
            None => client.get(&request.url),
            Some(form) => client
                .post(&request.url)
                .header("content-type", "application/x-www-form-urlencoded")
                .body(form.expose().to_owned()),
        };
        call = call.header("accept", "application/json");
        if let Some(credential) = &request.credential {
            call = call.header("authorization", credential.expose());
        }
        let mut answer = call.send().await.map_err(|error| failure(&error))?;
        let cache_control = answer.headers().get("cache-control");
        let max_age = cache_control.and_then(|value| max_age(value.to_str().ok()?));
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| failure(&error))? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_BYTES {
                return Err(ProviderFailure::Broken("more than 1 MB".to_owned()));
            }
        }
        Ok(ProviderResponse { status: answer.status().as_u16(), max_age, body })
    }
}

fn failure(error: &reqwest::Error) -> ProviderFailure {
    if error.is_timeout() {
        ProviderFailure::TimedOut
    } else if error.is_connect() {
        ProviderFailure::NotConnected
    } else {
        ProviderFailure::Broken(error.to_string())
    }
}

/// `max-age` of a `Cache-Control` (RFC 9111 section 5.2.2.1).
fn max_age(value: &str) -> Option<Duration> {
    let seconds = value.split(',').find_map(|part| part.trim().strip_prefix("max-age="))?;
    seconds.trim_matches('"').parse().ok().map(Duration::from_secs)
}

impl ProviderHttp for WebProviderHttp {
    fn send(
        &self,
        request: ProviderRequest,
    ) -> BoxFuture<'_, Result<ProviderResponse, ProviderFailure>> {
        Box::pin(self.call(request))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_says_who_it_is_in_a_header_or_in_the_form() {
        let fields = [("grant_type", "x"), ("code", "c&d"), ("a", "b"), ("e", "f")];
        let secret = Secret::new("s e:c");
        let request = ProviderRequest::token("https://p/token", fields, ("id", &secret), false);
        let credential = request.credential.expect("a header");
        assert_eq!(credential.expose(), format!("Basic {}", STANDARD.encode("id:s+e%3Ac")));
        let request = ProviderRequest::token("https://p/token", fields, ("id", &secret), true);
        assert!(request.credential.is_none());
        let form = request.form.expect("a form");
        assert!(form.expose().ends_with("client_id=id&client_secret=s+e%3Ac"));
        assert!(form.expose().contains("code=c%26d"));
    }

    #[test]
    fn ages_are_read() {
        assert_eq!(max_age("public, max-age=600"), Some(Duration::from_secs(600)));
        assert_eq!(max_age("no-store"), None);
    }
}
