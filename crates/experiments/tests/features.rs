//! Notebooks and experiments share what cargo compiles: each library with the same features.

use inorm_core::files::repository;
use std::{collections::BTreeSet, process::Command};

/// The packages that one is made of, with their features.
fn parts(package: &str) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "--prefix", "none", "--no-dedupe"])
        .args(["--edges", "normal,build", "--format", "{p} [{f}]", "--package", package])
        .args(["--no-default-features", "--features", "cpu"])
        .current_dir(repository())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.lines().map(|line| line.trim_end_matches(" (*)").to_owned()).collect()
}

#[test]
fn no_library_is_compiled_twice() {
    let (notebooks, experiments) = (parts("inorm"), parts("inorm-experiments"));
    let differently: Vec<_> = notebooks.difference(&experiments).collect();
    assert!(
        differently.is_empty(),
        "inorm-experiments has these with other features, which Cargo.toml should ask for as well: \
         {differently:#?}"
    );
    assert!(notebooks.len() > 100);
}
