//! `cargo xtask bench`: what users pay for, measured: time to start, CPU, memory, bytes, DynamoDB.

mod document;
mod driver;
mod identity;
mod machine;
mod node;
mod planning;
mod report;
mod run;
mod scenario;
mod secrets;
mod size;
mod stage;
mod usage;
mod work;

use std::{collections::BTreeSet, sync::Arc};

use anyhow::{Result, ensure};
use clap::Args;

use self::{
    machine::Machine,
    node::NodeFunction,
    report::Report,
    run::Bench,
    scenario::{SUBJECTS, Subject},
    stage::Stage,
};
use crate::{
    dev::{self, Instance},
    output, paths, tools,
};

/// Measure the functions
///
/// Builds the functions as they are deployed, hands them recorded gateway events through a Runtime
/// API, with DynamoDB in memory behind it, and prints tables; beside them a Node function that does
/// the same. Takes some minutes and a quiet machine: whatever else runs is in the numbers.
///
///   cargo xtask bench --write               # measure all, into docs/PERFORMANCE.md
///   cargo xtask bench --quick --only task_get
#[derive(Args, Clone, Debug)]
#[command(verbatim_doc_comment)]
pub struct Options {
    /// Measure only rows whose name begins with this; may be given several times
    #[arg(long, value_name = "ROW")]
    only: Vec<String>,
    /// Measured requests per row
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(100..))]
    requests: u32,
    /// Processes of the function for the columns "several processes"
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=64))]
    processes: u32,
    /// A tenth of everything: to see that it works, not to quote
    #[arg(long)]
    quick: bool,
    /// Leave the Node function out
    #[arg(long)]
    without_node: bool,
    /// Write the tables into docs/PERFORMANCE.md; otherwise they are printed
    #[arg(long, conflicts_with_all = ["quick", "only", "without_node"])]
    write: bool,
}

impl Options {
    /// The command with these options, for who wants to repeat it.
    fn command(&self) -> String {
        let defaults = (5_000, 4);
        let mut command = "cargo xtask bench".to_owned();
        for name in &self.only {
            command += &format!(" --only '{name}'");
        }
        if self.requests != defaults.0 {
            command += &format!(" --requests {}", self.requests);
        }
        if self.processes != defaults.1 {
            command += &format!(" --processes {}", self.processes);
        }
        for (is_set, flag) in [
            (self.quick, " --quick"),
            (self.without_node, " --without-node"),
            (self.write, " --write"),
        ] {
            command += if is_set { flag } else { "" };
        }
        command
    }
}

pub fn run(options: &Options) -> Result<()> {
    let _instance = Instance::claim(&paths::private().join("bench"), "bench")?;
    ensure!(cfg!(target_os = "linux"), "CPU time and memory are read from /proc: needs Linux");
    tools::check_machine()?;
    // Before the builds, which are load of our own.
    let machine = Machine::here();
    let node = if options.without_node { None } else { Some(NodeFunction::prepare()?) };
    let subjects: Vec<&Subject> =
        SUBJECTS.iter().filter(|it| it.has_any_of(&options.only)).collect();
    ensure!(!subjects.is_empty(), "no row is called so: see docs/PERFORMANCE.md for their names");
    output::progress("building the driver and the functions (release)");
    let program = "millwright-bench-driver";
    let own = driver::Target { package: program.to_owned(), binary: program };
    let driver = driver::build(&BTreeSet::from([own]), "driver")?.join(program);
    let targets = subjects.iter().flat_map(|subject| subject.targets()).collect();
    let programs = driver::build(&targets, "release")?;
    let issuer = Stage::issuer()?;
    let bench = Bench::new(options, (&driver, &programs), Arc::new(issuer), node.as_ref());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut report = Report::new(options, machine, node.as_ref().map(|node| node.version.clone()));
    for subject in subjects {
        report.subjects.push(dev::start(&runtime, bench.subject(subject))?);
        if report.double.is_none() {
            report.double = Some(dev::start(&runtime, bench.double(subject))?);
        }
    }
    let tables = report.tables();
    if options.write {
        let file = paths::workspace().join(document::PLACE);
        document::write(&file, &tables)?;
        output::progress(format_args!("wrote {}", document::PLACE));
    } else {
        output::result(tables);
    }
    Ok(())
}
