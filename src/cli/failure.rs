//! What a command says when it cannot do what it was asked.

use inorm::sweep::CLAIMED_ELSEWHERE;
use std::fmt;
use std::io;
use std::path::Path;
use std::process::ExitCode;

/// A command that failed: one line naming the thing, what was expected and what to do next.
#[derive(Debug)]
pub enum Failure {
    /// The command line itself is wrong; exit code 2.
    Usage(String),
    /// Somebody else is at it, and it may be done later; exit code 75.
    InOtherHands(String),
    /// Everything else; exit code 1.
    Failed(String),
}

/// The outcome of a command or of one of its steps.
pub type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    /// A failure that is not about the command line.
    pub fn new(message: impl Into<String>) -> Self {
        Self::Failed(message.into())
    }

    /// The input or output on `path` that went wrong, with what to do where that is known.
    pub fn io(doing: &str, path: &Path, error: &io::Error) -> Self {
        let next = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                "; free some space and run the command again"
            }
            io::ErrorKind::PermissionDenied => "; check the permissions of that path",
            _ => "",
        };
        Self::Failed(format!("cannot {doing} {}: {error}{next}", path.display()))
    }

    /// 2 for a wrong command line, 75 for what may be done later, 1 for the rest.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::from(2),
            Self::InOtherHands(_) => ExitCode::from(CLAIMED_ELSEWHERE),
            Self::Failed(_) => ExitCode::FAILURE,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(message) | Self::InOtherHands(message) | Self::Failed(message) => {
                formatter.write_str(message)
            }
        }
    }
}

impl From<inorm::Error> for Failure {
    /// The library's errors are lines of this kind already. A value that it does not know came
    /// from the command line; what is wrong in a file has errors of its own.
    fn from(error: inorm::Error) -> Self {
        match error {
            inorm::Error::Invalid { .. } => Self::Usage(error.to_string()),
            _ => Self::Failed(error.to_string()),
        }
    }
}
