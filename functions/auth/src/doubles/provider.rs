//! A provider in memory.

use std::{
    collections::HashMap,
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use futures::future::BoxFuture;
use millwright_core::Clock;
use millwright_identity::issuer::Issuer;
use serde_json::{Value, json};

use super::PROVIDER;
use crate::provider::{ProviderFailure, ProviderHttp, ProviderRequest, ProviderResponse};

/// A provider that says what a test tells it to.
pub struct TestProvider {
    clock: Clock,
    answers: Mutex<HashMap<String, Value>>,
    codes: AtomicUsize,
    userinfo: Mutex<Value>,
    /// The forms that came to the token endpoint.
    pub exchanged: Mutex<Vec<String>>,
    failure: Mutex<Option<ProviderFailure>>,
    metadata: Mutex<Value>,
}

fn provider_key() -> &'static Issuer {
    static KEY: OnceLock<Issuer> = OnceLock::new();
    KEY.get_or_init(|| Issuer::generate(PROVIDER, "").expect("a key"))
}

impl TestProvider {
    pub(super) fn new(clock: Clock) -> TestProvider {
        TestProvider {
            clock,
            answers: Mutex::default(),
            codes: AtomicUsize::default(),
            userinfo: Mutex::default(),
            exchanged: Mutex::default(),
            failure: Mutex::default(),
            metadata: Mutex::default(),
        }
    }

    /// The claims of an ordinary id token of a person with that subject.
    pub fn claims(&self, subject: &str, nonce: &str) -> Value {
        let now = self.clock.now().as_second();
        json!({
            "iss": PROVIDER,
            "sub": subject,
            "aud": "millwright-test",
            "iat": now,
            "exp": now + 300,
            "nonce": nonce,
            "email": format!("{subject}@example.org"),
            "email_verified": true,
            "name": "Ada Lovelace",
            "amr": ["pwd", "mfa"],
        })
    }

    /// A code that gets an id token with these claims, properly signed.
    pub fn code(&self, claims: &Value) -> String {
        let key = provider_key();
        let kid = key.header().kid.expect("a kid");
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": kid });
        self.code_of(&key.sign_raw(header, claims).expect("a token"))
    }

    /// A code that gets this id token, whatever it is.
    pub fn code_of(&self, id_token: &str) -> String {
        let mut answers = self.answers.lock().expect("not poisoned");
        // Never one that was used: of many who sign in at once, each has another.
        let code = format!("code-{}", self.codes.fetch_add(1, Ordering::SeqCst));
        let answer =
            json!({ "id_token": id_token, "access_token": "access", "token_type": "Bearer" });
        answers.insert(code.clone(), answer);
        code
    }

    /// The key's `kid`, and its public part as JSON.
    pub fn key() -> (String, Value) {
        let keys = serde_json::to_value(provider_key().public_keys()).expect("JSON");
        (provider_key().header().kid.expect("a kid"), keys["keys"][0].clone())
    }

    /// A token with any header and claims, signed RS256 whatever the header says.
    pub fn signed(header: &Value, claims: &Value) -> String {
        provider_key().sign_raw(header, claims).expect("a token")
    }

    /// A token without a signature.
    pub fn unsigned(header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.", part(header), part(claims))
    }

    /// What userinfo answers.
    pub fn tells(&self, userinfo: Value) {
        *self.userinfo.lock().expect("not poisoned") = userinfo;
    }

    /// Members of the metadata that are otherwise.
    pub fn announces(&self, members: Value) {
        *self.metadata.lock().expect("not poisoned") = members;
    }

    /// The token endpoint fails so from now on.
    pub fn fails(&self, failure: Option<ProviderFailure>) {
        *self.failure.lock().expect("not poisoned") = failure;
    }

    fn answer(&self, request: &ProviderRequest) -> Result<ProviderResponse, ProviderFailure> {
        let path = request.url.strip_prefix(PROVIDER).unwrap_or_default();
        let (status, body) = match path {
            "/.well-known/openid-configuration" => {
                let mut metadata = json!({
                    "issuer": PROVIDER,
                    "authorization_endpoint": format!("{PROVIDER}/authorize"),
                    "token_endpoint": format!("{PROVIDER}/token"),
                    "jwks_uri": format!("{PROVIDER}/jwks"),
                    "userinfo_endpoint": format!("{PROVIDER}/userinfo"),
                    "id_token_signing_alg_values_supported": ["RS256"],
                });
                let others = self.metadata.lock().expect("not poisoned");
                for (name, value) in others.as_object().into_iter().flatten() {
                    metadata[name] = value.clone();
                }
                (200, metadata)
            }
            "/jwks" => (200, json!({ "keys": [TestProvider::key().1] })),
            "/userinfo" => (200, self.userinfo.lock().expect("not poisoned").clone()),
            "/token" => {
                if let Some(failure) = self.failure.lock().expect("not poisoned").clone() {
                    return Err(failure);
                }
                let form = request.form.as_ref().expect("a form").expose().to_owned();
                let code = form_urlencoded::parse(form.as_bytes())
                    .find(|(name, _)| name == "code")
                    .map(|(_, value)| value.into_owned())
                    .unwrap_or_default();
                self.exchanged.lock().expect("not poisoned").push(form);
                // A code is good once.
                match self.answers.lock().expect("not poisoned").remove(&code) {
                    Some(answer) => (200, answer),
                    None => (400, json!({ "error": "invalid_grant" })),
                }
            }
            _ => (404, Value::Null),
        };
        let max_age = Some(Duration::from_secs(3_600));
        Ok(ProviderResponse { status, max_age, body: body.to_string().into_bytes() })
    }
}

impl ProviderHttp for TestProvider {
    fn send(
        &self,
        request: ProviderRequest,
    ) -> BoxFuture<'_, Result<ProviderResponse, ProviderFailure>> {
        Box::pin(async move { self.answer(&request) })
    }
}
