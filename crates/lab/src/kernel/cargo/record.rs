//! How cargo has called rustc for a cell, and what that depends on.

use super::call::{Call, manifests};
use super::watched::{Sources, Watched};
use inorm_core::files::write;
use inorm_core::{Context, Error, Outcome};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

/// The variable with the file into which a call of rustc is written.
pub const FILE: &str = "INORM_RUSTC_CALL";

/// The name of the kernel's package.
const CELL: &str = "ctx";

/// Lints that deny stay errors.
const NO_WARNINGS: &str = "-Awarnings";

/// Stands for the workspace, so that a record holds in a copy of it.
const WORKSPACE: &str = "{workspace}";

/// One call of rustc.
#[derive(Debug, Serialize, Deserialize)]
pub struct Rustc {
    program: String,
    arguments: Vec<String>,
    environment: BTreeMap<String, String>,
    folder: PathBuf,
}

/// A call of rustc that cargo made, and would make again as long as nothing changes.
#[derive(Debug, Serialize, Deserialize)]
pub struct Record {
    call: Call,
    variables: BTreeSet<String>,
    files: Watched,
    /// How a cell is compiled.
    pub rustc: Rustc,
}

/// Calls rustc as cargo asks for; for a cell, without warnings. Nobody is shown them, except that
/// the backend takes them for errors when there is one. Writes down how a cell was compiled.
pub fn call_rustc(call: &[String]) -> Outcome {
    let [program, arguments @ ..] = call else { return Ok(()) };
    let mut command = Command::new(program);
    command.args(arguments);
    let is_cell = arguments.windows(2).any(|pair| pair[0] == "--crate-name" && pair[1] == CELL);
    if is_cell && arguments.iter().any(|argument| argument.starts_with("--emit")) {
        command.arg(NO_WARNINGS);
        if let Some(file) = env::var_os(FILE) {
            note(&file, program, arguments)?;
        }
    }
    Err(Error::io("run", program, command.exec()).into())
}

fn note(file: &OsStr, program: &str, arguments: &[String]) -> Outcome {
    // Cargo's variables, without the pipe of its jobserver.
    let of_cargo = |name: &str| {
        (name.starts_with("CARGO") && name != "CARGO_MAKEFLAGS")
            || name == "OUT_DIR"
            || name == "LD_LIBRARY_PATH"
    };
    let rustc = Rustc {
        program: program.to_owned(),
        arguments: arguments.iter().cloned().chain([NO_WARNINGS.to_owned()]).collect(),
        environment: env::vars().filter(|(name, _)| of_cargo(name)).collect(),
        folder: env::current_dir().unwrap_or_default(),
    };
    let text = serde_json::to_vec(&rustc).unwrap_or_default();
    Ok(fs::write(file, text).context("write", file)?)
}

impl Record {
    /// Of the call of rustc that was written to `file`, if nothing has changed since `begun`.
    pub fn make(
        workspace: &Path,
        arguments: &[String],
        sources: Sources,
        file: &Path,
        begun: SystemTime,
    ) -> Option<Self> {
        let rustc: Rustc = serde_json::from_slice(&fs::read(file).ok()?).ok()?;
        if sources.unknown || sources.files.were_changed_after(begun) {
            return None;
        }
        let mut files = sources.files;
        files.add_settings(&workspace.join("tree"), env::var_os("CARGO_HOME").map(PathBuf::from));
        files.add(&rustc.program);
        rustc.dependencies().for_each(|file| files.add(file));
        let call = Call::now(arguments, &sources.variables);
        Some(Self { call, variables: sources.variables, files, rustc })
    }

    /// The one in the workspace around the working directory, if it holds for this call.
    pub fn read(workspace: &Path, arguments: &[String]) -> Option<Self> {
        let text = fs::read_to_string(file(workspace, &manifests())).ok()?;
        let text = text.replace(WORKSPACE, &escaped(workspace)?);
        let record: Self = serde_json::from_str(&text).ok()?;
        let holds =
            record.call == Call::now(arguments, &record.variables) && record.files.are_unchanged();
        holds.then_some(record)
    }

    /// Keeps it for the calls that follow.
    pub fn write(&self, workspace: &Path) -> Outcome {
        let text = serde_json::to_string(self).unwrap_or_default();
        let Some(folder) = escaped(workspace) else { return Ok(()) };
        Ok(write(&file(workspace, &manifests()), text.replace(&folder, WORKSPACE))?)
    }

    /// The command that compiles a cell, and the library that it makes.
    pub fn build(&self) -> (Command, PathBuf) {
        let name = format!("{}{CELL}{}", env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX);
        let folder = self.rustc.value("--out-dir").unwrap_or_default();
        (self.rustc.command(&self.rustc.arguments), Path::new(folder).join(name))
    }

    /// The command that finds the errors of a cell, and makes nothing that is used.
    pub fn check(&self) -> Command {
        let mut arguments = Vec::new();
        for argument in &self.rustc.arguments {
            match argument {
                emit if emit.starts_with("--emit=") => arguments.push("--emit=metadata".to_owned()),
                // The cache of what cells have in common is for those that are compiled.
                option if option.starts_with("incremental=") => drop(arguments.pop()),
                other => arguments.push(other.clone()),
            }
        }
        self.rustc.command(&arguments)
    }
}

impl Rustc {
    /// What follows an option such as `--target`.
    pub fn value(&self, option: &str) -> Option<&str> {
        let place = self.arguments.iter().position(|argument| argument == option)?;
        self.arguments.get(place + 1).map(String::as_str)
    }

    /// The value of an option of code generation, such as `opt-level`.
    pub fn codegen_option(&self, option: &str) -> Option<&str> {
        let mut values = self.arguments.windows(2).filter(|pair| pair[0] == "-C");
        values.find_map(|pair| pair[1].strip_prefix(option)?.strip_prefix('='))
    }

    /// The libraries that are named.
    fn dependencies(&self) -> impl Iterator<Item = &str> {
        let named = self.arguments.windows(2).filter(|pair| pair[0] == "--extern");
        named.filter_map(|pair| Some(pair[1].split_once('=')?.1))
    }

    /// A call of the same compiler, in the same folder and environment.
    pub fn command(&self, arguments: &[String]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).envs(&self.environment).current_dir(&self.folder);
        command.env_remove(FILE).env_remove("RUSTC_WRAPPER");
        command
    }
}

fn file(workspace: &Path, manifests: &str) -> PathBuf {
    workspace.join(format!("rustc-{manifests}.json"))
}

/// A path as it is written in JSON.
fn escaped(path: &Path) -> Option<String> {
    let text = serde_json::to_string(path.to_str()?).ok()?;
    Some(text.trim_matches('"').to_owned())
}
