//! What a program says when it cannot do what it was asked, and the code that it ends with.

use crate::{Context, Error};
use signal_hook::{consts::SIGPIPE, flag};
use std::fmt::Display;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// The exit code of a command that may succeed later (`EX_TEMPFAIL` of `sysexits.h`).
pub const TRY_AGAIN_LATER: u8 = 75;

/// A command that failed: one line naming the thing, what was expected and what to do next.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub enum Failure {
    /// The command line itself is wrong; exit code 2.
    Usage(String),
    /// Another process is working on it, and the command may succeed later; exit code 75.
    Busy(String),
    /// Everything else; exit code 1.
    Failed(String),
}

/// The outcome of a command or of one of its steps.
pub type Outcome<T = ()> = std::result::Result<T, Failure>;

impl Failure {
    /// A failure that is not about the command line.
    pub fn new(message: impl Into<String>) -> Self {
        Self::Failed(message.into())
    }

    /// A command line that `clap` refused. Its message is a paragraph: the mistake, tips, the
    /// usage. The mistake and the tips are kept, on one line.
    pub fn usage(message: &str) -> Self {
        let explanation = message.split("\n\nUsage:").next().unwrap_or(message);
        let words: Vec<&str> = explanation
            .trim_start_matches("error: ")
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with("For more information"))
            .collect();
        Self::Usage(format!("{}; `inorm --help` lists the commands", words.join("; ")))
    }

    /// The code that the program ends with.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::from(2),
            Self::Busy(_) => ExitCode::from(TRY_AGAIN_LATER),
            Self::Failed(_) => ExitCode::FAILURE,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Failed(error.to_string())
    }
}

/// A line on standard error. A terminal that is gone does not end the work.
pub fn say(text: impl Display) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Whole lines on standard output. Where they cannot be written the command has failed: they are
/// what it was run for.
pub fn print(text: impl Display) -> Outcome {
    Ok(writeln!(std::io::stdout(), "{text}").context("write", "standard output")?)
}

/// Ends a program: its exit code, after one line about what went wrong.
pub fn conclude(outcome: Outcome) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            say(format_args!("inorm: {failure}"));
            failure.exit_code()
        }
    }
}

/// From now on the program ends when nobody reads what it prints, as in `inorm … | head`: that is
/// no fault. Not for kernels and sweeps, which have to finish what they do.
pub fn end_with_closed_pipe() {
    // If the system refuses, the program ends with an error instead.
    let _ = flag::register_conditional_default(SIGPIPE, Arc::new(AtomicBool::new(true)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_command_line_becomes_one_line() {
        let said = "error: unexpected argument '--prot' found\n\n  tip: a similar argument exists: \
                    '--port'\n\nUsage: inorm lab [OPTIONS]\n\nFor more information, try '--help'.";
        let failure = Failure::usage(said);
        let expected = "unexpected argument '--prot' found; tip: a similar argument exists: \
                        '--port'; `inorm --help` lists the commands";
        assert_eq!(failure.to_string(), expected);
        assert!(matches!(failure, Failure::Usage(_)));
    }
}
