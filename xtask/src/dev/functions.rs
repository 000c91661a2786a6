//! The functions as processes: cargo-lambda gives them the Lambda API, and this supervises them.
//!
//! Plain `cargo lambda watch` would run them itself, but restarts all of them at every change and
//! none that crashed. A function without a process is worse than one that fails: requests to it
//! queue, and after about a hundred cargo-lambda answers nobody any more.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{ChildStdout, Command, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use millwright_config::variable;
use millwright_manifest::{Service, Trigger};

use super::Settings;
use crate::{
    http, interrupt, output,
    process::{self, Process, tail},
    tools::{Group, Tools},
};

const POLL: Duration = Duration::from_millis(100);
/// A process younger than this may still find that it cannot start.
const SETTLED: Duration = Duration::from_millis(300);
const LONGEST_BACKOFF: Duration = Duration::from_secs(10);
const CHECK_EVERY: Duration = Duration::from_secs(10);
/// Checks in a row without an answer before cargo-lambda is started anew.
const MOST_SILENCE: u32 = 3;

/// Which functions have a process that can take an event.
#[derive(Clone, Debug, Default)]
pub struct Availability(Arc<Mutex<HashMap<&'static str, bool>>>);

impl Availability {
    pub fn is_up(&self, function: &str) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(function).copied().unwrap_or(false)
    }

    fn set(&self, function: &'static str, up: bool) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(function, up);
    }
}

/// cargo-lambda and one or two processes per function; all end with the value.
pub struct Functions {
    pub availability: Availability,
    stop: Arc<AtomicBool>,
    renew: Arc<AtomicBool>,
    supervisor: Option<JoinHandle<()>>,
}

impl Functions {
    pub fn start(
        settings: &Settings,
        tools: &Tools,
        services: &[Service],
        program: PathBuf,
    ) -> Result<Functions> {
        let availability = Availability::default();
        let (stop, renew) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let watcher = start_watcher(settings, tools)?;
        let workers = workers(services);
        let mut supervisor = Supervisor {
            settings: settings.clone(),
            tools: tools.clone(),
            program,
            watcher: Some(watcher),
            workers,
            availability: availability.clone(),
            checked: Instant::now(),
            silent: 0,
        };
        let (stopped, renewed) = (stop.clone(), renew.clone());
        let supervisor = thread::Builder::new()
            .name("supervisor".to_owned())
            .spawn(move || {
                while !stopped.load(Ordering::SeqCst) {
                    if renewed.swap(false, Ordering::SeqCst) {
                        supervisor.renew();
                    }
                    supervisor.tend();
                    thread::sleep(POLL);
                }
                supervisor.end();
            })
            .context("no thread for the supervisor")?;
        Ok(Functions { availability, stop, renew, supervisor: Some(supervisor) })
    }

    /// Restarts every function, after a build.
    pub fn renew(&self) {
        self.renew.store(true, Ordering::SeqCst);
    }
}

impl Drop for Functions {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(supervisor) = self.supervisor.take() {
            let _ = supervisor.join();
        }
    }
}

