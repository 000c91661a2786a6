//! `cargo xtask test`: everything that checks this workspace, step by step.

mod ai;
mod browser;
mod compiled;
mod contract;
mod identity;
mod local;
mod models;
mod rust;
mod scaffold;
mod secret_files;
mod secret_store;
mod secrets;
mod smoke;
mod usage;

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};

use crate::{
    deploy,
    dev::Instance,
    disk, infra, interrupt, output, paths,
    tools::{self, Group, Tools},
};

/// Check everything
///
/// Runs all steps in order, but those that say they run by name only, and goes on after a failed one; the table at the end shows time and
/// result of each. Installs what is missing; the second time it needs no network. Every step can
/// be run alone:
///
///   cargo xtask test --only clippy
///   cargo xtask test --only smoke --only contract
///
/// For a single Rust test use `cargo nextest run <name>` or `cargo test <name>` as anywhere.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct Options {
    /// Run only this step; may be given several times
    #[arg(long, value_enum, value_name = "STEP")]
    only: Vec<Step>,
    /// List the steps and end
    #[arg(long)]
    list: bool,
}

/// In the order in which they run: what is quick to fail comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Step {
    Format,
    Generated,
    Clippy,
    Rust,
    Doc,
    Scaffold,
    Templates,
    Models,
    Smoke,
    Identity,
    Secrets,
    Ai,
    Usage,
    Deploy,
    Contract,
    Licenses,
}

impl Step {
    fn name(self) -> &'static str {
        match self {
            Step::Format => "format",
            Step::Generated => "generated",
            Step::Clippy => "clippy",
            Step::Rust => "rust",
            Step::Doc => "doc",
            Step::Scaffold => "scaffold",
            Step::Templates => "templates",
            Step::Models => "models",
            Step::Smoke => "smoke",
            Step::Identity => "identity",
            Step::Secrets => "secrets",
            Step::Ai => "ai",
            Step::Usage => "usage",
            Step::Deploy => "deploy",
            Step::Contract => "contract",
            Step::Licenses => "licenses",
        }
    }

    fn summary(self) -> &'static str {
        match self {
            Step::Format => "rustfmt finds nothing to change",
            Step::Generated => "generated files are what the manifests say",
            Step::Clippy => "clippy, warnings denied",
            Step::Rust => "unit, router, guard and exactly-N tests (nextest)",
            Step::Doc => "examples in the documentation of the crates",
            Step::Scaffold => "what new-service writes builds, passes its tests and is guarded",
            Step::Templates => "cfn-lint and sam validate on what is deployed",
            Step::Models => {
                "the model catalogue and its prices by genai-prices, the dialects by the SDKs"
            }
            Step::Smoke => "the main job through the local stack, from request to consumer",
            Step::Identity => "signing in with OpenID Connect libraries, up to what a role allows",
            Step::Secrets => {
                "secrets as a KV v2 store (hvac), as files (dotenv), in Secrets Manager, and nowhere else"
            }
            Step::Ai => {
                "chat and messages through the gateway, by the SDKs of OpenAI and Anthropic"
            }
            Step::Usage => {
                "100,000 usage events counted as DuckDB counts them, to the last digit (by name only)"
            }
            Step::Deploy => {
                "the templates deployed on the emulator, used over HTTP, roles in force"
            }
            Step::Contract => "Schemathesis tries the API against its own document",
            Step::Licenses => "licenses, bans and sources of dependencies (cargo-deny)",
        }
    }

    /// Compiles everything once more, optimized, which takes longer than all the rest: the step of
    /// the Rust tests compares fewer events meanwhile.
    fn is_by_name(self) -> bool {
        self == Step::Usage
    }

    fn run(self, context: &mut Context) -> Result<Outcome> {
        match self {
            Step::Format => rust::format(),
            Step::Generated => rust::generated(),
            Step::Clippy => rust::clippy(),
            Step::Rust => rust::tests(context),
            Step::Doc => rust::examples(),
            Step::Scaffold => scaffold::run(),
            Step::Templates => {
                context.tools.install(Group::Lint)?;
                infra::lint(&context.tools).map(|()| Outcome::Passed)
            }
            Step::Models => models::run(&context.tools),
            Step::Smoke => smoke::run(&context.tools),
            Step::Identity => identity::run(&context.tools),
            Step::Secrets => secrets::run(&context.tools),
            Step::Ai => ai::run(&context.tools),
            Step::Usage => usage::run(context),
            Step::Deploy => deploy::run(&context.tools).map(|()| Outcome::Passed),
            Step::Contract => contract::run(&context.tools),
            Step::Licenses => rust::licenses(),
        }
    }
}

/// What all steps take of the disk when nothing is compiled yet, in gigabytes.
const ROOM: u64 = 25;

/// What a step came to, if it did not fail.
enum Outcome {
    Passed,
    /// Not possible here, and why.
    Skipped(String),
}

/// What steps share.
struct Context {
    tools: Tools,
    /// The closing lines of the test runner, shown again at the end.
    summary: Vec<String>,
}

struct Report {
    step: Step,
    time: Duration,
    outcome: Result<Outcome>,
}

/// True if every step that ran has passed.
pub fn run(options: &Options) -> Result<bool> {
    if options.list {
        for step in Step::value_variants() {
            output::result(format_args!("{:<10} {}", step.name(), step.summary()));
        }
        return Ok(true);
    }
    let _instance = Instance::claim(&paths::private().join("test"), "test")?;
    tools::check_machine()?;
    disk::tell(ROOM);
    let mut context = Context { tools: Tools::of_workspace(), summary: Vec::new() };
    let chosen =
        Step::value_variants().iter().copied().filter(|step| match options.only.is_empty() {
            true => !step.is_by_name(),
            false => options.only.contains(step),
        });
    let mut reports = Vec::new();
    for step in chosen {
        output::heading(format_args!("{}: {}", step.name(), step.summary()));
        output::line(format_args!("   alone: cargo xtask test --only {}", step.name()));
        let started = Instant::now();
        let outcome = step.run(&mut context);
        if interrupt::requested() {
            bail!("interrupted");
        }
        match &outcome {
            Ok(Outcome::Passed) => {}
            Ok(Outcome::Skipped(why)) => output::progress(format_args!("skipped: {why}")),
            Err(error) => {
                output::failure(format_args!("{error:#}"));
                disk::remark_if_full();
            }
        }
        reports.push(Report { step, time: started.elapsed(), outcome });
    }
    Ok(conclude(&context, &reports))
}

/// The table, the test runner's own closing lines, and the count of steps.
fn conclude(context: &Context, reports: &[Report]) -> bool {
    output::heading("results");
    for Report { step, time, outcome } in reports {
        let result = match outcome {
            Ok(Outcome::Passed) => "passed".to_owned(),
            Ok(Outcome::Skipped(why)) => format!("skipped: {why}"),
            Err(_) => format!("FAILED   (again: cargo xtask test --only {})", step.name()),
        };
        output::line(format_args!("{:<10} {:>6.1} s  {result}", step.name(), time.as_secs_f32()));
    }
    output::line("");
    for line in &context.summary {
        output::result(line);
    }
    let failed = reports.iter().filter(|report| report.outcome.is_err()).count();
    let skipped =
        reports.iter().filter(|report| matches!(report.outcome, Ok(Outcome::Skipped(_)))).count();
    let passed = reports.len() - failed - skipped;
    let skipped = if skipped == 0 { String::new() } else { format!(", {skipped} skipped") };
    output::result(format_args!("{passed} passed, {failed} failed{skipped}"));
    failed == 0
}
