//! What a layer is, apart from its numbers.

use crate::{
    Architecture,
    condition::{Circuit, GradNorm, Normalization},
    layers::OwnGradNorm,
};

/// What a layer is, apart from its numbers.
#[derive(Clone, Copy)]
pub(crate) struct Form<T> {
    pub circuit: Circuit,
    pub normalization: Normalization,
    pub grad_norm: GradNorm,
    /// What happens to the error instead, if a reader wrote one.
    pub own_grad_norm: Option<OwnGradNorm<T>>,
    /// Whether the activity is `relu(z)` (hidden layers) or `z` (the read-out).
    pub rectified: bool,
    pub inputs: usize,
    pub units: usize,
    pub inhibitory: usize,
    /// Whether it is trained under fp16 autocast.
    pub autocast: bool,
}

impl<T> Form<T> {
    /// The layers of a network, from the input up.
    pub fn of(architecture: &Architecture) -> impl Iterator<Item = Self> + '_ {
        let readout = architecture.hidden.len();
        architecture.layers().enumerate().map(move |(layer, (inputs, kind))| Self {
            circuit: kind.circuit,
            normalization: kind.normalization,
            grad_norm: kind.grad_norm,
            own_grad_norm: None,
            rectified: layer != readout,
            inputs,
            units: kind.units,
            inhibitory: kind.inhibitory,
            autocast: false,
        })
    }

    /// Rows of `[W_EE; W_IE; U_IE]`: units + inhibitory + (units, if it divides).
    pub fn targets(&self) -> usize {
        self.non_negative() + if self.circuit.divides() { self.units } else { 0 }
    }

    /// Of these rows, the first ones: those that Dale's principle holds for.
    pub fn non_negative(&self) -> usize {
        self.units + self.inhibitory
    }

    /// Of these rows, the first ones through which the task error passes: none of inhibition that
    /// learns locally.
    pub fn task_targets(&self) -> usize {
        if self.circuit.learns_locally() { self.units } else { self.non_negative() }
    }

    /// Whether `W_EI` learns: everywhere but where inhibition learns a variance, locally.
    pub fn trains_w_ei(&self) -> bool {
        self.inhibitory > 0 && !self.circuit.learns_variance()
    }

    /// Floating-point operations of the products of one step; `below`: with those of `∂L/∂h`.
    pub fn operations(&self, size: usize, below: bool) -> usize {
        let forward_and_update = 2 * self.targets() * self.inputs;
        let inhibition = (2 + usize::from(self.trains_w_ei())) * self.units * self.inhibitory;
        let below = if below { self.task_targets() * self.inputs } else { 0 };
        2 * size * (forward_and_update + inhibition + below)
    }
}
