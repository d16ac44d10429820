//! The cutpoint command line: parses the arguments and hands them to the command.
//!
//! One file per command. What commands share: [`exit`] has the exit codes, [`output`] writes
//! texts and files, [`json`] has the documents for programs, [`suite`] is the way to the checks.

use clap::Parser;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

mod args;
mod exit;

mod check;
mod differential;
mod gate;
mod list;
mod matrix;
mod merge;
mod minimise;
mod model;
mod replay;
mod show;

mod json;
mod layout;
mod numbers;
mod output;
mod parts;
mod spinner;
mod suite;
mod workspace;

use args::{Cli, Command};
use exit::{Exit, Failure};
use model::args::ModelCommand;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Nobody may be listening any more, and there is nobody else to tell.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(Exit::Usage as u8));
        }
    };
    gate::end_with_it();
    // A panic is a mistake of the harness. The panic message is on the standard error already.
    let exit = catch_unwind(AssertUnwindSafe(|| run(cli))).unwrap_or_else(|_| {
        output::complain("the harness is broken: it panicked, which it never should");
        Ok(Exit::Broken)
    });
    let exit = exit.unwrap_or_else(|failure| {
        output::complain(&failure.to_string());
        Exit::Usage
    });
    ExitCode::from(exit as u8)
}

fn run(cli: Cli) -> Result<Exit, Failure> {
    match cli.command {
        Command::List(args) => list::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Differential(args) => differential::run(&args),
        Command::Gate(args) => gate::run(&args),
        Command::Matrix(args) => matrix::run(&args),
        Command::Merge(args) => merge::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Show(args) => show::run(&args),
        Command::Minimise(args) => minimise::run(&args),
        Command::Model(ModelCommand::Check(args)) => model::run(&args),
        Command::Model(ModelCommand::Explore(args)) => model::explore(&args),
        Command::Model(ModelCommand::Cover(args)) => model::cover(&args),
    }
}
