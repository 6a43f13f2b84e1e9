//! Training under fp16 autocast, as the authors trained: matrix products take and give numbers of
//! IEEE half precision.
//!
//! What is rounded to half precision, beyond 65,504 to infinity, and held in single precision: both
//! operands of a product, which sums in single precision, and its result; so, too, of the two
//! products that take the error back; the squares that are averaged for s, 1/N, the average,
//! average + ε and its root, and likewise, unit by unit, the error that goes back through them.
//! Weights and their update, b, z, normalization, GradNorm and the losses are in single precision.
//! Inhibition that learns the task, as of every read-out, is a product of weights:
//! `h (W_EE − W_EI W_IE)ᵀ`. Gradients are not scaled.

use super::{
    batch::Batch,
    form::Form,
    lanes::{Real, sum_of, vectorized},
    passes::rectified,
    product::{product, rows, strided},
    stacking::Parameters,
    update::{add_column_sums, non_negative, rectify},
};
use crate::{condition::Circuit, learning_rule::LearningRule};
use faer::Accum;
use serde::{Deserialize, Serialize};
use std::{fmt, ops::Range};

/// Values of which the weights, the same in half precision and the gradients stay in the
/// processor's cache together.
const CACHED_VALUES: usize = 32 * 1024;

/// What can overflow in half precision, in the order in which a step computes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HalfNumber {
    /// What a layer receives.
    Activity,
    /// `h W_EEᵀ`.
    Excitation,
    /// `h U_IEᵀ`.
    DivisiveInhibition,
    /// `h W_IEᵀ`, or `(h W_IEᵀ) W_EIᵀ`.
    Inhibition,
    /// `∂L/∂(h W_EEᵀ)`.
    ExcitationError,
    /// `∂L/∂(h W_IEᵀ)`, or of its product with `W_EI`.
    InhibitionError,
    /// `∂L/∂(h U_IEᵀ)`, or that of s before it.
    DivisiveInhibitionError,
    /// The gradient of a weight.
    Gradient,
    /// A weight.
    Weight,
}

impl HalfNumber {
    /// The name used in tables and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Activity => "activity",
            Self::Excitation => "excitation",
            Self::DivisiveInhibition => "divisive_inhibition",
            Self::Inhibition => "inhibition",
            Self::ExcitationError => "excitation_error",
            Self::InhibitionError => "inhibition_error",
            Self::DivisiveInhibitionError => "divisive_inhibition_error",
            Self::Gradient => "gradient",
            Self::Weight => "weight",
        }
    }

    /// Where it comes in a step of a network of `layers` layers, if it is one of this `layer`:
    /// activity is computed from the input up, errors and then gradients from the read-out down.
    pub(super) fn order(self, layer: usize, layers: usize) -> impl Ord {
        if self < Self::ExcitationError {
            (None, layer, self)
        } else {
            (Some(self >= Self::Gradient), layers - layer, self)
        }
    }
}

impl fmt::Display for HalfNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A layer's weights, inputs and errors in half precision.
#[derive(Clone, Default)]
pub(super) struct Autocast<T> {
    /// As the layer's matrix; where inhibition learns the task, with `W_EE − W_EI W_IE` instead of
    /// `W_EE`.
    matrix: Vec<T>,
    w_ei: Vec<T>,
    /// Whether these are those of the layer.
    fresh: bool,
    /// The inputs, \[size, inputs\].
    h: Vec<T>,
    /// The errors of the pre-activations, \[size, targets\], and of the inhibition, \[size, units\].
    delta: Vec<T>,
    inhibition: Vec<T>,
    /// Of `W_EI` and b, and of the matrix for some of its inputs.
    gradients: Parameters<T>,
    /// `W_EI W_IE`, transposed, and its like: \[inputs, units\] or \[inputs, inhibitory\].
    scratch: Vec<T>,
    /// Whether a weight has not been finite after the last step.
    overflowed: bool,
}

impl<T: Real> Autocast<T> {
    /// The pre-activations and the inhibition for the inputs `h`.
    pub fn forward(
        &mut self,
        form: &Form<T>,
        weights: &Parameters<T>,
        h: &[T],
        batch: &mut Batch<T>,
    ) {
        if !self.fresh {
            self.round_weights(form, weights);
        }
        round_to(h, &mut self.h);
        let Form { inputs, units, inhibitory, .. } = *form;
        let (size, targets) = (batch.size, form.targets());
        let h = rows(&self.h, size, inputs);
        let matrix = strided(&self.matrix, inputs, used(form), targets);
        product(Accum::Replace, h, matrix, &mut batch.pre_activation, targets);
        round(&mut batch.pre_activation);
        if is_effective(form) {
            batch.inhibition.fill(T::zero());
        } else if inhibitory > 0 {
            let r = strided(&batch.pre_activation[units..], size, inhibitory, targets);
            let w_ei = rows(&self.w_ei, units, inhibitory);
            product(Accum::Replace, r, w_ei.transpose(), &mut batch.inhibition, units);
            round(&mut batch.inhibition);
        }
    }

