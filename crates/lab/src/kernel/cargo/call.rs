//! What a Rust kernel asks of cargo, and what the answer depends on besides files.

use inorm_core::files::short_sha256;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;

/// The manifests of the kernel's package and of its workspace. The versions that cargo chooses
/// follow from these and from the lock file of the clone, which is watched.
const MANIFESTS: [&str; 2] = ["Cargo.toml", "../Cargo.toml"];

/// Variables that cargo or rustc read begin with one of these.
const PREFIXES: [&str; 2] = ["CARGO", "RUST"];

/// Two equal calls with the same [`manifests`] have the same answer as long as no file changes that
/// one of them read.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Call {
    arguments: Vec<String>,
    environment: BTreeMap<String, String>,
}

impl Call {
    /// The call that is made now, in the directory of the kernel's package. Build scripts and
    /// sources read the variables that are `named`.
    pub fn now(arguments: &[String], named: &BTreeSet<String>) -> Self {
        let is_read = |name: &str| {
            PREFIXES.iter().any(|prefix| name.starts_with(prefix)) || named.contains(name)
        };
        let all = env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .filter(|(name, _)| is_read(name))
            .map(|(name, value)| (name, value.to_string_lossy().into_owned()));
        Self {
            arguments: arguments.iter().filter(|it| !is_command(it)).cloned().collect(),
            environment: all.collect(),
        }
    }
}

/// The digest of the manifests, which say what a cell may name.
pub fn manifests() -> String {
    let read = |file| fs::read_to_string(file).unwrap_or_default();
    short_sha256(MANIFESTS.map(read).join("\n"))
}

/// Whether this is what cargo is to do, rather than how.
pub fn is_command(argument: &str) -> bool {
    matches!(argument, "build" | "check")
}
