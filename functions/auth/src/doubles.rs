//! Doubles of what stands around the service: a provider, the directory of people, secrets. For its
//! tests and for the guards; no function is built with them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "doubles panic")]

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use futures::future::BoxFuture;
use millwright_access::facts::{
    MembershipFacts, MembershipStatus, OrganizationFacts, OrganizationStatus, UserFacts, UserStatus,
};
use millwright_core::{Clock, Error, Id, OrgId, Result, SessionId, Tenant, UserId};
use millwright_http::Platform;
use millwright_identity::{SystemRole, issuer::Issuer};
use millwright_store::{Condition, GlobalPartition, Item, Key, Partition, Store};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    Auth, Ports,
    directory::{Directory, Provision, Provisioned},
    domain::{Asserted, ClientKind, Identity, IdentityId, Refresh, RefreshToken, Session, Visitor},
    provider::{ProviderFailure, ProviderHttp, ProviderRequest, ProviderResponse},
    secret::{MacKey, Secret},
    secrets::{JWKS, REFRESH, SIGNING, Secrets, Stage},
    settings::Settings,
    store::{IdentityOwner, PersonHead},
    vouch,
};

/// The origin of the pages.
pub const APP: &str = "http://localhost:5173";
/// The issuer of the provider.
pub const PROVIDER: &str = "http://127.0.0.1:9100";

const MAC: &str = "a MAC key of the tests";

/// The settings of tests: one provider, one page, both on loopback.
pub fn settings() -> Value {
    json!({
        "publicUrl": "http://127.0.0.1:9000",
        "providers": [{
            "id": "test",
            "displayName": "Test",
            "issuer": PROVIDER,
            "issuerAliases": ["alias.test"],
            "clientId": "millwright-test",
            "clientSecretName": "auth/providers/test",
        }],
        "appOrigins": [APP],
    })
}

/// Everything around the service, to be bent before it starts.
#[derive(Clone)]
pub struct Surroundings {
    pub settings: Value,
    pub provider: Arc<TestProvider>,
    /// So many calls to the directory fail from now on.
    pub directory_failures: Arc<AtomicUsize>,
    pub signing_pem: &'static str,
}

impl Surroundings {
    pub fn new(signing_pem: &'static str, clock: &Clock) -> Surroundings {
        Surroundings {
            settings: settings(),
            provider: Arc::new(TestProvider::new(clock.clone())),
            directory_failures: Arc::default(),
            signing_pem,
        }
    }

    /// The service among them. Facts of people are in its own table.
    pub fn service(&self, platform: Platform, store: Store) -> Auth {
        let ports = Ports {
            settings: Settings::parse(&self.settings.to_string(), "").expect("proper settings"),
            facts: store.clone(),
            secrets: Arc::new(TestSecrets::new(self.signing_pem)),
            provider_http: self.provider.clone(),
            directory: Arc::new(TestDirectory {
                store: store.clone(),
                failures: self.directory_failures.clone(),
            }),
            catalogue: crate::permissions::CATALOGUE.to_vec(),
        };
        Auth::new(platform, store, ports)
    }
}

/// Secrets that never change.
pub struct TestSecrets(HashMap<(&'static str, Option<Stage>), String>);

impl TestSecrets {
    pub fn new(signing_pem: &str) -> TestSecrets {
        let issuer = Issuer::from_pem(signing_pem, "", "").expect("a key");
        let keys = serde_json::to_value(issuer.public_keys()).expect("JSON");
        TestSecrets(HashMap::from([
            ((SIGNING, Some(Stage::Current)), signing_pem.to_owned()),
            ((REFRESH, Some(Stage::Current)), MAC.to_owned()),
            ((JWKS, None), keys.to_string()),
            (("auth/providers/test", None), "a client secret".to_owned()),
        ]))
    }
}

impl Secrets for TestSecrets {
    fn read<'a>(
        &'a self,
        name: &'a str,
        stage: Option<Stage>,
    ) -> BoxFuture<'a, Result<Option<Secret>>> {
        let found = self.0.iter().find(|((key, at), _)| *key == name && *at == stage);
        let found = found.map(|(_, text)| Secret::new(text.clone()));
        Box::pin(async move { Ok(found) })
    }
}

/// People, as user-management would keep them.
pub struct TestDirectory {
    store: Store,
    failures: Arc<AtomicUsize>,
}

struct EmailOf<'e>(&'e str);

impl GlobalPartition for EmailOf<'_> {
    fn partition(&self) -> String {
        format!("EMAIL#{}", self.0)
    }
}

#[derive(Serialize, Deserialize)]
struct EmailHolder {
    email: String,
    user_id: UserId,
}

impl Item for EmailHolder {
    const KIND: &'static str = "test_email";

    fn key(&self, _tenant: &Tenant) -> Key {
        Partition::global(&EmailOf(&self.email)).at("HEAD")
    }
}

