//! A client of the local API, as a user of it would write one.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::Settings;
use crate::keys;

const TIMEOUT: Duration = Duration::from_secs(30);

/// The API with a token.
pub struct Api {
    client: reqwest::Client,
    base: String,
    token: String,
}

impl Api {
    /// As the demo user, with that role.
    pub fn of(settings: &Settings, role: &str) -> Result<Api> {
        let issuer = settings.keys().existing_issuer(&settings.public_url())?;
        let token = keys::issue(&issuer, role, keys::demo_user(), keys::demo_organization())?;
        Api::with_token(settings, &token)
    }

    /// With a token that somebody got by signing in.
    pub fn with_token(settings: &Settings, token: &str) -> Result<Api> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(TIMEOUT)
            .build()
            .context("no HTTP client")?;
        let base = format!("{}/api/v1", settings.public_url());
        Ok(Api { client, base, token: token.to_owned() })
    }

    pub fn token(&self) -> &str {
        &self.token
    }

    /// The representation, or none if there is no such thing.
    pub async fn get(&self, path: &str) -> Result<Option<Value>> {
        let (status, body) = self.call(Method::GET, path, None, None).await?;
        match status {
            StatusCode::OK => Ok(Some(body)),
            StatusCode::NOT_FOUND => Ok(None),
            _ => bail!("GET {path} answered {status}: {body}"),
        }
    }

    /// The answer to a POST that must succeed. With a key it may be sent again without harm.
    pub async fn post(&self, path: &str, body: &Value, key: Option<&str>) -> Result<Value> {
        let (status, answer) = self.call(Method::POST, path, Some(body), key).await?;
        if !status.is_success() {
            bail!("POST {path} answered {status}: {answer}");
        }
        Ok(answer)
    }

    /// The same, but every answer is told.
    pub async fn try_post(&self, path: &str, body: &Value) -> Result<(StatusCode, Value)> {
        self.call(Method::POST, path, Some(body), None).await
    }

    /// The answer to a PATCH that must succeed.
    pub async fn patch(&self, path: &str, body: &Value) -> Result<Value> {
        let (status, answer) = self.call(Method::PATCH, path, Some(body), None).await?;
        if !status.is_success() {
            bail!("PATCH {path} answered {status}: {answer}");
        }
        Ok(answer)
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        key: Option<&str>,
    ) -> Result<(StatusCode, Value)> {
        let url = format!("{}{path}", self.base);
        let mut request = self.client.request(method.clone(), url).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(body);
        }
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let answer =
            request.send().await.map_err(|error| anyhow!("{method} {path} failed: {error}"))?;
        let status = answer.status();
        let text = answer.text().await.with_context(|| format!("{method} {path} broke off"))?;
        Ok((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
    }
}
