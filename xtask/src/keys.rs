//! Keys and ids of the local stage: a signing key that never leaves `.millwright/keys/`, and the
//! demo organization.

use std::{
    fs::{self, File},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow};
use millwright_core::{Clock, IdGenerator, OrgId, UserId};
use millwright_identity::issuer::{Grant, Issuer};
use uuid::Uuid;

/// As the functions expect it without a variable of their own.
const AUDIENCE: &str = "millwright";

/// The organization `cargo xtask dev` fills.
pub fn demo_organization() -> OrgId {
    OrgId::from_uuid(Uuid::from_u128(0x0193_0000_0000_7000_8000_0000_0000_0001))
}

/// The person who fills it.
pub fn demo_user() -> UserId {
    UserId::from_uuid(Uuid::from_u128(0x0193_0000_0000_7000_8000_0000_0000_0002))
}

/// The keys of one local stage.
#[derive(Clone, Debug)]
pub struct Keys {
    folder: PathBuf,
}

impl Keys {
    pub fn in_folder(folder: PathBuf) -> Keys {
        Keys { folder }
    }

    /// The issuer of this stage's tokens; makes its key at the first call.
    pub fn issuer(&self, public_url: &str) -> Result<Issuer> {
        let file = self.signing_key();
        if !file.exists() {
            let made = Issuer::generate(issuer_url(public_url), AUDIENCE)
                .map_err(|error| anyhow!("no signing key could be made: {error}"))?;
            write_private(&file, made.private_pem())?;
        }
        self.existing_issuer(public_url)
    }

    /// The same, but fails if there is no key yet.
    pub fn existing_issuer(&self, public_url: &str) -> Result<Issuer> {
        let file = self.signing_key();
        let pem = fs::read_to_string(&file).with_context(|| {
            format!(
                "there is no local signing key ({}): start `cargo xtask dev` once",
                file.display()
            )
        })?;
        Issuer::from_pem(&pem, issuer_url(public_url), AUDIENCE).map_err(|error| {
            anyhow!(
                "{} is damaged ({error}): delete it and start `cargo xtask dev`",
                file.display()
            )
        })
    }

    /// What cursors and internal signatures are derived from; made at the first call.
    pub fn internal_secret(&self) -> Result<String> {
        self.random("internal")
    }

    /// What vouches for refresh tokens; made at the first call.
    pub fn refresh_secret(&self) -> Result<String> {
        self.random("refresh")
    }

    fn random(&self, name: &str) -> Result<String> {
        let file = self.folder.join(name);
        if !file.exists() {
            let random: [u8; 32] = IdGenerator::new(Clock::system()).random_bytes();
            let text: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
            write_private(&file, &text)?;
        }
        fs::read_to_string(&file).with_context(|| format!("{} cannot be read", file.display()))
    }

    fn signing_key(&self) -> PathBuf {
        self.folder.join("signing.pem")
    }
}

/// An access token, valid for 15 minutes.
pub fn issue(issuer: &Issuer, role: &str, user: UserId, organization: OrgId) -> Result<String> {
    issue_for(issuer, user, Some((role, organization)))
}

/// The same; without role and organization, for what is a person's own.
pub fn issue_for(issuer: &Issuer, user: UserId, place: Option<(&str, OrgId)>) -> Result<String> {
    let grant = Grant {
        user,
        organization: place.map(|(_, organization)| organization),
        role: place.map(|(role, _)| role.to_owned()),
        permissions: None,
    };
    let clock = Clock::system();
    let id = IdGenerator::new(clock.clone()).next_uuid().to_string();
    issuer
        .issue(&grant, clock.now(), &id)
        .map_err(|error| anyhow!("the token could not be signed: {error}"))
}

fn issuer_url(public_url: &str) -> String {
    format!("{}/api/v1", public_url.trim_end_matches('/'))
}

/// Readable by the owner alone, and there completely or not at all.
fn write_private(file: &Path, text: &str) -> Result<()> {
    let cannot = || format!("{} cannot be written", file.display());
    if let Some(folder) = file.parent() {
        crate::paths::create(folder)?;
    }
    let new = file.with_extension("new");
    let _ = fs::remove_file(&new);
    let mut open: File =
        File::options().write(true).create_new(true).mode(0o600).open(&new).with_context(cannot)?;
    open.write_all(text.as_bytes()).with_context(cannot)?;
    fs::rename(&new, file).with_context(cannot)
}
