//! What a worker is given, and the events that it reports.

use super::{Planned, Store};
use crate::{
    Error, Result,
    condition::Circuit,
    dataset::{FashionMnist, PIXELS},
    learning::{Record, Run},
    results::Provenance,
};
use std::{str::FromStr, sync::atomic::AtomicBool, time::Duration};

/// Every n-th row of a plan, beginning with the i-th: `i/n`, i from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    index: usize,
    count: usize,
}

impl FromStr for Shard {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parts = text.split_once('/').map(|(i, n)| (i.parse(), n.parse()));
        match parts {
            Some((Ok(index), Ok(count))) if (1..=count).contains(&index) => {
                Ok(Self { index, count })
            }
            _ => Err(Error::invalid("shard", format!("'{text}'"), "i/n with i from 1 to n")),
        }
    }
}

impl Shard {
    /// The shard's rows of a plan.
    pub fn of(self, plan: &[Planned]) -> Vec<Planned> {
        plan.iter().skip(self.index - 1).step_by(self.count).cloned().collect()
    }
}

/// What happens while a worker works.
#[derive(Debug)]
pub enum SweepEvent<'a> {
    /// An ensemble of this many runs is about to be trained, in this many bytes.
    Ensemble(usize, u64),
    /// A run begins, or resumes after this many epochs.
    Started(&'a Planned, usize),
    /// An epoch of a run is over.
    Epoch(&'a Planned, &'a Record),
    /// A run is over and filed; it took this long in all.
    Filed(&'a Planned, &'a Record, Duration),
    /// The checkpoint of a run was saved, because the worker was told to stop or a reader
    /// interrupted the cell.
    Saved(&'a Planned, &'a Record),
    /// A run failed for this reason; the others go on.
    Failed(&'a Planned, &'a str),
}

/// What a worker did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Runs that it filed.
    pub filed: usize,
    /// Of these, runs that diverged.
    pub diverged: usize,
    /// Runs that it stopped and saved.
    pub saved: usize,
    /// Ids of the runs that failed.
    pub failed: Vec<String>,
    /// Runs that are not finished: claimed elsewhere, saved or failed.
    pub unfinished: usize,
}

/// Trains the runs of a plan, several at once, each on one thread.
pub struct Worker<'a> {
    /// Where results go.
    pub store: &'a Store,
    /// The images.
    pub data: &'a FashionMnist,
    /// What the rows say about this program.
    pub provenance: &'a Provenance,
    /// Runs at a time.
    pub jobs: usize,
    /// A checkpoint is saved after this many epochs.
    pub checkpoint_epochs: u32,
    /// Set from outside: save what is being trained at the end of its epoch, and return.
    pub stop: &'a AtomicBool,
    /// Told of everything that happens, from any thread.
    pub report: &'a (dyn Fn(SweepEvent) + Sync),
}

/// What a run costs, in multiplications of a training step times epochs: good enough to weigh
/// small runs against large ones when estimating the time that is left.
pub fn cost(run: &Run) -> f64 {
    let width = run.width as f64;
    // Rows of the matrices that see a layer's input, in units of the width.
    let rows = match run.condition.circuit() {
        Circuit::Excitatory => 1.0,
        Circuit::InhibitoryNorm => 2.1,
        Circuit::InhibitoryNormDivisive => 2.0,
        _ => 1.1,
    };
    let inputs = PIXELS as f64 + width * (run.hidden_layers as f64 - 1.0);
    rows * width * inputs * f64::from(run.training.epochs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::Selection;

    #[test]
    fn shards_share_a_plan_out() {
        let plan = Selection::profile("quick").unwrap().plan().unwrap();
        let shards = (1..=3).map(|i| format!("{i}/3").parse::<Shard>().unwrap().of(&plan));
        let mut ids: Vec<_> = shards.flatten().map(|planned| planned.id).collect();
        assert_eq!(ids.len(), plan.len());
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), plan.len());
        for wrong in ["0/3", "4/3", "1", "1/0", "a/b", ""] {
            assert!(wrong.parse::<Shard>().unwrap_err().to_string().contains("i/n"), "{wrong}");
        }
    }
}