    fn round_weights(&mut self, form: &Form<T>, weights: &Parameters<T>) {
        let Form { inputs, units, inhibitory, .. } = *form;
        let targets = form.targets();
        round_to(&weights.matrix, &mut self.matrix);
        round_to(&weights.w_ei, &mut self.w_ei);
        if is_effective(form) {
            let Self { matrix, w_ei, scratch, .. } = self;
            scratch.resize(inputs * units, T::zero());
            let w_ie = strided(&matrix[units..], inputs, inhibitory, targets);
            let w_ei = rows(w_ei, units, inhibitory);
            product(Accum::Replace, w_ie, w_ei.transpose(), scratch, units);
            vectorized(|| {
                let all =
                    matrix.chunks_exact_mut(targets).zip(weights.matrix.chunks_exact(targets));
                for ((half, row), inhibited) in all.zip(scratch.chunks_exact(units)) {
                    let effective = half.iter_mut().zip(row).zip(inhibited);
                    effective.for_each(|((half, &w), &i)| *half = (w - i.half()).half());
                }
            });
        }
        self.fresh = true;
    }

    /// The errors of the pre-activations, from those that the passes left in `batch`, and `∂L/∂h`.
    pub fn backward(&mut self, form: &Form<T>, batch: &mut Batch<T>, below: Option<&mut [T]>) {
        let Form { inputs, units, inhibitory, .. } = *form;
        let (size, targets) = (batch.size, form.targets());
        if inhibitory > 0 && !is_effective(form) {
            round_to(&batch.inhibition, &mut self.inhibition);
            let error = rows(&self.inhibition, size, units);
            let w_ei = rows(&self.w_ei, units, inhibitory);
            product(Accum::Replace, error, w_ei, &mut batch.delta[units..], targets);
        }
        round_to(&batch.delta, &mut self.delta);
        if let Some(below) = below {
            let delta = strided(&self.delta, size, units, targets);
            let matrix = strided(&self.matrix, inputs, units, targets);
            product(Accum::Replace, delta, matrix.transpose(), below, inputs);
            round(below);
        }
    }

    /// The gradients of the last batch, some inputs of the matrix at a time: `each` gets the inputs,
    /// and \[inputs, targets\]. Those of `W_EI` and b are whole only after that.
    pub fn gradients(
        &mut self,
        form: &Form<T>,
        batch: &Batch<T>,
        mut each: impl FnMut(Range<usize>, &[T], &mut [T]),
    ) -> &Parameters<T> {
        let Form { inputs, units, inhibitory, .. } = *form;
        let (size, targets) = (batch.size, form.targets());
        let Self { matrix, w_ei, h, delta, inhibition, gradients, scratch, .. } = self;
        zeros(&mut gradients.b, units);
        add_column_sums(&batch.delta, targets, &mut gradients.b);
        zeros(&mut gradients.w_ei, w_ei.len());
        if form.trains_w_ei() && !is_effective(form) {
            let error = rows(inhibition, size, units);
            let r = strided(&batch.pre_activation[units..], size, inhibitory, targets);
            product(Accum::Replace, error.transpose(), r, &mut gradients.w_ei, inhibitory);
        }
        let (h, delta) = (rows(h, size, inputs), strided(delta, size, used(form), targets));
        let block = (CACHED_VALUES / targets).max(1);
        gradients.matrix.resize(block.min(inputs) * targets, T::zero());
        for from in (0..inputs).step_by(block) {
            let count = block.min(inputs - from);
            let of_matrix = &mut gradients.matrix[..count * targets];
            let half = &mut matrix[from * targets..][..count * targets];
            let h = h.subcols(from, count);
            product(Accum::Replace, h.transpose(), delta, of_matrix, targets);
            round(of_matrix);
            if is_effective(form) {
                // Of W_EI, −G W_IE; of W_IE, −G W_EI, where G is the gradient of W_EE.
                let g = strided(of_matrix, count, units, targets);
                let w_ie = strided(&half[units..], count, inhibitory, targets);
                product(Accum::Add, g.transpose(), w_ie, &mut gradients.w_ei, inhibitory);
                scratch.resize(inputs * units, T::zero());
                let of_w_ie = &mut scratch[..count * inhibitory];
                product(Accum::Replace, g, rows(w_ei, units, inhibitory), of_w_ie, inhibitory);
                let of_matrix = of_matrix.chunks_exact_mut(targets);
                for (row, of_w_ie) in of_matrix.zip(of_w_ie.chunks_exact(inhibitory)) {
                    row[units..].iter_mut().zip(of_w_ie).for_each(|(g, i)| *g = -i.half());
                }
            }
            each(from..from + count, of_matrix, half);
        }
        let sign = if is_effective(form) { -T::one() } else { T::one() };
        gradients.w_ei.iter_mut().for_each(|g| *g = sign * g.half());
        gradients
    }

