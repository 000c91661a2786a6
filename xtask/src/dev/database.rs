//! DynamoDB on a developer's machine: dynoxide in this process, its data in one SQLite file that
//! survives a kill.

use std::{fs, path::Path, time::Duration};

use anyhow::{Context, Result, anyhow};
use dynoxide::Database;
use tokio::{net::TcpListener, task::JoinHandle};

use crate::paths;

const SWEEP_EVERY: Duration = Duration::from_secs(600);

/// A served database; stops with the value.
pub struct LocalDatabase {
    /// The same data without HTTP, for the stream pump.
    pub handle: Database,
    tasks: Vec<JoinHandle<()>>,
}

impl LocalDatabase {
    pub async fn start(folder: &Path, port: u16) -> Result<LocalDatabase> {
        paths::create(folder)?;
        let file = folder.join("dynamodb.sqlite");
        let path = file.to_str().with_context(|| format!("{} is not UTF-8", file.display()))?;
        let handle = Database::new(path).map_err(|error| {
            anyhow!(
                "{path} cannot be opened; if it is damaged, `cargo xtask dev --fresh` starts with \
                 new data ({error})"
            )
        })?;
        let listener = TcpListener::bind(("127.0.0.1", port))
            .await
            .with_context(|| format!("DynamoDB cannot listen on port {port}"))?;
        let served = handle.clone();
        let serving = tokio::spawn(async move {
            // Ends when the task is aborted: SQLite needs no farewell.
            let _ = dynoxide::server::serve_with_shutdown(listener, served, std::future::pending())
                .await;
        });
        let swept = handle.clone();
        let sweeping = tokio::spawn(async move {
            loop {
                tokio::time::sleep(SWEEP_EVERY).await;
                let database = swept.clone();
                // What DynamoDB does by itself: remove what is past its `ttl`.
                let _ = tokio::task::spawn_blocking(move || database.sweep_ttl()).await;
            }
        });
        Ok(LocalDatabase { handle, tasks: vec![serving, sweeping] })
    }
}

impl Drop for LocalDatabase {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Removes all data of a stack.
pub fn wipe(folder: &Path) -> Result<()> {
    paths::remove(folder)?;
    fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))
}