/// `cargo lambda watch --only-lambda-apis`: HTTP in, Lambda events out.
fn start_watcher(settings: &Settings, tools: &Tools) -> Result<Process> {
    let log = settings.log("cargo-lambda");
    let mut path = tools.programs(Group::Emulator).into_os_string();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let mut command = process::scrubbed(tools.program(Group::Emulator, "cargo-lambda"));
    command
        .args(["lambda", "watch", "--only-lambda-apis", "--invoke-address", "127.0.0.1"])
        .args(["--invoke-port", &settings.ports.api.to_string()])
        .current_dir(crate::paths::workspace())
        .env("PATH", path)
        .env("TERM", "dumb")
        .env("CARGO_NET_OFFLINE", "true");
    let grace = Duration::from_millis(300);
    let mut process = Process::spawn_logged("cargo-lambda", &mut command, &log, grace)?;
    let started = Instant::now();
    while !http::is_open(settings.ports.api) {
        interrupt::check()?;
        if let Some(status) = process.ended() {
            bail!("cargo-lambda ended at once ({status}); {}:\n{}", log.display(), tail(&log, 8));
        }
        if started.elapsed() > Duration::from_secs(30) {
            bail!("cargo-lambda does not listen after 30 s; {}:\n{}", log.display(), tail(&log, 8));
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(process)
}

/// One process of a function, or the wish to have one.
struct Worker {
    function: &'static str,
    /// Its name in cargo-lambda; `_` takes what has no route.
    route: &'static str,
    process: Option<Process>,
    started: Instant,
    starts_at: Instant,
    failures: u32,
}

/// HTTP functions get two processes each, since one works on one request at a time.
fn workers(services: &[Service]) -> Vec<Worker> {
    let now = Instant::now();
    let mut workers = Vec::new();
    for function in services.iter().flat_map(|service| &service.functions) {
        let mut routes = vec![function.name];
        if function.triggers.contains(&Trigger::DefaultRoute) {
            routes.extend(["_", "_"]);
        } else if function.is_http() {
            routes.push(function.name);
        }
        workers.extend(routes.into_iter().map(|route| Worker {
            function: function.name,
            route,
            process: None,
            started: now,
            starts_at: now,
            failures: 0,
        }));
    }
    workers
}

struct Supervisor {
    settings: Settings,
    tools: Tools,
    program: PathBuf,
    watcher: Option<Process>,
    workers: Vec<Worker>,
    availability: Availability,
    checked: Instant,
    silent: u32,
}

impl Supervisor {
    /// Starts what should run and does not.
    fn tend(&mut self) {
        let now = Instant::now();
        for worker in &mut self.workers {
            let status = worker.process.as_mut().and_then(Process::ended);
            if let Some(status) = status {
                worker.process = None;
                worker.failures += 1;
                let backoff = Duration::from_millis(250 << worker.failures.min(6));
                worker.starts_at = now + backoff.min(LONGEST_BACKOFF);
                let log = self.settings.log(worker.function);
                output::warning(format_args!(
                    "{} ended ({status}) and is started again; {}:\n{}",
                    worker.function,
                    log.display(),
                    tail(&log, 5)
                ));
            } else if worker.process.is_none() && now >= worker.starts_at {
                match start(&self.settings, &self.program, worker) {
                    Ok(process) => worker.process = Some(process),
                    Err(error) => {
                        output::warning(format_args!("{error:#}"));
                        worker.starts_at = now + LONGEST_BACKOFF;
                    }
                }
                worker.started = now;
            } else if worker.started.elapsed() > Duration::from_secs(60) {
                worker.failures = 0;
            }
        }
        for worker in &self.workers {
            let up = self.workers.iter().any(|other| {
                other.function == worker.function
                    && other.process.is_some()
                    && other.started.elapsed() > SETTLED
            });
            self.availability.set(worker.function, up);
        }
        if self.checked.elapsed() > CHECK_EVERY {
            self.check_watcher();
            self.checked = Instant::now();
        }
    }

    /// Ends the old processes, and has new ones started at once.
    fn renew(&mut self) {
        for worker in &self.workers {
            if let Some(process) = &worker.process {
                process.terminate();
            }
        }
        for worker in &mut self.workers {
            worker.process = None;
            worker.failures = 0;
            worker.starts_at = Instant::now();
        }
    }

    /// cargo-lambda can end up accepting connections and answering none of them.
    fn check_watcher(&mut self) {
        let alive = self.watcher.as_mut().is_some_and(|process| process.ended().is_none());
        let answers = http::get(self.settings.ports.api, "/health").is_some();
        self.silent = if answers { 0 } else { self.silent + 1 };
        if alive && self.silent < MOST_SILENCE {
            return;
        }
        output::warning("cargo-lambda does not answer any more and is started again");
        self.silent = 0;
        self.watcher = None;
        match start_watcher(&self.settings, &self.tools) {
            Ok(process) => self.watcher = Some(process),
            Err(error) => output::warning(format_args!("{error:#}")),
        }
        self.renew();
    }

    fn end(&mut self) {
        if let Some(process) = &self.watcher {
            process.terminate();
        }
        self.renew();
        self.watcher = None;
    }
}

fn start(settings: &Settings, program: &std::path::Path, worker: &Worker) -> Result<Process> {
    let mut command = Command::new(program);
    command
        .env_clear()
        .current_dir(&settings.folder)
        .envs(settings.variables())
        .env(variable::FUNCTION, worker.function)
        // What Lambda itself sets.
        .env(
            "AWS_LAMBDA_RUNTIME_API",
            format!("http://127.0.0.1:{}/.rt/{}", settings.ports.api, worker.route),
        )
        .env("AWS_LAMBDA_FUNCTION_NAME", format!("{}-{}", Settings::PREFIX, worker.function))
        .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
        .env("AWS_LAMBDA_LOG_GROUP_NAME", worker.function)
        .env("AWS_LAMBDA_LOG_STREAM_NAME", "local")
        .stderr(process::open_log(&settings.log(worker.function))?)
        .stdout(Stdio::piped());
    let mut process = Process::spawn(worker.function, &mut command, Duration::from_millis(200))?;
    if let Some(lines) = process.take_output() {
        follow(settings, worker.function, lines)?;
    }
    Ok(process)
}

/// Copies what a function logs to its file, and shows errors as they come.
fn follow(settings: &Settings, function: &'static str, lines: ChildStdout) -> Result<()> {
    let mut log = process::open_log(&settings.log(function))?;
    let quiet = !settings.is_persistent;
    thread::Builder::new()
        .name(format!("log of {function}"))
        .spawn(move || {
            for line in BufReader::new(lines).lines().map_while(Result::ok) {
                let _ = writeln!(log, "{line}");
                if !quiet && line.contains("\"level\":\"ERROR\"") {
                    let short: String = line.chars().take(400).collect();
                    output::warning(format_args!("{function}: {short}"));
                }
            }
        })
        .map(drop)
        .context("no thread for a log")
}
