//! I-Norm without subtraction.

use super::{
    ei::Readout,
    error_rule::{GradNormRule, OwnRule, Raw},
    inorm::normalizing_gradient,
    layer::{Differentiable, Layer, nu_values},
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

/// A layer with divisive inhibition that learns, locally, to normalize z: I-Norm without
/// subtraction, `z = e/s` with `e = h W_EEᵀ + b` and `s = √(mean((h U_IEᵀ)²) + ε)`.
///
/// It begins as [`INorm`](super::INorm) does: s is the standard deviation of e, so that at first,
/// with `b = 0`, z is the LayerNorm of e but for the mean, which stays.
///
/// Paper: none; it is in the authors' revised code. Differs: see
/// [`deviations`](crate::deviations).
///
/// # Gradient
/// As [`INorm`](super::INorm) with i = 0. The local loss is the same, and trains `U_IE`.
#[derive(Clone)]
pub struct INormDiv<
    const IN: usize,
    const EXC: usize,
    G: GradNormRule = Raw,
    E: Dtype = f32,
    D: Backend<E> = AutoDevice,
> {
    /// Excitatory to excitatory, ≥ 0.
    pub w_ee: Matrix<EXC, IN, E, D>,
    /// Excitatory to divisive inhibitory, of any sign.
    pub u_ie: Matrix<EXC, IN, E, D>,
    /// Bias.
    pub b: Vector<EXC, E, D>,
    /// The fixed ν of lateral inhibition; zero where no GradNorm needs it.
    pub nu: Vector<EXC, E, D>,
    grad_norm: PhantomData<G>,
}

impl<const IN: usize, const EXC: usize, G: GradNormRule, E: Dtype, D: Backend<E>> Layer<E, D>
    for INormDiv<IN, EXC, G, E, D>
{
    type In = Const<IN>;
    type Out = Const<EXC>;
    type Normalization = NoNorm;
    type Readout<const OUT: usize> = Readout<EXC, OUT, E, D>;
    /// The input h; and the divisive input `q = h U_IEᵀ`, s and z, each of them for each unit.
    type Memory<B: Dim> = (Batch<B, IN, E, D>, [Batch<B, EXC, E, D>; 3]);

    const KIND: LayerKind = LayerKind {
        circuit: Circuit::InhibitoryNormDivisive,
        normalization: Normalization::None,
        grad_norm: G::KIND,
        units: EXC,
        inhibitory: 0,
        own: false,
    };
    const OWN: Option<OwnRule> = G::OWN;
    const FUSED: bool = true;

    fn from_weights(weights: &LayerWeights<E>) -> Self {
        const { assert!(EXC > 1, "a layer has at least two excitatory units") }
        let [w_ee, _, _, u_ie, b, nu] = D::hold_layer(weights);
        Self {
            w_ee: Shaped::from_held(w_ee),
            u_ie: Shaped::from_held(u_ie),
            b: Shaped::from_held(b),
            nu: Shaped::from_held(nu),
            grad_norm: PhantomData,
        }
    }

    fn weights(&self) -> LayerWeights<E> {
        LayerWeights {
            inputs: IN,
            excitatory: EXC,
            w_ee: self.w_ee.as_vec(),
            u_ie: self.u_ie.as_vec(),
            b: self.b.as_vec(),
            nu: nu_values::<G, EXC, E, D>(&self.nu),
            ..LayerWeights::default()
        }
    }

    fn forward<B: Dim>(&self, h: &Batch<B, IN, E, D>) -> (Batch<B, EXC, E, D>, Self::Memory<B>) {
        let e = pre_activation(h, &self.w_ee).plus(&self.b);
        let q = pre_activation(h, &self.u_ie);
        let s = q.root_mean_square();
        let z = e / s.clone();
        (z.clone(), (h.clone(), [q, s, z]))
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
        (h, [q, s, z]): &Self::Memory<B>,
        lambda: f64,
    ) -> (Batch<B, IN, E, D>, Self) {
        // The task's error: s is a constant for it.
        let delta_e = self.passed_on(delta, z) / s.clone();
        // The local loss: h and e are constants for it.
        let g_s = -(normalizing_gradient(z, lambda) * z.clone()).mean() / s.clone();
        let gradients = Self {
            w_ee: weight_gradient(&delta_e, h),
            u_ie: weight_gradient(&(g_s * q.clone() / s.clone()), h),
            b: delta_e.sum_of_samples(),
            nu: self.nu.clone(),
            grad_norm: PhantomData,
        };
        (delta_e.matmul(&self.w_ee), gradients)
    }
}

impl<const IN: usize, const EXC: usize, E: Dtype, D: Backend<E>> Differentiable
    for INormDiv<IN, EXC, Raw, E, D>
{
}
