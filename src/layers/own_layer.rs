//! Layers of one's own.

use super::{
    error_rule::without_modules,
    layer::Layer,
    shaped::{Backend, Shaped},
    weights::LayerWeights,
};
use crate::architecture::LayerKind;
use dfdx::{shapes::Dim, tensor::AutoDevice};

/// Activities or errors of the units of the layer `L`: \[B, EXC\].
pub type Units<B, L> = Shaped<(B, <L as Layer<f32, AutoDevice>>::Out)>;

/// The input of the layer `L`, or the error for the layer below: \[B, IN\].
pub type Inputs<B, L> = Shaped<(B, <L as Layer<f32, AutoDevice>>::In)>;

/// What `backward` of the layer `L` needs of a batch of size `B`.
pub type Memory<B, L> = <L as Layer<f32, AutoDevice>>::Memory<B>;

/// A layer of one's own: one of the library's, with another way forward or back.
///
/// A network that has one learns by [`step`](crate::networks::Network::step), which calls
/// `forward` and `backward`; the fused engine does not know it. It is none of the paper's networks,
/// and its file, which names its type, is not that of a network without the layer.
///
/// ```
/// use inorm::dfdx::{shapes::Dim, tensor::AutoDevice};
/// use inorm::layers::{INorm, Inputs, Layer, Memory, OwnLayer, Units};
/// use inorm::networks::Network;
///
/// /// Its weights learn from the error as it is; the layer below gets none.
/// #[derive(Debug, Clone)]
/// struct Blind<L>(L);
///
/// impl<L: Layer<f32, AutoDevice>> OwnLayer for Blind<L> {
///     type Base = L;
///
///     fn from_base(base: L) -> Self {
///         Self(base)
///     }
///
///     fn base(&self) -> &L {
///         &self.0
///     }
///
///     fn backward<B: Dim>(
///         &self,
///         delta: &Units<B, L>,
///         memory: &Memory<B, L>,
///         lambda: f64,
///     ) -> (Inputs<B, L>, L) {
///         let (below, gradients) = self.0.backward(delta, memory, lambda);
///         (below * 0.0, gradients)
///     }
/// }
///
/// type Net = Network<(INorm<784, 20, 2>, Blind<INorm<20, 20, 2>>)>;
/// let network = Net::new(0).unwrap();
/// let name = Net::architecture().to_string();
/// assert_eq!(name, "784 → INorm 20/2 → own layer of INorm 20/2 → 10");
/// assert_eq!(Net::condition(), None);
/// type Plain = Network<(INorm<784, 20, 2>, INorm<20, 20, 2>)>;
/// assert!(Plain::from_weights(&network.weights()).is_err());
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no layer for this network",
    label = "not a layer of the network's precision and device, which are `f32` and the processor \
             unless said otherwise: `Network<(INorm<784, 60, 6, Raw, f64>,), 10, f64>`; a layer of \
             your own has `impl OwnLayer`"
)]
pub trait OwnLayer: Sized {
    /// The layer that it is but for what it does otherwise.
    type Base: Layer<f32, AutoDevice>;

    /// The layer with the weights of `base`.
    fn from_base(base: Self::Base) -> Self;

    /// Its weights.
    fn base(&self) -> &Self::Base;

    /// `h → z`, before any normalization on top and before ReLU.
    fn forward<B: Dim>(
        &self,
        h: &Inputs<B, Self::Base>,
    ) -> (Units<B, Self::Base>, Memory<B, Self::Base>) {
        self.base().forward(h)
    }

    /// The error that goes on from the error δ that arrives at z, as
    /// [`Network::errors`](crate::networks::Network::errors) has it: what `backward` starts from.
    fn passed_on<B: Dim>(
        &self,
        delta: &Units<B, Self::Base>,
        z: &Units<B, Self::Base>,
    ) -> Units<B, Self::Base> {
        self.base().passed_on(delta, z)
    }

    /// From `∂L/∂z` to `∂L/∂h`, and the gradients of all weights.
    fn backward<B: Dim>(
        &self,
        delta: &Units<B, Self::Base>,
        memory: &Memory<B, Self::Base>,
        lambda: f64,
    ) -> (Inputs<B, Self::Base>, Self::Base) {
        self.base().backward(delta, memory, lambda)
    }
}

impl<L: OwnLayer> Layer<f32, AutoDevice> for L
where
    AutoDevice: Backend<f32>,
{
    type In = <L::Base as Layer<f32, AutoDevice>>::In;
    type Out = <L::Base as Layer<f32, AutoDevice>>::Out;
    type Normalization = <L::Base as Layer<f32, AutoDevice>>::Normalization;
    type Readout<const OUT: usize> = <L::Base as Layer<f32, AutoDevice>>::Readout<OUT>;
    type Memory<B: Dim> = Memory<B, L::Base>;

    const KIND: LayerKind = LayerKind { own: true, ..L::Base::KIND };

    fn own_name() -> Option<String> {
        Some(without_modules(std::any::type_name::<L>()))
    }

    fn from_weights(weights: &LayerWeights<f32>) -> Self {
        L::from_base(L::Base::from_weights(weights))
    }

    fn weights(&self) -> LayerWeights<f32> {
        self.base().weights()
    }

    fn forward<B: Dim>(&self, h: &Inputs<B, Self>) -> (Units<B, Self>, Memory<B, Self>) {
        OwnLayer::forward(self, h)
    }

    fn passed_on<B: Dim>(&self, delta: &Units<B, Self>, z: &Units<B, Self>) -> Units<B, Self> {
        OwnLayer::passed_on(self, delta, z)
    }

    fn backward<B: Dim>(
        &self,
        delta: &Units<B, Self>,
        memory: &Memory<B, Self>,
        lambda: f64,
    ) -> (Inputs<B, Self>, Self) {
        let (below, gradients) = OwnLayer::backward(self, delta, memory, lambda);
        (below, L::from_base(gradients))
    }
}
