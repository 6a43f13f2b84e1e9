//! The worker: claims unfinished runs, trains them and files their results.

use super::{Claim, Planned, Store};
use crate::{
    Error, Result,
    condition::Circuit,
    dataset::{FashionMnist, PIXELS},
    interrupt::interrupted,
    learning::{Checkpoint, Observer, Outcome, Record, Run, Trainer},
    results::{DataIdentity, FinishedRun, Provenance},
};
use inorm_core::Error as FileError;
use std::{
    ops::ControlFlow,
    panic::{AssertUnwindSafe, catch_unwind},
    str::FromStr,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// How often a claim is touched.
const HEARTBEAT: Duration = Duration::from_secs(20);

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

/// What the threads of a worker share.
pub(super) struct Shared {
    data: DataIdentity,
    summary: Mutex<Summary>,
    /// Set when a thread has failed or was interrupted: the others end, too.
    stop: AtomicBool,
}

impl Shared {
    pub(super) fn summary(&self) -> MutexGuard<'_, Summary> {
        self.summary.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Worker<'_> {
    /// Trains every unfinished run of the plan, in order.
    ///
    /// # Errors
    /// If the store holds results of other images, or cannot be written. Divergence is an
    /// outcome, and a run that fails for another reason is one of the summary's `failed`.
    pub fn train_plan(&self, plan: &[Planned]) -> Result<Summary> {
        self.on_every_thread(plan, |shared| self.train_one_by_one(plan, shared))
    }

    /// Calls `work` on every thread, and sums up.
    pub(super) fn on_every_thread(
        &self,
        plan: &[Planned],
        work: impl Fn(&Shared) -> Result<()> + Sync,
    ) -> Result<Summary> {
        let shared = Shared {
            data: self.store.agree_on(self.data)?,
            summary: Mutex::default(),
            stop: AtomicBool::new(false),
        };
        self.store.tidy()?;
        let work = || {
            let done = work(&shared);
            shared.stop.fetch_or(done.is_err(), Ordering::Relaxed);
            done
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..self.jobs.max(1)).map(|_| scope.spawn(work)).collect();
            let ends: Vec<_> = threads.into_iter().map(|thread| thread.join()).collect();
            ends.into_iter()
                .try_for_each(|end| end.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        })?;
        let mut summary = std::mem::take(&mut *shared.summary());
        for planned in plan {
            summary.unfinished += usize::from(!self.store.is_done(&planned.id)?);
        }
        Ok(summary)
    }

    pub(super) fn must_stop(&self, shared: &Shared) -> bool {
        self.stop.load(Ordering::Relaxed) || shared.stop.load(Ordering::Relaxed) || interrupted()
    }

    /// Trains the first run that can be claimed, until there is none.
    pub(super) fn train_one_by_one(&self, plan: &[Planned], shared: &Shared) -> Result<()> {
        while !self.must_stop(shared) {
            let Some((planned, claim)) = self.claim_first(plan, shared)? else { break };
            let trained = catch_unwind(AssertUnwindSafe(|| self.train(planned, &claim, shared)));
            if let Some(reason) = failure(trained)? {
                self.fail(planned, &reason, shared);
            }
        }
        Ok(())
    }

    /// Claims the first run that is not done, has not failed and is not claimed elsewhere.
    pub(super) fn claim_first<'p>(
        &self,
        plan: impl IntoIterator<Item = &'p Planned>,
        shared: &Shared,
    ) -> Result<Option<(&'p Planned, Claim)>> {
        for planned in plan {
            if shared.summary().failed.contains(&planned.id) || self.store.is_done(&planned.id)? {
                continue;
            }
            let Some(claim) = self.store.claim(&planned.id)? else { continue };
            // Another worker may have finished it between the two looks.
            if !self.store.is_done(&planned.id)? {
                return Ok(Some((planned, claim)));
            }
        }
        Ok(None)
    }

    fn train(&self, planned: &Planned, claim: &Claim, shared: &Shared) -> Result<()> {
        let start = Instant::now();
        let saved = self.store.load(planned);
        let before = saved.as_ref().map_or(0.0, |saved| saved.wall_seconds);
        let wall = || before + start.elapsed().as_secs_f64();
        let mut trainer = match saved {
            Some(saved) => Trainer::resume(saved, self.data)?,
            None => Trainer::new(&planned.run, self.data)?,
        };
        let mut last_saved = trainer.record().epochs.len();
        (self.report)(SweepEvent::Started(planned, last_saved));
        let mut heartbeat = Heartbeat::new([claim]);
        while trainer.record().outcome == Outcome::Running {
            trainer.epoch(&mut heartbeat);
            let outcome = trainer.record().outcome;
            if outcome != Outcome::Interrupted {
                (self.report)(SweepEvent::Epoch(planned, trainer.record()));
            }
            let stop = match outcome {
                Outcome::Interrupted => true,
                Outcome::Running => self.must_stop(shared),
                Outcome::Finished | Outcome::Diverged { .. } => break,
            };
            let epochs = trainer.record().epochs.len();
            if stop || epochs >= last_saved + self.checkpoint_epochs.max(1) as usize {
                let checkpoint = Checkpoint { wall_seconds: wall(), ..trainer.checkpoint() };
                self.store.save(&planned.id, &checkpoint)?;
                last_saved = epochs;
            }
            if stop {
                shared.stop.fetch_or(outcome == Outcome::Interrupted, Ordering::Relaxed);
                self.leave(planned, trainer.record(), shared);
                return Ok(());
            }
        }
        self.file(planned, trainer.into_record(), shared, wall())
    }

    /// Leaves a run that is saved.
    pub(super) fn leave(&self, planned: &Planned, record: &Record, shared: &Shared) {
        shared.summary().saved += 1;
        (self.report)(SweepEvent::Saved(planned, record));
    }

    /// Leaves a run that cannot be trained.
    pub(super) fn fail(&self, planned: &Planned, reason: &str, shared: &Shared) {
        shared.summary().failed.push(planned.id.clone());
        (self.report)(SweepEvent::Failed(planned, reason));
    }

    /// Files a run that is over.
    pub(super) fn file(
        &self,
        planned: &Planned,
        record: Record,
        shared: &Shared,
        wall_seconds: f64,
    ) -> Result<()> {
        let run =
            FinishedRun::new(record, shared.data.clone(), self.provenance.clone(), wall_seconds)?;
        self.store.file(&run)?;
        let mut summary = shared.summary();
        summary.filed += 1;
        summary.diverged += usize::from(matches!(run.record().outcome, Outcome::Diverged { .. }));
        drop(summary);
        let wall = Duration::from_secs_f64(wall_seconds);
        (self.report)(SweepEvent::Filed(planned, run.record(), wall));
        Ok(())
    }
}

