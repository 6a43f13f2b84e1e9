//! How notebooks and experiments are compiled, and the directory that belongs to one way of doing it.

use super::compiler::Compiler;
use super::standard_library;
use inorm_core::Outcome;
use inorm_core::files::{short_sha256, write_if_different};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The version of the Rust kernel that stands behind ours.
pub const EVCXR_VERSION: &str = "0.22.0";

/// The line with which each notebook starts. The features leave out what only the command line
/// needs, so that the notebook has less to compile and to load.
pub const DEPENDENCY: &str =
    r#":dep inorm = { path = "..", default-features = false, features = ["cpu"] }"#;

/// The same line for a notebook in any folder: the kernel knows the library by its full path.
pub fn dependency(root: &Path) -> String {
    DEPENDENCY.replace("\"..\"", &format!("{root:?}"))
}

/// Cells train networks: they and the library are compiled as for a release.
const PROFILE: [(&str, &str); 4] = [
    ("CARGO_PROFILE_DEV_OPT_LEVEL", "3"),
    ("CARGO_PROFILE_DEV_DEBUG", "0"),
    ("CARGO_PROFILE_DEV_DEBUG_ASSERTIONS", "false"),
    ("CARGO_PROFILE_DEV_OVERFLOW_CHECKS", "false"),
];

/// Keeps several notebooks on one machine from competing for its cores, and shows tables whole.
const NOTEBOOK: [(&str, &str); 4] = [
    ("RAYON_NUM_THREADS", "1"),
    ("POLARS_MAX_THREADS", "1"),
    ("POLARS_FMT_MAX_ROWS", "100"),
    ("POLARS_FMT_MAX_COLS", "20"),
];

/// The Rust kernel keeps what it knows of packages for as long as it runs, and cleans up after
/// itself. Its allocator (mimalloc) gives freed pages back at once, and takes none of 2 MB: 509
/// instead of 579 to 623 MB with the library alone, for about a tenth more time a cell.
const ALLOCATOR: [(&str, &str); 2] = [("MIMALLOC_ALLOW_THP", "0"), ("MIMALLOC_PURGE_DELAY", "0")];

/// The file of the compiled library.
pub const LIBRARY: &str = "libinorm.so";

/// Where the system looks for shared libraries.
pub const LIBRARY_PATH: &str = "LD_LIBRARY_PATH";

/// Variables of the reader's shell that would make cargo build something else.
const REMOVED_VARIABLES: [&str; 5] = [
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "RUSTC_WRAPPER",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUST_BACKTRACE",
];

/// How the names begin of what cargo and rustup tell the programs that they run: a kernel is to
/// compile in the same way whether or not it is one of these.
const OF_THE_CALLER: [&str; 6] = [
    "CARGO_PKG_",
    "CARGO_MANIFEST_",
    "CARGO_BIN_",
    "CARGO_PRIMARY_PACKAGE",
    "RUST_RECURSION_COUNT",
    "RUSTUP_TOOLCHAIN_SOURCE",
];

/// Nothing of the reader's own settings applies, and none of its own defaults is changed.
const EVCXR_CONFIGURATION: &str = "[evcxr]\npreserve_vars_on_panic = true\n";

/// Where the notebooks' time goes: arithmetic, and drawing. The other libraries, foremost polars,
/// handle tables of a few rows: compiling them without optimization halves the set-up.
const OPTIMIZED: &str = "
    inorm inorm-core inorm-experiments dfdx
    gemm gemm-common gemm-f32 gemm-f64 pulp faer faer-traits
    nano-gemm nano-gemm-core nano-gemm-f32 nano-gemm-f64 private-gemm-x86
    rand rand_core rand_chacha rand_distr num-traits num-complex statrs sha2
    plotters plotters-bitmap ab_glyph ab_glyph_rasterizer ttf-parser owned_ttf_parser
    image png fdeflate flate2 miniz_oxide adler2 simd-adler32 crc32fast base64 bytemuck half";

/// Read by cargo because it lies above the directories that it works in.
///
/// The first table is what the Rust kernel wants for itself. It writes that into a manifest, but
/// cargo reads profiles from the manifest of a workspace only (see [`workspace`](super::workspace)).
fn cargo_configuration() -> String {
    let mut text = "[profile.dev]\n\
        strip = \"debuginfo\"\nrpath = true\nlto = false\ncodegen-units = 16\n\
        panic = \"unwind\"\nincremental = true\n\
        [profile.dev.package.\"*\"]\nopt-level = 0\n"
        .to_owned();
    for name in OPTIMIZED.split_whitespace() {
        text += &format!("[profile.dev.package.{name}]\nopt-level = 3\n");
    }
    text
}

/// One way of compiling: a compiler, a Rust kernel, the settings above. What was compiled in one
/// way is of no use in another, so each has a directory.
#[derive(Clone, Debug)]
pub struct Toolchain {
    home: PathBuf,
    compiler: Compiler,
    standard_library: Option<PathBuf>,
}

