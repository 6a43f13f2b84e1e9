//! The packages that are compiled, arranged so that versions stay what they are.
//!
//! With the first line of a notebook, cargo would choose the versions of 200 packages anew, and
//! compile for minutes whenever one of them has a new release. So the package of the Rust kernel is
//! one of several in a workspace. Another one, `libraries`, depends on what the notebook depends
//! on, so that cargo keeps to `Cargo.lock`; a third, `program`, is the experiments program.
//!
//! They join only when the kernel answers. A kernel that starts reads and analyzes all packages of
//! the workspace, which takes it 12 seconds with these 200, and then starts over when the notebook
//! names its dependencies.

use crate::checkout::Checkout;
use inorm_core::files::{remove, write_if_different};
use inorm_core::{Context, Outcome};
use std::fs;
use std::path::{Path, PathBuf};

/// A package to begin with, until the Rust kernel writes its own. Its name must be the first in
/// alphabetical order: the kernel takes the first package for its own.
const KERNEL_MANIFEST: &str = "[package]\nname = \"ctx\"\nversion = \"1.0.0\"\nedition = \"2024\"\n\n\
    [lib]\npath = \"src/lib.rs\"\n";

const PROGRAM_CODE: &str = "//! Compiled beside the libraries of the notebooks.\n\n\
    fn main() -> std::process::ExitCode {\n    inorm_experiments::main()\n}\n";

/// The package of the Rust kernel, and the directory in which it compiles.
const KERNEL: &str = "tree";

/// The package that depends on what a notebook depends on.
pub const LIBRARIES: &str = "libraries";

/// The package that is the experiments program.
pub const PROGRAM: &str = "program";

/// A directory with such a workspace.
#[derive(Debug)]
pub struct Workspace {
    directory: PathBuf,
}

impl Workspace {
    /// The one that is there.
    pub fn at(directory: &Path) -> Self {
        Self { directory: directory.to_path_buf() }
    }

    /// Makes one for a kernel to start in.
    pub fn for_kernel(directory: &Path, checkout: &Checkout) -> Outcome<Self> {
        let workspace = Self::at(directory);
        workspace.write_common(checkout)?;
        workspace.set_members(&[KERNEL])?;
        remove(&workspace.lock())?;
        Ok(workspace)
    }

    /// Makes one for cargo to compile the libraries and the experiments program in.
    pub fn for_build(directory: &Path, checkout: &Checkout) -> Outcome<Self> {
        let workspace = Self::at(directory);
        workspace.write_common(checkout)?;
        let folder = checkout.root().join("crates/experiments");
        let target = "[[bin]]\nname = \"inorm\"\npath = \"src/main.rs\"";
        let manifest = manifest(PROGRAM, target, "inorm-experiments", &folder);
        workspace.write(PROGRAM, "main.rs", &manifest, PROGRAM_CODE)?;
        workspace.set_members(&[KERNEL, LIBRARIES, PROGRAM])?;
        workspace.copy_lock(checkout)?;
        Ok(workspace)
    }

    /// Holds a kernel that has started to the versions in this clone's `Cargo.lock`.
    pub fn keep_versions(&self, checkout: &Checkout) -> Outcome {
        self.set_members(&[KERNEL, LIBRARIES])?;
        self.copy_lock(checkout)
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where the Rust kernel compiles.
    pub fn tree(&self) -> PathBuf {
        self.directory.join(KERNEL)
    }

    /// Where compiled packages are.
    pub fn target(&self) -> PathBuf {
        self.tree().join("target")
    }

    fn lock(&self) -> PathBuf {
        self.directory.join("Cargo.lock")
    }

    fn write_common(&self, checkout: &Checkout) -> Outcome {
        self.write(KERNEL, "lib.rs", KERNEL_MANIFEST, "")?;
        let target = "[lib]\npath = \"src/lib.rs\"";
        self.write(LIBRARIES, "lib.rs", &manifest(LIBRARIES, target, "inorm", checkout.root()), "")
    }

    fn write(&self, package: &str, file: &str, manifest: &str, code: &str) -> Outcome {
        let folder = self.directory.join(package);
        write_if_different(&folder.join("Cargo.toml"), manifest)?;
        Ok(write_if_different(&folder.join("src").join(file), code)?)
    }

    fn set_members(&self, members: &[&str]) -> Outcome {
        let manifest = format!("[workspace]\nresolver = \"3\"\nmembers = {members:?}\n");
        Ok(write_if_different(&self.directory.join("Cargo.toml"), manifest)?)
    }

    fn copy_lock(&self, checkout: &Checkout) -> Outcome {
        fs::copy(checkout.root().join("Cargo.lock"), self.lock()).context("write", self.lock())?;
        Ok(())
    }
}

/// A package that depends on one of the repository, with the features that notebooks ask for.
fn manifest(name: &str, target: &str, dependency: &str, folder: &Path) -> String {
    format!(
        "[package]\nname = \"{name}\"\nversion = \"1.0.0\"\nedition = \"2024\"\n\n{target}\n\n\
         [dependencies]\n\
         {dependency} = {{ path = {folder:?}, default-features = false, features = [\"cpu\"] }}\n"
    )
}
