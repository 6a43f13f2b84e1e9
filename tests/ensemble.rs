//! Networks trained together end where the same runs end alone, whatever the width of a warp.

mod threads;

use inorm::{
    Condition,
    architecture::{GradNormZ, SubtractiveLoss},
    configuration::{LearningRates, configuration},
    dataset::{FashionMnist, Order, Task},
    ensemble::{EnsembleTrainer, Machine, can_join},
    layers::{InitialWeights, NetworkWeights, initial_weights_of},
    learning::{
        Checkpoint, Measure, Measurement, Outcome, Precision, Record, Recorded, Run, Signs,
        Trainer, train,
    },
};
use threads::Threads;

/// The largest difference between the weights of a network trained in an ensemble and alone, as a
/// fraction of the farthest that a weight of the same matrix moved: both compute in single
/// precision, but their products sum in another order. With learning rates at which a network is
/// not chaotic, that is all there is.
const TOLERANCE: f64 = 2e-2;

/// 11 steps, the last of 10 images; evaluations of 64 images, and one of 44.
fn small() -> FashionMnist {
    FashionMnist::subset().unwrap().first(330, 300)
}

fn run(condition: Condition, width: usize) -> Run {
    let run = Run::new(condition, &configuration(4).unwrap()).epsilon(0.5).epochs(4);
    Run { width, ..run.measure(Measure::EachEpoch) }
}

/// Networks and rules that are none of the paper's, one of each kind.
fn variants(width: usize) -> Vec<Run> {
    let of = |condition| run(condition, width);
    let [full, lateral] = [Condition::INormFull, Condition::INormLateral].map(of);
    let [sub, decorrelate] = [Condition::INormSubNone, Condition::INormDecorrelate].map(of);
    vec![
        full.clone().grad_norm_in("2".parse().unwrap()),
        lateral.grad_norm_in("1".parse().unwrap()),
        of(Condition::INormNone).signs(Signs::Free),
        of(Condition::EiLn).signs(Signs::Free).initial_weights(InitialWeights::ZeroMean),
        of(Condition::EiNone).signs(Signs::NonNegative),
        full.grad_norm_z(GradNormZ::Centred),
        decorrelate.grad_norm_z(GradNormZ::Centred),
        sub.subtractive_loss(SubtractiveLoss::MeanAndVariance),
    ]
}

/// Every condition, and every variant, in these widths, each width with rates, λ and smoothing of
/// its own.
fn runs(widths: &[usize]) -> Vec<Run> {
    let mut runs = Vec::new();
    for (&width, faster) in widths.iter().zip([0.5, 1.0, 2.0]) {
        let conditions = Condition::ALL.into_iter().map(|condition| run(condition, width));
        for mut run in conditions.chain(variants(width)) {
            let condition = run.condition;
            // Nothing normalizes the activity of the one, nothing centers the error of the other.
            let faster = match condition {
                Condition::ENone
                | Condition::ELnBackwardOnly
                | Condition::EMeanNormBackwardOnly => 1e-3 * faster,
                Condition::INormScale => 1e-2 * faster,
                _ => faster,
            };
            run.training.rule.rates =
                LearningRates { lr: 2e-4 * faster, lr_w_ie: 5e-3 * faster, lr_w_ei: 5e-4 * faster };
            if condition.circuit().learns_locally() {
                run.training.rule.lambda = 0.02 * faster;
            }
            run.training.rule.label_smoothing = 0.1 * faster;
            runs.push(run);
        }
    }
    runs
}

/// One lane: no threads, so it is fast.
fn processor() -> Threads {
    Threads::new(1, u64::MAX)
}

/// Trains to the end.
fn finish<M: Machine>(
    mut trainer: EnsembleTrainer<'_, M>,
) -> (Vec<NetworkWeights<f32>>, Vec<Record>) {
    while !trainer.is_over() {
        trainer.epoch(&mut || ()).unwrap();
    }
    (trainer.weights().unwrap(), trainer.records().to_vec())
}