impl TestDirectory {
    async fn provide(&self, user: UserId, request: &Provision) -> Result<Provisioned> {
        let failing =
            self.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
        if failing.is_ok() {
            return Err(Error::unavailable("the directory is away"));
        }
        if request.require_invitation && !request.email.starts_with("invited") {
            return Ok(Provisioned::SignUpClosed);
        }
        let person = vouch::person(user);
        let holder = EmailHolder { email: request.email.clone(), user_id: user };
        let stood = self.store.put_when(&person, &holder, &Condition::absent()).await?;
        if let Some(stood) = stood
            && stood.decode::<EmailHolder>()?.user_id != user
        {
            return Ok(Provisioned::EmailTaken);
        }
        let found: Option<UserFacts> = self.store.get(&UserFacts::place(&person)).await?;
        let mut facts = found.unwrap_or(UserFacts {
            user_id: user,
            status: UserStatus::Active,
            deactivated_by: None,
            access_version: 1,
            default_organization_id: None,
        });
        if request.reactivate {
            facts.status = UserStatus::Active;
            facts.deactivated_by = None;
        }
        self.store.put_when(&person, &facts, &Condition::default()).await?;
        Ok(Provisioned::Done)
    }
}

impl Directory for TestDirectory {
    fn provision<'a>(
        &'a self,
        user: UserId,
        request: &'a Provision,
    ) -> BoxFuture<'a, Result<Provisioned>> {
        Box::pin(self.provide(user, request))
    }
}

/// A provider that says what a test tells it to.
pub struct TestProvider {
    clock: Clock,
    answers: Mutex<HashMap<String, Value>>,
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
    fn new(clock: Clock) -> TestProvider {
        TestProvider {
            clock,
            answers: Mutex::default(),
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
        let code = format!("code-{}", answers.len());
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

/// A person who is signed in, and what belongs to them.
pub struct Furnished {
    /// The refresh token of the browser's session.
    pub cookie: String,
    /// That of a native client.
    pub native: String,
    pub session: SessionId,
    pub other_session: SessionId,
    pub identities: [IdentityId; 2],
}

/// The session of a furnished person.
pub fn furnished_session() -> SessionId {
    Id::from_uuid(Uuid::from_u128(77))
}

fn furnished(
    store: &Store,
    user: UserId,
    organization: OrgId,
    id: SessionId,
    native: bool,
) -> (Session, String) {
    let now = store.clock().now();
    let key = MacKey::new(MAC);
    let token = RefreshToken::mint(&key, user, id, 1, &store.ids().random_bytes());
    let refresh =
        Refresh { generation: 1, current: Some(token.text.fingerprint()), ..Refresh::default() };
    let session = Session {
        id,
        user_id: user,
        version: 1,
        client_id: if native { "cli" } else { "web" }.to_owned(),
        client_kind: if native { ClientKind::Native } else { ClientKind::Browser },
        device_name: "Desk".parse().expect("a name"),
        organization_id: Some(organization),
        remember: false,
        auth_time: now,
        created_at: now,
        last_active_at: now,
        expires_at: Session::end(now, false),
        visitor: Visitor::default(),
        identity_id: Id::from_uuid(Uuid::from_u128(1)),
        amr: Vec::new(),
        refresh,
        activity: None,
        revoked_at: None,
        revoked_reason: None,
    };
    (session, token.text.expose().to_owned())
}

/// Signs a person in without a provider, twice, as an owner of the organization.
pub async fn furnish(store: &Store, user: UserId, organization: OrgId) -> Furnished {
    let now = store.clock().now();
    let (person, tenant) = (vouch::person(user), vouch::organization(organization));
    let mut transaction = store.transaction(&person);
    let (first, cookie) = furnished(store, user, organization, furnished_session(), false);
    let (second, native) = furnished(store, user, organization, store.ids().next(), true);
    transaction.create(&first);
    transaction.create(&second);
    let mut identities = Vec::new();
    for number in [1, 2] {
        let asserted = Asserted {
            issuer: PROVIDER.to_owned(),
            subject: format!("{user}-{number}"),
            email: format!("ada{number}@example.org"),
            display_name: None,
            given_name: None,
            family_name: None,
            avatar_url: None,
            language: None,
            amr: Vec::new(),
        };
        let id = Id::from_uuid(Uuid::from_u128(number));
        let identity = Identity::new(id, user, "test", &asserted, now);
        transaction.create(&IdentityOwner::of(&identity));
        transaction.create(&identity);
        identities.push(id);
    }
    let identities = [identities[0], identities[1]];
    transaction.create(&PersonHead {
        sessions: vec![first.id, second.id],
        identities: identities.to_vec(),
        version: 1,
    });
    transaction.put(&UserFacts {
        user_id: user,
        status: UserStatus::Active,
        deactivated_by: None,
        access_version: 1,
        default_organization_id: None,
    });
    transaction.within(&tenant, |of_organization| {
        of_organization.put(&OrganizationFacts {
            organization_id: organization,
            status: OrganizationStatus::Active,
            access_version: 1,
            personal_api_keys_allowed: true,
            api_key_max_lifetime_days: 365,
            session_max_age_seconds: None,
            reauth_after: None,
        });
        of_organization.put(&MembershipFacts {
            user_id: user,
            role_id: Id::from_uuid(Uuid::from_u128(7)),
            system_role: Some(SystemRole::Owner),
            status: MembershipStatus::Active,
            access_version: 1,
            reauth_after: None,
        });
    });
    transaction.commit().await.expect("furnished");
    Furnished { cookie, native, session: first.id, other_session: second.id, identities }
}
