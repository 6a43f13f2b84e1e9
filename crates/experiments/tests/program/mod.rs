//! The program as a reader runs it.

use std::process::Command;

/// The program with these arguments, which have no blanks in them.
pub fn inorm(arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_inorm-experiments"));
    command.args(arguments.split_whitespace());
    command
}

/// Runs a command to its end, which must be with exit code `code` and, if that is not 0, one last
/// line that says what is wrong. Returns what it wrote to standard output and standard error.
#[track_caller]
pub fn ends_with(code: i32, command: &mut Command) -> [String; 2] {
    let output = command.output().unwrap();
    let [out, err] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    assert_eq!(output.status.code(), Some(code), "{command:?}: {out}{err}");
    let complaints = usize::from(code != 0);
    let last = err.lines().last().unwrap_or_default();
    assert_eq!(usize::from(last.starts_with("inorm: ")), complaints, "{command:?}: {err}");
    assert_eq!(err.matches("inorm: ").count(), complaints, "{command:?}: {err}");
    assert!(!err.contains("panicked"), "{command:?}: {err}");
    [out, err]
}
