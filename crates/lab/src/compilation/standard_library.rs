//! The sources of the standard library, as far as a cell can name them.
//!
//! The Rust kernel analyzes whatever it finds there. Half of it are the intrinsics of all
//! processors, tests, and libraries that `std` keeps to itself; and where there is a workspace,
//! cargo is asked about it, which may use the network.

use super::compiler::Compiler;
use super::tree;
use inorm_core::{Context, Outcome};
use std::fs;
use std::path::{Path, PathBuf};

const PARTS: [&str; 5] = ["alloc", "core", "panic_unwind", "proc_macro", "std"];

/// Copies them to `home`, unless they are there. Nothing if the compiler came without sources.
pub fn copy(compiler: &Compiler, home: &Path) -> Outcome<Option<PathBuf>> {
    let (sources, copy) = (compiler.sources(), home.join("standard-library"));
    if copy.is_dir() {
        return Ok(Some(copy));
    }
    if !sources.join("core").is_dir() {
        return Ok(None);
    }
    // Whole or not at all, and by whoever is first.
    let draft = home.join(format!("standard-library-{}", std::process::id()));
    let copied = PARTS.iter().try_for_each(|part| {
        tree::copy(&sources.join(part).join("src"), &draft.join(part).join("src"))
    });
    let copied = copied.and_then(|()| fs::rename(&draft, &copy));
    if copied.is_err() {
        let _ = fs::remove_dir_all(&draft);
    }
    if !copy.is_dir() {
        copied.context("copy the standard library's sources to", &copy)?;
    }
    Ok(Some(copy))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_cell_can_name_is_copied_once() {
        let home = tempfile::tempdir().unwrap();
        let compiler = Compiler::find().unwrap();
        let Some(copied) = copy(&compiler, home.path()).unwrap() else {
            return assert!(!compiler.sources().is_dir());
        };
        assert!(copied.join("core/src/lib.rs").is_file());
        assert!(!copied.join("Cargo.toml").exists() && !copied.join("stdarch").exists());
        assert_eq!(copy(&compiler, home.path()).unwrap(), Some(copied));
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
    }
}
