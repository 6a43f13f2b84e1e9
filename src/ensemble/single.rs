//! An ensemble of one network, a step at a time: for comparisons.

use super::{
    layout::padded,
    machine::Machine,
    networks::Ensemble,
    stack::{gathered, spread},
};
use crate::{
    Result, engine::LayerMeasurement, layers::NetworkWeights, learning_rule::LearningRule,
};

/// One network, trained as ensembles are.
pub struct SingleNetwork<M: Machine>(Ensemble<M>);

/// One training step of a [`SingleNetwork`].
pub struct Step {
    /// The mean task loss before the step.
    pub loss: f64,
    /// `z` of each layer, \[size, units\]: the last are the logits.
    pub z: [Vec<f32>; 3],
    /// What was measured in the hidden layers.
    pub measured: [LayerMeasurement; 2],
}

impl<M: Machine> SingleNetwork<M> {
    /// A network with these weights, and room for `capacity` samples.
    ///
    /// # Errors
    /// If the network has other than two hidden layers or one of a reader's own, the rule has
    /// momentum, weight decay or half precision, or the machine has no memory left.
    pub fn new(
        machine: M,
        weights: &NetworkWeights<f32>,
        rule: LearningRule,
        capacity: usize,
    ) -> Result<Self> {
        Ok(Self(Ensemble::new(machine, &[(weights, rule)], capacity)?))
    }

    /// One training step on the samples `x`, \[labels.len(), inputs\].
    ///
    /// # Errors
    /// If the machine fails.
    pub fn step(&mut self, x: &[f32], labels: &[u8]) -> Result<Step> {
        let (ensemble, size) = (&mut self.0, labels.len());
        let inputs = ensemble.layers[0].layout.forms[0].inputs;
        let mut rows = vec![0.0; size * padded(inputs)];
        spread(x, inputs, &mut rows, padded(inputs));
        ensemble.machine.write(&rows, &mut ensemble.x)?;
        let labels = ensemble.machine.upload(labels)?;
        ensemble.forward(size)?;
        ensemble.score(&labels, 0..size, 1)?;
        ensemble.backward(size)?;
        let measured = ensemble.measure(&[0], size)?[0];
        let z = |layer: usize| -> Result<Vec<f32>> {
            let stack = &ensemble.layers[layer];
            let z = ensemble.machine.read(&stack.z)?;
            Ok(gathered(&z, size, stack.layout.forms[0].units))
        };
        let z = [z(0)?, z(1)?, z(2)?];
        ensemble.update(size)?;
        let loss = ensemble.take_scores()?[0].loss / size as f64;
        Ok(Step { loss, z, measured })
    }

    /// The weights as they are now.
    ///
    /// # Errors
    /// If the machine fails.
    pub fn weights(&self) -> Result<NetworkWeights<f32>> {
        Ok(self.0.weights()?.remove(0))
    }
}
