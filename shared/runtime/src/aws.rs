//! AWS clients: one HTTP client for all of them, with Amazon's root certificates only. Loading the
//! system's took more than half of a function's start.

use std::time::Duration;

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_http_client::{
    Builder,
    tls::{self, TlsContext, TrustStore},
};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::{retry::RetryConfig, timeout::TimeoutConfig};
use aws_types::{SdkConfig, region::Region};
use millwright_aws::{Functions, Mail, MasterKey, Parameters};
use millwright_config::{AwsService, Config, ConfigError};
use millwright_core::Clock;
use millwright_files::Files;

use crate::StartError;

/// The certificates that sign Amazon's servers (<https://www.amazontrust.com/repository/>); a test
/// compares them with Mozilla's list.
pub const AMAZON_ROOTS: &str = include_str!("amazon-roots.pem");

/// Builds clients as they are asked for.
#[derive(Clone, Debug)]
pub struct Clients {
    config: Config,
    http: SharedHttpClient,
}

#[allow(clippy::disallowed_methods, reason = "the one place that makes clients")]
impl Clients {
    /// # Errors
    /// If the root certificates cannot be read.
    pub fn new(config: &Config) -> Result<Clients, StartError> {
        Ok(Clients { config: config.clone(), http: http_client()? })
    }

    /// With an HTTP client of the caller's choice: tests count calls and inject failures there.
    pub fn with_http_client(config: &Config, http: SharedHttpClient) -> Clients {
        Clients { config: config.clone(), http }
    }

    /// # Errors
    /// On the local stage without an endpoint.
    pub fn dynamodb(&self) -> Result<aws_sdk_dynamodb::Client, ConfigError> {
        Ok(aws_sdk_dynamodb::Client::new(&self.sdk_config(AwsService::DynamoDb)?))
    }

    /// # Errors
    /// On the local stage without an endpoint.
    pub fn eventbridge(&self) -> Result<aws_sdk_eventbridge::Client, ConfigError> {
        Ok(aws_sdk_eventbridge::Client::new(&self.sdk_config(AwsService::EventBridge)?))
    }

    /// # Errors
    /// On the local stage without an endpoint.
    pub fn secretsmanager(&self) -> Result<aws_sdk_secretsmanager::Client, ConfigError> {
        Ok(aws_sdk_secretsmanager::Client::new(&self.sdk_config(AwsService::SecretsManager)?))
    }

    /// # Errors
    /// On the local stage without an endpoint.
    pub fn sqs(&self) -> Result<aws_sdk_sqs::Client, ConfigError> {
        Ok(aws_sdk_sqs::Client::new(&self.sdk_config(AwsService::Sqs)?))
    }

    /// The bucket of a service.
    ///
    /// # Errors
    /// On the local stage without an endpoint.
    pub fn files(&self, service: &str, clock: Clock) -> Result<Files, ConfigError> {
        Files::new(&self.config, service, self.http.clone(), clock)
    }

    /// Settings of the installation.
    ///
    /// # Errors
    /// On the local stage without an endpoint.
    pub fn parameters(&self, clock: Clock) -> Result<Parameters, ConfigError> {
        Parameters::new(&self.config, self.http.clone(), clock)
    }

    /// Functions of other services.
    ///
    /// # Errors
    /// On the local stage without an endpoint.
    pub fn functions(&self, clock: Clock) -> Result<Functions, ConfigError> {
        Functions::new(&self.config, self.http.clone(), clock)
    }

    /// The address to send letters from, if the installation has one.
    ///
    /// # Errors
    /// On the local stage with an address and without an endpoint.
    pub fn mail(&self, clock: Clock) -> Result<Option<Mail>, ConfigError> {
        Mail::new(&self.config, self.http.clone(), clock)
    }

    /// The master key of a service.
    ///
    /// # Errors
    /// On the local stage without an endpoint.
    pub fn master_key(&self, service: &str, clock: Clock) -> Result<MasterKey, ConfigError> {
        MasterKey::new(&self.config, service, self.http.clone(), clock)
    }

    fn sdk_config(&self, service: AwsService) -> Result<SdkConfig, ConfigError> {
        let aws = &self.config.aws;
        let mut builder = SdkConfig::builder()
            .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::latest())
            .region(Region::new(aws.region.clone()))
            .http_client(self.http.clone())
            .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
            .retry_config(RetryConfig::standard().with_max_attempts(3))
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(Duration::from_secs(2))
                    .operation_attempt_timeout(Duration::from_secs(2))
                    .operation_timeout(Duration::from_secs(5))
                    .build(),
            );
        if let Some(credentials) = &aws.credentials {
            let credentials = Credentials::new(
                &credentials.access_key_id,
                &credentials.secret_access_key,
                credentials.session_token.clone(),
                None,
                "environment",
            );
            builder = builder.credentials_provider(SharedCredentialsProvider::new(credentials));
        }
        if let Some(endpoint) = self.config.endpoint(service)? {
            builder = builder.endpoint_url(endpoint);
        }
        Ok(builder.build())
    }
}

/// # Errors
/// If the root certificates cannot be read.
pub fn http_client() -> Result<SharedHttpClient, StartError> {
    let roots = TrustStore::empty().with_pem_certificate(AMAZON_ROOTS.as_bytes());
    let context = TlsContext::builder().with_trust_store(roots).build()?;
    Ok(Builder::new()
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc))
        .tls_context(context)
        .build_https())
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::STANDARD};

    /// Whose certificates sign Amazon's endpoints.
    fn is_amazons(der: &[u8]) -> bool {
        ["Amazon Root CA", "Starfield Services Root Certificate Authority - G2"]
            .iter()
            .any(|name| der.windows(name.len()).any(|window| window == name.as_bytes()))
    }

    fn pem(der: &[u8]) -> String {
        let body = STANDARD.encode(der);
        let lines: Vec<&str> = body
            .as_bytes()
            .chunks(64)
            .map(|line| std::str::from_utf8(line).expect("base64 is ASCII"))
            .collect();
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
    }

    #[test]
    fn our_roots_are_amazons_of_mozillas_list() {
        let current: String = webpki_root_certs::TLS_SERVER_ROOT_CERTS
            .iter()
            .filter(|certificate| is_amazons(certificate))
            .map(|certificate| pem(certificate))
            .collect();
        assert_eq!(current.matches("BEGIN").count(), 5);
        // To renew: MILLWRIGHT_RENEW_ROOTS=1 cargo test -p millwright-runtime roots
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/amazon-roots.pem");
        if option_env!("MILLWRIGHT_RENEW_ROOTS").is_some() {
            std::fs::write(path, &current).expect("writable");
        }
        assert_eq!(std::fs::read_to_string(path).expect("there"), current);
    }
}
