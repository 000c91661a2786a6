//! A stage: an empty table behind a driver of its own, the secrets of an installation, and a caller.
//! Every measurement begins on a fresh one, so that none finds what another has left.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::Arc,
};

use anyhow::{Context, Result, anyhow, ensure};
use aws_sdk_dynamodb::Client;
use millwright_access::{CREDENTIALS, DIRECTORY};
use millwright_bench_driver::{Beside, Function, Invoke, Invoked, Launch, Provide, Usage};
use millwright_config::{Config, variable};
use millwright_core::{OrgId, UserId};
use millwright_identity::issuer::Issuer;
use millwright_runtime::aws::Clients;
use serde_json::{Value, json};

use super::{
    driver::Driver,
    scenario::{Request, Scenario, Subject, World},
};
use crate::{keys, paths};

const PREFIX: &str = "bench";
const PUBLIC_URL: &str = "http://127.0.0.1:9000";
/// Of auth, at the identity provider.
pub const SIGN_IN_CLIENT: &str = "millwright-bench";

/// How a function reaches DynamoDB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Direct,
    /// Over a hop that counts.
    Counted,
}

/// A program under measurement.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    pub program: &'a Path,
    pub arguments: &'a [String],
}

pub struct Stage {
    pub driver: Driver,
    pub world: World,
    function: &'static str,
    recorded: Value,
    token: String,
    public_keys: String,
    issuer: Arc<Issuer>,
}

/// A function that is invoked by others, and its program.
#[derive(Clone, Copy, Debug)]
pub struct Neighbour<'a> {
    pub function: &'a str,
    pub program: &'a Path,
}

impl Stage {
    /// How auth introduces itself to other services.
    pub const AUTH: &'static str = r#"{"service":"auth"}"#;

