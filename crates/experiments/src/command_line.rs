//! The commands of this program, one module each.

use crate::{evaluate, figure, parity, sweep, train};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use inorm_core::{
    Context,
    failure::{self, Failure, Outcome},
};
use std::process::ExitCode;

// It speaks as the program that readers know.
#[derive(Parser)]
#[command(name = "inorm", bin_name = "inorm", version, about, arg_required_else_help = true)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Train one network.
    Train(train::Train),
    /// Classify the test images with a saved network.
    Evaluate(evaluate::Evaluate),
    /// Train many networks, once each, on one machine or a cluster.
    #[command(subcommand)]
    Sweep(sweep::Sweep),
    /// Draw a figure of the paper from stored results.
    Figure(figure::Figure),
    /// Compare with what the authors' code computes.
    Parity(parity::Parity),
}

/// Reads the command line and does what it says.
pub fn main() -> ExitCode {
    failure::conclude(parse().and_then(run))
}

fn parse() -> Outcome<Command> {
    let read = with_negative_numbers(CommandLine::command()).try_get_matches();
    match read.and_then(|read| CommandLine::from_arg_matches(&read)) {
        Ok(line) => Ok(line.command),
        // Of requests for help clap prints the answer.
        Err(error) if error.exit_code() == 0 => {
            error.print().context("write", "standard output")?;
            std::process::exit(0)
        }
        Err(error) => Err(Failure::usage(&error.to_string())),
    }
}

/// A number below zero is never an option: what is wrong with it is said as of any other.
fn with_negative_numbers(command: clap::Command) -> clap::Command {
    command.allow_negative_numbers(true).mut_subcommands(with_negative_numbers)
}

fn run(command: Command) -> Outcome {
    let is_worker = matches!(&command, Command::Sweep(sweep) if sweep.trains());
    if !is_worker {
        failure::end_with_closed_pipe();
    }
    match command {
        Command::Train(options) => train::run(&options),
        Command::Evaluate(options) => evaluate::run(&options),
        Command::Sweep(command) => sweep::run(command),
        Command::Figure(options) => figure::run(&options),
        Command::Parity(options) => parity::run(&options),
    }
}
