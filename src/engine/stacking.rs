//! The matrices that receive the same input, as one.

use super::{form::Form, lanes::Real};
use crate::{condition::GradNorm, layers::LayerWeights};

/// A number for each weight: the weights themselves, their gradients, or their velocities.
///
/// `W_EE`, `W_IE` and `U_IE` all receive the same input, so they are blocks of one matrix: one
/// product computes all pre-activations, one computes all gradients. It is stored input by input,
/// because both products then run over it without rearranging it first.
#[derive(Clone, Default)]
pub(super) struct Parameters<T> {
    /// `[W_EE; W_IE; U_IE]ᵀ`, \[inputs, targets\].
    pub matrix: Vec<T>,
    /// \[units, inhibitory\]
    pub w_ei: Vec<T>,
    pub b: Vec<T>,
}

impl<T: Real> Parameters<T> {
    pub fn new(weights: &LayerWeights<T>, form: &Form<T>) -> Self {
        let (w_ei, b) = (weights.w_ei.clone(), weights.b.clone());
        Self { matrix: stack(weights, form), w_ei, b }
    }

    /// As many zeros.
    pub fn zeros(&self) -> Self {
        let zeros = |values: &[T]| vec![T::zero(); values.len()];
        Self { matrix: zeros(&self.matrix), w_ei: zeros(&self.w_ei), b: zeros(&self.b) }
    }

    pub fn named(&self, form: &Form<T>, nu: Vec<T>) -> LayerWeights<T> {
        unstack(form, &self.matrix, form.targets(), self.w_ei.clone(), self.b.clone(), nu)
    }
}

/// `[W_EE; W_IE; U_IE]ᵀ`, \[inputs, units + inhibitory (+ units)\].
///
/// # Panics
/// If these are not the weights of a layer of this form.
pub(crate) fn stack<T: Real>(weights: &LayerWeights<T>, form: &Form<T>) -> Vec<T> {
    let LayerWeights { w_ee, w_ie, u_ie, .. } = weights;
    let stacked = [&w_ee[..], w_ie, u_ie].concat();
    let (inputs, units) = (form.inputs, form.units);
    assert_eq!(stacked.len(), form.targets() * inputs, "weights do not fit their circuit");
    assert_eq!((weights.w_ei.len(), weights.b.len()), (units * form.inhibitory, units));
    // Transposed.
    (0..inputs).flat_map(|input| stacked.iter().skip(input).step_by(inputs).copied()).collect()
}

/// The ν of a layer of this form.
///
/// # Panics
/// If the layer needs one and has none.
pub(crate) fn nu_of<T: Real>(weights: &LayerWeights<T>, form: &Form<T>) -> Vec<T> {
    let lateral = form.grad_norm == GradNorm::Lateral;
    assert!(!lateral || weights.nu.len() == form.units, "ν is missing");
    weights.nu.clone()
}

/// The inverse of [`stack`]; a row of `matrix` starts every `stride` values.
pub(crate) fn unstack<T: Real>(
    form: &Form<T>,
    matrix: &[T],
    stride: usize,
    w_ei: Vec<T>,
    b: Vec<T>,
    nu: Vec<T>,
) -> LayerWeights<T> {
    let Form { inputs, units, inhibitory, .. } = *form;
    let rows = |from: usize, count: usize| -> Vec<T> {
        let row = |row| matrix[row..].iter().step_by(stride).take(inputs).copied();
        (from..from + count).flat_map(row).collect()
    };
    LayerWeights {
        inputs,
        excitatory: units,
        inhibitory,
        w_ee: rows(0, units),
        w_ie: rows(units, inhibitory),
        w_ei,
        u_ie: rows(form.non_negative(), form.targets() - form.non_negative()),
        b,
        nu,
    }
}