    /// Opens a stage and has the subject's own function make what its requests are about.
    pub async fn open(
        driver: &Path,
        issuer: Arc<Issuer>,
        subject: &Subject,
        own: Candidate<'_>,
        neighbours: &[Neighbour<'_>],
    ) -> Result<Stage> {
        let driver = Driver::start(driver)?;
        let public_keys = serde_json::to_string(&issuer.public_keys())?;
        let provider = driver.addresses.around.clone();
        driver.run(&surroundings(&issuer, &public_keys, &provider)).await?;
        let (user, organization) = (keys::demo_user(), keys::demo_organization());
        let token = keys::issue(&issuer, "owner", user, organization)?;
        let recorded = recorded(subject.sample)?;
        let (function, world) = (subject.function, World::default());
        let mut stage = Stage { driver, world, function, recorded, token, public_keys, issuer };
        // Whoever verifies a credential reads the feeds of the last two.
        for service in BTreeSet::from([subject.service, DIRECTORY, CREDENTIALS]) {
            stage.create_table(service).await?;
        }
        for Neighbour { function: name, program } in neighbours {
            let function = stage.function_of(name, Candidate { program, arguments: &[] });
            stage.driver.run(&Beside { name: (*name).to_owned(), function }).await?;
        }
        stage.launch(own, Way::Direct, 1).await?;
        stage.world = (subject.furnish)(Caller::on(&stage)).await?;
        Ok(stage)
    }

    pub fn issuer() -> Result<Issuer> {
        Issuer::generate(format!("{PUBLIC_URL}/api/v1"), "millwright")
            .map_err(|error| anyhow!("no signing key could be made: {error}"))
    }

    async fn create_table(&self, service: &str) -> Result<()> {
        let (client, table) = (self.dynamodb()?, self.table(service));
        let failed = |error: &dyn std::fmt::Display| anyhow!("table {table}: {error}");
        millwright_store::schema::create_table(&client, &table).await.map_err(|e| failed(&e))?;
        // DynamoDB's stream costs a writer nothing. The double reads all of the stream for each
        // record it adds: after some thousand writes nothing else would be measured.
        millwright_store::schema::set_stream(&client, &table, false).await.map_err(|e| failed(&e))
    }

    /// The database, past every function.
    pub fn dynamodb(&self) -> Result<Client> {
        let environment = self.environment(Way::Direct);
        let config = Config::from_variables(|name| environment.get(name).cloned())
            .context("the bench's own configuration")?;
        let clients = Clients::new(&config).map_err(|error| anyhow!("{error}"))?;
        Ok(clients.dynamodb()?)
    }

    /// A template's environment: log and metrics as deployed, a rate limit that never holds.
    fn environment(&self, way: Way) -> BTreeMap<String, String> {
        let addresses = &self.driver.addresses;
        let dynamodb = match way {
            Way::Direct => &addresses.dynamodb,
            Way::Counted => &addresses.counted,
        };
        let function = format!("{PREFIX}-{}", self.function);
        let variables = [
            (variable::STAGE, "local"),
            (variable::PREFIX, PREFIX),
            (variable::PUBLIC_URL, PUBLIC_URL),
            (variable::REQUESTS_PER_SECOND, "1000000"),
            ("AWS_LAMBDA_FUNCTION_NAME", function.as_str()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ACCESS_KEY_ID", "000000000000"),
            ("AWS_SECRET_ACCESS_KEY", "bench"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("AWS_ENDPOINT_URL", &addresses.around),
            ("AWS_ENDPOINT_URL_DYNAMODB", dynamodb),
            ("AWS_ENDPOINT_URL_S3", &addresses.files),
            // The Node function has its keys without a call.
            ("MILLWRIGHT_BENCH_JWKS", &self.public_keys),
        ];
        variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    }

    pub fn function(&self, candidate: Candidate<'_>, way: Way) -> Function {
        Function {
            program: candidate.program.to_owned(),
            arguments: candidate.arguments.to_vec(),
            environment: self.environment(way),
        }
    }

    /// Ends the processes there are and starts others.
    pub async fn launch(&self, candidate: Candidate<'_>, way: Way, processes: usize) -> Result<()> {
        self.driver.run(&Launch { function: self.function(candidate, way), processes }).await
    }

    /// As [`Stage::launch`], one process of another function of the service.
    pub async fn launch_other(&self, name: &str, candidate: Candidate<'_>, way: Way) -> Result<()> {
        let counted = self.function(candidate, way).environment;
        let mut function = self.function_of(name, candidate);
        let address = "AWS_ENDPOINT_URL_DYNAMODB";
        function.environment.extend(counted.into_iter().filter(|(key, _)| key == address));
        self.driver.run(&Launch { function, processes: 1 }).await
    }

    fn function_of(&self, name: &str, candidate: Candidate<'_>) -> Function {
        let mut function = self.function(candidate, Way::Direct);
        let name = format!("{PREFIX}-{name}");
        function.environment.insert("AWS_LAMBDA_FUNCTION_NAME".to_owned(), name);
        function
    }

    /// The issuer of the identity provider.
    pub fn provider(&self) -> &str {
        &self.driver.addresses.around
    }

    /// A token of the identity provider.
    pub fn signed(&self, claims: &Value) -> Result<String> {
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": self.issuer.header().kid });
        self.issuer.sign_raw(header, claims).map_err(|error| anyhow!("{error}"))
    }

    /// What a person sends as `Authorization`: for no organization, or as owner of one.
    pub fn bearer(&self, user: UserId, organization: Option<&str>) -> Result<String> {
        let id = organization.map(str::parse::<OrgId>).transpose();
        let organization = id.map_err(|error| anyhow!("{error}"))?;
        let token = keys::issue_for(&self.issuer, user, organization.map(|id| ("owner", id)))?;
        Ok(format!("Bearer {token}"))
    }

    pub fn event(&self, request: &Request) -> Value {
        request.event(&self.recorded, &self.token)
    }

    /// The events for this many calls, from the `first` on.
    pub fn events(&self, scenario: &Scenario, first: usize, wanted: usize) -> Vec<Value> {
        let requests = scenario.requests(&self.world, first, wanted);
        requests.iter().map(|request| self.event(request)).collect()
    }

    /// An answer with that status, or any that tells of no failure, and what it took.
    pub async fn invoke(&self, event: Value, status: Option<u16>) -> Result<(Value, Usage)> {
        let Invoked { answer, usage, .. } = self.invoke_raw(event).await?;
        Ok((checked(answer, status)?, usage))
    }

    /// Whatever the answer is.
    pub async fn invoke_raw(&self, event: Value) -> Result<Invoked> {
        self.driver.run(&Invoke { event, beside: None }).await
    }

    pub fn table(&self, service: &str) -> String {
        format!("{PREFIX}-{service}")
    }
}

/// The answer, if it has that status, or any that tells of no failure.
fn checked(answer: Value, status: Option<u16>) -> Result<Value> {
    let found = answer["statusCode"].as_u64().unwrap_or_default();
    let is_expected =
        status.map_or((200..400).contains(&found), |status| u64::from(status) == found);
    ensure!(is_expected, "unexpected answer: {answer}");
    Ok(answer)
}

/// Secrets, settings, and an identity provider that signs with the installation's own key.
fn surroundings(issuer: &Issuer, public_keys: &str, provider: &str) -> Provide {
    let secret = |name: &str, text: &str| (format!("{PREFIX}/{name}"), text.to_owned());
    let secrets = [
        secret("auth/jwks", public_keys),
        secret("auth/signing@current", issuer.private_pem()),
        secret("auth/refresh@current", "a MAC key of the bench, long enough"),
        secret("auth/providers/bench", "a client's secret"),
        secret("internal", "a secret of the bench"),
    ];
    let settings = json!({
        "publicUrl": PUBLIC_URL,
        "providers": [{
            "id": "bench", "displayName": "Bench", "issuer": provider,
            "clientId": SIGN_IN_CLIENT, "clientSecretName": "auth/providers/bench",
        }],
        "appOrigins": ["http://localhost:5173"],
    });
    let metadata = json!({
        "issuer": provider,
        "authorization_endpoint": format!("{provider}/authorize"),
        "token_endpoint": format!("{provider}/token"),
        "jwks_uri": format!("{provider}/jwks"),
        "id_token_signing_alg_values_supported": ["RS256"],
    });
    let pages = [
        ("/.well-known/openid-configuration".to_owned(), metadata),
        ("/jwks".to_owned(), json!(issuer.public_keys())),
    ];
    let parameter = (format!("/{PREFIX}/auth/settings"), settings.to_string());
    Provide { secrets: secrets.into(), parameters: [parameter].into(), pages: pages.into() }
}

/// The JSON in an answer.
pub fn body(answer: &Value) -> Result<Value> {
    let text = answer["body"].as_str().unwrap_or("null");
    serde_json::from_str(text).context("a body that is no JSON")
}

/// Somebody who calls the function, one request after another.
#[derive(Clone, Copy)]
pub struct Caller<'a> {
    stage: &'a Stage,
    beside: Option<&'a str>,
}

impl<'a> Caller<'a> {
    pub fn on(stage: &'a Stage) -> Caller<'a> {
        Caller { stage, beside: None }
    }

    /// Calls a function that stands beside.
    pub fn beside(self, function: &'a str) -> Caller<'a> {
        Caller { beside: Some(function), ..self }
    }

    pub fn stage(&self) -> &'a Stage {
        self.stage
    }

    /// The body of an answer that tells of no failure.
    pub async fn call(&self, request: &Request) -> Result<Value> {
        body(&self.answer(request).await?)
    }

    /// An answer that tells of no failure.
    pub async fn answer(&self, request: &Request) -> Result<Value> {
        let event = self.stage.event(request);
        let beside = self.beside.map(str::to_owned);
        let answered = self.stage.driver.run(&Invoke { event, beside }).await;
        let Invoked { answer, .. } =
            answered.with_context(|| format!("{} {}", request.method, request.path))?;
        checked(answer, None)
    }
}

fn recorded(sample: &str) -> Result<Value> {
    let file = paths::workspace().join(format!("events/lambda/{sample}.json"));
    let text =
        fs::read_to_string(&file).with_context(|| format!("{} cannot be read", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is no JSON", file.display()))
}
