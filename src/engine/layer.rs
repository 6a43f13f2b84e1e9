//! One layer: its weights stacked into one matrix, and the buffers of one batch.

use super::{
    autocast::{Autocast, HalfNumber},
    batch::Batch,
    form::Form,
    lanes::{self, Real, vectorized},
    measure::{LayerMeasurement, Observed, measure},
    passes::{BackwardPass, ForwardPass},
    product::{product, rows, strided},
    stacking::{Parameters, nu_of},
    update::{add_column_sums, descend, non_negative, rectify, scale_blocks},
};
use crate::{
    layers::LayerWeights,
    learning_rule::{LearningRule, Precision},
};
use faer::Accum;
use std::ops::Range;

/// A layer of the fused engine.
#[derive(Clone)]
pub(super) struct Layer<T> {
    pub form: Form<T>,
    weights: Parameters<T>,
    nu: Vec<T>,
    velocity: Option<Box<Parameters<T>>>,
    autocast: Option<Box<Autocast<T>>>,
    pub batch: Batch<T>,
}

impl<T: Real> Layer<T> {
    pub fn new(weights: &LayerWeights<T>, form: Form<T>) -> Self {
        Self {
            form,
            weights: Parameters::new(weights, &form),
            nu: nu_of(weights, &form),
            velocity: None,
            autocast: None,
            batch: Batch::default(),
        }
    }

    /// Computes in this precision from now on.
    pub fn set_precision(&mut self, precision: Precision) {
        let autocast = precision == Precision::Fp16Autocast;
        if autocast != self.form.autocast {
            self.form.autocast = autocast;
            self.autocast = autocast.then(Box::default);
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
        let Self { form, weights, autocast, batch, .. } = self;
        batch.resize(size, form);
        if let Some(autocast) = autocast {
            autocast.forward(form, weights, h, batch);
            vectorized(ForwardPass { form, b: &weights.b, batch });
            return;
        }
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
        let Self { form, weights, nu, autocast, batch, .. } = self;
        vectorized(BackwardPass { form, nu, batch, lambda });
        if let Some(autocast) = autocast {
            autocast.backward(form, batch, below);
            return;
        }
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
        if let Some(autocast) = &mut self.autocast {
            autocast.update(&self.form, &mut self.weights, &self.batch, rule);
        } else if rule.is_plain() {
            self.update_in_place(h, rule);
        } else {
            self.update_with_momentum(h, rule);
        }
    }

    /// Whether fp16 autocast has left a weight that is not finite.
    pub fn overflowed(&self) -> bool {
        self.autocast.as_ref().is_some_and(|autocast| autocast.overflowed())
    }

    /// The first number of the last step that was not finite in half precision.
    pub fn overflow(&self) -> Option<HalfNumber> {
        self.autocast.as_ref()?.overflow(&self.form, &self.weights, &self.batch)
    }

    /// `p ← p − lr·g`, without ever storing g: δ is scaled, and the product adds to the weights.
    fn update_in_place(&mut self, h: &[T], rule: &LearningRule) {
        let Self { form, weights, batch, .. } = self;
        let Form { inputs, units, inhibitory, .. } = *form;
        let (size, targets) = (batch.size, form.targets());
        let rates = [-T::of(rule.rates.lr), -T::of(rule.rates.lr_w_ie)];
        vectorized(|| scale_blocks(&mut batch.delta, targets, units, rates));
        let [non_negative, inhibitory_non_negative, b_non_negative] = non_negative(form, rule);
        add_column_sums(&batch.delta, targets, &mut weights.b);
        rectify(&mut weights.b, units, b_non_negative);
        let (h, delta) = (rows(h, size, inputs), rows(&batch.delta, size, targets));
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
        let [non_negative, inhibitory_non_negative, b_non_negative] =
            non_negative(&self.form, rule);
        rectify(matrix, targets, non_negative);
        rectify(w_ei, inhibitory.max(1), inhibitory_non_negative);
        rectify(b, units, b_non_negative);
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
        match self.autocast.clone() {
            Some(mut autocast) => {
                let Parameters { matrix, w_ei, b } = &mut gradients;
                let block = |inputs: Range<usize>, block: &[T], _: &mut [T]| {
                    matrix[inputs.start * self.form.targets()..][..block.len()]
                        .copy_from_slice(block);
                };
                let others = autocast.gradients(&self.form, &self.batch, block);
                w_ei.copy_from_slice(&others.w_ei);
                b.copy_from_slice(&others.b);
            }
            None => self.add_gradients(h, &mut gradients),
        }
        gradients.named(&self.form, Vec::new())
    }
}
