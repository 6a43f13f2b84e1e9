//! The directory in which a Rust kernel compiles, made so that versions stay what they are.
//!
//! With the first line of a notebook, cargo would choose the versions of 200 packages anew, and
//! compile for minutes whenever one of them has a new release. So the kernel's package is one of
//! two in a workspace. The other is never compiled: it depends on what the notebook depends on,
//! so that cargo keeps to `Cargo.lock`.
//!
//! The other package joins only when the kernel answers. A kernel that starts reads and analyses
//! all packages of the workspace, which takes it 12 seconds with these 200, and then starts over
//! when the notebook names its dependencies.

use super::recipe::write_if_different;
use crate::cli::{Checkout, Failure, Outcome};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The kernel's package must be the first in alphabetical order: the kernel takes the first for
/// its own.
const MANIFEST: &str = "[workspace]\nresolver = \"3\"\nmembers = [\"tree\", \"versions\"]\n";

/// As long as a kernel starts.
const MANIFEST_AT_FIRST: &str = "[workspace]\nresolver = \"3\"\nmembers = [\"tree\"]\n";

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

    /// Makes one for the library of this clone, or makes what is there be one; for a kernel to
    /// start in.
    pub fn prepare(directory: &Path, checkout: &Checkout) -> Outcome<Self> {
        let versions = format!(
            "[package]\nname = \"versions\"\nversion = \"1.0.0\"\nedition = \"2024\"\n\n\
             [lib]\npath = \"lib.rs\"\n\n\
             [dependencies]\n\
             inorm = {{ path = {:?}, default-features = false, features = [\"cpu\"] }}\n",
            checkout.root()
        );
        for (name, content) in [
            ("Cargo.toml", MANIFEST_AT_FIRST),
            ("tree/Cargo.toml", TREE),
            ("tree/src/lib.rs", ""),
            ("versions/Cargo.toml", &versions),
            ("versions/lib.rs", ""),
        ] {
            write_if_different(&directory.join(name), content)?;
        }
        let lock = directory.join("Cargo.lock");
        match fs::remove_file(&lock) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(Failure::io("remove", &lock, &error))
            }
            _ => Ok(Self::at(directory)),
        }
    }

    /// Holds a kernel that has started to the versions in this clone's `Cargo.lock`.
    pub fn keep_versions(&self, checkout: &Checkout) -> Outcome {
        write_if_different(&self.directory.join("Cargo.toml"), MANIFEST)?;
        let lock = self.directory.join("Cargo.lock");
        fs::copy(checkout.root().join("Cargo.lock"), &lock)
            .map_err(|error| Failure::io("write", &lock, &error))?;
        Ok(())
    }

    /// Where the kernel compiles.
    pub fn tree(&self) -> PathBuf {
        self.directory.join("tree")
    }
}
