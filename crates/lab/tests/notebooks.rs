//! Notebooks, executed by the real kernel through `inorm lab --run`.
//!
//! They need what `inorm lab --prepare` sets up (from nothing: a quarter of an hour of compiling),
//! so that a plain `cargo test` leaves them out; `tests/check.sh` runs them.

mod script;

use script::checkout;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

fn lab(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_inorm"));
    command.arg("lab").args(arguments).current_dir(checkout());
    command
}

/// A notebook that was executed in a folder of its own.
struct Executed {
    _folder: TempDir,
    path: PathBuf,
    before: String,
    output: Output,
}

/// Executes cells after one that names the library.
fn execute(cells: &[&str]) -> Executed {
    let dependency = format!(
        ":dep inorm = {{ path = {:?}, default-features = false, features = [\"cpu\"] }}",
        checkout()
    );
    let cells = std::iter::once(dependency.as_str()).chain(cells.iter().copied());
    let cell = |(index, source): (usize, &str)| {
        json!({
            "cell_type": "code", "id": format!("c{index}"), "metadata": {}, "outputs": [],
            "execution_count": null, "source": source,
        })
    };
    let kernel = json!({"name": "inorm", "display_name": "", "language": "rust"});
    let notebook = json!({
        "cells": cells.enumerate().map(cell).collect::<Vec<_>>(),
        "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5,
    });
    let (folder, before) = (TempDir::new().unwrap(), notebook.to_string());
    let path = folder.path().join("scratch.ipynb");
    fs::write(&path, &before).unwrap();
    let output = lab(&["--run"]).arg(&path).output().unwrap();
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

/// Every text that the outputs of a notebook have, cell by cell, but for controls, which end with
/// their kernel: no notebook is saved with them.
fn texts(notebook: &Value) -> Vec<String> {
    let join = |text: &Value| match text {
        Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect(),
        other => other.as_str().unwrap_or_default().to_owned(),
    };
    let cells = notebook["cells"].as_array().unwrap();
    let outputs = |cell: &Value| cell["outputs"].as_array().cloned().unwrap_or_default();
    let text = |output: &Value| match &output["data"]["application/vnd.jupyter.widget-view+json"] {
        Value::Null => join(&output["text"]) + &join(&output["data"]["text/plain"]),
        _ => String::new(),
    };
    cells.iter().map(|cell| outputs(cell).iter().map(text).collect::<String>()).collect()
}

/// A model, data, and a training that differentiates: by dfdx, whose tensors are numbered by a
/// counter that must be one for all cells, and by the typed networks.
const MODEL: &str = "
use inorm::{configuration::configuration, dataset::FashionMnist, learning::Training};
use inorm::{dfdx::prelude::*, networks::paper::INormFull};
let device = AutoDevice::seed_from_u64(3);
let first: Tensor<Rank2<4, 8>, f32, AutoDevice> = device.sample_normal();
let second: Tensor<Rank2<8, 2>, f32, AutoDevice> = device.sample_normal();
let network = INormFull::<234, 23>::new(5)?;
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
let training = Training::paper(configuration(13)?.rates).epochs(2).seed(5);
let record = network.clone().train(&training, &data, &mut ())?;
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
    let print = |name: &str| {
        let own = format!("let name = \"{name}\".to_owned();");
        let print = "println!(\"{name} {}\", 6 * 7);";
        execute(&[&own, print, print, print, print, print]).printed()
    };
    std::thread::scope(|scope| {
        let runs = ["first", "second"].map(|name| (name, scope.spawn(move || print(name))));
        for (name, run) in runs {
            assert_eq!(run.join().unwrap(), format!("{name} 42\n").repeat(5));
        }
    });
}

#[test]
#[ignore = "needs `inorm lab --prepare`"]
fn the_folded_solutions_are_right_and_all_else_prints_what_is_committed() {
    let executed = TempDir::new().unwrap();
    script::run("solutions.py", [checkout(), executed.path()]);
    let mut compared = 0;
    for entry in fs::read_dir(executed.path()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap();
        let committed = read_notebook(&checkout().join("notebooks").join(name));
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
    assert!(compared > 100, "only {compared} cells print something");
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
    let (committed, ours) = (settled(committed), settled(ours));
    let committed: Vec<&str> = committed.split_whitespace().collect();
    let ours: Vec<&str> = ours.split_whitespace().collect();
    if committed.len() != ours.len() {
        return Err(format!("{} words are committed, now {}", committed.len(), ours.len()));
    }
    let number = |word: &str| {
        let is_outside = |c: char| !c.is_ascii_digit() && c != '-' && c != '.';
        word.trim_matches(is_outside).trim_end_matches('.').parse::<f64>().ok()
    };
    let differ = |committed: &str, ours: &str| match (number(committed), number(ours)) {
        (Some(committed), Some(ours)) => (committed - ours).abs() > 0.05 * committed.abs() + 1e-6,
        _ => committed != ours,
    };
    match committed.iter().zip(&ours).find(|(committed, ours)| differ(committed, ours)) {
        Some((committed, ours)) => Err(format!("committed is {committed:?}, now it is {ours:?}")),
        None => Ok(()),
    }
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
