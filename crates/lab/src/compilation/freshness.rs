//! Whether what was compiled is newer than its sources.

use inorm_core::Outcome;
use inorm_core::files::{entries, write};
use serde::{Deserialize, Serialize};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What one thing is compiled from: files and folders of the repository.
pub type Sources = &'static [&'static str];

/// When something was compiled for a clone; kept beside it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Freshness {
    checkout: PathBuf,
    /// When the compiler started.
    begun: SystemTime,
}

impl Freshness {
    /// Of what is compiled from now on.
    pub fn now(checkout: &Path) -> Self {
        Self { checkout: checkout.to_path_buf(), begun: SystemTime::now() }
    }

    pub fn write(&self, directory: &Path) -> Outcome {
        let text = serde_json::to_vec_pretty(self).unwrap_or_default();
        Ok(write(&file(directory), text)?)
    }

    /// What was written to `directory`; empty if nothing was.
    pub fn text(directory: &Path) -> String {
        fs::read_to_string(file(directory)).unwrap_or_default()
    }

    /// Whether what is in `directory` was written there, and no source has changed since.
    pub fn holds(directory: &Path, sources: Sources) -> bool {
        serde_json::from_str(&Self::text(directory)).is_ok_and(|Self { checkout, begun }| {
            sources.iter().all(|source| is_older(&checkout.join(source), begun))
        })
    }
}

fn file(directory: &Path) -> PathBuf {
    directory.join("compiled.json")
}

/// Whether nothing at `path` was modified after `begun`. That a file is gone shows in another, which
/// named it.
fn is_older(path: &Path, begun: SystemTime) -> bool {
    if path.is_dir() {
        // Hidden files are those of editors.
        let is_hidden = |name: &OsStr| name.as_encoded_bytes().starts_with(b".");
        let mut shown = entries(path).filter(|entry| !entry.file_name().is_some_and(is_hidden));
        return shown.all(|entry| is_older(&entry, begun));
    }
    fs::metadata(path)
        .and_then(|metadata| metadata.modified())
        .is_ok_and(|modified| modified <= begun)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_change_of_any_source_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("src/deep/file.rs");
        fs::create_dir_all(source.parent().unwrap()).unwrap();
        fs::write(&source, "").unwrap();
        let is_fresh = |sources| Freshness::holds(folder.path(), sources);
        assert!(!is_fresh(&["src"]));
        Freshness::now(folder.path()).write(folder.path()).unwrap();
        assert!(is_fresh(&["src"]) && !is_fresh(&["src", "Cargo.toml"]));
        let later = SystemTime::now() + Duration::from_secs(2);
        fs::write(source.with_file_name(".file.rs.swp"), "").unwrap();
        assert!(is_fresh(&["src"]));
        fs::File::open(&source).unwrap().set_modified(later).unwrap();
        assert!(!is_fresh(&["src"]));
    }
}
