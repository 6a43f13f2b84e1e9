//! The hidden layers of a network: a tuple of one, two or three.

use crate::{
    architecture::LayerKind,
    layers::{
        Backend, Differentiable, Layer, LayerWeights, NormalizationRule, Operation, OwnRule, Shaped,
    },
};
use dfdx::shapes::{Const, ConstDim, Dim, Dtype};
use std::fmt::{self, Debug};

/// The hidden layers of a network, from the input up: a tuple of one, two or three [`Layer`]s, each
/// with as many inputs as the one below it has units.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no tuple of one to three hidden layers",
    label = "not a tuple of one to three layers; that of one has a comma: `(Ei<784, 100, 10>,)`"
)]
pub trait Hidden<E: Dtype, D: Backend<E>>: Sized {
    /// Inputs of the first layer.
    type In: ConstDim;

    /// Excitatory units of the last layer.
    type Out: ConstDim;

    /// The read-out above them.
    type Readout<const OUT: usize>: Layer<E, D, In = Self::Out, Out = Const<OUT>> + Clone + Debug;

    /// What each layer made of a batch of size `B`: a tuple of [`LayerPass`]es.
    type Pass<B: Dim>: Debug;

    /// The errors at each layer: a tuple of [`LayerErrors`].
    type Errors<B: Dim>: Debug;

    /// Whether the fused engine does what each layer does.
    const FUSED: bool;

    /// The layers' types as plain numbers.
    fn kinds() -> Vec<LayerKind>;

    /// Readers' own GradNorms, layer by layer.
    fn own_rules() -> Vec<Option<OwnRule>>;

    /// What is a reader's own in each layer: see [`Layer::own_name`].
    fn own_names() -> Vec<Option<String>>;

    /// The layers with these weights.
    ///
    /// # Panics
    /// If there are too few, or of other sizes than the types'.
    fn from_weights(weights: &[LayerWeights<E>]) -> Self;

    /// The weights as plain numbers.
    fn weights(&self) -> Vec<LayerWeights<E>>;

    /// From the network's input to the activity of the last layer.
    fn forward<B: Dim>(
        &self,
        x: &Shaped<(B, Self::In), E, D>,
    ) -> (Shaped<(B, Self::Out), E, D>, Self::Pass<B>);

    /// From the error of the last layer's activity to the gradients of all weights, and the errors
    /// on the way.
    fn backward<B: Dim>(
        &self,
        error: &Shaped<(B, Self::Out), E, D>,
        pass: &Self::Pass<B>,
        lambda: f64,
    ) -> (Self, Self::Errors<B>);
}

/// What a hidden layer made of a batch.
pub struct LayerPass<B: Dim, L: Layer<E, D>, E: Dtype, D: Backend<E>> {
    /// Before normalization and ReLU, \[B, EXC\].
    pub z: Shaped<(B, L::Out), E, D>,
    /// After both, \[B, EXC\].
    pub activity: Shaped<(B, L::Out), E, D>,
    memory: L::Memory<B>,
}

impl<B: Dim, L: Layer<E, D>, E: Dtype, D: Backend<E>> LayerPass<B, L, E, D> {
    fn new(layer: &L, h: &Shaped<(B, L::In), E, D>) -> Self {
        let (z, memory) = layer.forward(h);
        let activity = z.map(Operation::Activity(<L::Normalization as NormalizationRule>::KIND));
        Self { z, activity, memory }
    }

    /// From the error of the activity to that of the input, the gradients of the layer, and the
    /// errors at it.
    fn backward(
        &self,
        layer: &L,
        error: &Shaped<(B, L::Out), E, D>,
        lambda: f64,
    ) -> (Shaped<(B, L::In), E, D>, L, LayerErrors<B, L, E, D>) {
        let normalization = <L::Normalization as NormalizationRule>::KIND;
        let arriving = error.with(Operation::ActivityBackward(normalization), &self.z);
        let (below, gradients) = layer.backward(&arriving, &self.memory, lambda);
        let passed_on = layer.passed_on(&arriving, &self.z);
        (below, gradients, LayerErrors { arriving, passed_on })
    }
}

