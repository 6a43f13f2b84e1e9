//! Excitatory units under subtractive inhibition that learns the task.

use super::{
    layer::{Differentiable, Layer, assert_minority},
    normalization::{DifferentiableNorm, NoNorm, NormalizationRule},
    shaped::{Backend, Batch, Matrix, Shaped, Vector, pre_activation, weight_gradient},
    weights::LayerWeights,
};
use crate::{
    architecture::LayerKind,
    condition::{Circuit, GradNorm},
};
use dfdx::{
    shapes::{Const, Dim, Dtype},
    tensor::AutoDevice,
};
use std::marker::PhantomData;

/// A layer with subtractive inhibition that is trained on the task, like everything else:
/// `z = h W_EEᵀ − r W_EIᵀ + b`, where `r = h W_IEᵀ` is the activity of the inhibitory units.
///
/// Paper: Figs. 1a, 2. Differs: no.
///
/// # Gradient
/// With `ρ = −δ W_EI`, the error of the inhibitory units: `∂L/∂W_EE = δᵀ h`, `∂L/∂W_EI = −δᵀ r`,
/// `∂L/∂W_IE = ρᵀ h`, `∂L/∂b = Σ δ`, `∂L/∂h = δ W_EE + ρ W_IE`.
///
/// # What does not compile
/// Inhibition that is no minority, where a network is made: "INH must be from 1 to EXC − 1".
/// ```
/// # use inorm::{layers::Ei, networks::Network};
/// type Net = Network<(Ei<36, 20, 2>,)>;
/// Net::new(0).unwrap();
/// ```
/// ```compile_fail
/// # use inorm::{layers::Ei, networks::Network};
/// type Net = Network<(Ei<36, 20, 20>,)>;
/// Net::new(0).unwrap();
/// ```
/// A GradNorm, which only I-Norm layers have: "`Center` is no normalization of activity".
/// ```
/// # use inorm::layers::{Ei, INorm, Center, LayerNorm};
/// fn fits(_: Ei<36, 20, 2, LayerNorm>, _: INorm<36, 20, 2, Center>) {}
/// ```
/// ```compile_fail
/// # use inorm::layers::{Ei, INorm, Center, LayerNorm};
/// fn fits(_: Ei<36, 20, 2, Center>, _: INorm<36, 20, 2, Center>) {}
/// ```
#[derive(Clone)]
pub struct Ei<
    const IN: usize,
    const EXC: usize,
    const INH: usize,
    N: NormalizationRule = NoNorm,
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
    normalization: PhantomData<N>,
}

/// The read-out of every network: one inhibitory unit, and nothing behind z.
pub type Readout<const IN: usize, const OUT: usize, E = f32, D = AutoDevice> =
    Ei<IN, OUT, 1, NoNorm, E, D>;

impl<
    const IN: usize,
    const EXC: usize,
    const INH: usize,
    N: NormalizationRule,
    E: Dtype,
    D: Backend<E>,
> Layer<E, D> for Ei<IN, EXC, INH, N, E, D>
{
    type In = Const<IN>;
    type Out = Const<EXC>;
    type Normalization = N;
    type Readout<const OUT: usize> = Readout<EXC, OUT, E, D>;
    /// The input h and the inhibitory activity r.
    type Memory<B: Dim> = (Batch<B, IN, E, D>, Batch<B, INH, E, D>);

    const KIND: LayerKind = LayerKind {
        circuit: Circuit::ExcitatoryInhibitory,
        normalization: N::KIND,
        grad_norm: GradNorm::None,
        units: EXC,
        inhibitory: INH,
        own: false,
    };
    const FUSED: bool = true;

    fn from_weights(weights: &LayerWeights<E>) -> Self {
        const { assert_minority(INH, EXC) }
        let [w_ee, w_ie, w_ei, _, b, _] = D::hold_layer(weights);
        Self {
            w_ee: Shaped::from_held(w_ee),
            w_ie: Shaped::from_held(w_ie),
            w_ei: Shaped::from_held(w_ei),
            b: Shaped::from_held(b),
            normalization: PhantomData,
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
        ((e - pre_activation(&r, &self.w_ei)).plus(&self.b), (h.clone(), r))
    }

    fn backward<B: Dim>(
        &self,
        delta: &Batch<B, EXC, E, D>,
        (h, r): &Self::Memory<B>,
        _: f64,
    ) -> (Batch<B, IN, E, D>, Self) {
        let delta_i = -delta.clone();
        let rho = delta_i.matmul(&self.w_ei);
        let gradients = Self {
            w_ee: weight_gradient(delta, h),
            w_ie: weight_gradient(&rho, h),
            w_ei: weight_gradient(&delta_i, r),
            b: delta.sum_of_samples(),
            normalization: PhantomData,
        };
        let below = delta.matmul(&self.w_ee) + rho.matmul(&self.w_ie);
        (below, gradients)
    }
}

impl<
    const IN: usize,
    const EXC: usize,
    const INH: usize,
    N: DifferentiableNorm,
    E: Dtype,
    D: Backend<E>,
> Differentiable for Ei<IN, EXC, INH, N, E, D>
{
}
