//! Tables, buckets, queues, bus, rules and secrets of every service, made from the manifests. Each step may
//! be repeated. The deploy test proves that the templates make the same.

use anyhow::{Context, Result, anyhow, ensure};
use aws_sdk_sqs::{
    error::DisplayErrorContext,
    types::QueueAttributeName::{QueueArn, RedrivePolicy, VisibilityTimeout},
};
use millwright_config::{AwsService, Config};
use millwright_event::batch::MAX_RECEIVES;
use millwright_manifest::{Function, Service, Trigger};
use millwright_runtime::aws::Clients;
use serde_json::{Value, json};

use super::{OtherProvider, Settings, provider::OPERATOR, text};
use crate::{emulator, keys::Keys};

/// What a local stack's backing services are made of.
pub struct Backing<'a> {
    pub config: &'a Config,
    pub clients: &'a Clients,
    pub services: &'a [Service],
}

impl Backing<'_> {
    pub async fn create(&self, settings: &Settings) -> Result<()> {
        self.create_tables().await?;
        self.create_buckets().await?;
        self.create_keys().await?;
        self.create_secrets(&settings.keys()).await?;
        self.create_parameters(settings.ports.provider, &settings.providers).await?;
        let bus = self.config.prefix.clone();
        self.create_bus(&bus).await?;
        for service in self.services {
            for function in &service.functions {
                for trigger in &function.triggers {
                    if trigger.has_queue() {
                        let queue = self.create_queue(service, function).await?;
                        if let Trigger::Events { types, .. } = trigger {
                            self.create_rule(&bus, function, types, &queue).await?;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    async fn create_tables(&self) -> Result<()> {
        let client = self.clients.dynamodb()?;
        for service in self.services.iter().filter(|service| service.table.is_some()) {
            let table = self.config.resource(service.name);
            millwright_store::schema::create_table(&client, &table)
                .await
                .map_err(|error| anyhow!("table {table} cannot be made: {error}"))?;
        }
        Ok(())
    }

    /// A PUT of S3's own API; our functions never make a bucket, so no client of ours can.
    async fn create_buckets(&self) -> Result<()> {
        let endpoint = self.config.endpoint(AwsService::S3)?.context("no endpoint of S3")?;
        let client = reqwest::Client::builder().no_proxy().build().context("no HTTP client")?;
        for service in self.services.iter().filter(|service| service.bucket.is_some()) {
            let bucket = self.config.bucket(service.name);
            let region = &self.config.aws.region;
            // S3 takes its first region for granted, and wants every other one said.
            let place = format!(
                "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
                 <LocationConstraint>{region}</LocationConstraint></CreateBucketConfiguration>"
            );
            let body = if region == "us-east-1" { String::new() } else { place };
            let request = client.put(format!("{endpoint}/{bucket}")).body(body);
            let authorization = emulator::authorization(region, "s3");
            let answer = request.header("authorization", authorization).send().await;
            let status = answer.with_context(|| format!("bucket {bucket}"))?.status();
            ensure!(
                status.is_success() || status == reqwest::StatusCode::CONFLICT,
                "bucket {bucket} cannot be made: {status}"
            );
        }
        Ok(())
    }

    /// A master key for each service that wraps data keys; its alias is made once. The Key
    /// Management Service has no client of ours that makes keys.
    async fn create_keys(&self) -> Result<()> {
        for service in self.services.iter().filter(|service| service.has_key()) {
            let alias = format!("alias/{}", self.config.resource(service.name));
            let (found, _) = self.kms("DescribeKey", &json!({ "KeyId": alias })).await?;
            if found.is_success() {
                continue;
            }
            let (status, key) = self.kms("CreateKey", &json!({})).await?;
            ensure!(status.is_success(), "a key for {alias} cannot be made: {status}");
            let key = text(&key["KeyMetadata"], "KeyId")?;
            let body = json!({ "AliasName": alias, "TargetKeyId": key });
            let (status, answer) = self.kms("CreateAlias", &body).await?;
            ensure!(status.is_success(), "{alias} cannot be made: {status} {answer}");
        }
        Ok(())
    }

    async fn kms(&self, operation: &str, body: &Value) -> Result<(reqwest::StatusCode, Value)> {
        let endpoint = self.config.endpoint(AwsService::Kms)?.context("no endpoint of KMS")?;
        let client = reqwest::Client::builder().no_proxy().build().context("no HTTP client")?;
        let request = client
            .post(endpoint)
            .header("authorization", emulator::authorization(&self.config.aws.region, "kms"))
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", format!("TrentService.{operation}"))
            .body(body.to_string());
        let answer = request.send().await.with_context(|| format!("KMS {operation}"))?;
        let (status, text) = (answer.status(), answer.text().await.unwrap_or_default());
        Ok((status, serde_json::from_str(&text).unwrap_or_default()))
    }

    /// One signing key for `cargo xtask token` and the token function alike.
    async fn create_secrets(&self, keys: &Keys) -> Result<()> {
        let issuer = keys.issuer(&self.config.public_url)?;
        let mut jwks = serde_json::to_value(issuer.public_keys())?;
        let kid = text(&jwks["keys"][0], "kid")?;
        jwks["keys"][0]["state"] = "current".into();
        self.put_secret("auth/jwks", &jwks.to_string()).await?;
        self.put_current("auth/signing", &kid, issuer.private_pem()).await?;
        let refresh = keys.refresh_secret()?;
        self.put_current("auth/refresh", &kid, &refresh).await?;
        // The local provider takes any.
        self.put_secret("auth/providers/local", "local").await?;
        self.put_secret("internal", &keys.internal_secret()?).await
    }

    /// A secret whose versions have stages: this one is in force.
    async fn put_current(&self, name: &str, version: &str, value: &str) -> Result<()> {
        let client = self.clients.secretsmanager()?;
        let name = self.config.secret(name);
        if let Err(error) = client.create_secret().name(&name).send().await {
            let exists = error.as_service_error().is_some_and(|e| e.is_resource_exists_exception());
            ensure!(exists, "secret {name} cannot be made: {}", DisplayErrorContext(error));
        }
        let request = client.put_secret_value().secret_id(&name).client_request_token(version);
        let put = request.version_stages("current").secret_string(value).send().await;
        put.map(drop).map_err(|error| anyhow!("secret {name}: {}", DisplayErrorContext(error)))
    }

    /// Settings that operators write when deployed. Parameter store has no client of ours that
    /// writes.
    async fn create_parameters(&self, provider: u16, others: &[OtherProvider]) -> Result<()> {
        let configured = |id: &str, name: &str, port: u16| {
            json!({
                "id": id,
                "displayName": name,
                "issuer": format!("http://127.0.0.1:{port}"),
                "clientId": "millwright",
                "clientSecretName": "auth/providers/local",
            })
        };
        let mut providers = vec![configured("local", "this machine", provider)];
        providers.extend(others.iter().map(|other| configured(other.id, other.id, other.port)));
        let settings = json!({
            "providers": providers,
            "appOrigins": [self.config.public_url],
            "operators": [{
                "issuer": format!("http://127.0.0.1:{provider}"),
                "subject": OPERATOR.subject,
            }],
        });
        let name = format!("/{}/auth/settings", self.config.prefix);
        let body = json!({
            "Name": name, "Type": "String", "Overwrite": true, "Value": settings.to_string(),
        });
        let endpoint = self.config.endpoint(AwsService::Ssm)?.context("no endpoint of SSM")?;
        let client = reqwest::Client::builder().no_proxy().build().context("no HTTP client")?;
        let request = client
            .post(endpoint)
            .header("authorization", emulator::authorization(&self.config.aws.region, "ssm"))
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", "AmazonSSM.PutParameter")
            .body(body.to_string());
        let status = request.send().await.context("parameter store")?.status();
        ensure!(status.is_success(), "parameter {name} cannot be made: {status}");
        Ok(())
    }

    async fn put_secret(&self, name: &str, text: &str) -> Result<()> {
        let client = self.clients.secretsmanager()?;
        let name = self.config.secret(name);
        let failed = |error| anyhow!("secret {name} cannot be made: {error}");
        match client.create_secret().name(&name).secret_string(text).send().await {
            Ok(_) => Ok(()),
            Err(error)
                if error.as_service_error().is_some_and(|e| e.is_resource_exists_exception()) =>
            {
                let request = client.put_secret_value().secret_id(&name).secret_string(text);
                let answer = request.send().await;
                answer.map(drop).map_err(|error| failed(DisplayErrorContext(error).to_string()))
            }
            Err(error) => Err(failed(DisplayErrorContext(error).to_string())),
        }
    }

    async fn create_bus(&self, bus: &str) -> Result<()> {
        match self.clients.eventbridge()?.create_event_bus().name(bus).send().await {
            Ok(_) => Ok(()),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|e| e.is_resource_already_exists_exception()) =>
            {
                Ok(())
            }
            Err(error) => Err(anyhow!("bus {bus}: {}", DisplayErrorContext(error))),
        }
    }

    /// The function's own queue and the dead-letter queue of its service; gives the queue's ARN.
    async fn create_queue(&self, service: &Service, function: &Function) -> Result<String> {
        let dead = self.config.resource(&format!("{}-dead-letter", service.name));
        let dead = self.put_queue(&dead, &[]).await?;
        let redrive = json!({ "deadLetterTargetArn": dead, "maxReceiveCount": MAX_RECEIVES });
        let visibility = 6 * function.timeout_seconds;
        self.put_queue(
            &self.config.resource(function.name),
            &[(VisibilityTimeout, visibility.to_string()), (RedrivePolicy, redrive.to_string())],
        )
        .await
    }

    async fn put_queue(
        &self,
        name: &str,
        attributes: &[(aws_sdk_sqs::types::QueueAttributeName, String)],
    ) -> Result<String> {
        let client = self.clients.sqs()?;
        let failed = |error: String| anyhow!("queue {name} cannot be made: {error}");
        // Creating it again with other attributes is refused, so they are set in a second call.
        let made = client.create_queue().queue_name(name).send().await;
        let url = match made {
            Ok(made) => made.queue_url,
            Err(_) => {
                let found = client.get_queue_url().queue_name(name).send().await;
                found.map_err(|error| failed(DisplayErrorContext(error).to_string()))?.queue_url
            }
        };
        let url = url.with_context(|| format!("queue {name} has no URL"))?;
        for (attribute, value) in attributes {
            client
                .set_queue_attributes()
                .queue_url(&url)
                .attributes(attribute.clone(), value)
                .send()
                .await
                .map_err(|error| failed(DisplayErrorContext(error).to_string()))?;
        }
        let known = client
            .get_queue_attributes()
            .queue_url(&url)
            .attribute_names(QueueArn)
            .send()
            .await
            .map_err(|error| failed(DisplayErrorContext(error).to_string()))?;
        let arn = known.attributes.and_then(|mut attributes| attributes.remove(&QueueArn));
        arn.with_context(|| format!("queue {name} has no ARN"))
    }

    async fn create_rule(
        &self,
        bus: &str,
        function: &Function,
        types: &[&str],
        queue_arn: &str,
    ) -> Result<()> {
        let client = self.clients.eventbridge()?;
        let name = self.config.resource(function.name);
        let pattern = json!({ "detail-type": types });
        client
            .put_rule()
            .name(&name)
            .event_bus_name(bus)
            .event_pattern(pattern.to_string())
            .send()
            .await
            .map_err(|error| anyhow!("rule {name}: {}", DisplayErrorContext(error)))?;
        let target = aws_sdk_eventbridge::types::Target::builder()
            .id("queue")
            .arn(queue_arn)
            .build()
            .context("the rule's target is incomplete")?;
        client
            .put_targets()
            .rule(&name)
            .event_bus_name(bus)
            .targets(target)
            .send()
            .await
            .map_err(|error| anyhow!("target of rule {name}: {}", DisplayErrorContext(error)))?;
        Ok(())
    }
}
