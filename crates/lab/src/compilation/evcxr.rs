//! The program of the Rust kernel: found, or built once.

use super::compiler::on_path;
use super::toolchain::EVCXR_VERSION;
use crate::step::{GO_ON, Output, Step};
use inorm_core::{Failure, Outcome};
use std::fs;
use std::iter;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Parts of rust-analyzer that the Rust kernel links and does not call, or not often, each with an
/// optimization level that takes less time to compile than that of a release.
const SELDOM_USED: [(&str, u8); 4] = [
    ("ra_ap_ide", 1),
    ("ra_ap_ide_assists", 0),
    ("ra_ap_ide_diagnostics", 0),
    ("ra_ap_ide_ssr", 0),
];

/// `evcxr_jupyter` of the right version: ours, else the one that the reader has installed.
pub fn find(cache: &Path) -> Option<PathBuf> {
    let ours = root(cache).join("bin/evcxr_jupyter");
    iter::once(ours).chain(on_path("evcxr_jupyter")).find(|program| is_right_version(program))
}

/// Builds it into the cache: nothing that the reader has is changed.
pub fn install(cache: &Path, step: &Step) -> Outcome<PathBuf> {
    let root = root(cache);
    let build = root.join("build");
    let mut command = Command::new("cargo");
    command
        .args(["install", "--locked", "--root"])
        .arg(root)
        .args(SELDOM_USED.map(|(package, level)| {
            format!("--config=profile.release.package.{package}.opt-level={level}")
        }))
        .arg(format!("evcxr_jupyter@{EVCXR_VERSION}"))
        // A place that stays: without it cargo starts from nothing after an interruption.
        .env("CARGO_TARGET_DIR", &build)
        // What the reader set for this project does not apply to it.
        .env_remove("RUSTFLAGS");
    step.run(command, GO_ON)?;
    // It is large.
    if let Err(error) = fs::remove_dir_all(&build) {
        Output::Stdout.line(format_args!("  {} can be deleted ({error})", build.display()));
    }
    require(cache)
}

/// Where a command that needs the program finds it, or what to do.
pub fn require(cache: &Path) -> Outcome<PathBuf> {
    find(cache).ok_or_else(|| {
        Failure::new(format!(
            "evcxr_jupyter {EVCXR_VERSION} is not installed; `inorm lab` builds it"
        ))
    })
}

fn root(cache: &Path) -> PathBuf {
    cache.join(format!("tools/evcxr_jupyter-{EVCXR_VERSION}"))
}

/// The program does not tell its version; cargo notes beside it what it has installed.
fn is_right_version(program: &Path) -> bool {
    let root = program.parent().and_then(Path::parent);
    let notes = root.and_then(|root| fs::read_to_string(root.join(".crates.toml")).ok());
    let installed = format!("\"evcxr_jupyter {EVCXR_VERSION} (");
    program.is_file() && notes.is_some_and(|notes| notes.contains(&installed))
}
