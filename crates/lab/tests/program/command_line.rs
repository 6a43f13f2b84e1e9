//! Faults of the command line itself, and of who reads what it prints.

use crate::machine::{assert_failed, assert_usage, inorm, text};
use inorm_core::files::repository;
use std::{fs::File, io::Read, process::Stdio};

#[test]
fn a_wrong_command_line_is_one_line_and_code_2() {
    assert_usage(&["dance"], "dance");
    assert_usage(&["lab", "--port", "0"], "--port");
    assert_usage(&["lab", "--port", "70000"], "70000");
    assert_usage(&["lab", "--ip", "localhost"], "--ip");
    assert_usage(&["lab", "--run"], "--all");
    assert_usage(&["lab", "--run", "no-such.ipynb"], "no-such.ipynb");
    assert_usage(&["lab", "--run", "--into", "folder", "no-such.ipynb"], "no-such.ipynb");
    assert_usage(&["lab", "notebooks/00_start_here.ipynb"], "--run");
    assert_usage(&["lab", "--all"], "--run");
    assert_usage(&["lab", "--run", "--all", "--port", "9000"], "--port");
    assert_usage(&["lab", "--run", "--all", "--ip", "0.0.0.0"], "--ip");
    assert_usage(&["data", "burn"], "burn");
    assert_usage(&["kernel"], "--connection-file");
}

#[test]
fn help_is_not_a_fault() {
    for arguments in [&["--help"][..], &["lab", "--help"], &["--version"], &["help", "lab"]] {
        let output = inorm(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert!(!output.stdout.is_empty());
    }
}

#[test]
fn without_a_command_the_commands_are_listed() {
    let output = inorm(&[]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("Usage: inorm"), "{output:?}");
}

#[test]
fn the_chapters_are_formatted() {
    let chapters = inorm_core::files::entries(&repository().join("notebooks"));
    let chapters: Vec<_> = chapters.filter(|it| it.extension() == Some("ipynb".as_ref())).collect();
    assert_eq!(chapters.len(), 12);
    let output = inorm(&["fmt", "--check"]).args(&chapters).output().unwrap();
    assert!(output.status.success(), "`inorm fmt` changes:\n{}", text(&output.stderr));
}

#[test]
fn a_reader_that_goes_away_is_not_a_fault() {
    let mut child = inorm(&["doctor"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 1];
    let _ = child.stdout.take().unwrap().read(&mut first);
    let output = child.wait_with_output().unwrap();
    assert!(!text(&output.stderr).contains("panicked"));
}

#[test]
fn a_full_disk_under_standard_output_is_said() {
    for arguments in
        [&["--help"][..], &["lab", "--help"], &["--version"], &["doctor"], &["data", "where"]]
    {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = inorm(arguments).stdout(full).output().unwrap();
        assert_failed(&output, &["cannot write standard output: No space left"]);
    }
}
