//! Moments over units, one for each sample, and layer normalization made of them.

use super::operation::constant;
use crate::learning_rule::NORMALIZATION_EPSILON;
use dfdx::{
    shapes::{Axis, Dim, Dtype, HasShape},
    tensor::Tensor,
    tensor_ops::{BroadcastTo, Device, MeanTo},
};

/// The mean over units, repeated for each unit: `mean(x)`.
///
/// # Shapes
/// x and result: \[B, N\].
pub fn mean<B: Dim, N: Dim, E: Dtype, D: Device<E>>(
    x: &Tensor<(B, N), E, D>,
) -> Tensor<(B, N), E, D> {
    x.clone().mean::<(B,), Axis<1>>().broadcast_like::<_, Axis<1>>(x.shape())
}

/// `√(mean(x²) + ε)` over units, repeated for each unit, with ε = 1e-5.
///
/// # Shapes
/// x and result: \[B, N\].
pub fn root_mean_square<B: Dim, N: Dim, E: Dtype, D: Device<E>>(
    x: &Tensor<(B, N), E, D>,
) -> Tensor<(B, N), E, D> {
    (mean(&x.clone().square()) + constant::<E>(NORMALIZATION_EPSILON)).sqrt()
}

/// The population standard deviation over units, `σ = √(var(x) + ε)`, repeated for each unit.
///
/// # Shapes
/// x and result: \[B, N\].
pub fn standard_deviation<B: Dim, N: Dim, E: Dtype, D: Device<E>>(
    x: &Tensor<(B, N), E, D>,
) -> Tensor<(B, N), E, D> {
    root_mean_square(&(x.clone() - mean(x)))
}

/// LayerNorm without affine parameters: `(z − mean(z)) / σ_z`.
///
/// Paper: Fig. 2. Differs: no.
///
/// # Shapes
/// z and result: \[B, N\].
///
/// # Gradient
/// See [`layer_norm_backward`].
pub fn layer_norm<B: Dim, N: Dim, E: Dtype, D: Device<E>>(
    z: &Tensor<(B, N), E, D>,
) -> Tensor<(B, N), E, D> {
    (z.clone() - mean(z)) / standard_deviation(z)
}

/// LayerNorm's Jacobian, applied to the error δ of its output:
/// `(δ − mean(δ) − ẑ·mean(δ⊙ẑ)) / σ_z` with `ẑ = layer_norm(z)`.
///
/// It sends the all-ones direction and `ẑ` to zero: no error is left that would move all units
/// alike, or stretch them.
///
/// # Shapes
/// δ, z and result: \[B, N\].
pub fn layer_norm_backward<B: Dim, N: Dim, E: Dtype, D: Device<E>>(
    delta: &Tensor<(B, N), E, D>,
    z: &Tensor<(B, N), E, D>,
) -> Tensor<(B, N), E, D> {
    let normalized = layer_norm(z);
    let correlation = mean(&(delta.clone() * normalized.clone()));
    (delta.clone() - mean(delta) - normalized * correlation) / standard_deviation(z)
}
