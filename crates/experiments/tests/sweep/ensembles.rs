//! A sweep in ensembles fills the same store with the same rows.
//!
//! Users train ensembles on a GPU; here the same worker trains them on a machine of threads.

use crate::{store::Sweep, threads::Threads};
use inorm::{
    Error, Result,
    dataset::FashionMnist,
    results::{Provenance, Rows},
    sweep::{Store, Summary, SweepEvent, Worker},
};
use rand::{Rng, SeedableRng};
use std::{
    path::Path,
    process::{Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// Twelve runs: two ensembles of six.
const SMALL: &str = "--conditions ei_ln,inorm_full,inorm_lateral --configs 3,20 \
                     --epsilons 0,0.75 --epochs 3";

const ANY_MEMORY: Option<u64> = Some(u64::MAX);

/// Sizes of ensembles in runs and bytes, and how many runs were resumed and saved, as reported.
#[derive(Default)]
struct Reported {
    ensembles: Vec<(usize, u64)>,
    resumed: usize,
    saved: usize,
}

/// Trains what is left in a store: run by run, or in ensembles of at most these bytes, `jobs` at a time.
/// Tells to stop after an epoch, if asked to.
fn work(
    folder: &Path,
    jobs: usize,
    memory: Option<u64>,
    stop: bool,
) -> Result<(Summary, Reported)> {
    let (store, mut data) = (Store::open(folder).unwrap(), FashionMnist::subset().unwrap());
    (data.train, data.test) = (data.train.first(70), data.test.first(100));
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
    let summary = match memory {
        None => worker.train_plan(&plan)?,
        Some(memory) => {
            worker.train_plan_in_ensembles(&plan, memory, || Ok(Threads::new(1, u64::MAX)))?
        }
    };
    Ok((summary, reported.into_inner().unwrap()))
}

/// The runs are the same, and end within what single precision leaves open.
fn assert_same_runs(one: &Rows, other: &Rows) {
    assert_eq!(one.epochs.len(), other.epochs.len());
    assert_eq!(one.measurements.len(), other.measurements.len());
    assert_eq!(one.runs.len(), other.runs.len());
    // In the order of their ids.
    for (one, other) in one.runs.iter().zip(&other.runs) {
        assert_eq!(one.id, other.id);
        let (one, other) = (one.test_accuracy, other.test_accuracy);
        // 100 test images.
        assert!((one - other).abs() <= 0.011, "{one} {other}");
    }
}

#[test]
fn an_ensemble_fills_the_same_store_with_the_same_rows() {
    let (alone, together) = (Sweep::planned(SMALL), Sweep::planned(SMALL));
    work(&alone.folder(), 2, None, false).unwrap();
    let (summary, reported) = work(&together.folder(), 2, ANY_MEMORY, false).unwrap();
    assert_eq!((summary.filed, summary.unfinished), (12, 0));
    assert!(reported.ensembles.iter().all(|ensemble| ensemble.0 == 3), "{:?}", reported.ensembles);
    let rows = together.rows();
    assert_same_runs(&alone.rows(), &rows);
    assert!(rows.runs.iter().all(|run| run.features.ends_with("ensemble on threads")));
    assert_eq!(work(&together.folder(), 2, ANY_MEMORY, false).unwrap().0.filed, 0);
}

/// The folder of the process that the next test kills.
const FOLDER: &str = "INORM_TEST_STORE";

#[test]
#[ignore = "the process that the next test kills"]
fn worker_process() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        work(Path::new(&folder), 2, ANY_MEMORY, false).unwrap();
    }
}

#[test]
fn an_ensemble_is_killed_at_six_moments_and_nothing_is_lost() {
    let (undisturbed, sweep) = (Sweep::planned(SMALL), Sweep::planned(SMALL));
    work(&undisturbed.folder(), 2, ANY_MEMORY, false).unwrap();
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
    let (summary, _) = work(&sweep.folder(), 2, ANY_MEMORY, false).unwrap();
    assert_eq!(summary.unfinished, 0);
    assert_same_runs(&sweep.rows(), &undisturbed.rows());
}

#[test]
fn an_ensemble_told_to_stop_is_saved_and_resumed() {
    let few = "--conditions e_ln,inorm_full --configs 3 --epsilons 0.75 --epochs 3";
    let sweep = Sweep::planned(few);
    let (summary, reported) = work(&sweep.folder(), 1, ANY_MEMORY, true).unwrap();
    assert_eq!((summary.filed, summary.unfinished, reported.saved), (0, 2, 2));
    let (summary, reported) = work(&sweep.folder(), 1, ANY_MEMORY, false).unwrap();
    assert_eq!((summary.filed, summary.unfinished, reported.resumed), (2, 0, 2));
}

#[test]
fn what_does_not_fit_into_memory_is_trained_later() {
    let short = SMALL.replace("--epochs 3", "--epochs 1");
    let sweep = Sweep::planned(&format!("{short} --seeds 0,1"));
    let error = work(&sweep.folder(), 1, Some(1_000_000), false).err().unwrap();
    assert!(matches!(error, Error::Invalid { .. }) && error.to_string().contains("--memory"));
    let (summary, reported) = work(&sweep.folder(), 1, Some(12_000_000), false).unwrap();
    let sizes = reported.ensembles;
    assert!(sizes.len() > 4, "four groups of six that do not fit: {sizes:?}");
    assert_eq!((summary.filed, sizes.iter().map(|size| size.0).sum::<usize>()), (24, 24));
    assert!(sizes.iter().all(|size| size.1 <= 12_000_000), "{sizes:?}");
}

#[test]
fn what_is_done_need_not_fit_into_memory() {
    // 488 units, and 178.
    let large = "--conditions e_ln --configs 9 --epsilons 0.75 --epochs 1";
    let sweep = Sweep::planned(large);
    let little = Some(3_000_000);
    assert!(work(&sweep.folder(), 1, little, false).is_err());
    work(&sweep.folder(), 2, None, false).unwrap();
    sweep.succeeds(&format!("plan {}", large.replace("--configs 9", "--configs 0")));
    let (summary, reported) = work(&sweep.folder(), 1, little, false).unwrap();
    assert_eq!((summary.filed, reported.ensembles.len()), (1, 1));
}

#[test]
#[cfg(not(feature = "cuda"))]
fn a_program_without_the_feature_says_so() {
    let message = Sweep::planned(SMALL).fails("run --subset --device cuda");
    assert!(message.contains("built without the feature 'cuda'"), "{message}");
}
