//! `inorm train`: a run trained alone counts like one of a sweep.

mod program;

use inorm::{
    Condition,
    configuration::configuration,
    learning::{Measure, Run},
    results::{RunRow, Tables},
};
use inorm_core::files::repository;
use program::{ends_with, inorm};
use serde_json::Value;
use std::{fs, path::Path};

/// What the program prints on standard output.
#[track_caller]
fn says(folder: &Path, arguments: &str) -> String {
    let [said, _] = ends_with(0, inorm(arguments).current_dir(folder));
    said
}

fn train(folder: &Path, condition: Condition, options: &str) -> Value {
    let mut command = inorm(&format!("train {condition} --config 3 --json {options}"));
    command.arg("--data").arg(repository().join("data/fashion-mnist-subset"));
    let [said, _] = ends_with(0, command.current_dir(folder));
    serde_json::from_str(&said).unwrap()
}

#[test]
fn a_run_trained_alone_is_drawn_compared_and_merged() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for condition in [Condition::ELn, Condition::INormNone] {
        let json = train(folder, condition, "--results mine");
        let run = Run::new(condition, &configuration(3).unwrap()).measure(Measure::EachEpoch);
        assert_eq!(json["id"], run.id().as_str(), "the same run as in a sweep");
    }
    let tables = Tables::read(&folder.join("mine")).unwrap();
    assert_eq!((tables.runs.height(), tables.measurements.height()), (2, 2 * 50 * 2));
    let drawn = says(folder, "figure 4 --out f.png --results mine");
    assert!(drawn.contains("1 pairs") && folder.join("f.png").is_file(), "{drawn}");
    let table = says(folder, "sweep table --results mine");
    assert!(table.contains("inorm_none") && !table.contains("Left out"), "{table}");
    let merged = says(folder, "sweep merge --store mine --into all");
    assert!(merged.contains("all: 2 runs, 2 of them new"), "{merged}");
}

#[test]
fn where_nothing_can_be_written_nothing_is_trained() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("file"), "text").unwrap();
    fs::create_dir(path.join("damaged")).unwrap();
    fs::write(path.join("damaged/runs.parquet"), "PAR1").unwrap();
    for (target, said) in [
        ("--results file", "file"),
        ("--results damaged", "damaged/runs.parquet"),
        ("--save nowhere/network.safetensors", "nowhere"),
    ] {
        let arguments = format!("train e_ln --config 3 --epochs 1 {target}");
        let mut command = inorm(&arguments);
        command.arg("--data").arg(repository().join("data/fashion-mnist-subset"));
        let output = command.current_dir(path).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && stderr.contains(said), "{target}: {stderr}");
        assert!(!stderr.contains("epoch"), "{target}: {stderr}");
    }
}

#[test]
fn the_json_has_the_columns_of_the_table() {
    let folder = tempfile::tempdir().unwrap();
    let short = "--epochs 1 --results mine --measure last-step";
    let json = train(folder.path(), Condition::ELn, short);
    let runs = Tables::read(&folder.path().join("mine")).unwrap().runs;
    let row = &RunRow::from_table(&runs).unwrap()[0];
    for (name, value) in row.to_json().unwrap() {
        assert_eq!(json[&name], value, "{name}");
    }
    assert_eq!(json["test_accuracy_per_epoch"], Value::from(vec![row.test_accuracy]));
    assert!(json["data"].as_str().unwrap().contains("training and"), "{json}");
}

#[test]
fn the_row_of_a_run_by_the_revised_protocol_has_each_difference() {
    let folder = tempfile::tempdir().unwrap();
    let row = |options: &str| -> Value {
        let run = "--config 2 --protocol revised --task contrast --subset --epochs 1 --json";
        let said = says(folder.path(), &format!("train {options} {run}"));
        serde_json::from_str(&said).unwrap()
    };
    let revised = row("inorm_full");
    for (column, value) in [
        ("order", "shuffled"),
        ("signs", "non_negative"),
        ("grad_norm_z", "centred"),
        ("subtractive_loss", "mean"),
        ("config_list", "revised"),
        ("task", "contrast"),
    ] {
        assert_eq!(revised[column], value, "{column}");
    }
    assert_eq!((&revised["width"], &revised["label_smoothing"]), (&101.into(), &0.0.into()));
    let other = row("inorm_sub_none --order file --label-smoothing 0.1 --config-list published");
    assert_eq!((&other["order"], &other["signs"]), (&"file".into(), &"non_negative".into()));
    assert_eq!((&other["width"], &other["config_list"]), (&282.into(), &"published".into()));
    assert_eq!(other["subtractive_loss"], "mean_and_variance");
}

const BEGIN: &str = "train inorm_full --width 20 --subset --epochs 1";
const FURTHER: &str = "train --from first.safetensors --subset --epochs 1";
const FREE: &str = "train --from free.safetensors --subset --epochs 1";
const RATES: &str = "--lr 1e-3 --lr-w-ie 1e-2 --lr-w-ei 1e-3 --epsilon 0";