    /// `p ← p − lr·g`, and Dale's principle if the rule says so.
    pub fn update(
        &mut self,
        form: &Form<T>,
        weights: &mut Parameters<T>,
        batch: &Batch<T>,
        rule: &LearningRule,
    ) {
        let (units, targets) = (form.units, form.targets());
        let Parameters { matrix, w_ei, b } = weights;
        let rates = [rule.rates.lr, rule.rates.lr_w_ie, rule.rates.lr_w_ei].map(T::of);
        let [non_negative, inhibitory_non_negative, b_non_negative] = non_negative(form, rule);
        let mut zero = T::zero();
        let gradients = self.gradients(form, batch, |inputs, gradients, half| {
            let weights = &mut matrix[inputs.start * targets..][..gradients.len()];
            let rates = [rates[0], rates[1]];
            let step = Descent { weights, half, gradients, targets, units, rates, non_negative };
            zero += vectorized(step);
        });
        b.iter_mut().zip(&gradients.b).for_each(|(b, &g)| *b -= rates[0] * g);
        rectify(b, units, b_non_negative);
        if form.trains_w_ei() {
            w_ei.iter_mut().zip(&gradients.w_ei).for_each(|(w, &g)| *w -= rates[2] * g);
            rectify(w_ei, form.inhibitory, inhibitory_non_negative);
            round_to(w_ei, &mut self.w_ei);
            zero += sum_of(&self.w_ei, &self.w_ei, |w, _| w * T::zero());
        }
        self.overflowed = zero.is_nan();
        self.fresh = !is_effective(form);
    }

    /// Whether a weight has not been finite after the last step.
    pub fn overflowed(&self) -> bool {
        self.overflowed
    }

    /// The first number of this layer that the last step found, or made, not finite.
    pub fn overflow(
        &self,
        form: &Form<T>,
        weights: &Parameters<T>,
        batch: &Batch<T>,
    ) -> Option<HalfNumber> {
        let finite = |values: &[T]| values.iter().all(|v| v.is_finite());
        let (units, targets, non_negative) = (form.units, form.targets(), form.non_negative());
        let among = |values: &[T], columns: Range<usize>| {
            values.chunks_exact(targets).all(|sample| finite(&sample[columns.clone()]))
        };
        let (drive, delta) = (&batch.pre_activation[..], &self.delta[..]);
        let [excitatory, inhibitory, divisive] =
            [0..units, units..non_negative, non_negative..targets];
        let first = [
            (HalfNumber::Activity, finite(&self.h)),
            (HalfNumber::Excitation, among(drive, excitatory.clone())),
            (HalfNumber::DivisiveInhibition, among(drive, divisive.clone())),
            (HalfNumber::Inhibition, among(drive, inhibitory.clone()) && finite(&batch.z)),
            (HalfNumber::ExcitationError, among(delta, excitatory)),
            (HalfNumber::InhibitionError, among(delta, inhibitory) && finite(&self.inhibition)),
            (HalfNumber::DivisiveInhibitionError, among(delta, divisive)),
            (HalfNumber::Gradient, finite(&weights.matrix) && finite(&weights.w_ei)),
            (HalfNumber::Weight, finite(&self.matrix) && finite(&self.w_ei)),
        ];
        first.into_iter().find_map(|(number, is_finite)| (!is_finite).then_some(number))
    }
}

/// One step along the gradients of a block of the matrix, \[_, targets\], and what is left of the
/// weights in half precision. Zero if these are finite, and NaN otherwise.
struct Descent<'a, T> {
    weights: &'a mut [T],
    half: &'a mut [T],
    gradients: &'a [T],
    targets: usize,
    units: usize,
    /// Of the first `units` of the targets, and of the others.
    rates: [T; 2],
    non_negative: usize,
}

