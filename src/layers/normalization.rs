//! What stands between z and ReLU, and ReLU itself.

use super::{
    moments::{layer_norm, layer_norm_backward, mean, standard_deviation},
    operation::constant,
};
use crate::condition::Normalization;
use dfdx::{
    shapes::{Dim, Dtype},
    tensor::Tensor,
    tensor_ops::{ChooseFrom, Device, TryGt, TryLe},
};

/// A [`Normalization`] as a type: the last parameter of [`Excitatory`](super::Excitatory) and
/// [`Ei`](super::Ei).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no normalization of activity",
    label = "E-only and EI layers have one of `NoNorm`, `LayerNorm`, `LayerNormForwardOnly`, \
             `LayerNormBackwardOnly`, `MeanNorm`, `MeanNormBackwardOnly` and `DivisiveNorm`; a \
             GradNorm belongs to `INorm` and its like"
)]
pub trait NormalizationRule {
    /// Which one it is.
    const KIND: Normalization;
}

/// A normalization whose error autodiff finds: all but [`LayerNormForwardOnly`],
/// [`LayerNormBackwardOnly`] and [`MeanNormBackwardOnly`], whose backward pass is not that of their
/// forward pass.
#[diagnostic::on_unimplemented(
    message = "the errors of `{Self}` are not those that autodiff finds",
    label = "its backward pass is not that of its forward pass"
)]
pub trait DifferentiableNorm: NormalizationRule {}

impl DifferentiableNorm for NoNorm {}
impl DifferentiableNorm for LayerNorm {}
impl DifferentiableNorm for MeanNorm {}
impl DifferentiableNorm for DivisiveNorm {}

/// [`Normalization::None`]
#[derive(Debug, Clone, Copy)]
pub struct NoNorm;

/// [`Normalization::LayerNorm`]
#[derive(Debug, Clone, Copy)]
pub struct LayerNorm;

/// [`Normalization::LayerNormForwardOnly`]
#[derive(Debug, Clone, Copy)]
pub struct LayerNormForwardOnly;

/// [`Normalization::LayerNormBackwardOnly`]
#[derive(Debug, Clone, Copy)]
pub struct LayerNormBackwardOnly;

/// [`Normalization::MeanNorm`]
#[derive(Debug, Clone, Copy)]
pub struct MeanNorm;

/// [`Normalization::MeanNormBackwardOnly`]
#[derive(Debug, Clone, Copy)]
pub struct MeanNormBackwardOnly;

/// [`Normalization::DivisiveNorm`]
#[derive(Debug, Clone, Copy)]
pub struct DivisiveNorm;

impl NormalizationRule for NoNorm {
    const KIND: Normalization = Normalization::None;
}

impl NormalizationRule for LayerNorm {
    const KIND: Normalization = Normalization::LayerNorm;
}

impl NormalizationRule for LayerNormForwardOnly {
    const KIND: Normalization = Normalization::LayerNormForwardOnly;
}

impl NormalizationRule for LayerNormBackwardOnly {
    const KIND: Normalization = Normalization::LayerNormBackwardOnly;
}

impl NormalizationRule for MeanNorm {
    const KIND: Normalization = Normalization::MeanNorm;
}

impl NormalizationRule for MeanNormBackwardOnly {
    const KIND: Normalization = Normalization::MeanNormBackwardOnly;
}

impl NormalizationRule for DivisiveNorm {
    const KIND: Normalization = Normalization::DivisiveNorm;
}

/// What stands between z and ReLU.
///
/// # Shapes
/// z and result: \[B, N\].
pub fn normalize<B: Dim, N: Dim, E: Dtype, D: Device<E>>(
    normalization: Normalization,
    z: &Tensor<(B, N), E, D>,
) -> Tensor<(B, N), E, D> {
    match normalization {
        Normalization::None
        | Normalization::LayerNormBackwardOnly
        | Normalization::MeanNormBackwardOnly => z.clone(),
        Normalization::LayerNorm | Normalization::LayerNormForwardOnly => layer_norm(z),
        Normalization::MeanNorm => z.clone() - mean(z),
        Normalization::DivisiveNorm => z.clone() / standard_deviation(z),
    }
}

/// The error of z from the error of [`normalize`]`(z)`.
///
/// # Shapes
/// δ, z and result: \[B, N\].
pub fn normalize_backward<B: Dim, N: Dim, E: Dtype, D: Device<E>>(
    normalization: Normalization,
    delta: &Tensor<(B, N), E, D>,
    z: &Tensor<(B, N), E, D>,
) -> Tensor<(B, N), E, D> {
    match normalization {
        Normalization::None | Normalization::LayerNormForwardOnly => delta.clone(),
        Normalization::LayerNorm | Normalization::LayerNormBackwardOnly => {
            layer_norm_backward(delta, z)
        }
        Normalization::MeanNorm | Normalization::MeanNormBackwardOnly => {
            delta.clone() - mean(delta)
        }
        Normalization::DivisiveNorm => {
            let sigma = standard_deviation(z);
            let correlation = mean(&(delta.clone() * z.clone())) / sigma.clone();
            (delta.clone() - layer_norm(z) * correlation) / sigma
        }
    }
}

/// `relu(normalize(z))`: what the layer above receives. NaN stays NaN, which dfdx's own ReLU makes
/// 0.
pub(super) fn activity<B: Dim, N: Dim, E: Dtype, D: Device<E>>(
    normalization: Normalization,
    z: &Tensor<(B, N), E, D>,
) -> Tensor<(B, N), E, D> {
    let z = normalize(normalization, z);
    let zero = z.device().zeros_like(&z);
    z.le(constant::<E>(0.0)).choose(zero, z)
}

/// The error of z from the error of [`activity`]`(z)`.
pub(super) fn activity_backward<B: Dim, N: Dim, E: Dtype, D: Device<E>>(
    normalization: Normalization,
    error: &Tensor<(B, N), E, D>,
    z: &Tensor<(B, N), E, D>,
) -> Tensor<(B, N), E, D> {
    let zero = error.device().zeros_like(error);
    let open = normalize(normalization, z).gt(constant::<E>(0.0));
    let delta = open.choose(error.clone(), zero);
    normalize_backward(normalization, &delta, z)
}
