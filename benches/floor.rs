//! How far a training step is from its arithmetic, as the table in the README.
//!
//! For each condition and width: the median time of a step (draw a batch of images, shift their
//! luminosity, forward, backward, update), and that over the time that its matrix products would
//! take at the rate of a 512³ product measured in the same moments.
//! Machines drift, so step and product take turns and only their ratio is to be trusted. Then how
//! much longer a step takes under fp16 autocast, how two runs at once share two cores, and how much
//! memory a run takes.
//!
//! `cargo bench --bench floor [-- WIDTH… CONDITION…]`; with `--once WIDTH` it prints the
//! milliseconds of a step of `inorm_full` and nothing else, for `benches/peers/compare.py`.

use faer::{Accum, MatMut, MatRef, Par, linalg::matmul::matmul};
use inorm::{
    Condition,
    configuration::configuration,
    dataset::{Augmentation, FashionMnist, PIXELS, Task},
    engine::Engine,
    layers::initial_weights,
    learning::{LearningRule, Precision, Run, train},
    randomness::Purpose,
};
use std::{ops::Range, time::Instant};

const BATCH: usize = 32;
const SIDE: usize = 512;
const ROUNDS: usize = 15;

fn main() {
    let widths: Vec<usize> =
        std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let data = FashionMnist::load().expect("the data");
    if std::env::args().any(|argument| argument == "--once") {
        let mut problem = Problem::new(Condition::INormFull, widths[0], &data);
        time(20, || problem.step());
        println!("{}", 1e3 * time(300, || problem.step()));
        return;
    }
    let widths = if widths.is_empty() { vec![178, 234, 488] } else { widths };
    let memory = peak_memory(&data);
    let named: Vec<String> = widths.iter().map(usize::to_string).collect();
    println!(
        "widths {}; batch {BATCH}, one thread, medians of {ROUNDS} rounds\n",
        named.join(" / ")
    );
    println!(
        "| condition | ms a step | over the floor | per FLOP, against `inorm_full` | ms a step, measured each time |\n\
         | --- | --- | --- | --- | --- |"
    );
    let full: Vec<Row> = widths.iter().map(|w| measure(Condition::INormFull, *w, &data)).collect();
    for condition in conditions() {
        let rows: Vec<Row> = widths.iter().map(|width| measure(condition, *width, &data)).collect();
        let all = |number: &dyn Fn(usize) -> f64| {
            let numbers: Vec<String> =
                (0..rows.len()).map(|k| format!("{:.2}", number(k))).collect();
            numbers.join(" / ")
        };
        let per_operation = |row: &Row| row.milliseconds / row.operations;
        println!(
            "| `{}` | {} | {} | {} | {} |",
            condition.name(),
            all(&|k| rows[k].milliseconds),
            all(&|k| rows[k].over_floor),
            all(&|k| per_operation(&rows[k]) / per_operation(&full[k])),
            all(&|k| rows[k].with_measurements),
        );
    }
    let rate = full[0].product_rate;
    println!("\nthe floor: matrix products at {rate:.0} GFLOP/s, the rate of 512³ ones");
    let times: Vec<String> =
        widths.iter().map(|width| format!("{:.2}", autocast(*width, &data))).collect();
    println!("fp16 autocast: {} × the time of a step of `inorm_none`", times.join(" / "));
    let mut gains: Vec<f64> = (0..5).map(|_| gain_of_two(widths[0], &data)).collect();
    gains.sort_by(f64::total_cmp);
    println!(
        "two runs at once: {:.2} × the steps of one ({:.2} to {:.2} in {} pairs)",
        gains[2],
        gains[0],
        gains[4],
        gains.len()
    );
    if let Some(megabytes) = memory {
        println!("peak memory of a run on all images: {megabytes:.0} MB");
    }
}

/// Of an epoch, in megabytes, where the system tells; the first thing that this process does.
fn peak_memory(data: &FashionMnist) -> Option<f64> {
    let configuration = configuration(13).expect("a configuration");
    let run = Run::new(Condition::INormFull, &configuration).epochs(1);
    train(&run, data, &mut ()).expect("a run");
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse::<f64>().ok().map(|kilobytes| kilobytes / 1024.0)
}

/// How many times as many steps two threads do in the time that one takes for its own.
fn gain_of_two(width: usize, data: &FashionMnist) -> f64 {
    const STEPS: u32 = 400;
    let mut problems = [(); 2].map(|()| Problem::new(Condition::INormFull, width, data));
    let alone = time(STEPS, || problems[0].step());
    let together = time(1, || {
        std::thread::scope(|scope| {
            for problem in &mut problems {
                scope.spawn(|| time(STEPS, || problem.step()));
            }
        });
    });
    2.0 * alone * f64::from(STEPS) / together
}

/// How many times as long a step takes under fp16 autocast.
fn autocast(width: usize, data: &FashionMnist) -> f64 {
    let mut problems = [Precision::Single, Precision::Fp16Autocast].map(|precision| {
        let mut problem = Problem::new(Condition::INormNone, width, data);
        let rule = LearningRule { precision, ..*problem.engine.rule() };
        problem.engine.set_rule(rule);
        problem
    });
    let ratio = |_| {
        let [single, half] = problems.each_mut().map(|problem| time(40, || problem.step()));
        half / single
    };
    median((0..ROUNDS).map(ratio).collect())
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

/// A network and the images it is trained on.
struct Problem<'a> {
    engine: Engine<f32>,
    data: &'a FashionMnist,
    luminosity: Augmentation,
    /// The batch: where it is in the data, and its shifted images.
    range: Range<usize>,
    x: Vec<f32>,
}

impl<'a> Problem<'a> {
    fn new(condition: Condition, width: usize, data: &'a FashionMnist) -> Self {
        let weights = initial_weights(condition, width, 0).expect("a network");
        let rule = LearningRule::paper(configuration(13).expect("a configuration").rates);
        Self {
            engine: Engine::new(&weights.convert(|w| w as f32), rule),
            data,
            luminosity: Augmentation::new(
                Task::Luminosity,
                0.75,
                0,
                Purpose::TrainingLuminosity,
                1,
            )
            .expect("an ε"),
            range: 0..0,
            x: vec![0.0; BATCH * PIXELS],
        }
    }

    /// The next batch.
    fn draw(&mut self) {
        let images = &self.data.train;
        let from = if self.range.end + BATCH > images.len() { 0 } else { self.range.end };
        self.range = from..from + BATCH;
        self.luminosity.fill(images, self.range.clone(), &mut self.x);
    }

    fn step(&mut self) {
        self.draw();
        self.engine.step(&self.x, &self.data.train.labels()[self.range.clone()]);
    }

    fn measured_step(&mut self) {
        self.draw();
        self.engine.forward(&self.x);
        self.engine.backward(&self.data.train.labels()[self.range.clone()]);
        std::hint::black_box(self.engine.measure(&self.x));
        self.engine.update(&self.x);
    }
}

fn measure(condition: Condition, width: usize, data: &FashionMnist) -> Row {
    let mut problem = Problem::new(condition, width, data);
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
