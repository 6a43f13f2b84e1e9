//! A directory in which cargo compiles for one clone: the libraries of the notebooks, and the
//! experiments program with them, so that nothing is compiled twice.
//!
//! It stays, so that cargo goes on where an interruption stopped it. A clone without one starts
//! from a copy of another's, and compiles only what is its own.

use super::toolchain::{LIBRARY, Toolchain};
use super::tree;
use super::workspace::Workspace;
use crate::checkout::Checkout;
use crate::step::Output;
use inorm_core::files::{Lock, entries};
use inorm_core::{Context, Outcome};
use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// The directory, while nobody else compiles in any of them.
pub struct Build {
    toolchain: Toolchain,
    workspace: Workspace,
    _alone: Lock,
}

impl Build {
    /// Whether most libraries are compiled already, for this clone or for another.
    pub fn has_base(checkout: &Checkout, toolchain: &Toolchain) -> bool {
        let own = directory(checkout, toolchain);
        let base = if own.exists() { Some(own) } else { newest(toolchain) };
        base.is_some_and(|base| {
            let output = Workspace::at(&base).target().join(toolchain.output());
            // One of the last that cargo compiles.
            let is_late = |file: &OsStr| file.as_encoded_bytes().starts_with(b"libdfdx-");
            entries(&output.join("deps")).any(|file| file.file_name().is_some_and(is_late))
        })
    }

    /// Makes the directory ready. If another process compiles, says so and waits for it.
    pub fn begin(checkout: &Checkout, toolchain: &Toolchain, output: Output) -> Outcome<Self> {
        let alone = Lock::take(&toolchain.lock("builds"), || {
            output.line("another process is compiling; waiting for it to end");
        })?;
        let directory = directory(checkout, toolchain);
        if !directory.exists()
            && let Some(base) = newest(toolchain)
        {
            // Whole or not at all, so that a copy that was interrupted is not taken for one.
            let draft = directory.with_extension("copy");
            let _ = fs::remove_dir_all(&draft);
            tree::copy(&base, &draft)
                .and_then(|()| fs::rename(&draft, &directory))
                .context("copy compiled libraries to", &directory)?;
        }
        let workspace = Workspace::for_build(&directory, checkout)?;
        Ok(Self { toolchain: toolchain.clone(), workspace, _alone: alone })
    }

    /// The command that compiles a `package` of the workspace.
    pub fn command(&self, package: &str) -> Command {
        let mut command = self.toolchain.cargo("rustc", &self.workspace.target());
        // Cargo reads the settings that lie above this directory.
        command.args(["--package", package]).current_dir(self.workspace.directory());
        command
    }

    /// What is compiled.
    pub fn workspace(&self) -> &Workspace {
        &self.workspace
    }

    /// The experiments program, once it is compiled.
    pub fn program(&self) -> PathBuf {
        self.output().join("inorm")
    }

    /// The shared libraries that the program is linked with; it looks for them beside itself.
    pub fn shared_libraries(&self) -> Outcome<Vec<PathBuf>> {
        let library = self.output().join("deps").join(LIBRARY);
        Ok(vec![library, self.toolchain.compiler().shared_standard_library()?])
    }

    fn output(&self) -> PathBuf {
        self.workspace.target().join(self.toolchain.output())
    }
}

fn directory(checkout: &Checkout, toolchain: &Toolchain) -> PathBuf {
    toolchain.home().join("builds").join(checkout.name())
}

/// The directory that was used last, of any clone.
fn newest(toolchain: &Toolchain) -> Option<PathBuf> {
    let builds = entries(&toolchain.home().join("builds"));
    let whole = builds.filter(|directory| directory.extension().is_none());
    whole.max_by_key(|directory| {
        fs::metadata(directory.join("Cargo.lock")).and_then(|lock| lock.modified()).ok()
    })
}
