//! I-Norm: inhibition that learns, locally, to normalize the activity of its layer.

use super::{
    grad_norm::grad_norm,
    layer::{Layer, LocalRule, pre_activation, tensor, weight_gradient},
    moments::{mean, root_mean_square},
    weights::LayerWeights,
};
use crate::{
    condition::Circuit,
    shapes::{Backend, Batch, Matrix, Vector, constant},
};
use dfdx::{
    shapes::{Axis, Dim, Dtype, HasShape},
    tensor::AutoDevice,
    tensor_ops::{BroadcastTo, SumTo, TryMatMul},
};

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
#[derive(Debug, Clone)]
pub struct INormLayer<
    const IN: usize,
    const EXC: usize,
    const INH: usize,
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
}

impl<const IN: usize, const EXC: usize, const INH: usize, E: Dtype, D: Backend<E>>
    Layer<IN, EXC, E, D> for INormLayer<IN, EXC, INH, E, D>
{
    /// The input h; and the divisive input `q = h U_IEᵀ`, s and z, each of them for each unit.
    type Memory<B: Dim> = (Batch<B, IN, E, D>, [Batch<B, EXC, E, D>; 3]);

    const CIRCUIT: Circuit = Circuit::InhibitoryNorm;

    const INHIBITORY: usize = INH;

    fn from_weights(weights: &LayerWeights<E>, device: &D) -> Self {
        const { assert!(INH > 0 && INH < EXC, "inhibition is a minority") }
        Self {
            w_ee: tensor(device, &weights.w_ee),
            w_ie: tensor(device, &weights.w_ie),
            w_ei: tensor(device, &weights.w_ei),
            u_ie: tensor(device, &weights.u_ie),
            b: tensor(device, &weights.b),
            nu: nu_tensor(weights, device),
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
            nu: nu_values(&self.nu),
        }
    }

    fn forward<B: Dim>(&self, h: &Batch<B, IN, E, D>) -> (Batch<B, EXC, E, D>, Self::Memory<B>) {
        let e = pre_activation(h, &self.w_ee);
        let e = e.clone() + self.b.clone().broadcast_like(e.shape());
        let i = pre_activation(&pre_activation(h, &self.w_ie), &self.w_ei);
        let q = pre_activation(h, &self.u_ie);
        let s = root_mean_square(&q);
        let z = (e - i) / s.clone();
        (z.clone(), (h.clone(), [q, s, z]))
    }

    fn backward<B: Dim>(
        &self,
        delta: &Batch<B, EXC, E, D>,
        (h, [q, s, z]): &Self::Memory<B>,
        LocalRule { grad_norm: mode, lambda }: LocalRule,
    ) -> (Batch<B, IN, E, D>, Self) {
        // The task's error: i and s are constants for it.
        let delta_e = grad_norm(mode, delta, z, &self.nu) / s.clone();
        // The local loss: h and e are constants for it.
        let g = normalizing_gradient(z, lambda);
        let g_i = -g.clone() / s.clone();
        let g_s = -mean(&(g * z.clone())) / s.clone();
        let gradients = Self {
            w_ee: weight_gradient(&delta_e, h),
            w_ie: weight_gradient(&g_i.matmul(self.w_ei.clone()), h),
            w_ei: h.device().zeros(),
            u_ie: weight_gradient(&(g_s * q.clone() / s.clone()), h),
            b: delta_e.clone().sum::<_, Axis<0>>(),
            nu: self.nu.clone(),
        };
        (delta_e.matmul(self.w_ee.clone()), gradients)
    }
}

/// `∂/∂z` of `λ·mean_batch[mean(z)² + (var(z) − 1)²]`.
fn normalizing_gradient<B: Dim, const N: usize, E: Dtype, D: Backend<E>>(
    z: &Batch<B, N, E, D>,
    lambda: f64,
) -> Batch<B, N, E, D> {
    let centred = z.clone() - mean(z);
    let excess = mean(&centred.clone().square()) - constant::<E>(1.0);
    let per_value = lambda / (z.shape().0.size() * N) as f64;
    mean(z) * constant::<E>(2.0 * per_value) + excess * centred * constant::<E>(4.0 * per_value)
}

fn nu_tensor<const N: usize, E: Dtype, D: Backend<E>>(
    weights: &LayerWeights<E>,
    device: &D,
) -> Vector<N, E, D> {
    if weights.nu.is_empty() { device.zeros() } else { tensor(device, &weights.nu) }
}

fn nu_values<const N: usize, E: Dtype, D: Backend<E>>(nu: &Vector<N, E, D>) -> Vec<E> {
    let values = nu.as_vec();
    if values.iter().all(|v| *v == E::default()) { Vec::new() } else { values }
}
