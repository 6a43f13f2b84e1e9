//! Where the repository is, and the places in it that commands read and write.

use super::{Failure, Outcome};
use crate::kernel::short;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// The repository that a command works on.
#[derive(Clone, Debug)]
pub struct Checkout {
    root: PathBuf,
}

impl Checkout {
    /// The repository around the working directory, else the one that this binary was built from.
    pub fn find() -> Outcome<Self> {
        let here = std::env::current_dir()
            .map_err(|error| Failure::new(format!("cannot tell the working directory: {error}")))?;
        let built_from = Path::new(env!("CARGO_MANIFEST_DIR"));
        here.ancestors()
            .chain([built_from])
            .find(|directory| is_root(directory))
            .map(|root| Self { root: root.to_path_buf() })
            .ok_or_else(|| {
                Failure::new(format!(
                    "no inorm repository around {}; change into your clone of it and run the command again",
                    here.display()
                ))
            })
    }

    /// The repository at `root`.
    pub fn at(root: PathBuf) -> Outcome<Self> {
        match is_root(&root) {
            true => Ok(Self { root }),
            false => Err(Failure::new(format!(
                "{} is no inorm repository any more; run `inorm lab` in the clone to register the kernel again",
                root.display()
            ))),
        }
    }

    /// The top of the repository.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A name that no other clone on this machine has.
    pub fn name(&self) -> String {
        short(&Sha256::digest(self.root.as_os_str().as_encoded_bytes()))
    }

    /// The notebooks of the book.
    pub fn notebooks(&self) -> PathBuf {
        self.root.join("notebooks")
    }

    /// The Python environment; ignored by git.
    pub fn environment(&self) -> PathBuf {
        self.root.join(".venv")
    }

    /// The Python in it.
    pub fn python(&self) -> PathBuf {
        self.environment().join("bin/python")
    }
}

fn is_root(directory: &Path) -> bool {
    std::fs::read_to_string(directory.join("Cargo.toml"))
        .is_ok_and(|manifest| manifest.lines().any(|line| line.trim() == "name = \"inorm\""))
}
