//! Browsers that sign in: page by page with providers of other kinds, and a real one.

use std::{
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::{
    dev::{OtherProvider, PEOPLE, Settings, text},
    emulator::free_port,
    http, interrupt,
    node::NodeProgram,
    output, paths,
    process::{self, Process, tail},
};

/// They have nothing to lose.
const GRACE: Duration = Duration::from_secs(1);
const READY_WITHIN: Duration = Duration::from_secs(30);

/// oauth2-mock-server and oidc-provider, in a process of theirs once they are started.
pub(super) struct OtherProviders {
    pub configured: [OtherProvider; 2],
    process: Option<Process>,
}

impl OtherProviders {
    /// Where they will be: the stack is told before it starts.
    pub fn planned() -> Result<OtherProviders> {
        let configured = [
            OtherProvider { id: "mock", port: free_port()? },
            OtherProvider { id: "oidc", port: free_port()? },
        ];
        Ok(OtherProviders { configured, process: None })
    }

    /// Starts them for the stack with these settings, and waits until they answer.
    pub fn start(&mut self, node: &NodeProgram, settings: &Settings) -> Result<()> {
        let log = settings.log("other-identity-providers");
        let callback = format!("{}/api/v1/auth/callback", settings.public_url());
        let mut command = process::scrubbed(&node.node);
        command.arg(node.folder.join("src/providers.mjs"));
        command.args(self.configured.map(|it| it.port.to_string())).arg(callback);
        let mut process =
            Process::spawn_logged("other identity providers", &mut command, &log, GRACE)?;
        let started = Instant::now();
        while !self.configured.iter().all(|it| http::is_open(it.port)) {
            if let Some(status) = process.ended() {
                bail!("the other identity providers ended ({status}):\n{}", tail(&log, 8));
            }
            if started.elapsed() > READY_WITHIN {
                bail!("the other identity providers do not answer:\n{}", tail(&log, 8));
            }
            interrupt::check()?;
            thread::sleep(Duration::from_millis(50));
        }
        self.process = Some(process);
        Ok(())
    }
}

fn run(node: &NodeProgram, program: &str, arguments: &[&str]) -> Result<Value> {
    let mut command = process::scrubbed(&node.node);
    command.arg(node.folder.join("src").join(program)).args(arguments);
    let printed = process::read(&mut command)?;
    serde_json::from_str(&printed).with_context(|| format!("{program} printed no JSON: {printed}"))
}

/// Signs in with providers that say the e-mail in the id token, by userinfo, and as the local one
/// does: what is configured is all that differs.
pub(super) fn with_other_providers(node: &NodeProgram, settings: &Settings) -> Result<()> {
    let issuer = format!("{}/api/v1", settings.public_url());
    let people = [("mock", "mock"), ("oidc", "margaret"), ("local", PEOPLE[3].subject)];
    for (provider, subject) in people {
        let found = run(node, "flow.mjs", &[&issuer, provider, subject])
            .with_context(|| format!("nobody signs in with {provider}"))?;
        let email = format!("{subject}@example.org");
        ensure!(found["email"] == *email, "somebody else is signed in: {found}");
        // Again: the same person.
        let again = run(node, "flow.mjs", &[&issuer, provider, subject])?;
        ensure!(again["userId"] == found["userId"], "{provider}: one person became two users");
    }
    output::progress("signed in with oauth2-mock-server and oidc-provider, no token in any URL");
    Ok(())
}

/// The browser: `CHROMIUM`, else what is installed.
fn chromium() -> Option<PathBuf> {
    match std::env::var_os("CHROMIUM").filter(|path| !path.is_empty()) {
        Some(path) => Some(path.into()),
        None => ["chromium", "chromium-browser", "google-chrome"]
            .iter()
            .find_map(|it| process::find(it)),
    }
}

/// Signs in with a real browser; pictures of it are in `target/identity`. False if there is none.
pub(super) fn with_chromium(node: &NodeProgram, settings: &Settings) -> Result<bool> {
    let Some(browser) = chromium() else { return Ok(false) };
    let issuer = format!("{}/api/v1", settings.public_url());
    let folder = paths::workspace().join("target/identity");
    let (browser, pictures) = (browser.display().to_string(), folder.display().to_string());
    let found = run(node, "browser.mjs", &[&issuer, &browser, PEOPLE[2].subject, &pictures])
        .with_context(|| format!("{browser} cannot sign in"))?;
    output::progress(format_args!(
        "signed in with {}: no script sees the cookie, no other site can use it",
        text(&found, "version")?
    ));
    Ok(true)
}
