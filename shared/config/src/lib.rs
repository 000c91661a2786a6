//! The only reader of the environment. Everything a function is told from outside is a field of
//! [`Config`], read once at its start; a bad or missing value names its variable.

mod stage;

use std::fmt;

pub use stage::Stage;

/// Names of the variables that templates and `cargo xtask dev` set.
pub mod variable {
    pub const STAGE: &str = "MILLWRIGHT_STAGE";
    pub const PREFIX: &str = "MILLWRIGHT_PREFIX";
    pub const PUBLIC_URL: &str = "MILLWRIGHT_PUBLIC_URL";
    pub const AUDIENCE: &str = "MILLWRIGHT_AUDIENCE";
    pub const ALLOWED_ORIGINS: &str = "MILLWRIGHT_ALLOWED_ORIGINS";
    pub const ORIGIN_SECRET_SHA256: &str = "MILLWRIGHT_ORIGIN_SECRET_SHA256";
    pub const FUNCTION: &str = "MILLWRIGHT_FUNCTION";
    pub const LOG_LEVEL: &str = "MILLWRIGHT_LOG_LEVEL";
    pub const REQUESTS_PER_SECOND: &str = "MILLWRIGHT_REQUESTS_PER_SECOND";
    pub const OUTBOX_SERVICES: &str = "MILLWRIGHT_OUTBOX_SERVICES";
    pub const BUCKET: &str = "MILLWRIGHT_BUCKET";
    pub const MAIL_FROM: &str = "MILLWRIGHT_MAIL_FROM";
    pub const FUNCTION_URL: &str = "MILLWRIGHT_FUNCTION_URL";
    pub const ALLOWED_PRIVATE_HOSTS: &str = "MILLWRIGHT_ALLOWED_PRIVATE_HOSTS";
    pub const PROJECT_CACHE_SECONDS: &str = "MILLWRIGHT_PROJECT_CACHE_SECONDS";
}

/// What a function knows of where it runs.
#[derive(Clone, Debug)]
pub struct Config {
    pub stage: Stage,
    /// First part of every resource name; at most 16 characters.
    pub prefix: String,
    /// The service function this process is, e.g. `planning-api`.
    pub function: String,
    /// Origin of the API; the token issuer is `<public_url>/api/v1`.
    pub public_url: String,
    /// `aud` of access tokens.
    pub audience: String,
    /// Browser origins answered by CORS; none by default.
    pub allowed_origins: Vec<String>,
    /// SHA-256 of the secret by which a CloudFront distribution in front of us says who it is; without
    /// it no header says where a caller is.
    pub origin_secret_sha256: Option<[u8; 32]>,
    pub log_level: String,
    /// Sustained requests per second and caller of one function instance; bursts are twice that.
    pub requests_per_second: u32,
    /// How long the head of a project may be served from memory, in seconds; at most 60.
    pub project_cache_seconds: u32,
    /// The services whose tables have an outbox; the relay alone is told.
    pub outbox_services: Vec<String>,
    /// The address letters come from; without one none are sent. Told to functions that send some.
    pub mail_from: Option<String>,
    /// Where another function of the service has a URL of its own; none locally, where everything
    /// has the same origin.
    pub function_url: Option<String>,
    /// Hosts of the installation's own network that may be called; none by default.
    pub allowed_private_hosts: Vec<String>,
    /// The bucket of the function's service, as CloudFormation called it.
    bucket: Option<String>,
    pub aws: Aws,
}

/// How to reach AWS, or what stands in for it.
#[derive(Clone, Debug)]
pub struct Aws {
    pub region: String,
    pub credentials: Option<Credentials>,
    endpoints: Endpoints,
}

/// Endpoint overrides; a hand-built SDK configuration does not read them itself.
#[derive(Clone, Debug, Default)]
struct Endpoints {
    all: Option<String>,
    dynamodb: Option<String>,
    eventbridge: Option<String>,
    s3: Option<String>,
    secretsmanager: Option<String>,
    sqs: Option<String>,
    lambda: Option<String>,
    ssm: Option<String>,
    kms: Option<String>,
    sesv2: Option<String>,
}

/// The AWS services Millwright calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AwsService {
    DynamoDb,
    EventBridge,
    S3,
    SecretsManager,
    Sqs,
    Lambda,
    Ssm,
    Kms,
    Ses,
}

