//! A worker at work: claims unfinished runs, trains them and files their results.

use super::{Claim, Planned, Summary, SweepEvent, Worker};
use crate::{
    Error, Result,
    interrupt::interrupted,
    learning::{Checkpoint, Observer, Outcome, Record, Trainer},
    results::{DataIdentity, FinishedRun},
};
use inorm_core::Error as FileError;
use std::{
    ops::ControlFlow,
    panic::{AssertUnwindSafe, catch_unwind},
    slice,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// How often a claim is touched.
const HEARTBEAT: Duration = Duration::from_secs(20);

/// At most one part in this many of the time goes into checkpoints.
const CHECKPOINT_SHARE: u32 = 10;

impl Worker<'_> {
    /// Trains every unfinished run of the plan, in order.
    ///
    /// # Errors
    /// If the store holds results of other images, or cannot be written. Divergence is an
    /// outcome, and a run that fails for another reason is one of the summary's `failed`.
    pub fn train_plan(&self, plan: &[Planned]) -> Result<Summary> {
        Session::begin(self)?.on_every_thread(plan, |session| session.train_one_by_one(plan))
    }
}

/// What the threads of a worker share.
pub(super) struct Session<'a> {
    pub worker: &'a Worker<'a>,
    data: DataIdentity,
    summary: Mutex<Summary>,
    /// Set when a thread has failed or was interrupted: the others end, too.
    stop: AtomicBool,
}

/// A run that this worker has claimed.
pub(super) struct ClaimedRun<'p> {
    pub planned: &'p Planned,
    /// From where it resumes.
    pub saved: Option<Checkpoint>,
    /// The time that it took before.
    wall_seconds: f64,
    /// `None` once it is filed.
    claim: Option<Claim>,
}

/// What trains some runs an epoch at a time: one on the processor, or an ensemble on a machine.
pub(super) trait EpochTrainer {
    /// One for each run.
    fn records(&self) -> &[Record];
    /// One for each run.
    fn checkpoints(&self) -> Result<Vec<Checkpoint>>;
    /// Trains one epoch.
    fn epoch(&mut self, heartbeat: &mut Heartbeat) -> Result<()>;
}

impl EpochTrainer for Trainer<'_> {
    fn records(&self) -> &[Record] {
        slice::from_ref(self.record())
    }

    fn checkpoints(&self) -> Result<Vec<Checkpoint>> {
        Ok(vec![self.checkpoint()])
    }

    fn epoch(&mut self, heartbeat: &mut Heartbeat) -> Result<()> {
        self.epoch(heartbeat);
        Ok(())
    }
}

impl<'a> Session<'a> {
    pub fn begin(worker: &'a Worker) -> Result<Self> {
        let data = worker.store.agree_on(worker.data)?;
        worker.store.tidy()?;
        Ok(Self { worker, data, summary: Mutex::default(), stop: AtomicBool::new(false) })
    }

