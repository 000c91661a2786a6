//! `cargo xtask dev`: the whole system on this machine.

mod api;
mod backing;
mod build;
mod database;
mod demo;
mod functions;
mod instance;
mod models;
mod provider;
mod pump;
mod seed;
mod settings;
mod sign_in;
mod stack;
mod stand_in;

use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use clap::Args;
use tokio::runtime::Runtime;

pub use api::Api;
pub use build::build;
pub use demo::{Demo, DemoIds};
pub use instance::Instance;
pub use provider::{PEOPLE, Person};
pub use seed::text;
pub use settings::{OtherProvider, Ports, Settings};
pub use sign_in::sign_in;
pub use stack::Stack;

use crate::{
    interrupt, output, paths, process,
    tools::{self, Group, Tools},
};

/// Run the whole system on this machine
///
/// Installs what is missing, starts DynamoDB and an AWS emulator on loopback, creates what the
/// manifests of the services ask for, builds and runs every function, and rebuilds them when a
/// source file changes. The first start fills a demo organization. Ctrl-C stops everything; data
/// survives in .millwright/data. Needs no AWS account, no Docker and, but for the first start, no
/// internet.
///
/// When it is up it prints a token and calls to try. Logs are in .millwright/log.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct Options {
    /// Start everything but the functions, and write .millwright/dev.env for
    /// `cargo lambda watch --env-file .millwright/dev.env`
    #[arg(long)]
    backing_only: bool,
    /// Begin with new data; keys are kept
    #[arg(long)]
    fresh: bool,
    /// Port of the API
    #[arg(long, env = "MILLWRIGHT_DEV_PORT", default_value_t = 9000)]
    port: u16,
    /// Port of the AWS emulator
    #[arg(long, env = "MILLWRIGHT_DEV_EMULATOR_PORT", default_value_t = 4566)]
    emulator_port: u16,
    /// Port of DynamoDB
    #[arg(long, env = "MILLWRIGHT_DEV_DATABASE_PORT", default_value_t = 8000)]
    database_port: u16,
    /// Port of the identity provider
    #[arg(long, env = "MILLWRIGHT_DEV_PROVIDER_PORT", default_value_t = 9400)]
    provider_port: u16,
    /// Port of the stand-in for models, where neither a key nor an Ollama is found
    #[arg(long, env = "MILLWRIGHT_DEV_MODELS_PORT", default_value_t = 9401)]
    models_port: u16,
}

pub fn run(options: &Options) -> Result<()> {
    let folder = paths::private();
    let _instance = Instance::claim(&folder, "dev")?;
    let settings = Settings {
        folder: folder.clone(),
        ports: Ports {
            api: options.port,
            emulator: options.emulator_port,
            database: options.database_port,
            provider: options.provider_port,
            models: options.models_port,
        },
        is_persistent: true,
        providers: Vec::new(),
    };
    settings.ports.check()?;
    tools::check_machine()?;
    if options.fresh {
        output::progress("removing the data of earlier runs");
        database::wipe(&settings.data())?;
    }
    let tools = Tools::of_workspace();
    tools.install(Group::Emulator)?;
    tools.install(Group::Identity)?;
    let program = match options.backing_only {
        true => None,
        false => {
            output::progress("building the functions (a few minutes the first time)");
            Some(build()?)
        }
    };
    let mut built = build::fingerprint();

    let runtime = runtime()?;
    let services = all::services();
    let mut stack = start(&runtime, Stack::start(&settings, &tools, &services, program))?;
    let _models = match options.backing_only {
        true => {
            write_environment_file(&settings)?;
            None
        }
        false => {
            let demo = start(&runtime, seed::fill(&settings))?;
            let api = Api::with_token(&settings, &demo.token)?;
            let models = start(&runtime, models::provide(&settings, &api))
                .context("the demo organization gets no models")?;
            greet(&settings, &demo, &models);
            Some(models)
        }
    };

    while !interrupt::requested() {
        thread::sleep(Duration::from_millis(500));
        if !stack.is_running() {
            bail!(
                "the AWS emulator ended by itself; its log is {}",
                settings.data().join("emulator/emulator.log").display()
            );
        }
        if !options.backing_only {
            rebuild(&stack, &mut built);
        }
    }
    output::progress("stopping");
    let began = Instant::now();
    drop(stack);
    runtime.shutdown_timeout(Duration::from_secs(1));
    output::progress(format_args!(
        "stopped after {:.1} s; data is kept in {}",
        began.elapsed().as_secs_f32(),
        settings.data().display()
    ));
    Ok(())
}

