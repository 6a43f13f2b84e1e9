//! What is too heavy for a clone and is shared by all of them: the Rust kernel's program, the
//! compiled libraries, and the directories of the kernels that run.

use inorm_core::{Failure, Outcome};
use std::env;
use std::path::{Path, PathBuf};

/// The user's cache directory for this project.
#[derive(Clone, Debug)]
pub struct Cache {
    root: PathBuf,
}

impl Cache {
    /// `INORM_CACHE`, else `inorm` in `XDG_CACHE_HOME`, else in `~/.cache`.
    pub fn find() -> Outcome<Self> {
        let named =
            |variable| env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
        let root = named("INORM_CACHE")
            .or_else(|| named("XDG_CACHE_HOME").map(|path| path.join("inorm")))
            .or_else(|| env::home_dir().map(|path| path.join(".cache/inorm")))
            .ok_or_else(|| {
                Failure::new(
                    "no home directory; set INORM_CACHE to a directory with 10 GB of space",
                )
            })?;
        Ok(Self { root })
    }

    /// The directory itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A file or directory in it.
    pub fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.root.join(name)
    }
}
