//! The program that trains, sweeps and draws: compiled with the libraries of the notebooks, when it
//! is first asked for or its sources have changed, and run in place of this one.

use crate::checkout::Checkout;
use crate::compilation::{
    Build, Freshness, LIBRARY_PATH, PROGRAM, Sources, Toolchain, cache, library_path,
};
use crate::step::{GO_ON, Output, Step};
use inorm_core::{Context, Error, Outcome};
use std::ffi::OsString;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The environment variable that names a program to run instead, which is not built here.
const NAMED: &str = "INORM_EXPERIMENTS";

/// What it is compiled from.
const SOURCES: Sources = &[
    "Cargo.toml",
    "Cargo.lock",
    "build.rs",
    "src",
    "crates/core",
    "crates/experiments/Cargo.toml",
    "crates/experiments/src",
    "data/fashion-mnist-subset",
];

/// Runs one of its commands; returns only if that fails.
pub fn run(command: &str, arguments: &[OsString]) -> Outcome {
    let named = std::env::var_os(NAMED).filter(|program| !program.is_empty());
    let program = named.map_or_else(find_or_build, |program| Ok(PathBuf::from(program)))?;
    let beside = program.parent().map(Path::to_owned);
    let libraries = library_path(beside, std::env::var_os(LIBRARY_PATH));
    let error =
        Command::new(&program).arg(command).args(arguments).env(LIBRARY_PATH, libraries).exec();
    Err(Error::io("run", program, error).into())
}

fn find_or_build() -> Outcome<PathBuf> {
    let checkout = Checkout::find()?;
    let toolchain = Toolchain::current(&cache()?)?;
    let directory = toolchain.home().join("experiments").join(checkout.name());
    let program = directory.join("inorm-experiments");
    let is_fresh = || Freshness::holds(&directory, SOURCES) && program.exists();
    if is_fresh() {
        return Ok(program);
    }
    let expected = match Build::has_base(&checkout, &toolchain) {
        true => "compiling, because it is missing or its sources have changed; 1 to 2 minutes",
        false => "compiling, once; 4 to 9 minutes on two cores",
    };
    let build = Build::begin(&checkout, &toolchain, Output::Stderr)?;
    // The other one may have compiled just this.
    if is_fresh() {
        return Ok(program);
    }
    let step = Step::begin("Program for experiments", expected, Output::Stderr);
    let freshness = Freshness::now(checkout.root());
    step.run(build.command(PROGRAM), GO_ON)?;
    fs::create_dir_all(&directory).context("create", &directory)?;
    for library in build.shared_libraries()? {
        install(&library, &directory.join(library.file_name().unwrap_or_default()))?;
    }
    install(&build.program(), &program)?;
    freshness.write(&directory)?;
    step.end();
    Ok(program)
}

/// Puts a compiled file in place, as a further name of it where the file system allows that: the
/// compiler replaces files and does not change them, so that a running program keeps its own.
fn install(from: &Path, to: &Path) -> Outcome {
    let draft = to.with_extension("draft");
    // One that an interruption left behind.
    let _ = fs::remove_file(&draft);
    fs::hard_link(from, &draft)
        .or_else(|_| fs::copy(from, &draft).map(drop))
        .and_then(|()| fs::rename(&draft, to))
        .context("write", to)?;
    // Renaming a file to another name of itself leaves both.
    let _ = fs::remove_file(&draft);
    Ok(())
}
