//! The worker: takes what nobody has done or is doing, trains it, files it.

use super::{Claim, Planned, Provenance, Store, rows::DataIdentity, store::Aside};
use crate::{
    Error, Result,
    condition::Circuit,
    dataset::{FashionMnist, PIXELS},
    interrupt::interrupted,
    learning::{Observer, Outcome, Record, Run, Trainer},
};
use std::{
    collections::HashSet,
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
pub(super) const HEARTBEAT: Duration = Duration::from_secs(20);

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

/// What a worker tells while it works.
#[derive(Debug)]
pub enum Event<'a> {
    /// So many runs will be trained together, in so many bytes.
    Together(usize, u64),
    /// A run begins, or goes on after the epochs it has already.
    Started(&'a Planned, usize),
    /// An epoch of a run is over.
    Epoch(&'a Planned, &'a Record),
    /// A run is over and filed; it took this long in all.
    Filed(&'a Planned, &'a Record, Duration),
    /// A run was put aside because the worker was told to stop, or a reader interrupted the cell.
    PutAside(&'a Planned, &'a Record),
    /// A run broke down, for this reason; the others go on.
    Broken(&'a Planned, &'a str),
}

/// What a worker did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Runs that it filed.
    pub filed: usize,
    /// Of these, runs that diverged.
    pub diverged: usize,
    /// Runs that it put aside.
    pub put_aside: usize,
    /// Ids of the runs that broke down.
    pub broken: Vec<String>,
    /// Runs that are left: in other hands, put aside or broken.
    pub left: usize,
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
    /// A checkpoint is written after so many epochs.
    pub checkpoint_epochs: u32,
    /// Set from outside: put aside what is being trained at the end of its epoch, and leave.
    pub stop: &'a AtomicBool,
    /// Told of everything that happens, from any thread.
    pub report: &'a (dyn Fn(Event) + Sync),
}

/// What the threads of a worker share.
pub(super) struct Shared {
    identity: DataIdentity,
    pub summary: Mutex<Summary>,
    pub broken: Mutex<HashSet<String>>,
    /// Set when a thread has failed or was interrupted: the others leave, too.
    over: AtomicBool,
}

