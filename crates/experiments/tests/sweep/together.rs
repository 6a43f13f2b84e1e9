//! A sweep in ensembles fills the same store with the same rows.

use crate::store::Sweep;
use inorm::{results::Tables, sweep::Store};
use rand::{Rng, SeedableRng};
use std::{
    collections::HashMap,
    process::{Command, Stdio},
    time::Duration,
};

/// Twelve runs: two ensembles of six.
const SMALL: &[&str] = &[
    "--conditions",
    "ei_ln,inorm_full,inorm_lateral",
    "--configs",
    "3,20",
    "--epsilons",
    "0,0.75",
    "--epochs",
    "3",
];

const TOGETHER: &[&str] =
    &["run", "--subset", "--ensemble", "--jobs", "2", "--checkpoint-epochs", "1"];

/// The test accuracy of every run.
fn accuracies(tables: &Tables) -> HashMap<String, f64> {
    let column = |name| tables.runs.column(name).unwrap();
    let ids = column("id").str().unwrap().iter().flatten().map(str::to_owned);
    ids.zip(column("test_accuracy").f64().unwrap().iter().flatten()).collect()
}

/// The runs are the same, and end within what single precision leaves open.
fn assert_same_runs(one: &Tables, other: &Tables) {
    let (one, other) = (accuracies(one), accuracies(other));
    assert_eq!(one.len(), other.len());
    for (id, accuracy) in one {
        // 1,000 test images.
        assert!((accuracy - other[&id]).abs() <= 0.01, "{id}: {accuracy} {}", other[&id]);
    }
}

#[test]
fn an_ensemble_fills_the_same_store_with_the_same_rows() {
    let alone = Sweep::planned(SMALL);
    alone.succeeds(&["run", "--subset"]);
    let together = Sweep::planned(SMALL);
    let said = together.succeeds(TOGETHER);
    assert!(said.contains("an ensemble of 3 runs, in "), "{said}");
    assert!(said.contains("12 runs filed"), "{said}");
    let (alone, tables) = (alone.tables(), together.tables());
    assert_same_runs(&alone, &tables);
    assert_eq!(alone.epochs.height(), tables.epochs.height());
    assert_eq!(alone.measurements.height(), tables.measurements.height());
    let features = tables.runs.column("features").unwrap().str().unwrap().clone();
    assert!(features.iter().flatten().all(|f| f.ends_with("ensemble on cpu")), "{features:?}");
    assert!(together.succeeds(TOGETHER).contains("0 runs filed"));
}

#[test]
fn an_ensemble_is_killed_at_six_moments_and_nothing_is_lost() {
    let undisturbed = Sweep::planned(SMALL);
    undisturbed.succeeds(TOGETHER);
    let sweep = Sweep::planned(SMALL);
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(8);
    for _ in 0..6 {
        let mut worker = sweep.command(TOGETHER).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(rng.gen_range(50..600)));
        let _ = worker.kill();
        worker.wait().unwrap();
    }
    sweep.succeeds(TOGETHER);
    assert_same_runs(&sweep.tables(), &undisturbed.tables());
    assert_eq!(sweep.tables().epochs.height(), undisturbed.tables().epochs.height());
    let store = Store::open(sweep.folder()).unwrap();
    for planned in sweep.plan() {
        assert!(store.is_done(&planned.id).unwrap());
    }
}

#[test]
fn an_ensemble_told_to_stop_is_saved_and_resumes_later() {
    let few = &["--conditions", "e_ln,inorm_full", "--configs", "3", "--epsilons", "0.75"];
    let sweep = Sweep::planned(&[few, &["--epochs", "60"][..]].concat());
    let one = &["run", "--subset", "--ensemble", "--jobs", "1", "--checkpoint-epochs", "1000"];
    let worker = sweep.command(one).stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(700));
    let pid = worker.id().to_string();
    assert!(Command::new("kill").args(["-s", "TERM", &pid]).status().unwrap().success());
    let output = worker.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(said.matches("saved after epoch").count(), 2, "{said}");
    let said = sweep.succeeds(one);
    assert_eq!(said.matches("resumes after epoch").count(), 2, "{said}");
    assert!(said.contains("2 runs filed"), "{said}");
}

#[test]
fn what_does_not_fit_into_memory_is_trained_later() {
    let sweep = Sweep::planned(&[SMALL, &["--seeds", "0,1"]].concat());
    let little = sweep.command(&["run", "--subset", "--ensemble", "--memory", "0.001"]).output();
    let little = little.unwrap();
    let message = String::from_utf8(little.stderr).unwrap();
    assert_eq!(little.status.code(), Some(2), "{message}");
    assert!(message.contains("inorm: memory: ") && message.contains("--memory"), "{message}");
    let said =
        sweep.succeeds(&["run", "--subset", "--ensemble", "--jobs", "1", "--memory", "0.03"]);
    let sizes: Vec<(usize, u64)> = said
        .lines()
        .filter_map(|line| line.split_once(" runs, in "))
        .map(|(runs, rest)| {
            (
                runs.rsplit(' ').next().unwrap().parse().unwrap(),
                rest.trim_end_matches(" MB").parse().unwrap(),
            )
        })
        .collect();
    assert!(sizes.len() > 4, "four groups of six that do not fit: {sizes:?}");
    assert_eq!(sizes.iter().map(|size| size.0).sum::<usize>(), 24);
    assert!(sizes.iter().all(|size| size.1 <= 30), "{sizes:?}");
}

#[test]
fn what_is_done_need_not_fit_into_memory() {
    // 488 units, and 178.
    let few = &["--conditions", "e_ln", "--configs", "9,0", "--epsilons", "0.75"];
    let sweep = Sweep::planned(&[few, &["--epochs", "1"][..]].concat());
    let little = ["run", "--subset", "--ensemble", "--jobs", "1", "--memory", "0.01"];
    let output = sweep.command(&little).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    sweep.succeeds(&["run", "--subset", "--row", "0"]);
    let said = sweep.succeeds(&little);
    assert!(said.contains("an ensemble of 1 runs, in ") && said.contains("1 runs filed"), "{said}");
}

#[test]
#[cfg(not(feature = "cuda"))]
fn a_program_without_the_feature_says_so() {
    let sweep = Sweep::planned(SMALL);
    let message = sweep.fails(&["run", "--subset", "--ensemble", "--device", "cuda"]);
    assert!(message.contains("built without the feature 'cuda'"), "{message}");
}
