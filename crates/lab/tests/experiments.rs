//! What `inorm` does with the commands of the experiments program: builds it, and runs it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

fn inorm(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_inorm"));
    command.args(arguments);
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn write_script(path: &Path, script: &str) {
    fs::write(path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn arguments_and_exit_codes_are_passed_on() {
    let folder = TempDir::new().unwrap();
    let program = folder.path().join("program");
    write_script(&program, "echo \"$@\"; exit 75");
    for arguments in [&["train", "--help"][..], &["sweep", "run", "--row", "3", "--", "-x"]] {
        let output = inorm(arguments).env("INORM_EXPERIMENTS", &program).output().unwrap();
        assert_eq!(text(&output.stdout).trim(), arguments.join(" "));
        assert_eq!(output.status.code(), Some(75));
    }
    let help = text(&inorm(&["--help"]).output().unwrap().stdout);
    for command in ["train ", "evaluate ", "sweep ", "figure ", "parity "] {
        assert!(help.lines().any(|line| line.trim().starts_with(command)), "{help}");
    }
}

/// A machine with a clone of the repository, and with a compiler and a cargo that do as the script
/// says.
struct Machine {
    folder: TempDir,
}

impl Machine {
    fn new(cargo: &str) -> Self {
        let machine = Self { folder: TempDir::new().unwrap() };
        for name in ["clone/src", "programs", "cache"] {
            fs::create_dir_all(machine.folder.path().join(name)).unwrap();
        }
        let clone = machine.folder.path().join("clone");
        fs::write(clone.join("Cargo.toml"), "[package]\nname = \"inorm\"\n").unwrap();
        for name in ["Cargo.lock", "build.rs", "src/lib.rs"] {
            fs::write(clone.join(name), "").unwrap();
        }
        for name in ["crates/core", "crates/experiments/src", "data/fashion-mnist-subset"] {
            fs::create_dir_all(clone.join(name)).unwrap();
        }
        fs::write(clone.join("crates/experiments/Cargo.toml"), "").unwrap();
        let libraries = machine.folder.path().join("libraries");
        fs::create_dir(&libraries).unwrap();
        fs::write(libraries.join("libstd-0123.so"), "").unwrap();
        let paths = format!("host\n/sysroot\n{}", libraries.display());
        let rustc = format!("case $1 in -vV) echo 'release: 1.95.0';; *) echo '{paths}';; esac");
        machine.program("rustc", &rustc);
        machine.program("cargo", cargo);
        machine
    }

    fn program(&self, name: &str, script: &str) {
        write_script(&self.folder.path().join("programs").join(name), script);
    }

    fn train(&self) -> Output {
        let path = |name: &str| self.folder.path().join(name);
        let paths = [path("programs"), "/usr/bin".into(), "/bin".into()];
        inorm(&["train", "e_ln"])
            .current_dir(path("clone"))
            .env("INORM_CACHE", path("cache"))
            .env("PATH", std::env::join_paths(paths).unwrap())
            .env_remove("INORM_EXPERIMENTS")
            .output()
            .unwrap()
    }
}

/// Puts a program where cargo would.
const COMPILES: &str = "echo Compiling >&2\n\
    cd \"$CARGO_TARGET_DIR\" 2>/dev/null || { mkdir -p \"$CARGO_TARGET_DIR\"; cd \"$CARGO_TARGET_DIR\"; }\n\
    mkdir -p host/debug/deps; : > host/debug/deps/libinorm.so; printf '#!/bin/sh\\necho trained \"$@\"\\n' > host/debug/inorm\n\
    chmod +x host/debug/inorm";

#[test]
fn it_is_built_once_and_again_when_a_source_has_changed() {
    let machine = Machine::new(COMPILES);
    let output = machine.train();
    assert_eq!(text(&output.stdout), "trained train e_ln\n", "{output:?}");
    assert!(text(&output.stderr).contains("Program for experiments: compiling, once"));
    let programs = fs::read_dir(machine.folder.path().join("cache/kernels")).unwrap();
    let mut beside: Vec<_> = programs
        .flat_map(|kernel| fs::read_dir(kernel.unwrap().path().join("experiments")).unwrap())
        .flat_map(|clone| fs::read_dir(clone.unwrap().path()).unwrap())
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    beside.sort();
    assert_eq!(beside[beside.len() - 2..], ["libinorm.so", "libstd-0123.so"]);
    let again = machine.train();
    assert_eq!((text(&again.stdout), text(&again.stderr)), (text(&output.stdout), String::new()));
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(5);
    let source = machine.folder.path().join("clone/src/lib.rs");
    fs::File::options().write(true).open(source).unwrap().set_modified(later).unwrap();
    assert!(text(&machine.train().stderr).contains("Program for experiments: compiling"));
}

#[test]
fn a_build_that_was_interrupted_goes_on_where_it_was() {
    let begins = "mkdir -p \"$CARGO_TARGET_DIR\"; : > \"$CARGO_TARGET_DIR/begun\"; kill -KILL $$";
    let machine = Machine::new(begins);
    let output = machine.train();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(text(&output.stdout).is_empty());
    // In the same directory, which it finds as it was left.
    machine
        .program("cargo", &["[ -e \"$CARGO_TARGET_DIR/begun\" ] || exit 1\n", COMPILES].concat());
    assert_eq!(text(&machine.train().stdout), "trained train e_ln\n");
}

#[test]
fn a_build_that_fails_ends_with_one_line_on_what_to_do() {
    let machine = Machine::new("echo 'error: no space left on device' >&2; exit 101");
    let output = machine.train();
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains("  error: no space left on device\n"), "{said}");
    let last = said.lines().last().unwrap();
    assert!(last.starts_with("inorm: cargo failed") && last.contains("the disk"), "{said}");
    fs::remove_file(machine.folder.path().join("programs/cargo")).unwrap();
    let said = text(&machine.train().stderr);
    assert!(said.lines().last().unwrap().starts_with("inorm: cannot run cargo"), "{said}");
    fs::remove_file(machine.folder.path().join("programs/rustc")).unwrap();
    let said = text(&machine.train().stderr);
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("cannot run rustc") && said.contains("install Rust"), "{said}");
}