impl Worker<'_> {
    /// Does what of `plan` is not done, in its order.
    ///
    /// # Errors
    /// If the store holds results of other images, or cannot be written. Divergence is an
    /// outcome, and a run that breaks down is one of the summary's `broken`.
    pub fn work(&self, plan: &[Planned]) -> Result<Summary> {
        self.spread(plan, |shared| self.take_and_train(plan, shared))
    }

    /// Lets every thread do `work`, and sums up.
    pub(super) fn spread(
        &self,
        plan: &[Planned],
        work: impl Fn(&Shared) -> Result<()> + Sync,
    ) -> Result<Summary> {
        let shared = Shared {
            identity: self.store.agree_on(self.data)?,
            summary: Mutex::default(),
            broken: Mutex::default(),
            over: AtomicBool::new(false),
        };
        self.store.tidy()?;
        let work = || {
            let done = work(&shared);
            shared.over.fetch_or(done.is_err(), Ordering::Relaxed);
            done
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..self.jobs.max(1)).map(|_| scope.spawn(work)).collect();
            let ends: Vec<_> = threads.into_iter().map(|thread| thread.join()).collect();
            ends.into_iter()
                .try_for_each(|end| end.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        })?;
        let mut summary = shared.summary.into_inner().unwrap_or_else(PoisonError::into_inner);
        for planned in plan {
            summary.left += usize::from(!self.store.is_done(&planned.id)?);
        }
        Ok(summary)
    }

    pub(super) fn stopped(&self, shared: &Shared) -> bool {
        self.stop.load(Ordering::Relaxed) || shared.over.load(Ordering::Relaxed) || interrupted()
    }

    /// One thread's work: the first run that can be had, until there is none.
    pub(super) fn take_and_train(&self, plan: &[Planned], shared: &Shared) -> Result<()> {
        while !self.stopped(shared) {
            let Some((planned, claim)) = self.take(plan, shared)? else { break };
            let trained = catch_unwind(AssertUnwindSafe(|| self.train(planned, &claim, shared)));
            let reason = match trained {
                Ok(Ok(())) => continue,
                Ok(Err(error @ (Error::Io { .. } | Error::Table(_)))) => return Err(error),
                Ok(Err(error)) => error.to_string(),
                Err(panic) => message_of(&*panic),
            };
            lock(&shared.broken).insert(planned.id.clone());
            lock(&shared.summary).broken.push(planned.id.clone());
            (self.report)(Event::Broken(planned, &reason));
        }
        Ok(())
    }

    /// The first run of the plan that is not done, not broken and not in other hands.
    pub(super) fn take<'p>(
        &self,
        plan: &'p [Planned],
        shared: &Shared,
    ) -> Result<Option<(&'p Planned, Claim)>> {
        for planned in plan {
            if lock(&shared.broken).contains(&planned.id) || self.store.is_done(&planned.id)? {
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
        let aside = self.store.taken_up(planned);
        let before = aside.as_ref().map_or(0.0, |aside| aside.wall_seconds);
        let wall = || before + start.elapsed().as_secs_f64();
        let mut trainer = match aside {
            Some(aside) => Trainer::resume(aside.checkpoint, self.data)?,
            None => Trainer::new(&planned.run, self.data)?,
        };
        (self.report)(Event::Started(planned, trainer.record().epochs.len()));
        let mut heart = Heart { claim, last: Instant::now() };
        let mut saved = trainer.record().epochs.len();
        while trainer.record().outcome == Outcome::Running {
            trainer.epoch(&mut heart);
            let record = trainer.record();
            if record.outcome == Outcome::Interrupted {
                shared.over.store(true, Ordering::Relaxed);
                return self.put_aside(planned, &trainer, shared, wall());
            }
            (self.report)(Event::Epoch(planned, record));
            if record.outcome != Outcome::Running {
                break;
            }
            if self.stopped(shared) {
                return self.put_aside(planned, &trainer, shared, wall());
            }
            let epochs = record.epochs.len();
            if epochs >= saved + self.checkpoint_epochs.max(1) as usize {
                let checkpoint = trainer.checkpoint();
                self.store.put_aside(&planned.id, &Aside { wall_seconds: wall(), checkpoint })?;
                saved = epochs;
            }
        }
        self.file(planned, &trainer.into_record(), shared, wall())
    }

    /// Puts a run aside, and leaves it.
    fn put_aside(
        &self,
        planned: &Planned,
        trainer: &Trainer<'_>,
        shared: &Shared,
        wall_seconds: f64,
    ) -> Result<()> {
        let aside = Aside { wall_seconds, checkpoint: trainer.checkpoint() };
        self.store.put_aside(&planned.id, &aside)?;
        lock(&shared.summary).put_aside += 1;
        (self.report)(Event::PutAside(planned, &aside.checkpoint.record));
        Ok(())
    }

    /// Files a run that is over.
    pub(super) fn file(
        &self,
        planned: &Planned,
        record: &Record,
        shared: &Shared,
        wall_seconds: f64,
    ) -> Result<()> {
        self.store.file(planned, record, &shared.identity, self.provenance, wall_seconds)?;
        let mut summary = lock(&shared.summary);
        summary.filed += 1;
        summary.diverged += usize::from(matches!(record.outcome, Outcome::Diverged { .. }));
        drop(summary);
        (self.report)(Event::Filed(planned, record, Duration::from_secs_f64(wall_seconds)));
        Ok(())
    }
}

/// Keeps a claim fresh while its run is trained.
struct Heart<'c> {
    claim: &'c Claim,
    last: Instant,
}

impl Observer for Heart<'_> {
    fn step(&mut self, _: u64, _: u64, _: f64) -> ControlFlow<()> {
        if self.last.elapsed() > HEARTBEAT {
            self.claim.touch();
            self.last = Instant::now();
        }
        ControlFlow::Continue(())
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn message_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "it panicked".to_owned())
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
