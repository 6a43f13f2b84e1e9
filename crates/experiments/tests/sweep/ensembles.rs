//! A sweep in ensembles fills the same store with the same rows.
//!
//! Users train ensembles on a GPU; here the same worker trains them on a machine of threads.

use crate::{store::Sweep, threads::Threads};
use inorm::{
    Error, Result,
    dataset::FashionMnist,
    results::{Provenance, Tables},
    sweep::{Store, Summary, SweepEvent, Worker},
};
use rand::{Rng, SeedableRng};
use std::{
    collections::HashMap,
    path::Path,
    process::{Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
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

fn images() -> FashionMnist {
    let mut data = FashionMnist::subset().unwrap();
    (data.train, data.test) = (data.train.first(70), data.test.first(100));
    data
}

/// Sizes of ensembles in runs and bytes, and how many runs were resumed and saved, as reported.
#[derive(Default)]
struct Reported {
    ensembles: Vec<(usize, u64)>,
    resumed: usize,
    saved: usize,
}

/// Trains what is left in a store, `jobs` ensembles at a time, in so many bytes; tells to stop
/// after an epoch, if asked to.
fn work(folder: &Path, jobs: usize, memory: u64, stop: bool) -> Result<(Summary, Reported)> {
    let (store, data) = (Store::open(folder).unwrap(), images());
    let plan = store.plan().unwrap();
    let (stopped, reported) = (AtomicBool::new(false), Mutex::new(Reported::default()));
    let worker = Worker {
        store: &store,
        data: &data,
        provenance: &Provenance::new("test").ensembles_on("threads"),
        jobs,
        checkpoint_epochs: 1,
        stop: &stopped,
        report: &|event| {
            let mut reported = reported.lock().unwrap();
            match event {
                SweepEvent::Ensemble(runs, bytes) => reported.ensembles.push((runs, bytes)),
                SweepEvent::Started(_, epochs) => reported.resumed += usize::from(epochs > 0),
                SweepEvent::Epoch(..) => stopped.store(stop, Ordering::Relaxed),
                SweepEvent::Saved(..) => reported.saved += 1,
                _ => {}
            }
        },
    };
    let summary =
        worker.train_plan_in_ensembles(&plan, memory, || Ok(Threads::new(1, u64::MAX)))?;
    Ok((summary, reported.into_inner().unwrap()))
}

/// Trains what is left in a store, run by run.
fn work_alone(folder: &Path) {
    let (store, data) = (Store::open(folder).unwrap(), images());
    let worker = Worker {
        store: &store,
        data: &data,
        provenance: &Provenance::new("test"),
        jobs: 2,
        checkpoint_epochs: 1,
        stop: &AtomicBool::new(false),
        report: &|_| (),
    };
    worker.train_plan(&store.plan().unwrap()).unwrap();
}

/// The test accuracy of every run.
fn accuracies(tables: &Tables) -> HashMap<String, f64> {
    let column = |name| tables.runs.column(name).unwrap();
    let ids = column("id").str().unwrap().iter().flatten().map(str::to_owned);
    ids.zip(column("test_accuracy").f64().unwrap().iter().flatten()).collect()
}

/// The runs are the same, and end within what single precision leaves open.
fn assert_same_runs(one: &Tables, other: &Tables) {
    assert_eq!(one.epochs.height(), other.epochs.height());
    assert_eq!(one.measurements.height(), other.measurements.height());
    let (one, other) = (accuracies(one), accuracies(other));
    assert_eq!(one.len(), other.len());
    for (id, accuracy) in one {
        // 100 test images.
        assert!((accuracy - other[&id]).abs() <= 0.011, "{id}: {accuracy} {}", other[&id]);
    }
}

#[test]
fn an_ensemble_fills_the_same_store_with_the_same_rows() {
    let alone = Sweep::planned(SMALL);
    work_alone(&alone.folder());
    let together = Sweep::planned(SMALL);
    let (summary, reported) = work(&together.folder(), 2, u64::MAX, false).unwrap();
    assert_eq!((summary.filed, summary.unfinished), (12, 0));
    assert!(reported.ensembles.iter().all(|ensemble| ensemble.0 == 3), "{:?}", reported.ensembles);
    let tables = together.tables();
    assert_same_runs(&alone.tables(), &tables);
    let features = tables.runs.column("features").unwrap().str().unwrap().clone();
    assert!(features.iter().flatten().all(|f| f.ends_with("ensemble on threads")), "{features:?}");
    assert_eq!(work(&together.folder(), 2, u64::MAX, false).unwrap().0.filed, 0);
}

/// The folder of the process that the next test kills.
const FOLDER: &str = "INORM_TEST_STORE";

#[test]
#[ignore = "the process that the next test kills"]
fn worker_process() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        work(Path::new(&folder), 2, u64::MAX, false).unwrap();
    }
}

