//! The identity provider people sign in with locally: OpenID Connect as Google's, with a page that
//! asks who one wants to be. Independent of our code, so that it does not share its mistakes.

use std::{
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use serde_json::json;

use super::Settings;
use crate::{
    http, interrupt,
    process::{self, Process, tail},
    tools::{Group, Tools},
};

/// It has nothing to lose.
const GRACE: Duration = Duration::from_secs(1);
const READY_WITHIN: Duration = Duration::from_secs(20);

/// Somebody who can sign in.
#[derive(Clone, Copy, Debug)]
pub struct Person {
    /// `sub` at the provider.
    pub subject: &'static str,
    pub name: &'static str,
    pub email: &'static str,
}

/// Who is offered on the provider's page; whoever else is typed in has no e-mail.
pub const PEOPLE: [Person; 5] = [
    Person { subject: "ada", name: "Ada Lovelace", email: "ada@example.org" },
    Person { subject: "grace", name: "Grace Hopper", email: "grace@example.org" },
    Person { subject: "alan", name: "Alan Turing", email: "alan@example.org" },
    Person { subject: "mary", name: "Mary Jackson", email: "mary@example.org" },
    OPERATOR,
];

/// Who may ask for operator tokens.
pub const OPERATOR: Person =
    Person { subject: "root", name: "Platform Operator", email: "operator@example.org" };

/// A running provider; ends with the value.
pub struct IdentityProvider {
    _process: Process,
}

impl IdentityProvider {
    /// Starts it and waits until it answers.
    pub fn start(tools: &Tools, settings: &Settings) -> Result<IdentityProvider> {
        let log = settings.log("identity-provider");
        let port = settings.ports.provider;
        let program = tools.program(Group::Identity, "oidc-provider-mock");
        let mut command: Command = process::scrubbed(program);
        command.args(["--host", "127.0.0.1", "--port", &port.to_string()]);
        for person in PEOPLE {
            let claims = json!({
                "sub": person.subject,
                "name": person.name,
                "email": person.email,
                "email_verified": true,
            });
            command.args(["--user-claims", &claims.to_string()]);
        }
        let mut process =
            Process::spawn_logged("the identity provider", &mut command, &log, GRACE)?;
        let started = Instant::now();
        while !http::is_open(port) {
            if let Some(status) = process.ended() {
                bail!("the identity provider ended at once ({status}):\n{}", tail(&log, 8));
            }
            if started.elapsed() > READY_WITHIN {
                bail!("the identity provider did not answer:\n{}", tail(&log, 8));
            }
            interrupt::check()?;
            thread::sleep(Duration::from_millis(50));
        }
        Ok(IdentityProvider { _process: process })
    }
}
