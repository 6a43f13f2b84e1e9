//! How far an ensemble is from what its device can do, and from the same runs alone.
//!
//! The floor of a step is the longer of two times: its floating-point operations at the rate of a
//! large product, and the bytes that its products read and write at the speed of a large copy;
//! both are measured in turns with the steps.
//!
//! `cargo bench --bench ensemble [-- CONFIGURATIONS]` trains the paper's ten conditions in so many
//! of its configurations on one thread of the processor; with the feature `cuda`,
//! `-- cuda [CONFIGURATIONS]` on a GPU.

use inorm::{
    dataset::FashionMnist,
    ensemble::{Batched, Companions, Cpu, Device, Operand, arrange},
    learning::{Measure, Run, Trainer},
    sweep::Profile,
};
use std::time::Instant;

const ROUNDS: usize = 5;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let count = arguments.iter().find_map(|argument| argument.parse().ok());
    let data = FashionMnist::subset().expect("the built-in subset");
    if arguments.iter().any(|argument| argument == "cuda") {
        on_gpu(count.unwrap_or(30), &data);
    } else {
        let runs = runs(count.unwrap_or(3));
        measure(Cpu, &runs, &data, 512, 1 << 24);
        let alone: f64 = runs.iter().map(|run| seconds_alone(run, &data)).sum();
        println!("the same steps of the same runs, each alone: {:.2} ms", 1e3 * alone);
    }
}

#[cfg(feature = "cuda")]
fn on_gpu(count: usize, data: &FashionMnist) {
    match inorm::ensemble::Gpu::new() {
        Ok(gpu) => measure(inorm::ensemble::Kernels(gpu), &runs(count), data, 8192, 1 << 28),
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(1);
        }
    }
}

#[cfg(not(feature = "cuda"))]
fn on_gpu(_: usize, _: &FashionMnist) {
    println!("built without the feature 'cuda'");
}

/// The ten conditions of the paper's sweep in its first configurations.
fn runs(configurations: usize) -> Vec<Run> {
    let mut selection = Profile::Paper.selection().expect("figures of the paper");
    selection.configurations.truncate(configurations);
    selection.epsilons = vec![0.75];
    selection.epochs = u32::MAX;
    let plan = selection.plan().expect("configurations of the paper");
    let mut runs: Vec<Run> =
        plan.into_iter().map(|planned| planned.run.measure(Measure::Never)).collect();
    runs.sort_by_key(arrange);
    runs
}

/// Prints what steps take, and what the device can do. Products have `side` rows and columns;
/// `copied` values are copied.
fn measure<D: Device + Clone>(
    device: D,
    runs: &[Run],
    data: &FashionMnist,
    side: usize,
    copied: usize,
) {
    let mut companions = Companions::new(device.clone(), runs, data).expect("room");
    let [operations, bytes] = companions.work_per_step();
    let steps = data.train.len().div_ceil(runs[0].batch) as f64;
    let (mut step, mut rate, mut speed, mut share) = (vec![], vec![], vec![], vec![]);
    companions.epoch(&mut || ()).expect("an epoch");
    for _ in 0..ROUNDS {
        let before: f64 = companions.records().iter().map(|r| r.training_seconds).sum();
        companions.epoch(&mut || ()).expect("an epoch");
        let after: f64 = companions.records().iter().map(|r| r.training_seconds).sum();
        let (product, copy) = (product_rate(&device, side), copy_speed(&device, copied));
        let seconds = (after - before) / steps;
        share.push((operations / product).max(bytes / copy) / seconds);
        step.push(1e3 * seconds);
        rate.push(product / 1e9);
        speed.push(copy / 1e9);
    }
    let (step, rate, speed) = (median(step), median(rate), median(speed));
    println!("{} networks, batch {}; medians of {ROUNDS} rounds", runs.len(), runs[0].batch);
    println!("a step: {:.2} GFLOP, {:.2} GB, {step:.2} ms", operations / 1e9, bytes / 1e9);
    println!("a product of {side}²: {rate:.0} GFLOP/s; a copy: {speed:.1} GB/s");
    println!("floor: {:.0} % of the time of a step", 100.0 * median(share));
    println!("{:.0} steps a second", 1e3 / step);
}

/// Seconds of a step of a run on its own.
fn seconds_alone(run: &Run, data: &FashionMnist) -> f64 {
    let mut trainer = Trainer::new(run, data).expect("a run");
    trainer.epoch(&mut ());
    let before = trainer.record().training_seconds;
    trainer.epoch(&mut ());
    let steps = data.train.len().div_ceil(run.batch) as f64;
    (trainer.record().training_seconds - before) / steps
}

/// Operations a second of a product of square matrices.
fn product_rate<D: Device>(device: &D, side: usize) -> f64 {
    let matrix = || device.zeros::<f32>(side * side).expect("room");
    let (a, b, mut out) = (matrix(), matrix(), matrix());
    let whole = Operand { offset: 0, step: 0, stride: side, transposed: false };
    let products = Batched { count: 1, sizes: [side; 3], a: whole, b: whole, out: whole };
    let seconds = time(device, || device.product(&products, &a, &b, &mut out).expect("a product"));
    2.0 * (side as f64).powi(3) / seconds
}

/// Bytes a second, those that are read and those that are written.
fn copy_speed<D: Device>(device: &D, count: usize) -> f64 {
    let from = device.zeros::<f32>(count).expect("room");
    let mut to = device.zeros::<f32>(count).expect("room");
    let copy = || device.copy(&from, std::hint::black_box(&mut to)).expect("a copy");
    8.0 * count as f64 / time(device, copy)
}

/// Seconds of a call, once the device is warm.
fn time<D: Device>(device: &D, mut call: impl FnMut()) -> f64 {
    const CALLS: u32 = 5;
    let last = device.zeros::<u8>(1).expect("room");
    let wait = || device.read(&last).expect("a byte");
    call();
    wait();
    let start = Instant::now();
    (0..CALLS).for_each(|_| call());
    wait();
    start.elapsed().as_secs_f64() / f64::from(CALLS)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
