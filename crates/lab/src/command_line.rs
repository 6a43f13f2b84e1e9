//! The commands of `inorm`.

use crate::checkout::Checkout;
use crate::format::{self, Format};
use crate::{book, data, doctor, experiments, kernel, lab, reaper};
use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};
use inorm_core::Context;
use inorm_core::failure::{self, Failure, Outcome};
use rustix::process::Pid;
use std::ffi::OsString;
use std::path::PathBuf;

#[derive(Parser)]
#[command(name = "inorm", version, about, arg_required_else_help = true)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

/// What `inorm` can be asked to do.
#[derive(Subcommand)]
pub enum Command {
    /// Open the notebooks in JupyterLab, after setting up what they need.
    Lab(lab::Lab),
    /// Render the notebooks as a web site, or print them.
    Book(book::Book),
    /// Fetch FashionMNIST, or say where it is.
    #[command(subcommand)]
    Data(data::Data),
    /// Train one network.
    #[command(disable_help_flag = true)]
    Train(Experiment),
    /// Classify the test images with a saved network.
    #[command(disable_help_flag = true)]
    Evaluate(Experiment),
    /// Train many networks, once each, on one machine or a cluster.
    #[command(disable_help_flag = true)]
    Sweep(Experiment),
    /// Draw a figure of the paper from stored results.
    #[command(disable_help_flag = true)]
    Figure(Experiment),
    /// Compare with what the authors' code computes.
    #[command(disable_help_flag = true)]
    Parity(Experiment),
    /// Format the cells of notebooks with rustfmt.
    Fmt(Format),
    /// Say what is missing on this machine, and how to get it.
    Doctor,
    /// Serve a notebook; JupyterLab starts this.
    Kernel {
        /// Where the client says how to talk to it.
        #[arg(long, value_name = "FILE", required_unless_present = "spare")]
        connection_file: Option<PathBuf>,
        /// Be prepared for the next notebook, as long as this process lives.
        #[arg(long, value_name = "PROCESS", hide = true)]
        spare: Option<i32>,
        /// The clone that it belongs to; the one around the working directory if not given.
        #[arg(long, value_name = "DIR")]
        checkout: Option<PathBuf>,
        /// Say on standard error what happens, message by message.
        #[arg(long)]
        verbose: bool,
    },
    /// List the packages that a Rust kernel should read; a kernel's cargo runs this.
    #[command(hide = true)]
    Packages {
        /// The cargo that knows them all.
        cargo: PathBuf,
        /// What it is asked.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Compile a cell; a kernel's cargo runs this.
    #[command(hide = true)]
    Compile {
        /// The cargo that can do it, if more than the cell has changed.
        cargo: PathBuf,
        /// What it is asked.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Note how cargo calls rustc; a kernel's cargo runs this.
    #[command(hide = true)]
    Rustc {
        /// The compiler and its arguments.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        call: Vec<String>,
    },
    /// Link a cell; the rustc that compiles it runs this.
    #[command(hide = true)]
    Link {
        /// What the linker is asked.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Clear up after a kernel or a set-up; these start this.
    #[command(hide = true)]
    Reaper {
        /// The kernel's directory.
        directory: Option<PathBuf>,
    },
}

/// A command of the experiments program, which knows its arguments, `--help` among them.
#[derive(Args)]
pub struct Experiment {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// Reads the command line; a mistake becomes one line, a request for help is answered here.
pub fn parse() -> Outcome<Command> {
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    // `help train` is `train --help`: the experiments program knows its commands.
    if arguments.len() > 2 && arguments[1] == "help" {
        arguments.remove(1);
        arguments.push("--help".into());
    }
    match CommandLine::try_parse_from(arguments) {
        Ok(line) => Ok(line.command),
        Err(error) if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            error.print().context("write", "standard error")?;
            std::process::exit(error.exit_code())
        }
        // Of requests for help clap prints the answer.
        Err(error) if error.exit_code() == 0 || !error.use_stderr() => {
            error.print().context("write", "standard output")?;
            std::process::exit(error.exit_code())
        }
        Err(error) => Err(Failure::usage(&error.to_string())),
    }
}

/// Carries out one command.
pub fn run(command: Command) -> Outcome {
    if !matches!(command, Command::Kernel { .. } | Command::Reaper { .. }) {
        failure::end_with_closed_pipe();
    }
    match command {
        Command::Lab(options) => lab::run(options),
        Command::Book(options) => book::run(options),
        Command::Data(command) => data::run(command),
        Command::Train(Experiment { arguments }) => experiments::run("train", &arguments),
        Command::Evaluate(Experiment { arguments }) => experiments::run("evaluate", &arguments),
        Command::Sweep(Experiment { arguments }) => experiments::run("sweep", &arguments),
        Command::Figure(Experiment { arguments }) => experiments::run("figure", &arguments),
        Command::Parity(Experiment { arguments }) => experiments::run("parity", &arguments),
        Command::Fmt(options) => format::run(&options),
        Command::Doctor => doctor::run(),
        Command::Kernel { connection_file, spare, checkout, verbose } => {
            let checkout = checkout.map_or_else(Checkout::find, Checkout::at)?;
            let log = if verbose { kernel::Log::Verbose } else { kernel::Log::Quiet };
            match (connection_file, spare.and_then(Pid::from_raw)) {
                (Some(file), _) => kernel::serve(checkout, &file, log),
                (None, Some(owner)) => kernel::wait_as_spare(&checkout, owner),
                (None, None) => Ok(()),
            }
        }
        Command::Packages { cargo, arguments } => kernel::print_packages(&cargo, &arguments),
        Command::Compile { cargo, arguments } => kernel::compile(&cargo, &arguments),
        Command::Rustc { call } => kernel::call_rustc(&call),
        Command::Link { arguments } => kernel::link(&arguments),
        Command::Reaper { directory } => reaper::reap(directory.as_deref()),
    }
}
