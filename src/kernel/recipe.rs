//! How the code of notebooks is compiled, and the directory that belongs to one way of doing it.

use super::cache::Cache;
use crate::cli::{Failure, Outcome};
use sha2::{Digest, Sha256};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The version of the Rust kernel that stands behind ours.
pub const EVCXR_VERSION: &str = "0.22.0";

/// The line with which each notebook starts. The features leave out what only the command line
/// needs, so that the notebook has less to compile and to load.
pub const DEPENDENCY: &str =
    r#":dep inorm = { path = "..", default-features = false, features = ["cpu"] }"#;

/// Cells train networks: they and the library are compiled as for a release. The rest keeps
/// several notebooks on one machine from fighting for its cores, and shows tables whole.
pub const ENVIRONMENT: [(&str, &str); 8] = [
    ("CARGO_PROFILE_DEV_OPT_LEVEL", "3"),
    ("CARGO_PROFILE_DEV_DEBUG", "0"),
    ("CARGO_PROFILE_DEV_DEBUG_ASSERTIONS", "false"),
    ("CARGO_PROFILE_DEV_OVERFLOW_CHECKS", "false"),
    ("RAYON_NUM_THREADS", "1"),
    ("POLARS_MAX_THREADS", "1"),
    ("POLARS_FMT_MAX_ROWS", "100"),
    ("POLARS_FMT_MAX_COLS", "20"),
];

/// Variables of the reader's shell that would make cargo build something else.
pub const REMOVED_VARIABLES: [&str; 6] = [
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "CARGO_MANIFEST_DIR",
    "RUSTC_WRAPPER",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUST_BACKTRACE",
];

/// A cell that panics has failed, and says so.
const EVCXR_CONFIGURATION: &str = "[evcxr]\npreserve_vars_on_panic = false\n";

/// Read by cargo because it lies above the directories that it works in.
const CARGO_CONFIGURATION: &str = "";

/// One way of compiling: a compiler, a kernel, the settings above. What was compiled in one way
/// is of no use in another, so each has a directory.
#[derive(Clone, Debug)]
pub struct Recipe {
    home: PathBuf,
}

impl Recipe {
    /// The recipe that holds on this machine now; its directory is made and filled in.
    pub fn current(cache: &Cache) -> Outcome<Self> {
        let mut digest = Sha256::new();
        digest.update(compiler_version()?);
        digest.update(EVCXR_VERSION);
        digest.update(CARGO_CONFIGURATION);
        for (name, value) in ENVIRONMENT {
            digest.update(format!("{name}={value};"));
        }
        let home = cache.join("kernels").join(short(&digest.finalize()));
        write_if_different(&home.join(".cargo/config.toml"), CARGO_CONFIGURATION)?;
        write_if_different(&home.join("evcxr/evcxr.toml"), EVCXR_CONFIGURATION)?;
        Ok(Self { home })
    }

    /// Compiled libraries to start from, one directory for each clone of the repository.
    pub fn seeds(&self) -> PathBuf {
        self.home.join("seeds")
    }

    /// The directories of the kernels that run.
    pub fn running(&self) -> PathBuf {
        self.home.join("running")
    }

    /// The lock that guards the lists of seeds and of running kernels.
    pub fn lock(&self, name: &str) -> PathBuf {
        self.home.join(format!("{name}.lock"))
    }

    /// A command that runs the Rust kernel in `tree`, a directory of its own, for a notebook in
    /// `folder`.
    pub fn backend(&self, program: &Path, tree: &Path, folder: &Path) -> Command {
        let mut command = Command::new(program);
        for variable in REMOVED_VARIABLES {
            command.env_remove(variable);
        }
        for variable in ["LD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH"] {
            if let Some(paths) = std::env::var_os(variable) {
                command.env(variable, without_this_library(&paths));
            }
        }
        command
            .envs(ENVIRONMENT)
            .env("EVCXR_TMPDIR", tree)
            .env("EVCXR_CONFIG_DIR", self.home.join("evcxr"))
            // It looks for a kernelspec of its own to bring up to date: let it find none.
            .env("JUPYTER_PATH", self.home.join("no-kernelspecs"))
            .current_dir(folder);
        command
    }
}

/// `cargo run` lets a program find the libraries beside it. A cell must not find them: it would
/// be linked with one build of this library and run with another.
fn without_this_library(paths: &OsStr) -> OsString {
    let name = format!("{}inorm{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let others = std::env::split_paths(paths).filter(|directory| !directory.join(&name).exists());
    std::env::join_paths(others).unwrap_or_default()
}

/// What `rustc -vV` says.
pub fn compiler_version() -> Outcome<String> {
    let output = Command::new("rustc").arg("-vV").output().map_err(|error| {
        Failure::new(format!(
            "cannot run rustc: {error}; install Rust 1.95 or later from https://rustup.rs"
        ))
    })?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(Failure::new(format!(
            "`rustc -vV` failed: {}; repair the Rust toolchain, `rustup update` may do it",
            String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ")
        ))),
    }
}

/// The first 16 hexadecimal digits of a digest.
pub fn short(digest: &[u8]) -> String {
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// Writes a file in one step, or leaves it alone if it is right.
pub fn write_if_different(path: &Path, content: &str) -> Outcome {
    if fs::read_to_string(path).is_ok_and(|present| present == content) {
        return Ok(());
    }
    let failure = |error| Failure::io("write", path, &error);
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).map_err(failure)?;
    }
    let temporary = path.with_extension(format!("new-{}", std::process::id()));
    fs::write(&temporary, content).map_err(failure)?;
    fs::rename(&temporary, path).map_err(failure)
}
