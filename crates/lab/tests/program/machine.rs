//! The program, the machine that it runs on, and what it must do with a fault.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};
use tempfile::TempDir;

pub fn inorm(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_inorm"));
    command.args(arguments).env_remove("INORM_DATA").stdin(Stdio::null());
    command
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A machine with a cache, a clone of the repository as far as the program looks at it, and of
/// programs only those that it is given.
pub struct Machine {
    folder: TempDir,
}

impl Machine {
    /// Programs are scripts, by name.
    pub fn new(programs: &[(&str, &str)]) -> Self {
        let machine = Self { folder: TempDir::new().unwrap() };
        for folder in ["cache", "programs", "clone/notebooks", "clone/python", "clone/src"] {
            fs::create_dir_all(machine.path(folder)).unwrap();
        }
        machine.write("clone/Cargo.toml", "[package]\nname = \"inorm\"\n");
        machine.write("clone/python/requirements.txt", "nothing-that-exists==0\n");
        for (name, script) in programs {
            machine.install(name, script);
        }
        machine
    }

    /// A file or folder of `cache`, `clone` or `programs`.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Puts a program there, which itself may use those of the system.
    pub fn install(&self, name: &str, script: &str) {
        let name = format!("programs/{name}");
        self.write(&name, &format!("#!/bin/sh\nPATH=/usr/bin:/bin\n{script}\n"));
        fs::set_permissions(self.path(&name), fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// The program in the clone.
    pub fn inorm(&self, arguments: &[&str]) -> Command {
        let mut command = inorm(arguments);
        command
            .current_dir(self.path("clone"))
            .env("PATH", self.path("programs"))
            .env("INORM_CACHE", self.path("cache"))
            .env_remove("INORM_EXPERIMENTS");
        command
    }
}

/// The one line on standard error.
#[track_caller]
fn line(output: &Output) -> String {
    let text = text(&output.stderr);
    assert_eq!(text.lines().count(), 1, "not one line: {text}");
    assert!(text.starts_with("inorm: ") && !text.contains("panicked"), "{text}");
    text
}

#[track_caller]
pub fn assert_usage(arguments: &[&str], named: &str) {
    let output = inorm(arguments).output().unwrap();
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
