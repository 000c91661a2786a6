//! Signing in over the local stack: with the libraries of others, which know nothing of our code, and
//! all the way to what a role allows in planning.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, ensure};
use millwright_runtime::aws::Clients;
use serde_json::{Value, json};

use super::{
    Outcome,
    browser::{OtherProviders, with_chromium, with_other_providers},
    local::with_providers,
};
use crate::{
    dev::{self, Api, PEOPLE, Person, Settings, sign_in, text},
    node::NodeProgram,
    output, paths, process,
    tools::{Group, Tools},
};

pub(super) fn run(tools: &Tools) -> Result<Outcome> {
    tools.install(Group::Identity)?;
    let (node, mut left_out) = match NodeProgram::prepare("identity") {
        Ok(Some(node)) => (Some(node), None),
        Ok(None) => (None, Some("Node 20 with npm is not installed; the part with it")),
        Err(error) => {
            output::warning(format_args!("{error:#}"));
            (None, Some("the packages cannot be installed; the part with Node"))
        }
    };
    let mut others = OtherProviders::planned()?;
    let configured = others.configured;
    with_providers(tools, "identity", &configured, |runtime, settings| {
        by_others(tools, node.as_ref(), settings)?;
        if let Some(node) = &node {
            others.start(node, settings)?;
            with_other_providers(node, settings)?;
            if !with_chromium(node, settings)? {
                left_out = Some("Chromium is not installed (or set CHROMIUM); the part with it");
            }
        }
        dev::start(runtime, roles(settings))?;
        dev::start(runtime, keys(settings))?;
        dev::start(runtime, rotation(settings))
    })?;
    match left_out {
        None => Ok(Outcome::Passed),
        Some(what) => Ok(Outcome::Skipped(format!("{what} was left out"))),
    }
}

/// Authlib, joserfc and PyJWT; then openid-client and jose.
fn by_others(tools: &Tools, node: Option<&NodeProgram>, settings: &Settings) -> Result<()> {
    let issuer = format!("{}/api/v1", settings.public_url());
    let script = paths::workspace().join("xtask/python/identity.py");
    let mut python = process::scrubbed(tools.program(Group::Identity, "python"));
    python.arg(script).args(["--issuer", &issuer, "--subject", PEOPLE[1].subject]);
    let first = process::read(&mut python).context("Authlib cannot sign in")?;
    let first: Value = serde_json::from_str(&first).context("identity.py printed no JSON")?;
    output::progress("signed in with Authlib; joserfc and PyJWT verify what it got");
    let Some(node) = node else { return Ok(()) };
    let mut again = process::scrubbed(&node.node);
    again.arg(node.folder.join("src/index.mjs")).args([issuer.as_str(), "cli", PEOPLE[1].subject]);
    let again = process::read(&mut again).context("openid-client cannot sign in")?;
    let again: Value = serde_json::from_str(&again).context("index.mjs printed no JSON")?;
    output::progress("signed in with openid-client; jose verifies what it got");
    ensure!(again["userId"] == first["userId"], "one person became two users");
    Ok(())
}

/// How long a withdrawal may take to reach every function.
const WITHDRAWN_WITHIN: Duration = Duration::from_secs(60);

/// An organization of two people: what planning allows follows the role, and ends with it.
async fn roles(settings: &Settings) -> Result<()> {
    let (organization, ada) = founder(settings, PEOPLE[0], "Engines").await?;
    let body = json!({ "key": "ENG", "name": "Engine" });
    let project = ada.post("/planning/projects", &body, None).await?;
    let task = json!({ "projectId": text(&project, "id")?, "title": "Punch the cards" });
    let (_, stranger) = founder(settings, PEOPLE[2], "Looms").await?;
    let seen = stranger.get(&format!("/organizations/{organization}")).await?;
    ensure!(seen.is_none(), "a stranger sees the organization");
    output::progress("an owner works in planning with a token of the founded organization");

    let (viewer, member) = (role(&ada, &organization, "viewer").await?, "member");
    let member = role(&ada, &organization, member).await?;
    let invitation = json!({ "email": PEOPLE[1].email, "roleId": viewer });
    ada.post("/invitations", &invitation, None).await?;
    let grace = Api::with_token(settings, &sign_in(settings, PEOPLE[1]).await?)?;
    let waiting = grace.get("/users/me/invitations").await?.context("no invitations")?;
    let id = text(&waiting["items"][0], "id")?;
    grace.post(&format!("/invitations/{id}/accept"), &json!({}), None).await?;
    let me = text(&grace.get("/users/me").await?.context("nobody is signed in")?, "id")?;
    let viewing = entered(settings, &grace, &organization).await?;
    let listed = viewing.get("/planning/projects").await?.context("a viewer reads nothing")?;
    ensure!(listed["items"][0]["key"] == "ENG", "a viewer does not see the project: {listed}");
    refused(&viewing, &task, 403, "forbidden").await?;
    output::progress("an invited viewer reads, and may not write");

    let seat = format!("/organizations/{organization}/members/{me}");
    ada.patch(&seat, &json!({ "roleId": member })).await?;
    refused_soon(&viewing, &task, "token_stale").await?;
    let working = entered(settings, &grace, &organization).await?;
    working.post("/planning/tasks", &task, None).await?;
    output::progress("with another role the old token is out of date, and a new one may write");

    ada.post(&format!("{seat}/suspend"), &json!({}), None).await?;
    refused_soon(&working, &task, "token_stale").await?;
    let switch = json!({ "organizationId": organization });
    let (status, answer) = grace.try_post(SWITCH, &switch).await?;
    ensure!(answer["code"] == "membership_not_active", "suspended, but {status}: {answer}");
    output::progress("suspended: the token is refused, and there is no new one");
    Ok(())
}

