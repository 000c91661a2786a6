//! What a fresh machine lacks: pinned Python packages, each group in a private virtual environment
//! below `.millwright/tools/`. Installed once; the second time nothing is asked of the network.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::{output, paths, process};

/// What the pinned packages need.
const OLDEST_PYTHON: (u32, u32) = (3, 11);

/// A group of packages that are installed together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// ministack, cargo-lambda, the SAM translator, boto3.
    Emulator,
    /// cfn-lint and the SAM CLI.
    Lint,
    /// Schemathesis.
    Contract,
    /// The identity provider of `dev`: oidc-provider-mock.
    Identity,
    /// hvac, which uses the facade for KV v2; python-dotenv and detect-secrets.
    Secrets,
    /// genai-prices, and the SDKs of openai and anthropic.
    Models,
    /// What Rust tests ask for a second opinion: networkx.
    Oracle,
}

impl Group {
    fn name(self) -> &'static str {
        match self {
            Group::Emulator => "emulator",
            Group::Lint => "lint",
            Group::Contract => "contract",
            Group::Identity => "identity",
            Group::Secrets => "secrets",
            Group::Models => "models",
            Group::Oracle => "oracle",
        }
    }

    fn summary(self) -> &'static str {
        match self {
            Group::Emulator => "the AWS emulator and cargo-lambda",
            Group::Lint => "the template linters",
            Group::Contract => "Schemathesis",
            Group::Identity => "the local identity provider",
            Group::Secrets => "hvac, python-dotenv and detect-secrets",
            Group::Models => "genai-prices and the SDKs of model providers",
            Group::Oracle => "networkx and DuckDB",
        }
    }

    fn requirements(self) -> PathBuf {
        paths::workspace().join(format!("xtask/python/requirements-{}.txt", self.name()))
    }
}

/// The folder the tools are in.
#[derive(Clone, Debug)]
pub struct Tools {
    folder: PathBuf,
}

impl Tools {
    /// The tools of this workspace; nothing is installed yet.
    pub fn of_workspace() -> Tools {
        Tools { folder: paths::private().join("tools") }
    }

    /// Installs a group unless it is there, complete and of the pinned versions.
    pub fn install(&self, group: Group) -> Result<()> {
        paths::create(&self.folder)?;
        // Two commands at once: the second waits and finds everything done.
        let lock = File::create(self.folder.join(format!("{}.lock", group.name())))
            .context("the tools folder cannot be locked")?;
        lock.lock().context("the tools folder cannot be locked")?;

        let (environment, stamp) = (self.environment(group), self.stamp(group));
        let wanted = self.fingerprint(group)?;
        if fs::read_to_string(&stamp).is_ok_and(|have| have == wanted) && self.starts(group) {
            return Ok(());
        }
        output::progress(format_args!(
            "installing {} into {} (once, about a minute)",
            group.summary(),
            environment.display()
        ));
        // An interrupted or outdated one: without the stamp it counts for nothing.
        let _ = fs::remove_file(&stamp);
        paths::remove(&environment)?;
        let python = find_python()?;
        let log = paths::private().join(format!("log/install-{}.log", group.name()));
        process::run_logged(
            "creating a virtual environment",
            Command::new(&python).args(["-m", "venv"]).arg(&environment),
            &log,
        )
        .context(
            "Python cannot make a virtual environment here; unless the disk is full, on Debian and \
             Ubuntu its package helps: apt install python3-venv",
        )?;
        process::run_logged(
            &format!("installing {}", group.summary()),
            Command::new(self.program(group, "python"))
                .args(["-m", "pip", "install", "--no-deps", "--disable-pip-version-check"])
                .args(["--no-input", "--require-virtualenv", "--requirement"])
                .arg(group.requirements()),
            &log,
        )
        .context("the packages could not be installed: is the package index within reach?")?;
        paths::replace(&stamp, wanted)
    }

    /// A program of an installed group.
    pub fn program(&self, group: Group, name: &str) -> PathBuf {
        self.environment(group).join("bin").join(name)
    }

    /// The folder with the programs of an installed group, for a PATH.
    pub fn programs(&self, group: Group) -> PathBuf {
        self.environment(group).join("bin")
    }

    fn environment(&self, group: Group) -> PathBuf {
        self.folder.join(group.name())
    }

    fn stamp(&self, group: Group) -> PathBuf {
        self.folder.join(format!("{}.stamp", group.name()))
    }

    /// Of the requirements and the place: environments cannot be moved.
    fn fingerprint(&self, group: Group) -> Result<String> {
        let file = group.requirements();
        let requirements =
            fs::read(&file).with_context(|| format!("{} cannot be read", file.display()))?;
        let mut hash = Sha256::new();
        hash.update(&requirements);
        hash.update(self.folder.as_os_str().as_encoded_bytes());
        Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// False after the Python it was made with is gone.
    fn starts(&self, group: Group) -> bool {
        let python = self.program(group, "python");
        process::read(Command::new(python).args(["-c", "pass"])).is_ok()
    }
}

/// Checks what cannot be installed from here, and names the remedy.
pub fn check_machine() -> Result<()> {
    for (program, remedy) in [
        (
            "cc",
            "a C compiler is needed for SQLite and aws-lc; apt install gcc, or xcode-select --install",
        ),
        ("git", "apt install git"),
    ] {
        if process::find(program).is_none() {
            bail!("`{program}` was not found; {remedy}");
        }
    }
    find_python().map(drop)
}

/// The first Python that is new enough and complete.
fn find_python() -> Result<PathBuf> {
    let (major, minor) = OLDEST_PYTHON;
    let mut seen = Vec::new();
    for name in ["python3", "python3.14", "python3.13", "python3.12", "python3.11"] {
        let Some(python) = process::find(name) else { continue };
        match inspect(&python) {
            Ok(version) if version >= OLDEST_PYTHON => return Ok(python),
            Ok((found_major, found_minor)) => {
                seen.push(format!("{name} is {found_major}.{found_minor}"))
            }
            Err(error) => seen.push(format!("{name}: {error:#}")),
        }
    }
    let seen = if seen.is_empty() { "none was found".to_owned() } else { seen.join("; ") };
    bail!(
        "Python {major}.{minor} or newer with venv is needed ({seen}); on Debian and Ubuntu: \
         apt install python3 python3-venv"
    )
}

/// Its version; fails if it cannot make environments.
fn inspect(python: &Path) -> Result<(u32, u32)> {
    let script = "import sys, venv, ensurepip; print(*sys.version_info[:2])";
    let answer = process::read(Command::new(python).args(["-c", script]))?;
    let mut numbers = answer.split_whitespace().filter_map(|word| word.parse::<u32>().ok());
    numbers.next().zip(numbers.next()).context("its version cannot be read")
}
