//! `inorm doctor`: what this machine has of what is needed, and how to get the rest.

use crate::checkout::Checkout;
use crate::compilation::{Compiler, EVCXR_VERSION, OLDEST_RUST, Toolchain, cache, evcxr};
use crate::kernel::PrebuiltLibraries;
use crate::python::{self, parse_version};
use inorm_core::dataset::{FashionMnist, Source};
use inorm_core::files::entries;
use inorm_core::{Context, Failure, Outcome, print};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the set-up needs on the disk from nothing, in gigabytes.
const SPACE_NEEDED: u64 = 8;

/// What an open notebook may need besides, in gigabytes.
const SPACE_OF_A_NOTEBOOK: u64 = 1;

/// The state of one thing that is there, or is not needed yet.
enum Finding {
    /// It is there; what it is.
    Present(String),
    /// The set-up makes it, or the book does without it; what to do.
    Later(String),
}

use Finding::{Later, Present};

/// Looks at everything; fails if something is missing that only the reader can get.
pub fn run() -> Outcome {
    let checkout = Checkout::find()?;
    let cache = cache()?;
    let findings = [
        ("Rust compiler", rust()),
        ("Rust standard library", standard_library()),
        ("Rust sources", rust_sources()),
        ("C compiler", c_compiler()),
        ("Python", python_interpreter()),
        ("Python venv", venv()),
        ("Disk space", disk(&cache)),
        ("Rust kernel", rust_kernel(&cache)),
        ("Compiled libraries", libraries(&checkout, &cache)),
        ("Unused libraries", unused_libraries(&cache)),
        ("Python environment", environment(&checkout)),
        ("Kernel in JupyterLab", kernelspec(&checkout)),
        ("FashionMNIST", data()),
        ("NVIDIA GPU", gpu()),
    ];
    let mut missing = Vec::new();
    for (name, finding) in findings {
        match finding {
            Ok(Present(what)) => print(format_args!("ok       {name}: {what}"))?,
            Ok(Later(what)) => print(format_args!("not yet  {name}: {what}"))?,
            Err(how_to_get_it) => {
                print(format_args!("missing  {name}: {how_to_get_it}"))?;
                missing.push(name);
            }
        }
    }
    match missing.is_empty() {
        true => Ok(()),
        false => {
            fail(format!("missing: {}; the lines above say how to get it", missing.join(", ")))
        }
    }
}

fn fail<T>(message: impl Into<String>) -> Outcome<T> {
    Err(Failure::new(message))
}

fn rust() -> Outcome<Finding> {
    let compiler = Compiler::find()?;
    let release = compiler.release();
    match parse_version(release) >= parse_version(OLDEST_RUST) {
        true => Ok(Present(release.to_owned())),
        false => fail(format!(
            "{release} is too old; install Rust {OLDEST_RUST} or later from https://rustup.rs, or \
             `rustup update`"
        )),
    }
}

/// Notebook cells are linked against the shared one.
fn standard_library() -> Outcome<Finding> {
    Ok(Present(Compiler::find()?.shared_standard_library()?.display().to_string()))
}

fn rust_sources() -> Outcome<Finding> {
    let sources = Compiler::find()?.sources();
    Ok(match sources.is_dir() {
        true => Present("there, so completion knows the standard library".to_owned()),
        false => Later(
            "not there; notebooks run, but their variables' types may not be found: \
             `rustup component add rust-src`"
                .to_owned(),
        ),
    })
}

fn c_compiler() -> Outcome<Finding> {
    match Command::new("cc").arg("--version").output() {
        Ok(output) if output.status.success() => {
            Ok(Present(text(&output.stdout).lines().next().unwrap_or_default().to_owned()))
        }
        _ => fail("Rust links with it; install gcc or clang (Debian: apt install gcc)"),
    }
}

fn python_interpreter() -> Outcome<Finding> {
    let python::Python { program, version: (major, minor) } = python::find()?;
    Ok(Present(format!("{major}.{minor} ({program})")))
}

fn venv() -> Outcome<Finding> {
    let imports = ["-c", "import venv, ensurepip"];
    match Command::new(python::find()?.program).args(imports).output() {
        Ok(output) if output.status.success() => Ok(Present("there".to_owned())),
        _ => fail("install it (Debian: apt install python3-venv)"),
    }
}

