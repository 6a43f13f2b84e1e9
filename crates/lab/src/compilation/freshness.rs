//! Whether what was compiled is newer than its sources.

use inorm_core::Outcome;
use inorm_core::files::write;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What one thing is compiled from: files and folders of the repository.
pub type Sources = &'static [&'static str];

/// When something was compiled for a clone; kept beside it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Freshness {
    /// The clone.
    checkout: PathBuf,
    /// When the compiler started.
    begun: SystemTime,
}

impl Freshness {
    /// Of what is compiled from now on.
    pub fn now(checkout: &Path) -> Self {
        Self { checkout: checkout.to_path_buf(), begun: SystemTime::now() }
    }

    /// As it was written to `directory`, if it was.
    pub fn read(directory: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(file(directory)).ok()?).ok()
    }

    /// Writes it to `directory`.
    pub fn write(&self, directory: &Path) -> Outcome {
        let text = serde_json::to_vec_pretty(self).unwrap_or_default();
        Ok(write(&file(directory), text)?)
    }

    /// Whether no source has changed since.
    pub fn holds(&self, sources: Sources) -> bool {
        sources.iter().all(|source| is_older(&self.checkout.join(source), self.begun))
    }
}

fn file(directory: &Path) -> PathBuf {
    directory.join("compiled.json")
}

/// Whether nothing at `path` was modified after `begun`. That a file is gone shows in another, which
/// named it.
fn is_older(path: &Path, begun: SystemTime) -> bool {
    if path.is_dir() {
        let entries = fs::read_dir(path).into_iter().flatten().flatten();
        // Hidden files are those of editors.
        let mut entries =
            entries.filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."));
        return entries.all(|entry| is_older(&entry.path(), begun));
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
        let fresh = Freshness::now(folder.path());
        assert!(fresh.holds(&["src"]) && !fresh.holds(&["src", "Cargo.toml"]));
        fresh.write(folder.path()).unwrap();
        let fresh = Freshness::read(folder.path()).unwrap();
        let later = SystemTime::now() + Duration::from_secs(2);
        fs::write(source.with_file_name(".file.rs.swp"), "").unwrap();
        fs::File::open(&source).unwrap().set_modified(later).unwrap();
        assert!(!fresh.holds(&["src"]));
    }
}
