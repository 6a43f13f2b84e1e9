//! What the paper looks at inside a layer: moments, alignments, the local loss, the spectrum of
//! the error; and what becomes of the errors that it learns from.

use super::{
    batch::Batch,
    form::Form,
    lanes::{Real, dot, moments},
    passes::{grad_norm, layer_norm_backward, normalization_backward, standard_deviation},
    product::{product, rows},
};
use crate::condition::{GradNorm, Normalization};
use faer::{Accum, Mat, Side};
use num_traits::Float;
use serde::{Deserialize, Serialize};

/// What is measured in one hidden layer on one batch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LayerMeasurement {
    /// Mean over the batch of the mean of `z` over units (Fig. 3b).
    #[serde(with = "crate::nonfinite")]
    pub mean: f64,
    /// Mean over the batch of the population variance of `z` over units (Fig. 3b).
    #[serde(with = "crate::nonfinite")]
    pub variance: f64,
    /// Cosine of `relu(LN(z))` and `relu(z)` (Figs. 4b, 5b); against centering for `lateral`.
    #[serde(with = "crate::nonfinite")]
    pub output_alignment: f64,
    /// Cosine of `∂Σrelu(LN(z))/∂W_EE` and `∂Σrelu(GradNorm(z))/∂W_EE` (Figs. 4b, 5b, 6);
    /// against centering for `lateral`.
    #[serde(with = "crate::nonfinite")]
    pub gradient_alignment: f64,
    /// The I-Norm loss without its λ.
    #[serde(with = "crate::nonfinite")]
    pub inorm_loss: f64,
    /// Mean squared difference of `z̃` and `LN(e)`; only where inhibition learns to normalize.
    #[serde(with = "crate::nonfinite::option")]
    pub ln_mse: Option<f64>,
    /// Largest eigenvalue of the covariance over the batch of the error that arrives at GradNorm.
    /// `None` if that error is not finite.
    #[serde(with = "crate::nonfinite::option")]
    pub error_eigenvalue: Option<f64>,
    /// Cosine of the gradient of `W_EE` by the task, as the layer computes it, and as it would be
    /// if the error δ went back through LayerNorm's Jacobian at z instead of the layer's own
    /// normalization and GradNorm: `(δ − mean(δ) − ẑ·mean(δ⊙ẑ))/σ` with `ẑ = (z − μ)/σ`. Both are
    /// divided by s, and of the same δ: the error of the task that arrives at the layer, behind
    /// ReLU. Always against LayerNorm, for `lateral` too. `None` if that error is not finite, and
    /// where it was not measured: by earlier versions.
    #[serde(default, with = "crate::nonfinite::option")]
    pub task_alignment: Option<f64>,
    /// Of the energy of that δ, the share that all units have in common:
    /// `Σ N·mean(δ)² / Σ ‖δ‖²`, sums over the batch; 1/N by chance alone. `None` as above.
    #[serde(default, with = "crate::nonfinite::option")]
    pub common_error: Option<f64>,
    /// [The share that the mean weight has](crate::layers::LayerWeights::mean_weight_share) in
    /// `W_EE`. `None` where it was not measured: in ensembles, and by earlier versions.
    #[serde(default, with = "crate::nonfinite::option")]
    pub mean_weight_share: Option<f64>,
}

/// A hidden layer, and what it made of a batch.
pub(crate) struct Observed<'a, T> {
    pub form: &'a Form<T>,
    pub b: &'a [T],
    pub nu: &'a [T],
    pub batch: &'a Batch<T>,
}

/// Measures a hidden layer with inputs `h`, \[size, inputs\].
pub(crate) fn measure<T: Real>(layer: &Observed<'_, T>, h: &[T]) -> LayerMeasurement {
    let (z, size) = (&layer.batch.z, layer.batch.size as f64);
    let mut total = [0.0; 4];
    let mut reference = Vec::with_capacity(z.len());
    for (sample, z) in z.chunks_exact(layer.form.units).enumerate() {
        let (mean, variance) = moments(z);
        let inverse = T::one() / standard_deviation(variance);
        reference.extend(z.iter().map(|&z| (z - mean) * inverse));
        let (mean, variance) = (mean.double(), variance.double());
        let loss = mean * mean
            + if layer.form.circuit.learns_variance() {
                (variance - 1.0) * (variance - 1.0)
            } else {
                0.0
            };
        let values = [mean, variance, loss, squared_difference_to_ln(layer, sample)];
        total.iter_mut().zip(values).for_each(|(t, v)| *t += v / size);
    }
    let [mean, variance, inorm_loss, ln_mse] = total;
    let ln_mse = layer.form.circuit.learns_locally().then_some(ln_mse);
    let delta = arriving_error(layer);
    LayerMeasurement {
        mean,
        variance,
        output_alignment: output_alignment(z, &reference),
        gradient_alignment: gradient_alignment(layer, &reference, h),
        inorm_loss,
        ln_mse,
        error_eigenvalue: error_eigenvalue(layer, &delta),
        task_alignment: Some(task_alignment(layer, &delta, &reference, h))
            .filter(|x| x.is_finite()),
        common_error: Some(common_share(&delta, layer.form.units)).filter(|x| x.is_finite()),
        mean_weight_share: None,
    }
}

