//! One local stack per workspace: a lock while it runs, and an end for what a killed one left.

use std::{
    fs::{self, File, TryLockError},
    io::Write,
    path::Path,
    process::Command,
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

use crate::{output, paths, process};

/// Held while a command runs; the system lets go of it even after a kill.
pub struct Instance {
    _lock: File,
}

impl Instance {
    /// # Errors
    /// If the same command runs in this workspace already.
    pub fn claim(folder: &Path, command: &str) -> Result<Instance> {
        paths::create(folder)?;
        let file = folder.join("running.lock");
        let mut lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&file)
            .with_context(|| format!("{} cannot be written", file.display()))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let holder = fs::read_to_string(&file).unwrap_or_default();
                bail!(
                    "`cargo xtask {command}` runs in this workspace already (process {holder}); \
                     stop it with Ctrl-C or `kill {holder}`"
                );
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("{} cannot be locked", file.display()));
            }
        }
        lock.set_len(0).context("the lock cannot be written")?;
        write!(lock, "{}", std::process::id()).context("the lock cannot be written")?;
        end_leftovers(folder);
        process::mark(folder);
        Ok(Instance { _lock: lock })
    }
}

/// Ends process groups of an earlier run that was killed before it could end them. They carry a
/// mark in their environment that names our folder, so nobody else's process is touched.
fn end_leftovers(folder: &Path) {
    let groups = leftovers(folder);
    if groups.is_empty() {
        return;
    }
    output::progress(format_args!("ending {} processes an earlier run left", groups.len()));
    for group in &groups {
        process::signal_group(*group, Signal::TERM);
    }
    // The emulator writes its state meanwhile.
    for _ in 0..60 {
        if leftovers(folder).is_empty() {
            return;
        }
        thread::sleep(Duration::from_millis(100));
    }
    for group in &groups {
        process::signal_group(*group, Signal::KILL);
    }
}

/// Processes that carry the mark of this instance.
fn leftovers(folder: &Path) -> Vec<u32> {
    let mark = format!("{}={}", process::MARK, folder.display());
    let own = std::process::id();
    let carries = |environment: &str| environment.split(['\0', ' ']).any(|entry| entry == mark);
    running()
        .into_iter()
        .filter(|(id, environment)| *id != own && carries(environment))
        .map(|(id, _)| id)
        .collect()
}

/// Process ids with their environments, as far as they are ours to see.
fn running() -> Vec<(u32, String)> {
    let Ok(entries) = fs::read_dir("/proc") else { return running_by_ps() };
    entries
        .flatten()
        .filter_map(|entry| {
            let id: u32 = entry.file_name().to_str()?.parse().ok()?;
            let bytes = fs::read(entry.path().join("environ")).ok()?;
            Some((id, String::from_utf8_lossy(&bytes).into_owned()))
        })
        .collect()
}

/// Where there is no `/proc`.
fn running_by_ps() -> Vec<(u32, String)> {
    let listed = process::read(Command::new("ps").args(["-wwwEaxo", "pid=,command="]));
    listed
        .unwrap_or_default()
        .lines()
        .filter_map(|line| {
            let (id, command) = line.trim().split_once(' ')?;
            Some((id.parse().ok()?, command.to_owned()))
        })
        .collect()
}
