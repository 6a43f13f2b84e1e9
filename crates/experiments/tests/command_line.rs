//! Faults of the command line: one line, and exit code 2.

use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_inorm-experiments")).args(arguments).output().unwrap()
}

#[track_caller]
fn assert_usage(arguments: &[&str], named: &str) {
    let output = run(arguments);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with("inorm: ") && said.lines().count() == 1, "{said}");
    assert!(said.contains(named), "{said}");
}

#[test]
fn a_wrong_command_line_is_one_line_and_code_2() {
    assert_usage(&["dance"], "dance");
    assert_usage(&["train", "inorm_full", "--config", "30"], "30");
    assert_usage(&["sweep", "run", "--jobs", "0"], "--jobs");
    assert_usage(&["sweep", "table", "--results", "nowhere"], "nowhere is no folder with results");
    assert_usage(&["sweep", "claims", "--results", "nowhere"], "inorm sweep merge");
}

#[test]
fn help_speaks_of_the_program_that_readers_know() {
    for arguments in [&["train", "--help"][..], &["sweep", "run", "--help"]] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(said.contains(&format!("Usage: inorm {}", arguments[0])), "{said}");
    }
}
