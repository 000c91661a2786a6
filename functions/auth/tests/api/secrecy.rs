//! No secret is in a log, an event or an export (specs auth, acceptance 24)

use std::{
    collections::BTreeSet,
    io::Write,
    sync::{Arc, Mutex},
};

use auth::doubles::APP;
use http::Method;
use millwright_testkit::{Answer, Client, mistyped};
use serde_json::{Value, json};
use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    fmt::MakeWriter,
    layer::SubscriberExt,
};

use crate::scene::{Browser, Scene, parameter, scene_with};

/// Everything that is logged.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Written {
    type Writer = Written;

    fn make_writer(&'w self) -> Written {
        self.clone()
    }
}

/// What must be nowhere.
#[derive(Default)]
struct Secrets(BTreeSet<String>);

impl Secrets {
    fn keep(&mut self, text: &str) {
        assert!(text.len() >= 15, "{text}");
        self.0.insert(text.to_owned());
    }

    /// Cookies, tokens, keys and codes of an answer; state and nonce of a redirect.
    fn learn(&mut self, answer: &Answer) {
        for cookie in answer.headers.get_all("set-cookie") {
            let value = cookie.to_str().unwrap().split_once('=').unwrap().1;
            let value = value.split(';').next().unwrap();
            if !value.is_empty() {
                self.keep(value);
            }
        }
        if answer.header("location").is_some_and(|it| it.contains("://")) {
            for name in ["state", "nonce", "code"] {
                let value = parameter(answer, name);
                if value.len() > 16 {
                    self.keep(&value);
                }
            }
        }
        if !answer.text.starts_with('{') {
            return;
        }
        let body = answer.json();
        for name in ["accessToken", "access_token", "refresh_token", "id_token", "key"] {
            if let Some(text) = body[name].as_str() {
                self.keep(text);
                if name == "key" {
                    self.keep(&text[17..60]);
                }
            }
        }
    }
}

struct Run {
    scene: Scene,
    secrets: Secrets,
}

impl Run {
    async fn call(&mut self, client: &Client, method: Method, path: &str, body: Value) -> Answer {
        let headers = [("content-type", "application/json")];
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let headers = if body.is_null() { &headers[..0] } else { &headers[..] };
        let answer = client.send(method, &format!("/api/v1/{path}"), headers, text).await;
        self.secrets.learn(&answer);
        answer
    }

    async fn form(&mut self, path: &str, pairs: &[(&str, &str)]) -> Answer {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(pairs);
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let (path, client) = (format!("/api/v1/auth/{path}"), self.scene.app.stranger());
        let answer = client.send(Method::POST, &path, &headers, form.finish()).await;
        self.secrets.learn(&answer);
        answer
    }

    /// Comes back from the provider, once as somebody who is refused.
    async fn back(&mut self, browser: &mut Browser, started: &Answer, subject: &str) -> Answer {
        self.secrets.learn(started);
        browser.keep(started);
        let provider = self.scene.around.provider.clone();
        let claims = provider.claims(subject, &parameter(started, "nonce"));
        let code = provider.code(&claims);
        let answer = self.scene.back(browser, &parameter(started, "state"), &code).await;
        self.secrets.learn(&answer);
        answer
    }

    async fn of_page(&mut self, browser: &mut Browser, path: &str, body: Value) -> Answer {
        let cookies = browser.cookies();
        let headers = [("cookie", cookies.as_str()), ("origin", APP)];
        let client = self.scene.app.stranger();
        let answer = client.post_with(&format!("/api/v1/auth/{path}"), &headers, body).await;
        self.secrets.learn(&answer);
        browser.keep(&answer);
        answer
    }

    /// A token of a browser's session for its organization, and the client that holds it.
    async fn client(&mut self, browser: &mut Browser) -> Client {
        let view = self.of_page(browser, "refresh", json!({})).await.expect(200);
        self.scene.app.bearer(view["accessToken"].as_str().unwrap())
    }
}

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

