//! Excitatory units only.

use super::{
    ei::Readout,
    layer::{Differentiable, Layer},
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

/// A layer of excitatory units: `z = h W_EEᵀ + b`.
///
/// Paper: the E-only networks of Figs. 2, 4 to 7. Differs: no.
///
/// # Gradient
/// `∂L/∂W_EE = δᵀ h`, `∂L/∂b = Σ δ`, `∂L/∂h = δ W_EE`.
#[derive(Clone)]
pub struct Excitatory<
    const IN: usize,
    const EXC: usize,
    N: NormalizationRule = NoNorm,
    E: Dtype = f32,
    D: Backend<E> = AutoDevice,
> {
    /// Excitatory to excitatory, ≥ 0.
    pub w_ee: Matrix<EXC, IN, E, D>,
    /// Bias.
    pub b: Vector<EXC, E, D>,
    normalization: PhantomData<N>,
}

impl<const IN: usize, const EXC: usize, N: NormalizationRule, E: Dtype, D: Backend<E>> Layer<E, D>
    for Excitatory<IN, EXC, N, E, D>
{
    type In = Const<IN>;
    type Out = Const<EXC>;
    type Normalization = N;
    type Readout<const OUT: usize> = Readout<EXC, OUT, E, D>;
    /// The input h.
    type Memory<B: Dim> = Batch<B, IN, E, D>;

    const KIND: LayerKind = LayerKind {
        circuit: Circuit::Excitatory,
        normalization: N::KIND,
        grad_norm: GradNorm::None,
        units: EXC,
        inhibitory: 0,
        own: false,
    };
    const FUSED: bool = true;

    fn from_weights(weights: &LayerWeights<E>) -> Self {
        const { assert!(EXC > 1, "a layer has at least two excitatory units") }
        let [w_ee, _, _, _, b, _] = D::hold_layer(weights);
        Self { w_ee: Shaped::from_held(w_ee), b: Shaped::from_held(b), normalization: PhantomData }
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
        (pre_activation(h, &self.w_ee).plus(&self.b), h.clone())
    }

    fn backward<B: Dim>(
        &self,
        delta: &Batch<B, EXC, E, D>,
        h: &Self::Memory<B>,
        _: f64,
    ) -> (Batch<B, IN, E, D>, Self) {
        let gradients = Self {
            w_ee: weight_gradient(delta, h),
            b: delta.sum_of_samples(),
            normalization: PhantomData,
        };
        (delta.matmul(&self.w_ee), gradients)
    }
}

impl<const IN: usize, const EXC: usize, N: DifferentiableNorm, E: Dtype, D: Backend<E>>
    Differentiable for Excitatory<IN, EXC, N, E, D>
{
}