impl<T: Real> pulp::NullaryFnOnce for Descent<'_, T> {
    type Output = T;

    #[inline(always)] // a closure of this size would not be
    fn call(self) -> T {
        let Self { weights, half, gradients, targets, units, rates, non_negative } = self;
        let mut zero = T::zero();
        let rows = weights.chunks_exact_mut(targets).zip(half.chunks_exact_mut(targets));
        for ((weights, half), gradients) in rows.zip(gradients.chunks_exact(targets)) {
            let descend = |weights: &mut [T], gradients: &[T], rate: T| {
                weights.iter_mut().zip(gradients).for_each(|(w, &g)| *w -= rate * g);
            };
            descend(&mut weights[..units], &gradients[..units], rates[0]);
            descend(&mut weights[units..], &gradients[units..], rates[1]);
            weights[..non_negative].iter_mut().for_each(|w| *w = rectified(*w));
            half.iter_mut().zip(&*weights).for_each(|(half, w)| *half = w.half());
            zero += sum_of(half, half, |w, _| w * T::zero());
        }
        zero
    }
}

/// Whether inhibition is a product of weights.
fn is_effective<T>(form: &Form<T>) -> bool {
    form.circuit == Circuit::ExcitatoryInhibitory
}

/// The columns of the matrix that inputs are multiplied with.
fn used<T>(form: &Form<T>) -> usize {
    if is_effective(form) { form.units } else { form.targets() }
}

fn zeros<T: Real>(values: &mut Vec<T>, count: usize) {
    values.clear();
    values.resize(count, T::zero());
}

fn round<T: Real>(values: &mut [T]) {
    vectorized(|| values.iter_mut().for_each(|v| *v = v.half()));
}

fn round_to<T: Real>(values: &[T], half: &mut Vec<T>) {
    half.resize(values.len(), T::zero());
    vectorized(|| half.iter_mut().zip(values).for_each(|(half, v)| *half = v.half()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Condition,
        configuration::configuration,
        engine::Engine,
        layers::{NetworkWeights, initial_weights_of},
        learning_rule::Precision,
    };

    /// What overflows first in a step of a changed network, rule and batch, and in which layer.
    fn overflow(
        condition: Condition,
        change: fn(&mut NetworkWeights<f32>, &mut LearningRule, &mut [f32]),
    ) -> Option<(usize, HalfNumber)> {
        let weights = initial_weights_of(&condition.architecture([30, 20, 10]), 0).unwrap();
        let mut weights = weights.convert(|w| w as f32);
        let mut rule = LearningRule::paper(configuration(0).unwrap().rates);
        rule.precision = Precision::Fp16Autocast;
        let mut x: Vec<f32> = (0..6 * 30).map(|i| (i * 37 % 64) as f32 / 64.0).collect();
        change(&mut weights, &mut rule, &mut x);
        let mut engine = Engine::new(&weights, rule);
        engine.step(&x, &[0, 1, 2, 3, 4, 5]);
        engine.overflow()
    }

    #[test]
    fn what_overflows_first_is_named() {
        use HalfNumber::*;
        let of = |change| overflow(Condition::INormNone, change);
        assert_eq!(of(|_, _, _| ()), None);
        assert_eq!(of(|_, _, x| x[3] = 1e5), Some((0, Activity)));
        assert_eq!(of(|w, _, _| w.hidden[0].w_ee.fill(6e4)), Some((0, Excitation)));
        assert_eq!(of(|w, _, _| w.hidden[1].w_ie.fill(6e4)), Some((1, Inhibition)));
        assert_eq!(of(|w, _, _| w.hidden[0].w_ei.fill(6e4)), Some((0, Inhibition)));
        assert_eq!(of(|w, _, _| w.hidden[1].u_ie.fill(6e4)), Some((1, DivisiveInhibition)));
        // The squares do, so s is infinite and the layer silent, but no weight becomes infinite.
        assert_eq!(of(|w, _, _| w.hidden[0].u_ie.fill(1e3)), None);
        assert_eq!(of(|_, rule, _| rule.lambda = 1e15), Some((1, InhibitionError)));
        assert_eq!(of(|_, rule, _| rule.rates.lr = 1e15), Some((2, Weight)));
        let gradient = overflow(Condition::ENone, |w, _, x| {
            x.iter_mut().for_each(|x| *x *= 6e4);
            w.hidden[0].w_ee.iter_mut().for_each(|w| *w *= 1e-4);
            w.hidden[1].w_ee.iter_mut().for_each(|w| *w *= 20.0);
        });
        assert_eq!(gradient, Some((0, Gradient)));
    }
}
