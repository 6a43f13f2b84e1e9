//! One layer: its weights stacked into one matrix, and the buffers of one batch.

use super::{
    batch::Batch,
    form::Form,
    lanes::{self, Real, vectorized},
    measure::{LayerMeasurement, Observed, measure},
    passes::{BackwardPass, ForwardPass},
    product::{product, rows, strided},
    stacking::{nu_of, stack, unstack},
    update::{add_column_sums, descend, rectify, scale_blocks},
};
use crate::{
    layers::LayerWeights,
    learning_rule::{LearningRule, Signs},
};
use faer::Accum;

/// A layer of the fused engine.
#[derive(Clone)]
pub(super) struct Layer<T> {
    pub form: Form<T>,
    weights: Parameters<T>,
    nu: Vec<T>,
    velocity: Option<Box<Parameters<T>>>,
    pub batch: Batch<T>,
}

/// A number for each weight: the weights themselves, their gradients, or their velocities.
///
/// `W_EE`, `W_IE` and `U_IE` all receive the same input, so they are blocks of one matrix: one
/// product computes all pre-activations, one computes all gradients. It is stored input by input,
/// because both products then run over it without rearranging it first.
#[derive(Clone)]
struct Parameters<T> {
    /// `[W_EE; W_IE; U_IE]ᵀ`, \[inputs, targets\].
    matrix: Vec<T>,
    /// \[units, inhibitory\]
    w_ei: Vec<T>,
    b: Vec<T>,
}

impl<T: Real> Parameters<T> {
    fn new(weights: &LayerWeights<T>, form: &Form<T>) -> Self {
        let (w_ei, b) = (weights.w_ei.clone(), weights.b.clone());
        Self { matrix: stack(weights, form), w_ei, b }
    }

    /// As many zeros.
    fn zeros(&self) -> Self {
        let zeros = |values: &[T]| vec![T::zero(); values.len()];
        Self { matrix: zeros(&self.matrix), w_ei: zeros(&self.w_ei), b: zeros(&self.b) }
    }

    fn named(&self, form: &Form<T>, nu: Vec<T>) -> LayerWeights<T> {
        unstack(form, &self.matrix, form.targets(), self.w_ei.clone(), self.b.clone(), nu)
    }
}

impl<T: Real> Layer<T> {
    pub fn new(weights: &LayerWeights<T>, form: Form<T>) -> Self {
        Self {
            form,
            weights: Parameters::new(weights, &form),
            nu: nu_of(weights, &form),
            velocity: None,
            batch: Batch::default(),
        }
    }

    pub fn weights(&self) -> LayerWeights<T> {
        self.weights.named(&self.form, self.nu.clone())
    }

    /// What momentum remembers, as named weights; `None` before the first step with momentum.
    pub fn velocity(&self) -> Option<LayerWeights<T>> {
        Some(self.velocity.as_ref()?.named(&self.form, Vec::new()))
    }

    /// Puts back what [`velocity`](Self::velocity) gave.
    pub fn set_velocity(&mut self, velocity: &LayerWeights<T>) {
        self.velocity = Some(Box::new(Parameters::new(velocity, &self.form)));
    }

    /// Computes the activity for the inputs `h`, \[size, inputs\].
    pub fn forward(&mut self, h: &[T], size: usize) {
        let Self { form, weights, batch, .. } = self;
        batch.resize(size, form);
        let Form { inputs, units, inhibitory, .. } = *form;
        let targets = form.targets();
        let (h, matrix) = (rows(h, size, inputs), rows(&weights.matrix, inputs, targets));
        product(Accum::Replace, h, matrix, &mut batch.pre_activation, targets);
        if inhibitory > 0 {
            let r = strided(&batch.pre_activation[units..], size, inhibitory, targets);
            let w_ei = rows(&weights.w_ei, units, inhibitory);
            product(Accum::Replace, r, w_ei.transpose(), &mut batch.inhibition, units);
        }
        vectorized(ForwardPass { form, b: &weights.b, batch });
    }

    /// Turns `batch.error` into `batch.delta`, and writes `∂L/∂h` to `below`.
    ///
    /// `lambda` weighs the local loss.
    pub fn backward(&mut self, lambda: T, below: Option<&mut [T]>) {
        let Self { form, weights, nu, batch, .. } = self;
        vectorized(BackwardPass { form, nu, batch, lambda });
        let Form { inputs, units, inhibitory, .. } = *form;
        let (size, targets) = (batch.size, form.targets());
        if inhibitory > 0 {
            let error = rows(&batch.inhibition, size, units);
            let w_ei = rows(&weights.w_ei, units, inhibitory);
            product(Accum::Replace, error, w_ei, &mut batch.delta[units..], targets);
        }
        if let Some(below) = below {
            let delta = strided(&batch.delta, size, form.task_targets(), targets);
            let matrix = strided(&weights.matrix, inputs, form.task_targets(), targets);
            product(Accum::Replace, delta, matrix.transpose(), below, inputs);
        }
    }

    /// Measures the layer, with inputs `h`.
    pub fn measure(&self, h: &[T]) -> LayerMeasurement {
        let Self { form, weights, nu, batch, .. } = self;
        let measured = measure(&Observed { form, b: &weights.b, nu, batch }, h);
        let mean_weight_share = Some(self.mean_weight_share());
        LayerMeasurement { mean_weight_share, ..measured }
    }

