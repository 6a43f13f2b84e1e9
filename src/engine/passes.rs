//! Everything between the matrix products, one sample at a time.
//!
//! The functions are inlined into a caller that has chosen the machine's vector instructions.

use super::{
    batch::Batch,
    form::Form,
    lanes::{Real, dot, moments, sum, sum_of},
};
use crate::{
    condition::{Circuit, GradNorm, Normalization},
    learning_rule::NORMALIZATION_EPSILON,
};
use num_traits::Float;

/// From pre-activation and inhibition to `s`, `z`, normalized z and activity.
pub(super) struct ForwardPass<'a, T> {
    pub form: &'a Form<T>,
    pub b: &'a [T],
    pub batch: &'a mut Batch<T>,
}

impl<T: Real> pulp::NullaryFnOnce for ForwardPass<'_, T> {
    type Output = ();

    #[inline(always)] // a closure of this size would not be
    fn call(self) {
        forward(self.form, self.b, self.batch);
    }
}

/// From the error of the activity to the errors of the pre-activations and of the inhibition.
pub(super) struct BackwardPass<'a, T> {
    pub form: &'a Form<T>,
    pub nu: &'a [T],
    pub batch: &'a mut Batch<T>,
    /// λ, the weight of the local loss.
    pub lambda: T,
}

impl<T: Real> pulp::NullaryFnOnce for BackwardPass<'_, T> {
    type Output = ();

    #[inline(always)] // as above
    fn call(self) {
        backward(self.form, self.nu, self.batch, self.lambda);
    }
}

#[inline(always)]
fn forward<T: Real>(form: &Form<T>, b: &[T], batch: &mut Batch<T>) {
    let Form { units, inhibitory, circuit, normalization, rectified: rectifies, .. } = *form;
    let targets = form.targets();
    let Batch { size, pre_activation, inhibition, z, normalized, activity, s, .. } = batch;
    for sample in 0..*size {
        let pre_activation = &pre_activation[sample * targets..][..targets];
        let at = sample * units..(sample + 1) * units;
        s[sample] = T::one();
        if circuit.divides() {
            let q = &pre_activation[units + inhibitory..];
            s[sample] = match form.autocast {
                true => half_deviation(q),
                false => standard_deviation(dot(q, q) / T::of(units as f64)),
            };
        }
        let inverse = T::one() / s[sample];
        let z = &mut z[at.clone()];
        let excited = z.iter_mut().zip(pre_activation).zip(b);
        if inhibitory > 0 {
            let inhibited = excited.zip(&inhibition[at.clone()]);
            inhibited.for_each(|(((z, &e), &b), &i)| *z = (e + b - i) * inverse);
        } else {
            excited.for_each(|((z, &e), &b)| *z = (e + b) * inverse);
        }
        let activity = &mut activity[at.clone()];
        let z = if normalization == Normalization::None {
            &*z
        } else {
            let normalized = &mut normalized[at];
            normalize(normalization, z, normalized);
            if normalization.acts_forward() { &*normalized } else { &*z }
        };
        if rectifies {
            activity.iter_mut().zip(z).for_each(|(a, &z)| *a = rectified(z));
        } else {
            activity.copy_from_slice(z);
        }
    }
}

/// `max(0, x)`, exactly, but NaN stays NaN: a network that diverges must not look silent.
///
/// Written without a condition: as one, it becomes a masked store, which is many times slower.
#[inline(always)]
pub(super) fn rectified<T: Real>(x: T) -> T {
    (x + Float::abs(x)) * T::of(0.5)
}

/// √(variance + ε), or likewise of a second moment.
#[inline(always)]
pub(super) fn standard_deviation<T: Real>(variance: T) -> T {
    (variance + T::of(NORMALIZATION_EPSILON)).sqrt()
}

/// s from `q = h U_IEᵀ` under fp16 autocast.
#[inline(always)]
fn half_deviation<T: Real>(q: &[T]) -> T {
    let share = T::of(1.0 / q.len() as f64).half();
    let moment = sum_of(q, q, |a, b| (a * b).half() * share);
    (moment.half() + T::of(NORMALIZATION_EPSILON)).half().sqrt().half()
}

