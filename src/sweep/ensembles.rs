//! The worker, training ensembles: as many runs at a time as belong together and fit.

use super::{
    Planned, Summary, SweepEvent, Worker,
    session::{ClaimedRun, EpochTrainer, Heartbeat, Session},
};
use crate::{
    Error, Result,
    ensemble::{EnsembleTrainer, Machine, can_join, common},
    learning::{Checkpoint, Record, Run},
};

impl Worker<'_> {
    /// Trains every unfinished run of the plan, in ensembles of runs that see the same images. All
    /// ensembles of this worker together stay below `memory` bytes; `machine` makes the machine of
    /// each. Runs that [cannot join](can_join) an ensemble are trained one by one.
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
            plan.iter().cloned().partition(|planned| can_join(&planned.run));
        let memory = memory / self.jobs.max(1) as u64;
        Session::begin(self)?.on_every_thread(plan, |session| {
            while !session.must_stop() {
                let runs = session.claim_ensemble::<M>(&plain, memory)?;
                if runs.is_empty() {
                    break;
                }
                session.train(runs, |runs| session.begin_ensemble(runs, machine()?))?;
            }
            session.train_one_by_one(&others)
        })
    }
}

impl<M: Machine> EpochTrainer for EnsembleTrainer<'_, M> {
    fn records(&self) -> &[Record] {
        self.records()
    }

    fn checkpoints(&self) -> Result<Vec<Checkpoint>> {
        self.checkpoints()
    }

    fn epoch(&mut self, heartbeat: &mut Heartbeat) -> Result<()> {
        self.epoch(&mut || heartbeat.beat())
    }
}

impl<'a> Session<'a> {
    /// Claims the first run that can be had, and those that belong to it: a fair share of them for
    /// each thread, and no more than fit into `memory` bytes.
    fn claim_ensemble<'p, M: Machine>(
        &self,
        plan: &'p [Planned],
        memory: u64,
    ) -> Result<Vec<ClaimedRun<'p>>> {
        let Some(first) = self.claim_first(plan)? else { return Ok(Vec::new()) };
        let mut runs = vec![first.planned.run.clone()];
        let bytes = |runs: &[Run]| EnsembleTrainer::<M>::bytes(runs, self.worker.data);
        let (jobs, needed) = (self.worker.jobs.max(1), bytes(&runs));
        if needed > memory {
            let found = format!("{:.1} MB for an ensemble", memory as f64 / 1e6);
            let needed = needed.div_ceil(1_000_000);
            let expected =
                format!("at least {needed} MB; give more --memory, or fewer --jobs than {jobs}");
            return Err(Error::invalid("memory", found, expected));
        }
        // If the store cannot be read, claiming a run fails and says so.
        let is_done = |planned: &Planned| self.worker.store.is_done(&planned.id).unwrap_or(false);
        let wanted = common(&first.planned.run);
        let alike = plan.iter().filter(|planned| common(&planned.run) == wanted);
        let unfinished: Vec<_> = alike.filter(|planned| !is_done(planned)).collect();
        let share = unfinished.len().div_ceil(jobs);
        let epochs = |run: &ClaimedRun| run.saved.as_ref().map(|saved| saved.record.epochs.len());
        let mut claimed = vec![first];
        for planned in unfinished {
            if claimed.len() >= share {
                break;
            }
            runs.push(planned.run.clone());
            let fits = bytes(&runs) <= memory;
            let run = if fits { self.claim_first([planned])? } else { None };
            match run.filter(|run| epochs(run) == epochs(&claimed[0])) {
                Some(run) => claimed.push(run),
                None => drop(runs.pop()),
            }
        }
        Ok(claimed)
    }

    fn begin_ensemble<M: Machine>(
        &self,
        claimed: &mut [ClaimedRun],
        machine: M,
    ) -> Result<EnsembleTrainer<'a, M>> {
        let (worker, count) = (self.worker, claimed.len());
        let runs: Vec<Run> = claimed.iter().map(|run| run.planned.run.clone()).collect();
        let bytes = EnsembleTrainer::<M>::bytes(&runs, worker.data);
        self.report(SweepEvent::Ensemble(count, bytes));
        let saved: Vec<_> = claimed.iter_mut().filter_map(|run| run.saved.take()).collect();
        match saved.is_empty() {
            true => EnsembleTrainer::new(machine, &runs, worker.data),
            false => EnsembleTrainer::resume(machine, saved, worker.data),
        }
    }
}
