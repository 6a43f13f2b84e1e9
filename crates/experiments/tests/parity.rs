//! Every condition, every quantity, every step against the reference implementation.

#[path = "../../../tests/threads/mod.rs"]
mod threads;

use inorm::{Condition, Result, ensemble::Machine};
use inorm_experiments::parity::{Fixture, Report, compare_engine, compare_ensemble, compare_typed};
use std::path::Path;
use threads::Threads;

fn check(compare: fn(&Fixture) -> Result<Report>) {
    let mut failed = Vec::new();
    for folder in ["sweep", "momentum"] {
        for condition in Condition::ALL {
            let fixture = read(folder, condition);
            let report = compare(&fixture).unwrap();
            assert!(report.quantities.len() >= 9, "{condition}: {:?}", report.quantities);
            let tolerance = report.path.tolerance(condition);
            for quantity in report.quantities {
                if quantity.error.is_nan() || quantity.error > tolerance {
                    failed.push(format!("{folder}/{condition}: {quantity:?}"));
                }
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn typed_networks_in_double_precision() {
    check(compare_typed);
}

#[test]
fn fused_engine_in_double_precision() {
    check(compare_engine::<f64>);
}

#[test]
fn fused_engine_in_single_precision() {
    check(compare_engine::<f32>);
}

#[test]
fn ensemble_in_single_precision() {
    check_ensemble(|| Threads::new(1, u64::MAX));
    let fixture = read("momentum", Condition::ELn);
    let error = compare_ensemble(&fixture, Threads::new(1, u64::MAX)).unwrap_err();
    assert!(error.to_string().contains("momentum"), "{error}");
}

/// `tests/gpu.sh` runs it: every quantity of every condition, by the kernels and cuBLAS.
#[test]
#[ignore = "needs an NVIDIA GPU"]
#[cfg(feature = "cuda")]
fn ensemble_on_a_gpu() {
    let gpu = inorm::ensemble::Gpu::new().unwrap();
    check_ensemble(|| gpu.clone());
}

/// Prints all errors before it compares any with its tolerance.
fn check_ensemble<M: Machine>(machine: impl Fn() -> M) {
    println!("{:<20} {:<22} {:>9} {:>9}", "condition", "quantity", "error", "allowed");
    let mut reports = Vec::new();
    for condition in Condition::ALL {
        let report = compare_ensemble(&read("sweep", condition), machine()).unwrap();
        let allowed = report.path.tolerance(condition);
        for quantity in &report.quantities {
            let (name, error) = (&quantity.name, quantity.error);
            println!("{:<20} {name:<22} {error:>9.1e} {allowed:>9.1e}", condition.name());
        }
        reports.push(report);
    }
    reports.iter().for_each(assert_below_tolerance);
}

/// From the root of the repository, where a program that was built elsewhere is run, or from this
/// package, where cargo runs it.
fn read(folder: &str, condition: Condition) -> Fixture {
    let places = ["tests/fixtures", "../../tests/fixtures"].map(Path::new);
    let fixtures = places.into_iter().find(|place| place.is_dir()).expect("the fixtures");
    Fixture::read(&fixtures.join(format!("{folder}/{condition}.npz")), None).unwrap()
}

#[track_caller]
fn assert_below_tolerance(report: &Report) {
    assert!(report.quantities.len() >= 9, "{}: {:?}", report.condition, report.quantities);
    let tolerance = report.path.tolerance(report.condition);
    for quantity in &report.quantities {
        let below = quantity.error <= tolerance;
        assert!(below, "{} on {}: {quantity:?}", report.condition, report.path);
    }
}
