//! The installation as clients and operators meet it: over HTTP, and an event followed from the
//! write to its consumer.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, ensure};
use aws_sdk_dynamodb::{error::DisplayErrorContext, types::AttributeValue};
use aws_sdk_sqs::types::QueueAttributeName;
use millwright_core::{IdGenerator, OrgId};
use millwright_manifest::{Access, Operation, Service, Trigger};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::stack::{Deployed, Installation, PREFIX};
use crate::{keys, output};

/// A cold start of each function on the way, and a second for the batch window.
const ARRIVE_WITHIN: Duration = Duration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(30);

pub(super) async fn check(installation: &Installation) -> Result<()> {
    let client = Client::of(installation)?;
    gateway(&client).await?;
    every_service(&client).await?;
    tokens(installation, &client).await?;
    let project = follow_an_event(installation, &client).await?;
    output::progress("one event followed from the write through relay and bus to its consumer");
    tenants(installation, &client, &project).await?;
    refused_by_its_role(installation, &client).await?;
    output::progress("planning-api without the right to put items: refused, nothing written");
    Ok(())
}

/// What needs no token.
async fn gateway(client: &Client) -> Result<()> {
    let root = client.call(Method::GET, "/", None, None).await?;
    root.expect(StatusCode::OK)?;
    let document = client.call(Method::GET, "/openapi.json", None, None).await?;
    document.expect(StatusCode::OK)?;
    ensure!(document.body["openapi"] == "3.1.0", "/openapi.json is no OpenAPI document");
    let nowhere = client.call(Method::GET, "/api/v1/nowhere", None, None).await?;
    nowhere.expect_problem(StatusCode::NOT_FOUND, "not_found")?;
    output::progress("gateway: root, OpenAPI document, 404");
    Ok(())
}

/// Its clients know no 401.
const KV_FACADE: &str = "/api/v1/secrets/kv/";

/// It is served by a function with a URL of its own.
fn has_url(service: &Service, operation: &Operation) -> bool {
    let function = service.serving(operation);
    function.is_some_and(|it| it.triggers.iter().any(|it| matches!(it, Trigger::Url(_))))
}

/// Every service is there, reaches its table, and wants a credential for all that is not public.
async fn every_service(client: &Client) -> Result<()> {
    for service in all::services() {
        let (mut open, mut closed) = (0, 0);
        for operation in &service.operations {
            if operation.name == "health_get" || operation.name == "readiness_get" {
                let answer = client.call(Method::GET, &operation.path, None, None).await?;
                answer.expect(StatusCode::OK)?;
                open += 1;
            } else if operation.access != Access::Public {
                let method = Method::from_bytes(operation.method.as_str().as_bytes())?;
                let answer = client.call(method.clone(), &operation.path, None, None).await?;
                if has_url(&service, operation) {
                    // The HTTP API says where it is, and there it is.
                    answer.expect(StatusCode::MISDIRECTED_REQUEST)?;
                    let streaming = client.streaming();
                    let answer = streaming.call(method, &operation.path, None, None).await?;
                    answer.expect(StatusCode::UNAUTHORIZED)?;
                    let path = &operation.path;
                    ensure!(answer.body["error"]["message"].is_string(), "{path}: {}", answer.body);
                } else if operation.path.starts_with(KV_FACADE) {
                    answer.expect(StatusCode::FORBIDDEN)?;
                } else {
                    answer.expect_problem(StatusCode::UNAUTHORIZED, "unauthenticated")?;
                }
                closed += 1;
            }
        }
        if !service.operations.is_empty() {
            output::progress(format_args!(
                "{}: {open} checks of health answered, {closed} operations without a token refused",
                service.name
            ));
        }
    }
    Ok(())
}

/// Refused without public keys, accepted once the operator has put them into the secret.
async fn tokens(installation: &Installation, client: &Client) -> Result<()> {
    let path = "/api/v1/planning/projects";
    let none = client.call(Method::GET, path, None, None).await?;
    none.expect_problem(StatusCode::UNAUTHORIZED, "unauthenticated")?;

    let keys = serde_json::to_string(&installation.issuer.public_keys())?;
    let secrets = installation.operator()?.secretsmanager()?;
    let put = secrets.put_secret_value().secret_id(format!("{PREFIX}/auth/jwks"));
    put.secret_string(keys)
        .send()
        .await
        .map_err(|error| anyhow!("{}", DisplayErrorContext(error)))?;

    let forged = client.call(Method::GET, path, Some("not.a.token"), None).await?;
    forged.expect_problem(StatusCode::UNAUTHORIZED, "invalid_token")?;
    client.call(Method::GET, path, Some(&client.token), None).await?.expect(StatusCode::OK)?;
    output::progress("tokens: none 401, forged 401, issued 200");
    Ok(())
}

