//! GradNorm: what inhibition does to the error signal.
//!
//! In the forward pass it is the identity. In the backward pass it acts on `δ = ∂L/∂z` of each
//! hidden I-Norm layer, before the division by `s`.

use super::moments::{layer_norm_backward, mean, standard_deviation};
use crate::condition::GradNorm;
use dfdx::{
    shapes::{Axis, Dim, Dtype, HasShape},
    tensor::Tensor,
    tensor_ops::{BroadcastTo, Device, SumTo},
};

/// The error δ after one of the paper's GradNorms.
///
/// ```text
/// none         δ
/// full         (δ − mean(δ) − z·mean(δ⊙z)) / σ_z
/// center       δ − mean(δ)
/// lateral      δ − Σ_k ν_k δ_k
/// scale        δ / σ_z
/// decorrelate  δ − z·mean(δ⊙z)
/// ```
///
/// `full` uses z as it is, not centered once more: it is LN's Jacobian exactly when z is
/// normalized, which is what I-Norm strives for. On `c = z − mean(z)`, as in the authors' revised
/// code:
///
/// ```text
/// full         (δ − mean(δ) − ẑ·mean(δ⊙ẑ)) / σ_z,  ẑ = c/σ_z
/// decorrelate  δ − c·mean(δ⊙c)
/// ```
///
/// Paper: Figs. 5 (full), 6 (center, scale, decorrelate), 7 (lateral). Differs: no.
///
/// # Shapes
/// δ, z and result: \[B, N\]; ν: \[N\], only looked at by `lateral`.
///
/// # Panics
/// For [`GradNorm::Own`].
pub fn grad_norm<B: Dim, N: Dim, E: Dtype, D: Device<E>>(
    mode: GradNorm,
    delta: &Tensor<(B, N), E, D>,
    z: &Tensor<(B, N), E, D>,
    nu: &Tensor<(N,), E, D>,
) -> Tensor<(B, N), E, D> {
    let correlation = || mean(&(delta.clone() * z.clone()));
    match mode {
        GradNorm::None => delta.clone(),
        GradNorm::Full => {
            (delta.clone() - mean(delta) - z.clone() * correlation()) / standard_deviation(z)
        }
        GradNorm::Center => delta.clone() - mean(delta),
        GradNorm::Lateral => {
            let weighted = delta.clone() * nu.clone().broadcast_like::<_, Axis<0>>(delta.shape());
            delta.clone()
                - weighted.sum::<(B,), Axis<1>>().broadcast_like::<_, Axis<1>>(delta.shape())
        }
        GradNorm::Scale => delta.clone() / standard_deviation(z),
        GradNorm::Decorrelate => delta.clone() - z.clone() * correlation(),
        GradNorm::FullCentred => layer_norm_backward(delta, z),
        GradNorm::DecorrelateCentred => {
            let centred = z.clone() - mean(z);
            let correlation = mean(&(delta.clone() * centred.clone()));
            delta.clone() - centred * correlation
        }
        GradNorm::Own => panic!("what a rule of one's own does is known to its type alone"),
    }
}