const SWITCH: &str = "/auth/sessions/current/switch-organization";

/// The API with a token for that organization.
async fn entered(settings: &Settings, person: &Api, organization: &str) -> Result<Api> {
    let switched = person.post(SWITCH, &json!({ "organizationId": organization }), None).await?;
    Api::with_token(settings, &text(&switched, "accessToken")?)
}

async fn role(api: &Api, organization: &str, key: &str) -> Result<String> {
    let path = format!("/organizations/{organization}/roles");
    let roles = api.get(&path).await?.context("no roles")?;
    let found =
        roles["items"].as_array().and_then(|all| all.iter().find(|r| r["systemKey"] == key));
    text(found.with_context(|| format!("no role {key}: {roles}"))?, "id")
}

async fn refused(api: &Api, task: &Value, status: u16, code: &str) -> Result<()> {
    let (found, answer) = api.try_post("/planning/tasks", task).await?;
    let is_refused = found.as_u16() == status && answer["code"] == code;
    ensure!(is_refused, "not refused as {code}: {found} {answer}");
    Ok(())
}

/// Functions look every 20 seconds.
async fn refused_soon(api: &Api, task: &Value, code: &str) -> Result<()> {
    let started = Instant::now();
    loop {
        let last = refused(api, task, 401, code).await;
        if last.is_ok() || started.elapsed() > WITHDRAWN_WITHIN {
            return last;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// The use of an API key is told by the function that met it, and written down by another.
async fn keys(settings: &Settings) -> Result<()> {
    let (organization, mary) = founder(settings, PEOPLE[3], "Wind Tunnels").await?;
    let body = json!({ "name": "Backup", "scopes": ["planning.*"] });
    let made = mary.post("/auth/api-keys", &body, None).await?;
    let holder = Api::with_token(settings, &text(&made, "key")?)?;
    holder.get("/planning/projects").await?.context("the key opens nothing")?;
    let path = format!("/auth/api-keys/{}", text(&made, "id")?);
    let shown = async || -> Result<Value> { mary.get(&path).await?.context("no key") };
    soon("its use is written down", async || Ok(shown().await?["lastUsedAt"].is_string())).await?;
    output::progress(format_args!("a key of {organization} was used, and auth-jobs noted it"));
    Ok(())
}

/// Messages take a moment.
async fn soon(what: &str, holds: impl AsyncFn() -> Result<bool>) -> Result<()> {
    let started = Instant::now();
    while !holds().await? {
        ensure!(started.elapsed() < WITHDRAWN_WITHIN, "not so: {what}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Ok(())
}

/// Keys rotate by the function itself: stages of secret versions are what it relies on.
async fn rotation(settings: &Settings) -> Result<()> {
    let config = settings.config()?;
    let clients = Clients::new(&config).map_err(|error| anyhow!("no AWS clients: {error}"))?;
    let secrets = clients.secretsmanager()?;
    let published = async || -> Result<BTreeSet<String>> {
        let read = secrets.get_secret_value().secret_id(config.secret("auth/jwks"));
        let read = read.send().await.context("the published keys")?;
        let keys: Value = serde_json::from_str(read.secret_string().unwrap_or_default())?;
        keys["keys"].as_array().context("no keys")?.iter().map(|key| text(key, "kid")).collect()
    };
    let current = async || -> Result<String> {
        let read = secrets.get_secret_value().secret_id(config.secret("auth/signing"));
        let read = read.version_stage("current").send().await.context("the signing key")?;
        Ok(read.version_id().unwrap_or_default().to_owned())
    };
    let first = current().await?;
    rotate(settings, false).await?;
    let known = published().await?;
    ensure!(known.contains(&first) && known.len() == 2, "no next key beside {first}: {known:?}");
    rotate(settings, true).await?;
    rotate(settings, false).await?;
    let (now, known) = (current().await?, published().await?);
    ensure!(now != first && known.contains(&now), "{now} signs, published are {known:?}");
    ensure!(!known.contains(&first), "the compromised key is still published: {known:?}");
    output::progress("the signing key was rotated, and a compromised one dropped");
    Ok(())
}

async fn rotate(settings: &Settings, compromised: bool) -> Result<()> {
    let path = "2015-03-31/functions/auth-keys/invocations";
    let url = format!("{}/{path}", settings.public_url());
    let client = reqwest::Client::builder().no_proxy().build().context("no HTTP client")?;
    let order = json!({ "action": "rotate", "compromised": compromised });
    let answer = client.post(url).json(&order).send().await.context("auth-keys")?;
    let has_failed = answer.headers().contains_key("x-amz-function-error");
    let (status, body) = (answer.status(), answer.text().await.unwrap_or_default());
    ensure!(status.is_success() && !has_failed, "auth-keys: {status} {body}");
    Ok(())
}

/// Somebody who signs in and founds an organization; its id, and the API with a token for it.
async fn founder(settings: &Settings, person: Person, name: &str) -> Result<(String, Api)> {
    let token = sign_in(settings, person).await?;
    let api = Api::with_token(settings, &token)?;
    let me = api.get("/users/me").await?.context("nobody is signed in")?;
    ensure!(text(&me, "email")? == person.email, "somebody else is signed in: {me}");
    let made = api.post("/organizations", &json!({ "name": name }), None).await?;
    let organization = text(&made, "id")?;
    let entered = entered(settings, &api, &organization).await?;
    Ok((organization, entered))
}
