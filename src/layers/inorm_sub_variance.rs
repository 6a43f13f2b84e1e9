//! I-Norm without division, whose inhibition learns from the variance, too.

use super::{
    error_rule::{GradNormRule, OwnRule, Raw},
    inorm::normalizing_gradient,
    inorm_sub::INormSub,
    layer::{Differentiable, Layer},
    normalization::NoNorm,
    shaped::{Backend, Batch, Shaped, weight_gradient},
    weights::LayerWeights,
};
use crate::{architecture::LayerKind, condition::Circuit};
use dfdx::{
    shapes::{Const, Dim, Dtype},
    tensor::AutoDevice,
};

/// An [`INormSub`] whose inhibition learns as in the authors' revised code.
///
/// Paper: none. Differs: see [`deviations`](crate::deviations).
///
/// # Gradient
/// As [`INorm`](super::INorm) with s = 1: the local loss is
/// `λ·mean_batch[mean(z)² + (var(z) − 1)²]`; it trains `W_IE`. `W_EI` is frozen.
#[derive(Clone)]
pub struct INormSubVariance<
    const IN: usize,
    const EXC: usize,
    const INH: usize,
    G: GradNormRule = Raw,
    E: Dtype = f32,
    D: Backend<E> = AutoDevice,
>(
    /// Its weights, and what it does forward and with the errors of the task.
    pub INormSub<IN, EXC, INH, G, E, D>,
);

impl<const IN: usize, const EXC: usize, const INH: usize, G: GradNormRule, E: Dtype, D: Backend<E>>
    Layer<E, D> for INormSubVariance<IN, EXC, INH, G, E, D>
{
    type In = Const<IN>;
    type Out = Const<EXC>;
    type Normalization = NoNorm;
    type Readout<const OUT: usize> = <INormSub<IN, EXC, INH, G, E, D> as Layer<E, D>>::Readout<OUT>;
    type Memory<B: Dim> = <INormSub<IN, EXC, INH, G, E, D> as Layer<E, D>>::Memory<B>;

    const KIND: LayerKind = LayerKind {
        circuit: Circuit::InhibitoryNormSubtractiveVariance,
        ..<INormSub<IN, EXC, INH, G, E, D> as Layer<E, D>>::KIND
    };
    const OWN: Option<OwnRule> = G::OWN;
    const FUSED: bool = true;

    fn from_weights(weights: &LayerWeights<E>) -> Self {
        Self(INormSub::from_weights(weights))
    }

    fn weights(&self) -> LayerWeights<E> {
        self.0.weights()
    }

    fn forward<B: Dim>(&self, h: &Batch<B, IN, E, D>) -> (Batch<B, EXC, E, D>, Self::Memory<B>) {
        self.0.forward(h)
    }

    fn passed_on<B: Dim>(
        &self,
        delta: &Batch<B, EXC, E, D>,
        z: &Batch<B, EXC, E, D>,
    ) -> Batch<B, EXC, E, D> {
        self.0.passed_on(delta, z)
    }

    fn backward<B: Dim>(
        &self,
        delta: &Batch<B, EXC, E, D>,
        memory: &Self::Memory<B>,
        lambda: f64,
    ) -> (Batch<B, IN, E, D>, Self) {
        let (below, mut gradients) = self.0.backward(delta, memory, 0.0);
        // The local loss, by i: h and e are constants for it.
        let (h, _, z) = memory;
        let delta_i = -normalizing_gradient(z, lambda);
        gradients.w_ie = weight_gradient(&delta_i.matmul(&self.0.w_ei), h);
        gradients.w_ei = Shaped::new(vec![E::default(); EXC * INH]);
        (below, Self(gradients))
    }
}

impl<const IN: usize, const EXC: usize, const INH: usize, E: Dtype, D: Backend<E>> Differentiable
    for INormSubVariance<IN, EXC, INH, Raw, E, D>
{
}
