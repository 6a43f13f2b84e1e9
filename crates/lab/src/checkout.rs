//! Where the repository is, and the places in it that commands read and write.

use inorm_core::files::{entries, repository, short_sha256};
use inorm_core::{Failure, Outcome};
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
        here.ancestors()
            .chain([repository()])
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
                "{} is not an inorm repository any more; run `inorm lab` in the clone to register the kernel again",
                root.display()
            ))),
        }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A name that no other clone on this machine has.
    pub fn name(&self) -> String {
        short_sha256(self.root.as_os_str().as_encoded_bytes())
    }

    /// The folder of the notebooks.
    pub fn notebooks(&self) -> PathBuf {
        self.root.join("notebooks")
    }

    /// The notebooks themselves, in the order of the book.
    pub fn book(&self) -> Outcome<Vec<PathBuf>> {
        let folder = self.notebooks();
        let mut notebooks: Vec<PathBuf> =
            entries(&folder).filter(|path| path.extension() == Some("ipynb".as_ref())).collect();
        notebooks.sort();
        match notebooks.is_empty() {
            true => Err(Failure::new(format!("there are no notebooks in {}", folder.display()))),
            false => Ok(notebooks),
        }
    }

    /// The Python environment; ignored by git.
    pub fn environment(&self) -> PathBuf {
        self.root.join(".venv")
    }

    pub fn python(&self) -> PathBuf {
        self.environment().join("bin/python")
    }
}

fn is_root(directory: &Path) -> bool {
    let manifest = std::fs::read_to_string(directory.join("Cargo.toml")).unwrap_or_default();
    let package = manifest.lines().skip_while(|line| *line != "[package]").skip(1);
    package.take_while(|line| !line.starts_with('[')).any(|line| line == "name = \"inorm\"")
}