    /// As [`LayerWeights::mean_weight_share`].
    fn mean_weight_share(&self) -> f64 {
        let Form { inputs, units, .. } = self.form;
        let (mut sum, mut squares) = (0.0, 0.0);
        for row in self.weights.matrix.chunks_exact(self.form.targets()) {
            let w_ee = &row[..units];
            sum += lanes::sum(w_ee).double();
            squares += lanes::dot(w_ee, w_ee).double();
        }
        sum * sum / (squares * (inputs * units) as f64).max(f64::MIN_POSITIVE)
    }

    /// Moves the weights along the gradient of the last batch, with inputs `h`, and keeps them in
    /// Dale's bounds if the rule says so.
    pub fn update(&mut self, h: &[T], rule: &LearningRule) {
        if rule.is_plain() {
            self.update_in_place(h, rule);
        } else {
            self.update_with_momentum(h, rule);
        }
    }

    /// `p ← p − lr·g`, without ever storing g: δ is scaled, and the product adds to the weights.
    fn update_in_place(&mut self, h: &[T], rule: &LearningRule) {
        let Self { form, weights, batch, .. } = self;
        let Form { inputs, units, inhibitory, .. } = *form;
        let (size, targets) = (batch.size, form.targets());
        let rates = [-T::of(rule.rates.lr), -T::of(rule.rates.lr_w_ie)];
        vectorized(|| scale_blocks(&mut batch.delta, targets, units, rates));
        add_column_sums(&batch.delta, targets, &mut weights.b);
        let (h, delta) = (rows(h, size, inputs), rows(&batch.delta, size, targets));
        let [non_negative, inhibitory_non_negative] = non_negative(form, rule);
        descend(&mut weights.matrix, h, delta, non_negative);
        if form.trains_w_ei() {
            let rate = -T::of(rule.rates.lr_w_ei);
            batch.inhibition.iter_mut().for_each(|g| *g *= rate);
            let error = rows(&batch.inhibition, size, units);
            let r = strided(&batch.pre_activation[units..], size, inhibitory, targets);
            descend(&mut weights.w_ei, error, r, inhibitory_non_negative);
        }
    }

    /// `v ← μ v + g; p ← p − lr·v`, then weight decay of what is not inhibitory.
    fn update_with_momentum(&mut self, h: &[T], rule: &LearningRule) {
        let Form { units, inhibitory, .. } = self.form;
        let targets = self.form.targets();
        let mut velocity = self.velocity.take().unwrap_or_else(|| Box::new(self.weights.zeros()));
        let momenta = [rule.momentum, rule.inhibitory_momentum].map(T::of);
        let scale = |values: &mut [T], by: T| values.iter_mut().for_each(|v| *v *= by);
        scale_blocks(&mut velocity.matrix, targets, units, momenta);
        scale(&mut velocity.w_ei, momenta[1]);
        scale(&mut velocity.b, momenta[0]);
        self.add_gradients(h, &mut velocity);

        let rates = rule.rates;
        let [rate, rate_ie, rate_ei] = [rates.lr, rates.lr_w_ie, rates.lr_w_ei].map(T::of);
        let decay = rate * T::of(rule.weight_decay);
        let step = |weights: &mut [T], velocity: &[T], rate: T, decay: T| {
            for (w, &v) in weights.iter_mut().zip(velocity) {
                *w -= rate * v;
                *w -= decay * *w;
            }
        };
        let Parameters { matrix, w_ei, b } = &mut self.weights;
        let matrix_rows = matrix.chunks_exact_mut(targets);
        for (weights, velocity) in matrix_rows.zip(velocity.matrix.chunks_exact(targets)) {
            let (w_ee, rest) = weights.split_at_mut(units);
            step(w_ee, velocity, rate, decay);
            step(rest, &velocity[units..], rate_ie, T::zero());
        }
        step(w_ei, &velocity.w_ei, rate_ei, T::zero());
        step(b, &velocity.b, rate, decay);
        let [non_negative, inhibitory_non_negative] = non_negative(&self.form, rule);
        rectify(matrix, targets, non_negative);
        rectify(w_ei, inhibitory.max(1), inhibitory_non_negative);
        self.velocity = Some(velocity);
    }

    fn add_gradients(&self, h: &[T], gradients: &mut Parameters<T>) {
        let Form { inputs, units, inhibitory, .. } = self.form;
        let (batch, size, targets) = (&self.batch, self.batch.size, self.form.targets());
        let (h, delta) = (rows(h, size, inputs), rows(&batch.delta, size, targets));
        product(Accum::Add, h.transpose(), delta, &mut gradients.matrix, targets);
        add_column_sums(&batch.delta, targets, &mut gradients.b);
        if self.form.trains_w_ei() {
            let error = rows(&batch.inhibition, size, units);
            let r = strided(&batch.pre_activation[units..], size, inhibitory, targets);
            product(Accum::Add, error.transpose(), r, &mut gradients.w_ei, inhibitory);
        }
    }

    /// The gradients of the last batch, with inputs `h`, as named weights.
    pub fn gradients(&self, h: &[T]) -> LayerWeights<T> {
        let mut gradients = self.weights.zeros();
        self.add_gradients(h, &mut gradients);
        gradients.named(&self.form, Vec::new())
    }
}

/// How many columns of the matrix, and of `W_EI`, an update keeps at 0 or above.
fn non_negative<T>(form: &Form<T>, rule: &LearningRule) -> [usize; 2] {
    match rule.signs {
        Signs::Dale => [form.non_negative(), form.inhibitory],
        Signs::Free => [0, 0],
    }
}