#[test]
fn an_ensemble_is_killed_at_six_moments_and_nothing_is_lost() {
    let undisturbed = Sweep::planned(SMALL);
    work(&undisturbed.folder(), 2, u64::MAX, false).unwrap();
    let sweep = Sweep::planned(SMALL);
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(8);
    for _ in 0..6 {
        let mut worker = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "ensembles::worker_process"])
            .env(FOLDER, sweep.folder())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(rng.gen_range(1000..4000)));
        let _ = worker.kill();
        worker.wait().unwrap();
    }
    work(&sweep.folder(), 2, u64::MAX, false).unwrap();
    assert_same_runs(&sweep.tables(), &undisturbed.tables());
    let store = Store::open(sweep.folder()).unwrap();
    assert!(sweep.plan().iter().all(|planned| store.is_done(&planned.id).unwrap()));
}

#[test]
fn an_ensemble_told_to_stop_is_saved_and_resumed() {
    let few = &["--conditions", "e_ln,inorm_full", "--configs", "3", "--epsilons", "0.75"];
    let sweep = Sweep::planned(&[few, &["--epochs", "3"][..]].concat());
    let (summary, reported) = work(&sweep.folder(), 1, u64::MAX, true).unwrap();
    assert_eq!((summary.filed, summary.unfinished, reported.saved), (0, 2, 2));
    let (summary, reported) = work(&sweep.folder(), 1, u64::MAX, false).unwrap();
    assert_eq!((summary.filed, summary.unfinished, reported.resumed), (2, 0, 2));
}

#[test]
fn what_does_not_fit_into_memory_is_trained_later() {
    let sweep = Sweep::planned(&[&SMALL[..6], &["--seeds", "0,1", "--epochs", "1"]].concat());
    let error = work(&sweep.folder(), 1, 1_000_000, false).err().unwrap();
    assert!(matches!(error, Error::Invalid { .. }) && error.to_string().contains("--memory"));
    let (summary, reported) = work(&sweep.folder(), 1, 30_000_000, false).unwrap();
    let sizes = reported.ensembles;
    assert!(sizes.len() > 4, "four groups of six that do not fit: {sizes:?}");
    assert_eq!((summary.filed, sizes.iter().map(|size| size.0).sum::<usize>()), (24, 24));
    assert!(sizes.iter().all(|size| size.1 <= 30_000_000), "{sizes:?}");
}

#[test]
fn what_is_done_need_not_fit_into_memory() {
    // 488 units, and 178.
    let few = &["--conditions", "e_ln", "--configs", "9", "--epsilons", "0.75", "--epochs", "1"];
    let sweep = Sweep::planned(few);
    let little = 8_000_000;
    assert!(work(&sweep.folder(), 1, little, false).is_err());
    work_alone(&sweep.folder());
    sweep.succeeds(&[&["plan"], &few[..3], &["0"], &few[4..]].concat());
    let (summary, reported) = work(&sweep.folder(), 1, little, false).unwrap();
    assert_eq!((summary.filed, reported.ensembles.len()), (1, 1));
}

#[test]
#[cfg(not(feature = "cuda"))]
fn a_program_without_the_feature_says_so() {
    let sweep = Sweep::planned(SMALL);
    let message = sweep.fails(&["run", "--subset", "--device", "cuda"]);
    assert!(message.contains("built without the feature 'cuda'"), "{message}");
}
