//! `inorm doctor`: what this machine has of what is needed, and how to get the rest.

use crate::checkout::Checkout;
use crate::compilation::{Cache, Compiler, EVCXR_VERSION, Toolchain, evcxr};
use crate::kernel::PrebuiltLibraries;
use crate::python;
use inorm_core::dataset::{FashionMnist, Source};
use inorm_core::{Failure, Outcome};
use std::fs;
use std::path::Path;
use std::process::Command;

/// The oldest compiler that the Rust kernel builds with.
const OLDEST_RUST: &str = env!("CARGO_PKG_RUST_VERSION");

/// What the set-up needs on the disk from nothing, in gigabytes.
const SPACE_NEEDED: u64 = 8;

/// What one that is open may need beside that, in gigabytes.
const SPACE_OF_A_NOTEBOOK: u64 = 1;

/// How one thing is.
enum Finding {
    /// It is there; what it is.
    Present(String),
    /// It is missing, but the set-up makes it or the book does without it; what to do.
    Later(String),
    /// It is missing, and nothing goes on without it; how to get it.
    Missing(String),
}

use Finding::{Later, Missing, Present};

/// Looks at everything; fails if something is missing that only the reader can get.
pub fn run() -> Outcome {
    let checkout = Checkout::find()?;
    let cache = Cache::find()?;
    let findings = [
        ("Rust compiler", rust()),
        ("Rust standard library", standard_library()),
        ("Rust sources", rust_sources()),
        ("C compiler", c_compiler()),
        ("Python", python_interpreter()),
        ("Python venv", venv()),
        ("Disk space", disk(cache.root())),
        ("Rust kernel", rust_kernel(&cache)),
        ("Compiled libraries", libraries(&checkout, &cache)),
        ("Python environment", environment(&checkout)),
        ("Kernel in JupyterLab", kernelspec(&checkout)),
        ("FashionMNIST", data()),
        ("NVIDIA GPU", gpu()),
    ];
    let mut missing = Vec::new();
    for (name, finding) in findings {
        match finding {
            Present(what) => println!("ok       {name}: {what}"),
            Later(what) => println!("not yet  {name}: {what}"),
            Missing(what) => {
                println!("missing  {name}: {what}");
                missing.push(name);
            }
        }
    }
    match missing.is_empty() {
        true => Ok(()),
        false => Err(Failure::new(format!(
            "missing: {}; the lines above say how to get it",
            missing.join(", ")
        ))),
    }
}

fn rust() -> Finding {
    let advice = format!("install Rust {OLDEST_RUST} or later from https://rustup.rs");
    let Ok(compiler) = Compiler::find() else { return Missing(advice) };
    let release = compiler.release();
    match version(release) >= version(OLDEST_RUST) {
        true => Present(release.to_owned()),
        false => Missing(format!("{release} is too old; {advice}, or `rustup update`")),
    }
}

/// Notebook cells are linked against the shared one.
fn standard_library() -> Finding {
    let Ok(compiler) = Compiler::find() else { return Missing("needs the compiler first".into()) };
    match compiler.shared_standard_library() {
        Ok(library) => Present(library.display().to_string()),
        Err(failure) => Missing(failure.to_string()),
    }
}

fn rust_sources() -> Finding {
    let compiler = Compiler::find().ok();
    let sources = compiler.map(|compiler| compiler.sysroot.join("lib/rustlib/src/rust/library"));
    match sources.filter(|sources| sources.is_dir()) {
        Some(_) => Present("there, so completion knows the standard library".to_owned()),
        None => Later(
            "not there; notebooks run, but their variables' types may not be found: \
             `rustup component add rust-src`"
                .to_owned(),
        ),
    }
}

fn c_compiler() -> Finding {
    match first_line(Command::new("cc").arg("--version")) {
        Some(line) => Present(line),
        None => {
            Missing("Rust links with it; install gcc or clang (Debian: apt install gcc)".into())
        }
    }
}

fn python_interpreter() -> Finding {
    match python::find() {
        Ok(python) => {
            let (major, minor) = python.version;
            Present(format!("{major}.{minor} ({})", python.program.display()))
        }
        Err(failure) => Missing(failure.to_string()),
    }
}

fn venv() -> Finding {
    let advice = "install it (Debian: apt install python3-venv)";
    let Ok(python) = python::find() else { return Missing("needs Python first".into()) };
    let works = Command::new(&python.program).args(["-c", "import venv, ensurepip"]).output();
    match works.is_ok_and(|output| output.status.success()) {
        true => Present("there".into()),
        false => Missing(advice.into()),
    }
}

