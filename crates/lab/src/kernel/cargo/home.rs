//! The directory in which a Rust kernel finds its cargo.

use super::linker::LINKER;
use inorm_core::files::{entries, write_program};
use inorm_core::{Context, Failure, Outcome};
use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// A cargo home like the reader's own, except for the programs in its `bin`. The Rust kernel asks
/// rustup where cargo is, and rust-analyzer looks in `CARGO_HOME` first.
#[derive(Debug)]
pub struct CargoHome {
    /// Where it is.
    pub directory: PathBuf,
    /// The reader's own.
    pub original: PathBuf,
}

impl CargoHome {
    /// Makes `directory` one.
    pub fn make(directory: &Path) -> Outcome<Self> {
        let home = Self { directory: directory.to_path_buf(), original: original_home()? };
        let programs = home.programs();
        fs::create_dir_all(&programs).context("create", &programs)?;
        for entry in entries(&home.original) {
            let link = directory.join(entry.file_name().unwrap_or_default());
            match symlink(entry, &link) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                made => made.context("create", &link)?,
            }
        }
        let cargo = home.original.join("bin/cargo");
        let cargo = if cargo.is_file() { cargo } else { PathBuf::from("cargo") };
        write_program(&programs.join("cargo"), home.cargo(&cargo))?;
        write_program(&programs.join(RECORDER), calling("rustc"))?;
        write_program(&programs.join(LINKER), calling("link"))?;
        if let Some(rustup) = find_program("rustup") {
            write_program(&programs.join("rustup"), home.rustup(&rustup))?;
        }
        Ok(home)
    }

    /// `PATH` with the programs of this directory first.
    pub fn path(&self) -> OsString {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let all = [self.programs()].into_iter().chain(std::env::split_paths(&path));
        std::env::join_paths(all).unwrap_or(path)
    }

    fn programs(&self) -> PathBuf {
        self.directory.join("bin")
    }

    /// Only the Rust kernel asks for messages in JSON.
    fn cargo(&self, cargo: &Path) -> String {
        let (home, cargo, program) = (word(&self.original), word(cargo), this_program());
        format!(
            "#!/bin/sh\n\
             export CARGO_HOME={home}\n\
             case \"$*\" in\n\
             metadata\\ *|--offline\\ metadata\\ *) exec {program} packages {cargo} \"$@\";;\n\
             *\\ --message-format=json) exec {program} compile {cargo} \"$@\";;\n\
             esac\n\
             exec {cargo} \"$@\"\n"
        )
    }

    fn rustup(&self, rustup: &Path) -> String {
        let (cargo, rustup) = (word(&self.programs().join("cargo")), word(rustup));
        format!(
            "#!/bin/sh\n\
             [ \"$*\" = 'which cargo' ] && exec echo {cargo}\n\
             exec {rustup} \"$@\"\n"
        )
    }
}

/// The name of the program through which cargo calls rustc while a record is made.
pub const RECORDER: &str = "inorm-rustc";

/// A script that is this command of our program.
fn calling(command: &str) -> String {
    format!("#!/bin/sh\nexec {} {command} \"$@\"\n", this_program())
}

fn original_home() -> Outcome<PathBuf> {
    let home = std::env::var_os("CARGO_HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
    let home = home.or_else(|| std::env::home_dir().map(|home| home.join(".cargo")));
    let home =
        home.ok_or_else(|| Failure::new("cargo has no directory; set CARGO_HOME or HOME"))?;
    Ok(std::path::absolute(&home).context("find", home)?)
}

fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// This program as long as it runs, even if another build has taken its place meanwhile.
fn this_program() -> String {
    format!("/proc/{}/exe", std::process::id())
}

fn word(path: &Path) -> String {
    let path = path.to_string_lossy();
    shlex::try_quote(&path).expect("a path has no zero byte").into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn it_is_the_readers_cargo_for_every_other_command() {
        let directory = tempfile::tempdir().unwrap();
        let home = CargoHome::make(&directory.path().join("it's")).unwrap();
        // Made again where it is already.
        CargoHome::make(&home.directory).unwrap();
        let ask = |program: &str, arguments: &[&str]| {
            let mut command = Command::new(home.programs().join(program));
            let output = command.args(arguments).env("PATH", home.path()).output().unwrap();
            assert!(output.status.success());
            String::from_utf8(output.stdout).unwrap()
        };
        let expected = Command::new("cargo").arg("--version").output().unwrap().stdout;
        assert_eq!(ask("cargo", &["--version"]).as_bytes(), expected);
        if find_program("rustup").is_some() {
            let cargo = home.programs().join("cargo");
            assert_eq!(Path::new(ask("rustup", &["which", "cargo"]).trim()), cargo);
            assert!(Path::new(ask("rustup", &["which", "rustc"]).trim()).is_file());
        }
        assert!(
            fs::read_dir(home.original.join("registry")).is_err()
                || fs::read_dir(home.directory.join("registry")).is_ok()
        );
    }
}