fn disk(cache: &Path) -> Outcome<Finding> {
    let existing = cache.ancestors().find(|directory| directory.exists()).unwrap_or(Path::new("/"));
    let gigabytes = free_bytes(existing) >> 30;
    let what = format!("{gigabytes} GB free in {}", existing.display());
    let (user, needed) = match is_set_up(cache) {
        true => ("a notebook", SPACE_OF_A_NOTEBOOK),
        false => ("the set-up", SPACE_NEEDED),
    };
    match gigabytes >= needed {
        true => Ok(Present(what)),
        false => fail(format!(
            "{what}, but {user} takes {needed} GB; free some, or set INORM_CACHE to another disk"
        )),
    }
}

/// Whether there are compiled libraries, of any clone.
fn is_set_up(cache: &Path) -> bool {
    let toolchains = entries(&cache.join("kernels"));
    toolchains.flat_map(|toolchain| entries(&toolchain.join("libraries"))).next().is_some()
}

fn rust_kernel(cache: &Path) -> Outcome<Finding> {
    let name = format!("evcxr_jupyter {EVCXR_VERSION}");
    Ok(match evcxr::find(cache) {
        Some(program) => Present(format!("{name} in {}", program.display())),
        None => Later(format!("`inorm lab` builds {name}, 4 to 12 minutes")),
    })
}

fn libraries(checkout: &Checkout, cache: &Path) -> Outcome<Finding> {
    let toolchain = Toolchain::current(cache)?;
    let libraries = PrebuiltLibraries::of(checkout, &toolchain);
    Ok(match libraries.are_fresh() {
        true => Present(format!("in {}", libraries.directory().display())),
        false => Later("`inorm lab` compiles them, 1 to 8 minutes".to_owned()),
    })
}

/// What another version of this project, or another compiler, has left in the cache.
fn unused_libraries(cache: &Path) -> Outcome<Finding> {
    let Ok(current) = Toolchain::current(cache) else {
        return Ok(Later("known once there is a compiler".to_owned()));
    };
    let all = entries(&cache.join("kernels"));
    let others: Vec<PathBuf> = all.filter(|toolchain| toolchain != current.home()).collect();
    if others.is_empty() {
        return Ok(Present("none".to_owned()));
    }
    let sizes = Command::new("du").arg("-sh").args(others).output().context("run", "du")?;
    let sizes = text(&sizes.stdout).trim().replace('\t', " in ").replace('\n', ", ");
    Ok(Present(format!("{sizes}; `rm -r` those that no other clone or compiler of yours needs")))
}

fn environment(checkout: &Checkout) -> Outcome<Finding> {
    python::require_own(checkout)?;
    Ok(match checkout.python().exists() {
        true => Present("in .venv".to_owned()),
        false => Later("`inorm lab` makes it, about 1 minute".to_owned()),
    })
}

fn kernelspec(checkout: &Checkout) -> Outcome<Finding> {
    let path = checkout.environment().join("share/jupyter/kernels/inorm/kernel.json");
    Ok(match path.exists() {
        true => Present("Rust (inorm)".to_owned()),
        false => Later("`inorm lab` registers it".to_owned()),
    })
}

fn data() -> Outcome<Finding> {
    Ok(match FashionMnist::locate()? {
        Source::Folder(folder) => Present(format!("in {}", folder.display())),
        _ => Later("only the built-in subset; `inorm data fetch` gets all".to_owned()),
    })
}

/// Asks the driver, as a program with the feature `cuda` would; but that one does not even start
/// where the driver's library is missing.
fn gpu() -> Outcome<Finding> {
    // SAFETY: loads the driver's library, if there is one, which is made to be loaded.
    let driver = unsafe { libc::dlopen(c"libcuda.so.1".as_ptr(), libc::RTLD_NOW) };
    // SAFETY: looks a name up in a library that is never unloaded.
    let start = unsafe { libc::dlsym(driver, c"cuInit".as_ptr()) };
    if driver.is_null() || start.is_null() {
        let needed =
            "only the feature 'cuda' needs it, and a program with it does not start without";
        return Ok(Later(format!("no driver (libcuda.so.1); {needed}")));
    }
    // SAFETY: NVIDIA documents the function with this type.
    let start: extern "C" fn(u32) -> i32 = unsafe { std::mem::transmute(start) };
    Ok(match start(0) {
        0 => Present("there; the section \"On a GPU\" of README.md says how to use it".to_owned()),
        100 => Later("a driver, but no GPU".to_owned()),
        error => Later(format!("a driver that answers with error {error}, and no GPU")),
    })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn free_bytes(directory: &Path) -> u64 {
    rustix::fs::statvfs(directory).map_or(0, |disk| disk.f_bavail * disk.f_frsize)
}