/// Credentials of the function's role. Debug prints the key id only.
#[derive(Clone)]
pub struct Credentials {
    pub access_key_id: String,
    pub secret_access_key: String,
    pub session_token: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("access_key_id", &self.access_key_id).finish()
    }
}

/// A variable that is missing or wrong.
#[derive(Debug, PartialEq, Eq)]
pub struct ConfigError {
    pub variable: &'static str,
    pub detail: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "environment variable {}: {}", self.variable, self.detail)
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    /// # Errors
    /// Names the variable that is missing or wrong.
    #[allow(clippy::disallowed_methods, reason = "this is the one place that reads it")]
    pub fn from_environment() -> Result<Config, ConfigError> {
        Config::from_variables(|name| std::env::var(name).ok())
    }

    /// The same from any source of variables.
    ///
    /// # Errors
    /// Names the variable that is missing or wrong.
    pub fn from_variables(read: impl Fn(&str) -> Option<String>) -> Result<Config, ConfigError> {
        let optional = |name: &str| read(name).filter(|value| !value.is_empty());
        let required = |variable: &'static str| {
            optional(variable)
                .ok_or_else(|| ConfigError { variable, detail: "is not set".to_owned() })
        };
        let number = |variable: &'static str, default: u32| match optional(variable) {
            None => Ok(default),
            Some(text) => text.parse().map_err(|_| ConfigError {
                variable,
                detail: format!("must be a whole number, is {text:?}"),
            }),
        };
        let stage = Stage::parse(&required(variable::STAGE)?)
            .map_err(|detail| ConfigError { variable: variable::STAGE, detail })?;
        let prefix = required(variable::PREFIX)?;
        if prefix.len() > 16 {
            let detail = format!("must have at most 16 characters, has {}", prefix.len());
            return Err(ConfigError { variable: variable::PREFIX, detail });
        }
        let function = function_name(&prefix, &optional);
        let credentials = match (optional("AWS_ACCESS_KEY_ID"), optional("AWS_SECRET_ACCESS_KEY")) {
            (Some(access_key_id), Some(secret_access_key)) => Some(Credentials {
                access_key_id,
                secret_access_key,
                session_token: optional("AWS_SESSION_TOKEN"),
            }),
            _ => None,
        };
        Ok(Config {
            stage,
            function,
            public_url: required(variable::PUBLIC_URL)?.trim_end_matches('/').to_owned(),
            audience: optional(variable::AUDIENCE).unwrap_or_else(|| "millwright".to_owned()),
            allowed_origins: origins(list(optional(variable::ALLOWED_ORIGINS)))?,
            origin_secret_sha256: optional(variable::ORIGIN_SECRET_SHA256)
                .map(|text| sha256(&text))
                .transpose()?,
            outbox_services: list(optional(variable::OUTBOX_SERVICES)),
            mail_from: optional(variable::MAIL_FROM),
            function_url: optional(variable::FUNCTION_URL)
                .map(|url| url.trim_end_matches('/').to_owned()),
            allowed_private_hosts: list(optional(variable::ALLOWED_PRIVATE_HOSTS)),
            bucket: optional(variable::BUCKET),
            log_level: optional(variable::LOG_LEVEL).unwrap_or_else(|| "info".to_owned()),
            requests_per_second: number(variable::REQUESTS_PER_SECOND, 100)?,
            project_cache_seconds: number(variable::PROJECT_CACHE_SECONDS, 60)?.min(60),
            aws: Aws {
                region: optional("AWS_REGION")
                    .or_else(|| optional("AWS_DEFAULT_REGION"))
                    .ok_or_else(|| ConfigError {
                        variable: "AWS_REGION",
                        detail: "is not set".to_owned(),
                    })?,
                credentials,
                endpoints: Endpoints {
                    all: optional("AWS_ENDPOINT_URL"),
                    dynamodb: optional("AWS_ENDPOINT_URL_DYNAMODB"),
                    eventbridge: optional("AWS_ENDPOINT_URL_EVENTBRIDGE"),
                    s3: optional("AWS_ENDPOINT_URL_S3"),
                    secretsmanager: optional("AWS_ENDPOINT_URL_SECRETS_MANAGER"),
                    sqs: optional("AWS_ENDPOINT_URL_SQS"),
                    lambda: optional("AWS_ENDPOINT_URL_LAMBDA"),
                    ssm: optional("AWS_ENDPOINT_URL_SSM"),
                    kms: optional("AWS_ENDPOINT_URL_KMS"),
                    sesv2: optional("AWS_ENDPOINT_URL_SESV2"),
                },
            },
            prefix,
        })
    }

    /// The `iss` of access tokens.
    pub fn issuer(&self) -> String {
        format!("{}/api/v1", self.public_url)
    }

    /// `<prefix>-<name>`: how tables, queues and functions are called.
    pub fn resource(&self, name: &str) -> String {
        format!("{}-{name}", self.prefix)
    }

    /// How to invoke a function: deployed as `<prefix>-<function>`, run locally as `<function>`.
    pub fn invoked_name(&self, function: &str) -> String {
        if self.stage.is_local() { function.to_owned() } else { self.resource(function) }
    }

    /// The bucket of a service. Bucket names are the whole world's, so CloudFormation makes one up
    /// and tells the functions; locally it is called as everything else, `<prefix>-<service>`.
    pub fn bucket(&self, service: &str) -> String {
        self.bucket.clone().unwrap_or_else(|| self.resource(service))
    }

    /// `<prefix>/<name>`: how secrets are called.
    pub fn secret(&self, name: &str) -> String {
        format!("{}/{name}", self.prefix)
    }

    /// The endpoint to use for an AWS service, if not the real one.
    ///
    /// # Errors
    /// On the local stage without an endpoint: nothing there may call the real cloud by accident.
    pub fn endpoint(&self, service: AwsService) -> Result<Option<&str>, ConfigError> {
        let endpoints = &self.aws.endpoints;
        let (variable, own) = match service {
            AwsService::DynamoDb => ("AWS_ENDPOINT_URL_DYNAMODB", &endpoints.dynamodb),
            AwsService::EventBridge => ("AWS_ENDPOINT_URL_EVENTBRIDGE", &endpoints.eventbridge),
            AwsService::S3 => ("AWS_ENDPOINT_URL_S3", &endpoints.s3),
            AwsService::SecretsManager => {
                ("AWS_ENDPOINT_URL_SECRETS_MANAGER", &endpoints.secretsmanager)
            }
            AwsService::Sqs => ("AWS_ENDPOINT_URL_SQS", &endpoints.sqs),
            AwsService::Lambda => ("AWS_ENDPOINT_URL_LAMBDA", &endpoints.lambda),
            AwsService::Ssm => ("AWS_ENDPOINT_URL_SSM", &endpoints.ssm),
            AwsService::Kms => ("AWS_ENDPOINT_URL_KMS", &endpoints.kms),
            AwsService::Ses => ("AWS_ENDPOINT_URL_SESV2", &endpoints.sesv2),
        };
        let endpoint = own.as_deref().or(endpoints.all.as_deref());
        if endpoint.is_none() && self.stage.is_local() {
            let detail = "is not set, nor is AWS_ENDPOINT_URL: the local stage never calls the \
                          real cloud; start with `cargo xtask dev`"
                .to_owned();
            return Err(ConfigError { variable, detail });
        }
        Ok(endpoint)
    }
}

