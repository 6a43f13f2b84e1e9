//! Excitatory units under subtractive inhibition, which learns one of two things.

use super::{
    grad_norm::grad_norm,
    layer::{Layer, LocalRule, pre_activation, tensor, weight_gradient},
    moments::mean,
    weights::LayerWeights,
};
use crate::{
    condition::Circuit,
    shapes::{Backend, Batch, Matrix, Vector, constant},
};
use dfdx::{
    shapes::{Axis, Dim, Dtype, HasShape},
    tensor::AutoDevice,
    tensor_ops::{BroadcastTo, SumTo, TryMatMul},
};
use std::marker::PhantomData;

/// A layer with subtractive inhibition: `z = h W_EEᵀ − r W_EIᵀ + b`, where `r = h W_IEᵀ` is the
/// activity of the inhibitory units.
///
/// What its inhibition learns is the type `L`, [`ForTheTask`] or [`ToNormalize`].
///
/// Differs from the paper: no.
#[derive(Debug, Clone)]
pub struct SubtractiveLayer<
    L,
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
    learns: PhantomData<L>,
}

/// Subtractive inhibition that is trained on the task, like everything else.
///
/// Paper: Figs. 1a, 2; also the read-out of every network, with one inhibitory unit.
///
/// # Gradient
/// With `ρ = −δ W_EI`, the error of the inhibitory units: `∂L/∂W_EE = δᵀ h`, `∂L/∂W_EI = −δᵀ r`,
/// `∂L/∂W_IE = ρᵀ h`, `∂L/∂b = Σ δ`, `∂L/∂h = δ W_EE + ρ W_IE`.
pub type EiLayer<const IN: usize, const EXC: usize, const INH: usize, E = f32, D = AutoDevice> =
    SubtractiveLayer<ForTheTask, IN, EXC, INH, E, D>;

/// Subtractive inhibition that learns, locally, to normalize: I-Norm without division.
///
/// Paper: Fig. 3, "I-Norm (sub)".
///
/// # Gradient
/// As [`INormLayer`](super::INormLayer) with s = 1. The local loss is `λ·mean_batch[mean(z)²]`;
/// it trains `W_IE` and `W_EI`.
pub type INormSubtractiveLayer<
    const IN: usize,
    const EXC: usize,
    const INH: usize,
    E = f32,
    D = AutoDevice,
> = SubtractiveLayer<ToNormalize, IN, EXC, INH, E, D>;

/// What the inhibition of an [`EiLayer`] learns.
#[derive(Debug, Clone, Copy)]
pub struct ForTheTask;

/// What the inhibition of an [`INormSubtractiveLayer`] learns.
#[derive(Debug, Clone, Copy)]
pub struct ToNormalize;

/// What the inhibition of a [`SubtractiveLayer`] learns.
pub trait InhibitoryLearning {
    /// The circuit that this makes of the layer.
    const CIRCUIT: Circuit;
}

impl InhibitoryLearning for ForTheTask {
    const CIRCUIT: Circuit = Circuit::ExcitatoryInhibitory;
}

impl InhibitoryLearning for ToNormalize {
    const CIRCUIT: Circuit = Circuit::InhibitoryNormSubtractive;
}

impl<
    L: InhibitoryLearning,
    const IN: usize,
    const EXC: usize,
    const INH: usize,
    E: Dtype,
    D: Backend<E>,
> Layer<IN, EXC, E, D> for SubtractiveLayer<L, IN, EXC, INH, E, D>
{
    /// The input h, the inhibitory activity r, and z.
    type Memory<B: Dim> = (Batch<B, IN, E, D>, Batch<B, INH, E, D>, Batch<B, EXC, E, D>);

    const CIRCUIT: Circuit = L::CIRCUIT;

    const INHIBITORY: usize = INH;

    fn from_weights(weights: &LayerWeights<E>, device: &D) -> Self {
        const { assert!(INH > 0 && INH < EXC, "inhibition is a minority") }
        Self {
            w_ee: tensor(device, &weights.w_ee),
            w_ie: tensor(device, &weights.w_ie),
            w_ei: tensor(device, &weights.w_ei),
            b: tensor(device, &weights.b),
            learns: PhantomData,
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
        let e = pre_activation(h, &self.w_ee);
        let r = pre_activation(h, &self.w_ie);
        let b = self.b.clone().broadcast_like(e.shape());
        let z = e - pre_activation(&r, &self.w_ei) + b;
        (z.clone(), (h.clone(), r, z))
    }

    fn backward<B: Dim>(
        &self,
        delta: &Batch<B, EXC, E, D>,
        (h, r, z): &Self::Memory<B>,
        LocalRule { grad_norm: mode, lambda }: LocalRule,
    ) -> (Batch<B, IN, E, D>, Self) {
        // The errors of the excitatory input and of the inhibition i = r W_EIᵀ.
        let (delta_e, delta_i) = if L::CIRCUIT.learns_locally() {
            let per_value = lambda / (z.shape().0.size() * EXC) as f64;
            let local = mean(z) * constant::<E>(-2.0 * per_value);
            (grad_norm(mode, delta, z, &z.device().zeros()), local)
        } else {
            (delta.clone(), -delta.clone())
        };
        let rho = delta_i.clone().matmul(self.w_ei.clone());
        let gradients = Self {
            w_ee: weight_gradient(&delta_e, h),
            w_ie: weight_gradient(&rho, h),
            w_ei: weight_gradient(&delta_i, r),
            b: delta_e.clone().sum::<_, Axis<0>>(),
            learns: PhantomData,
        };
        let below = delta_e.matmul(self.w_ee.clone());
        if L::CIRCUIT.learns_locally() {
            (below, gradients)
        } else {
            (below + rho.matmul(self.w_ie.clone()), gradients)
        }
    }
}
