//! Letters: Simple Email Service, version 2.

use std::{fmt, time::Duration};

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use millwright_config::{AwsService, Config, ConfigError};
use millwright_core::{Clock, Error, Result};
use serde_json::{Value, json};

use crate::{
    endpoint::{Endpoint, EndpointParts, Timeouts, credentials},
    signer::Signer,
};

/// A letter in plain text to one address. Its Debug says nothing: it may hold secret links.
#[derive(Clone, PartialEq, Eq)]
pub struct Letter {
    pub to: String,
    pub subject: String,
    pub text: String,
}

impl fmt::Debug for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Letter")
    }
}

/// The installation's own address to send from. Cheap to clone.
#[derive(Clone)]
pub struct Mail {
    endpoint: Endpoint,
    from: String,
}

impl Mail {
    /// None if the installation has no address to send from.
    ///
    /// # Errors
    /// On the local stage with an address and without an endpoint.
    pub fn new(
        config: &Config,
        http: SharedHttpClient,
        clock: Clock,
    ) -> Result<Option<Mail>, ConfigError> {
        let Some(from) = config.mail_from.clone() else { return Ok(None) };
        let region = config.aws.region.clone();
        let origin = match config.endpoint(AwsService::Ses)? {
            Some(endpoint) => endpoint.trim_end_matches('/').to_owned(),
            None => format!("https://email.{region}.amazonaws.com"),
        };
        let signer = Signer { credentials: credentials(config)?, region, service: "ses" };
        // Once: who does not hear of a letter would send another.
        let timeouts =
            Timeouts { attempt: Duration::from_secs(3), call: Duration::from_secs(3), attempts: 1 };
        let endpoint = Endpoint::new(EndpointParts { origin, signer, http, clock, timeouts });
        Ok(Some(Mail { endpoint, from }))
    }

    /// Hands a letter over, once. One SendEmail, at most 3 seconds.
    ///
    /// # Errors
    /// `unavailable` if it is not known to be accepted.
    pub async fn send(&self, letter: &Letter) -> Result<()> {
        let text = |text: &str| json!({ "Data": text, "Charset": "UTF-8" });
        let body = json!({
            "FromEmailAddress": self.from,
            "Destination": { "ToAddresses": [letter.to] },
            "Content": { "Simple": {
                "Subject": text(&letter.subject),
                "Body": { "Text": text(&letter.text) },
            } },
        });
        let headers = vec![("content-type", "application/json".to_owned())];
        let path = "/v2/email/outbound-emails";
        let body = body.to_string().into_bytes();
        let answer = self.endpoint.call("POST", path, headers, body).await?;
        if answer.is_success() {
            return Ok(());
        }
        let kind = answer.header("x-amzn-errortype").unwrap_or("no type").to_owned();
        let parsed: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let message = parsed["message"].as_str().unwrap_or_default();
        // It may name the address.
        let message = message.replace(&letter.to, "…");
        Err(Error::unavailable(format!("SendEmail: {} {kind} {message}", answer.status)))
    }
}