#[tokio::test]
async fn no_secret_is_in_a_log_an_event_or_an_export() {
    let log = Written::default();
    // What functions silence at every level, as they do: the SDK logs whole requests.
    let filter = ["aws_", "hyper", "h2", "rustls", "dynoxide", "axum"]
        .iter()
        .fold(Targets::new().with_default(LevelFilter::TRACE), |filter, target| {
            filter.with_target(*target, LevelFilter::WARN)
        });
    let layer = tracing_subscriber::fmt::layer().json().with_writer(log.clone());
    let _guard =
        tracing::subscriber::set_default(tracing_subscriber::registry().with(layer).with(filter));
    let operators = |around: &mut auth::doubles::Surroundings| {
        around.settings["operators"] =
            json!([{ "issuer": auth::doubles::PROVIDER, "subject": "ada" }]);
    };
    let clock = millwright_core::Clock::fixed(millwright_testkit::beginning());
    let scene = scene_with(clock, operators).await;
    let mut run = Run { scene, secrets: Secrets::default() };
    everything(&mut run).await;
    let Run { scene, mut secrets } = run;
    secrets.keep("a client secret");
    secrets.keep("a MAC key of the tests");
    secrets.keep(VERIFIER);
    for form in scene.around.provider.exchanged.lock().unwrap().iter() {
        for (name, value) in form_urlencoded::parse(form.as_bytes()) {
            if name == "code_verifier" {
                secrets.keep(&value);
            }
        }
    }
    assert!(secrets.0.len() > 40, "{}", secrets.0.len());
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for operation in auth::service().operations {
        let name = format!("\"operation\":\"{}\"", operation.name);
        assert!(log.contains(&name), "{} was not called, or not logged", operation.name);
    }
    let events = serde_json::to_string(&scene.app.outbox().await).unwrap();
    assert!(events.contains("auth.api_key.rotated"));
    let user = scene.app.service("user-management", None);
    let listed = scene.app.events().await;
    let ada = listed.iter().find(|it| it.kind == "auth.login.succeeded").unwrap();
    let path = format!("/api/v1/auth/users/{}/data", ada.subject);
    let export = json!(user.all(&path, 100).await).to_string();
    assert!(export.contains("api_key"));
    for secret in &secrets.0 {
        assert!(!log.contains(secret), "{secret} is in the log");
        assert!(!events.contains(secret), "{secret} is in an event");
        assert!(!export.contains(secret), "{secret} is in an export");
    }
}

/// Every operation, with success; some once more, with refusal.
async fn everything(run: &mut Run) {
    let stranger = run.scene.app.stranger();
    let get = Method::GET;
    for path in ["auth/health", "auth/ready", "auth/providers"] {
        run.call(&stranger, get.clone(), path, Value::Null).await.expect(200);
    }
    for path in ["openid-configuration", "jwks.json"] {
        let path = format!(".well-known/{path}");
        run.call(&stranger, get.clone(), &path, Value::Null).await.expect(200);
    }
    let mut browser = Browser::default();
    let started = run.scene.start(&mut browser, "").await;
    run.back(&mut browser, &started, "ada").await;
    let view = run.of_page(&mut browser, "refresh", json!({})).await.expect(200);
    let user = crate::scene::user_of(&view);
    let organization = run.scene.join(user, 1).await;
    let owner = |it: &mut millwright_access::facts::MembershipFacts| {
        it.system_role = Some(millwright_identity::SystemRole::Owner);
    };
    run.scene.change_member(user, organization, owner).await;
    // Used again: a reuse, once its successor was used.
    let used = browser.refresh.clone();
    let client = run.client(&mut browser).await;
    let to = json!({ "organizationId": organization });
    let switch = "auth/sessions/current/switch-organization";
    let view = run.call(&client, Method::POST, switch, to).await.expect(200);
    let client = run.scene.app.bearer(view["accessToken"].as_str().unwrap());
    run.call(&client, get.clone(), "auth/me", Value::Null).await.expect(200);
    keys(run, &client).await;
    people(run, &client, &mut browser).await;
    native(run).await;
    let operator = json!({ "operator": true });
    let view = run.of_page(&mut browser, "refresh", operator).await.expect(200);
    let operator = run.scene.app.bearer(view["accessToken"].as_str().unwrap());
    let other = "auth/users/usr_01jdbx0pmgfcevdh08yfgtjb82/revoke-sessions";
    run.call(&operator, Method::POST, other, json!({})).await.expect(200);
    let service = run.scene.app.service("user-management", None);
    let data = format!("auth/users/{user}/data");
    run.call(&service, get, &data, Value::Null).await.expect(200);
    let mut thief = Browser { refresh: used, ..Browser::default() };
    let reused = run.of_page(&mut thief, "refresh", json!({})).await;
    reused.expect_problem(401, "refresh_reused");
    let mut other = Browser::default();
    let started = run.scene.start(&mut other, "").await;
    run.back(&mut other, &started, "ada").await;
    run.of_page(&mut other, "logout", json!({})).await.expect(204);
}

