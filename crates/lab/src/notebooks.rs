//! The notebooks of the book.

use inorm_core::{Failure, Outcome};
use std::fs;
use std::path::{Path, PathBuf};

/// Those in `folder`, in the order of the book.
pub fn all(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).map_err(|error| Failure::io("read", folder, &error))?;
    let mut notebooks: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "ipynb"))
        .collect();
    notebooks.sort();
    match notebooks.is_empty() {
        true => Err(Failure::new(format!("there are no notebooks in {}", folder.display()))),
        false => Ok(notebooks),
    }
}
