//! GradNorm: what inhibition does to the error signal.
//!
//! In the forward pass it is the identity. In the backward pass it acts on `δ = ∂L/∂z` of each
//! hidden I-Norm layer, before the division by `s`.

use super::moments::{mean, standard_deviation};
use crate::{
    condition::GradNorm,
    shapes::{Backend, Batch, Vector, constant},
};
use dfdx::{
    shapes::{Axis, Dim, Dtype, HasShape},
    tensor_ops::{BroadcastTo, SumTo},
};

/// A [`GradNorm`] as a type: the last parameter of [`INorm`](super::INorm) and
/// [`INormSub`](super::INormSub).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no rule for errors",
    label = "not a GradNorm",
    note = "I-Norm layers have one of `Raw`, `Full`, `Center`, `Lateral`, `Scale` and \
            `Decorrelate`, or a type of your own with `impl ErrorRule`; LayerNorm and its parts \
            belong to `Excitatory` and `Ei`"
)]
pub trait GradNormRule {
    /// Which one it is.
    const KIND: GradNorm;

    /// The error that goes on from the error δ that arrives.
    ///
    /// # Shapes
    /// As [`grad_norm`].
    fn pass_back<B: Dim, const N: usize, E: Dtype, D: Backend<E>>(
        delta: &Batch<B, N, E, D>,
        z: &Batch<B, N, E, D>,
        nu: &Vector<N, E, D>,
    ) -> Batch<B, N, E, D> {
        grad_norm(Self::KIND, delta, z, nu)
    }
}

/// [`GradNorm::None`]
#[derive(Debug, Clone, Copy)]
pub struct Raw;

/// [`GradNorm::Full`]
#[derive(Debug, Clone, Copy)]
pub struct Full;

/// [`GradNorm::Center`]
#[derive(Debug, Clone, Copy)]
pub struct Center;

/// [`GradNorm::Lateral`]
#[derive(Debug, Clone, Copy)]
pub struct Lateral;

/// [`GradNorm::Scale`]
#[derive(Debug, Clone, Copy)]
pub struct Scale;

/// [`GradNorm::Decorrelate`]
#[derive(Debug, Clone, Copy)]
pub struct Decorrelate;

impl GradNormRule for Raw {
    const KIND: GradNorm = GradNorm::None;
}

impl GradNormRule for Full {
    const KIND: GradNorm = GradNorm::Full;
}

impl GradNormRule for Center {
    const KIND: GradNorm = GradNorm::Center;
}

impl GradNormRule for Lateral {
    const KIND: GradNorm = GradNorm::Lateral;
}

impl GradNormRule for Scale {
    const KIND: GradNorm = GradNorm::Scale;
}

impl GradNormRule for Decorrelate {
    const KIND: GradNorm = GradNorm::Decorrelate;
}

/// A GradNorm of one's own, as a function of one sample.
///
/// ```
/// # use inorm::{dfdx::tensor::Cpu, layers::{Center, ErrorRule, INorm}, networks::Network};
/// struct Median;
/// impl ErrorRule for Median {
///     fn apply(delta: &mut [f32], _z: &[f32]) {
///         let mut sorted = delta.to_vec();
///         sorted.sort_by(f32::total_cmp);
///         delta.iter_mut().for_each(|d| *d -= sorted[sorted.len() / 2]);
///     }
/// }
/// type Mine = Network<(INorm<36, 20, 2, Median>, INorm<20, 20, 2, Center>)>;
/// let mine = Mine::new(0, &Cpu::default()).unwrap();
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no rule for errors",
    label = "not a GradNorm",
    note = "I-Norm layers have one of `Raw`, `Full`, `Center`, `Lateral`, `Scale` and \
            `Decorrelate`, or a type of your own with `impl ErrorRule`; LayerNorm and its parts \
            belong to `Excitatory` and `Ei`"
)]
pub trait ErrorRule {
    /// Changes the error δ of one sample in place, given the activity z of the same units before
    /// ReLU.
    fn apply(delta: &mut [f32], z: &[f32]);
}

impl<R: ErrorRule> GradNormRule for R {
    const KIND: GradNorm = GradNorm::Own;

    fn pass_back<B: Dim, const N: usize, E: Dtype, D: Backend<E>>(
        delta: &Batch<B, N, E, D>,
        z: &Batch<B, N, E, D>,
        _: &Vector<N, E, D>,
    ) -> Batch<B, N, E, D> {
        let single = |values: &Batch<B, N, E, D>| -> Vec<f32> {
            values.as_vec().into_iter().map(|v| v.to_f32().unwrap_or(f32::NAN)).collect()
        };
        let (mut errors, activity) = (single(delta), single(z));
        for (delta, z) in errors.chunks_exact_mut(N).zip(activity.chunks_exact(N)) {
            R::apply(delta, z);
        }
        let errors: Vec<E> = errors.into_iter().map(|error| constant(f64::from(error))).collect();
        delta.device().tensor_from_vec(errors, *delta.shape())
    }
}

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
/// `full` uses z as it is, not centred once more: it is LN's Jacobian exactly when z is
/// normalized, which is what I-Norm strives for.
///
/// Paper: Figs. 5 (full), 6 (center, scale, decorrelate), 7 (lateral). Differs: no.
///
/// # Shapes
/// δ, z and result: \[B, N\]; ν: \[N\], only looked at by `lateral`.
///
/// # Panics
/// For [`GradNorm::Own`].
pub fn grad_norm<B: Dim, const N: usize, E: Dtype, D: Backend<E>>(
    mode: GradNorm,
    delta: &Batch<B, N, E, D>,
    z: &Batch<B, N, E, D>,
    nu: &Vector<N, E, D>,
) -> Batch<B, N, E, D> {
    let correlation = || mean(&(delta.clone() * z.clone()));
    match mode {
        GradNorm::None => delta.clone(),
        GradNorm::Full => {
            (delta.clone() - mean(delta) - z.clone() * correlation()) / standard_deviation(z)
        }
        GradNorm::Center => delta.clone() - mean(delta),
        GradNorm::Lateral => {
            let weighted = delta.clone() * nu.clone().broadcast_like(delta.shape());
            delta.clone() - weighted.sum::<(B,), Axis<1>>().broadcast_like(delta.shape())
        }
        GradNorm::Scale => delta.clone() / standard_deviation(z),
        GradNorm::Decorrelate => delta.clone() - z.clone() * correlation(),
        GradNorm::Own => panic!("what a rule of one's own does is known to its type alone"),
    }
}