/// The largest difference of two trained networks' weights against how far they moved, and where.
fn apart(run: &Run, ours: &NetworkWeights<f32>, theirs: &NetworkWeights<f32>) -> (f64, String) {
    let initial = initial_weights_of(&run.architecture(), run.training.seed).unwrap();
    let initial = initial.convert(|w| w as f32);
    let farthest = |a: &[f32], b: &[f32]| {
        assert_eq!(a.len(), b.len());
        let differences = a.iter().zip(b).map(|(a, b)| f64::from((a - b).abs()));
        differences.fold(0.0, |most: f64, d| if d <= most { most } else { d })
    };
    let mut worst = (0.0, String::new());
    for layer in 0..3 {
        let [ours, theirs, initial] = [ours, theirs, &initial].map(|w| w.layers()[layer].named());
        for (((name, ours), (_, theirs)), (_, initial)) in ours.into_iter().zip(theirs).zip(initial)
        {
            let zeros = vec![0.0; theirs.len()];
            // Some matrices are moved by rounding alone.
            let moved = farthest(theirs, initial) + 1e-3 * farthest(theirs, &zeros) + 1e-9;
            let relative = farthest(ours, theirs) / moved;
            if relative.is_nan() || relative > worst.0 {
                worst = (relative, format!("{name} of layer {layer}"));
            }
        }
    }
    worst
}

#[track_caller]
fn assert_same(run: &Run, record: &Record, expected: &Record, images: usize) {
    assert_eq!((record.outcome, record.steps), (expected.outcome, expected.steps), "{run:?}");
    assert_eq!(record.epochs.len(), expected.epochs.len());
    for (ours, theirs) in record.epochs.iter().zip(&expected.epochs) {
        let context = || format!("{run:?}\n{ours:?}\n{theirs:?}");
        let apart = |ours: f64, theirs: f64| (ours - theirs).abs() / theirs;
        assert!(apart(ours.train_loss, theirs.train_loss) < 1e-4, "{}", context());
        assert!(apart(ours.test_loss, theirs.test_loss) < 1e-3, "{}", context());
        // An image may lie on the border of two classes.
        let others = (ours.test_accuracy - theirs.test_accuracy).abs() * images as f64;
        assert!(others < 1.5, "{}", context());
    }
    let key = |m: &Measurement| (m.epoch, m.step, m.layer);
    assert_eq!(record.measurements.len(), expected.measurements.len());
    for (ours, theirs) in record.measurements.iter().zip(&expected.measurements) {
        assert_eq!(key(ours), key(theirs));
        let (ours, theirs) = (ours.values, theirs.values);
        let (eigenvalue, expected) = (ours.error_eigenvalue, theirs.error_eigenvalue);
        for (ours, theirs, scale) in [
            (ours.mean, theirs.mean, theirs.variance.sqrt()),
            (ours.variance, theirs.variance, theirs.variance),
            (ours.output_alignment, theirs.output_alignment, 1.0),
            (ours.gradient_alignment, theirs.gradient_alignment, 1.0),
            // The square of a mean that may be zero but for rounding.
            (ours.inorm_loss, theirs.inorm_loss, theirs.inorm_loss + 1e-6),
            (eigenvalue.unwrap(), expected.unwrap(), expected.unwrap()),
            (ours.task_alignment.unwrap(), theirs.task_alignment.unwrap(), 1.0),
            (ours.common_error.unwrap(), theirs.common_error.unwrap(), 1.0),
        ] {
            assert!((ours - theirs).abs() <= 1e-2 * scale, "{run:?} {ours} {theirs}");
        }
    }
}

