//! Settings of the installation: Systems Manager's parameter store.

use std::time::Duration;

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use millwright_config::{AwsService, Config, ConfigError};
use millwright_core::{Clock, Error, Result};
use serde_json::{Value, json};

use crate::{
    endpoint::{Endpoint, EndpointParts, Timeouts, credentials},
    signer::Signer,
};

/// Parameters `/<prefix>/<name>`. Cheap to clone.
#[derive(Clone)]
pub struct Parameters {
    endpoint: Endpoint,
    prefix: String,
}

impl Parameters {
    /// # Errors
    /// On the local stage without an endpoint.
    pub fn new(
        config: &Config,
        http: SharedHttpClient,
        clock: Clock,
    ) -> Result<Parameters, ConfigError> {
        let region = config.aws.region.clone();
        let origin = match config.endpoint(AwsService::Ssm)? {
            Some(endpoint) => endpoint.trim_end_matches('/').to_owned(),
            None => format!("https://ssm.{region}.amazonaws.com"),
        };
        let signer = Signer { credentials: credentials(config)?, region, service: "ssm" };
        let second = Duration::from_secs(1);
        let timeouts = Timeouts { attempt: 2 * second, call: 5 * second, attempts: 3 };
        let endpoint = Endpoint::new(EndpointParts { origin, signer, http, clock, timeouts });
        Ok(Parameters { endpoint, prefix: config.prefix.clone() })
    }

    /// The text of a parameter; none if it was never set. One GetParameter.
    ///
    /// # Errors
    /// `unavailable` if it cannot be read.
    pub async fn get(&self, name: &str) -> Result<Option<String>> {
        let name = format!("/{}/{name}", self.prefix);
        let headers = vec![
            ("content-type", "application/x-amz-json-1.1".to_owned()),
            ("x-amz-target", "AmazonSSM.GetParameter".to_owned()),
        ];
        let body = json!({ "Name": name }).to_string().into_bytes();
        let answer = self.endpoint.call("POST", "/", headers, body).await?;
        let parsed: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        if answer.is_success() {
            return Ok(parsed["Parameter"]["Value"].as_str().map(str::to_owned));
        }
        let kind = parsed["__type"].as_str().unwrap_or("no type");
        if kind.ends_with("ParameterNotFound") {
            return Ok(None);
        }
        Err(Error::unavailable(format!("parameter {name}: {} {kind}", answer.status)))
    }
}
