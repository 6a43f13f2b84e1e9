//! Excitatory units only.

use super::{
    layer::{Layer, LocalRule, pre_activation, tensor, weight_gradient},
    weights::LayerWeights,
};
use crate::{
    condition::Circuit,
    shapes::{Backend, Batch, Matrix, Vector},
};
use dfdx::{
    shapes::{Axis, Dim, Dtype, HasShape},
    tensor::AutoDevice,
    tensor_ops::{BroadcastTo, SumTo, TryMatMul},
};

/// A layer of excitatory units: `z = h W_EEᵀ + b`.
///
/// Paper: the E-only networks of Figs. 2, 4 to 7. Differs: no.
///
/// # Gradient
/// `∂L/∂W_EE = δᵀ h`, `∂L/∂b = Σ δ`, `∂L/∂h = δ W_EE`.
#[derive(Debug, Clone)]
pub struct ExcitatoryLayer<
    const IN: usize,
    const EXC: usize,
    E: Dtype = f32,
    D: Backend<E> = AutoDevice,
> {
    /// Excitatory to excitatory, ≥ 0.
    pub w_ee: Matrix<EXC, IN, E, D>,
    /// Bias.
    pub b: Vector<EXC, E, D>,
}

impl<const IN: usize, const EXC: usize, E: Dtype, D: Backend<E>> Layer<IN, EXC, E, D>
    for ExcitatoryLayer<IN, EXC, E, D>
{
    /// The input h.
    type Memory<B: Dim> = Batch<B, IN, E, D>;

    const CIRCUIT: Circuit = Circuit::Excitatory;

    const INHIBITORY: usize = 0;

    fn from_weights(weights: &LayerWeights<E>, device: &D) -> Self {
        Self { w_ee: tensor(device, &weights.w_ee), b: tensor(device, &weights.b) }
    }

    fn weights(&self) -> LayerWeights<E> {
        LayerWeights {
            inputs: IN,
            excitatory: EXC,
            w_ee: self.w_ee.as_vec(),
            b: self.b.as_vec(),
            ..LayerWeights::default()
        }
    }

    fn forward<B: Dim>(&self, h: &Batch<B, IN, E, D>) -> (Batch<B, EXC, E, D>, Self::Memory<B>) {
        let e = pre_activation(h, &self.w_ee);
        let b = self.b.clone().broadcast_like(e.shape());
        (e + b, h.clone())
    }

    fn backward<B: Dim>(
        &self,
        delta: &Batch<B, EXC, E, D>,
        h: &Self::Memory<B>,
        _: LocalRule,
    ) -> (Batch<B, IN, E, D>, Self) {
        let gradients =
            Self { w_ee: weight_gradient(delta, h), b: delta.clone().sum::<_, Axis<0>>() };
        (delta.clone().matmul(self.w_ee.clone()), gradients)
    }
}