#[inline(always)]
fn normalize<T: Real>(normalization: Normalization, z: &[T], normalized: &mut [T]) {
    let (mean, variance) = moments(z);
    let inverse = T::one() / standard_deviation(variance);
    let (shift, scale) = match normalization {
        Normalization::None => (T::zero(), T::one()),
        Normalization::LayerNorm
        | Normalization::LayerNormForwardOnly
        | Normalization::LayerNormBackwardOnly => (mean, inverse),
        Normalization::MeanNorm | Normalization::MeanNormBackwardOnly => (mean, T::one()),
        Normalization::DivisiveNorm => (T::zero(), inverse),
    };
    normalized.iter_mut().zip(z).for_each(|(n, &z)| *n = (z - shift) * scale);
}

/// What `W_IE`'s units receive is left to a matrix product of the caller.
#[inline(always)]
fn backward<T: Real>(form: &Form<T>, nu: &[T], batch: &mut Batch<T>, lambda: T) {
    let Form { units, inhibitory, normalization, .. } = *form;
    let targets = form.targets();
    let Batch { size, pre_activation, inhibition, z, normalized, s, error, delta, .. } = batch;
    let size = *size;
    let local = lambda / T::of((size * units) as f64);
    for sample in 0..size {
        let at = sample * units..(sample + 1) * units;
        let z = &z[at.clone()];
        let normalized =
            if normalization == Normalization::None { z } else { &normalized[at.clone()] };
        let (delta, inhibitory_delta) = delta[sample * targets..][..targets].split_at_mut(units);
        if form.rectified {
            let before_relu = if normalization.acts_forward() { normalized } else { z };
            for ((d, &error), &z) in delta.iter_mut().zip(&error[at.clone()]).zip(before_relu) {
                *d = if z > T::zero() { error } else { T::zero() };
            }
        } else {
            delta.copy_from_slice(&error[at.clone()]);
        }
        normalization_backward(normalization, z, normalized, delta);
        match form.own_grad_norm {
            Some(own) => own(delta, z),
            None if form.grad_norm == GradNorm::None => {}
            None => grad_norm(form.grad_norm, z, nu, delta),
        }
        if form.circuit == Circuit::Excitatory {
            continue;
        }
        let inhibition = &mut inhibition[at];
        match form.circuit {
            Circuit::Excitatory => {}
            Circuit::ExcitatoryInhibitory => {
                inhibition.iter_mut().zip(&*delta).for_each(|(i, &d)| *i = -d);
            }
            Circuit::InhibitoryNorm | Circuit::InhibitoryNormDivisive => {
                let inverse = T::one() / s[sample];
                delta.iter_mut().for_each(|d| *d *= inverse);
                let q = &pre_activation[sample * targets + units + inhibitory..][..units];
                let u_delta = &mut inhibitory_delta[inhibitory..];
                normalizing_error(z, local, inverse, inhibition);
                divisive_error(inhibition, z, inverse, q, u_delta);
                if form.autocast {
                    half_divisive_error(inhibition, z, s[sample], q, u_delta);
                }
            }
            Circuit::InhibitoryNormSubtractive => {
                let pull = -(local + local) * (sum(z) / T::of(units as f64));
                inhibition.fill(pull);
            }
            Circuit::InhibitoryNormSubtractiveVariance => {
                normalizing_error(z, local, T::one(), inhibition);
            }
        }
    }
}

/// The exact Jacobian of the normalization, or the identity where only the forward pass has it.
#[inline(always)]
pub(super) fn normalization_backward<T: Real>(
    normalization: Normalization,
    z: &[T],
    normalized: &[T],
    delta: &mut [T],
) {
    let n = T::of(delta.len() as f64);
    match normalization {
        Normalization::None | Normalization::LayerNormForwardOnly => {}
        Normalization::LayerNorm | Normalization::LayerNormBackwardOnly => {
            let inverse = T::one() / standard_deviation(moments(z).1);
            layer_norm_backward(normalized, inverse, delta);
        }
        Normalization::MeanNorm | Normalization::MeanNormBackwardOnly => {
            let mean = sum(delta) / n;
            delta.iter_mut().for_each(|d| *d -= mean);
        }
        Normalization::DivisiveNorm => {
            let (mean, variance) = moments(z);
            let inverse = T::one() / standard_deviation(variance);
            let correlation = dot(delta, normalized) / n;
            for (d, &z) in delta.iter_mut().zip(z) {
                *d = (*d - correlation * (z - mean) * inverse) * inverse;
            }
        }
    }
}