    /// Calls `work` on every thread, and sums up.
    pub fn on_every_thread(
        self,
        plan: &[Planned],
        work: impl Fn(&Self) -> Result<()> + Sync,
    ) -> Result<Summary> {
        let work = || {
            let done = work(&self);
            self.stop.fetch_or(done.is_err(), Ordering::Relaxed);
            done
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..self.worker.jobs.max(1)).map(|_| scope.spawn(work)).collect();
            let ends: Vec<_> = threads.into_iter().map(|thread| thread.join()).collect();
            ends.into_iter()
                .try_for_each(|end| end.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        })?;
        let mut summary = self.summary.into_inner().unwrap_or_else(PoisonError::into_inner);
        for planned in plan {
            summary.unfinished += usize::from(!self.worker.store.is_done(&planned.id)?);
        }
        Ok(summary)
    }

    fn summary(&self) -> MutexGuard<'_, Summary> {
        self.summary.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn report(&self, event: SweepEvent) {
        (self.worker.report)(event);
    }

    pub fn must_stop(&self) -> bool {
        let asked = [self.worker.stop, &self.stop].iter().any(|stop| stop.load(Ordering::Relaxed));
        asked || interrupted()
    }

    /// Trains the first run that can be claimed, until there is none.
    pub fn train_one_by_one(&self, plan: &[Planned]) -> Result<()> {
        while !self.must_stop() {
            let Some(run) = self.claim_first(plan)? else { break };
            let data = self.worker.data;
            self.train(vec![run], |runs| match runs[0].saved.take() {
                Some(saved) => Trainer::resume(saved, data),
                None => Trainer::new(&runs[0].planned.run, data),
            })?;
        }
        Ok(())
    }

    /// Claims the first run that is not done, has not failed and is not claimed elsewhere.
    pub fn claim_first<'p>(
        &self,
        plan: impl IntoIterator<Item = &'p Planned>,
    ) -> Result<Option<ClaimedRun<'p>>> {
        let store = self.worker.store;
        for planned in plan {
            if self.summary().failed.contains(&planned.id) || store.is_done(&planned.id)? {
                continue;
            }
            let Some(claim) = store.claim(&planned.id)? else { continue };
            // Another worker may have finished it between the two looks.
            if !store.is_done(&planned.id)? {
                let saved = store.load(planned)?;
                let wall_seconds = saved.as_ref().map_or(0.0, |saved| saved.wall_seconds);
                return Ok(Some(ClaimedRun { planned, saved, wall_seconds, claim: Some(claim) }));
            }
        }
        Ok(None)
    }

    /// Trains runs, which `begin` starts, until they are over or must stop. Runs that cannot be
    /// trained have failed; the others go on.
    pub fn train<T: EpochTrainer>(
        &self,
        mut runs: Vec<ClaimedRun>,
        begin: impl FnOnce(&mut [ClaimedRun]) -> Result<T>,
    ) -> Result<()> {
        let train = || begin(&mut runs).and_then(|trainer| self.train_epochs(&mut runs, trainer));
        if let Some(reason) = failure(catch_unwind(AssertUnwindSafe(train)))? {
            for run in runs.iter().filter(|run| run.claim.is_some()) {
                self.summary().failed.push(run.planned.id.clone());
                self.report(SweepEvent::Failed(run.planned, &reason));
            }
        }
        Ok(())
    }

    fn train_epochs(&self, runs: &mut [ClaimedRun], mut trainer: impl EpochTrainer) -> Result<()> {
        let start = Instant::now();
        for (run, record) in runs.iter().zip(trainer.records()) {
            self.report(SweepEvent::Started(run.planned, record.epochs.len()));
        }
        let mut schedule = Schedule::new(self.worker.checkpoint_epochs);
        let mut last_beat = start;
        while runs.iter().any(|run| run.claim.is_some()) {
            trainer.epoch(&mut Heartbeat { runs, last: &mut last_beat })?;
            let wall_seconds = start.elapsed().as_secs_f64() / runs.len() as f64;
            self.file_ended(runs, trainer.records(), wall_seconds)?;
            let stop = self.must_stop();
            if schedule.is_due_after_epoch() || stop {
                schedule.time(|| self.save_unfiled(runs, trainer.checkpoints()?, wall_seconds))?;
            }
            if stop {
                let records = runs.iter().zip(trainer.records());
                for (run, record) in records.filter(|(run, _)| run.claim.is_some()) {
                    self.summary().saved += 1;
                    self.report(SweepEvent::Saved(run.planned, record));
                }
                break;
            }
        }
        Ok(())
    }

    /// Files the runs that ended in this epoch, and gives back their claims.
    fn file_ended(&self, runs: &mut [ClaimedRun], records: &[Record], wall: f64) -> Result<()> {
        let unfiled = runs.iter_mut().zip(records).filter(|(run, _)| run.claim.is_some());
        for (run, record) in unfiled {
            if record.outcome == Outcome::Interrupted {
                self.stop.store(true, Ordering::Relaxed);
                continue;
            }
            self.report(SweepEvent::Epoch(run.planned, record));
            if record.outcome != Outcome::Running {
                self.file(run.planned, record, run.wall_seconds + wall)?;
                run.claim = None;
            }
        }
        Ok(())
    }

    fn file(&self, planned: &Planned, record: &Record, wall_seconds: f64) -> Result<()> {
        let (data, provenance) = (self.data.clone(), self.worker.provenance.clone());
        let run = FinishedRun::new(record.clone(), data, provenance, wall_seconds)?;
        self.worker.store.file(&run)?;
        let diverged = matches!(record.outcome, Outcome::Diverged { .. });
        let mut summary = self.summary();
        summary.filed += 1;
        summary.diverged += usize::from(diverged);
        drop(summary);
        let wall = Duration::from_secs_f64(wall_seconds);
        self.report(SweepEvent::Filed(planned, record, wall));
        Ok(())
    }

    fn save_unfiled(
        &self,
        runs: &[ClaimedRun],
        checkpoints: Vec<Checkpoint>,
        wall: f64,
    ) -> Result<()> {
        let mut unfiled = runs.iter().zip(checkpoints).filter(|(run, _)| run.claim.is_some());
        unfiled.try_for_each(|(run, checkpoint)| {
            let wall_seconds = run.wall_seconds + wall;
            self.worker.store.save(&run.planned.id, &Checkpoint { wall_seconds, ..checkpoint })
        })
    }
}

