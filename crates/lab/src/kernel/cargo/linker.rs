//! Linking a cell without reading the library.
//!
//! A linker that is given the library reads all its symbols, which takes longer than the rest of
//! linking, and then notes no more than its name: what a cell uses of it is found when the cell is
//! loaded. So the linker is given an empty library of the same name.

use crate::compilation::LIBRARY;
use inorm_core::{Context, Error, Outcome};
use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The name of the program that rustc calls to link a cell.
pub const LINKER: &str = "inorm-cc";

/// What it does the work with: what rustc calls if nobody asks for another.
const PROGRAM: &str = "cc";

/// The variable with the file of the empty library.
const EMPTY: &str = "INORM_EMPTY_LIBRARY";

fn empty_library(workspace: &Path) -> PathBuf {
    workspace.join("empty").join(LIBRARY)
}

/// Makes the empty library of this workspace. Without it cells are linked with the library itself.
pub fn make_empty_library(workspace: &Path) -> Outcome {
    let file = empty_library(workspace);
    if file.exists() {
        return Ok(());
    }
    let draft = file.with_extension("draft");
    file.parent().map_or(Ok(()), fs::create_dir_all).context("create the folder of", &file)?;
    let mut command = Command::new(PROGRAM);
    command.args(["-shared", "-nostdlib", "-x", "c", "/dev/null", "-o"]).arg(&draft);
    command.arg(format!("-Wl,-soname,{LIBRARY}")).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().context("run", PROGRAM)?;
    Ok(fs::rename(&draft, &file).context("write", file)?)
}

/// Lets rustc link with the empty library of this workspace, if there is one and nobody has asked
/// for another linker.
pub fn use_empty_library(rustc: &mut Command, workspace: &Path) {
    let file = empty_library(workspace);
    let asks = |argument: &OsStr| {
        let argument = argument.to_string_lossy();
        argument.trim_start_matches("-C").starts_with("linker")
    };
    if file.exists() && !rustc.get_args().any(asks) {
        rustc.args(["-C", &format!("linker={LINKER}")]).env(EMPTY, file);
    }
}

/// Links as rustc asks for, but with the empty library in place of the full one.
pub fn link(arguments: &[OsString]) -> Outcome {
    let mut command = Command::new(PROGRAM);
    match env::var_os(EMPTY) {
        Some(empty) => command.args(with_empty_library(arguments, &empty)),
        None => command.args(arguments),
    };
    Err(Error::io("run", PROGRAM, command.exec()).into())
}

/// A library that has nothing of what is linked is left out, unless it is said to be needed.
fn with_empty_library(arguments: &[OsString], empty: &OsStr) -> Vec<OsString> {
    let mut result = Vec::new();
    for argument in arguments {
        match Path::new(argument).file_name() == Some(LIBRARY.as_ref()) {
            true => {
                result.extend(["-Wl,--no-as-needed".into(), empty.into(), "-Wl,--as-needed".into()])
            }
            false => result.push(argument.clone()),
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_empty_library_is_named_and_is_needed() {
        let folder = tempfile::tempdir().unwrap();
        let place = |file: &str| folder.path().join(file);
        make_empty_library(folder.path()).unwrap();
        // Once.
        make_empty_library(folder.path()).unwrap();
        fs::write(place("cell.c"), "int cell(void) { return 1; }").unwrap();
        let full = place("deps").join(LIBRARY);
        let arguments = [
            place("cell.c").into_os_string(),
            "-Wl,--as-needed".into(),
            full.into_os_string(),
            "-shared".into(),
            "-o".into(),
            place("cell.so").into_os_string(),
        ];
        let empty = empty_library(folder.path());
        let linked = with_empty_library(&arguments, empty.as_os_str());
        assert!(Command::new(PROGRAM).args(linked).status().unwrap().success());
        let described = Command::new("readelf").arg("-d").arg(place("cell.so")).output().unwrap();
        let described = String::from_utf8(described.stdout).unwrap();
        let needed = described.lines().filter(|line| line.contains("NEEDED"));
        assert_eq!(needed.filter(|line| line.contains(&format!("[{LIBRARY}]"))).count(), 1);
    }

    #[test]
    fn a_linker_of_the_readers_own_links_with_the_library_itself() {
        let folder = tempfile::tempdir().unwrap();
        let arguments = |given: &[&str], workspace: &Path| {
            let mut rustc = Command::new("rustc");
            use_empty_library(rustc.args(given), workspace);
            rustc.get_args().map(|it| it.to_string_lossy().into_owned()).collect::<Vec<_>>()
        };
        let plain = ["-C", "opt-level=3", "lib.rs"];
        assert_eq!(arguments(&plain, folder.path()), plain);
        make_empty_library(folder.path()).unwrap();
        let expected = [&plain[..], &["-C", "linker=inorm-cc"]].concat();
        assert_eq!(arguments(&plain, folder.path()), expected);
        for own in
            [vec!["-C", "linker=clang"], vec!["-Clinker=clang"], vec!["-Clinker-flavor=ld.lld"]]
        {
            assert_eq!(arguments(&own, folder.path()), own);
        }
    }
}