/// Sizes: the values of a field are shown by the field.
impl<B: Dim, L: Layer<E, D>, E: Dtype, D: Backend<E>> Debug for LayerPass<B, L, E, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { z, activity, .. } = self;
        let mut shown = f.debug_struct("LayerPass");
        shown.field("z", z).field("activity", activity).finish_non_exhaustive()
    }
}

/// The errors at a hidden layer.
pub struct LayerErrors<B: Dim, L: Layer<E, D>, E: Dtype, D: Backend<E>> {
    /// The error δ that arrives at z, \[B, EXC\].
    pub arriving: Shaped<(B, L::Out), E, D>,
    /// What the GradNorm makes of it, \[B, EXC\]; the same without one.
    pub passed_on: Shaped<(B, L::Out), E, D>,
}

impl<B: Dim, L: Layer<E, D>, E: Dtype, D: Backend<E>> Debug for LayerErrors<B, L, E, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { arriving, passed_on } = self;
        let mut shown = f.debug_struct("LayerErrors");
        shown.field("arriving", arriving).field("passed_on", passed_on).finish()
    }
}

impl<First, E: Dtype, D: Backend<E>> Hidden<E, D> for (First,)
where
    First: Layer<E, D>,
{
    type In = First::In;
    type Out = First::Out;
    type Readout<const OUT: usize> = First::Readout<OUT>;
    type Pass<B: Dim> = (LayerPass<B, First, E, D>,);
    type Errors<B: Dim> = (LayerErrors<B, First, E, D>,);

    const FUSED: bool = First::FUSED;

    fn kinds() -> Vec<LayerKind> {
        vec![First::KIND]
    }

    fn own_rules() -> Vec<Option<OwnRule>> {
        vec![First::OWN]
    }

    fn own_names() -> Vec<Option<String>> {
        vec![First::own_name()]
    }

    fn from_weights(weights: &[LayerWeights<E>]) -> Self {
        (First::from_weights(&weights[0]),)
    }

    fn weights(&self) -> Vec<LayerWeights<E>> {
        vec![self.0.weights()]
    }

    fn forward<B: Dim>(
        &self,
        x: &Shaped<(B, Self::In), E, D>,
    ) -> (Shaped<(B, Self::Out), E, D>, Self::Pass<B>) {
        let first = LayerPass::new(&self.0, x);
        (first.activity.clone(), (first,))
    }

    fn backward<B: Dim>(
        &self,
        error: &Shaped<(B, Self::Out), E, D>,
        (first,): &Self::Pass<B>,
        lambda: f64,
    ) -> (Self, Self::Errors<B>) {
        let (_, first, errors) = first.backward(&self.0, error, lambda);
        ((first,), (errors,))
    }
}