#[test]
fn a_network_is_saved_evaluated_and_trained_further() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let json = |arguments: &str| -> Value {
        serde_json::from_str(&says(folder, &format!("{arguments} --json"))).unwrap()
    };
    let first = json(&format!("{BEGIN} {RATES} --save first.safetensors"));
    let evaluate = "evaluate first.safetensors --subset --epsilon 0,0.75";
    let evaluated = json(evaluate);
    assert_eq!(evaluated["condition"], "inorm_full");
    assert_eq!(evaluated["width"], 20);
    let [plain, shifted] = [0usize, 1].map(|place| &evaluated["evaluations"][place]);
    assert_eq!(plain["accuracy"], first["test_accuracy"]);
    assert_eq!((shifted["epsilon"].as_f64(), shifted["images"].as_u64()), (Some(0.75), Some(1000)));
    let text = says(folder, evaluate);
    assert!(text.contains("ε 0.75: loss ") && text.contains("% of 1000 test images"), "{text}");

    says(folder, &format!("{FURTHER} {RATES} --save second.safetensors"));
    assert!(folder.join("second.safetensors").is_file());

    let free = json(&format!("{BEGIN} {RATES} --signs free --save free.safetensors"));
    let evaluated = json("evaluate free.safetensors --subset --epsilon 0");
    assert_eq!(evaluated["evaluations"][0]["accuracy"], free["test_accuracy"]);
    let further = json(&format!("{FREE} {RATES}"));
    assert_eq!((&further["signs"], &further["id"]), (&"free".into(), &Value::Null));
    assert_eq!(further["from"], "free.safetensors");
    assert_eq!(further["initial_weights"], Value::Null);

    std::fs::write(folder.join("other"), "{}").unwrap();
    let from = "--from first.safetensors --subset";
    for (code, arguments, named) in [
        (2, format!("train ei_ln {from} {RATES}"), "holds inorm_full with 20 units a hidden layer"),
        (2, format!("{FURTHER} --config 3"), "holds inorm_full with 20 units"),
        (2, format!("{FURTHER} {RATES} --results x"), "--results"),
        (2, format!("{FREE} {RATES} --signs dale"), "needs 0 or more; give --signs free"),
        (2, format!("{FURTHER} {RATES} --signs non_negative"), ".b holds -"),
        (2, format!("{FURTHER} {RATES} --protocol revised"), "0 or more; give --signs dale"),
        (2, format!("{BEGIN} {RATES} --save ."), "--save: . is a folder"),
        (2, format!("{BEGIN} {RATES} --hidden-layers 9999999999999"), "expected 1 to 16"),
        (2, "train --config 3".to_owned(), "<CONDITION>"),
        (2, format!("{BEGIN} {RATES} --save no/where"), "there is no folder no"),
        (2, format!("{BEGIN} {RATES} --grad-norm-layers 3"), "grad_norm_layers: 3 is not valid"),
        (2, format!("{BEGIN} {RATES} --hidden-layers 0"), "hidden_layers: 0 is not valid"),
        (2, format!("{FURTHER} {RATES} --hidden-layers 3"), "--hidden-layers"),
        (1, "evaluate nowhere.safetensors".to_owned(), "nowhere.safetensors"),
        (1, "evaluate other".to_owned(), "other: is no whole safetensors file"),
    ] {
        let [_, said] = ends_with(code, inorm(&arguments).current_dir(folder));
        assert!(said.lines().count() == 1 && said.contains(named), "{said}");
    }
}

#[test]
fn every_network_that_it_saves_is_trained_further_as_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    for options in [
        "inorm_full --hidden-layers 3 --grad-norm-layers 1+3",
        "inorm_full --grad-norm-z centred",
        "inorm_sub_none --subtractive-loss mean_and_variance",
        "inorm_none --hidden-layers 4",
        "e_mean_norm_backward_only",
        "inorm_divisive --hidden-layers 1",
    ] {
        let row = |network: &str| -> Value {
            let run = "--width 12 --subset --epochs 1 --save n.safetensors --json";
            let said = says(folder.path(), &format!("train {network} {run} {RATES}"));
            serde_json::from_str(&said).unwrap()
        };
        let (new, further) = (row(options), row("--from n.safetensors"));
        for column in
            ["condition", "hidden_layers", "grad_norm_layers", "grad_norm_z", "subtractive_loss"]
        {
            assert_eq!(new[column], further[column], "{options}: {column}");
        }
    }
}

#[test]
fn results_of_other_images_are_refused_before_training() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    says(folder, &format!("{BEGIN} {RATES} --results tables"));
    let mut tables = Tables::read(&folder.join("tables")).unwrap();
    let mut rows = RunRow::from_table(&tables.runs).unwrap();
    rows[0].data_checksum = Some("other".to_owned());
    tables.runs = RunRow::to_table(&rows).unwrap();
    tables.write(&folder.join("tables")).unwrap();
    let run = inorm(&format!("{BEGIN} {RATES} --seed 1 --results tables"));
    let [_, said] = ends_with(1, { run }.current_dir(folder));
    assert!(said.contains("tables: results of ") && !said.contains("epoch 1"), "{said}");
}
