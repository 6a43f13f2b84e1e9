//! Every condition, every quantity, every step against the reference implementation.

#[path = "../../../tests/threads/mod.rs"]
mod threads;

use inorm::{
    Condition, Result,
    engine::Engine,
    learning::{LearningRule, Precision},
};
use inorm_experiments::parity::{
    Arrays, Fixture, Report, compare_engine, compare_ensemble, compare_typed,
};
use std::{collections::BTreeMap, path::Path};
use threads::Threads;

/// The conditions of the first code, and those that automatic differentiation made fixtures of.
fn conditions() -> impl Iterator<Item = Condition> {
    Condition::ALL.into_iter().filter(|condition| *condition != Condition::INormDivisive)
}

/// Prints every error of every condition before it compares any with its tolerance.
fn check(folders: &[&str], compare: impl Fn(&Fixture) -> Result<Report>) {
    println!("{:<20} {:<22} {:>9} {:>9}", "condition", "quantity", "error", "allowed");
    let mut above = Vec::new();
    for folder in folders {
        for condition in conditions() {
            let report = compare(&read(folder, condition)).unwrap();
            assert!(report.quantities.len() >= 9, "{condition}: {:?}", report.quantities);
            let allowed = report.tolerance;
            for quantity in report.quantities {
                let (name, error) = (&quantity.name, quantity.error);
                println!("{:<20} {name:<22} {error:>9.1e} {allowed:>9.1e}", condition.name());
                if error.is_nan() || error > allowed {
                    above.push(format!("{folder}/{condition}: {quantity:?}"));
                }
            }
        }
    }
    assert!(above.is_empty(), "{}", above.join("\n"));
}

/// From the root of the repository, where a program that was built elsewhere is run, or from this
/// package, where cargo runs it.
fn read(folder: &str, condition: Condition) -> Fixture {
    let places = ["tests/fixtures", "../../tests/fixtures"].map(Path::new);
    let fixtures = places.into_iter().find(|place| place.is_dir()).expect("the fixtures");
    Fixture::read(&fixtures.join(format!("{folder}/{condition}.npz")), None).unwrap()
}

#[test]
fn typed_networks_in_double_precision() {
    check(&["sweep", "momentum"], compare_typed);
}

#[test]
fn fused_engine_in_double_precision() {
    check(&["sweep", "momentum"], compare_engine::<f64>);
}

#[test]
fn fused_engine_in_single_precision() {
    check(&["sweep", "momentum"], compare_engine::<f32>);
}

#[test]
fn ensemble_in_single_precision() {
    let compare = |fixture: &Fixture| compare_ensemble(fixture, Threads::new(1, u64::MAX));
    check(&["sweep"], compare);
    let error = compare(&read("momentum", Condition::ELn)).unwrap_err();
    assert!(error.to_string().contains("momentum"), "{error}");
}

/// What becomes of the task's errors, in every condition, against JAX's automatic differentiation.
#[test]
fn errors_of_the_task_equal_autodiff() {
    let path = inorm_core::files::repository().join("tests/fixtures/task_errors.json");
    let text = std::fs::read_to_string(path).unwrap();
    let expected: BTreeMap<Condition, [[f64; 2]; 2]> = serde_json::from_str(&text).unwrap();
    assert_eq!(expected.len(), conditions().count());
    for (condition, layers) in expected {
        let fixture = read("sweep", condition);
        let mut engine = Engine::new(&fixture.trained().unwrap(), fixture.rule);
        let (x, labels) = &fixture.steps[0];
        engine.forward(x);
        engine.backward(labels);
        for (ours, theirs) in engine.measure(x).iter().zip(layers) {
            let ours = [ours.task_alignment.unwrap(), ours.common_error.unwrap()];
            let apart = ours.iter().zip(theirs).map(|(a, b)| (a - b).abs());
            assert!(apart.fold(0.0, f64::max) < 1e-9, "{condition}: {ours:?} {theirs:?}");
        }
    }
}

/// The share of values that are the same bits, and the largest difference in steps of half
/// precision.
fn agreement(ours: &[f32], theirs: &[f64]) -> (f64, f64) {
    assert_eq!(ours.len(), theirs.len());
    let pairs = || ours.iter().zip(theirs).map(|(&a, &b)| (f64::from(a), b));
    let same = pairs().filter(|(a, b)| a == b).count() as f64 / ours.len() as f64;
    let step = |b: f64| (b.abs() / 1024.0).max(2_f64.powi(-24));
    (same, pairs().map(|(a, b)| (a - b).abs() / step(b)).fold(0.0, f64::max))
}

/// A step under fp16 autocast, against JAX's half precision operation by operation. Products sum in
/// another order there: a few numbers that lie between two of half precision go to the other one.
#[test]
fn fp16_autocast_rounds_where_autodiff_of_rounded_operations_does() {
    let path = inorm_core::files::repository().join("tests/fixtures/autocast.npz");
    let arrays = Arrays::read(&path).unwrap();
    for condition in [
        Condition::ELn,
        Condition::EiNone,
        Condition::INormNone,
        Condition::INormScale,
        Condition::INormSubCenter,
    ] {
        let fixture = read("sweep", condition);
        let weights = fixture.trained().unwrap().convert(|w| w as f32);
        let (x, labels) = &fixture.steps[0];
        let x: Vec<f32> = x.iter().map(|&x| x as f32).collect();
        let compared = |precision| {
            let rule = LearningRule { precision, ..fixture.rule };
            let mut engine = Engine::new(&weights, rule);
            let logits = engine.forward(&x).to_vec();
            engine.backward(labels);
            let gradients = engine.gradients(&x);
            let key = format!("{condition}.logits");
            let shape = [labels.len(), 10];
            let mut all =
                vec![(key.clone(), agreement(&logits, arrays.values(&key, &shape).unwrap()))];
            for (layer, weights) in ["fc0", "fc1", "fc_output"].into_iter().zip(gradients.layers())
            {
                let [inputs, units, inhibitory] = weights.sizes();
                for ((_, ours), (name, shape)) in weights.named().into_iter().zip([
                    ("Wex", vec![units, inputs]),
                    ("Wix", vec![inhibitory, inputs]),
                    ("Wei", vec![units, inhibitory]),
                    ("Bix", vec![units, inputs]),
                    ("bias", vec![units]),
                ]) {
                    let key = format!("{condition}.{layer}.{name}");
                    // Where W_EI is frozen both are zero.
                    if !ours.is_empty() {
                        all.push((
                            key.clone(),
                            agreement(ours, arrays.values(&key, &shape).unwrap()),
                        ));
                    }
                }
            }
            all
        };
        for (key, (same, farthest)) in compared(Precision::Fp16Autocast) {
            println!("{key:<40} {:>6.2} % the same, {farthest:>6.2} steps", 100.0 * same);
            // b is no product: it is summed in single precision.
            assert!(
                farthest < 4.0 && (same > 0.8 || key.ends_with("bias")),
                "{key} {same} {farthest}"
            );
        }
        let single = compared(Precision::Single);
        let is_told_apart = single.iter().any(|(_, (_, farthest))| *farthest >= 4.0);
        assert!(is_told_apart, "single precision would pass: {single:?}");
    }
}

/// `tests/gpu.sh` runs it: every quantity of every condition, by the kernels and cuBLAS.
#[test]
#[ignore = "needs an NVIDIA GPU"]
#[cfg(feature = "cuda")]
fn ensemble_on_a_gpu() {
    let gpu = inorm::ensemble::Gpu::new().unwrap();
    check(&["sweep"], |fixture| compare_ensemble(fixture, gpu.clone()));
}
