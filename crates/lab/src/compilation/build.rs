//! A directory in which cargo compiles for one clone: the libraries of the notebooks, and the
//! experiments program with them, so that nothing is compiled twice.
//!
//! It stays, so that cargo goes on where an interruption stopped it. A clone without one starts
//! from a copy of another's, and compiles only what is its own.

use super::toolchain::Toolchain;
use super::tree;
use super::workspace::Workspace;
use crate::checkout::Checkout;
use inorm_core::files::Lock;
use inorm_core::{Failure, Outcome};
use std::env::consts;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// What can be compiled.
#[derive(Clone, Copy, Debug)]
pub enum Package {
    /// What notebooks depend on.
    Libraries,
    /// The experiments program.
    Program,
}

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
            let output = Workspace::at(&base).target().join(toolchain.output()).join("deps");
            let files = fs::read_dir(output).into_iter().flatten().flatten();
            // One of the last that cargo compiles.
            files
                .map(|file| file.file_name())
                .any(|name| name.as_encoded_bytes().starts_with(b"libdfdx-"))
        })
    }

    /// Makes the directory ready. Another process that compiles is waited for, after `waiting`.
    pub fn begin(
        checkout: &Checkout,
        toolchain: &Toolchain,
        waiting: impl FnOnce(),
    ) -> Outcome<Self> {
        let alone = Lock::take(&toolchain.lock("builds"), waiting)?;
        let directory = directory(checkout, toolchain);
        if !directory.exists()
            && let Some(base) = newest(toolchain)
        {
            // Whole or not at all, so that a copy that was interrupted is not taken for one.
            let draft = directory.with_extension("copy");
            let _ = fs::remove_dir_all(&draft);
            tree::copy(&base, &draft)
                .and_then(|()| fs::rename(&draft, &directory))
                .map_err(|error| Failure::io("copy compiled libraries to", &directory, &error))?;
        }
        let workspace = Workspace::for_build(&directory, checkout)?;
        Ok(Self { toolchain: toolchain.clone(), workspace, _alone: alone })
    }

    /// The command that compiles a package.
    pub fn command(&self, package: Package) -> Command {
        let mut command = self.toolchain.cargo("rustc", &self.workspace.target());
        command.args(match package {
            Package::Libraries => ["--package", "libraries"],
            Package::Program => ["--package", "program"],
        });
        // Cargo reads the settings that lie above this directory.
        command.current_dir(self.workspace.directory());
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
        let library = format!("{}inorm{}", consts::DLL_PREFIX, consts::DLL_SUFFIX);
        Ok(vec![
            self.output().join("deps").join(library),
            self.toolchain.compiler().shared_standard_library()?,
        ])
    }

    fn output(&self) -> PathBuf {
        self.workspace.target().join(self.toolchain.output())
    }
}

fn directory(checkout: &Checkout, toolchain: &Toolchain) -> PathBuf {
    toolchain.builds().join(checkout.name())
}

/// The directory that was used last, of whatever clone.
fn newest(toolchain: &Toolchain) -> Option<PathBuf> {
    let directories = fs::read_dir(toolchain.builds()).ok()?.flatten().map(|entry| entry.path());
    let whole = directories.filter(|directory| directory.extension().is_none());
    whole.max_by_key(|directory| {
        fs::metadata(directory.join("Cargo.lock")).and_then(|lock| lock.modified()).ok()
    })
}
