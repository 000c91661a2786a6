//! The secrets of the rotation in Secrets Manager. Of the private ones it reads names of versions
//! (DescribeSecret), never a value.

use std::{collections::BTreeMap, fmt::Display};

use aws_sdk_secretsmanager::{Client, error::DisplayErrorContext};
use futures::future::BoxFuture;
use millwright_core::{Error, Result};

use crate::{
    rotation::KeyStages,
    secret::Secret,
    secrets::{JWKS, Secrets, SecretsManager, Stage, StoredKeys},
};

/// GetSecretValue and PutSecretValue of the public set; DescribeSecret, PutSecretValue and
/// UpdateSecretVersionStage of the private secrets.
#[derive(Clone, Debug)]
pub struct SecretStages {
    client: Client,
    /// `<prefix>/`.
    prefix: String,
    reader: SecretsManager,
}

/// What a version is called until it has a stage. Moving a stage from one version to another is one
/// call that says both; storing a version under a stage that another has is left to the service.
const MADE: &str = "made";

const STAGES: [Stage; 3] = [Stage::Next, Stage::Current, Stage::Previous];

fn failed(name: &str, error: impl Display) -> Error {
    Error::unavailable(format!("secret {name}: {error}"))
}

impl SecretStages {
    pub fn new(client: Client, prefix: &str) -> SecretStages {
        let reader = SecretsManager::new(client.clone(), prefix);
        SecretStages { client, prefix: format!("{prefix}/"), reader }
    }

    fn id(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}

impl KeyStages for SecretStages {
    fn published(&self) -> BoxFuture<'_, Result<Option<StoredKeys>>> {
        Box::pin(async {
            let Some(text) = self.reader.read(JWKS, None).await? else { return Ok(None) };
            let keys = serde_json::from_str(text.expose());
            keys.map(Some).map_err(|error| Error::internal(format!("{JWKS}: {error}")))
        })
    }

    fn publish<'a>(&'a self, keys: &'a StoredKeys) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let text = serde_json::to_string(keys).map_err(Error::internal)?;
            let request = self.client.put_secret_value().secret_id(self.id(JWKS));
            let sent = request.secret_string(text).send().await;
            sent.map(drop).map_err(|error| failed(JWKS, DisplayErrorContext(error)))
        })
    }

    fn put<'a>(
        &'a self,
        name: &'a str,
        version: &'a str,
        secret: &'a Secret,
        stage: Stage,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let request = self
                .client
                .put_secret_value()
                .secret_id(self.id(name))
                .client_request_token(version)
                .secret_string(secret.expose())
                .version_stages(MADE);
            match request.send().await {
                Ok(_) => {}
                // A run that died here has made it before: then that is the version.
                Err(error)
                    if error
                        .as_service_error()
                        .is_some_and(|error| error.is_resource_exists_exception()) => {}
                Err(error) => return Err(failed(name, DisplayErrorContext(error))),
            }
            self.move_stage(name, stage, Some(version)).await
        })
    }

    fn stages<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<BTreeMap<Stage, String>>> {
        Box::pin(async move {
            let sent = self.client.describe_secret().secret_id(self.id(name)).send().await;
            let found = sent.map_err(|error| failed(name, DisplayErrorContext(error)))?;
            let mut stages = BTreeMap::new();
            for (version, names) in found.version_ids_to_stages.unwrap_or_default() {
                for stage in STAGES {
                    if names.iter().any(|it| it == stage.name()) {
                        stages.insert(stage, version.clone());
                    }
                }
            }
            Ok(stages)
        })
    }

    fn move_stage<'a>(
        &'a self,
        name: &'a str,
        stage: Stage,
        to: Option<&'a str>,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let from = self.stages(name).await?.remove(&stage);
            if from.as_deref() == to {
                return Ok(());
            }
            let request = self
                .client
                .update_secret_version_stage()
                .secret_id(self.id(name))
                .version_stage(stage.name())
                .set_remove_from_version_id(from)
                .set_move_to_version_id(to.map(str::to_owned));
            let sent = request.send().await;
            sent.map(drop).map_err(|error| failed(name, DisplayErrorContext(error)))
        })
    }
}
