//! The Rust compiler that notebooks are compiled with: the one that the reader's shell finds.

use inorm_core::files::entries;
use inorm_core::{Failure, Outcome};
use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The oldest one that this project is compiled with.
pub const OLDEST_RUST: &str = env!("CARGO_PKG_RUST_VERSION");

/// What the compiler says of itself.
#[derive(Clone, Debug)]
pub struct Compiler {
    /// All that `rustc -vV` prints; another text is another compiler.
    pub version: String,
    /// The machine that it compiles for, such as `x86_64-unknown-linux-gnu`.
    pub host: String,
    /// Its directory.
    pub sysroot: PathBuf,
    /// Where its standard library is.
    pub libraries: PathBuf,
}

impl Compiler {
    /// Asks it. Without cargo it is of no use here.
    pub fn find() -> Outcome<Self> {
        if on_path("cargo").next().is_none() {
            return Err(Failure::new(format!(
                "cargo was not found; install Rust {OLDEST_RUST} or later from https://rustup.rs, \
                 or put the directory that has it on the PATH"
            )));
        }
        let version = ask(&["-vV"])?;
        let paths = ask(&["--print=host-tuple", "--print=sysroot", "--print=target-libdir"])?;
        match paths.lines().collect::<Vec<_>>()[..] {
            [host, sysroot, libraries] => Ok(Self {
                version,
                host: host.to_owned(),
                sysroot: sysroot.into(),
                libraries: libraries.into(),
            }),
            _ => Err(Failure::new(format!(
                "rustc does not say where its libraries are; update Rust to {OLDEST_RUST} or later"
            ))),
        }
    }

    /// Where the sources of its standard library are, if they are installed.
    pub fn sources(&self) -> PathBuf {
        self.sysroot.join("lib/rustlib/src/rust/library")
    }

    /// The shared standard library, which some packages of Rust leave out.
    pub fn shared_standard_library(&self) -> Outcome<PathBuf> {
        let is_it = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("libstd-") && !name.ends_with(".rlib")
        };
        entries(&self.libraries).find(is_it).ok_or_else(|| {
            Failure::new(format!(
                "no shared libstd in {}; use a toolchain from https://rustup.rs",
                self.libraries.display()
            ))
        })
    }

    /// The directory of rustup and the name of this toolchain there, if rustup has installed it.
    pub fn rustup(&self) -> Option<(&Path, &OsStr)> {
        let all = self.sysroot.parent().filter(|all| all.ends_with("toolchains"))?;
        Some((all.parent()?, self.sysroot.file_name()?))
    }

    /// Its version, such as `1.95.0`.
    pub fn release(&self) -> &str {
        self.version.lines().find_map(|line| line.strip_prefix("release: ")).unwrap_or_default()
    }
}

/// The files of this name in the directories in which the reader's shell looks for programs.
pub fn on_path(program: &str) -> impl Iterator<Item = PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let files: Vec<PathBuf> = env::split_paths(&path).map(|folder| folder.join(program)).collect();
    files.into_iter().filter(|file| file.is_file())
}

fn ask(arguments: &[&str]) -> Outcome<String> {
    let output = Command::new("rustc").args(arguments).output().map_err(|error| {
        Failure::new(format!(
            "cannot run rustc: {error}; install Rust {OLDEST_RUST} or later from https://rustup.rs"
        ))
    })?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(Failure::new(format!(
            "rustc failed: {}; repair the Rust toolchain, `rustup update` may do it",
            String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ")
        ))),
    }
}
