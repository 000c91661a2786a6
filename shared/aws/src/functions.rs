//! Direct invokes of other services' functions (specs auth 5.10).

use std::time::Duration;

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use millwright_config::{AwsService, Config, ConfigError};
use millwright_core::{Clock, Error, Result};
use serde_json::{Value, json};

use crate::{
    endpoint::{Endpoint, EndpointParts, Timeouts, credentials},
    signer::Signer,
};

/// Functions of the installation that this one may invoke. Cheap to clone.
#[derive(Clone)]
pub struct Functions {
    endpoint: Endpoint,
    config: Config,
}

/// What an operation answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Called {
    pub status: u16,
    /// JSON; null without a body.
    pub body: Value,
}

impl Functions {
    /// # Errors
    /// On the local stage without an endpoint.
    pub fn new(
        config: &Config,
        http: SharedHttpClient,
        clock: Clock,
    ) -> Result<Functions, ConfigError> {
        let region = config.aws.region.clone();
        let origin = match config.endpoint(AwsService::Lambda)? {
            Some(endpoint) => endpoint.trim_end_matches('/').to_owned(),
            None => format!("https://lambda.{region}.amazonaws.com"),
        };
        let signer = Signer { credentials: credentials(config)?, region, service: "lambda" };
        // The caller decides what may be tried again: an operation may have happened.
        let timeouts =
            Timeouts { attempt: Duration::from_secs(3), call: Duration::from_secs(3), attempts: 1 };
        let endpoint = Endpoint::new(EndpointParts { origin, signer, http, clock, timeouts });
        Ok(Functions { endpoint, config: config.clone() })
    }

    /// Calls an operation with a JSON body, as an event of the gateway's form that no gateway has
    /// sent. `path` may end with a query; `headers` say who calls. One Invoke, at most 3 seconds.
    ///
    /// # Errors
    /// `unavailable` if the function does not answer, or fails outside of its router.
    pub async fn call(
        &self,
        function: &str,
        method: &'static str,
        path: &str,
        headers: &[(&str, String)],
        body: &Value,
    ) -> Result<Called> {
        let name = self.config.invoked_name(function);
        let event = event(method, path, headers, body);
        let path = format!("/2015-03-31/functions/{name}/invocations");
        let json = vec![("content-type", "application/json".to_owned())];
        let answer =
            self.endpoint.call("POST", &path, json, event.to_string().into_bytes()).await?;
        let failed = |what: &str| Error::unavailable(format!("function {name}: {what}"));
        if !answer.is_success() {
            let text: String = String::from_utf8_lossy(&answer.body).chars().take(200).collect();
            return Err(failed(&format!("invoke answered {}: {text}", answer.status)));
        }
        if answer.header("x-amz-function-error").is_some() {
            return Err(failed("it ended with an error"));
        }
        let answered: Value =
            serde_json::from_slice(&answer.body).map_err(|_| failed("its answer is no JSON"))?;
        let status = answered["statusCode"].as_u64().and_then(|status| u16::try_from(status).ok());
        let text = answered["body"].as_str().unwrap_or_default();
        Ok(Called {
            status: status.ok_or_else(|| failed("its answer has no status"))?,
            body: serde_json::from_str(text).unwrap_or_default(),
        })
    }
}

/// Without `apiId` and on the stage `internal`: so the callee knows that it comes from inside.
fn event(method: &str, path: &str, headers: &[(&str, String)], body: &Value) -> Value {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let mut all = json!({ "content-type": "application/json" });
    for (name, value) in headers {
        all[*name] = value.as_str().into();
    }
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": all,
        "requestContext": {
            "stage": "internal",
            "http": { "method": method, "path": path },
        },
        "body": body.to_string(),
        "isBase64Encoded": false,
    })
}
