//! A cell compiled with one call of rustc, as long as nothing but the cell has changed.

use super::call::is_command;
use super::home::RECORDER;
use super::interrupt::interruptible;
use super::library::Forecast;
use super::linker::{make_empty_library, use_empty_library};
use super::program;
use super::record::{FILE, Record};
use super::variables::{compile_store, use_store};
use super::watched::Sources;
use crate::compilation::tree;
use inorm_core::{Context, Outcome};
use serde_json::Value;
use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio, exit};
use std::time::SystemTime;

/// Where the Rust kernel reads which library to load.
const LIBRARY: &str = "EVCXR_EXECUTION_SO_PATH";

/// The program that evcxr has written for the cell.
const PROGRAM: &str = "tree/src/lib.rs";

/// Does what `cargo` does with these arguments, in less time if it can, and ends this process.
pub fn compile(cargo: &Path, arguments: &[String]) -> Outcome {
    let tree = env::current_dir().context("find", ".")?;
    let workspace = tree.parent().unwrap_or(&tree);
    program::edit(&workspace.join(PROGRAM), program::with_marked_errors)?;
    program::edit(&tree.join("Cargo.toml"), program::with_tokio_of_library)?;
    exit(interruptible(workspace, || compile_in(workspace, cargo, arguments))?)
}

fn compile_in(workspace: &Path, cargo: &Path, arguments: &[String]) -> Outcome<i32> {
    let checks = arguments.iter().any(|argument| argument == "check");
    match Record::read(workspace, arguments) {
        Some(record) if checks => run(&mut record.check()),
        Some(record) => {
            let (mut rustc, library) = record.build();
            use_empty_library(&mut rustc, workspace);
            use_store(&mut rustc, &record.rustc, &workspace.join(PROGRAM))?;
            let code = run_rustc(&mut rustc)?;
            if code == 0
                && let Some(file) = env::var_os(LIBRARY)
            {
                fs::write(&file, library.as_os_str().as_encoded_bytes()).context("write", file)?;
            }
            Ok(code)
        }
        None => {
            let target = workspace.join("tree/target");
            tree::separate(&target).context("prepare", target)?;
            program::edit(&workspace.join(PROGRAM), program::with_reasons_of_losses)?;
            // Whoever has a compiler of their own in between has their reasons.
            match env::var_os("RUSTC_WRAPPER") {
                Some(_) => run(Command::new(cargo).args(arguments)),
                None => build_and_record(cargo, arguments, workspace),
            }
        }
    }
}

fn run(command: &mut Command) -> Outcome<i32> {
    let status = command.status().context("run", command.get_program())?;
    Ok(status.code().unwrap_or(1))
}

/// Runs rustc. The Rust kernel leaves out what belongs to a message, and of an error of the linker
/// that is all that it says.
fn run_rustc(rustc: &mut Command) -> Outcome<i32> {
    let program = rustc.get_program().to_owned();
    let mut process = rustc.stderr(Stdio::piped()).spawn().context("run", &program)?;
    let messages = process.stderr.take().into_iter();
    for line in messages.flat_map(|messages| BufReader::new(messages).lines()) {
        let line = line.context("read the messages of", &program)?;
        let _ = writeln!(io::stderr(), "{}", with_words_of_linker(&line).unwrap_or(line));
    }
    Ok(process.wait().context("run", program)?.code().unwrap_or(1))
}

fn with_words_of_linker(line: &str) -> Option<String> {
    let is_of_linker = line.contains("\"message\":\"linking with ");
    let mut message: Value = is_of_linker.then(|| serde_json::from_str(line).ok())??;
    let notes = message["children"].as_array()?.iter().filter_map(|note| note["message"].as_str());
    let is_essential = |line: &&str| line.contains("error: ") && !line.starts_with("collect2");
    let said: Vec<&str> = notes.flat_map(str::lines).map(str::trim).filter(is_essential).collect();
    let said = said.join("\n");
    let all = [message["message"].as_str()?, &said].join("\n");
    (!said.is_empty()).then(|| {
        message["message"] = all.into();
        message.to_string()
    })
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
        // Without these the next cell takes longer, and is right all the same.
        let _ = make_empty_library(workspace);
        let _ = compile_store(&record.rustc, workspace);
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
    fn the_linker_says_what_is_wrong() {
        let said = "rust-lld: error: unable to find library -lnone\ncollect2: error: ld returned 1";
        let message = serde_json::json!({
            "message": "linking with `cc` failed: exit status: 1",
            "level": "error",
            "children": [{"message": " \"cc\" \"-o\""}, {"message": said}],
        });
        let changed = with_words_of_linker(&message.to_string()).unwrap();
        let changed: Value = serde_json::from_str(&changed).unwrap();
        let expected = "linking with `cc` failed: exit status: 1\n\
                        rust-lld: error: unable to find library -lnone";
        assert_eq!((&changed["message"], &changed["level"]), (&expected.into(), &"error".into()));
        for other in ["", "no JSON", r#"{"message":"mismatched types","children":[]}"#] {
            assert_eq!(with_words_of_linker(other), None);
        }
    }
}