impl<First, Second, E: Dtype, D: Backend<E>> Hidden<E, D> for (First, Second)
where
    First: Layer<E, D>,
    Second: Layer<E, D, In = First::Out>,
{
    type In = First::In;
    type Out = Second::Out;
    type Readout<const OUT: usize> = Second::Readout<OUT>;
    type Pass<B: Dim> = (LayerPass<B, First, E, D>, LayerPass<B, Second, E, D>);
    type Errors<B: Dim> = (LayerErrors<B, First, E, D>, LayerErrors<B, Second, E, D>);

    const FUSED: bool = First::FUSED && Second::FUSED;

    fn kinds() -> Vec<LayerKind> {
        vec![First::KIND, Second::KIND]
    }

    fn own_rules() -> Vec<Option<OwnRule>> {
        vec![First::OWN, Second::OWN]
    }

    fn own_names() -> Vec<Option<String>> {
        vec![First::own_name(), Second::own_name()]
    }

    fn from_weights(weights: &[LayerWeights<E>]) -> Self {
        (First::from_weights(&weights[0]), Second::from_weights(&weights[1]))
    }

    fn weights(&self) -> Vec<LayerWeights<E>> {
        vec![self.0.weights(), self.1.weights()]
    }

    fn forward<B: Dim>(
        &self,
        x: &Shaped<(B, Self::In), E, D>,
    ) -> (Shaped<(B, Self::Out), E, D>, Self::Pass<B>) {
        let first = LayerPass::new(&self.0, x);
        let second = LayerPass::new(&self.1, &first.activity);
        (second.activity.clone(), (first, second))
    }

    fn backward<B: Dim>(
        &self,
        error: &Shaped<(B, Self::Out), E, D>,
        (first, second): &Self::Pass<B>,
        lambda: f64,
    ) -> (Self, Self::Errors<B>) {
        let (error, second, errors_1) = second.backward(&self.1, error, lambda);
        let (_, first, errors_0) = first.backward(&self.0, &error, lambda);
        ((first, second), (errors_0, errors_1))
    }
}

impl<First, Second, Third, E: Dtype, D: Backend<E>> Hidden<E, D> for (First, Second, Third)
where
    First: Layer<E, D>,
    Second: Layer<E, D, In = First::Out>,
    Third: Layer<E, D, In = Second::Out>,
{
    type In = First::In;
    type Out = Third::Out;
    type Readout<const OUT: usize> = Third::Readout<OUT>;
    type Pass<B: Dim> =
        (LayerPass<B, First, E, D>, LayerPass<B, Second, E, D>, LayerPass<B, Third, E, D>);
    type Errors<B: Dim> =
        (LayerErrors<B, First, E, D>, LayerErrors<B, Second, E, D>, LayerErrors<B, Third, E, D>);

    const FUSED: bool = First::FUSED && Second::FUSED && Third::FUSED;

    fn kinds() -> Vec<LayerKind> {
        vec![First::KIND, Second::KIND, Third::KIND]
    }

    fn own_rules() -> Vec<Option<OwnRule>> {
        vec![First::OWN, Second::OWN, Third::OWN]
    }

    fn own_names() -> Vec<Option<String>> {
        vec![First::own_name(), Second::own_name(), Third::own_name()]
    }

    fn from_weights(weights: &[LayerWeights<E>]) -> Self {
        (
            First::from_weights(&weights[0]),
            Second::from_weights(&weights[1]),
            Third::from_weights(&weights[2]),
        )
    }

    fn weights(&self) -> Vec<LayerWeights<E>> {
        vec![self.0.weights(), self.1.weights(), self.2.weights()]
    }

    fn forward<B: Dim>(
        &self,
        x: &Shaped<(B, Self::In), E, D>,
    ) -> (Shaped<(B, Self::Out), E, D>, Self::Pass<B>) {
        let first = LayerPass::new(&self.0, x);
        let second = LayerPass::new(&self.1, &first.activity);
        let third = LayerPass::new(&self.2, &second.activity);
        (third.activity.clone(), (first, second, third))
    }

    fn backward<B: Dim>(
        &self,
        error: &Shaped<(B, Self::Out), E, D>,
        (first, second, third): &Self::Pass<B>,
        lambda: f64,
    ) -> (Self, Self::Errors<B>) {
        let (error, third, errors_2) = third.backward(&self.2, error, lambda);
        let (error, second, errors_1) = second.backward(&self.1, &error, lambda);
        let (_, first, errors_0) = first.backward(&self.0, &error, lambda);
        ((first, second, third), (errors_0, errors_1, errors_2))
    }
}

impl<A: Differentiable> Differentiable for (A,) {}
impl<A: Differentiable, B: Differentiable> Differentiable for (A, B) {}
impl<A: Differentiable, B: Differentiable, C: Differentiable> Differentiable for (A, B, C) {}
