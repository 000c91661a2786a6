//! Child processes: each leads a process group, so that ending it ends its children too, and ends
//! with the value that holds it.

use std::{
    fs::{self, File},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::{interrupt, output};

/// The variable every child of ours carries, so that the next run can end what a killed one left.
pub const MARK: &str = "MILLWRIGHT_INSTANCE";

static INSTANCE: OnceLock<PathBuf> = OnceLock::new();

/// From now on children carry this folder's mark.
pub fn mark(folder: &Path) {
    // A second claim in one process keeps the first: it ends them all by itself.
    let _ = INSTANCE.set(folder.to_owned());
}

const POLL: Duration = Duration::from_millis(50);

/// A running process group.
pub struct Process {
    child: std::process::Child,
    /// Time to end by itself before it is killed.
    grace: Duration,
}

impl Process {
    pub fn spawn(name: &str, command: &mut Command, grace: Duration) -> Result<Process> {
        if let Some(folder) = INSTANCE.get() {
            command.env(MARK, folder);
        }
        let child = command
            .process_group(0)
            .stdin(Stdio::null())
            .spawn()
            .with_context(|| format!("{name} cannot be started ({})", program(command)))?;
        Ok(Process { child, grace })
    }

    /// The same with all it prints in a file.
    pub fn spawn_logged(
        name: &str,
        command: &mut Command,
        log: &Path,
        grace: Duration,
    ) -> Result<Process> {
        let file = open_log(log)?;
        let second = file.try_clone().context("the log cannot be shared")?;
        Process::spawn(name, command.stdout(file).stderr(second), grace)
    }

    /// The piped output, once, if the command asked for a pipe.
    pub fn take_output(&mut self) -> Option<std::process::ChildStdout> {
        self.child.stdout.take()
    }

    /// The piped error output, once, if the command asked for a pipe.
    pub fn take_errors(&mut self) -> Option<std::process::ChildStderr> {
        self.child.stderr.take()
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Asks it to end and does not wait: many are stopped in the time of one.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Waits for its end, telling every now and then that it is still at work.
    pub fn wait(mut self, reminder: Option<&str>) -> Result<ExitStatus> {
        let started = Instant::now();
        let mut reminded = 0;
        loop {
            if let Some(status) = self.ended() {
                return Ok(status);
            }
            interrupt::check()?;
            let seconds = started.elapsed().as_secs();
            if let Some(text) = reminder
                && seconds / 15 > reminded
            {
                reminded = seconds / 15;
                output::progress(format_args!("{text}: {seconds} s so far"));
            }
            thread::sleep(POLL);
        }
    }

    fn signal(&self, signal: Signal) {
        signal_group(self.child.id(), signal);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.ended().is_none() {
            self.terminate();
            let deadline = Instant::now() + self.grace;
            while self.ended().is_none() && Instant::now() < deadline {
                thread::sleep(POLL);
            }
        }
        // Whatever the leader left behind goes as well.
        self.signal(Signal::KILL);
        let _ = self.child.wait();
    }
}

/// Sends a signal to a process group; one that is gone is no failure.
pub fn signal_group(leader: u32, signal: Signal) {
    if let Some(group) = i32::try_from(leader).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(group, signal);
    }
}

/// Runs a command to its end with its output in a log file; shows the log's end if it fails.
pub fn run_logged(doing: &str, command: &mut Command, log: &Path) -> Result<()> {
    let status =
        Process::spawn_logged(doing, command, log, Duration::from_secs(2))?.wait(Some(doing))?;
    if !status.success() {
        bail!("{doing} failed ({status}); the end of {}:\n{}", log.display(), tail(log, 20));
    }
    Ok(())
}

/// Runs a command to its end, its output in plain view.
pub fn run_visible(name: &str, command: &mut Command) -> Result<ExitStatus> {
    Process::spawn(name, command, Duration::from_secs(10))?.wait(None)
}

/// What a command prints.
pub fn read(command: &mut Command) -> Result<String> {
    let answer = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("{} cannot be started", program(command)))?;
    if !answer.status.success() {
        bail!("{}: {}", program(command), String::from_utf8_lossy(&answer.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&answer.stdout).trim().to_owned())
}

/// Opens a log to append to; one that has grown beyond 20 MB begins anew.
pub fn open_log(path: &Path) -> Result<File> {
    const LIMIT: u64 = 20 * 1024 * 1024;
    if let Some(folder) = path.parent() {
        crate::paths::create(folder)?;
    }
    if fs::metadata(path).is_ok_and(|metadata| metadata.len() > LIMIT) {
        let _ = fs::rename(path, path.with_extension("log.1"));
    }
    File::options()
        .create(true)
        .append(true)
        .open(path)
        .with_context(|| format!("log {} cannot be written", path.display()))
}

/// The last lines of a log, without metrics, none of them longer than a few terminal lines.
pub fn tail(path: &Path, lines: usize) -> String {
    let bytes = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let told: Vec<&str> = text.lines().filter(|line| !line.contains("CloudWatchMetrics")).collect();
    let kept = &told[told.len().saturating_sub(lines)..];
    let shown =
        kept.iter().map(|line| format!("  | {}", line.chars().take(400).collect::<String>()));
    shown.collect::<Vec<_>>().join("\n")
}

/// A command that sees nothing of the caller's environment but what it needs to find programs:
/// no AWS profile, no credentials, no proxy.
pub fn scrubbed(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear();
    for name in ["PATH", "HOME", "LANG", "TMPDIR", "CARGO_HOME", "RUSTUP_HOME"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
}

/// The program of that name in the caller's PATH.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// `cargo`, the one that runs this.
pub fn cargo() -> Command {
    let mut command =
        Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".to_owned().into()));
    command.current_dir(crate::paths::workspace());
    command
}

fn program(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_takes_its_children_along() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = folder.path().join("log");
        let mut command = Command::new("sh");
        // The grandchild tells its id and would outlive the shell by far.
        command.args(["-c", "sleep 60 & echo $!; wait"]);
        let grace = Duration::from_secs(1);
        let process = Process::spawn_logged("a shell", &mut command, &log, grace).expect("runs");
        let grandchild = loop {
            let told = fs::read_to_string(&log).expect("a log");
            if let Ok(id) = told.trim().parse::<i32>() {
                break Pid::from_raw(id).expect("an id");
            }
            thread::sleep(Duration::from_millis(10));
        };
        drop(process);
        let deadline = Instant::now() + Duration::from_secs(5);
        // Killed, it may wait for whoever inherits it to take notice.
        let is_alive = || {
            rustix::process::test_kill_process(grandchild).is_ok()
                && !fs::read_to_string(format!("/proc/{}/stat", grandchild.as_raw_nonzero()))
                    .is_ok_and(|stat| stat.contains(") Z "))
        };
        while is_alive() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(10));
        }
        assert!(!is_alive());
    }

    #[test]
    fn the_end_of_a_log_is_short_and_without_metrics() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = folder.path().join("log");
        let long = "x".repeat(1000);
        fs::write(&log, format!("first\n{long}\n{{\"CloudWatchMetrics\":1}}\nlast\n"))
            .expect("written");
        let shown = tail(&log, 2);
        assert_eq!(shown.lines().count(), 2);
        assert!(shown.ends_with("| last") && shown.len() < 500, "{shown}");
    }

    #[test]
    fn a_failing_command_shows_the_end_of_its_log() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = Command::new("sh");
        command.args(["-c", "echo no such thing; exit 3"]);
        let error = run_logged("trying", &mut command, &folder.path().join("log"))
            .expect_err("it fails")
            .to_string();
        assert!(error.contains("trying failed") && error.contains("| no such thing"), "{error}");
    }
}
