//! The developer commands of Millwright; `cargo xtask --help` lists them.

#![allow(
    clippy::disallowed_methods,
    reason = "a tool on the developer's machine reads its clock and environment"
)]
#![allow(unreachable_pub, reason = "nothing of a binary is public; pub marks what a module offers")]

mod bench;
mod deploy;
mod dev;
mod disk;
mod emulator;
mod generate;
mod http;
mod infra;
mod interrupt;
mod keys;
mod new_service;
mod node;
mod output;
mod paths;
mod process;
mod render;
mod rustfmt;
mod test;
mod token;
mod tools;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(
    name = "cargo xtask",
    about = "The developer commands of Millwright",
    max_term_width = 100
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Bench(bench::Options),
    Dev(dev::Options),
    Gen(generate::Options),
    NewService(new_service::Options),
    Test(test::Options),
    Token(token::Options),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = interrupt::listen().and_then(|()| run(arguments.command));
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        // The report says it all.
        Ok(false) => ExitCode::FAILURE,
        // Said already what there was to say; the shell's number for Ctrl-C.
        Err(_) if interrupt::requested() => ExitCode::from(130),
        Err(error) => {
            output::failure(format_args!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// False if what was checked is not in order.
fn run(command: Command) -> Result<bool> {
    match command {
        Command::Bench(options) => bench::run(&options).map(|()| true),
        Command::Dev(options) => dev::run(&options).map(|()| true),
        Command::Gen(options) => generate::run(&options).map(|()| true),
        Command::NewService(options) => new_service::run(&options).map(|()| true),
        Command::Test(options) => test::run(&options),
        Command::Token(options) => token::run(&options).map(|()| true),
    }
}
