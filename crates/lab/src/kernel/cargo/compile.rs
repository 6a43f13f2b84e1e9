//! A cell compiled with one call of rustc, as long as nothing but the cell has changed.

use super::call::is_command;
use super::home::RECORDER;
use super::interrupt::interruptible;
use super::library::Forecast;
use super::record::{FILE, Record};
use super::watched::Sources;
use inorm_core::protocol::ERROR;
use inorm_core::{Context, Outcome};
use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio, exit};
use std::time::SystemTime;

/// Where the Rust kernel reads which library to load.
const LIBRARY: &str = "EVCXR_EXECUTION_SO_PATH";

/// Does what `cargo` does with these arguments, in less time if it can, and ends this process.
pub fn compile(cargo: &Path, arguments: &[String]) -> Outcome {
    let tree = env::current_dir().context("find", ".")?;
    let workspace = tree.parent().unwrap_or(&tree);
    mark_errors(&tree.join("src/lib.rs"))?;
    exit(interruptible(workspace, || compile_in(workspace, cargo, arguments))?)
}

/// Makes the program print the error by which `?` ends a cell between two marks: what the cell has
/// printed itself must not be taken for a part of it.
fn mark_errors(program: &Path) -> Outcome {
    let text = fs::read_to_string(program).context("read", program)?;
    if let Some(marked) = with_marked_errors(&text) {
        fs::write(program, marked).context("write", program)?;
    }
    Ok(())
}

/// The lines stay where they are: errors of the compiler name them.
fn with_marked_errors(program: &str) -> Option<String> {
    let start = program.find("for EvcxrUserCodeError {")?;
    let (before, conversion) = program.split_at(start);
    let (head, rest) = conversion.split_once("eprintln!(\"")?;
    let (format, rest) = rest.split_once("\", error);")?;
    let mark = ERROR.escape_unicode();
    Some(format!("{before}{head}eprint!(\"{mark}{format}{mark}\", error);{rest}"))
}

fn compile_in(workspace: &Path, cargo: &Path, arguments: &[String]) -> Outcome<i32> {
    let checks = arguments.iter().any(|argument| argument == "check");
    match Record::read(workspace, arguments) {
        Some(record) if checks => run(&mut record.check()),
        Some(record) => {
            let (mut rustc, library) = record.build();
            let code = run(&mut rustc)?;
            if code == 0
                && let Some(file) = env::var_os(LIBRARY)
            {
                fs::write(&file, library.as_os_str().as_encoded_bytes()).context("write", file)?;
            }
            Ok(code)
        }
        // Whoever has a compiler of their own in between has their reasons.
        None if env::var_os("RUSTC_WRAPPER").is_some() => run(Command::new(cargo).args(arguments)),
        None => build_and_record(cargo, arguments, workspace),
    }
}

fn run(command: &mut Command) -> Outcome<i32> {
    let status = command.status().context("run", command.get_program())?;
    Ok(status.code().unwrap_or(1))
}

/// Lets cargo compile, and keeps how. It builds even where a check was asked for: a check would
/// begin with every dependency, of which only what a build makes is there.
fn build_and_record(cargo: &Path, arguments: &[String], workspace: &Path) -> Outcome<i32> {
    let begun = SystemTime::now();
    let call = workspace.join("rustc-call.json");
    let _ = fs::remove_file(&call);
    let forecast = Forecast::make(workspace, cargo, arguments)?;
    let build = |argument: &String| match is_command(argument) {
        true => "build".to_owned(),
        false => argument.clone(),
    };
    let mut command = Command::new(cargo);
    command
        .args(arguments.iter().map(build))
        .env("RUSTC_WRAPPER", recorder())
        .env(FILE, &call)
        .stdout(Stdio::piped());
    let mut process = command.spawn().context("run", cargo)?;
    let mut sources = Sources::default();
    for line in process.stdout.take().into_iter().flat_map(|output| BufReader::new(output).lines())
    {
        let line = line.context("read the messages of", cargo)?;
        let message = serde_json::from_str(&line).unwrap_or_default();
        sources.hear(&message, workspace);
        // The kernel reads all of it; if it does not any more, nobody waits for the result.
        let _ = writeln!(io::stdout(), "{line}");
    }
    let status = process.wait().context("run", cargo)?;
    forecast.check()?;
    // With or without an error in the cell.
    if let Some(record) = Record::make(workspace, arguments, sources, &call, begun) {
        // Without it the next cell takes longer, and is right all the same.
        let _ = record.write(workspace);
    }
    Ok(status.code().unwrap_or(1))
}

fn recorder() -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders = env::split_paths(&path);
    folders.find(|folder| folder.join(RECORDER).is_file()).unwrap_or_default().join(RECORDER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_of_a_question_mark_is_printed_between_marks() {
        let program = "fn f() { eprintln!(\"{}\", 1); }\nstruct EvcxrUserCodeError {}\n\
            impl<T: std::fmt::Display> From<T> for EvcxrUserCodeError {\n\
            fn from(error: T) -> Self {\n eprintln!(\"{}\", error);\nprintln!();";
        let expected =
            program.replace("eprintln!(\"{}\", error)", "eprint!(\"\\u{1}{}\\u{1}\", error)");
        assert_eq!(with_marked_errors(program).as_deref(), Some(&expected[..]));
        assert_eq!(with_marked_errors(&expected), None);
        assert_eq!(with_marked_errors("fn f() {}"), None);
    }
}
