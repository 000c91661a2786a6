//! Secrets Manager: one secret for each of ours, `<prefix>/<organization>/<secret>`.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Display,
    time::Duration,
};

use aws_lc_rs::digest;
use aws_sdk_secretsmanager::{Client, error::DisplayErrorContext};
use futures::future::BoxFuture;
use millwright_core::{Error, OrgId, Result};

use super::{SecretStore, Spot};
use crate::{
    codes,
    domain::{Plaintext, SecretId},
};

/// Values as they are in Secrets Manager, as JSON; its own key encrypts them. Each version has the
/// label `v<number>` as long as it is kept.
#[derive(Clone, Debug)]
pub struct SecretsManager {
    client: Client,
    /// `<prefix>/`.
    prefix: String,
}

const CURRENT: &str = "AWSCURRENT";
/// What BatchGetSecretValue gives at once.
const AT_ONCE: usize = 20;

fn unavailable(error: impl Display) -> Error {
    Error::new(codes::BACKEND_UNAVAILABLE, "try again in a moment")
        .because(error)
        .retry_after(Duration::from_secs(1))
}

fn missing() -> Error {
    Error::new(codes::VALUE_UNREADABLE, "").because("the secret store does not have the value")
}

fn label(number: u32) -> String {
    format!("v{number}")
}

/// 64 characters that follow from the place: put again, it is the same version.
fn version_id(spot: Spot) -> String {
    let place = format!("mw.version.v1\0{}\0{}\0{}", spot.organization, spot.secret, spot.number);
    let hash = digest::digest(&digest::SHA256, place.as_bytes());
    hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn parsed(text: Option<&str>) -> Result<Plaintext> {
    Plaintext::parse(text.ok_or_else(missing)?.as_bytes())
}

impl SecretsManager {
    pub fn new(client: Client, prefix: &str) -> SecretsManager {
        SecretsManager { client, prefix: format!("{prefix}/") }
    }

    fn name(&self, organization: OrgId, secret: SecretId) -> String {
        format!("{}{organization}/{secret}", self.prefix)
    }

    /// False if the secret is not there.
    async fn put_version(&self, spot: Spot, value: &Plaintext) -> Result<bool> {
        let text = String::from_utf8(value.to_bytes().to_vec()).map_err(Error::internal)?;
        let request = self
            .client
            .put_secret_value()
            .secret_id(self.name(spot.organization, spot.secret))
            .client_request_token(version_id(spot))
            .secret_string(text)
            .version_stages(label(spot.number));
        match request.send().await {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(known) if known.is_resource_not_found_exception() => Ok(false),
                // Another value under this number: it was put before, by whom it was announced.
                Some(known) if known.is_resource_exists_exception() => {
                    Err(Error::internal("another value was put under this number"))
                }
                _ => Err(unavailable(DisplayErrorContext(error))),
            },
        }
    }

    async fn create(&self, organization: OrgId, secret: SecretId) -> Result<()> {
        let request = self.client.create_secret().name(self.name(organization, secret));
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(known) if known.is_resource_exists_exception() => Ok(()),
                _ => Err(unavailable(DisplayErrorContext(error))),
            },
        }
    }

    /// The labels of each version; none if the secret is not there. One DescribeSecret.
    async fn labels(
        &self,
        organization: OrgId,
        secret: SecretId,
    ) -> Result<Option<HashMap<String, Vec<String>>>> {
        let sent =
            self.client.describe_secret().secret_id(self.name(organization, secret)).send().await;
        match sent {
            Ok(found) => Ok(Some(found.version_ids_to_stages.unwrap_or_default())),
            Err(error) => match error.as_service_error() {
                Some(known) if known.is_resource_not_found_exception() => Ok(None),
                _ => Err(unavailable(DisplayErrorContext(error))),
            },
        }
    }

    /// One UpdateSecretVersionStage.
    async fn move_label(
        &self,
        name: &str,
        label: &str,
        from: Option<String>,
        to: Option<String>,
    ) -> Result<()> {
        let request = self.client.update_secret_version_stage().secret_id(name);
        let request = request.version_stage(label).set_remove_from_version_id(from);
        let sent = request.set_move_to_version_id(to).send().await;
        sent.map(drop).map_err(|error| unavailable(DisplayErrorContext(error)))
    }

    /// The current values of at most twenty secrets, by their version ids. What is not among them is
    /// read alone.
    async fn current(&self, spots: &[Spot]) -> Result<HashMap<String, Result<Plaintext>>> {
        let mut names: Vec<String> =
            spots.iter().map(|spot| self.name(spot.organization, spot.secret)).collect();
        names.sort_unstable();
        names.dedup();
        let mut values = HashMap::new();
        for names in names.chunks(AT_ONCE) {
            let mut from = None;
            loop {
                let request = self.client.batch_get_secret_value();
                // With a list of names there is no limit to ask for.
                let request = request.set_secret_id_list(Some(names.to_vec()));
                let sent = request.set_next_token(from).send().await;
                let page = sent.map_err(|error| unavailable(DisplayErrorContext(error)))?;
                for one in page.secret_values.unwrap_or_default() {
                    let value = parsed(one.secret_string.as_deref());
                    values.insert(one.version_id.unwrap_or_default(), value);
                }
                from = page.next_token;
                if from.is_none() {
                    break;
                }
            }
        }
        Ok(values)
    }
}

