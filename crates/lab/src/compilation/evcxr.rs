//! The program of the Rust kernel: found, or built once.

use super::cache::Cache;
use super::toolchain::EVCXR_VERSION;
use inorm_core::{Failure, Outcome};
use std::env;
use std::fs;
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
pub fn find(cache: &Cache) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let directories = env::split_paths(&path).collect::<Vec<_>>();
    [root(cache).join("bin")]
        .into_iter()
        .chain(directories)
        .map(|directory| directory.join("evcxr_jupyter"))
        .find(|program| program.is_file() && is_right_version(program))
}

/// The command that builds it, into the cache: nothing that the reader has is changed.
pub fn install_command(cache: &Cache) -> Command {
    let mut command = Command::new("cargo");
    command
        .args(["install", "--locked", "--root"])
        .arg(root(cache))
        .args(SELDOM_USED.map(|(package, level)| {
            format!("--config=profile.release.package.{package}.opt-level={level}")
        }))
        .arg(format!("evcxr_jupyter@{EVCXR_VERSION}"))
        // A place that stays: without it cargo starts from nothing after an interruption.
        .env("CARGO_TARGET_DIR", build(cache))
        // What the reader set for this project does not apply to it.
        .env_remove("RUSTFLAGS");
    command
}

/// Removes what building it has left behind, which is large.
pub fn clean_up(cache: &Cache) {
    let build = build(cache);
    if let Err(error) = fs::remove_dir_all(&build) {
        println!("  {} can be deleted ({error})", build.display());
    }
}

fn build(cache: &Cache) -> PathBuf {
    root(cache).join("build")
}

/// Where a command that needs the program finds it, or what to do.
pub fn require(cache: &Cache) -> Outcome<PathBuf> {
    find(cache).ok_or_else(|| {
        Failure::new(format!(
            "evcxr_jupyter {EVCXR_VERSION} is not installed; `inorm lab` builds it"
        ))
    })
}

fn root(cache: &Cache) -> PathBuf {
    cache.join(format!("tools/evcxr_jupyter-{EVCXR_VERSION}"))
}

/// The program does not tell its version; cargo notes beside it what it has installed.
fn is_right_version(program: &Path) -> bool {
    let notes = program.parent().and_then(Path::parent).map(|root| root.join(".crates.toml"));
    notes
        .and_then(|notes| fs::read_to_string(notes).ok())
        .is_some_and(|text| text.contains(&format!("\"evcxr_jupyter {EVCXR_VERSION} (")))
}
