//! The kernels of the CUDA port against the engine, with warps of several sizes.

mod threads;

use inorm::{
    Condition,
    configuration::{LearningRates, configuration},
    dataset::FashionMnist,
    ensemble::{EnsembleTrainer, Machine},
    layers::NetworkWeights,
    learning::{Measure, Record, Run, train},
};
use threads::Threads;

fn small(images: usize) -> FashionMnist {
    let mut data = FashionMnist::subset().unwrap();
    data.train = data.train.first(images);
    data.test = data.test.first(45); // more than a thread multiplies for
    data
}

/// Every condition in several widths, with weights that learning has moved, by rules that differ.
fn runs(widths: &[usize]) -> Vec<Run> {
    let mut runs = Vec::new();
    for (index, &width) in widths.iter().enumerate() {
        for condition in Condition::ALL {
            let faster = 1.0 + index as f64;
            let mut run = Run::new(condition, &configuration(4).unwrap()).epsilon(0.5).epochs(2);
            run.width = width;
            run.measure = Measure::EachEpoch;
            let wild = matches!(condition, Condition::ENone | Condition::INormScale);
            let faster = if wild { 1e-2 * faster } else { faster };
            run.rule.rates =
                LearningRates { lr: 5e-4 * faster, lr_w_ie: 5e-3 * faster, lr_w_ei: 5e-4 * faster };
            run.rule.lambda = 0.5 * faster;
            run.rule.label_smoothing = 0.05 * (1.0 + index as f64);
            runs.push(run);
        }
    }
    runs
}

fn trained<M: Machine>(
    machine: M,
    runs: &[Run],
    data: &FashionMnist,
) -> (Vec<NetworkWeights<f32>>, Vec<Record>) {
    let mut trainer = EnsembleTrainer::new(machine, runs, data).unwrap();
    while !trainer.is_over() {
        trainer.epoch(&mut || ()).unwrap();
    }
    (trainer.weights().unwrap(), trainer.records().to_vec())
}

/// Checks that weights are the same but for rounding. A unit whose z is zero but for rounding may
/// open its ReLU in the one and not in the other: a tenth of a matrix may differ for that.
#[track_caller]
fn assert_close(run: &Run, a: &NetworkWeights<f32>, b: &NetworkWeights<f32>) {
    for (layer, (a, b)) in a.layers().into_iter().zip(b.layers()).enumerate() {
        for ((name, a), (_, b)) in a.named().into_iter().zip(b.named()) {
            let largest = b.iter().fold(1e-6_f32, |m, w| m.max(w.abs()));
            let mut apart: Vec<f32> =
                a.iter().zip(b).map(|(a, b)| (a - b).abs() / largest).collect();
            apart.sort_by(f32::total_cmp);
            let at = |part: usize| apart.get(apart.len() * part / 100).copied().unwrap_or(0.0);
            let most = apart.last().copied().unwrap_or(0.0);
            let place = format!("{} {} {name} of layer {layer}", run.condition, run.width);
            assert!(at(90) <= 1e-4 && most <= 0.2, "{place}: {:.1e}, at most {most:.1e}", at(90));
        }
    }
}

/// Trains runs together on `machine` and alone in the engine, and compares everything that comes out.
fn check<M: Machine>(machine: M, runs: &[Run], images: usize) {
    let data = small(images);
    let (weights, records) = trained(machine, runs, &data);
    for ((run, weights), ours) in runs.iter().zip(&weights).zip(&records) {
        let (expected, theirs) = train(run, &data, &mut ()).unwrap();
        assert_close(run, weights, &expected);
        assert_eq!((ours.outcome, ours.steps), (theirs.outcome, theirs.steps));
        for (ours, theirs) in ours.epochs.iter().zip(&theirs.epochs) {
            assert!((ours.train_loss - theirs.train_loss).abs() <= 1e-3 * theirs.train_loss);
            assert!((ours.test_loss - theirs.test_loss).abs() <= 1e-3 * theirs.test_loss);
            assert!((ours.test_accuracy - theirs.test_accuracy).abs() < 1.5 / 45.0);
        }
        assert_eq!(ours.measurements.len(), 4);
        for (ours, theirs) in ours.measurements.iter().zip(&theirs.measurements) {
            let (ours, theirs) = (ours.values, theirs.values);
            assert!((ours.variance - theirs.variance).abs() <= 1e-2 * theirs.variance, "{run:?}");
            assert!((ours.gradient_alignment - theirs.gradient_alignment).abs() <= 1e-2);
        }
    }
}

#[test]
fn one_lane() {
    check(Threads::new(1, u64::MAX), &runs(&[26, 41]), 70);
}

#[test]
fn a_warp_of_eight_lanes() {
    check(Threads::new(8, u64::MAX), &runs(&[26]), 40);
}

#[test]
fn a_warp_of_thirty_two_lanes() {
    let mut runs = runs(&[34]);
    runs.retain(|run| matches!(run.condition, Condition::EiLn | Condition::INormFull));
    check(Threads::new(32, u64::MAX), &runs, 20);
}

/// `tests/gpu.sh` runs it.
#[test]
#[ignore = "needs an NVIDIA GPU"]
#[cfg(feature = "cuda")]
fn a_gpu() {
    let gpu = inorm::ensemble::Gpu::new().unwrap();
    check(gpu.clone(), &runs(&[26, 41]), 70);
    check(gpu, &runs(&[178, 234]), 1_000);
}
