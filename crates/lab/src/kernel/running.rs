//! The private directory of a running kernel.
//!
//! Two kernels that compile in one directory overwrite each other's results, so each has its own.
//! It is removed when the kernel ends. What even that leaves behind (a power failure) is removed
//! when the next kernel starts.

use super::secret::random_hex;
use crate::compilation::Toolchain;
use crate::reaper::Reaper;
use inorm_core::files::{Lock, entries};
use inorm_core::{Context, Outcome};
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// The file that a running kernel holds locked, as a sign of life.
const ALIVE: &str = "alive";

/// A directory that exists as long as the process that made it.
#[derive(Debug)]
pub struct Running {
    directory: PathBuf,
    /// What ends all that is started with it.
    pub reaper: Reaper,
    _alive: Lock,
}

impl Running {
    /// Makes the directory, after removing those of kernels that have ended.
    pub fn new(toolchain: &Toolchain) -> Outcome<Self> {
        let all = toolchain.home().join("running");
        let _guard = Lock::take(&toolchain.lock("running"), || {})?;
        remove_dead(&all);
        // On another machine with the same home, a process may have the same number.
        let name = format!("{}-{}", std::process::id(), random_hex::<4>());
        let directory = all.join(name);
        // What is in it is code that will be run, and a key: for the owner alone.
        let created = DirBuilder::new().recursive(true).mode(0o700).create(&directory);
        created.context("create", &directory)?;
        let alive = Lock::take(&directory.join(ALIVE), || {})?;
        let reaper = Reaper::start(Some(&directory)).context("watch over", &directory)?;
        Ok(Self { directory, reaper, _alive: alive })
    }

    /// A file or directory in it.
    pub fn join(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

fn remove_dead(all: &Path) {
    for directory in entries(all) {
        let alive = directory.join(ALIVE);
        if !alive.exists() || matches!(Lock::try_take(&alive), Ok(Some(_))) {
            let _ = fs::remove_dir_all(directory);
        }
    }
}
