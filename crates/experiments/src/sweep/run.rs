//! `inorm sweep run`.

use super::{place::Place, progress::ProgressReporter};
use crate::{images::Images, results::provenance};
use clap::{Args, ValueEnum};
use inorm::sweep::{Planned, Shard, Store, Summary, Worker};
use inorm_core::{Failure, Outcome, say};
use signal_hook::{
    consts::{SIGINT, SIGTERM, SIGUSR1},
    flag,
};
use std::{
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// Which of the planned runs to train, and how many at a time.
#[derive(Args)]
pub struct RunSweep {
    #[command(flatten)]
    place: Place,
    /// Runs at a time, each on one thread; as many as there are processors if not given.
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// Only every n-th row of the plan, from the i-th on.
    #[arg(long, value_name = "i/n", conflicts_with = "row")]
    shard: Option<Shard>,
    /// Only this row of the plan, counted from 0: the index of a task in a job array.
    #[arg(long, value_name = "I")]
    row: Option<usize>,
    /// Save a checkpoint every N epochs.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    checkpoint_epochs: u32,
    /// Where runs are trained: one by one on the processor, or those of the same ε and seed
    /// together on an NVIDIA GPU.
    #[arg(long, value_enum, default_value_t)]
    device: Device,
    /// Gigabytes of a GPU's memory that may be used; by default nine tenths of what is free. What
    /// does not fit is trained later.
    #[arg(long, value_name = "GB", value_parser = parse_memory)]
    memory: Option<u64>,
    #[command(flatten)]
    images: Images,
}

/// Trains every unfinished run.
pub fn run(options: &RunSweep) -> Outcome {
    let store = Store::open(&options.place.store)?;
    let plan = options.rows(store.plan()?)?;
    let data = options.images.read()?;
    say(data.describe());
    let stop = stop_on_signals()?;
    let reporter = ProgressReporter::new(&store, &plan);
    let jobs = options.jobs.or_else(|| std::thread::available_parallelism().ok());
    let jobs = jobs.map_or(1, NonZeroUsize::get).min(plan.len().max(1));
    let (provenance, jobs) = match options.device {
        Device::Cpu => (provenance(), jobs),
        Device::Cuda => (provenance().ensembles_on("cuda"), 1),
    };
    let worker = Worker {
        store: &store,
        data: &data,
        provenance: &provenance,
        jobs,
        checkpoint_epochs: options.checkpoint_epochs,
        stop: &stop,
        report: &|event| reporter.report(&event),
    };
    let summary = match options.device {
        Device::Cpu => worker.train_plan(&plan)?,
        Device::Cuda => work_on_gpu(&worker, &plan, options.memory)?,
    };
    conclude(&summary, options.row, &stop)
}

/// What runs are trained on.
#[derive(Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Device {
    /// The processor.
    #[default]
    Cpu,
    /// An NVIDIA GPU.
    Cuda,
}

#[cfg(feature = "cuda")]
fn work_on_gpu(worker: &Worker, plan: &[Planned], memory: Option<u64>) -> Outcome<Summary> {
    let gpu = inorm::ensemble::Gpu::new()?;
    let memory = match memory {
        Some(memory) => memory,
        None => gpu.free_memory()? / 10 * 9,
    };
    Ok(worker.train_plan_in_ensembles(plan, memory, || Ok(gpu.clone()))?)
}

#[cfg(not(feature = "cuda"))]
fn work_on_gpu(_: &Worker, _: &[Planned], _: Option<u64>) -> Outcome<Summary> {
    Err(Failure::new(
        "--device cuda: this program was built without the feature 'cuda'; \
         the section \"On a GPU\" of README.md says how to build it",
    ))
}

/// Gigabytes as bytes.
fn parse_memory(text: &str) -> Result<u64, String> {
    match text.parse::<f64>() {
        Ok(gigabytes) if gigabytes.is_finite() && gigabytes > 0.0 => Ok((gigabytes * 1e9) as u64),
        _ => Err(format!("'{text}' is not a number of gigabytes above 0")),
    }
}

impl RunSweep {
    fn rows(&self, plan: Vec<Planned>) -> Outcome<Vec<Planned>> {
        let count = plan.len();
        match (self.shard, self.row) {
            (Some(shard), _) => Ok(shard.of(&plan)),
            (None, Some(row)) => {
                let planned = plan.into_iter().nth(row);
                planned.map(|planned| vec![planned]).ok_or_else(|| {
                    let last = count.saturating_sub(1);
                    Failure::Usage(format!("--row {row}: the plan has rows 0 to {last}"))
                })
            }
            (None, None) => Ok(plan),
        }
    }
}

fn conclude(summary: &Summary, row: Option<usize>, stop: &AtomicBool) -> Outcome {
    let Summary { filed, diverged, saved, failed, unfinished } = summary;
    say(format_args!(
        "{filed} runs filed ({diverged} diverged), {unfinished} unfinished ({saved} saved)"
    ));
    if !failed.is_empty() {
        let (count, ids) = (failed.len(), failed.join(", "));
        return Err(Failure::new(format!("{count} runs failed: {ids}; all others went on")));
    }
    if *saved > 0 || (*unfinished > 0 && stop.load(Ordering::Relaxed)) {
        return Err(Failure::new("told to stop; the same command resumes"));
    }
    match row {
        // This row was asked for, and it is not done.
        Some(row) if *unfinished > 0 => Err(Failure::Busy(format!(
            "row {row} is claimed elsewhere; run the same command again later"
        ))),
        _ => Ok(()),
    }
}

/// The first signal asks to save the runs in checkpoints, which happens at the end of their epoch;
/// the same signal again ends the process at once, as signals do.
fn stop_on_signals() -> Outcome<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT, SIGUSR1] {
        let seen = Arc::new(AtomicBool::new(false));
        // In this order: only the second one finds the flag set.
        flag::register_conditional_default(signal, Arc::clone(&seen))
            .and_then(|_| flag::register(signal, seen))
            .and_then(|_| flag::register(signal, Arc::clone(&stop)))
            .map_err(|error| Failure::new(format!("cannot listen to signals: {error}")))?;
    }
    Ok(stop)
}
