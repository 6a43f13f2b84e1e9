//! What is too heavy for a clone and is shared by all of them: the Rust kernel's program, the
//! compiled libraries, and the directories of the kernels that run.

use crate::cli::{Failure, Outcome};
use std::env;
use std::fs::{self, File, TryLockError};
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

/// A file that one process at a time may hold; let go when dropped or when the process ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock; if another process has it, calls `waiting` once and then waits.
    pub fn take(path: &Path, waiting: impl FnOnce()) -> Outcome<Self> {
        let file = open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                waiting();
                file.lock().map_err(|error| Failure::io("lock", path, &error))?;
            }
            Err(TryLockError::Error(error)) => return Err(Failure::io("lock", path, &error)),
        }
        Ok(Self { _file: file })
    }
}

fn open(path: &Path) -> Outcome<File> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).map_err(|error| Failure::io("make", directory, &error))?;
    }
    File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(|error| Failure::io("open", path, &error))
}
