//! I-Norm: inhibition that learns, locally, to normalize the activity of its layer.

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

/// A layer with subtractive and divisive inhibition:
///
/// ```text
/// e = h W_EEᵀ + b                     excitatory input
/// i = r W_EIᵀ,  r = h W_IEᵀ           subtractive inhibition
/// s = √(mean((h U_IEᵀ)²) + ε)         divisive inhibition, one number a sample
/// z = (e − i) / s
/// ```
///
/// At initialization, with `b = 0`, z *is* the LayerNorm of e.
///
/// Paper: Figs. 3 to 7. Differs: no.
///
/// # Gradient
/// For the task, i and s are constants: with δ after GradNorm and `δ_e = δ/s`,
/// `∂L/∂W_EE = δ_eᵀ h`, `∂L/∂b = Σ δ_e`, `∂L/∂h = δ_e W_EE`. Inhibition learns from the local
/// loss `λ·mean_batch[mean(z)² + (var(z) − 1)²]`, for which h and e are constants; it trains
/// `W_IE` and `U_IE`. `W_EI` is frozen.
///
/// # What does not compile
/// LayerNorm, which is for layers that do not learn it: "`LayerNorm` is no rule for errors".
/// ```
/// # use inorm::layers::{Full, INorm, LayerNorm};
/// fn fits(_: INorm<36, 20, 2, Full>) {}
/// ```
/// ```compile_fail
/// # use inorm::layers::{Full, INorm, LayerNorm};
/// fn fits(_: INorm<36, 20, 2, LayerNorm>) {}
/// ```
#[derive(Clone)]
pub struct INorm<
    const IN: usize,
    const EXC: usize,
    const INH: usize,
    G: GradNormRule = Raw,
    E: Dtype = f32,
    D: Backend<E> = AutoDevice,
> {
    /// Excitatory to excitatory, ≥ 0.
    pub w_ee: Matrix<EXC, IN, E, D>,
    /// Excitatory to subtractive inhibitory, ≥ 0.
    pub w_ie: Matrix<INH, IN, E, D>,
    /// Subtractive inhibitory to excitatory, ≥ 0, frozen; it enters with a minus.
    pub w_ei: Matrix<EXC, INH, E, D>,
    /// Excitatory to divisive inhibitory, of any sign.
    pub u_ie: Matrix<EXC, IN, E, D>,
    /// Bias.
    pub b: Vector<EXC, E, D>,
    /// The fixed ν of lateral inhibition; zero where no GradNorm needs it.
    pub nu: Vector<EXC, E, D>,
    grad_norm: PhantomData<G>,
}

impl<const IN: usize, const EXC: usize, const INH: usize, G: GradNormRule, E: Dtype, D: Backend<E>>
    Layer<E, D> for INorm<IN, EXC, INH, G, E, D>
{
    type In = Const<IN>;
    type Out = Const<EXC>;
    type Normalization = NoNorm;
    type Readout<const OUT: usize> = Readout<EXC, OUT, E, D>;
    /// The input h; and the divisive input `q = h U_IEᵀ`, s and z, each of them for each unit.
    type Memory<B: Dim> = (Batch<B, IN, E, D>, [Batch<B, EXC, E, D>; 3]);

    const KIND: LayerKind = LayerKind {
        circuit: Circuit::InhibitoryNorm,
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
        let [w_ee, w_ie, w_ei, u_ie, b, nu] = D::hold_layer(weights);
        Self {
            w_ee: Shaped::from_held(w_ee),
            w_ie: Shaped::from_held(w_ie),
            w_ei: Shaped::from_held(w_ei),
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
            inhibitory: INH,
            w_ee: self.w_ee.as_vec(),
            w_ie: self.w_ie.as_vec(),
            w_ei: self.w_ei.as_vec(),
            u_ie: self.u_ie.as_vec(),
            b: self.b.as_vec(),
            nu: nu_values::<G, EXC, E, D>(&self.nu),
        }
    }

    fn forward<B: Dim>(&self, h: &Batch<B, IN, E, D>) -> (Batch<B, EXC, E, D>, Self::Memory<B>) {
        let e = pre_activation(h, &self.w_ee).plus(&self.b);
        let i = pre_activation(&pre_activation(h, &self.w_ie), &self.w_ei);
        let q = pre_activation(h, &self.u_ie);
        let s = q.root_mean_square();
        let z = (e - i) / s.clone();
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
        // The task's error: i and s are constants for it.
        let delta_e = self.passed_on(delta, z) / s.clone();
        // The local loss: h and e are constants for it.
        let g = normalizing_gradient(z, lambda);
        let g_i = -g.clone() / s.clone();
        let g_s = -(g * z.clone()).mean() / s.clone();
        let gradients = Self {
            w_ee: weight_gradient(&delta_e, h),
            w_ie: weight_gradient(&g_i.matmul(&self.w_ei), h),
            w_ei: Shaped::new(vec![E::default(); EXC * INH]),
            u_ie: weight_gradient(&(g_s * q.clone() / s.clone()), h),
            b: delta_e.sum_of_samples(),
            nu: self.nu.clone(),
            grad_norm: PhantomData,
        };
        (delta_e.matmul(&self.w_ee), gradients)
    }
}

impl<const IN: usize, const EXC: usize, const INH: usize, E: Dtype, D: Backend<E>> Differentiable
    for INorm<IN, EXC, INH, Raw, E, D>
{
}

/// `∂/∂z` of `λ·mean_batch[mean(z)² + (var(z) − 1)²]`.
pub(super) fn normalizing_gradient<B: Dim, const N: usize, E: Dtype, D: Backend<E>>(
    z: &Batch<B, N, E, D>,
    lambda: f64,
) -> Batch<B, N, E, D> {
    let centred = z.clone() - z.mean();
    let excess = centred.square().mean() + -1.0;
    let per_value = lambda / (z.sizes()[0] * N) as f64;
    z.mean() * (2.0 * per_value) + excess * centred * (4.0 * per_value)
}
