//! What a layer computes for one batch.

use super::{form::Form, lanes::Real};
use crate::condition::Normalization;

/// What a layer computes for one batch of `size` samples.
#[derive(Clone, Default)]
pub(crate) struct Batch<T> {
    pub size: usize,
    /// `h Mᵀ`, \[size, targets\]: excitatory input, inhibitory activity, divisive input.
    pub pre_activation: Vec<T>,
    /// `i`, \[size, units\]; in the backward pass `∂L/∂i`. Where nothing is subtracted, but
    /// something divides, what that would be.
    pub inhibition: Vec<T>,
    /// Before normalization and ReLU, \[size, units\].
    pub z: Vec<T>,
    /// After normalization, \[size, units\]; empty without one. Of one that acts only
    /// backward, what it would have made of z.
    pub normalized: Vec<T>,
    /// What the layer above receives, \[size, units\].
    pub activity: Vec<T>,
    /// `s`, the divisive inhibition, \[size\]; 1 where nothing divides.
    pub s: Vec<T>,
    /// `∂L/∂activity`, \[size, units\].
    pub error: Vec<T>,
    /// `∂L/∂pre-activation`, \[size, targets\].
    pub delta: Vec<T>,
}

impl<T: Real> Batch<T> {
    /// Makes room for `size` samples of a layer of this form.
    pub fn resize(&mut self, size: usize, form: &Form<T>) {
        if self.size == size {
            return;
        }
        self.size = size;
        let (units, targets) = (form.units, form.targets());
        let inhibited = form.inhibitory > 0 || form.circuit.divides();
        let inhibition = if inhibited { units } else { 0 };
        let normalized = if form.normalization == Normalization::None { 0 } else { units };
        for (buffer, width) in [
            (&mut self.pre_activation, targets),
            (&mut self.inhibition, inhibition),
            (&mut self.z, units),
            (&mut self.normalized, normalized),
            (&mut self.activity, units),
            (&mut self.s, 1),
            (&mut self.error, units),
            (&mut self.delta, targets),
        ] {
            buffer.resize(size * width, T::zero());
        }
    }
}
