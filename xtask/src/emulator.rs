//! The AWS emulator (ministack) as a process of ours: loopback only, in an environment of its own.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::{
    interrupt, output, paths,
    process::{Process, tail},
    tools::{Group, Tools},
};

/// Writing the state at the end takes up to 2.5 s.
const GRACE: Duration = Duration::from_secs(6);
const READY_WITHIN: Duration = Duration::from_secs(30);

/// The account whose APIs the emulator serves by HTTP; any 12 digits as access key id are an
/// account of their own.
pub const ACCOUNT: &str = "000000000000";

/// The header of calls that no client of ours makes. The emulator reads the account and service
/// from it, and checks no signature.
pub fn authorization(region: &str, service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential={ACCOUNT}/20260101/{region}/{service}/aws4_request, \
         SignedHeaders=host, Signature=0"
    )
}

/// A running emulator; ends with the value.
pub struct Emulator {
    pub port: u16,
    process: Process,
    folder: PathBuf,
    persistent: bool,
}

impl Emulator {
    /// Starts it with all it writes below `folder`, and waits until it answers. Without a port it
    /// takes a free one. A persistent one keeps its state from one clean end to the next start;
    /// state it does not start with is put aside once.
    pub fn start(
        tools: &Tools,
        folder: &Path,
        port: Option<u16>,
        persistent: bool,
    ) -> Result<Emulator> {
        let port = port.map_or_else(free_port, Ok)?;
        match Emulator::try_start(tools, folder, port, persistent) {
            Ok(emulator) => Ok(emulator),
            Err(error) if persistent && state(folder).exists() && !interrupt::requested() => {
                let aside = folder.join("state.broken");
                paths::remove(&aside)?;
                fs::rename(state(folder), &aside).context("broken state cannot be put aside")?;
                output::warning(format_args!(
                    "the emulator did not start with its saved state, which is now in {}: queued \
                     messages are lost, tables are not ({error:#})",
                    aside.display()
                ));
                Emulator::try_start(tools, folder, port, persistent)
            }
            Err(error) => Err(error),
        }
    }

    fn try_start(tools: &Tools, folder: &Path, port: u16, persistent: bool) -> Result<Emulator> {
        for name in ["home", "work"] {
            paths::create(&folder.join(name))?;
        }
        // Function code that it never removes itself.
        paths::remove(&folder.join("tmp"))?;
        paths::create(&folder.join("tmp"))?;
        paths::create(&state(folder))?;
        let log = folder.join("emulator.log");
        let mut command = Command::new(tools.program(Group::Emulator, "python"));
        command
            .args(["-m", "ministack.app"])
            .current_dir(folder.join("work"))
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", folder.join("home"))
            .env("TMPDIR", folder.join("tmp"))
            .env("LANG", "C.UTF-8")
            .env("STATE_DIR", state(folder))
            // Without this it listens on every interface.
            .env("BIND_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", port.to_string())
            // Without this its functions would call the real cloud.
            .env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}"))
            .env("AUTH", "true")
            .env("IOT_MTLS_ENABLED", "0");
        if persistent {
            command
                .env("PERSIST_STATE", "1")
                .env("S3_PERSIST", "1")
                .env("S3_DATA_DIR", state(folder).join("s3"));
        }
        let process = Process::spawn_logged("the AWS emulator", &mut command, &log, GRACE)?;
        let mut emulator = Emulator { port, process, folder: folder.to_owned(), persistent };
        emulator.wait_until_ready(&log)?;
        Ok(emulator)
    }

    fn wait_until_ready(&mut self, log: &Path) -> Result<()> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.process.ended() {
                bail!(
                    "the AWS emulator ended at once ({status}); {}:\n{}",
                    log.display(),
                    tail(log, 8)
                );
            }
            if is_healthy(self.port) {
                return Ok(());
            }
            if started.elapsed() > READY_WITHIN {
                bail!(
                    "the AWS emulator did not answer within {} s; {}:\n{}",
                    READY_WITHIN.as_secs(),
                    log.display(),
                    tail(log, 8)
                );
            }
            interrupt::check()?;
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Its endpoint for every AWS service.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// False once it has ended by itself.
    pub fn is_running(&mut self) -> bool {
        self.process.ended().is_none()
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.process.terminate();
        if !self.persistent {
            // The process ends right after; nobody needs what it may still write.
            let _ = fs::remove_dir_all(self.folder.join("tmp"));
        }
    }
}

fn state(folder: &Path) -> PathBuf {
    folder.join("state")
}

/// A port that was free a moment ago.
pub fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("no free port on loopback")?;
    Ok(listener.local_addr().context("no free port on loopback")?.port())
}

fn is_healthy(port: u16) -> bool {
    crate::http::get(port, "/_ministack/health").is_some_and(|status| status == 200)
}
