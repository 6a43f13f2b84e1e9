//! `inorm sweep`: many runs, computed once, by any number of processes on any number of machines.

mod place;
mod plan;
mod progress;
mod repeats;
mod run;
mod slurm;
mod submit;
mod table;

use crate::results;
use clap::{Args, Subcommand};
use inorm::sweep::{RunStatus, Store, merge};
use inorm_core::{Outcome, print};
use place::Place;
use std::path::PathBuf;

/// What can be done with a sweep.
#[derive(Subcommand)]
pub enum Sweep {
    /// Plan runs; adds to the plan that is there.
    Plan(Box<plan::Plan>),
    /// Train every unfinished run of the plan; it can be stopped and started again at any time.
    Run(run::RunSweep),
    /// Say how far the sweep is.
    Status(Place),
    /// Add the finished runs to three tables: runs, epochs, measurements.
    Merge(Merge),
    /// Print the results beside what was published.
    Table(table::ShowTable),
    /// Print the paper's claims as differences between networks of the same configuration, and its
    /// significance marks beside ours.
    Claims(table::ShowClaims),
    /// Print the difference between two networks of the same configuration, which may be others
    /// than the paper's.
    Compare(table::Compare),
    /// Compare the accuracy of repeated runs with that of the runs themselves.
    Repeats(repeats::Repeats),
    /// Submit the unfinished runs of the plan to a cluster.
    Submit(submit::Submit),
}

impl Sweep {
    /// Whether this trains runs.
    pub fn trains(&self) -> bool {
        matches!(self, Self::Run(_))
    }
}

/// What to merge, and where to.
#[derive(Args)]
pub struct Merge {
    /// A folder of a sweep, or of merged tables; may be given several times.
    #[arg(long, value_name = "DIR", default_value = "inorm-sweep")]
    store: Vec<PathBuf>,
    /// The folder with runs.parquet, epochs.parquet and measurements.parquet; data/results in the
    /// repository if not given.
    #[arg(long, value_name = "DIR")]
    into: Option<PathBuf>,
}

/// Carries out one of them.
pub fn run(command: Sweep) -> Outcome {
    match command {
        Sweep::Plan(options) => plan::run(&options),
        Sweep::Run(options) => run::run(&options),
        Sweep::Status(place) => status(&place),
        Sweep::Merge(options) => merge_stores(options),
        Sweep::Table(options) => table::run(&options),
        Sweep::Claims(options) => table::claims(&options),
        Sweep::Compare(options) => table::compare(&options),
        Sweep::Repeats(options) => repeats::run(&options),
        Sweep::Submit(options) => submit::run(&options),
    }
}

fn merge_stores(Merge { store, into }: Merge) -> Outcome {
    let into = results::to_add_to(into.as_deref())?;
    let merged = merge(&store, &into)?;
    print(format_args!("{}: {} runs, {} of them new", into.display(), merged.runs, merged.added))
}

fn status(place: &Place) -> Outcome {
    let store = Store::open(&place.store)?;
    let plan = store.plan()?;
    let [mut done, mut running, mut abandoned, mut saved, mut waiting] = [0; 5];
    for planned in &plan {
        let count = match store.status(&planned.id)? {
            RunStatus::Done => &mut done,
            RunStatus::Running(holder) => {
                let (process, host) = (holder.pid, holder.host);
                print(format_args!("running: {planned} (process {process} on {host})"))?;
                &mut running
            }
            RunStatus::Abandoned => {
                print(format_args!("abandoned: {planned}; the next worker resumes it"))?;
                &mut abandoned
            }
            RunStatus::Saved => &mut saved,
            RunStatus::Waiting => &mut waiting,
        };
        *count += 1;
    }
    print(format_args!(
        "{} planned: {done} done, {running} running, {abandoned} abandoned, {saved} saved, \
         {waiting} waiting",
        plan.len()
    ))
}
