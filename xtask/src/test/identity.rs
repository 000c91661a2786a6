//! Signing in over the local stack: with the libraries of others, which know nothing of our code, and
//! all the way to what a role allows in planning.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::{Outcome, local::with_stack};
use crate::{
    dev::{self, Api, PEOPLE, Person, Settings, sign_in, text},
    node::NodeProgram,
    output, paths, process,
    tools::{Group, Tools},
};

pub(super) fn run(tools: &Tools) -> Result<Outcome> {
    tools.install(Group::Identity)?;
    let node = NodeProgram::prepare("identity")?;
    with_stack(tools, "identity", |runtime, settings| {
        by_others(tools, node.as_ref(), settings)?;
        dev::start(runtime, roles(settings))
    })?;
    match node {
        Some(_) => Ok(Outcome::Passed),
        None => Ok(Outcome::Skipped("Node is not installed; the part with it was left out".into())),
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

/// An organization founded by one person; what planning allows follows the role.
async fn roles(settings: &Settings) -> Result<()> {
    let (organization, owner) = founder(settings, PEOPLE[0], "Engines").await?;
    let body = json!({ "key": "ENG", "name": "Engine" });
    let project = owner.post("/planning/projects", &body, None).await?;
    ensure!(text(&project, "key")? == "ENG", "an owner founds no project: {project}");
    let (_, stranger) = founder(settings, PEOPLE[2], "Looms").await?;
    let seen = stranger.get(&format!("/organizations/{organization}")).await?;
    ensure!(seen.is_none(), "a stranger sees the organization");
    output::progress("an owner works in planning with a token of the founded organization");
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
    let switch = json!({ "organizationId": organization });
    let path = "/auth/sessions/current/switch-organization";
    let switched = api.post(path, &switch, None).await?;
    Ok((organization, Api::with_token(settings, &text(&switched, "accessToken")?)?))
}