/// 64 hexadecimal digits, as `sha256sum` prints them.
fn sha256(text: &str) -> Result<[u8; 32], ConfigError> {
    let wrong = || ConfigError {
        variable: variable::ORIGIN_SECRET_SHA256,
        detail: "must be the SHA-256 of the secret in 64 hexadecimal digits".to_owned(),
    };
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return Err(wrong());
    }
    for (index, byte) in bytes.iter_mut().enumerate() {
        let digits = text.get(2 * index..2 * index + 2).ok_or_else(wrong)?;
        *byte = u8::from_str_radix(digits, 16).map_err(|_| wrong())?;
    }
    Ok(bytes)
}

/// Origins as browsers send them: scheme and host, no path, no wildcard.
fn origins(origins: Vec<String>) -> Result<Vec<String>, ConfigError> {
    let is_origin = |origin: &String| {
        let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        host.is_some_and(|host| !host.is_empty() && !host.contains(['/', '*', '?', '#', '@', ' ']))
    };
    match origins.iter().find(|origin| !is_origin(origin)) {
        None => Ok(origins),
        Some(wrong) => Err(ConfigError {
            variable: variable::ALLOWED_ORIGINS,
            detail: format!("must be origins such as https://app.example.org, has {wrong:?}"),
        }),
    }
}

