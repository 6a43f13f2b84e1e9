//! The commands of the experiments program: `inorm` builds that, and runs it.

use crate::machine::{Machine, assert_failed, content, inorm, text};
use std::fs;
use std::process::Output;
use std::time::{Duration, SystemTime};

#[test]
fn arguments_and_exit_codes_are_passed_on() {
    let machine = Machine::new(&[("other", "echo \"$@\"; exit 75")]);
    for arguments in [&["train", "--help"][..], &["sweep", "run", "--row", "3", "--", "-x"]] {
        let program = machine.path("programs/other");
        let output = inorm(arguments).env("INORM_EXPERIMENTS", program).output().unwrap();
        assert_eq!(text(&output.stdout).trim(), arguments.join(" "));
        assert_eq!(output.status.code(), Some(75));
    }
    let help = text(&inorm(&["--help"]).output().unwrap().stdout);
    for command in ["train ", "evaluate ", "sweep ", "figure ", "parity "] {
        assert!(help.lines().any(|line| line.trim().starts_with(command)), "{help}");
    }
}

/// A machine that has all that the program is compiled from, and this cargo.
fn machine(cargo: &str) -> Machine {
    let machine = Machine::new(&[("cargo", cargo)]);
    machine.write("libraries/libstd-0123.so", "");
    let paths = format!("host\n/sysroot\n{}", machine.path("libraries").display());
    let rustc = format!("case $1 in -vV) echo 'release: 1.95.0';; *) echo '{paths}';; esac");
    machine.install("rustc", &rustc);
    for file in ["Cargo.lock", "build.rs", "src/lib.rs", "crates/experiments/Cargo.toml"] {
        machine.write(&format!("clone/{file}"), "");
    }
    for folder in ["crates/core", "crates/experiments/src", "data/fashion-mnist-subset"] {
        fs::create_dir_all(machine.path("clone").join(folder)).unwrap();
    }
    machine
}

fn train(machine: &Machine) -> Output {
    machine.inorm(&["train", "e_ln"]).output().unwrap()
}

/// Puts a program where cargo would.
const COMPILES: &str = "echo Compiling >&2
    mkdir -p \"$CARGO_TARGET_DIR/host/debug/deps\"; cd \"$CARGO_TARGET_DIR/host/debug\"
    : > deps/libinorm.so; printf '#!/bin/sh\\necho trained \"$@\"\\n' > inorm; chmod +x inorm";

#[test]
fn it_is_built_once_and_again_when_a_source_has_changed() {
    let machine = machine(COMPILES);
    let output = train(&machine);
    assert_eq!(text(&output.stdout), "trained train e_ln\n", "{output:?}");
    assert!(text(&output.stderr).contains("Program for experiments: compiling, once"));
    let kernels = machine.path("cache/kernels");
    let programs = kernels.join(&content(&kernels)[0]).join("experiments");
    let mut beside = content(&programs.join(&content(&programs)[0]));
    beside.sort();
    assert_eq!(beside[beside.len() - 2..], ["libinorm.so", "libstd-0123.so"]);
    let again = train(&machine);
    assert_eq!((text(&again.stdout), text(&again.stderr)), (text(&output.stdout), String::new()));
    let source = fs::File::options().write(true).open(machine.path("clone/src/lib.rs")).unwrap();
    source.set_modified(SystemTime::now() + Duration::from_secs(5)).unwrap();
    assert!(text(&train(&machine).stderr).contains("Program for experiments: compiling"));
}

#[test]
fn a_build_that_was_interrupted_goes_on_where_it_was() {
    let begins = "mkdir -p \"$CARGO_TARGET_DIR\"; : > \"$CARGO_TARGET_DIR/begun\"; kill -KILL $$";
    let machine = machine(begins);
    let output = train(&machine);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(text(&output.stdout).is_empty());
    // In the same directory, which it finds as it was left.
    machine
        .install("cargo", &["[ -e \"$CARGO_TARGET_DIR/begun\" ] || exit 1\n", COMPILES].concat());
    assert_eq!(text(&train(&machine).stdout), "trained train e_ln\n");
}

#[test]
fn a_build_that_fails_ends_with_one_line_on_what_to_do() {
    let machine = machine("echo 'error: no space left on device' >&2; exit 101");
    let output = train(&machine);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains("  error: no space left on device\n"), "{said}");
    let last = said.lines().last().unwrap();
    assert!(last.starts_with("inorm: cargo failed") && last.contains("the disk"), "{said}");
    for (missing, words) in [("cargo", "cargo was not found"), ("rustc", "cannot run rustc")] {
        let program = machine.path("programs").join(missing);
        let hidden = program.with_extension("hidden");
        fs::rename(&program, &hidden).unwrap();
        assert_failed(&train(&machine), &[words, "install Rust", "https://rustup.rs"]);
        fs::rename(&hidden, &program).unwrap();
    }
}
