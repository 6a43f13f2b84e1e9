//! What all layers have in common.

use super::weights::LayerWeights;
use crate::{
    condition::{Circuit, GradNorm},
    shapes::{Backend, Batch, Matrix},
};
use dfdx::{
    shapes::{Axes2, ConstShape, Dim, Dtype, Rank2},
    tensor::Tensor,
    tensor_ops::{PermuteTo, TryMatMul},
};

/// A layer from `IN` to `EXC` units whose learning rule is written out.
///
/// `forward` is pure: it returns the activity and what `backward` needs. `backward` takes the
/// error δ of the activity and returns the error for the layer below and every gradient.
pub trait Layer<const IN: usize, const EXC: usize, E: Dtype, D: Backend<E>>: Sized {
    /// What `backward` needs of a batch of size `B`.
    type Memory<B: Dim>;

    /// Which populations the layer has.
    const CIRCUIT: Circuit;

    /// How many subtractive inhibitory units it has.
    const INHIBITORY: usize;

    /// The layer with these weights.
    ///
    /// # Panics
    /// If the sizes differ from the type's.
    fn from_weights(weights: &LayerWeights<E>, device: &D) -> Self;

    /// The weights as plain numbers.
    fn weights(&self) -> LayerWeights<E>;

    /// `h → z`, before any normalization on top and before ReLU.
    fn forward<B: Dim>(&self, h: &Batch<B, IN, E, D>) -> (Batch<B, EXC, E, D>, Self::Memory<B>);

    /// From `∂L/∂z` to `∂L/∂h` and the gradients of all weights.
    ///
    /// `rule` says what happens to the error in layers that learn to normalize, and how much
    /// their local loss weighs; other layers ignore it.
    fn backward<B: Dim>(
        &self,
        delta: &Batch<B, EXC, E, D>,
        memory: &Self::Memory<B>,
        rule: LocalRule,
    ) -> (Batch<B, IN, E, D>, Self);
}

/// The backward pass of layers that learn to normalize.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LocalRule {
    /// What happens to the error.
    pub grad_norm: GradNorm,
    /// λ, the weight of the local I-Norm loss.
    pub lambda: f64,
}

/// `h Wᵀ`: the pre-activation of `POST` units, \[B, POST\].
pub fn pre_activation<B: Dim, const POST: usize, const PRE: usize, E: Dtype, D: Backend<E>>(
    h: &Batch<B, PRE, E, D>,
    w: &Matrix<POST, PRE, E, D>,
) -> Batch<B, POST, E, D> {
    h.clone().matmul(w.clone().permute::<Rank2<PRE, POST>, Axes2<1, 0>>())
}

/// `δᵀ h`: the gradient of the weights from h to the units with error δ, \[POST, PRE\].
pub fn weight_gradient<B: Dim, const POST: usize, const PRE: usize, E: Dtype, D: Backend<E>>(
    delta: &Batch<B, POST, E, D>,
    h: &Batch<B, PRE, E, D>,
) -> Matrix<POST, PRE, E, D> {
    delta.clone().permute::<_, Axes2<1, 0>>().matmul(h.clone())
}

/// A tensor from plain numbers.
pub(super) fn tensor<S: ConstShape, E: Dtype, D: Backend<E>>(
    device: &D,
    values: &[E],
) -> Tensor<S, E, D> {
    device.tensor_from_vec(values.to_vec(), S::default())
}