/// Write, outbox, stream, relay, bus, rule, queue, consumer, summary. Gives the project's id.
async fn follow_an_event(installation: &Installation, client: &Client) -> Result<String> {
    let project = json!({ "key": "WEB", "name": "Web" });
    let project = client.create("/api/v1/planning/projects", &project).await?;
    let project = project["id"].as_str().context("the project has no id")?.to_owned();
    let task = json!({ "projectId": project, "title": "See it arrive" });
    let task = client.create("/api/v1/planning/tasks", &task).await?;
    ensure!(task["key"] == "WEB-1", "the first task is not WEB-1: {task}");

    let path = format!("/api/v1/planning/projects/{project}/summary");
    let started = Instant::now();
    loop {
        let summary = client.call(Method::GET, &path, Some(&client.token), None).await?;
        summary.expect(StatusCode::OK)?;
        if summary.body["byType"]["task"] == 1 {
            break;
        }
        ensure!(started.elapsed() < ARRIVE_WITHIN, "the event did not arrive: {}", summary.body);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    output::progress(format_args!("counted after {:.1} s", started.elapsed().as_secs_f32()));
    everything_is_sent(installation).await?;
    no_dead_letters(installation).await?;
    Ok(project)
}

/// The relay has marked every outbox item.
async fn everything_is_sent(installation: &Installation) -> Result<()> {
    let database = installation.operator()?.dynamodb()?;
    let services = all::services();
    let with_outbox = |service: &&Service| service.table.is_some_and(|table| table.has_outbox);
    let started = Instant::now();
    loop {
        let (mut sent, mut unsent) = (0, 0);
        for service in services.iter().filter(with_outbox) {
            let outbox = database
                .scan()
                .table_name(installation.resource(service.name))
                .filter_expression("begins_with(pk, :outbox) AND attribute_exists(entries)")
                .expression_attribute_values(":outbox", AttributeValue::S("OUT#".to_owned()))
                .send()
                .await
                .map_err(|error| anyhow!("{}", DisplayErrorContext(error)))?;
            let marked = outbox.items().iter().filter(|item| item.contains_key("sentAt")).count();
            sent += marked;
            unsent += outbox.items().len() - marked;
        }
        ensure!(sent + unsent > 0, "no transaction has written an outbox item");
        if unsent == 0 {
            return Ok(());
        }
        ensure!(started.elapsed() < ARRIVE_WITHIN, "an outbox item is not marked as sent");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn no_dead_letters(installation: &Installation) -> Result<()> {
    let queues = installation.operator()?.sqs()?;
    for service in all::services().into_iter().filter(Service::has_dead_letters) {
        let service = service.name;
        let queue = installation.queue_url(&format!("{service}-dead-letter"));
        let count = QueueAttributeName::ApproximateNumberOfMessages;
        let answer = queues
            .get_queue_attributes()
            .queue_url(queue)
            .attribute_names(count.clone())
            .send()
            .await
            .map_err(|error| anyhow!("{}", DisplayErrorContext(error)))?;
        let waiting = answer.attributes().and_then(|attributes| attributes.get(&count));
        ensure!(
            waiting.map(String::as_str) == Some("0"),
            "the dead-letter queue of {service} has {waiting:?} messages"
        );
    }
    Ok(())
}

/// Another organization's project is not there.
async fn tenants(installation: &Installation, client: &Client, project: &str) -> Result<()> {
    let ids = IdGenerator::new(millwright_core::Clock::system());
    let stranger = OrgId::from_uuid(ids.next_uuid());
    let token = keys::issue(&installation.issuer, "owner", keys::demo_user(), stranger)?;
    let path = format!("/api/v1/planning/projects/{project}");
    let answer = client.call(Method::GET, &path, Some(&token), None).await?;
    answer.expect_problem(StatusCode::NOT_FOUND, "not_found")
}

/// Takes `dynamodb:PutItem` from the role of the running function, tries, and gives it back.
async fn refused_by_its_role(installation: &Installation, client: &Client) -> Result<()> {
    let function = installation.function("planning-api")?;
    let mut without = function.policy.clone();
    let statements = without["Statement"].as_array_mut().context("a policy without statements")?;
    for actions in statements.iter_mut().filter_map(|one| one["Action"].as_array_mut()) {
        actions.retain(|action| action != "dynamodb:PutItem");
    }
    ensure!(without != function.policy, "planning-api may not put items in the first place");

    let project = json!({ "key": "NOT", "name": "Not to be" });
    client.put_policy(installation, function, &without).await?;
    let refused = client.post("/api/v1/planning/projects", &project).await?;
    client.put_policy(installation, function, &function.policy).await?;
    ensure!(
        refused.status.is_server_error(),
        "planning-api writes without the right to: {}",
        refused.status
    );
    ensure!(
        !refused.body.to_string().contains("dynamodb"),
        "a client is told what AWS said: {}",
        refused.body
    );
    // Only because nothing was written can it be created now.
    client.create("/api/v1/planning/projects", &project).await.map(drop)
}

#[derive(Clone)]
struct Client {
    http: reqwest::Client,
    public_url: String,
    /// Of the function whose answers stream.
    completions_url: String,
    token: String,
}

struct Answer {
    request: String,
    status: StatusCode,
    content_type: String,
    body: Value,
}

impl Client {
    /// With a token of an owner, sending what is meant for the API's name to the emulator.
    fn of(installation: &Installation) -> Result<Client> {
        let url: reqwest::Url = installation.public_url.parse().context("the public URL")?;
        let host = url.host_str().context("the public URL names no host")?;
        let port = url.port_or_known_default().context("the public URL names no port")?;
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(TIMEOUT)
            .resolve(host, SocketAddr::from(([127, 0, 0, 1], port)))
            .build()
            .context("no HTTP client")?;
        let (user, organization) = (keys::demo_user(), keys::demo_organization());
        let token = keys::issue(&installation.issuer, "owner", user, organization)?;
        let completions_url = installation.completions_url.clone();
        Ok(Client { http, public_url: installation.public_url.clone(), completions_url, token })
    }

    /// The same, of the function URL.
    fn streaming(&self) -> Client {
        Client { public_url: self.completions_url.clone(), ..self.clone() }
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> Result<Answer> {
        let request = format!("{method} {path}");
        let mut call = self.http.request(method, format!("{}{path}", self.public_url));
        if let Some(token) = token {
            call = call.bearer_auth(token);
        }
        if let Some(body) = body {
            call = call.json(body);
        }
        let answer = call.send().await.with_context(|| format!("{request} failed"))?;
        let status = answer.status();
        let content_type = answer.headers().get("content-type").cloned();
        let text = answer.text().await.with_context(|| format!("{request} broke off"))?;
        Ok(Answer {
            request,
            status,
            content_type: content_type
                .and_then(|value| value.to_str().ok().map(str::to_owned))
                .unwrap_or_default(),
            body: serde_json::from_str(&text).unwrap_or(Value::String(text)),
        })
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        self.call(Method::POST, path, Some(&self.token), Some(body)).await
    }

    async fn create(&self, path: &str, body: &Value) -> Result<Value> {
        let answer = self.post(path, body).await?;
        answer.expect(StatusCode::CREATED)?;
        Ok(answer.body)
    }

    /// IAM's own form; there is no client of it in this workspace, and none is worth having.
    async fn put_policy(
        &self,
        installation: &Installation,
        function: &Deployed,
        policy: &Value,
    ) -> Result<()> {
        let name = function.policies.first().context("a role without a policy")?;
        let policy = policy.to_string();
        let form = [
            ("Action", "PutRolePolicy"),
            ("Version", "2010-05-08"),
            ("RoleName", &function.role),
            ("PolicyName", name),
            ("PolicyDocument", &policy),
        ];
        let body = form
            .iter()
            .map(|(name, value)| format!("{name}={}", percent_encoded(value)))
            .collect::<Vec<_>>()
            .join("&");
        let authorization = crate::emulator::authorization("us-east-1", "iam");
        let answer = self
            .http
            .post(&installation.endpoint)
            .header("authorization", authorization)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body)
            .send()
            .await
            .context("PutRolePolicy failed")?;
        ensure!(answer.status().is_success(), "PutRolePolicy answered {}", answer.status());
        Ok(())
    }
}

impl Answer {
    fn expect(&self, status: StatusCode) -> Result<()> {
        let Answer { request, status: found, body, .. } = self;
        ensure!(*found == status, "{request} answered {found} instead of {status}: {body}");
        Ok(())
    }

    fn expect_problem(&self, status: StatusCode, code: &str) -> Result<()> {
        self.expect(status)?;
        let Answer { request, content_type, body, .. } = self;
        ensure!(
            content_type.starts_with("application/problem+json"),
            "{request} answered {content_type:?} instead of a problem"
        );
        ensure!(body["code"] == code, "{request} has another code than {code}: {body}");
        Ok(())
    }
}

/// Of everything but letters and digits.
fn percent_encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}