/// Mean over units of `(z − LN(e))²` for one sample.
fn squared_difference_to_ln<T: Real>(layer: &Observed<'_, T>, sample: usize) -> f64 {
    let Observed { form, b, batch, .. } = layer;
    let units = form.units;
    let pre_activation = &batch.pre_activation[sample * form.targets()..][..units];
    let e: Vec<T> = pre_activation.iter().zip(*b).map(|(&e, &b)| e + b).collect();
    let z = &batch.z[sample * units..][..units];
    let (mean, variance) = moments(&e);
    let inverse = T::one() / standard_deviation(variance);
    let difference = |(&z, &e): (&T, &T)| (z - (e - mean) * inverse).double().powi(2);
    z.iter().zip(&e).map(difference).sum::<f64>() / units as f64
}

fn output_alignment<T: Real>(z: &[T], reference: &[T]) -> f64 {
    let rectify = |values: &[T]| values.iter().map(|v| v.max(T::zero())).collect::<Vec<_>>();
    let (a, b) = (rectify(z), rectify(reference));
    cosine(dot(&a, &b).double(), dot(&a, &a).double(), dot(&b, &b).double())
}

/// The alignment of a probe: an error of 1 at each active unit.
fn gradient_alignment<T: Real>(layer: &Observed<'_, T>, reference: &[T], h: &[T]) -> f64 {
    let Observed { form, nu, batch, .. } = layer;
    let Batch { size, z, s, .. } = batch;
    let (units, size) = (form.units, *size);
    let open = |v: &T| if *v > T::zero() { T::one() } else { T::zero() };
    let lateral = form.grad_norm == GradNorm::Lateral && form.own_grad_norm.is_none();
    let mut ours: Vec<T> = z.iter().map(open).collect();
    let mut wanted: Vec<T> =
        if lateral { ours.clone() } else { reference.iter().map(open).collect() };
    for sample in 0..size {
        let at = sample * units..(sample + 1) * units;
        let (z, s) = (&z[at.clone()], s[sample]);
        let (ours, wanted) = (&mut ours[at.clone()], &mut wanted[at.clone()]);
        match form.own_grad_norm {
            Some(own) => own(ours, z),
            None => grad_norm(form.grad_norm, z, nu, ours),
        }
        if lateral {
            grad_norm(GradNorm::Center, z, &[], wanted);
        } else {
            let inverse = T::one() / standard_deviation(moments(z).1);
            layer_norm_backward(&reference[at], inverse, wanted);
        }
        ours.iter_mut().chain(wanted).for_each(|d| *d /= s);
    }
    cosine_of_gradients(form, &ours, &wanted, h)
}

/// The error of the task that arrives at what ReLU gets, \[size, units\].
fn arriving_error<T: Real>(layer: &Observed<'_, T>) -> Vec<T> {
    let Batch { z, normalized, error, .. } = layer.batch;
    let before_relu = if layer.form.normalization.acts_forward() { normalized } else { z };
    let open = |(&error, &z): (&T, &T)| if z > T::zero() { error } else { T::zero() };
    error.iter().zip(before_relu).map(open).collect()
}