fn disk(cache: &Path) -> Finding {
    let existing = cache.ancestors().find(|directory| directory.exists()).unwrap_or(Path::new("/"));
    let gigabytes = free_bytes(existing) >> 30;
    let what = format!("{gigabytes} GB free in {}", existing.display());
    let (user, needed) = match is_set_up(cache) {
        true => ("a notebook", SPACE_OF_A_NOTEBOOK),
        false => ("the set-up", SPACE_NEEDED),
    };
    match gigabytes >= needed {
        true => Present(what),
        false => Missing(format!(
            "{what}, but {user} takes {needed} GB; free some, or set INORM_CACHE to another disk"
        )),
    }
}

/// Whether there are compiled libraries, of whatever clone.
fn is_set_up(cache: &Path) -> bool {
    let toolchains = fs::read_dir(cache.join("kernels")).into_iter().flatten().flatten();
    let libraries = toolchains.filter_map(|it| fs::read_dir(it.path().join("libraries")).ok());
    libraries.flatten().flatten().next().is_some()
}

fn rust_kernel(cache: &Cache) -> Finding {
    match evcxr::find(cache) {
        Some(program) => Present(format!("evcxr_jupyter {EVCXR_VERSION} in {}", program.display())),
        None => Later(format!("`inorm lab` builds evcxr_jupyter {EVCXR_VERSION}, 4 to 12 minutes")),
    }
}

fn libraries(checkout: &Checkout, cache: &Cache) -> Finding {
    match Toolchain::current(cache).map(|toolchain| PrebuiltLibraries::of(checkout, &toolchain)) {
        Ok(libraries) if libraries.are_fresh() => {
            Present(format!("in {}", libraries.directory().display()))
        }
        Ok(_) => Later("`inorm lab` compiles them, 1 to 8 minutes".into()),
        Err(failure) => Missing(failure.to_string()),
    }
}

fn environment(checkout: &Checkout) -> Finding {
    match python::require_own(checkout) {
        Err(failure) => Missing(failure.to_string()),
        Ok(()) if checkout.python().exists() => Present("in .venv".into()),
        Ok(()) => Later("`inorm lab` makes it, about 1 minute".into()),
    }
}

fn kernelspec(checkout: &Checkout) -> Finding {
    let path = checkout.environment().join("share/jupyter/kernels/inorm/kernel.json");
    match path.exists() {
        true => Present("Rust (inorm)".into()),
        false => Later("`inorm lab` registers it".into()),
    }
}

fn data() -> Finding {
    match FashionMnist::locate() {
        Ok(Source::Folder(folder)) => Present(format!("in {}", folder.display())),
        Ok(Source::Subset) => Later("only the built-in subset; `inorm data fetch` gets all".into()),
        Err(error) => Missing(error.to_string()),
    }
}

/// Asks the driver, as a program with the feature `cuda` would; but that one does not even start
/// where the driver's library is missing.
fn gpu() -> Finding {
    let needed = "only the feature 'cuda' needs it, and a program with it does not start without";
    // SAFETY: loads the driver's library, if there is one, which is made to be loaded.
    let driver = unsafe { libc::dlopen(c"libcuda.so.1".as_ptr(), libc::RTLD_NOW) };
    // SAFETY: looks a name up in a library that is never unloaded.
    let find = |name: &std::ffi::CStr| unsafe { libc::dlsym(driver, name.as_ptr()) };
    if driver.is_null() || find(c"cuInit").is_null() || find(c"cuDeviceGetCount").is_null() {
        return Later(format!("no driver (libcuda.so.1); {needed}"));
    }
    type Pointer = *mut libc::c_void;
    let mut count: libc::c_int = 0;
    // SAFETY: NVIDIA documents these two functions with these types.
    let answer = unsafe {
        let start: extern "C" fn(u32) -> i32 = std::mem::transmute::<Pointer, _>(find(c"cuInit"));
        let ask: extern "C" fn(*mut libc::c_int) -> i32 =
            std::mem::transmute::<Pointer, _>(find(c"cuDeviceGetCount"));
        match start(0) {
            0 => ask(&mut count),
            error => error,
        }
    };
    match (answer, count) {
        (0, 1..) => Present(format!(
            "{count}, for sweeps; the section \"On a GPU\" of README.md says how to build for it"
        )),
        (0, _) => Later("a driver, but no GPU".to_owned()),
        (error, _) => Later(format!("a driver that answers with error {error}, and no GPU")),
    }
}

fn first_line(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()?.lines().next().map(str::to_owned)
}

fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split('.').map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => Some((major, minor)),
        _ => None,
    }
}

fn free_bytes(directory: &Path) -> u64 {
    rustix::fs::statvfs(directory).map_or(0, |disk| disk.f_bavail * disk.f_frsize)
}