async fn keys(run: &mut Run, client: &Client) {
    let (get, post, patch) = (Method::GET, Method::POST, Method::PATCH);
    for (kind, name) in [("api-keys", "P"), ("service-keys", "S"), ("api-keys", "M")] {
        let list = format!("auth/{kind}");
        let body = json!({ "name": name, "scopes": ["auth.api_key.read"] });
        let made = run.call(client, post.clone(), &list, body).await;
        let view = made.expect(201);
        let key = view["key"].as_str().unwrap().to_owned();
        let one = format!("{list}/{}", view["id"].as_str().unwrap());
        run.call(client, get.clone(), &list, Value::Null).await.expect(200);
        run.call(client, get.clone(), &one, Value::Null).await.expect(200);
        run.call(client, patch.clone(), &one, json!({ "description": "D" })).await.expect(200);
        let rotate = format!("{one}/rotate");
        let overlap = json!({ "overlapSeconds": 60 });
        run.call(client, post.clone(), &rotate, overlap).await.expect(200);
        let holder = run.scene.app.bearer(&key);
        run.call(&holder, get.clone(), "auth/me", Value::Null).await.expect(200);
        let wrong = run.scene.app.bearer(&mistyped(&key));
        let refused = run.call(&wrong, get.clone(), "auth/me", Value::Null).await;
        refused.expect_problem(401, "invalid_token");
        let grant = [
            ("grant_type", "client_credentials"),
            ("client_id", &key[..16]),
            ("client_secret", &key),
        ];
        run.form("token", &grant).await.expect(200);
        if name == "M" {
            run.call(client, get.clone(), "auth/member-keys", Value::Null).await.expect(200);
            let member = one.replace("api-keys", "member-keys");
            run.call(client, Method::DELETE, &member, Value::Null).await.expect(204);
        }
        if name == "S" {
            run.call(client, Method::DELETE, &one, Value::Null).await.expect(204);
        }
    }
    let body = json!({ "name": "Z", "scopes": ["auth.api_key.read"] });
    let made = run.call(client, post, "auth/api-keys", body).await;
    let path = made.header("location").unwrap().trim_start_matches("/api/v1/").to_owned();
    run.call(client, Method::DELETE, &path, Value::Null).await.expect(204);
}

async fn people(run: &mut Run, client: &Client, browser: &mut Browser) {
    let (get, post) = (Method::GET, Method::POST);
    for path in ["auth/sessions", "auth/identities", "auth/login-history"] {
        run.call(client, get.clone(), path, Value::Null).await.expect(200);
    }
    // One more identity, which goes again; somebody else, who is refused.
    for (purpose, subject) in [("link", "ada2"), ("reauthenticate", "eve")] {
        let body = json!({ "purpose": purpose, "provider": "test", "returnTo": "/" });
        let cookies = browser.cookies();
        let headers = [("cookie", cookies.as_str())];
        let begun = client.post_with("/api/v1/auth/logins", &headers, body).await;
        browser.keep(&begun);
        run.secrets.learn(&begun);
        let url = begun.expect(201)["authorizationUrl"].as_str().unwrap().to_owned();
        let mut redirect = begun.clone();
        redirect.headers.insert("location", url.parse().unwrap());
        run.back(browser, &redirect, subject).await;
    }
    let listed = run.call(client, get.clone(), "auth/identities", Value::Null).await.expect(200);
    let linked =
        listed["items"].as_array().unwrap().iter().find(|it| it["email"] == "ada2@example.org");
    let path = format!("auth/identities/{}", linked.unwrap()["id"].as_str().unwrap());
    run.call(client, Method::DELETE, &path, Value::Null).await.expect(204);
    // Another session of hers.
    let mut other = Browser::default();
    let started = run.scene.start(&mut other, "").await;
    run.back(&mut other, &started, "ada").await;
    let elsewhere = run.client(&mut other).await;
    let listed = run.call(client, get.clone(), "auth/sessions", Value::Null).await.expect(200);
    let session = listed["items"].as_array().unwrap().iter().find(|it| it["current"] == false);
    let path = format!("auth/sessions/{}", session.unwrap()["id"].as_str().unwrap());
    run.call(client, get.clone(), &path, Value::Null).await.expect(200);
    let name = json!({ "deviceName": "Desk" });
    run.call(client, Method::PATCH, &path, name).await.expect(200);
    run.call(client, Method::DELETE, &path, Value::Null).await.expect(204);
    drop(elsewhere);
    let others = "auth/sessions/revoke-others";
    run.call(client, post.clone(), others, json!({})).await.expect(200);
    let mut third = Browser::default();
    let started = run.scene.start(&mut third, "").await;
    run.back(&mut third, &started, "bob").await;
    let bob = run.client(&mut third).await;
    let all = "auth/sessions/revoke-all";
    run.call(&bob, post, all, json!({ "includeApiKeys": true })).await.expect(200);
}

async fn native(run: &mut Run) {
    let challenge = auth::domain::pkce_challenge(VERIFIER);
    let redirect = "http://127.0.0.1:4711/callback";
    let path = format!(
        "/api/v1/auth/authorize?response_type=code&client_id=cli&state=a-state-of-the-client\
         &redirect_uri={redirect}&code_challenge={challenge}&code_challenge_method=S256\
         &scope=openid%20email"
    );
    let mut browser = Browser::default();
    let started = run.scene.get(&path, &browser).await;
    let back = run.back(&mut browser, &started, "ada").await;
    let grant = [
        ("grant_type", "authorization_code"),
        ("client_id", "cli"),
        ("redirect_uri", redirect),
        ("code", &parameter(&back, "code")),
        ("code_verifier", VERIFIER),
    ];
    let tokens = run.form("token", &grant).await.expect(200);
    let token = tokens["refresh_token"].as_str().unwrap();
    let grant = [("grant_type", "refresh_token"), ("client_id", "cli"), ("refresh_token", token)];
    let tokens = run.form("token", &grant).await.expect(200);
    let token = tokens["refresh_token"].as_str().unwrap();
    run.form("revoke", &[("token", token)]).await.expect(200);
}
