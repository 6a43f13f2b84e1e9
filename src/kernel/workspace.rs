//! The directory in which a Rust kernel compiles, made so that versions stay what they are.
//!
//! A kernel that starts has no dependencies yet, and its first compilation makes cargo forget
//! what `Cargo.lock` says of them; with the first line of the notebook cargo would choose anew,
//! and compile for minutes whenever one of 200 packages has a new release. So the kernel's
//! package is one of two in a workspace. The other is never compiled: it depends on what the
//! notebook depends on, for cargo to remember.

use super::recipe::write_if_different;
use crate::cli::{Checkout, Failure, Outcome};
use std::fs;
use std::path::{Path, PathBuf};

/// The kernel's package must be the first in alphabetical order: the kernel takes the first for
/// its own.
const MANIFEST: &str = "[workspace]\nresolver = \"3\"\nmembers = [\"tree\", \"versions\"]\n";

/// A package to begin with, until the kernel writes its own.
const TREE: &str = "[package]\nname = \"ctx\"\nversion = \"1.0.0\"\nedition = \"2024\"\n\n\
    [lib]\npath = \"src/lib.rs\"\n";

/// Such a directory.
#[derive(Debug)]
pub struct Workspace {
    directory: PathBuf,
}

impl Workspace {
    /// The one that is there.
    pub fn at(directory: &Path) -> Self {
        Self { directory: directory.to_path_buf() }
    }

    /// Makes one for the library of this clone and the versions in its `Cargo.lock`, or makes
    /// what is there be one.
    pub fn prepare(directory: &Path, checkout: &Checkout) -> Outcome<Self> {
        let versions = format!(
            "[package]\nname = \"versions\"\nversion = \"1.0.0\"\nedition = \"2024\"\n\n\
             [lib]\npath = \"lib.rs\"\n\n\
             [dependencies]\n\
             inorm = {{ path = {:?}, default-features = false, features = [\"cpu\"] }}\n",
            checkout.root()
        );
        for (name, content) in [
            ("Cargo.toml", MANIFEST),
            ("tree/Cargo.toml", TREE),
            ("tree/src/lib.rs", ""),
            ("versions/Cargo.toml", &versions),
            ("versions/lib.rs", ""),
        ] {
            write_if_different(&directory.join(name), content)?;
        }
        let lock = directory.join("Cargo.lock");
        fs::copy(checkout.root().join("Cargo.lock"), &lock)
            .map_err(|error| Failure::io("write", &lock, &error))?;
        Ok(Self::at(directory))
    }

    /// Where the kernel compiles.
    pub fn tree(&self) -> PathBuf {
        self.directory.join("tree")
    }
}