/// See [`LayerMeasurement::task_alignment`].
fn task_alignment<T: Real>(layer: &Observed<'_, T>, delta: &[T], reference: &[T], h: &[T]) -> f64 {
    let Observed { form, nu, batch, .. } = layer;
    let (mut ours, mut wanted) = (delta.to_vec(), delta.to_vec());
    for (sample, &s) in batch.s.iter().enumerate() {
        let at = sample * form.units..(sample + 1) * form.units;
        let z = &batch.z[at.clone()];
        let plain = form.normalization == Normalization::None;
        let normalized = if plain { z } else { &batch.normalized[at.clone()] };
        let (ours, wanted) = (&mut ours[at.clone()], &mut wanted[at.clone()]);
        normalization_backward(form.normalization, z, normalized, ours);
        match form.own_grad_norm {
            Some(own) => own(ours, z),
            None => grad_norm(form.grad_norm, z, nu, ours),
        }
        let inverse = T::one() / standard_deviation(moments(z).1);
        layer_norm_backward(&reference[at], inverse, wanted);
        ours.iter_mut().chain(wanted).for_each(|d| *d /= s);
    }
    // Errors may be so large that their squares are not finite.
    for errors in [&mut ours, &mut wanted] {
        let largest = errors.iter().fold(T::zero(), |most, e| most.max(Float::abs(*e)));
        if largest > T::zero() {
            errors.iter_mut().for_each(|e| *e /= largest);
        }
    }
    cosine_of_gradients(form, &ours, &wanted, h)
}

/// See [`LayerMeasurement::common_error`].
fn common_share<T: Real>(delta: &[T], units: usize) -> f64 {
    let (mut common, mut energy) = (0.0, 0.0);
    for delta in delta.chunks_exact(units) {
        let values = delta.iter().map(|d| d.double());
        energy += values.clone().map(|d| d * d).sum::<f64>();
        common += values.sum::<f64>().powi(2);
    }
    common / (units as f64 * energy).max(f64::MIN_POSITIVE)
}

/// The cosine of two gradients of `W_EE`, each a sum over samples of an outer product of an error,
/// \[size, units\], with `h`.
///
/// `⟨AᵀH, BᵀH⟩ = Σ (ABᵀ ⊙ HHᵀ)`: sums over pairs of samples, and no gradient is formed, unless
/// there are more samples than units.
fn cosine_of_gradients<T: Real>(form: &Form<T>, ours: &[T], wanted: &[T], h: &[T]) -> f64 {
    let (units, size) = (form.units, ours.len() / form.units);
    if size > units {
        let gradient = |a: &[T]| {
            let mut out = vec![T::zero(); units * form.inputs];
            let (a, h) = (rows(a, size, units), rows(h, size, form.inputs));
            product(Accum::Replace, a.transpose(), h, &mut out, form.inputs);
            out
        };
        let (ours, wanted) = (gradient(ours), gradient(wanted));
        let inner = |a: &[T], b: &[T]| dot(a, b).double();
        return cosine(inner(&ours, &wanted), inner(&ours, &ours), inner(&wanted, &wanted));
    }
    let gram = |a: &[T], b: &[T], width: usize| {
        let mut out = vec![T::zero(); size * size];
        let (a, b) = (rows(a, size, width), rows(b, size, width));
        product(Accum::Replace, a, b.transpose(), &mut out, size);
        out
    };
    let inputs = gram(h, h, form.inputs);
    let inner = |a: &[T], b: &[T]| dot(&gram(a, b, units), &inputs).double();
    cosine(inner(ours, wanted), inner(ours, ours), inner(wanted, wanted))
}

fn cosine(inner: f64, a: f64, b: f64) -> f64 {
    inner / (a.sqrt() * b.sqrt()).max(f64::MIN_POSITIVE)
}

/// The largest eigenvalue of the covariance of δ, \[size, units\], the error that arrives at
/// GradNorm.
///
/// With δ centered over the batch, `δᵀδ/size` and `δδᵀ/size` share their largest eigenvalue: the
/// first has a row for each unit, the second one for each sample, and the smaller is made.
fn error_eigenvalue<T: Real>(layer: &Observed<'_, T>, delta: &[T]) -> Option<f64> {
    let (units, size) = (layer.form.units, layer.batch.size);
    let mut delta: Vec<f64> = delta.iter().map(|d| d.double()).collect();
    if delta.iter().any(|d| !d.is_finite()) {
        return None;
    }
    for unit in 0..units {
        let mean = (0..size).map(|s| delta[s * units + unit]).sum::<f64>() / size as f64;
        (0..size).for_each(|s| delta[s * units + unit] -= mean);
    }
    let delta = rows(&delta, size, units);
    let delta = if size > units { delta.transpose() } else { delta };
    let order = delta.nrows();
    let mut gram = vec![0.0; order * order];
    product(Accum::Replace, delta, delta.transpose(), &mut gram, order);
    let gram = Mat::from_fn(order, order, |i, j| gram[i * order + j] / size as f64);
    let eigenvalues = gram.self_adjoint_eigenvalues(Side::Lower);
    eigenvalues.ok()?.last().copied()
}
