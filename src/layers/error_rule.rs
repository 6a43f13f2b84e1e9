//! GradNorm as a type: the paper's, and a reader's own.

use super::{
    operation::constant,
    shaped::{Backend, Batch, Vector},
};
use crate::condition::GradNorm;
use dfdx::shapes::{Dim, Dtype};

/// A GradNorm that is none of the paper's: changes the error δ of one sample in place, given
/// the activity z of the same units before ReLU.
pub type OwnGradNorm<T> = fn(delta: &mut [T], z: &[T]);

/// A reader's own GradNorm without its type.
#[derive(Debug, Clone, Copy)]
pub struct OwnRule {
    /// What it does to one sample.
    pub apply: OwnGradNorm<f32>,
    type_name: fn() -> &'static str,
}

impl OwnRule {
    /// The name of its type, without the modules that it is in.
    pub fn name(&self) -> String {
        without_modules((self.type_name)())
    }

    /// The names of those in a network, one after another only once.
    pub(crate) fn names(rules: &[Option<Self>]) -> Vec<String> {
        let mut names: Vec<_> = rules.iter().flatten().map(Self::name).collect();
        names.dedup();
        names
    }
}

/// The name of a type, and of its parameters, without the modules that they are in.
pub(super) fn without_modules(name: &str) -> String {
    let short = |path: &str| path.rsplit("::").next().unwrap_or(path).to_owned();
    let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let paths = name.split_inclusive(|c| !is_path(c));
    paths.map(short).collect()
}

/// A [`GradNorm`] as a type: the last parameter of [`INorm`](super::INorm), of
/// [`INormSub`](super::INormSub) and of their like.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no rule for errors",
    label = "I-Norm layers have one of `Raw`, `Full`, `Center`, `Lateral`, `Scale` and \
             `Decorrelate`, or a type of your own with `impl ErrorRule`; LayerNorm and its parts \
             belong to `Excitatory` and `Ei`"
)]
pub trait GradNormRule {
    /// Which one it is.
    const KIND: GradNorm;

    /// What it does to one sample, if it is a reader's own.
    const OWN: Option<OwnRule> = None;

    /// The error that goes on from the error δ that arrives.
    ///
    /// # Shapes
    /// As [`grad_norm`](super::grad_norm).
    fn pass_back<B: Dim, const N: usize, E: Dtype, D: Backend<E>>(
        delta: &Batch<B, N, E, D>,
        z: &Batch<B, N, E, D>,
        nu: &Vector<N, E, D>,
    ) -> Batch<B, N, E, D> {
        delta.grad_norm(Self::KIND, z, nu)
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

/// [`GradNorm::FullCentred`]
#[derive(Debug, Clone, Copy)]
pub struct FullCentred;

/// [`GradNorm::DecorrelateCentred`]
#[derive(Debug, Clone, Copy)]
pub struct DecorrelateCentred;

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

impl GradNormRule for FullCentred {
    const KIND: GradNorm = GradNorm::FullCentred;
}

impl GradNormRule for DecorrelateCentred {
    const KIND: GradNorm = GradNorm::DecorrelateCentred;
}

/// A GradNorm of one's own, as a function of one sample.
///
/// ```
/// # use inorm::{layers::{Center, ErrorRule, INorm}, networks::Network};
/// struct Median;
/// impl ErrorRule for Median {
///     fn apply(delta: &mut [f32], _z: &[f32]) {
///         let mut sorted = delta.to_vec();
///         sorted.sort_by(f32::total_cmp);
///         delta.iter_mut().for_each(|d| *d -= sorted[sorted.len() / 2]);
///     }
/// }
/// type Mine = Network<(INorm<36, 20, 2, Median>, INorm<20, 20, 2, Center>)>;
/// let mine = Mine::new(0).unwrap();
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no rule for errors",
    label = "I-Norm layers have one of `Raw`, `Full`, `Center`, `Lateral`, `Scale` and \
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
    const OWN: Option<OwnRule> =
        Some(OwnRule { apply: R::apply, type_name: std::any::type_name::<R> });

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
        delta.like(errors)
    }
}
