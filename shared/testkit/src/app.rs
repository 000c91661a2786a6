//! A service over its in-process router.

use std::{fmt, sync::Arc};

use axum::{
    Router,
    body::{Body, to_bytes},
};
use http::{HeaderMap, Method, Request, StatusCode};
use millwright_core::{Clock, OrgId, Tenant, UserId, Voucher};
use millwright_event::{Destination, Entry, Envelope};
use millwright_files::Files;
use millwright_http::{CALLER_HEADER, CallingService, Edge, Platform, PlatformParts, StaticSecret};
use millwright_identity::{
    ApiKeys, Claims, KeyCache, NoApiKeys, NoRevocations, Revocations, StaticKeys, Verifier,
    VerifierParts,
    issuer::{Grant, Issuer},
};
use millwright_store::Store;
use serde_json::Value;
use uuid::Uuid;

use crate::{Database, Faults, TestFiles, beginning};

/// What may withdraw or stand for a credential, made of the table of the service.
pub type MakePorts = fn(&Database) -> (Arc<dyn Revocations>, Arc<dyn ApiKeys>);

/// Builds the router of a service.
pub type MakeRouter = Arc<dyn Fn(Platform, Store, Files) -> Router + Send + Sync>;

/// A service with a table and a bucket of its own. Cheap to clone.
#[derive(Clone)]
pub struct TestApp {
    pub database: Database,
    pub files: TestFiles,
    pub(crate) service: &'static str,
    make_router: MakeRouter,
    issuer: Arc<Issuer>,
    edge: Edge,
    requests_per_second: u32,
    make_ports: MakePorts,
}

impl TestApp {
    /// Starts a service with the clock at [`beginning`], standing still.
    pub async fn start(
        service: &'static str,
        make_router: impl Fn(Platform, Store, Files) -> Router + Send + Sync + 'static,
    ) -> TestApp {
        TestApp::start_at(service, make_router, Clock::fixed(beginning())).await
    }

    /// Starts a service with a clock of choice.
    pub async fn start_at(
        service: &'static str,
        make_router: impl Fn(Platform, Store, Files) -> Router + Send + Sync + 'static,
        clock: Clock,
    ) -> TestApp {
        TestApp::start_with(service, make_router, clock, no_ports).await
    }

    /// Starts a service whose credentials can be withdrawn, or be API keys.
    pub async fn start_with(
        service: &'static str,
        make_router: impl Fn(Platform, Store, Files) -> Router + Send + Sync + 'static,
        clock: Clock,
        make_ports: MakePorts,
    ) -> TestApp {
        let database = Database::start(service, clock).await;
        let issuer = Arc::new(signing_key(&database));
        let requests_per_second = 1_000_000;
        let files = TestFiles::start(service).await;
        let mut app = TestApp {
            edge: Edge::new(
                Router::new(),
                platform(
                    &database,
                    database.store(),
                    service,
                    &issuer,
                    requests_per_second,
                    make_ports,
                ),
                service,
            ),
            database,
            files,
            service,
            make_router: Arc::new(make_router),
            issuer,
            requests_per_second,
            make_ports,
        };
        app.edge = app.made_edge();
        app
    }

    /// Another function instance on the same table: nothing remembered, faults of its own.
    pub fn instance(&self) -> TestApp {
        let database = self.database.other_process();
        let mut app = TestApp { database, ..self.clone() };
        app.edge = app.made_edge();
        app
    }

    fn made_edge(&self) -> Edge {
        let (database, rate) = (&self.database, self.requests_per_second);
        // One, as in a function: the ids of what a process writes are in order.
        let store = database.store();
        let issuer = &self.issuer;
        let platform =
            platform(database, store.clone(), self.service, issuer, rate, self.make_ports);
        let router = (self.make_router)(platform.clone(), store, self.files.client());
        Edge::new(router, platform, self.service)
    }

    /// Somebody with a credential that was issued elsewhere, such as an API key.
    pub fn bearer(&self, credential: &str) -> Client {
        let nobody = UserId::from_uuid(Uuid::nil());
        self.with_header("authorization", &format!("Bearer {credential}"), nobody, None)
    }

    /// An instance that lets each caller do so many requests a second.
    pub fn limited(&self, requests_per_second: u32) -> TestApp {
        TestApp { requests_per_second, ..self.clone() }.instance()
    }

    /// A member of organization `organization` with a system role.
    pub fn client(&self, organization: u128, role: &str) -> Client {
        let seed = role.bytes().fold(organization << 8, |sum, byte| sum + u128::from(byte));
        self.client_as(organization, Some(role), None, UserId::from_uuid(Uuid::from_u128(seed)))
    }

