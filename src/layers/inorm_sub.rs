//! I-Norm without division.

use super::{
    ei::Readout,
    error_rule::{GradNormRule, OwnRule, Raw},
    layer::{Differentiable, Layer, assert_minority, nu_values},
    normalization::NoNorm,
    shaped::{Backend, Batch, Matrix, Shaped, Vector, pre_activation, weight_gradient},
    weights::LayerWeights,
};
use crate::{
    architecture::LayerKind,
    condition::{Circuit, Normalization},
};
use dfdx::{
    shapes::{Const, Dim, Dtype},
    tensor::AutoDevice,
};
use std::marker::PhantomData;

/// A layer with subtractive inhibition that learns, locally, to center z: I-Norm without division,
/// `z = h W_EEᵀ − r W_EIᵀ + b` with `r = h W_IEᵀ`.
///
/// Paper: Fig. 3, "I-Norm (sub)". Differs: no.
///
/// # Gradient
/// As [`INorm`](super::INorm) with s = 1. The local loss is `λ·mean_batch[mean(z)²]`; it trains
/// `W_IE` and `W_EI`.
#[derive(Clone)]
pub struct INormSub<
    const IN: usize,
    const EXC: usize,
    const INH: usize,
    G: GradNormRule = Raw,
    E: Dtype = f32,
    D: Backend<E> = AutoDevice,
> {
    /// Excitatory to excitatory, ≥ 0.
    pub w_ee: Matrix<EXC, IN, E, D>,
    /// Excitatory to inhibitory, ≥ 0.
    pub w_ie: Matrix<INH, IN, E, D>,
    /// Inhibitory to excitatory, ≥ 0; it enters with a minus.
    pub w_ei: Matrix<EXC, INH, E, D>,
    /// Bias.
    pub b: Vector<EXC, E, D>,
    /// The fixed ν of lateral inhibition; zero where no GradNorm needs it.
    pub nu: Vector<EXC, E, D>,
    grad_norm: PhantomData<G>,
}

impl<const IN: usize, const EXC: usize, const INH: usize, G: GradNormRule, E: Dtype, D: Backend<E>>
    Layer<E, D> for INormSub<IN, EXC, INH, G, E, D>
{
    type In = Const<IN>;
    type Out = Const<EXC>;
    type Normalization = NoNorm;
    type Readout<const OUT: usize> = Readout<EXC, OUT, E, D>;
    /// The input h, the inhibitory activity r, and z.
    type Memory<B: Dim> = (Batch<B, IN, E, D>, Batch<B, INH, E, D>, Batch<B, EXC, E, D>);

    const KIND: LayerKind = LayerKind {
        circuit: Circuit::InhibitoryNormSubtractive,
        normalization: Normalization::None,
        grad_norm: G::KIND,
        units: EXC,
        inhibitory: INH,
        own: false,
    };
    const OWN: Option<OwnRule> = G::OWN;
    const FUSED: bool = true;

    fn from_weights(weights: &LayerWeights<E>) -> Self {
        const { assert_minority(INH, EXC) }
        let [w_ee, w_ie, w_ei, _, b, nu] = D::hold_layer(weights);
        Self {
            w_ee: Shaped::from_held(w_ee),
            w_ie: Shaped::from_held(w_ie),
            w_ei: Shaped::from_held(w_ei),
            b: Shaped::from_held(b),
            nu: Shaped::from_held(nu),
            grad_norm: PhantomData,
        }
    }

    fn weights(&self) -> LayerWeights<E> {
        LayerWeights {
            inputs: IN,
            excitatory: EXC,
            inhibitory: INH,
            w_ee: self.w_ee.as_vec(),
            w_ie: self.w_ie.as_vec(),
            w_ei: self.w_ei.as_vec(),
            u_ie: Vec::new(),
            b: self.b.as_vec(),
            nu: nu_values::<G, EXC, E, D>(&self.nu),
        }
    }

    fn forward<B: Dim>(&self, h: &Batch<B, IN, E, D>) -> (Batch<B, EXC, E, D>, Self::Memory<B>) {
        let e = pre_activation(h, &self.w_ee);
        let r = pre_activation(h, &self.w_ie);
        let z = (e - pre_activation(&r, &self.w_ei)).plus(&self.b);
        (z.clone(), (h.clone(), r, z))
    }

    fn passed_on<B: Dim>(
        &self,
        delta: &Batch<B, EXC, E, D>,
        z: &Batch<B, EXC, E, D>,
    ) -> Batch<B, EXC, E, D> {
        G::pass_back(delta, z, &self.nu)
    }

    fn backward<B: Dim>(
        &self,
        delta: &Batch<B, EXC, E, D>,
        (h, r, z): &Self::Memory<B>,
        lambda: f64,
    ) -> (Batch<B, IN, E, D>, Self) {
        // The task's error: the inhibition i is a constant for it.
        let delta_e = self.passed_on(delta, z);
        // The local loss, by i: h and e are constants for it.
        let per_value = lambda / (z.sizes()[0] * EXC) as f64;
        let delta_i = z.mean() * (-2.0 * per_value);
        let rho = delta_i.matmul(&self.w_ei);
        let gradients = Self {
            w_ee: weight_gradient(&delta_e, h),
            w_ie: weight_gradient(&rho, h),
            w_ei: weight_gradient(&delta_i, r),
            b: delta_e.sum_of_samples(),
            nu: self.nu.clone(),
            grad_norm: PhantomData,
        };
        (delta_e.matmul(&self.w_ee), gradients)
    }
}

impl<const IN: usize, const EXC: usize, const INH: usize, E: Dtype, D: Backend<E>> Differentiable
    for INormSub<IN, EXC, INH, Raw, E, D>
{
}
