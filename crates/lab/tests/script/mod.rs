//! Tests that are written in Python, in files of this folder.

use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// The top of the repository.
pub fn checkout() -> &'static Path {
    inorm_core::files::repository()
}

/// Runs a script of this folder with the environment's own kernels and no others; a failure ends
/// with the last lines that it wrote.
pub fn run<A: AsRef<OsStr>>(name: &str, arguments: impl IntoIterator<Item = A>) {
    let environment = checkout().join(".venv");
    let output = Command::new(environment.join("bin/python"))
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name))
        .args(arguments)
        .env("JUPYTER_PATH", environment.join("share/jupyter"))
        .stdout(Stdio::inherit())
        .output()
        .unwrap();
    std::io::stderr().write_all(&output.stderr).unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = said.lines().collect();
    let last = lines[lines.len().saturating_sub(30)..].join("\n");
    assert!(output.status.success(), "{name} failed:\n{last}");
}
