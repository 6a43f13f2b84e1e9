//! Compiled libraries that each new kernel starts from.
//!
//! They are the directory of a Rust kernel that has once run the first line of a notebook: what
//! cargo needs to find nothing to do. Cargo compiles them in advance with the flags of that kernel,
//! and the kernel itself has the last word: what it would compile differently it compiles again.
//! There is one such directory for each clone of the repository, because each has its own library.

use super::backend::Backend;
use super::running::Running;
use crate::checkout::Checkout;
use crate::compilation::{Build, DEPENDENCY, Freshness, Sources, Toolchain, Workspace, tree};
use inorm_core::files::Lock;
use inorm_core::{Context, Outcome};
use std::fs;
use std::path::{Component, Path, PathBuf};

/// What they are compiled from, and what notes how.
pub const SOURCES: Sources = &[
    "Cargo.toml",
    "Cargo.lock",
    "build.rs",
    "src",
    "crates/core",
    "crates/lab/src/compilation/toolchain.rs",
    "crates/lab/src/kernel/cargo",
    "data/fashion-mnist-subset",
];

/// The compiled libraries of one clone.
#[derive(Debug)]
pub struct PrebuiltLibraries<'c> {
    checkout: &'c Checkout,
    toolchain: &'c Toolchain,
    directory: PathBuf,
}

impl<'c> PrebuiltLibraries<'c> {
    /// Those of this clone, whether or not they are there.
    pub fn of(checkout: &'c Checkout, toolchain: &'c Toolchain) -> Self {
        let directory = toolchain.home().join("libraries").join(checkout.name());
        Self { checkout, toolchain, directory }
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Whether they are there, and newer than what they are compiled from.
    pub fn are_fresh(&self) -> bool {
        Freshness::holds(&self.directory, SOURCES)
    }

    /// A text that differs for every time that they were compiled.
    pub fn identity(&self) -> String {
        Freshness::text(&self.directory)
    }

    /// Makes `directory` start from them, if they are there. Before cargo compiles in it, it has
    /// to be separated from them.
    pub fn link_to(&self, directory: &Path) -> Outcome {
        let _alone = self.lock()?;
        match self.directory.is_dir() {
            true => Ok(tree::link(&is_of_all_cells, &self.directory, directory)
                .context("copy compiled libraries to", directory)?),
            false => Ok(()),
        }
    }

    /// As long as it lives, they are not replaced.
    fn lock(&self) -> Outcome<Lock> {
        Ok(Lock::take(&self.toolchain.lock("libraries"), || {})?)
    }

    /// Lets the Rust kernel `program` load what was compiled in `build`, and keeps the result.
    pub async fn load(
        &self,
        build: &Build,
        program: &Path,
        log: impl FnMut(String) + Send + 'static,
    ) -> Outcome {
        let Self { checkout, toolchain, .. } = *self;
        let running = Running::new(toolchain)?;
        let directory = running.join("libraries");
        tree::copy(build.workspace().directory(), &directory)
            .context("copy compiled libraries to", &directory)?;
        let freshness = Freshness::now(checkout.root());
        let workspace = Workspace::for_kernel(&directory, checkout)?;
        let (tree, folder) = (workspace.tree(), checkout.notebooks());
        let mut backend =
            Backend::start(toolchain, &running, program, &tree, &folder, &[], log).await?;
        let loaded = async {
            workspace.keep_versions(checkout)?;
            backend.execute(DEPENDENCY).await?;
            backend.execute("let inorm_is_ready = true;").await
        };
        let loaded = loaded.await;
        backend.shut_down().await;
        loaded?;
        self.put_in_place(&directory, &freshness)
    }

    /// Keeps what a kernel had to compile in its own `workspace`, for the kernels after it.
    pub fn keep(&self, workspace: &Workspace, running: &Running, freshness: &Freshness) -> Outcome {
        let directory = running.join("libraries");
        tree::copy(workspace.directory(), &directory)
            .context("copy compiled libraries to", &directory)?;
        self.put_in_place(&directory, freshness)
    }

    fn put_in_place(&self, directory: &Path, freshness: &Freshness) -> Outcome {
        freshness.write(directory)?;
        let _alone = self.lock()?;
        Ok(self.replace_by(directory).context("put in place", &self.directory)?)
    }

    /// Puts a directory in place of what was there.
    fn replace_by(&self, directory: &Path) -> std::io::Result<()> {
        if let Some(all) = self.directory.parent() {
            fs::create_dir_all(all)?;
        }
        if self.directory.exists() {
            let old = directory.with_extension("old");
            // A kernel whose backend was started again may have kept libraries before.
            let _ = fs::remove_dir_all(&old);
            fs::rename(&self.directory, old)?;
        }
        fs::rename(directory, &self.directory)
    }
}

/// Whether a file of a kernel's directory stays as it is while cells are compiled: what cargo has
/// made, but for what it has made of a cell.
fn is_of_all_cells(file: &Path) -> bool {
    let is_of_a_cell = |part: Component<'_>| {
        let name = part.as_os_str().as_encoded_bytes();
        ["ctx", "libctx", "libcode"].iter().any(|start| name.starts_with(start.as_bytes()))
    };
    file.starts_with("tree/target") && !file.components().any(is_of_a_cell)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_cell_is_compiled_into_is_a_kernels_own() {
        let is_shared = |file: &str| is_of_all_cells(Path::new(file));
        assert!(is_shared("tree/target/machine/debug/deps/libinorm.so"));
        assert!(is_shared("tree/target/machine/debug/.fingerprint/inorm-1/invoked.timestamp"));
        for own in [
            "Cargo.lock",
            "tree/src/lib.rs",
            "tree/target/machine/debug/deps/ctx.d",
            "tree/target/machine/debug/deps/libctx.so",
            "tree/target/machine/debug/libcode_2.so",
            "tree/target/machine/debug/incremental/ctx-1/s-2.lock",
        ] {
            assert!(!is_shared(own), "{own}");
        }
    }
}
