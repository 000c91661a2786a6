//! `cargo xtask token`: an access token for the local stage.

use anyhow::{Context, Result, anyhow, bail};
use clap::{Args, ValueEnum};
use millwright_core::{OrgId, UserId};

use crate::{
    dev::{DemoIds, Settings},
    keys::{self, Keys},
    output, paths,
};

/// Print an access token for the local stage
///
/// The token is signed with the key of `cargo xtask dev`, so it is worth something there only. It
/// is valid for 15 minutes and goes to standard output alone:
///
///   curl -H "authorization: Bearer $(cargo xtask token --role member)" …
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct Options {
    /// The role within the organization
    #[arg(long, value_enum)]
    role: Role,
    /// Id of the user, `usr_…`; the demo user by default
    #[arg(long)]
    user: Option<String>,
    /// Id of the organization, `org_…`; the demo organization by default
    #[arg(long)]
    organization: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Role {
    Owner,
    Admin,
    Member,
    Viewer,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Role::Owner => "owner",
            Role::Admin => "admin",
            Role::Member => "member",
            Role::Viewer => "viewer",
        }
    }
}

pub fn run(options: &Options) -> Result<()> {
    let stage = std::env::var(millwright_config::variable::STAGE).unwrap_or_default();
    if !["", "local"].contains(&stage.as_str()) {
        bail!("tokens are issued by hand on the local stage only, this is {stage:?}");
    }
    let folder = paths::private();
    let demo = DemoIds::last(&folder);
    let user: UserId = match &options.user {
        None => demo.map_or_else(keys::demo_user, |demo| demo.user_id),
        Some(text) => text.parse().map_err(|error| anyhow!("--user {text}: {error}"))?,
    };
    let organization: OrgId = match &options.organization {
        None => demo.map_or_else(keys::demo_organization, |demo| demo.organization_id),
        Some(text) => text.parse().map_err(|error| anyhow!("--organization {text}: {error}"))?,
    };
    let public_url = Settings::last_public_url(&folder)
        .context("the local stage was never started: run `cargo xtask dev` first")?;
    let issuer = Keys::in_folder(folder.join("keys")).existing_issuer(&public_url)?;
    output::result(keys::issue(&issuer, options.role.name(), user, organization)?);
    Ok(())
}
