//! Signing in as a program does (RFC 8252): authorization code with PKCE, a loopback redirect, and
//! the person picked on the page of the local identity provider.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use millwright_core::{Clock, IdGenerator};
use reqwest::{Client, Response, Url, header, redirect::Policy};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Settings, provider::Person, text};

/// The client id of programs on the command line.
pub const CLIENT: &str = "cli";
/// Nobody listens there: the last redirect is read, not followed.
const REDIRECT: &str = "http://127.0.0.1:48000/callback";
const MAX_REDIRECTS: usize = 12;

/// The access token of a person who signs in through the whole flow.
pub async fn sign_in(settings: &Settings, person: Person) -> Result<String> {
    let base = format!("{}/api/v1", settings.public_url());
    let random = IdGenerator::new(Clock::system());
    let token = || -> String { URL_SAFE_NO_PAD.encode(random.random_bytes::<32>()) };
    let (verifier, state): (String, String) = (token(), token());
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&verifier));
    let mut start = Url::parse(&format!("{base}/auth/authorize"))?;
    start
        .query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("client_id", CLIENT)
        .append_pair("redirect_uri", REDIRECT)
        .append_pair("code_challenge", &challenge)
        .append_pair("code_challenge_method", "S256")
        .append_pair("state", &state)
        .append_pair("device_name", "cargo xtask dev");
    let mut browser = Browser::new()?;
    let back = browser.follow(start, person.subject).await?;
    let answered: BTreeMap<String, String> = back.query_pairs().into_owned().collect();
    if let Some(error) = answered.get("error") {
        bail!("{} cannot sign in: {error}", person.name);
    }
    ensure!(answered.get("state") == Some(&state), "the answer is to another request");
    let code = answered.get("code").context("the answer has no code")?;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", REDIRECT),
        ("client_id", CLIENT),
        ("code_verifier", &verifier),
    ];
    let body = form_of(&form)?;
    let answer = browser.post(&format!("{base}/auth/token"), body).await?;
    let status = answer.status();
    let answer: Value = answer.json().await.context("the token answer is no JSON")?;
    ensure!(status.is_success(), "no token: {status} {answer}");
    text(&answer, "access_token")
}

fn form_of(fields: &[(&str, &str)]) -> Result<String> {
    let url = Url::parse_with_params("http://127.0.0.1", fields)?;
    Ok(url.query().unwrap_or_default().to_owned())
}

/// As much of a browser as redirects and cookies need.
struct Browser {
    client: Client,
    /// By host and port.
    cookies: BTreeMap<String, BTreeMap<String, String>>,
}

impl Browser {
    fn new() -> Result<Browser> {
        let client = Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .timeout(Duration::from_secs(30))
            .build()
            .context("no HTTP client")?;
        Ok(Browser { client, cookies: BTreeMap::new() })
    }

    /// Follows redirects to the program's own address, which is not called.
    async fn follow(&mut self, start: Url, subject: &str) -> Result<Url> {
        let mut url = start;
        for _ in 0..MAX_REDIRECTS {
            if url.as_str().starts_with(REDIRECT) {
                return Ok(url);
            }
            let mut answer = self.send(self.client.get(url.clone()), &url).await?;
            if answer.status().is_success() {
                // The provider's page: who do you want to be?
                let form = form_of(&[("sub", subject)])?;
                let request = self.client.post(url.clone()).body(form);
                let request =
                    request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
                answer = self.send(request, &url).await?;
            }
            let location = answer.headers().get(header::LOCATION);
            let Some(location) = location.and_then(|value| value.to_str().ok()) else {
                let status = answer.status();
                let text = answer.text().await.unwrap_or_default();
                let text: String = text.chars().take(500).collect();
                bail!("{} leads nowhere: {status} {text}", url.path());
            };
            url = url.join(location)?;
        }
        bail!("the redirects of a sign-in do not end")
    }

    async fn post(&mut self, address: &str, form: String) -> Result<Response> {
        let url = Url::parse(address)?;
        let request = self.client.post(url.clone()).body(form);
        let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.send(request, &url).await
    }

    async fn send(&mut self, request: reqwest::RequestBuilder, url: &Url) -> Result<Response> {
        let host = url.authority().to_owned();
        let jar = self.cookies.entry(host).or_default();
        let cookie: Vec<String> =
            jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = match cookie.is_empty() {
            true => request,
            false => request.header(header::COOKIE, cookie.join("; ")),
        };
        let answer = request.send().await.with_context(|| format!("{url} does not answer"))?;
        for line in answer.headers().get_all(header::SET_COOKIE) {
            let pair = line.to_str().ok().and_then(|line| line.split(';').next()?.split_once('='));
            if let Some((name, value)) = pair {
                jar.insert(name.to_owned(), value.to_owned());
            }
        }
        Ok(answer)
    }
}
