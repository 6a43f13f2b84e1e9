//! The subcommands of `inorm`, one file each.

mod checkout;
mod data;
mod doctor;
mod download;
mod failure;
mod figure;
mod lab;
mod parity;
mod results;
mod sweep;
mod train;

pub use checkout::Checkout;
pub use failure::{Failure, Outcome};

use crate::kernel;
use clap::error::ErrorKind;
use clap::{Parser, Subcommand};
use std::fmt::Display;
use std::io::Write;
use std::path::PathBuf;

/// A line on standard error. Where that is gone, with the terminal that it was, the work goes on.
pub fn say(text: impl Display) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

#[derive(Parser)]
#[command(version, about, arg_required_else_help = true)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

/// What `inorm` can be asked to do.
#[derive(Subcommand)]
pub enum Command {
    /// Open the notebooks in JupyterLab, after setting up what they need.
    Lab(lab::Lab),
    /// Render the notebooks as a book of web pages.
    Book(lab::book::Book),
    /// Fetch FashionMNIST, or say where it is.
    #[command(subcommand)]
    Data(data::Data),
    /// Train one network.
    Train(train::Train),
    /// Train many networks, once each, on one machine or a cluster.
    #[command(subcommand)]
    Sweep(sweep::Sweep),
    /// Draw a figure of the paper from stored results.
    Figure(figure::Figure),
    /// Compare with what the authors' code computes.
    Parity(parity::Parity),
    /// Say what is missing on this machine, and how to get it.
    Doctor,
    /// Serve a notebook; JupyterLab starts this.
    Kernel {
        /// Where the client says how to talk to it.
        #[arg(long, value_name = "FILE")]
        connection_file: PathBuf,
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
    /// Clear up after a kernel; a kernel starts this.
    #[command(hide = true)]
    Undertaker {
        /// The kernel's directory.
        directory: PathBuf,
    },
}

/// Reads the command line; a mistake becomes one line, a request for help is answered here.
pub fn parse() -> Outcome<Command> {
    match CommandLine::try_parse() {
        Ok(line) => Ok(line.command),
        Err(error) if is_help(error.kind()) => error.exit(),
        Err(error) => Err(Failure::Usage(one_line(&error.to_string()))),
    }
}

/// Carries out one command.
pub fn run(command: Command) -> Outcome {
    let goes_on = match &command {
        Command::Kernel { .. } | Command::Undertaker { .. } => true,
        Command::Sweep(sweep) => sweep.trains(),
        _ => false,
    };
    if !goes_on {
        end_quietly_with_a_pipe();
    }
    match command {
        Command::Lab(options) => lab::run(options),
        Command::Book(options) => lab::book::run(options),
        Command::Data(command) => data::run(command),
        Command::Train(options) => train::run(&options),
        Command::Figure(options) => figure::run(&options),
        Command::Parity(options) => parity::run(&options),
        Command::Sweep(command) => sweep::run(command),
        Command::Doctor => doctor::run(),
        Command::Kernel { connection_file, checkout, verbose } => {
            let checkout = checkout.map_or_else(Checkout::find, Checkout::at)?;
            let log = if verbose { kernel::Log::Verbose } else { kernel::Log::Quiet };
            kernel::serve(checkout, &connection_file, log)
        }
        Command::Packages { cargo, arguments } => kernel::packages::print(&cargo, &arguments),
        Command::Undertaker { directory } => kernel::undertaker(&directory),
    }
}

/// `inorm … | head` is no fault: the command ends when nobody reads on. A kernel must not, nor a
/// worker with runs in its hands.
fn end_quietly_with_a_pipe() {
    // SAFETY: sets a signal to what the system does by default.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
}

fn is_help(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    )
}

/// Clap explains itself in a paragraph: the mistake, tips, the usage. Keeps the mistake and
/// the tips, on one line.
fn one_line(message: &str) -> String {
    let explanation = message.split("\n\nUsage:").next().unwrap_or(message);
    let words: Vec<&str> = explanation
        .trim_start_matches("error: ")
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with("For more information"))
        .collect();
    format!("{}; `inorm --help` lists what there is", words.join("; "))
}
