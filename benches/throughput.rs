//! What a run is made of: setting it up, classifying the test images, an epoch; and how several
//! runs at once share the machine. `cargo bench --bench floor` has the steps.
//!
//! `cargo bench --bench throughput`

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use inorm::{
    Condition,
    configuration::configuration,
    dataset::FashionMnist,
    engine::Engine,
    layers::initial_weights,
    learning::{Measure, Run, Trainer, train_all},
};
use std::{hint::black_box, time::Duration};

const WIDTHS: [usize; 3] = [178, 234, 488];

fn run(width: usize) -> Run {
    let configuration = configuration(13).expect("a configuration");
    let run = Run::new(Condition::INormFull, &configuration).epochs(1).measure(Measure::Never);
    Run { width, ..run }
}

fn set_up(c: &mut Criterion) {
    let data = FashionMnist::subset().expect("the subset");
    let mut group = c.benchmark_group("set-up of a run");
    group.sample_size(10);
    for width in WIDTHS {
        let run = run(width);
        group.bench_function(width.to_string(), |b| b.iter(|| Trainer::new(&run, &data)));
    }
}

fn evaluation(c: &mut Criterion) {
    let x: Vec<f32> = (0..500 * 784).map(|i| (i * 7919 % 1000) as f32 / 1000.0).collect();
    let mut group = c.benchmark_group("classifying 500 images");
    group.throughput(Throughput::Elements(500));
    for width in WIDTHS {
        let weights = initial_weights(Condition::INormFull, width, 0).expect("a network");
        let mut engine = Engine::new(&weights.convert(|w| w as f32), run(width).training.rule);
        group.bench_function(width.to_string(), |b| b.iter(|| engine.forward(black_box(&x))[0]));
    }
}

fn epochs(c: &mut Criterion) {
    let data = FashionMnist::load().expect("the data");
    let mut group = c.benchmark_group("an epoch, evaluation included");
    group.sample_size(10);
    for jobs in [1, 2] {
        let runs = vec![run(234); jobs];
        let images = data.train.len() * jobs;
        group.throughput(Throughput::Elements(images as u64));
        group.bench_function(format!("{jobs} at once"), |b| {
            b.iter(|| train_all(&runs, &data, jobs, |_| ()).expect("valid runs"));
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2));
    targets = set_up, evaluation, epochs
}
criterion_main!(benches);