/// Trains runs together on `machine` and alone in the engine, and compares all that comes out:
/// first prints how far every network's weights are apart, for whoever has to find out why.
fn check<M: Machine>(machine: M, runs: &[Run], data: &FashionMnist) {
    let (weights, records) = finish(EnsembleTrainer::new(machine, runs, data).unwrap());
    let compare = |(run, weights): (&Run, &NetworkWeights<f32>)| {
        let (alone, expected) = train(run, data, &mut ()).unwrap();
        let (difference, place) = apart(run, weights, &alone);
        println!("{difference:.1e} {place}: {}", run.architecture());
        (difference, place, expected)
    };
    let compared: Vec<_> = runs.iter().zip(&weights).map(compare).collect();
    for ((run, record), (difference, place, expected)) in runs.iter().zip(&records).zip(compared) {
        assert!(difference <= TOLERANCE, "{run:?}: {place} differ by {difference}");
        assert_same(run, record, &expected, data.test.len());
    }
}

#[test]
fn every_network_ends_where_it_ends_alone() {
    check(processor(), &runs(&[26, 35, 50]), &small());
}

/// Batches of more images than a kernel adds up at a time, too.
#[test]
fn shuffled_images_and_another_contrast() {
    let data = small();
    let revised = |run: Run| run.order(Order::Shuffled).task(Task::Contrast);
    for (batch, order) in [(32, Order::Shuffled), (40, Order::File)] {
        let mut runs: Vec<Run> = runs(&[26]).into_iter().map(revised).collect();
        for run in &mut runs {
            (run.training.batch, run.training.order, run.training.epochs) = (batch, order, 2);
        }
        check(processor(), &runs, &data);
    }
}

#[test]
fn a_warp_of_eight_lanes() {
    let runs: Vec<Run> = runs(&[26]).into_iter().map(|run| run.epochs(2)).collect();
    check(Threads::new(8, u64::MAX), &runs, &FashionMnist::subset().unwrap().first(40, 45));
}

#[test]
fn blocks_of_four_warps_of_thirty_two_lanes() {
    let runs =
        [Condition::EiLn, Condition::INormFull].map(|condition| run(condition, 34).epochs(2));
    check(Threads::new(32, u64::MAX), &runs, &FashionMnist::subset().unwrap().first(20, 45));
}

/// `tests/gpu.sh` runs it.
#[test]
#[ignore = "needs an NVIDIA GPU"]
#[cfg(feature = "cuda")]
fn a_gpu() {
    let gpu = inorm::ensemble::Gpu::new().unwrap();
    check(gpu.clone(), &runs(&[26, 35, 50]), &small());
    // Few steps: each activity that rounding moves across 0 takes the weights of wide networks
    // farther apart, without any fault.
    let wide: Vec<Run> = runs(&[178, 234]).into_iter().map(|run| run.epochs(1)).collect();
    check(gpu, &wide, &FashionMnist::subset().unwrap().first(70, 300));
}

#[test]
fn a_network_that_diverges_leaves_the_others_alone() {
    let data = small();
    let mut runs = Vec::new();
    for condition in [Condition::ENone, Condition::EiLn, Condition::INormFull] {
        for rate in [1e-3, 1e30] {
            let mut run = run(condition, 20).epochs(2);
            run.training.rule.rates = LearningRates { lr: rate, lr_w_ie: 1e-2, lr_w_ei: 1e-3 };
            runs.push(run);
        }
    }
    let (weights, records) = finish(EnsembleTrainer::new(processor(), &runs, &data).unwrap());
    let mut count = 0;
    for ((run, weights), record) in runs.iter().zip(&weights).zip(&records) {
        let (alone, expected) = train(run, &data, &mut ()).unwrap();
        assert_eq!(record.outcome, expected.outcome);
        let diverged = matches!(record.outcome, Outcome::Diverged { .. });
        count += usize::from(diverged);
        if run.training.rule.rates.lr < 1.0 {
            assert!(!diverged && apart(run, weights, &alone).0 <= TOLERANCE, "{run:?}");
            assert_same(run, record, &expected, data.test.len());
        }
    }
    assert!(count >= 2, "{records:?}");
}

/// Everything but the clock.
fn timeless(records: &[Record]) -> Vec<Record> {
    let timeless = |record: &Record| Record { training_seconds: 0.0, ..record.clone() };
    records.iter().map(timeless).collect()
}

