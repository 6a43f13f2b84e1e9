//! The one error type of the crate.

use inorm_core::Failure;
use std::path::PathBuf;

/// What can go wrong, in words for the person who has to do something about it.
///
/// Each message is one line: what, what was expected, what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A value outside its range, or a name that does not exist.
    #[error("{what}: {found} is not valid; expected {expected}")]
    Invalid {
        /// The name of the value.
        what: String,
        /// What was given.
        found: String,
        /// What would have been accepted.
        expected: String,
    },
    /// A file that cannot be read or written, or is not what its name or place promises.
    #[error(transparent)]
    File(#[from] inorm_core::Error),
    /// A table, data set or network that does not hold what is needed of it.
    #[error("{what}: {problem}; expected {expected}")]
    Unfit {
        /// What it is; of a table, the column.
        what: String,
        /// What is wrong with it.
        problem: String,
        /// What would have been accepted.
        expected: String,
    },
    /// Something in a table (Parquet, polars) failed.
    #[error("table: {0}")]
    Table(#[from] polars::error::PolarsError),
    /// A GPU that is missing, or failed.
    #[error("{0}")]
    Device(String),
    /// A numerical routine did not converge.
    #[error("{0}")]
    Numerical(String),
    /// A figure could not be drawn.
    #[error("figures: {0}")]
    Drawing(String),
}

/// The crate's results.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A value `found` for `what`, where `expected` was needed.
    pub fn invalid(
        what: impl Into<String>,
        found: impl std::fmt::Display,
        expected: impl Into<String>,
    ) -> Self {
        Self::Invalid { what: what.into(), found: found.to_string(), expected: expected.into() }
    }

    /// A `name` for `what` that is none of `names`; says which of them may have been meant.
    pub fn unknown(what: &str, name: &str, names: &[&str]) -> Self {
        let lowercase = name.to_lowercase();
        let likeness = |known: &&str| (strsim::jaro(&lowercase, known), (*known).to_owned());
        let nearest = names.iter().map(likeness).max_by(|a, b| a.0.total_cmp(&b.0));
        let hint = nearest.filter(|(likeness, _)| *likeness > 0.7);
        let hint = hint.map_or(String::new(), |(_, known)| format!("; did you mean {known}?"));
        Self::invalid(what, format!("'{name}'"), format!("one of {}{hint}", names.join(", ")))
    }

    /// A file with a `problem`, where `expected` was needed.
    pub fn malformed(
        path: impl Into<PathBuf>,
        problem: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        Self::File(inorm_core::Error::malformed(path, problem, expected))
    }

    /// A table, data set or network `what` with a `problem`, where `expected` was needed.
    pub fn unfit(
        what: impl Into<String>,
        problem: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        Self::Unfit { what: what.into(), problem: problem.into(), expected: expected.into() }
    }

    /// The operating system refused to `action` the file at `path`.
    pub fn io(action: &'static str, path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Self::File(inorm_core::Error::io(action, path, source))
    }
}

impl From<Error> for Failure {
    /// A value that is not valid came from the command line; what is wrong in a file has errors of
    /// its own.
    fn from(error: Error) -> Self {
        match error {
            Error::Invalid { .. } => Self::Usage(error.to_string()),
            _ => Self::Failed(error.to_string()),
        }
    }
}
