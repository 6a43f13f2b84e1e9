//! What the README and its like state is what the repository holds.

mod program;

use inorm_core::files::repository;
use program::{ends_with, inorm};
use std::{fs, path::Path, process::Command};

/// What stands between `<!-- inorm COMMAND -->` and `<!-- end -->`, in a fence or not, is what the
/// command prints. With the variable INORM_UPDATE it is put there.
#[test]
fn what_commands_are_said_to_print_is_what_they_print() {
    let mut found = 0;
    for name in ["README.md", "data/results/README.md"] {
        let path = repository().join(name);
        let page = fs::read_to_string(&path).unwrap();
        let (mut expected, mut rest) = (String::new(), page.as_str());
        while let Some((before, after)) = rest.split_once("<!-- inorm ") {
            let (command, after) = after.split_once(" -->\n").expect("a command and a line");
            let (shown, after) = after.split_once("<!-- end -->").expect("its end");
            // From anywhere.
            let [printed, _] = ends_with(0, inorm(command).current_dir("/"));
            let printed = printed.trim_end();
            let block = match shown.starts_with("```") {
                true => format!("```text\n{printed}\n```"),
                false => printed.to_owned(),
            };
            expected += &format!("{before}<!-- inorm {command} -->\n{block}\n<!-- end -->");
            (rest, found) = (after, found + 1);
        }
        expected += rest;
        if std::env::var_os("INORM_UPDATE").is_some() {
            fs::write(&path, expected).unwrap();
        } else {
            assert_eq!(
                page, expected,
                "INORM_UPDATE=1 before this test puts into {name} what is new"
            );
        }
    }
    assert_eq!(found, 6);
}

#[test]
fn every_file_that_it_names_exists() {
    let clone = repository();
    for name in [
        "README.md",
        "binder/README.md",
        "data/README.md",
        "data/results/README.md",
        "tests/fixtures/README.md",
    ] {
        let path = clone.join(name);
        let text = fs::read_to_string(&path).unwrap();
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
        for (target, _) in targets.filter(|(target, _)| !target.starts_with("http")) {
            let file = path.parent().unwrap().join(target.split('#').next().unwrap());
            assert!(file.exists(), "{name} names {target}, which does not exist");
        }
    }
}

/// Commands that other checks run; which ones, for the person who wonders.
const CHECKED_ELSEWHERE: &[(&str, &str)] = &[
    ("cargo run --release -- lab", "tests/check.sh, and in a browser crates/lab/tests/browser.rs"),
    ("cargo run --release -- book", "crates/lab/tests/browser.rs"),
    ("cargo run --release -- fmt notebooks/*.ipynb", "crates/lab/tests/program, with --check"),
    ("cargo run --release -- data fetch", "crates/lab/tests/faults, from a server of its own"),
    ("cargo run --release -- sweep run", "crates/experiments/tests/sweep"),
    (
        "cargo run --release -- sweep submit --engine slurm",
        "crates/experiments/tests/sweep/slurm.rs",
    ),
    ("tests/check.sh", "this is one of its tests"),
    ("tests/check.sh library", "this is one of its tests"),
    ("tests/container.sh", "by hand: it wants engines for containers, and much of an hour"),
    ("tests/front_ends.sh", "by hand: it wants Qt, and euporie's own libraries"),
    ("cargo test --release --test ensemble", "tests/check.sh"),
    ("cargo test --release --test rules", "tests/check.sh"),
    ("cargo test --release --test properties", "tests/check.sh"),
    ("cargo test --release --test damaged", "tests/check.sh"),
    ("cargo doc --open", "tests/check.sh, without opening it"),
    (
        "cargo binstall evcxr_jupyter@0.22.0",
        "by hand: it fetches a program that was built elsewhere",
    ),
    ("cargo add --path", "tests/as_library.rs, where it is asked for"),
    ("cargo deny check", "by hand: it wants cargo-deny, and the network"),
    ("cargo bench --bench ensemble", "compiled by tests/check.sh"),
    ("cargo bench --bench floor", "compiled by tests/check.sh"),
    ("cargo bench --bench throughput", "compiled by tests/check.sh"),
    ("python benches/peers/compare.py", "by hand: it wants torch and jax"),
    ("python3 tests/licenses.py --list", "tests/check.sh, which reads the list"),
];

/// They need a GPU, or NVIDIA's compiler; tests/cuda.sh does as much as can be done without.
const ON_A_GPU: &[&str] = &[
    "eval \"$(tests/cuda.sh env)\"",
    "tests/cuda.sh",
    "cargo build --release --package inorm-experiments --features cuda",
    "target/release/inorm-experiments sweep run --device cuda",
    "tests/gpu.sh",
    "tests/chapters.py",
];