/// A list separated by commas.
fn list(text: Option<String>) -> Vec<String> {
    let text = text.unwrap_or_default();
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// `MILLWRIGHT_FUNCTION` if set; else Lambda's own name without the prefix.
fn function_name(prefix: &str, optional: &impl Fn(&str) -> Option<String>) -> String {
    if let Some(function) = optional(variable::FUNCTION) {
        return function;
    }
    let name = optional("AWS_LAMBDA_FUNCTION_NAME").or_else(|| optional("_HANDLER"));
    let name = name.unwrap_or_default();
    match name.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('-')) {
        Some(rest) => rest.to_owned(),
        None => name,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn variables(more: &[(&str, &str)]) -> HashMap<String, String> {
        let mut all = HashMap::from([
            ("MILLWRIGHT_STAGE".to_owned(), "local".to_owned()),
            ("MILLWRIGHT_PREFIX".to_owned(), "mw".to_owned()),
            ("MILLWRIGHT_PUBLIC_URL".to_owned(), "http://127.0.0.1:9000/".to_owned()),
            ("AWS_REGION".to_owned(), "eu-central-1".to_owned()),
        ]);
        all.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        all
    }

    fn config(more: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let variables = variables(more);
        Config::from_variables(|name| variables.get(name).cloned())
    }

    #[test]
    fn the_local_stage_never_reaches_the_real_cloud() {
        let local = config(&[]).expect("complete");
        for service in [
            AwsService::DynamoDb,
            AwsService::EventBridge,
            AwsService::S3,
            AwsService::SecretsManager,
            AwsService::Sqs,
            AwsService::Lambda,
            AwsService::Ssm,
            AwsService::Kms,
            AwsService::Ses,
        ] {
            assert!(local.endpoint(service).is_err(), "{service:?}");
        }
        let emulated = config(&[("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")]).expect("complete");
        assert_eq!(emulated.endpoint(AwsService::Sqs), Ok(Some("http://127.0.0.1:4566")));
    }

    #[test]
    fn a_service_has_its_own_endpoint_before_the_common_one() {
        let config = config(&[
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:4566"),
            ("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:8000"),
        ])
        .expect("complete");
        assert_eq!(config.endpoint(AwsService::DynamoDb), Ok(Some("http://127.0.0.1:8000")));
        assert_eq!(config.endpoint(AwsService::Sqs), Ok(Some("http://127.0.0.1:4566")));
    }

    #[test]
    fn a_deployed_stage_uses_the_real_endpoints() {
        let deployed = config(&[("MILLWRIGHT_STAGE", "production")]).expect("complete");
        assert_eq!(deployed.endpoint(AwsService::DynamoDb), Ok(None));
    }

    #[test]
    fn wrong_values_name_their_variable() {
        for (name, value) in [
            ("MILLWRIGHT_STAGE", "Local!"),
            ("MILLWRIGHT_STAGE", ""),
            ("MILLWRIGHT_PREFIX", "a-prefix-that-is-too-long"),
            ("MILLWRIGHT_REQUESTS_PER_SECOND", "many"),
            ("MILLWRIGHT_ALLOWED_ORIGINS", "*"),
            ("MILLWRIGHT_ALLOWED_ORIGINS", "https://app.example.org/"),
            ("AWS_REGION", ""),
        ] {
            assert_eq!(config(&[(name, value)]).expect_err(value).variable, name);
        }
    }

    #[test]
    fn the_function_is_known_by_lambdas_name_or_by_its_own() {
        let name = |more: &[(&str, &str)]| config(more).expect("complete").function;
        assert_eq!(name(&[("AWS_LAMBDA_FUNCTION_NAME", "mw-planning-api")]), "planning-api");
        assert_eq!(name(&[("AWS_LAMBDA_FUNCTION_NAME", "planning-api")]), "planning-api");
        let both = [("AWS_LAMBDA_FUNCTION_NAME", "_"), ("MILLWRIGHT_FUNCTION", "relay")];
        assert_eq!(name(&both), "relay");
    }

    #[test]
    fn a_bucket_is_called_as_the_template_says_or_as_everything_else() {
        let local = config(&[]).expect("complete");
        assert_eq!(local.bucket("planning"), "mw-planning");
        let deployed = config(&[("MILLWRIGHT_BUCKET", "mw-bucket-1a2b3c")]).expect("complete");
        assert_eq!(deployed.bucket("planning"), "mw-bucket-1a2b3c");
    }

    #[test]
    fn credentials_print_nothing_secret() {
        let config = config(&[("AWS_ACCESS_KEY_ID", "AKIA1"), ("AWS_SECRET_ACCESS_KEY", "hidden")])
            .expect("complete");
        assert!(!format!("{config:?}").contains("hidden"));
    }
}
