//! The worker, training runs in ensembles: as many at a time as belong together and fit.

use super::{
    Claim, Event, Planned, Worker,
    store::Aside,
    work::{HEARTBEAT, Shared, lock, message_of},
};
use crate::{
    Error, Result,
    ensemble::{Companions, Device, arrange},
    learning::{Checkpoint, Outcome, Run},
};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

/// At most this share of the time goes into checkpoints: one in so many parts.
const CHECKPOINT_SHARE: u32 = 10;

/// A run of an ensemble: `None` instead of its claim once it is filed.
struct Member<'p> {
    planned: &'p Planned,
    claim: Option<Claim>,
    /// The time that it took before.
    wall_seconds: f64,
    checkpoint: Option<Checkpoint>,
}

/// What the runs of an ensemble must have in common, before any of them is trained.
fn common(run: &Run) -> (u64, u64, usize, u32) {
    (run.epsilon.to_bits(), run.seed, run.batch, run.epochs)
}

impl Worker<'_> {
    /// Does what of `plan` is not done, in ensembles of runs of the same ε and seed. All ensembles
    /// at work here together stay below `memory` bytes; `device` makes the device of each. Runs
    /// with momentum or weight decay, which ensembles do not know, are trained alone.
    ///
    /// # Errors
    /// As [`work`](Self::work); if `memory` is too little for a single run; or if the device
    /// fails.
    pub fn work_together<D: Device>(
        &self,
        plan: &[Planned],
        memory: u64,
        device: impl Fn() -> Result<D> + Sync,
    ) -> Result<super::Summary> {
        let (plain, others): (Vec<_>, Vec<_>) =
            plan.iter().cloned().partition(|planned| planned.run.rule.is_plain());
        let each = memory / self.jobs.max(1) as u64;
        self.spread(plan, |shared| {
            while !self.stopped(shared) {
                let members = self.gather::<D>(&plain, each, shared)?;
                if members.is_empty() {
                    break;
                }
                self.train_and_survive(members, &device, shared)?;
            }
            self.take_and_train(&others, shared)
        })
    }

    /// Claims runs that belong together: a fair share of them for each thread, and no more than
    /// fit into `memory` bytes.
    fn gather<'p, D: Device>(
        &self,
        plan: &'p [Planned],
        memory: u64,
        shared: &Shared,
    ) -> Result<Vec<Member<'p>>> {
        let (mut members, mut runs): (Vec<Member<'p>>, Vec<Run>) = (Vec::new(), Vec::new());
        let mut most = usize::MAX;
        for planned in plan {
            if members.len() == most {
                break;
            }
            let apart = runs.first().is_some_and(|first| common(first) != common(&planned.run));
            // Also one that would not fit, if it is done.
            if apart || self.store.is_done(&planned.id)? {
                continue;
            }
            runs.push(planned.run.clone());
            let needed = Companions::<D>::bytes(&runs, self.data);
            if needed > memory && members.is_empty() {
                let expected = format!(
                    "at least {} MB; give more --memory, or fewer --jobs than {}",
                    needed.div_ceil(1_000_000),
                    self.jobs
                );
                return Err(Error::invalid(
                    "memory",
                    format!("{:.1} MB for an ensemble", memory as f64 / 1e6),
                    expected,
                ));
            }
            let claimed = if needed > memory { None } else { self.claim(planned, shared)? };
            match claimed {
                Some(member) if belongs(&members, &member) => members.push(member),
                _ => drop(runs.pop()),
            }
            if let ([_], usize::MAX) = (&members[..], most) {
                most = self.share(plan, &planned.run)?;
            }
        }
        members.sort_by_key(|member| arrange(&member.planned.run));
        Ok(members)
    }

    /// An equal part for each thread of the runs that belong to `run` and are not done.
    fn share(&self, plan: &[Planned], run: &Run) -> Result<usize> {
        let mut count = 0;
        for planned in plan.iter().filter(|planned| common(&planned.run) == common(run)) {
            count += usize::from(!self.store.is_done(&planned.id)?);
        }
        Ok(count.div_ceil(self.jobs.max(1)).max(1))
    }

    fn claim<'p>(&self, planned: &'p Planned, shared: &Shared) -> Result<Option<Member<'p>>> {
        let Some((planned, claim)) = self.take(std::slice::from_ref(planned), shared)? else {
            return Ok(None);
        };
        let aside = self.store.taken_up(planned);
        Ok(Some(Member {
            planned,
            claim: Some(claim),
            wall_seconds: aside.as_ref().map_or(0.0, |aside| aside.wall_seconds),
            checkpoint: aside.map(|aside| aside.checkpoint),
        }))
    }

    /// Trains; if that breaks down, the runs that were not filed are broken, and others go on.
    fn train_and_survive<D: Device>(
        &self,
        mut members: Vec<Member>,
        device: &(impl Fn() -> Result<D> + Sync),
        shared: &Shared,
    ) -> Result<()> {
        let trained =
            catch_unwind(AssertUnwindSafe(|| self.train_together(&mut members, device, shared)));
        let reason = match trained {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error @ (Error::Io { .. } | Error::Table(_) | Error::Device(_)))) => {
                return Err(error);
            }
            Ok(Err(error)) => error.to_string(),
            Err(panic) => message_of(&*panic),
        };
        for member in members.iter().filter(|member| member.claim.is_some()) {
            lock(&shared.broken).insert(member.planned.id.clone());
            lock(&shared.summary).broken.push(member.planned.id.clone());
            (self.report)(Event::Broken(member.planned, &reason));
        }
        Ok(())
    }

    fn train_together<D: Device>(
        &self,
        members: &mut [Member],
        device: &(impl Fn() -> Result<D> + Sync),
        shared: &Shared,
    ) -> Result<()> {
        let start = Instant::now();
        let runs: Vec<Run> = members.iter().map(|member| member.planned.run.clone()).collect();
        (self.report)(Event::Together(runs.len(), Companions::<D>::bytes(&runs, self.data)));
        let checkpoints: Vec<_> = members.iter_mut().filter_map(|m| m.checkpoint.take()).collect();
        let mut companions = if checkpoints.is_empty() {
            Companions::new(device()?, &runs, self.data)?
        } else {
            Companions::resume(device()?, checkpoints, self.data)?
        };
        for (member, record) in members.iter().zip(companions.records()) {
            (self.report)(Event::Started(member.planned, record.epochs.len()));
        }
        let mut saving = Saving { last: Instant::now(), took: Duration::ZERO, epochs: 0 };
        let mut touched = Instant::now();
        while !companions.is_over() {
            companions.epoch(&mut || {
                if touched.elapsed() > HEARTBEAT {
                    members.iter().filter_map(|m| m.claim.as_ref()).for_each(Claim::touch);
                    touched = Instant::now();
                }
            })?;
            let share = start.elapsed().as_secs_f64() / members.len() as f64;
            self.file_what_is_over(members, &companions, share, shared)?;
            saving.epochs += 1;
            let stop = self.stopped(shared);
            if !companions.is_over() && (stop || saving.is_due(self.checkpoint_epochs)) {
                let began = Instant::now();
                self.save(members, &companions, share)?;
                saving = Saving { last: Instant::now(), took: began.elapsed(), epochs: 0 };
            }
            if stop {
                self.leave(members, &companions, shared);
                break;
            }
        }
        Ok(())
    }

    /// Files the runs that ended in this epoch, and gives back their claims.
    fn file_what_is_over<D: Device>(
        &self,
        members: &mut [Member],
        companions: &Companions<D>,
        share: f64,
        shared: &Shared,
    ) -> Result<()> {
        for (member, record) in members.iter_mut().zip(companions.records()) {
            if member.claim.is_none() {
                continue;
            }
            (self.report)(Event::Epoch(member.planned, record));
            if record.outcome == Outcome::Running {
                continue;
            }
            let wall = member.wall_seconds + share;
            self.file(member.planned, record, shared, wall)?;
            member.claim = None;
        }
        Ok(())
    }

    /// Puts the runs aside that are not over.
    fn save<D: Device>(
        &self,
        members: &[Member],
        companions: &Companions<D>,
        share: f64,
    ) -> Result<()> {
        for (member, checkpoint) in members.iter().zip(companions.checkpoints()?) {
            if checkpoint.record.outcome == Outcome::Running {
                let aside = Aside { wall_seconds: member.wall_seconds + share, checkpoint };
                self.store.put_aside(&member.planned.id, &aside)?;
            }
        }
        Ok(())
    }

    fn leave<D: Device>(&self, members: &[Member], companions: &Companions<D>, shared: &Shared) {
        for (member, record) in members.iter().zip(companions.records()) {
            if member.claim.is_some() {
                lock(&shared.summary).put_aside += 1;
                (self.report)(Event::PutAside(member.planned, record));
            }
        }
    }
}

/// Whether a run is as far as those that are already in the ensemble.
fn belongs(members: &[Member], other: &Member) -> bool {
    // All begin or all are taken up: a checkpoint of a first epoch that was cut short is one, too.
    let epochs = |m: &Member| m.checkpoint.as_ref().map(|c| c.record.epochs.len());
    members.first().is_none_or(|first| epochs(first) == epochs(other))
}

/// When the last checkpoints were made.
struct Saving {
    last: Instant,
    took: Duration,
    epochs: u32,
}

impl Saving {
    fn is_due(&self, epochs: u32) -> bool {
        self.epochs >= epochs.max(1) && self.last.elapsed() >= self.took * CHECKPOINT_SHARE
    }
}
