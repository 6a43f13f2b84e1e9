//! Notebooks, executed by the real kernel through `inorm lab --run`.
//!
//! They need what `inorm lab --prepare` sets up (from nothing: a quarter of an hour of compiling), so
//! that a plain `cargo test` leaves them out; `tests/check.sh` runs them.

use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The top of the repository.
fn clone() -> &'static Path {
    inorm_core::files::repository()
}

fn lab(arguments: &[&str], notebooks: &[PathBuf]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_inorm"));
    command.arg("lab").args(arguments).arg("--run").args(notebooks).current_dir(clone());
    command
}

/// The first cell of a notebook that is not in the folder of the book.
fn dependency() -> String {
    let clone = clone();
    format!(":dep inorm = {{ path = {clone:?}, default-features = false, features = [\"cpu\"] }}")
}

fn write_notebook(path: &Path, cells: &[&str]) {
    let cells: Vec<Value> = cells
        .iter()
        .enumerate()
        .map(|(index, source)| {
            json!({
                "cell_type": "code", "id": format!("c{index}"), "metadata": {}, "outputs": [],
                "execution_count": null, "source": source,
            })
        })
        .collect();
    let notebook = json!({
        "cells": cells, "metadata": {"kernelspec": {"name": "inorm", "display_name": "", "language": "rust"}},
        "nbformat": 4, "nbformat_minor": 5,
    });
    fs::write(path, notebook.to_string()).unwrap();
}

/// Executes cells after the dependency line, in a folder of their own.
struct Executed {
    _folder: TempDir,
    path: PathBuf,
    before: String,
    output: Output,
}

fn execute(cells: &[&str]) -> Executed {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("scratch.ipynb");
    let dependency = dependency();
    let all: Vec<&str> =
        std::iter::once(dependency.as_str()).chain(cells.iter().copied()).collect();
    write_notebook(&path, &all);
    let before = fs::read_to_string(&path).unwrap();
    let output = lab(&[], std::slice::from_ref(&path)).output().unwrap();
    Executed { _folder: folder, path, before, output }
}

impl Executed {
    /// What the cells printed, all of it.
    #[track_caller]
    fn printed(&self) -> String {
        assert!(self.output.status.success(), "{}", String::from_utf8_lossy(&self.output.stderr));
        texts(&read_notebook(&self.path)).concat()
    }

    /// What was said of a notebook that did not run; the file must be as it was.
    #[track_caller]
    fn complaint(&self) -> String {
        assert_eq!(self.output.status.code(), Some(1));
        assert_eq!(fs::read_to_string(&self.path).unwrap(), self.before);
        String::from_utf8_lossy(&self.output.stderr).into_owned()
    }
}

