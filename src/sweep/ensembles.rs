//! The worker, training ensembles: as many runs at a time as belong together and fit.

use super::{
    Claim, Planned, Summary, SweepEvent, Worker,
    worker::{Heartbeat, Shared, failure},
};
use crate::{
    Error, Result,
    ensemble::{EnsembleTrainer, Machine},
    learning::{Checkpoint, Outcome, Record, Run},
};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

/// At most one part in this many of the time goes into checkpoints.
const CHECKPOINT_SHARE: u32 = 10;

/// A run of an ensemble.
struct Member<'p> {
    planned: &'p Planned,
    /// `None` once it is filed.
    claim: Option<Claim>,
    /// The time that it took before.
    wall_seconds: f64,
    checkpoint: Option<Checkpoint>,
}

impl Member<'_> {
    /// Epochs of its checkpoint, if it has one: that of a first epoch that was cut short has none.
    fn epochs(&self) -> Option<usize> {
        self.checkpoint.as_ref().map(|checkpoint| checkpoint.record.epochs.len())
    }
}

/// What the runs of an ensemble must have in common, before any of them is trained.
fn common(planned: &Planned) -> (u64, u64, usize, u32) {
    let Run { epsilon, seed, batch, epochs, .. } = &planned.run;
    (epsilon.to_bits(), *seed, *batch, *epochs)
}

