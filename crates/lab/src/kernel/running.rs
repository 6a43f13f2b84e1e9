//! The private directory of a running kernel.
//!
//! Two kernels that compile in one directory overwrite each other's results, so each has its own.
//! It is removed when the kernel ends. What even that leaves behind (a power failure) is removed
//! when the next kernel starts.

use super::reaper::{Group, Reaper};
use crate::compilation::Toolchain;
use inorm_core::files::Lock;
use inorm_core::{Failure, Outcome};
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

/// The file that a running kernel holds locked, as a sign of life.
const ALIVE: &str = "alive";

/// A directory that exists as long as the process that made it.
#[derive(Debug)]
pub struct Running {
    directory: PathBuf,
    reaper: Reaper,
    _alive: Lock,
}

impl Running {
    /// Makes the directory, after removing those of kernels that are no more.
    pub fn new(toolchain: &Toolchain) -> Outcome<Self> {
        let all = toolchain.running();
        fs::create_dir_all(&all).map_err(|error| Failure::io("create", &all, &error))?;
        let _guard = Lock::take(&toolchain.lock("running"), || {})?;
        remove_dead(&all);
        let directory = all.join(std::process::id().to_string());
        let failure = |error| Failure::io("create", &directory, &error);
        // What is in it is code that will be run, and a key: for the owner alone.
        DirBuilder::new().recursive(true).mode(0o700).create(&directory).map_err(failure)?;
        let alive = Lock::take(&directory.join(ALIVE), || {})?;
        let reaper = Reaper::start(&directory).map_err(failure)?;
        Ok(Self { directory, reaper, _alive: alive })
    }

    /// A file or directory in it.
    pub fn join(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Starts a command whose whole process group will not outlive the value beside it, nor this
    /// process.
    pub fn spawn(&self, command: &mut Command) -> io::Result<(Child, Group)> {
        self.reaper.spawn(command)
    }
}

fn remove_dead(all: &Path) {
    let Ok(entries) = fs::read_dir(all) else { return };
    for entry in entries.flatten() {
        let alive = entry.path().join(ALIVE);
        let dead = !alive.exists() || matches!(Lock::try_take(&alive), Ok(Some(_)));
        if dead {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