/// `δ ← (δ − mean(δ) − z·mean(δ⊙z)) · inverse`.
#[inline(always)]
pub(super) fn layer_norm_backward<T: Real>(z: &[T], inverse: T, delta: &mut [T]) {
    let n = T::of(delta.len() as f64);
    let (mean, correlation) = (sum(delta) / n, dot(delta, z) / n);
    for (d, &z) in delta.iter_mut().zip(z) {
        *d = (*d - mean - z * correlation) * inverse;
    }
}

/// GradNorm: the identity in the forward pass, this in the backward pass.
#[inline(always)]
pub(super) fn grad_norm<T: Real>(mode: GradNorm, z: &[T], nu: &[T], delta: &mut [T]) {
    let n = T::of(delta.len() as f64);
    match mode {
        GradNorm::None => {}
        GradNorm::Full => {
            let inverse = T::one() / standard_deviation(moments(z).1);
            layer_norm_backward(z, inverse, delta);
        }
        GradNorm::Center => {
            let mean = sum(delta) / n;
            delta.iter_mut().for_each(|d| *d -= mean);
        }
        GradNorm::Lateral => {
            let inhibition = dot(delta, nu);
            delta.iter_mut().for_each(|d| *d -= inhibition);
        }
        GradNorm::Scale => {
            let inverse = T::one() / standard_deviation(moments(z).1);
            delta.iter_mut().for_each(|d| *d *= inverse);
        }
        GradNorm::Decorrelate => {
            let correlation = dot(delta, z) / n;
            delta.iter_mut().zip(z).for_each(|(d, &z)| *d -= z * correlation);
        }
        GradNorm::FullCentred => {
            let (mean_z, variance) = moments(z);
            let inverse = T::one() / standard_deviation(variance);
            let mean = sum(delta) / n;
            let correlation = sum_of(delta, z, |d, z| d * (z - mean_z)) / n * inverse * inverse;
            for (d, &z) in delta.iter_mut().zip(z) {
                *d = (*d - mean - (z - mean_z) * correlation) * inverse;
            }
        }
        GradNorm::DecorrelateCentred => {
            let mean_z = sum(z) / n;
            let correlation = sum_of(delta, z, |d, z| d * (z - mean_z)) / n;
            delta.iter_mut().zip(z).for_each(|(d, &z)| *d -= (z - mean_z) * correlation);
        }
        GradNorm::Own => panic!("a rule of one's own has to be given: Engine::set_grad_norm"),
    }
}

/// The gradient of the local loss `λ·mean_batch[mean(z)² + (var(z) − 1)²]`.
///
/// Writes `∂/∂i` to `inhibition`. `local` is λ over batch size times units, `inverse` is 1/s.
#[inline(always)]
fn normalizing_error<T: Real>(z: &[T], local: T, inverse: T, inhibition: &mut [T]) {
    let (mean, variance) = moments(z);
    let two = T::of(2.0);
    let (push, pull) = (two * local * mean, two * two * local * (variance - T::one()));
    for (i, &z) in inhibition.iter_mut().zip(z) {
        *i = -(push + pull * (z - mean)) * inverse;
    }
}

/// The same by `q = h U_IEᵀ`, from what [`normalizing_error`] leaves in `inhibition`: `∂/∂q` goes to
/// `u_delta`.
#[inline(always)]
fn divisive_error<T: Real>(inhibition: &[T], z: &[T], inverse: T, q: &[T], u_delta: &mut [T]) {
    // ∂/∂s = Σ ∂/∂z · (−z/s), and ∂/∂i is already ∂/∂z · (−1/s).
    let scale = dot(inhibition, z) * inverse / T::of(z.len() as f64);
    u_delta.iter_mut().zip(q).for_each(|(u, &q)| *u = scale * q);
}

/// The error of `q` under fp16 autocast: there s is as many numbers as there are units, and an error
/// goes back through each. `inhibition` is as [`normalizing_error`] leaves it.
#[inline(always)]
fn half_divisive_error<T: Real>(inhibition: &[T], z: &[T], s: T, q: &[T], u_delta: &mut [T]) {
    let (share, twice) = (T::of(1.0 / q.len() as f64).half(), s + s);
    let error = |i: T, z: T| ((i * z).half() / twice).half() * share;
    let sum = sum_of(inhibition, z, error).half();
    let both = sum + sum;
    u_delta.iter_mut().zip(q).for_each(|(u, &q)| *u = both * q);
}
