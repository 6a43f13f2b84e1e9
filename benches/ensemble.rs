//! How far an ensemble on an NVIDIA GPU is from what the GPU can do.
//!
//! The floor of a step is the longer of two times: its floating-point operations at the rate of a
//! large product, and the bytes that its products read and write at the speed of a large copy;
//! both are measured in turns with the steps.
//!
//! `cargo bench --bench ensemble --features cuda [-- CONFIGURATIONS]` trains the paper's ten
//! conditions in that many of its configurations; `-- NETWORKS alike` so many networks `inorm_full`
//! of one width, as `benches/peers/gpu.py` does in JAX and PyTorch.

#[cfg(feature = "cuda")]
mod gpu {
    use inorm::{
        Condition,
        configuration::configuration,
        dataset::FashionMnist,
        ensemble::{EnsembleTrainer, Gpu, Machine},
        learning::{Measure, Run},
        sweep::Selection,
    };
    use std::time::Instant;

    const ROUNDS: usize = 5;
    /// Rows and columns of the product.
    const SIDE: usize = 8192;
    /// Values that are copied.
    const COPIED: usize = 1 << 28;

    pub fn main() {
        let count = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(30);
        let alike = std::env::args().any(|argument| argument == "alike");
        let data = FashionMnist::subset().expect("the built-in subset");
        match Gpu::new() {
            Ok(gpu) if alike => measure(&gpu, &vec![full(); count], &data),
            Ok(gpu) => measure(&gpu, &runs(count), &data),
            Err(error) => {
                eprintln!("{error}");
                std::process::exit(1);
            }
        }
    }

    /// The ten conditions of the paper's sweep in its first configurations.
    fn runs(configurations: usize) -> Vec<Run> {
        let mut selection = Selection::profile("paper").expect("a profile");
        selection.configurations.truncate(configurations);
        selection.epsilons = vec![0.75];
        selection.epochs = u32::MAX;
        let plan = selection.plan().expect("configurations of the paper");
        plan.into_iter().map(|planned| planned.run.measure(Measure::Never)).collect()
    }

    /// `inorm_full` in the configuration that the peers use.
    fn full() -> Run {
        let configuration = configuration(13).expect("a configuration");
        let run = Run::new(Condition::INormFull, &configuration).epsilon(0.75).epochs(u32::MAX);
        run.measure(Measure::Never)
    }

    /// Prints what steps take, and what the GPU can do.
    fn measure(gpu: &Gpu, runs: &[Run], data: &FashionMnist) {
        let mut trainer = EnsembleTrainer::new(gpu.clone(), runs, data).expect("memory");
        let [operations, bytes] = trainer.work_per_step();
        let steps = data.train.len().div_ceil(runs[0].training.batch) as f64;
        let (mut step, mut rate, mut speed, mut share) = (vec![], vec![], vec![], vec![]);
        trainer.epoch(&mut || ()).expect("an epoch");
        for _ in 0..ROUNDS {
            let before: f64 = trainer.records().iter().map(|r| r.training_seconds).sum();
            trainer.epoch(&mut || ()).expect("an epoch");
            let after: f64 = trainer.records().iter().map(|r| r.training_seconds).sum();
            let (product, copy) = (product_rate(gpu), copy_speed(gpu));
            let seconds = (after - before) / steps;
            share.push((operations / product).max(bytes / copy) / seconds);
            step.push(1e3 * seconds);
            rate.push(product / 1e9);
            speed.push(copy / 1e9);
        }
        let (step, rate, speed) = (median(step), median(rate), median(speed));
        println!(
            "{} networks, batch {}; medians of {ROUNDS} rounds",
            runs.len(),
            runs[0].training.batch
        );
        println!("a step: {:.2} GFLOP, {:.2} GB, {step:.2} ms", operations / 1e9, bytes / 1e9);
        println!("a product of {SIDE}²: {rate:.0} GFLOP/s; a copy: {speed:.1} GB/s");
        println!("floor: {:.0} % of the time of a step", 100.0 * median(share));
        println!("{:.0} steps a second", 1e3 / step);
    }

    /// Operations a second of a product of square matrices.
    fn product_rate(gpu: &Gpu) -> f64 {
        // A product of zeros would be faster.
        let values: Vec<f32> = (0..SIDE * SIDE).map(|i| (i % 1009) as f32 / 1009.0).collect();
        let (a, b) = (gpu.upload(&values).expect("memory"), gpu.upload(&values).expect("memory"));
        let mut out = gpu.zeros(SIDE * SIDE).expect("memory");
        let product = || gpu.product([SIDE; 3], &a, &b, &mut out).expect("a product");
        2.0 * (SIDE as f64).powi(3) / time(gpu, product)
    }

    /// Bytes a second, those that are read and those that are written.
    fn copy_speed(gpu: &Gpu) -> f64 {
        let from = gpu.zeros::<f32>(COPIED).expect("memory");
        let mut to = gpu.zeros::<f32>(COPIED).expect("memory");
        8.0 * COPIED as f64 / time(gpu, || gpu.copy(&from, &mut to).expect("a copy"))
    }

    /// Seconds of a call, once the GPU is warm.
    fn time(gpu: &Gpu, mut call: impl FnMut()) -> f64 {
        const CALLS: u32 = 5;
        let last = gpu.zeros::<u8>(1).expect("memory");
        let wait = || gpu.read(&last).expect("a byte");
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
}

fn main() {
    #[cfg(feature = "cuda")]
    gpu::main();
    #[cfg(not(feature = "cuda"))]
    println!("built without the feature 'cuda'");
}
