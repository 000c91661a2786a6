//! Everything a local installation consists of, started in order and ended together.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, Result, anyhow, bail};
use millwright_manifest::Service;
use millwright_runtime::aws::Clients;

use super::{
    Settings,
    backing::Backing,
    database::LocalDatabase,
    functions::Functions,
    provider::IdentityProvider,
    pump::{Invoker, Pumps, Sources},
};
use crate::{emulator::Emulator, http, output, paths, process::tail, tools::Tools};

/// A running local installation. Fields end in this order: first what calls, then what is called.
pub struct Stack {
    pumps: Option<Pumps>,
    functions: Option<Functions>,
    emulator: Emulator,
    _provider: IdentityProvider,
    _database: LocalDatabase,
}

impl Stack {
    /// Starts the backing services, the pumps, and, unless `program` is none, the functions of
    /// that binary; returns when all of it answers.
    pub async fn start(
        settings: &Settings,
        tools: &Tools,
        services: &[Service],
        program: Option<PathBuf>,
    ) -> Result<Stack> {
        settings.ports.check()?;
        paths::create(&settings.data())?;
        output::progress("starting DynamoDB, the AWS emulator and the identity provider");
        let database = LocalDatabase::start(&settings.data(), settings.ports.database).await?;
        let emulator = Emulator::start(
            tools,
            &settings.data().join("emulator"),
            Some(settings.ports.emulator),
            settings.is_persistent,
        )?;
        let provider = IdentityProvider::start(tools, settings)?;
        let config = settings.config()?;
        let clients = Clients::new(&config).map_err(|error| anyhow!("no AWS clients: {error}"))?;
        output::progress("creating tables, queues, rules and secrets");
        let backing = Backing { config: &config, clients: &clients, services };
        backing.create(settings).await?;
        settings.remember()?;

        let functions = match program {
            None => None,
            Some(program) => {
                output::progress("starting the functions");
                Some(Functions::start(settings, tools, services, program)?)
            }
        };
        let supervised = functions.as_ref().map(|functions| functions.availability.clone());
        let invoker = Invoker::new(settings.ports.api, supervised)?;
        let sources = Sources {
            services,
            config: &config,
            clients: &clients,
            database: &database.handle,
            positions: settings.data().join("streams.json"),
        };
        let pumps = Pumps::start(&sources, &invoker)?;
        let stack = Stack {
            pumps: Some(pumps),
            functions,
            emulator,
            _provider: provider,
            _database: database,
        };
        if stack.functions.is_some() {
            stack.wait_until_healthy(settings, services).await?;
        }
        Ok(stack)
    }

    /// Restarts every function, after a build.
    pub fn renew_functions(&self) {
        if let Some(functions) = &self.functions {
            functions.renew();
        }
    }

    /// False once the emulator has ended by itself.
    pub fn is_running(&mut self) -> bool {
        self.emulator.is_running()
    }

    /// Waits for the health check of the gateway and of every service.
    async fn wait_until_healthy(&self, settings: &Settings, services: &[Service]) -> Result<()> {
        const PATIENCE: Duration = Duration::from_secs(60);
        let started = std::time::Instant::now();
        let based = services.iter().filter_map(|service| service.bases.first());
        let paths = std::iter::once("/health".to_owned())
            .chain(based.map(|base| format!("/api/v1/{base}/health")));
        for path in paths {
            let port = settings.ports.api;
            loop {
                let asked = path.clone();
                let answer = tokio::task::spawn_blocking(move || http::get(port, &asked))
                    .await
                    .context("the health check ended early")?;
                if answer == Some(200) {
                    break;
                }
                if started.elapsed() > PATIENCE {
                    let answer = answer.map_or("no answer".to_owned(), |status| status.to_string());
                    let logs = settings.folder.join("log");
                    bail!(
                        "{}{path} is not healthy after {} s ({answer}); the logs are in {}, \
                         cargo-lambda's ends with:\n{}",
                        settings.public_url(),
                        PATIENCE.as_secs(),
                        logs.display(),
                        tail(&settings.log("cargo-lambda"), 8)
                    );
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
        Ok(())
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // Nothing new into the functions, then the functions; the emulator goes by its own drop.
        self.pumps = None;
        self.functions = None;
    }
}
