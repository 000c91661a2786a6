//! Where a local stack lives: its folder, its ports, and what its functions are told.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow};
use millwright_config::{Config, variable};

use crate::{emulator, emulator::free_port, http, keys::Keys, paths};

/// One local stack.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Data, keys and logs are below it.
    pub folder: PathBuf,
    pub ports: Ports,
    /// Keeps its data from one start to the next.
    pub is_persistent: bool,
    /// Identity providers beside the stack's own, which somebody else starts.
    pub providers: Vec<OtherProvider>,
}

/// An identity provider on loopback; its client is `millwright`, with the secret `local`.
#[derive(Clone, Copy, Debug)]
pub struct OtherProvider {
    pub id: &'static str,
    pub port: u16,
}

/// The loopback ports of a stack.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    /// The API, and cargo-lambda's invoke API.
    pub api: u16,
    /// ministack: S3, SQS, EventBridge, Secrets Manager.
    pub emulator: u16,
    /// dynoxide: DynamoDB.
    pub database: u16,
    /// oidc-provider-mock: whom people sign in with.
    pub provider: u16,
    /// The stand-in for models, where `dev` finds none.
    pub models: u16,
}

impl Ports {
    /// Some that were free a moment ago.
    pub fn free() -> Result<Ports> {
        Ok(Ports {
            api: free_port()?,
            emulator: free_port()?,
            database: free_port()?,
            provider: free_port()?,
            models: free_port()?,
        })
    }

    /// # Errors
    /// Names the port in use and how to take another.
    pub fn check(&self) -> Result<()> {
        for (port, what, flag, name) in [
            (self.api, "the API", "--port", "MILLWRIGHT_DEV_PORT"),
            (self.emulator, "the AWS emulator", "--emulator-port", "MILLWRIGHT_DEV_EMULATOR_PORT"),
            (self.database, "DynamoDB", "--database-port", "MILLWRIGHT_DEV_DATABASE_PORT"),
            (
                self.provider,
                "the identity provider",
                "--provider-port",
                "MILLWRIGHT_DEV_PROVIDER_PORT",
            ),
            (self.models, "the stand-in for models", "--models-port", "MILLWRIGHT_DEV_MODELS_PORT"),
        ] {
            if http::is_open(port) {
                return Err(anyhow!(
                    "port {port} is in use; stop what listens there, or take another one for \
                     {what}: `cargo xtask dev {flag} <port>` (or set {name})"
                ));
            }
        }
        Ok(())
    }
}

impl Settings {
    pub const PREFIX: &str = "mw";

    pub fn public_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.api)
    }

    pub fn keys(&self) -> Keys {
        Keys::in_folder(self.folder.join("keys"))
    }

    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    pub fn log(&self, name: &str) -> PathBuf {
        self.folder.join("log").join(format!("{name}.log"))
    }

    /// The environment of function processes: nothing else reaches them.
    pub fn variables(&self) -> BTreeMap<&'static str, String> {
        BTreeMap::from([
            (variable::STAGE, "local".to_owned()),
            (variable::PREFIX, Settings::PREFIX.to_owned()),
            (variable::PUBLIC_URL, self.public_url()),
            (variable::OUTBOX_SERVICES, outbox_services()),
            // A model server of the developer's own.
            (variable::ALLOWED_PRIVATE_HOSTS, "localhost,127.0.0.1".to_owned()),
            // One developer is no crowd; what limits do is tested elsewhere.
            (variable::REQUESTS_PER_SECOND, "10000".to_owned()),
            ("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{}", self.ports.emulator)),
            // cargo-lambda, which runs the functions, lets them be invoked where it serves the API.
            ("AWS_ENDPOINT_URL_LAMBDA", self.public_url()),
            ("AWS_ENDPOINT_URL_DYNAMODB", format!("http://127.0.0.1:{}", self.ports.database)),
            ("AWS_ACCESS_KEY_ID", emulator::ACCOUNT.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
            ("AWS_REGION", "eu-central-1".to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ])
    }

    /// The same as our own clients read it.
    pub fn config(&self) -> Result<Config> {
        let variables = self.variables();
        Config::from_variables(|name| variables.get(name).cloned())
            .context("the local configuration is wrong")
    }

    /// Leaves a note of where the stack is, for `cargo xtask token`.
    pub fn remember(&self) -> Result<()> {
        paths::create(&self.folder)?;
        paths::replace(&self.folder.join("url"), self.public_url())
    }

    /// Where the stack of that folder was last.
    pub fn last_public_url(folder: &Path) -> Option<String> {
        fs::read_to_string(folder.join("url")).ok()
    }
}

/// Whom the relay serves.
fn outbox_services() -> String {
    let services = all::services();
    let with_outbox =
        services.iter().filter(|service| service.table.is_some_and(|table| table.has_outbox));
    with_outbox.map(|service| service.name).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use millwright_config::AwsService;

    use super::*;

    fn settings(ports: Ports) -> Settings {
        let folder = PathBuf::from("unused");
        Settings { folder, ports, is_persistent: false, providers: Vec::new() }
    }

    #[test]
    fn functions_are_told_all_they_need_and_reach_loopback_only() {
        let config = settings(Ports { api: 1, emulator: 2, database: 3, provider: 4, models: 5 })
            .config()
            .expect("complete");
        assert!(config.stage.is_local());
        assert_eq!(config.issuer(), "http://127.0.0.1:1/api/v1");
        assert_eq!(config.endpoint(AwsService::DynamoDb), Ok(Some("http://127.0.0.1:3")));
        for service in
            [AwsService::EventBridge, AwsService::S3, AwsService::SecretsManager, AwsService::Sqs]
        {
            assert_eq!(config.endpoint(service), Ok(Some("http://127.0.0.1:2")));
        }
    }

    #[test]
    fn a_port_in_use_is_named_with_the_remedy() {
        let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let mut ports = Ports::free().expect("free ports");
        ports.check().expect("they are free");
        ports.emulator = taken.local_addr().expect("an address").port();
        let error = ports.check().expect_err("it is taken").to_string();
        assert!(error.contains(&ports.emulator.to_string()), "{error}");
        assert!(error.contains("--emulator-port"), "{error}");
    }
}
