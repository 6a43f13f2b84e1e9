//! An ensemble of one network, a step at a time: for comparisons.

use super::{Device, Ensemble};
use crate::{Result, engine::LayerMeasurement, layers::NetworkWeights, learning::LearningRule};

/// One network, trained as ensembles are.
pub struct Alone<D: Device>(Ensemble<D>);

/// What one training step showed.
pub struct Seen {
    /// The mean task loss before the step.
    pub loss: f64,
    /// `z` of each layer, \[size, units\]: the last are the logits.
    pub z: [Vec<f32>; 3],
    /// What the hidden layers showed.
    pub measured: [LayerMeasurement; 2],
}

impl<D: Device> Alone<D> {
    /// Takes in a network, with room for `capacity` samples.
    pub fn new(
        device: D,
        weights: &NetworkWeights<f32>,
        rule: LearningRule,
        capacity: usize,
    ) -> Result<Self> {
        Ok(Self(Ensemble::new(device, &[(weights, rule)], capacity)?))
    }

    /// One training step on the samples `x`, \[labels.len(), inputs\].
    pub fn step(&mut self, x: &[f32], labels: &[u8]) -> Result<Seen> {
        let (ensemble, size) = (&mut self.0, labels.len());
        ensemble.device.write(x, &mut ensemble.x)?;
        let labels = ensemble.device.upload(labels)?;
        ensemble.forward(size)?;
        ensemble.score(&labels, 0..size, 1)?;
        ensemble.backward(size)?;
        let measured = ensemble.measure(&[0], size)?[0];
        let z = |layer: usize| -> Result<Vec<f32>> {
            let stack = &ensemble.layers[layer];
            let mut z = ensemble.device.read(&stack.z)?;
            z.truncate(size * stack.layout.forms[0].units);
            Ok(z)
        };
        let z = [z(0)?, z(1)?, z(2)?];
        ensemble.update(size)?;
        let loss = ensemble.take_scores()?[0].loss / size as f64;
        Ok(Seen { loss, z, measured })
    }

    /// The weights as they are now.
    pub fn weights(&self) -> Result<NetworkWeights<f32>> {
        Ok(self.0.weights()?.remove(0))
    }
}
