//! What all layers have in common.

use super::{
    error_rule::{GradNormRule, OwnRule},
    normalization::NormalizationRule,
    shaped::{Backend, Shaped, Vector},
    weights::LayerWeights,
};
use crate::{architecture::LayerKind, condition::GradNorm};
use dfdx::shapes::{Const, ConstDim, Dim, Dtype};
use std::fmt::Debug;

/// A layer whose sizes, populations, normalization and GradNorm are its type, and whose learning
/// rule is written out.
///
/// `forward` is pure: it returns z and what `backward` needs. `backward` takes the error δ of z and
/// returns the error for the layer below and every gradient. Between z and the layer above stand
/// the normalization and ReLU, which a [`Network`](crate::networks::Network) puts there.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no layer",
    label = "no layer of this network: it has a rule of another kind of layer, or another precision \
             or device than the network, or lacks `impl OwnLayer`"
)]
pub trait Layer<E: Dtype, D: Backend<E>>: Sized {
    /// Inputs: `Const<784>`.
    type In: ConstDim;

    /// Excitatory units: `Const<234>`.
    type Out: ConstDim;

    /// What stands between z and ReLU.
    type Normalization: NormalizationRule;

    /// The read-out of a network whose last hidden layer this is.
    type Readout<const OUT: usize>: Layer<E, D, In = Self::Out, Out = Const<OUT>> + Clone + Debug;

    /// What `backward` needs of a batch of size `B`.
    type Memory<B: Dim>;

    /// The type as plain numbers.
    const KIND: LayerKind;

    /// A reader's own GradNorm, if the layer has one.
    const OWN: Option<OwnRule> = None;

    /// Whether the fused engine does what this layer does, as it does for the library's. A network
    /// with a layer that it does not know learns by [`step`](crate::networks::Network::step).
    const FUSED: bool = false;

    /// What is a reader's own in the layer, by the name of its type: the layer, or its GradNorm.
    fn own_name() -> Option<String> {
        Self::OWN.as_ref().map(OwnRule::name)
    }

    /// The layer with these weights.
    ///
    /// # Panics
    /// If the sizes differ from the type's.
    fn from_weights(weights: &LayerWeights<E>) -> Self;

    /// The weights as plain numbers.
    fn weights(&self) -> LayerWeights<E>;

    /// `h → z`, before any normalization on top and before ReLU.
    fn forward<B: Dim>(
        &self,
        h: &Shaped<(B, Self::In), E, D>,
    ) -> (Shaped<(B, Self::Out), E, D>, Self::Memory<B>);

    /// The error that goes on from the error δ that arrives at z: what the GradNorm makes of it.
    fn passed_on<B: Dim>(
        &self,
        delta: &Shaped<(B, Self::Out), E, D>,
        z: &Shaped<(B, Self::Out), E, D>,
    ) -> Shaped<(B, Self::Out), E, D> {
        let _ = z;
        delta.clone()
    }

    /// From `∂L/∂z` to `∂L/∂h` and the gradients of all weights.
    ///
    /// `lambda` weighs the local loss of layers that learn to normalize.
    fn backward<B: Dim>(
        &self,
        delta: &Shaped<(B, Self::Out), E, D>,
        memory: &Self::Memory<B>,
        lambda: f64,
    ) -> (Shaped<(B, Self::In), E, D>, Self);
}

/// A layer whose rule for the task is what autodiff finds: without GradNorm, and with a
/// [`DifferentiableNorm`](super::DifferentiableNorm).
#[diagnostic::on_unimplemented(
    message = "autodiff does not find the errors of `{Self}`",
    label = "autodiff knows the library's layers without GradNorm (`Raw`), and all normalizations \
             but `LayerNormForwardOnly`, `LayerNormBackwardOnly` and `MeanNormBackwardOnly`; it \
             knows no layer of your own"
)]
pub trait Differentiable {}

/// Fails while a type is compiled whose inhibitory units are as many as its excitatory ones.
pub(super) const fn assert_minority(inhibitory: usize, excitatory: usize) {
    assert!(
        0 < inhibitory && inhibitory < excitatory,
        "inhibitory units are fewer than excitatory ones: in `<IN, EXC, INH>`, INH is from 1 to EXC − 1"
    );
}

/// The ν of a layer with the GradNorm `G`: of lateral inhibition, none otherwise.
pub(super) fn nu_values<G: GradNormRule, const N: usize, E: Dtype, D: Backend<E>>(
    nu: &Vector<N, E, D>,
) -> Vec<E> {
    if G::KIND == GradNorm::Lateral { nu.as_vec() } else { Vec::new() }
}