fn read_notebook(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// Every text that the outputs of a notebook have, cell by cell.
fn texts(notebook: &Value) -> Vec<String> {
    let join = |text: &Value| match text {
        Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect(),
        other => other.as_str().unwrap_or_default().to_owned(),
    };
    let cells = notebook["cells"].as_array().unwrap();
    let outputs = |cell: &Value| cell["outputs"].as_array().cloned().unwrap_or_default();
    let text = |output: &Value| join(&output["text"]) + &join(&output["data"]["text/plain"]);
    cells.iter().map(|cell| outputs(cell).iter().map(text).collect::<String>()).collect()
}

/// A model, data, and a training that differentiates: by dfdx, whose tensors are numbered by a
/// counter that must be one for all cells, and by the typed networks.
const MODEL: &str = "
use inorm::{Condition, configuration::configuration, dataset::FashionMnist, learning::Run};
use inorm::{dfdx::prelude::*, networks::INormNetwork};
let device = AutoDevice::seed_from_u64(3);
let first: Tensor<Rank2<4, 8>, f32, AutoDevice> = device.sample_normal();
let second: Tensor<Rank2<8, 2>, f32, AutoDevice> = device.sample_normal();
let network = INormNetwork::<234, 23>::new(Condition::INormFull, 5, &device)?;
";
const DATA: &str = "
let inputs: Tensor<Rank2<16, 4>, f32, AutoDevice> = device.sample_uniform();
let wanted: Tensor<Rank2<16, 2>, f32, AutoDevice> = device.sample_uniform();
let data = FashionMnist::subset()?;
";
const TRAINING: &str = "
let (mut one, mut two) = (first.clone(), second.clone());
for _ in 0..5 {
    let hidden = inputs.clone().traced(Gradients::leaky()).matmul(one.clone()).relu();
    let loss = (hidden.matmul(two.clone()) - wanted.clone()).square().mean();
    println!(\"{:e}\", loss.array());
    let gradients = loss.backward();
    one = one.clone() - gradients.get(&one) * 0.05;
    two = two.clone() - gradients.get(&two) * 0.05;
}
let run = Run::new(Condition::INormFull, &configuration(13)?).epochs(2).seed(5);
let (_trained, record) = network.clone().train(&run, &data, &mut ())?;
for epoch in &record.epochs {
    println!(\"{:?}\", epoch.test_accuracy);
};
";

#[test]
#[ignore = "needs `inorm lab --prepare`"]
fn training_across_cells_equals_training_in_one_cell() {
    let across = execute(&[MODEL, DATA, TRAINING]).printed();
    let in_one = execute(&[&[MODEL, DATA, TRAINING].concat()]).printed();
    assert_eq!(across.lines().count(), 7, "{across}");
    assert_eq!(across, in_one);
    let losses: Vec<f32> = across.lines().take(5).map(|line| line.parse().unwrap()).collect();
    assert!(losses.is_sorted_by(|earlier, later| later < earlier), "no descent: {losses:?}");
}

#[test]
#[ignore = "needs `inorm lab --prepare`"]
fn a_cell_that_panics_or_fails_is_an_error_and_leaves_the_notebook_alone() {
    let panic = execute(&[
        "let vector: Vec<u8> = Vec::new();",
        "assert!(!vector.is_empty(), \"no element\");",
    ]);
    assert!(panic.complaint().contains("cell 3"), "{}", panic.complaint());
    let failed = execute(&["let number: i32 = \"seven\".parse()?;"]);
    assert!(failed.complaint().contains("cell 2"), "{}", failed.complaint());
    let wrong = execute(&["let number: i32 = \"seven\";"]);
    assert!(wrong.complaint().contains("cell 2"), "{}", wrong.complaint());
}

#[test]
#[ignore = "needs `inorm lab --prepare`"]
fn two_notebooks_at_once_do_not_disturb_each_other() {
    let folder = TempDir::new().unwrap();
    let runs: Vec<_> = ["first", "second"]
        .into_iter()
        .map(|name| {
            let path = folder.path().join(format!("{name}.ipynb"));
            let own = format!("let name = \"{name}\".to_owned();");
            let dependency = dependency();
            let mut cells = vec![dependency.as_str(), &own];
            cells.extend(["println!(\"{name} {}\", 6 * 7);"; 5]);
            write_notebook(&path, &cells);
            let child = lab(&[], std::slice::from_ref(&path))
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            (name, path, child)
        })
        .collect();
    for (name, path, child) in runs {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(texts(&read_notebook(&path)).concat(), format!("{name} 42\n").repeat(5));
    }
}

/// The directories and processes of running kernels.
fn running() -> Vec<PathBuf> {
    let root = std::env::var_os("INORM_CACHE").map(PathBuf::from).unwrap_or_else(|| {
        let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        cache.unwrap_or_else(|| std::env::home_dir().unwrap().join(".cache")).join("inorm")
    });
    let kernels = fs::read_dir(root.join("kernels")).into_iter().flatten().flatten();
    kernels
        .flat_map(|recipe| fs::read_dir(recipe.path().join("running")).into_iter().flatten())
        .map(|entry| entry.unwrap().path())
        .collect()
}

#[test]
#[ignore = "needs `inorm lab --prepare`"]
fn a_kernel_whose_client_is_killed_ends_and_removes_its_directory() {
    let before = running();
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("endless.ipynb");
    write_notebook(&path, &["loop { std::thread::sleep(std::time::Duration::from_secs(1)); }"]);
    let client = clone().join(".venv/bin/python");
    let mut client = Command::new(client)
        .arg(clone().join("python/execute.py"))
        .arg(&path)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let new = || running().into_iter().find(|directory| !before.contains(directory));
    let directory = wait_for("a kernel to start", new);
    let process = Path::new("/proc").join(directory.file_name().unwrap());
    // Long enough for the cell to be inside its loop.
    std::thread::sleep(Duration::from_secs(15));
    assert!(process.exists() && directory.exists());
    client.kill().unwrap();
    client.wait().unwrap();
    wait_for("the kernel to end", || (!process.exists()).then_some(()));
    wait_for("its directory to be removed", || (!directory.exists()).then_some(()));
}

#[track_caller]
fn wait_for<T>(what: &str, ready: impl Fn() -> Option<T>) -> T {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(value) = ready() {
            return value;
        }
        assert!(Instant::now() < until, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
#[ignore = "needs `inorm lab --prepare`"]
fn the_notebooks_print_what_is_committed() {
    let executed = TempDir::new().unwrap();
    let output =
        lab(&["--into", executed.path().to_str().unwrap(), "--all"], &[]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    print!("{said}");
    let mut compared = 0;
    for entry in fs::read_dir(executed.path()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap();
        let committed = read_notebook(&clone().join("notebooks").join(name));
        let ours = read_notebook(&path);
        let (committed, ours) = (texts(&committed), texts(&ours));
        assert_eq!(committed.len(), ours.len());
        for (number, (committed, ours)) in committed.iter().zip(&ours).enumerate() {
            if let Err(difference) = compare(committed, ours) {
                panic!("{}, cell {}: {difference}", name.display(), number + 1);
            }
            compared += usize::from(!committed.is_empty());
        }
    }
    assert!(compared > 0, "no cell of any notebook prints anything");
}

#[test]
#[ignore = "needs `inorm lab --prepare`"]
fn the_folded_solutions_are_right() {
    let clone = clone();
    let script = clone.join("crates/lab/tests/solutions.py");
    let status = Command::new(clone.join(".venv/bin/python")).arg(script).arg(clone).status();
    assert!(status.unwrap().success());
}

/// Networks that train at once report in any order: their lines are compared in that of the
/// alphabet, after all others.
fn settled(text: &str) -> String {
    let reports = |line: &&str| line.contains("  epoch ") && line.contains(": test accuracy ");
    let (mut reported, other): (Vec<&str>, Vec<&str>) = text.lines().partition(reports);
    reported.sort_unstable();
    [other, reported].concat().join("\n")
}

/// Words must be the same. Numbers may differ by what another processor's arithmetic, carried
/// through a whole training, makes of the last digits.
fn compare(committed: &str, ours: &str) -> Result<(), String> {
    let words =
        |text: &str| -> Vec<String> { text.split_whitespace().map(str::to_owned).collect() };
    let (committed, ours) = (words(&settled(committed)), words(&settled(ours)));
    if committed.len() != ours.len() {
        return Err(format!(
            "{} words are committed, now there are {}",
            committed.len(),
            ours.len()
        ));
    }
    for (committed, ours) in committed.iter().zip(&ours) {
        let number = |word: &str| {
            let digits = word.trim_matches(|character: char| {
                !character.is_ascii_digit() && character != '-' && character != '.'
            });
            digits.trim_end_matches('.').parse::<f64>().ok()
        };
        let same = match (number(committed), number(ours)) {
            (Some(committed), Some(ours)) => {
                (committed - ours).abs() <= 0.05 * committed.abs() + 1e-6
            }
            _ => committed == ours,
        };
        if !same {
            return Err(format!("committed is {committed:?}, now it is {ours:?}"));
        }
    }
    Ok(())
}

#[test]
fn a_comparison_notices_other_words_and_other_numbers() {
    assert_eq!(compare("accuracy 79.9 %", "accuracy  80.3 %"), Ok(()));
    assert!(compare("accuracy 79.9 %", "accuracy 60.3 %").is_err());
    assert!(compare("e_ln wins", "e_none wins").is_err());
    let reports = [
        "e_ln    epoch  1 of 2: test accuracy 76.9 %",
        "ei_ln   epoch  1 of 2: test accuracy 73.6 %",
    ];
    let [first, second] = reports;
    let (one, other) = (format!("{first}\n{second}\nend"), format!("{second}\n{first}\nend"));
    assert_eq!(compare(&one, &other), Ok(()));
    assert!(compare(&one, &format!("{first}\n{first}\nend")).is_err());
    assert!(compare("one line", "one line more").is_err());
}
