//! The program, and what it must do with a fault.

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
};

pub fn inorm() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_inorm"));
    command.env_remove("INORM_DATA").stdin(Stdio::null());
    command
}

pub fn run(arguments: &[&str]) -> Output {
    inorm().args(arguments).output().unwrap()
}

/// The one line on standard error.
#[track_caller]
fn line(output: &Output) -> String {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(text.lines().count(), 1, "not one line: {text}");
    assert!(text.starts_with("inorm: "), "{text}");
    assert!(!text.contains("panicked"), "{text}");
    text
}

#[track_caller]
pub fn assert_usage(arguments: &[&str], named: &str) {
    let output = run(arguments);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(line(&output).contains(named), "{output:?}");
}

#[track_caller]
pub fn assert_failed(output: &Output, named: &[&str]) {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let line = line(output);
    for word in named {
        assert!(line.contains(word), "{word} is not in: {line}");
    }
}

/// The names in a folder, apart from that of its lock.
pub fn content(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name != ".lock").collect()
}
