//! The forward pass on dfdx's tape: dfdx's own gradients, which the written-out rules are held
//! against.

use super::{
    moments::root_mean_square,
    shaped::Dynamic,
    weights::{LayerWeights, NetworkWeights},
};
use crate::{
    architecture::LayerKind,
    condition::{Circuit, Normalization},
    learning_rule::NORMALIZATION_EPSILON,
};
use dfdx::{
    shapes::{Axes2, Axis, Dtype, HasShape},
    tensor::{Gradients, NoneTape, OwnedTape, Tensor, Trace},
    tensor_ops::{Backward, BroadcastTo, Device, MeanTo, PermuteTo, StddevTo, SumTo, TryMatMul},
};

/// Activities, and how they came about.
type Traced<E, D> = Tensor<(usize, usize), E, D, OwnedTape<E, D>>;

/// The weights of a layer.
struct Weights<E: Dtype, D: Device<E>> {
    w_ee: Dynamic<E, D>,
    w_ie: Dynamic<E, D>,
    w_ei: Dynamic<E, D>,
    u_ie: Dynamic<E, D>,
    b: Tensor<(usize,), E, D>,
}

impl<E: Dtype, D: Device<E>> Weights<E, D> {
    fn new(device: &D, layer: &LayerWeights<E>) -> Self {
        let matrix = |values: &[E], columns: usize| {
            device.tensor_from_vec(values.to_vec(), (values.len() / columns.max(1), columns))
        };
        Self {
            w_ee: matrix(&layer.w_ee, layer.inputs),
            w_ie: matrix(&layer.w_ie, layer.inputs),
            w_ei: matrix(&layer.w_ei, layer.inhibitory),
            u_ie: matrix(&layer.u_ie, layer.inputs),
            b: device.tensor_from_vec(layer.b.clone(), (layer.excitatory,)),
        }
    }

    /// `h → z`, where inhibition that learns locally is a constant.
    fn forward(&self, circuit: Circuit, h: Traced<E, D>) -> Traced<E, D> {
        let constant = h.retaped::<NoneTape>();
        let again = h.retaped::<OwnedTape<E, D>>();
        let b = self.b.leaky_trace();
        let e = product(h, &self.w_ee);
        let e = {
            let shape = *e.shape();
            e + b.broadcast_like::<(usize, usize), Axis<0>>(&shape)
        };
        match circuit {
            Circuit::Excitatory => e,
            Circuit::ExcitatoryInhibitory => e - product(product(again, &self.w_ie), &self.w_ei),
            Circuit::InhibitoryNorm => {
                let s = root_mean_square(&untraced_product(constant.clone(), &self.u_ie));
                (e - self.inhibition(constant)) / s
            }
            Circuit::InhibitoryNormSubtractive | Circuit::InhibitoryNormSubtractiveVariance => {
                e - self.inhibition(constant)
            }
            Circuit::InhibitoryNormDivisive => {
                e / root_mean_square(&untraced_product(constant, &self.u_ie))
            }
        }
    }

    fn inhibition(&self, h: Dynamic<E, D>) -> Dynamic<E, D> {
        untraced_product(untraced_product(h, &self.w_ie), &self.w_ei)
    }

    /// The gradients in the form of weights; zero where none arrived.
    fn gradients(
        &self,
        circuit: Circuit,
        layer: &LayerWeights<E>,
        gradients: &Gradients<E, D>,
    ) -> LayerWeights<E> {
        let trained = circuit == Circuit::ExcitatoryInhibitory;
        let of = |w: &Dynamic<E, D>, values: &[E]| match trained {
            true => gradients.get(w).as_vec(),
            false => vec![E::default(); values.len()],
        };
        LayerWeights {
            w_ee: gradients.get(&self.w_ee).as_vec(),
            w_ie: of(&self.w_ie, &layer.w_ie),
            w_ei: of(&self.w_ei, &layer.w_ei),
            u_ie: vec![E::default(); layer.u_ie.len()],
            b: gradients.get(&self.b).as_vec(),
            ..layer.clone()
        }
    }
}

fn product<E: Dtype, D: Device<E>>(h: Traced<E, D>, w: &Dynamic<E, D>) -> Traced<E, D> {
    h.matmul(w.leaky_trace().permute::<(usize, usize), Axes2<1, 0>>())
}

fn untraced_product<E: Dtype, D: Device<E>>(h: Dynamic<E, D>, w: &Dynamic<E, D>) -> Dynamic<E, D> {
    h.matmul(w.clone().permute::<(usize, usize), Axes2<1, 0>>())
}

fn normalized<E: Dtype, D: Device<E>>(
    normalization: Normalization,
    z: Traced<E, D>,
) -> Traced<E, D> {
    let shape = *z.shape();
    match normalization {
        // Autodiff cannot know those of one pass only: they are not `DifferentiableNorm`.
        Normalization::None
        | Normalization::LayerNormBackwardOnly
        | Normalization::MeanNormBackwardOnly => z,
        Normalization::LayerNorm | Normalization::LayerNormForwardOnly => {
            z.normalize::<Axis<1>>(NORMALIZATION_EPSILON)
        }
        Normalization::MeanNorm => {
            z.retaped::<OwnedTape<E, D>>()
                - z.mean::<(usize,), Axis<1>>().broadcast_like::<_, Axis<1>>(&shape)
        }
        Normalization::DivisiveNorm => {
            z.retaped::<OwnedTape<E, D>>()
                / z.stddev::<(usize,), Axis<1>>(NORMALIZATION_EPSILON)
                    .broadcast_like::<_, Axis<1>>(&shape)
        }
    }
}

/// dfdx's gradients of `Σ error ⊙ logits`, for the network with these weights and the input `x`.
pub(super) fn autodiff<E: Dtype, D: Device<E>>(
    device: &D,
    weights: &NetworkWeights<E>,
    x: &Dynamic<E, D>,
    error: &Dynamic<E, D>,
) -> NetworkWeights<E> {
    let kinds: Vec<LayerKind> = weights.architecture.layers().map(|(_, kind)| kind).collect();
    let layers: Vec<_> =
        weights.layers().into_iter().map(|layer| Weights::new(device, layer)).collect();
    let mut h = x.leaky_trace();
    for (index, (layer, kind)) in layers.iter().zip(&kinds).enumerate() {
        h = layer.forward(kind.circuit, h);
        if index + 1 < kinds.len() {
            h = normalized(kind.normalization, h).relu();
        }
    }
    let gradients = (h * error.clone()).sum::<(), _>().backward();
    let layers = layers.iter().zip(&kinds).zip(weights.layers());
    let layers =
        layers.map(|((layer, kind), weights)| layer.gradients(kind.circuit, weights, &gradients));
    NetworkWeights::of(weights.architecture.clone(), layers.collect::<Vec<_>>())
}
