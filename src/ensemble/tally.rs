//! What the task loss adds up.

use super::machine::Machine;
use crate::Result;

/// Sums over samples, for each network, in the machine's memory.
pub(super) struct Tally<M: Machine> {
    /// Sum of the loss over samples.
    pub loss: M::Buffer<f64>,
    /// Samples that were classified correctly.
    pub correct: M::Buffer<u32>,
    /// The first step at which the loss was not finite; 0 if there was none.
    pub diverged: M::Buffer<u32>,
    networks: usize,
}

/// What the task loss came to, for one network.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Score {
    /// Sum of the loss over samples.
    pub loss: f64,
    /// Samples that were classified correctly.
    pub correct: u32,
    /// The first step at which the loss was not finite.
    pub diverged: Option<u64>,
}

impl<M: Machine> Tally<M> {
    pub fn new(machine: &M, networks: usize) -> Result<Self> {
        Ok(Self {
            loss: machine.zeros(networks)?,
            correct: machine.zeros(networks)?,
            diverged: machine.zeros(networks)?,
            networks,
        })
    }

    /// What was added since the last call.
    pub fn take(&mut self, machine: &M) -> Result<Vec<Score>> {
        let (loss, correct) = (machine.read(&self.loss)?, machine.read(&self.correct)?);
        let diverged = self.diverged(machine)?;
        machine.write(&vec![0.0; self.networks], &mut self.loss)?;
        machine.write(&vec![0; self.networks], &mut self.correct)?;
        machine.write(&vec![0; self.networks], &mut self.diverged)?;
        let scores = loss.into_iter().zip(correct).zip(diverged);
        Ok(scores.map(|((loss, correct), diverged)| Score { loss, correct, diverged }).collect())
    }

    /// The step at which each network's loss stopped being finite, since the scores were taken.
    pub fn diverged(&self, machine: &M) -> Result<Vec<Option<u64>>> {
        let steps = machine.read(&self.diverged)?;
        Ok(steps.into_iter().map(|step| (step > 0).then_some(u64::from(step))).collect())
    }
}
