//! What can go wrong with a file, in words for the person who has to do something about it.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// A file that cannot be read or written, or does not hold what it should.
///
/// Each message is one line: what, what was expected, what to do next.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file whose contents are not what its name or place promises.
    #[error("{}: {problem}; expected {expected}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
        /// What it should have been, and what to do.
        expected: String,
    },
    /// The operating system refused to read or write.
    #[error("cannot {action} {}: {source}{}", path.display(), advice(source))]
    Io {
        /// A verb: "read", "write", "create", …
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

/// The results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A file with a `problem`, where `expected` was needed.
    pub fn malformed(
        path: impl Into<PathBuf>,
        problem: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        Self::Malformed { path: path.into(), problem: problem.into(), expected: expected.into() }
    }

    /// The operating system refused to `action` (a verb) the file at `path`.
    pub fn io(action: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::Io { action, path: path.into(), source }
    }
}

/// Adds to what the operating system refused which file that was about.
pub trait Context<T> {
    /// The same, with `action` (a verb) and `path` in the error.
    fn context(self, action: &'static str, path: impl AsRef<Path>) -> Result<T>;
}

impl<T> Context<T> for io::Result<T> {
    fn context(self, action: &'static str, path: impl AsRef<Path>) -> Result<T> {
        self.map_err(|error| Error::io(action, path.as_ref(), error))
    }
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "; free some space and run the command again"
        }
        ErrorKind::PermissionDenied => "; check the permissions of that path",
        _ => "",
    }
}