#[test]
fn every_command_that_it_names_works() {
    let clone = repository();
    let readme = fs::read_to_string(clone.join("README.md")).unwrap();
    // A folder that looks like the clone, for what commands write.
    let folder = tempfile::tempdir().unwrap();
    for part in ["data", "tests", "notebooks"] {
        std::os::unix::fs::symlink(clone.join(part), folder.path().join(part)).unwrap();
    }
    let mut run = 0;
    for command in commands(&readme) {
        let elsewhere = CHECKED_ELSEWHERE.iter().any(|(known, _)| *known == command);
        if elsewhere || ON_A_GPU.contains(&command.as_str()) {
            continue;
        }
        let line = command.replace("cargo run --release --", &program_for(&command));
        assert_ne!(line, command, "nothing says how `{command}` is checked");
        ends_with(0, Command::new("sh").args(["-c", &line]).current_dir(&folder));
        run += 1;
    }
    assert!(run >= 7, "only {run} commands were found");
}

/// The program that carries out a command of `inorm`.
fn program_for(command: &str) -> String {
    let experiments = Path::new(env!("CARGO_BIN_EXE_inorm-experiments"));
    let name = command.split(' ').nth(4).unwrap_or_default();
    // `cargo test --workspace` builds the other one beside it.
    let program = match ["train", "evaluate", "sweep", "figure", "parity"].contains(&name) {
        true => experiments.to_owned(),
        false => experiments.with_file_name("inorm"),
    };
    assert!(program.exists(), "{} is built by cargo test --workspace", program.display());
    format!("'{}'", program.display())
}

/// What the text tells a reader to type: the lines of its shell blocks, and commands within a
/// sentence.
fn commands(markdown: &str) -> Vec<String> {
    let mut commands = Vec::new();
    let mut language = None;
    for line in markdown.lines() {
        match (line.strip_prefix("```"), language) {
            (Some(name), None) => language = Some(name),
            (Some(_), Some(_)) => language = None,
            (None, Some("sh")) => commands.push(line),
            (None, None) => commands.extend(line.split('`').skip(1).step_by(2).filter(|code| {
                ["cargo ", "tests/", "python"].iter().any(|start| code.starts_with(start))
            })),
            (None, Some(_)) => {}
        }
    }
    let bare = |command: &str| command.split("  #").next().unwrap().trim().to_owned();
    let mut known = std::collections::HashSet::new();
    let commands = commands.into_iter().map(bare).filter(|command| {
        // Files of tests are not commands.
        !command.is_empty() && !command.ends_with(".rs") && known.insert(command.clone())
    });
    commands.collect()
}

#[test]
fn the_checksums_of_the_data_are_those_that_are_checked() {
    let clone = repository();
    let page = fs::read_to_string(clone.join("data/README.md")).unwrap();
    let code = fs::read_to_string(clone.join("crates/lab/src/data.rs")).unwrap();
    let quoted = code.split('"').skip(1).step_by(2).collect::<Vec<_>>();
    let files = quoted.windows(2).filter(|pair| pair[0].ends_with("-ubyte"));
    assert_eq!(files.clone().count(), 4);
    for pair in files {
        let [name, digest] = [pair[0], pair[1]];
        let row = page.lines().find(|line| line.contains(name)).expect("a row a file");
        assert!(digest.len() == 64 && row.contains(digest), "{name}: {digest}");
    }
}

#[test]
fn the_container_is_made_of_what_the_checks_use() {
    let clone = repository();
    let read = |name: &str| fs::read_to_string(clone.join(name)).unwrap();
    let image = read("binder/Dockerfile");
    assert_eq!(image, read("Containerfile"));
    let base = format!("ARG BASE=docker.io/library/rust:{}-", env!("CARGO_PKG_RUST_VERSION"));
    assert!(image.lines().any(|line| line.starts_with(&base)), "{base}");
    let (_, packages) = image.split_once("--no-install-recommends ").expect("an installation");
    let packages = packages.split_once(" \\\n").unwrap().0;
    let installed = read(".ci/run");
    for package in packages.split(' ') {
        let known = installed.lines().filter(|line| line.starts_with("need "));
        assert!(known.flat_map(|line| line.split(' ')).any(|word| word == package), "{package}");
    }
    let container: serde_json::Value =
        serde_json::from_str(&read(".devcontainer/devcontainer.json")).unwrap();
    let of_editor = |key: &str| container["build"][key].as_str().unwrap().to_owned();
    let folder = clone.join(".devcontainer").join(of_editor("context")).canonicalize().unwrap();
    let file = clone.join(".devcontainer").join(of_editor("dockerfile")).canonicalize().unwrap();
    assert_eq!([folder, file], [clone.to_path_buf(), clone.join("binder/Dockerfile")]);
    let prepare = container["postCreateCommand"].as_str().unwrap();
    let (_, prepare) = prepare.split_once(" -- ").expect("a command of the program");
    assert!(read("tests/check.sh").contains(&format!("-- {prepare}")), "{prepare}");
    assert!(image.contains(&format!("-- {prepare}")), "{prepare}");
}
