//! Simple Email Service for one test, on loopback.

use std::sync::{Arc, Mutex};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use millwright_aws::Mail;
use millwright_config::Config;
use millwright_core::Clock;
use millwright_runtime::aws::{Clients, http_client};
use serde_json::{Value, json};

/// A post office that keeps what it is given. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct TestMail {
    endpoint: String,
    state: Arc<Mutex<Office>>,
}

#[derive(Default)]
struct Office {
    letters: Vec<Value>,
    refused: usize,
    refuses: bool,
}

impl TestMail {
    /// The address that its clients send from.
    pub const FROM: &'static str = "no-reply@example.org";

    pub async fn start() -> TestMail {
        let state = Arc::new(Mutex::new(Office::default()));
        let routes =
            Router::new().route("/v2/email/outbound-emails", post(send)).with_state(state.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let endpoint = format!("http://{}", listener.local_addr().expect("bound"));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        TestMail { endpoint, state }
    }

    /// The client of a function.
    pub fn client(&self) -> Mail {
        let read = |name: &str| {
            let value = match name {
                "MILLWRIGHT_STAGE" => "local",
                "MILLWRIGHT_PREFIX" => "test",
                "MILLWRIGHT_PUBLIC_URL" => "http://127.0.0.1:9000",
                "MILLWRIGHT_MAIL_FROM" => TestMail::FROM,
                "AWS_REGION" => "eu-central-1",
                "AWS_ACCESS_KEY_ID" => "000000000000",
                "AWS_SECRET_ACCESS_KEY" => "test",
                "AWS_ENDPOINT_URL_SESV2" => self.endpoint.as_str(),
                _ => return None,
            };
            Some(value.to_owned())
        };
        let config = Config::from_variables(read).expect("complete");
        let http = http_client().expect("root certificates");
        let clients = Clients::with_http_client(&config, http);
        clients.mail(Clock::system()).expect("an endpoint").expect("an address")
    }

    /// The bodies of what was accepted, in order.
    pub fn letters(&self) -> Vec<Value> {
        self.state.lock().expect("not poisoned").letters.clone()
    }

    /// How often it refused.
    pub fn refused(&self) -> usize {
        self.state.lock().expect("not poisoned").refused
    }

    /// From now on it accepts nothing, or everything again.
    pub fn refuse(&self, refuses: bool) {
        self.state.lock().expect("not poisoned").refuses = refuses;
    }
}

async fn send(
    State(state): State<Arc<Mutex<Office>>>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    let signature = headers.get("authorization").and_then(|it| it.to_str().ok());
    let is_signed = signature.is_some_and(|it| it.contains("/eu-central-1/ses/aws4_request"));
    let mut office = state.lock().expect("not poisoned");
    if !is_signed || office.refuses {
        office.refused += 1;
        let body = json!({ "message": "Email address is not verified." });
        return (StatusCode::BAD_REQUEST, Json(body)).into_response();
    }
    office.letters.push(body);
    Json(json!({ "MessageId": office.letters.len().to_string() })).into_response()
}