    /// Somebody whose custom role grants these patterns.
    pub fn client_with(&self, organization: u128, permissions: &str) -> Client {
        let user = UserId::from_uuid(Uuid::from_u128(organization << 8 | 0xff));
        self.client_as(organization, Some("role_custom"), Some(permissions), user)
    }

    fn client_as(
        &self,
        organization: u128,
        role: Option<&str>,
        permissions: Option<&str>,
        user: UserId,
    ) -> Client {
        let organization = OrgId::from_uuid(Uuid::from_u128(organization));
        self.client_of(user, Some(organization), |claims| {
            claims.role = role.map(str::to_owned);
            claims.perms = permissions.map(str::to_owned);
        })
    }

    /// User number `number`, who has signed in a moment ago, without an organization.
    pub fn person(&self, number: u128) -> Client {
        self.client_of(UserId::from_uuid(Uuid::from_u128(number)), None, |_| {})
    }

    /// A platform operator.
    pub fn operator(&self) -> Client {
        let user = UserId::from_uuid(Uuid::from_u128(0x0b));
        self.client_of(user, None, |claims| claims.op = Some(true))
    }

    /// A user with a token whose claims were bent: another role, an API key, an old sign-in.
    pub fn client_of(
        &self,
        user: UserId,
        organization: Option<OrgId>,
        bend: impl FnOnce(&mut Claims),
    ) -> Client {
        let grant = Grant { user, organization, role: None, permissions: None };
        let now = self.database.clock.now();
        let mut claims = self.issuer.claims(&grant, now, "test");
        bend(&mut claims);
        let token = self.issuer.sign(&self.issuer.header(), &claims).expect("a token");
        self.with_header("authorization", &format!("Bearer {token}"), user, organization)
    }

    /// Another service that invokes this one, for an organization or for itself.
    pub fn service(&self, name: &str, organization: Option<OrgId>) -> Client {
        let service = CallingService { service: name.to_owned(), organization_id: organization };
        let header = serde_json::to_string(&service).expect("JSON");
        self.with_header(CALLER_HEADER, &header, UserId::from_uuid(Uuid::nil()), organization)
    }

    /// Somebody without a credential.
    pub fn stranger(&self) -> Client {
        let user = UserId::from_uuid(Uuid::nil());
        Client { edge: self.edge.clone(), credential: None, user, organization: None }
    }

    fn with_header(
        &self,
        name: &'static str,
        value: &str,
        user: UserId,
        organization: Option<OrgId>,
    ) -> Client {
        let credential = Some((name, value.to_owned()));
        Client { edge: self.edge.clone(), credential, user, organization }
    }

    /// The JWK set that verifies the tokens of the clients.
    pub fn public_keys(&self) -> String {
        serde_json::to_string(&self.issuer.public_keys()).expect("JSON")
    }

    pub fn faults(&self) -> &Faults {
        &self.database.faults
    }

    /// What was said so far.
    pub async fn outbox(&self) -> Vec<Entry> {
        self.database.outbox().await
    }

    /// The public events said so far.
    pub async fn events(&self) -> Vec<Envelope> {
        self.database.said_to(&Destination::Bus).await
    }

    /// The messages sent to the queue of a function so far.
    pub async fn messages_to(&self, function: &str) -> Vec<Envelope> {
        self.database.messages_to(function).await
    }

    /// The types of the events said so far.
    pub async fn event_types(&self) -> Vec<String> {
        self.events().await.into_iter().map(|event| event.kind).collect()
    }
}

/// The private key behind the tokens of all clients. Making one costs a tenth of a second: one for
/// all tests of a process.
pub fn signing_pem() -> &'static str {
    static PEM: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    PEM.get_or_init(|| Issuer::generate("", "").expect("a key").private_pem().to_owned())
}

fn signing_key(database: &Database) -> Issuer {
    let config = database.config();
    let (issuer, audience) = (config.issuer(), config.audience.clone());
    Issuer::from_pem(signing_pem(), issuer, audience).expect("the same key")
}

fn no_ports(_database: &Database) -> (Arc<dyn Revocations>, Arc<dyn ApiKeys>) {
    (Arc::new(NoRevocations), Arc::new(NoApiKeys))
}