impl Toolchain {
    /// The current one of this machine; makes and fills its directory.
    pub fn current(cache: &Path) -> Outcome<Self> {
        let compiler = Compiler::find()?;
        let settings = PROFILE.map(|(name, value)| format!("{name}={value};")).concat();
        let configuration = cargo_configuration();
        let all = [compiler.version.as_str(), EVCXR_VERSION, &configuration, &settings].concat();
        let home = cache.join("kernels").join(short_sha256(all));
        write_if_different(&home.join(".cargo/config.toml"), configuration)?;
        write_if_different(&home.join("configuration/evcxr.toml"), EVCXR_CONFIGURATION)?;
        let standard_library = standard_library::copy(&compiler, &home)?;
        Ok(Self { home, compiler, standard_library })
    }

    /// Its directory: `builds`, in which cargo compiles, `libraries`, which kernels start from, and
    /// `experiments` have a directory for each clone; `running` has one for each kernel.
    pub fn home(&self) -> &Path {
        &self.home
    }

    pub fn compiler(&self) -> &Compiler {
        &self.compiler
    }

    /// The file that guards one of these directories.
    pub fn lock(&self, name: &str) -> PathBuf {
        self.home.join("locks").join(name)
    }

    /// Where cargo puts what it compiles, below its target directory.
    pub fn output(&self) -> PathBuf {
        Path::new(&self.compiler.host).join("debug")
    }

    /// Cargo's `subcommand` into `target`, just as the Rust kernel calls it for what a notebook
    /// depends on.
    pub fn cargo(&self, subcommand: &str, target: &Path) -> Command {
        let mut command = Command::new("cargo");
        self.set_profile(&mut command);
        command
            .args([subcommand, "--target", &self.compiler.host])
            .env("RUSTFLAGS", "-Cprefer-dynamic")
            .env("CARGO_TARGET_DIR", target)
            .env("CARGO_BUILD_BUILD_DIR", target);
        command
    }

    /// A command that runs the Rust kernel in `tree`, a directory of its own, for a notebook in
    /// `folder`.
    pub fn backend(&self, program: &Path, tree: &Path, folder: &Path) -> Command {
        let mut command = Command::new(program);
        self.set_profile(&mut command);
        command
            .envs(ALLOCATOR)
            .envs(NOTEBOOK)
            .env(LIBRARY_PATH, self.library_path(tree))
            .env("EVCXR_TMPDIR", tree)
            .env("EVCXR_CONFIG_DIR", self.home.join("configuration"))
            // It looks for a kernelspec of its own to bring up to date: let it find none.
            .env("JUPYTER_PATH", self.home.join("no-kernelspecs"))
            .envs(self.standard_library.iter().map(|sources| ("RUST_SRC_PATH", sources)))
            .current_dir(folder);
        command
    }

    fn set_profile(&self, command: &mut Command) {
        for variable in REMOVED_VARIABLES {
            command.env_remove(variable);
        }
        for (name, _) in std::env::vars_os() {
            let starts_with = |start: &&str| name.as_encoded_bytes().starts_with(start.as_bytes());
            if name == "CARGO" || OF_THE_CALLER.iter().any(starts_with) {
                command.env_remove(name);
            }
        }
        if let Some((home, name)) = self.compiler.rustup() {
            command.env("RUSTUP_HOME", home).env("RUSTUP_TOOLCHAIN", name);
        }
        command.envs(PROFILE);
    }

    /// Where a compiled cell finds this library and the standard library. The linker writes a
    /// path into it that is relative to a directory one level below the one that it runs in.
    fn library_path(&self, tree: &Path) -> OsString {
        let deps = tree.join("target").join(self.output()).join("deps");
        library_path([deps, self.compiler.libraries.clone()], std::env::var_os(LIBRARY_PATH))
    }
}

/// These directories, and those of the reader's shell without a library of this project: `cargo run`
/// names the one beside this program, and who was linked with one build of it must not be run with
/// another.
pub fn library_path(
    first: impl IntoIterator<Item = PathBuf>,
    inherited: Option<OsString>,
) -> OsString {
    let inherited = inherited.unwrap_or_default();
    let others =
        std::env::split_paths(&inherited).filter(|directory| !directory.join(LIBRARY).exists());
    std::env::join_paths(first.into_iter().chain(others)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_of_another_build_is_not_found() {
        let [ours, other, cuda] = [(); 3].map(|()| tempfile::tempdir().unwrap());
        std::fs::write(other.path().join(LIBRARY), "").unwrap();
        let inherited = std::env::join_paths([other.path(), cuda.path()]).unwrap();
        let found = library_path([ours.path().to_owned()], Some(inherited));
        assert_eq!(found, std::env::join_paths([ours.path(), cuda.path()]).unwrap());
    }
}
