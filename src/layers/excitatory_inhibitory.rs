//! Excitatory units and subtractive inhibition, all of it trained on the task.

use super::{
    LayerWeights,
    layer::{Layer, LocalRule, drive, tensor, weight_gradient},
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

/// A layer with subtractive inhibition: `z = h W_EEᵀ − r W_EIᵀ + b`, where `r = h W_IEᵀ` is the
/// activity of the inhibitory units.
///
/// Paper: Figs. 1a, 2; also the read-out of every network, with one inhibitory unit.
/// Differs: no.
///
/// # Gradient
/// With `ρ = −δ W_EI`, the error of the inhibitory units: `∂L/∂W_EE = δᵀ h`, `∂L/∂W_EI = −δᵀ r`,
/// `∂L/∂W_IE = ρᵀ h`, `∂L/∂b = Σ δ`, `∂L/∂h = δ W_EE + ρ W_IE`.
#[derive(Debug, Clone)]
pub struct EiLayer<
    const IN: usize,
    const EXC: usize,
    const INH: usize,
    E: Dtype = f32,
    D: Backend<E> = AutoDevice,
> {
    /// Excitatory to excitatory, ≥ 0.
    pub w_ee: Matrix<EXC, IN, E, D>,
    /// Excitatory to inhibitory, ≥ 0.
    pub w_ie: Matrix<INH, IN, E, D>,
    /// Inhibitory to excitatory, ≥ 0; it enters with a minus.
    pub w_ei: Matrix<EXC, INH, E, D>,
    /// Bias.
    pub b: Vector<EXC, E, D>,
}

impl<const IN: usize, const EXC: usize, const INH: usize, E: Dtype, D: Backend<E>>
    Layer<IN, EXC, E, D> for EiLayer<IN, EXC, INH, E, D>
{
    /// The input h and the inhibitory activity r.
    type Memory<B: Dim> = (Batch<B, IN, E, D>, Batch<B, INH, E, D>);

    const CIRCUIT: Circuit = Circuit::ExcitatoryInhibitory;

    fn from_weights(weights: &LayerWeights<E>, device: &D) -> Self {
        const { assert!(INH > 0 && INH < EXC, "inhibition is a minority") }
        Self {
            w_ee: tensor(device, &weights.w_ee),
            w_ie: tensor(device, &weights.w_ie),
            w_ei: tensor(device, &weights.w_ei),
            b: tensor(device, &weights.b),
        }
    }

    fn weights(&self) -> LayerWeights<E> {
        LayerWeights {
            inputs: IN,
            excitatory: EXC,
            inhibitory: INH,
            w_ee: self.w_ee.as_vec(),
            w_ie: self.w_ie.as_vec(),
            w_ei: self.w_ei.as_vec(),
            b: self.b.as_vec(),
            ..LayerWeights::default()
        }
    }

    fn forward<B: Dim>(&self, h: &Batch<B, IN, E, D>) -> (Batch<B, EXC, E, D>, Self::Memory<B>) {
        let e = drive(h, &self.w_ee);
        let r = drive(h, &self.w_ie);
        let b = self.b.clone().broadcast_like(e.shape());
        (e - drive(&r, &self.w_ei) + b, (h.clone(), r))
    }

    fn backward<B: Dim>(
        &self,
        delta: &Batch<B, EXC, E, D>,
        (h, r): &Self::Memory<B>,
        _: LocalRule,
    ) -> (Batch<B, IN, E, D>, Self) {
        let inhibitory_delta = -delta.clone().matmul(self.w_ei.clone());
        let gradients = Self {
            w_ee: weight_gradient(delta, h),
            w_ie: weight_gradient(&inhibitory_delta, h),
            w_ei: -weight_gradient(delta, r),
            b: delta.clone().sum::<_, Axis<0>>(),
        };
        let below = delta.clone().matmul(self.w_ee.clone());
        (below + inhibitory_delta.matmul(self.w_ie.clone()), gradients)
    }
}