fn platform(
    database: &Database,
    store: Store,
    service: &'static str,
    issuer: &Issuer,
    requests_per_second: u32,
    make_ports: MakePorts,
) -> Platform {
    let clock = database.clock.clone();
    let keys = KeyCache::new(Arc::new(StaticKeys(issuer.public_keys())), clock.clone());
    let (revocations, api_keys) = make_ports(database);
    let verifier = Verifier::new(VerifierParts {
        issuer: issuer.issuer.clone(),
        audience: issuer.audience.clone(),
        keys,
        revocations,
        api_keys,
        clock: clock.clone(),
    });
    Platform::new(PlatformParts {
        service,
        verifier,
        store: Some(store),
        internal_secret: Arc::new(StaticSecret(b"a secret of the tests".to_vec())),
        requests_per_second,
        allowed_origins: vec!["https://app.example.org".to_owned()],
        origin_secret_sha256: None,
        clock,
    })
}

/// Somebody who calls the API.
#[derive(Clone)]
pub struct Client {
    edge: Edge,
    /// Name and value of the header that says who it is.
    credential: Option<(&'static str, String)>,
    pub user: UserId,
    organization: Option<OrgId>,
}

impl Client {
    /// The organization the client acts in, else the person.
    pub fn tenant(&self) -> Tenant {
        match self.organization {
            Some(organization) => Tenant::vouched(organization, Voucher::Test),
            None => Tenant::person(self.user, Voucher::Test),
        }
    }

    /// The same without a credential, for requests that carry it another way.
    pub fn without_credential(&self) -> Client {
        Client { credential: None, ..self.clone() }
    }

    /// The `Authorization` header, for requests that go another way.
    pub fn authorization(&self) -> &str {
        self.credential.as_ref().map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], Body::empty()).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.post_with(path, &[], body).await
    }

    /// POST with further headers.
    pub async fn post_with(&self, path: &str, headers: &[(&str, &str)], body: Value) -> Answer {
        self.json(Method::POST, path, headers, body).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.json(Method::PATCH, path, &[], body).await
    }

    /// PATCH of the version with this ETag.
    pub async fn patch_if(&self, path: &str, etag: &str, body: Value) -> Answer {
        self.json(Method::PATCH, path, &[("if-match", etag)], body).await
    }

    /// PUT without a body.
    pub async fn put(&self, path: &str) -> Answer {
        self.send(Method::PUT, path, &[], Body::empty()).await
    }

    /// PUT with a body.
    pub async fn put_body(&self, path: &str, body: Value) -> Answer {
        self.json(Method::PUT, path, &[], body).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, &[], Body::empty()).await
    }

    async fn json(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Value,
    ) -> Answer {
        let mut headers = headers.to_vec();
        headers.push(("content-type", "application/json"));
        self.send(method, path, &headers, Body::from(body.to_string())).await
    }

    /// Any request at all.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let (parts, body) = self.begin(method, path, headers, body).await.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.expect("a body in memory");
        let text = String::from_utf8(bytes.to_vec()).expect("UTF-8");
        Answer { status: parts.status, headers: parts.headers, text }
    }

    /// Any request at all; the body of the answer comes as it is made.
    pub async fn begin(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> http::Response<Body> {
        let mut request = Request::builder().method(method).uri(path);
        if let Some((name, value)) = &self.credential {
            request = request.header(*name, value);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.into()).expect("a request");
        self.edge.call(request).await
    }

    /// Every item of a list, page by page.
    pub async fn all(&self, path: &str, limit: usize) -> Vec<Value> {
        let mut items = Vec::new();
        let mut cursor: Option<String> = None;
        let separator = if path.contains('?') { '&' } else { '?' };
        loop {
            let cursor_part = cursor.map(|c| format!("&cursor={c}")).unwrap_or_default();
            let page = self.get(&format!("{path}{separator}limit={limit}{cursor_part}")).await;
            let page = page.expect(200);
            items.extend(page["items"].as_array().expect("items").iter().cloned());
            match page["nextCursor"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => return items,
            }
        }
    }
}

/// What came back.
#[derive(Clone)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    /// The body as JSON; null if there is none.
    pub fn json(&self) -> Value {
        if self.text.is_empty() {
            return Value::Null;
        }
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// The body of an answer with this status.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self.json()
    }

    /// A problem with this status and code, in the agreed form.
    #[track_caller]
    pub fn expect_problem(&self, status: u16, code: &str) -> Value {
        let problem = self.expect(status);
        assert_eq!(problem["code"], code, "{}", self.text);
        assert_eq!(problem["status"], status);
        let media_type = self.header("content-type");
        assert_eq!(media_type, Some("application/problem+json"));
        assert_eq!(problem["requestId"].as_str(), self.header("x-request-id"));
        for member in ["type", "title", "instance"] {
            assert!(problem[member].is_string(), "{member}: {problem}");
        }
        problem
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The ETag.
    #[track_caller]
    pub fn etag(&self) -> String {
        self.header("etag").expect("an ETag").to_owned()
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, self.text)
    }
}