/// The runtime of pumps and clients.
pub fn runtime() -> Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("no threads for the pumps")
}

/// Runs it to its end unless a signal comes first.
pub fn start<T>(runtime: &Runtime, work: impl Future<Output = Result<T>>) -> Result<T> {
    runtime.block_on(async {
        tokio::select! {
            outcome = work => outcome,
            () = interrupt::wait() => bail!("interrupted"),
        }
    })
}

/// Builds and restarts the functions if a source file has changed; a failed build keeps the old.
fn rebuild(stack: &Stack, built: &mut u64) {
    let seen = build::fingerprint();
    if seen == *built {
        return;
    }
    // An editor may be writing several files.
    thread::sleep(Duration::from_millis(300));
    *built = build::fingerprint();
    output::progress("a source file changed: building");
    match build() {
        Ok(_) => {
            stack.renew_functions();
            output::progress("functions restarted");
        }
        Err(error) if !interrupt::requested() => {
            output::warning(format_args!("{error:#}; the functions of before go on"));
        }
        Err(_) => {}
    }
}

fn greet(settings: &Settings, demo: &Demo, models: &models::Models) {
    let url = settings.public_url();
    output::heading("Millwright is up");
    output::line(format_args!(
        "API        {url}/api/v1   (reference: {url}/docs)\n\
         logs       {}\n\
         data       {}\n\
         sign in    {url}/api/v1/auth/login   as {name} or somebody else of the page\n\
         models     {origin}\n\
         token      of {name}, owner of the demo organization, for 15 minutes; another one, of any\n\
         \x20          role: cargo xtask token --role member\n\n\
         export TOKEN={token}\n\n\
         Try:\n\
         curl -s -H \"authorization: Bearer $TOKEN\" {url}/api/v1/planning/projects\n\
         curl -s -H \"authorization: Bearer $TOKEN\" {url}/api/v1/planning/tasks/{task}\n\
         curl -s -H \"authorization: Bearer $TOKEN\" -H 'content-type: application/json' \\\n     \
         -d '{{\"to\": \"in_progress\"}}' {url}/api/v1/planning/tasks/{task}/transition\n\
         curl -sN -H \"authorization: Bearer $TOKEN\" -H 'content-type: application/json' \\\n     \
         -d '{{\"model\": \"{example}\", \"stream\": true, \"messages\": [{{\"role\": \"user\", \
         \"content\": \"Hello, model\"}}]}}' \\\n     {url}/api/v1/ai/openai/v1/chat/completions\n\n\
         A change of a source file rebuilds. Ctrl-C stops everything; data stays.",
        display(&settings.folder.join("log")),
        display(&settings.data()),
        token = demo.token,
        origin = models.origin,
        example = models.example,
        name = PEOPLE[0].name,
        task = seed::A_TASK,
    ));
}

fn display(path: &Path) -> String {
    let shown = path.strip_prefix(paths::workspace()).unwrap_or(path);
    shown.display().to_string()
}

/// For plain `cargo lambda watch`.
fn write_environment_file(settings: &Settings) -> Result<()> {
    let file = settings.folder.join("dev.env");
    let lines: Vec<String> =
        settings.variables().into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    paths::replace(&file, lines.join("\n") + "\n")?;
    let tools = Tools::of_workspace();
    let installed = match process::find("cargo-lambda") {
        Some(_) => String::new(),
        None => format!(
            "\n(cargo-lambda is not in your PATH; the pinned one: export PATH=\"$PATH:{}\")",
            tools.programs(Group::Emulator).display()
        ),
    };
    output::heading("The backing services are up");
    output::line(format_args!(
        "Run the functions in a second terminal:\n\n  \
         cargo lambda watch --env-file {} --invoke-address 127.0.0.1 --invoke-port {}\n{installed}\n\
         Ctrl-C here stops the backing services; data stays.",
        display(&file),
        settings.ports.api,
    ));
    Ok(())
}