/// Keeps claims fresh while their runs are trained.
pub(super) struct Heartbeat<'a, 'p> {
    runs: &'a [ClaimedRun<'p>],
    last: &'a mut Instant,
}

impl Heartbeat<'_, '_> {
    /// Touches the claims if it is time to.
    pub fn beat(&mut self) {
        if self.last.elapsed() > HEARTBEAT {
            self.runs.iter().filter_map(|run| run.claim.as_ref()).for_each(Claim::touch);
            *self.last = Instant::now();
        }
    }
}

impl Observer for Heartbeat<'_, '_> {
    fn step(&mut self, _: u64, _: u64, _: f64) -> ControlFlow<()> {
        self.beat();
        ControlFlow::Continue(())
    }
}

/// When checkpoints are saved: after some epochs, unless that takes too much of the time.
struct Schedule {
    every: u32,
    epochs: u32,
    last: Instant,
    took: Duration,
}

impl Schedule {
    fn new(every: u32) -> Self {
        Self { every: every.max(1), epochs: 0, last: Instant::now(), took: Duration::ZERO }
    }

    fn is_due_after_epoch(&mut self) -> bool {
        self.epochs += 1;
        self.epochs >= self.every && self.last.elapsed() >= self.took * CHECKPOINT_SHARE
    }

    fn time(&mut self, save: impl FnOnce() -> Result<()>) -> Result<()> {
        let began = Instant::now();
        save()?;
        (self.took, self.last, self.epochs) = (began.elapsed(), Instant::now(), 0);
        Ok(())
    }
}

/// Why training failed, if it is the run's fault: others can be trained all the same.
///
/// # Errors
/// If the store or the device has failed: then no other run can be trained.
fn failure(trained: std::thread::Result<Result<()>>) -> Result<Option<String>> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Condition, configuration::configuration, learning::Run};
    use std::{fs::File, time::SystemTime};

    #[test]
    fn a_claim_stays_fresh_however_short_the_epochs_are() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run");
        let planned = Planned::new(Run::new(Condition::ELn, &configuration(0).unwrap()));
        let claim = Claim::take(path.clone()).unwrap();
        let runs = [ClaimedRun { planned: &planned, saved: None, wall_seconds: 0.0, claim }];
        let file = File::options().write(true).open(path).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        let mut last = Instant::now();
        for is_fresh in [false, true] {
            // An epoch.
            last -= HEARTBEAT * 2 / 3;
            Heartbeat { runs: &runs, last: &mut last }.beat();
            let modified = file.metadata().unwrap().modified().unwrap();
            assert_eq!(modified > SystemTime::UNIX_EPOCH, is_fresh);
        }
    }
}