/// Keeps claims fresh while their runs are trained.
pub(super) struct Heartbeat<'c> {
    claims: Vec<&'c Claim>,
    last: Instant,
}

impl<'c> Heartbeat<'c> {
    pub(super) fn new(claims: impl IntoIterator<Item = &'c Claim>) -> Self {
        Self { claims: claims.into_iter().collect(), last: Instant::now() }
    }

    /// Touches the claims if it is time to.
    pub(super) fn beat(&mut self) {
        if self.last.elapsed() > HEARTBEAT {
            self.claims.iter().for_each(|claim| claim.touch());
            self.last = Instant::now();
        }
    }
}

impl Observer for Heartbeat<'_> {
    fn step(&mut self, _: u64, _: u64, _: f64) -> ControlFlow<()> {
        self.beat();
        ControlFlow::Continue(())
    }
}

/// Why training failed, if it is the run's fault: others can be trained all the same.
///
/// # Errors
/// If the store or the device has failed: then no other run can be trained.
pub(super) fn failure(trained: std::thread::Result<Result<()>>) -> Result<Option<String>> {
    match trained {
        Ok(Ok(())) => Ok(None),
        Ok(Err(
            error @ (Error::File(FileError::Io { .. }) | Error::Table(_) | Error::Device(_)),
        )) => Err(error),
        Ok(Err(error)) => Ok(Some(error.to_string())),
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
            Ok(Some(text.unwrap_or_else(|| "it panicked".to_owned())))
        }
    }
}

/// What a run costs, in multiplications of a training step times epochs: good enough to weigh
/// small runs against large ones when estimating the time that is left.
pub fn cost(run: &Run) -> f64 {
    let width = run.width as f64;
    // Rows of the matrices that see a layer's input, in units of the width.
    let rows = match run.condition.circuit() {
        Circuit::Excitatory => 1.0,
        Circuit::ExcitatoryInhibitory | Circuit::InhibitoryNormSubtractive => 1.1,
        Circuit::InhibitoryNorm => 2.1,
    };
    rows * width * (PIXELS as f64 + width) * f64::from(run.epochs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::Profile;

    #[test]
    fn shards_share_a_plan_out() {
        let plan = Profile::Quick.selection().unwrap().plan().unwrap();
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
