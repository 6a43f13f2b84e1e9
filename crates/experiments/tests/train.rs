//! `inorm train`: a run trained alone counts like one of a sweep.

use inorm::{
    Condition,
    configuration::configuration,
    learning::{Measure, Run},
    results::{RunRow, Tables},
};
use inorm_core::files::repository;
use serde_json::Value;
use std::{path::Path, process::Command};

/// What the program prints on standard output.
fn says(folder: &Path, arguments: &[&str]) -> String {
    let mut program = Command::new(env!("CARGO_BIN_EXE_inorm-experiments"));
    let output = program.args(arguments).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn train(folder: &Path, condition: Condition, options: &[&str]) -> Value {
    let data = repository().join("data/fashion-mnist-subset");
    let arguments = ["train", condition.name(), "--config", "3", "--json", "--data"];
    let arguments = [&arguments[..], &[data.to_str().unwrap()], options].concat();
    serde_json::from_str(&says(folder, &arguments)).unwrap()
}

#[test]
fn a_run_trained_alone_is_drawn_compared_and_merged() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for condition in [Condition::ELn, Condition::INormNone] {
        let json = train(folder, condition, &["--results", "mine"]);
        let run = Run::new(condition, &configuration(3).unwrap()).measure(Measure::EachEpoch);
        assert_eq!(json["id"], run.id().as_str(), "the same run as in a sweep");
    }
    let tables = Tables::read(&folder.join("mine")).unwrap();
    assert_eq!((tables.runs.height(), tables.measurements.height()), (2, 2 * 50 * 2));
    let drawn = says(folder, &["figure", "4", "--out", "f.png", "--results", "mine"]);
    assert!(drawn.contains("1 pairs") && folder.join("f.png").is_file(), "{drawn}");
    let table = says(folder, &["sweep", "table", "--results", "mine"]);
    assert!(table.contains("inorm_none") && !table.contains("Left out"), "{table}");
    let merged = says(folder, &["sweep", "merge", "--store", "mine", "--into", "all"]);
    assert!(merged.contains("all: 2 runs, 2 of them new"), "{merged}");
}

#[test]
fn the_json_has_the_columns_of_the_table() {
    let folder = tempfile::tempdir().unwrap();
    let short = ["--epochs", "1", "--results", "mine", "--measure", "last-step"];
    let json = train(folder.path(), Condition::ELn, &short);
    let runs = Tables::read(&folder.path().join("mine")).unwrap().runs;
    let row = &RunRow::from_table(&runs).unwrap()[0];
    for (name, value) in row.to_json().unwrap() {
        assert_eq!(json[&name], value, "{name}");
    }
    assert_eq!(json["test_accuracy_per_epoch"], Value::from(vec![row.test_accuracy]));
    assert!(json["data"].as_str().unwrap().contains("training and"), "{json}");
}

#[test]
fn a_network_is_saved_evaluated_and_trained_further() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let begin = ["train", "inorm_full", "--width", "20", "--subset", "--epochs", "1"];
    let rates = ["--lr", "1e-3", "--lr-w-ie", "1e-2", "--lr-w-ei", "1e-3", "--epsilon", "0"];
    let save = ["--json", "--save", "first.safetensors"];
    let first: Value =
        serde_json::from_str(&says(folder, &[&begin[..], &rates, &save].concat())).unwrap();

    let evaluate = ["evaluate", "first.safetensors", "--subset", "--epsilon", "0,0.75", "--json"];
    let json: Value = serde_json::from_str(&says(folder, &evaluate)).unwrap();
    assert_eq!((&json["condition"], &json["width"]), (&"inorm_full".into(), &20.into()));
    let evaluations = json["evaluations"].as_array().unwrap();
    assert_eq!(evaluations[0]["accuracy"], first["test_accuracy"]);
    assert_eq!(
        (&evaluations[1]["epsilon"], &evaluations[1]["images"]),
        (&0.75.into(), &1000.into())
    );
    let text = says(folder, &evaluate[..5]);
    assert!(text.contains("ε 0.75: loss ") && text.contains("% of 1000 test images"), "{text}");

    let further = ["train", "--from", "first.safetensors", "--subset", "--epochs", "1"];
    let save = ["--save", "second.safetensors"];
    says(folder, &[&further[..], &rates, &save].concat());
    assert!(folder.join("second.safetensors").is_file());

    let refused = |arguments: &[&str], named: &str| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_inorm-experiments"));
        let output = program.args(arguments).current_dir(folder).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.lines().count() == 1, "{said}");
        assert!(said.starts_with("inorm: ") && said.contains(named), "{said}");
    };
    let other = ["train", "ei_ln", "--from", "first.safetensors", "--subset"];
    refused(&[&other[..], &rates].concat(), "holds inorm_full with 20 units a hidden layer");
    refused(&[&further[..], &["--config", "3"]].concat(), "holds inorm_full with 20 units");
    refused(&[&further[..], &rates, &["--results", "x"]].concat(), "--results");
    refused(&["train", "--config", "3"], "<CONDITION>");
    refused(&[&begin[..], &rates, &["--save", "no/where"]].concat(), "there is no folder no");
    refused(&["evaluate", "nowhere.safetensors"], "nowhere.safetensors");
    std::fs::write(folder.join("other"), "{}").unwrap();
    refused(&["evaluate", "other"], "other: is no whole safetensors file");
}
