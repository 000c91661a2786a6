//! Ctrl-C, SIGTERM and SIGHUP: remembered here, asked for wherever something waits.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use anyhow::{Context, Result, bail};

use crate::output;

static REQUESTED: AtomicBool = AtomicBool::new(false);

/// Once, at the start of the command.
pub fn listen() -> Result<()> {
    ctrlc::set_handler(|| {
        if REQUESTED.swap(true, Ordering::SeqCst) {
            output::progress("still stopping");
        }
    })
    .context("signals cannot be handled")
}

/// True from the first signal on.
pub fn requested() -> bool {
    REQUESTED.load(Ordering::SeqCst)
}

/// Fails once a signal has come: between the steps of longer work.
pub fn check() -> Result<()> {
    if requested() {
        bail!("interrupted");
    }
    Ok(())
}

/// Returns at the first signal.
pub async fn wait() {
    while !requested() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