#[test]
fn a_resumed_ensemble_equals_an_uninterrupted_one_bit_for_bit() {
    let data = small();
    let runs = runs(&[26, 35, 50]).into_iter().step_by(5);
    let runs: Vec<Run> = runs.map(|run| run.epochs(3).measure(Measure::LastStep)).collect();
    let (weights, records) = finish(EnsembleTrainer::new(processor(), &runs, &data).unwrap());
    let mut first = EnsembleTrainer::new(processor(), &runs, &data).unwrap();
    first.epoch(&mut || ()).unwrap();
    let checkpoints: Vec<Checkpoint> = first.checkpoints().unwrap();
    let second = EnsembleTrainer::resume(processor(), checkpoints, &data).unwrap();
    let (resumed, resumed_records) = finish(second);
    assert_eq!(resumed, weights);
    assert_eq!(timeless(&resumed_records), timeless(&records));
}

#[test]
fn a_run_is_resumed_alone_or_in_another_ensemble() {
    let data = small();
    let runs: Vec<Run> = runs(&[26, 35]).into_iter().skip(18).step_by(4).take(6).collect();
    let alone = |run: &Run| {
        let mut trainer = Trainer::new(run, &data).unwrap();
        trainer.epoch(&mut ());
        trainer.checkpoint()
    };
    let mut trainer =
        EnsembleTrainer::resume(processor(), runs.iter().map(alone).collect(), &data).unwrap();
    trainer.epoch(&mut || ()).unwrap();
    for (run, checkpoint) in runs.iter().zip(trainer.checkpoints().unwrap()) {
        let mut trainer = Trainer::resume(checkpoint, &data).unwrap();
        trainer.finish(&mut ());
        let (expected, _) = train(run, &data, &mut ()).unwrap();
        assert!(apart(run, &trainer.weights(), &expected).0 <= TOLERANCE, "{run:?}");
    }
}

#[test]
fn runs_that_cannot_be_trained_together_are_refused() {
    let data = small();
    let refused =
        |runs: &[Run]| EnsembleTrainer::new(processor(), runs, &data).err().unwrap().to_string();
    let run = run(Condition::ELn, 12);
    assert!(refused(&[]).contains("at least one"));
    let other = run.clone().epsilon(0.25);
    let message = refused(&[run.clone(), other]);
    assert!(message.contains("ε 0.25") && message.contains("the same images"), "{message}");
    let mut other = run.clone();
    other.training.rule.momentum = 0.5;
    let message = refused(&[run.clone(), other]);
    assert!(message.contains("momentum") && message.contains("alone"), "{message}");
    let message = refused(&[run.clone(), run.clone().hidden_layers(3)]);
    assert!(message.contains("two hidden layers; train this one alone"), "{message}");
    let half = run.clone().precision(Precision::Fp16Autocast);
    let message = refused(std::slice::from_ref(&half));
    assert!(message.contains("e_ln") && message.contains("in fp16_autocast"), "{message}");
    assert!(!can_join(&half) && can_join(&run));
    for other in [run.clone().order(Order::Shuffled), run.clone().task(Task::Contrast)] {
        let message = refused(&[run.clone(), other]);
        assert!(
            message.contains("ε 0.5 order") && message.contains("the same images"),
            "{message}"
        );
    }
    let mut other = run;
    other.width = 1;
    assert!(refused(&[other]).contains("width"));
}

#[test]
fn the_memory_that_is_announced_is_what_is_taken() {
    let data = small();
    for task in [Task::Luminosity, Task::Contrast] {
        let runs: Vec<Run> = runs(&[23]).into_iter().map(|run| run.task(task)).collect();
        let bytes = EnsembleTrainer::<Threads>::bytes(&runs, &data);
        assert!(EnsembleTrainer::new(Threads::new(1, bytes), &runs, &data).is_ok());
        let error = EnsembleTrainer::new(Threads::new(1, bytes - 1), &runs, &data).err().unwrap();
        assert!(error.to_string().contains("bytes wanted"), "{error}");
    }
}
