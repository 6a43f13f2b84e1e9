//! Every condition, every quantity, every step against the reference implementation.

use inorm::{
    Condition,
    parity::{ComputePath, Fixture, compare},
};
use std::path::Path;

fn check(path: ComputePath) {
    let mut failed = Vec::new();
    for folder in ["sweep", "momentum"] {
        for condition in Condition::ALL {
            let file =
                format!("{}/tests/fixtures/{folder}/{condition}.npz", env!("CARGO_MANIFEST_DIR"));
            let fixture = Fixture::read(Path::new(&file), None).unwrap();
            let report = compare(&fixture, path).unwrap();
            assert!(report.quantities.len() >= 9, "{condition}: {:?}", report.quantities);
            let tolerance = path.tolerance(condition);
            for quantity in report.quantities {
                if quantity.error.is_nan() || quantity.error > tolerance {
                    failed.push(format!("{folder}/{condition}: {quantity:?}"));
                }
            }
        }
    }
    assert!(failed.is_empty(), "{path}:\n{}", failed.join("\n"));
}

#[test]
fn typed_networks_in_double_precision() {
    check(ComputePath::Typed64);
}

#[test]
fn fused_engine_in_double_precision() {
    check(ComputePath::Engine64);
}

#[test]
fn fused_engine_in_single_precision() {
    check(ComputePath::Engine32);
}
