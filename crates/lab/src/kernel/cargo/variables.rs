//! What keeps the variables of a notebook, compiled once instead of with each cell.
//!
//! evcxr puts the module that keeps variables into the program of every cell, and the compiler makes
//! code of it anew for every type of a variable: hash tables and formatted messages, which takes
//! longer than all else in a small cell. So a cell is compiled with a [store](STORE)
//! that is a library of its own, and whose functions are as small as they can be where they depend
//! on a type.

use super::program;
use super::record::Rustc;
use inorm_core::files::write_if_different;
use inorm_core::{Context, Outcome};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

// A part of this program in tests alone.
#[cfg(test)]
mod store;

/// The library that takes the place of evcxr's module.
const STORE: &str = include_str!("variables/store.rs");

/// Its name.
const NAME: &str = "inorm_variables";

fn library(rustc: &Rustc) -> Option<PathBuf> {
    let name = format!("lib{NAME}-{}.so", rustc.codegen_option("metadata")?);
    Some(Path::new(rustc.value("--out-dir")?).join(name))
}

/// Compiles the store as `rustc` compiles a cell. Without it cells are compiled as they are.
pub fn compile_store(rustc: &Rustc, workspace: &Path) -> Outcome {
    let Some(library) = library(rustc).filter(|library| !library.exists()) else { return Ok(()) };
    let source = workspace.join(NAME).with_extension("rs");
    write_if_different(&source, STORE)?;
    let mut command = rustc.command(&[]);
    command.args(["--crate-name", NAME, "--crate-type=dylib", "--edition=2024"]);
    command.args(["-Cprefer-dynamic", "-Copt-level=3", "-Crpath"]);
    for option in ["metadata", "panic"] {
        if let Some(value) = rustc.codegen_option(option) {
            command.arg(format!("-C{option}={value}"));
        }
    }
    if let Some(target) = rustc.value("--target") {
        command.args(["--target", target]);
    }
    // An interrupt may end the compiler before the file is whole. Its name is part of it.
    let folder = library.with_extension("draft");
    fs::create_dir_all(&folder).context("create folder", &folder)?;
    let draft = folder.join(library.file_name().unwrap_or_default());
    command.arg("-o").arg(&draft).arg(&source).stdout(Stdio::null()).stderr(Stdio::null());
    if command.status().context("compile", source)?.success() {
        fs::rename(&draft, &library).context("write", library)?;
    }
    Ok(fs::remove_dir_all(&folder).context("remove", folder)?)
}

/// Lets the call of rustc for the program of a cell, in `file`, use the store, if it is there and
/// stands for the module that the program has.
pub fn use_store(command: &mut Command, rustc: &Rustc, file: &Path) -> Outcome {
    let Some(library) = library(rustc).filter(|library| library.exists()) else { return Ok(()) };
    if program::edit(file, |text| program::with_store(text, NAME))? {
        command.arg("--extern").arg(format!("{NAME}={}", library.display()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::store::{VariableStore, create_variable_store, fail};
    use std::panic::{AssertUnwindSafe, catch_unwind};

    #[test]
    fn the_store_gives_back_what_was_put() {
        let mut store = VariableStore::new();
        store.put_variable("text", "a text".to_owned());
        store.put_variable("number", 1_i64);
        assert!(store.check_variable::<String>("text") && store.check_variable::<u8>("absent"));
        assert!(!store.check_variable::<i32>("number"));
        assert_eq!(store.take_variable::<String>("text"), "a text");
        let mut other = VariableStore::new();
        other.put_variable("number", 2_i64);
        store.merge(other);
        assert_eq!(store.take_variable::<i64>("number"), 2);
        for _ in 0..2 {
            assert_eq!(*store.lazy_arc("once", || 7), 7);
        }
        store.put_variable("number", 3_i64);
        let lost = catch_unwind(AssertUnwindSafe(|| store.take_variable::<i32>("number")));
        let absent = catch_unwind(AssertUnwindSafe(|| store.take_variable::<i32>("absent")));
        assert!(lost.is_err() && absent.is_err());
        assert!(!create_variable_store().is_null());
        fail(format_args!("printed, and nothing else"));
    }
}