impl Worker<'_> {
    /// Trains every unfinished run of the plan, in ensembles of runs of the same ε and seed. All
    /// ensembles of this worker together stay below `memory` bytes; `machine` makes the machine of
    /// each. Runs with momentum or weight decay, which ensembles do not know, are trained one by
    /// one.
    ///
    /// # Errors
    /// As [`train_plan`](Self::train_plan); if `memory` is too little for a single run; or if the
    /// machine fails.
    pub fn train_plan_in_ensembles<M: Machine>(
        &self,
        plan: &[Planned],
        memory: u64,
        machine: impl Fn() -> Result<M> + Sync,
    ) -> Result<Summary> {
        let (plain, others): (Vec<_>, Vec<_>) =
            plan.iter().cloned().partition(|planned| planned.run.rule.is_plain());
        let memory = memory / self.jobs.max(1) as u64;
        self.on_every_thread(plan, |shared| {
            while !self.must_stop(shared) {
                let mut members = self.claim_ensemble::<M>(&plain, memory, shared)?;
                if members.is_empty() {
                    break;
                }
                let train = || self.train_ensemble(&mut members, &machine, shared);
                if let Some(reason) = failure(catch_unwind(AssertUnwindSafe(train)))? {
                    let unfiled = members.iter().filter(|member| member.claim.is_some());
                    unfiled.for_each(|member| self.fail(member.planned, &reason, shared));
                }
            }
            self.train_one_by_one(&others, shared)
        })
    }

    /// Claims the first run that can be had, and those that belong to it: a fair share of them for
    /// each thread, and no more than fit into `memory` bytes.
    fn claim_ensemble<'p, M: Machine>(
        &self,
        plan: &'p [Planned],
        memory: u64,
        shared: &Shared,
    ) -> Result<Vec<Member<'p>>> {
        let Some(first) = self.claim_member(plan, shared)? else { return Ok(Vec::new()) };
        let mut runs = vec![first.planned.run.clone()];
        let bytes = |runs: &[Run]| EnsembleTrainer::<M>::bytes(runs, self.data);
        if bytes(&runs) > memory {
            return Err(self.too_little(memory, bytes(&runs)));
        }
        let alike = plan.iter().filter(|planned| common(planned) == common(first.planned));
        let unfinished: Vec<_> = alike.filter(|planned| !self.is_done(planned)).collect();
        let share = unfinished.len().div_ceil(self.jobs.max(1));
        let mut members = vec![first];
        for planned in unfinished {
            if members.len() >= share {
                break;
            }
            runs.push(planned.run.clone());
            let fits = bytes(&runs) <= memory;
            let member = if fits { self.claim_member([planned], shared)? } else { None };
            match member.filter(|member| member.epochs() == members[0].epochs()) {
                Some(member) => members.push(member),
                None => drop(runs.pop()),
            }
        }
        Ok(members)
    }

    fn claim_member<'p>(
        &self,
        plan: impl IntoIterator<Item = &'p Planned>,
        shared: &Shared,
    ) -> Result<Option<Member<'p>>> {
        let claimed = self.claim_first(plan, shared)?;
        Ok(claimed.map(|(planned, claim)| {
            let saved = self.store.load(planned);
            Member {
                planned,
                claim: Some(claim),
                wall_seconds: saved.as_ref().map_or(0.0, |saved| saved.wall_seconds),
                checkpoint: saved,
            }
        }))
    }

    fn is_done(&self, planned: &Planned) -> bool {
        // If the store cannot be read, claiming the run fails and says so.
        self.store.is_done(&planned.id).unwrap_or(false)
    }

    fn too_little(&self, memory: u64, needed: u64) -> Error {
        let found = format!("{:.1} MB for an ensemble", memory as f64 / 1e6);
        let (needed, jobs) = (needed.div_ceil(1_000_000), self.jobs);
        let expected =
            format!("at least {needed} MB; give more --memory, or fewer --jobs than {jobs}");
        Error::invalid("memory", found, expected)
    }

    fn train_ensemble<M: Machine>(
        &self,
        members: &mut [Member],
        machine: &(impl Fn() -> Result<M> + Sync),
        shared: &Shared,
    ) -> Result<()> {
        let start = Instant::now();
        let runs: Vec<Run> = members.iter().map(|member| member.planned.run.clone()).collect();
        let bytes = EnsembleTrainer::<M>::bytes(&runs, self.data);
        (self.report)(SweepEvent::Ensemble(runs.len(), bytes));
        let checkpoints: Vec<_> = members.iter_mut().filter_map(|m| m.checkpoint.take()).collect();
        let mut trainer = match checkpoints.is_empty() {
            true => EnsembleTrainer::new(machine()?, &runs, self.data)?,
            false => EnsembleTrainer::resume(machine()?, checkpoints, self.data)?,
        };
        for (member, record) in members.iter().zip(trainer.records()) {
            (self.report)(SweepEvent::Started(member.planned, record.epochs.len()));
        }
        let mut schedule = Schedule::new(self.checkpoint_epochs);
        while !trainer.is_over() {
            let mut heartbeat = Heartbeat::new(members.iter().filter_map(|m| m.claim.as_ref()));
            trainer.epoch(&mut || heartbeat.beat())?;
            let wall = start.elapsed().as_secs_f64() / members.len() as f64;
            self.file_finished(members, trainer.records(), wall, shared)?;
            let stop = self.must_stop(shared);
            if schedule.is_due_after_epoch() || stop {
                schedule.time(|| self.save_unfinished(members, trainer.checkpoints()?, wall))?;
            }
            if stop {
                let records = members.iter().zip(trainer.records());
                let unfiled = records.filter(|(member, _)| member.claim.is_some());
                unfiled.for_each(|(member, record)| self.leave(member.planned, record, shared));
                break;
            }
        }
        Ok(())
    }

    /// Files the runs that ended in this epoch, and gives back their claims.
    fn file_finished(
        &self,
        members: &mut [Member],
        records: &[Record],
        wall: f64,
        shared: &Shared,
    ) -> Result<()> {
        let unfiled = members.iter_mut().zip(records).filter(|(member, _)| member.claim.is_some());
        for (member, record) in unfiled {
            (self.report)(SweepEvent::Epoch(member.planned, record));
            if record.outcome != Outcome::Running {
                let wall = member.wall_seconds + wall;
                self.file(member.planned, record.clone(), shared, wall)?;
                member.claim = None;
            }
        }
        Ok(())
    }

    fn save_unfinished(
        &self,
        members: &[Member],
        checkpoints: Vec<Checkpoint>,
        wall: f64,
    ) -> Result<()> {
        let unfiled = members.iter().zip(checkpoints).filter(|(member, _)| member.claim.is_some());
        unfiled.into_iter().try_for_each(|(member, mut checkpoint)| {
            checkpoint.wall_seconds = member.wall_seconds + wall;
            self.store.save(&member.planned.id, &checkpoint)
        })
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
