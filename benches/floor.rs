//! How far a training step is from its arithmetic.
//!
//! For each condition and width: the median time of a step, the operations of its matrix
//! products, and both against the rate of a 512³ product measured in the same moments. Machines
//! drift, so step and product take turns and only their ratio is to be trusted.
//!
//! `cargo bench --bench floor [-- WIDTH… CONDITION…]`; with `--once WIDTH` it prints the
//! milliseconds of a step of `inorm_full` and nothing else, for `benches/peers/compare.py`.

use faer::{Accum, MatMut, MatRef, Par, linalg::matmul::matmul};
use inorm::{
    Condition, configuration::configuration, engine::Engine, layers::initial_weights,
    learning::LearningRule,
};
use std::time::Instant;

const BATCH: usize = 32;
const SIDE: usize = 512;
const ROUNDS: usize = 15;

fn main() {
    let widths: Vec<usize> =
        std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    if std::env::args().any(|argument| argument == "--once") {
        let mut problem = Problem::new(Condition::INormFull, widths[0]);
        time(20, || problem.step());
        println!("{}", 1e3 * time(300, || problem.step()));
        return;
    }
    let widths = if widths.is_empty() { vec![178, 234, 488] } else { widths };
    println!("batch {BATCH}, one thread; medians of {ROUNDS} alternating rounds");
    println!(
        "{:<20} {:>5} {:>8} {:>9} {:>9} {:>8} {:>10} {:>13}",
        "condition", "width", "MFLOP", "ms/step", "GFLOP/s", "sgemm", "step/floor", "measured each"
    );
    for &width in &widths {
        let full = measure(Condition::INormFull, width);
        for condition in conditions() {
            let row = measure(condition, width);
            let share = row.milliseconds / full.milliseconds * full.operations / row.operations;
            println!(
                "{:<20} {width:>5} {:>8.1} {:>9.3} {:>9.1} {:>8.1} {:>10.2} {:>13.3}   {share:.2} of inorm_full per FLOP",
                condition.name(),
                row.operations / 1e6,
                row.milliseconds,
                row.operations / row.milliseconds / 1e6,
                row.product_rate,
                row.over_floor,
                row.with_measurements,
            );
        }
    }
}

/// The conditions named on the command line, or all.
fn conditions() -> Vec<Condition> {
    let named: Vec<_> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    if named.is_empty() { Condition::ALL.to_vec() } else { named }
}

struct Row {
    operations: f64,
    milliseconds: f64,
    with_measurements: f64,
    /// GFLOP/s of the 512³ product.
    product_rate: f64,
    over_floor: f64,
}

/// A network and a batch.
struct Problem {
    engine: Engine<f32>,
    x: Vec<f32>,
    labels: Vec<u8>,
}

impl Problem {
    fn new(condition: Condition, width: usize) -> Self {
        let weights = initial_weights(condition, width, 0).expect("a network");
        let rule = LearningRule::paper(configuration(13).expect("a configuration").rates);
        Self {
            engine: Engine::new(&weights.convert(|w| w as f32), rule),
            x: (0..BATCH * 784).map(|i| (i * 7919 % 1000) as f32 / 1000.0).collect(),
            labels: (0..BATCH as u8).map(|i| i % 10).collect(),
        }
    }

    fn step(&mut self) {
        self.engine.step(&self.x, &self.labels);
    }

    fn measured_step(&mut self) {
        self.engine.forward(&self.x);
        self.engine.backward(&self.labels);
        std::hint::black_box(self.engine.measure(&self.x));
        self.engine.update(&self.x);
    }
}

fn measure(condition: Condition, width: usize) -> Row {
    let mut problem = Problem::new(condition, width);
    let operations = problem.engine.operations_per_step(BATCH);
    let (a, b) = (vec![0.5_f32; SIDE * SIDE], vec![0.25_f32; SIDE * SIDE]);
    let mut c = vec![0.0_f32; SIDE * SIDE];
    let (mut steps, mut measured, mut rates, mut ratios) = (vec![], vec![], vec![], vec![]);
    for _ in 0..ROUNDS {
        let step = time(40, || problem.step());
        let product = time(4, || square_product(&a, &b, &mut c));
        measured.push(time(5, || problem.measured_step()));
        let rate = 2.0 * (SIDE * SIDE * SIDE) as f64 / product;
        ratios.push(step / (operations / rate));
        rates.push(rate / 1e9);
        steps.push(step * 1e3);
    }
    Row {
        operations,
        milliseconds: median(steps),
        with_measurements: median(measured) * 1e3,
        product_rate: median(rates),
        over_floor: median(ratios),
    }
}

/// Seconds of one call, over `times` calls.
fn time(times: u32, mut call: impl FnMut()) -> f64 {
    let start = Instant::now();
    (0..times).for_each(|_| call());
    start.elapsed().as_secs_f64() / f64::from(times)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn square_product(a: &[f32], b: &[f32], c: &mut [f32]) {
    let view = |values| MatRef::from_column_major_slice(values, SIDE, SIDE);
    let c = MatMut::from_column_major_slice_mut(c, SIDE, SIDE);
    matmul(c, Accum::Replace, view(a), view(b), 1.0, Par::Seq);
}