impl SecretStore for SecretsManager {
    /// One PutSecretValue; for the first version CreateSecret and another one.
    fn put<'a>(&'a self, spot: Spot, value: &'a Plaintext) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            if self.put_version(spot, value).await? {
                return Ok(());
            }
            self.create(spot.organization, spot.secret).await?;
            match self.put_version(spot, value).await? {
                true => Ok(()),
                false => Err(unavailable("a secret that was made is not there")),
            }
        })
    }

    fn has(&self, spot: Spot) -> BoxFuture<'_, Result<bool>> {
        Box::pin(async move {
            let labels = self.labels(spot.organization, spot.secret).await?;
            Ok(labels.is_some_and(|labels| labels.contains_key(&version_id(spot))))
        })
    }

    /// One GetSecretValue.
    fn get(&self, spot: Spot) -> BoxFuture<'_, Result<Plaintext>> {
        Box::pin(async move {
            let request =
                self.client.get_secret_value().secret_id(self.name(spot.organization, spot.secret));
            match request.version_id(version_id(spot)).send().await {
                Ok(found) => parsed(found.secret_string.as_deref()),
                Err(error) => match error.as_service_error() {
                    Some(known) if known.is_resource_not_found_exception() => Err(missing()),
                    _ => Err(unavailable(DisplayErrorContext(error))),
                },
            }
        })
    }

    /// One BatchGetSecretValue for twenty secrets, and one GetSecretValue for each value that is not
    /// the current one.
    fn get_many<'a>(&'a self, spots: &'a [Spot]) -> BoxFuture<'a, Vec<Result<Plaintext>>> {
        Box::pin(async move {
            let mut current = match spots {
                [] | [_] => HashMap::new(),
                spots => self.current(spots).await.unwrap_or_else(|error| {
                    tracing::warn!(%error, "a batch of values cannot be read");
                    HashMap::new()
                }),
            };
            let mut values = Vec::with_capacity(spots.len());
            for spot in spots {
                values.push(match current.remove(&version_id(*spot)) {
                    Some(Ok(value)) => {
                        // The same value may be asked for twice.
                        current.insert(version_id(*spot), Ok(value.clone()));
                        Ok(value)
                    }
                    _ => self.get(*spot).await,
                });
            }
            values
        })
    }

    /// One DescribeSecret, and one UpdateSecretVersionStage for each label that moves.
    fn tidy<'a>(
        &'a self,
        organization: OrgId,
        secret: SecretId,
        kept: &'a [u32],
        current: Option<u32>,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let Some(labels) = self.labels(organization, secret).await? else { return Ok(()) };
            let name = self.name(organization, secret);
            let mut of: BTreeMap<String, String> = BTreeMap::new();
            for (id, labels) in labels {
                of.extend(labels.into_iter().map(|label| (label, id.clone())));
            }
            if let Some(number) = current {
                let to = version_id(Spot { organization, secret, number });
                let from = of.get(CURRENT).cloned();
                if of.values().any(|id| *id == to) && from.as_ref() != Some(&to) {
                    self.move_label(&name, CURRENT, from, Some(to)).await?;
                }
            }
            for (label, id) in of {
                let number = label.strip_prefix('v').and_then(|text| text.parse::<u32>().ok());
                if number.is_some_and(|number| !kept.contains(&number)) {
                    self.move_label(&name, &label, Some(id), None).await?;
                }
            }
            Ok(())
        })
    }

    fn delete(&self, organization: OrgId, secret: SecretId) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let request = self.client.delete_secret().secret_id(self.name(organization, secret));
            match request.force_delete_without_recovery(true).send().await {
                Ok(_) => Ok(()),
                Err(error) => match error.as_service_error() {
                    Some(known) if known.is_resource_not_found_exception() => Ok(()),
                    _ => Err(unavailable(DisplayErrorContext(error))),
                },
            }
        })
    }
}
