//! One layer: its weights stacked into one matrix, and the buffers of one batch.

use super::{
    lanes::Real,
    measure::Seen,
    passes,
    product::{Onto, View, product},
    samples::{Form, Samples, descend, rectify, vectorized},
};
use crate::{
    condition::{Condition, GradNorm, Normalization},
    layers::LayerWeights,
    learning::LearningRule,
};
use std::slice::from_ref;

/// A layer of the fused engine.
///
/// `W_EE`, `W_IE` and `U_IE` all see the same input, so they are blocks of one matrix: one product
/// computes all drives, one computes all gradients. It is stored input by input, because both
/// products then run over it without rearranging it first.
#[derive(Clone)]
pub(super) struct Layer<T> {
    pub form: Form<T>,
    /// `[W_EE; W_IE; U_IE]ᵀ`, \[inputs, targets\].
    pub matrix: Vec<T>,
    /// \[units, inhibitory\]
    pub w_ei: Vec<T>,
    pub b: Vec<T>,
    pub nu: Vec<T>,
    velocity: Option<Box<Velocity<T>>>,
    pub batch: Batch<T>,
}

/// What momentum remembers: one velocity for each weight.
#[derive(Clone)]
struct Velocity<T> {
    matrix: Vec<T>,
    w_ei: Vec<T>,
    b: Vec<T>,
}

/// What a layer computes for one batch of `size` samples.
#[derive(Clone, Default)]
pub(super) struct Batch<T> {
    pub size: usize,
    /// `h Mᵀ`, \[size, targets\]: excitatory drive, inhibitory activity, divisive drive.
    pub drive: Vec<T>,
    /// `i`, \[size, units\]; on the way back `∂L/∂i`.
    pub inhibition: Vec<T>,
    /// Before normalization and ReLU, \[size, units\].
    pub z: Vec<T>,
    /// After normalization, \[size, units\]; empty without one.
    pub normalized: Vec<T>,
    /// What the layer above sees, \[size, units\].
    pub activity: Vec<T>,
    /// `s`, the divisive inhibition, \[size\]; 1 where nothing divides.
    pub s: Vec<T>,
    /// `∂L/∂activity`, \[size, units\].
    pub error: Vec<T>,
    /// `∂L/∂drive`, \[size, targets\].
    pub delta: Vec<T>,
}

impl<T: Real> Layer<T> {
    pub fn hidden(condition: Condition, weights: &LayerWeights<T>) -> Self {
        Self::new(weights, Form::hidden(condition, sizes(weights)))
    }

    pub fn readout(weights: &LayerWeights<T>) -> Self {
        Self::new(weights, Form::readout(sizes(weights)))
    }

    fn new(weights: &LayerWeights<T>, form: Form<T>) -> Self {
        check(weights, &form);
        Self {
            form,
            matrix: stack(weights),
            w_ei: weights.w_ei.clone(),
            b: weights.b.clone(),
            nu: weights.nu.clone(),
            velocity: None,
            batch: Batch::default(),
        }
    }

    pub fn weights(&self) -> LayerWeights<T> {
        self.split(&self.matrix, self.w_ei.clone(), self.b.clone(), self.nu.clone())
    }

    /// The stacked `matrix` and the rest, as named weights.
    fn split(&self, matrix: &[T], w_ei: Vec<T>, b: Vec<T>, nu: Vec<T>) -> LayerWeights<T> {
        unstack(&self.form, matrix, self.form.targets(), w_ei, b, nu)
    }

    /// What momentum remembers, as named weights; `None` before the first step with momentum.
    pub fn velocity(&self) -> Option<LayerWeights<T>> {
        let Velocity { matrix, w_ei, b } = self.velocity.as_deref()?;
        Some(self.split(matrix, w_ei.clone(), b.clone(), Vec::new()))
    }

    /// Puts back what [`velocity`](Self::velocity) gave.
    pub fn set_velocity(&mut self, velocity: &LayerWeights<T>) {
        let matrix = stack(velocity);
        assert_eq!(matrix.len(), self.matrix.len(), "a velocity of another layer");
        let (w_ei, b) = (velocity.w_ei.clone(), velocity.b.clone());
        self.velocity = Some(Box::new(Velocity { matrix, w_ei, b }));
    }

    /// Computes the activity for the inputs `h`, \[size, inputs\].
    pub fn forward(&mut self, h: &[T], size: usize) {
        self.resize(size);
        let (inputs, targets) = (self.form.inputs, self.form.targets());
        let matrix = View::new(&self.matrix, inputs, targets);
        let h = View::new(h, size, inputs);
        product(h, matrix, &mut self.batch.drive, targets, Onto::Replace);
        self.samples().forward();
    }

    /// Turns `batch.error` into `batch.delta`, and writes `∂L/∂h` to `below`.
    ///
    /// `lambda` weighs the local loss.
    pub fn backward(&mut self, lambda: T, below: Option<&mut [T]>) {
        self.samples().backward(lambda);
        if let Some(below) = below {
            let (inputs, targets) = (self.form.inputs, self.form.targets());
            let through = self.form.through();
            let delta = View::strided(&self.batch.delta, self.batch.size, through, targets);
            let matrix = View::strided(&self.matrix, inputs, through, targets);
            product(delta, matrix.t(), below, inputs, Onto::Replace);
        }
    }

    /// The batch, for the passes.
    fn samples(&mut self) -> Samples<'_, T> {
        let batch = &mut self.batch;
        Samples {
            form: self.form,
            size: batch.size,
            stride: self.form.targets(),
            w_ei: &self.w_ei,
            b: &self.b,
            nu: &self.nu,
            drive: &batch.drive,
            inhibition: &mut batch.inhibition,
            z: &mut batch.z,
            normalized: &mut batch.normalized,
            activity: &mut batch.activity,
            s: &mut batch.s,
            error: &batch.error,
            delta: &mut batch.delta,
        }
    }

    /// The batch, for measurements.
    pub fn seen(&self) -> Seen<'_, T> {
        let batch = &self.batch;
        Seen {
            form: self.form,
            size: batch.size,
            stride: self.form.targets(),
            b: &self.b,
            nu: &self.nu,
            drive: &batch.drive,
            z: &batch.z,
            normalized: &batch.normalized,
            s: &batch.s,
            error: &batch.error,
        }
    }

    /// Moves the weights along the gradient of the last batch, with inputs `h`, and keeps them in
    /// Dale's bounds.
    pub fn update(&mut self, h: &[T], rule: &LearningRule) {
        if rule.is_plain() {
            self.descend(h, rule);
        } else {
            self.descend_with_momentum(h, rule);
        }
    }

    /// `p ← p − lr·g`, without ever storing g: δ is scaled, and the product adds to the weights.
    fn descend(&mut self, h: &[T], rule: &LearningRule) {
        let Form { inputs, units, inhibitory, .. } = self.form;
        let (size, targets) = (self.batch.size, self.form.targets());
        let rates = self.rates(rule).map(|rate| -rate);
        let delta = &mut self.batch.delta;
        vectorized(|| passes::scale_blocks(delta, targets, [units, targets], rates));
        passes::add_column_sums(&self.batch.delta, targets, &mut self.b);
        let delta = View::new(&self.batch.delta, size, targets);
        let signed = 0..self.form.signed();
        descend(&mut self.matrix, [inputs, targets], (h, size), delta, from_ref(&signed));
        if self.form.trains_w_ei() {
            let rate = -T::of(rule.rates.lr_w_ei);
            self.batch.inhibition.iter_mut().for_each(|g| *g *= rate);
            let error = &self.batch.inhibition;
            let r = View::strided(&self.batch.drive[units..], size, inhibitory, targets);
            descend(
                &mut self.w_ei,
                [units, inhibitory],
                (error, size),
                r,
                from_ref(&(0..inhibitory)),
            );
        }
    }

    /// `v ← μ v + g; p ← p − lr·v`, then weight decay of what is not inhibitory.
    fn descend_with_momentum(&mut self, h: &[T], rule: &LearningRule) {
        let (units, targets) = (self.form.units, self.form.targets());
        let mut velocity = self.velocity.take().unwrap_or_else(|| {
            Box::new(Velocity {
                matrix: vec![T::zero(); self.matrix.len()],
                w_ei: vec![T::zero(); self.w_ei.len()],
                b: vec![T::zero(); self.b.len()],
            })
        });
        let momenta = [rule.momentum, rule.inhibitory_momentum].map(T::of);
        let scale = |values: &mut [T], by: T| values.iter_mut().for_each(|v| *v *= by);
        passes::scale_blocks(&mut velocity.matrix, targets, [units, targets], momenta);
        scale(&mut velocity.w_ei, momenta[1]);
        scale(&mut velocity.b, momenta[0]);
        self.add_gradients(h, &mut velocity.matrix, &mut velocity.w_ei, &mut velocity.b);

        let [rate, rate_ie] = self.rates(rule);
        let rate_ei = T::of(rule.rates.lr_w_ei);
        let decay = rate * T::of(rule.weight_decay);
        let descend = |weights: &mut [T], velocity: &[T], rate: T, decay: T| {
            for (w, &v) in weights.iter_mut().zip(velocity) {
                *w -= rate * v;
                *w -= decay * *w;
            }
        };
        let weights = self.matrix.chunks_exact_mut(targets);
        for (weights, velocity) in weights.zip(velocity.matrix.chunks_exact(targets)) {
            let (w_ee, rest) = weights.split_at_mut(units);
            descend(w_ee, velocity, rate, decay);
            descend(rest, &velocity[units..], rate_ie, T::zero());
        }
        descend(&mut self.w_ei, &velocity.w_ei, rate_ei, T::zero());
        descend(&mut self.b, &velocity.b, rate, decay);
        rectify(&mut self.matrix, targets, from_ref(&(0..self.form.signed())));
        let inhibitory = self.form.inhibitory;
        rectify(&mut self.w_ei, inhibitory.max(1), from_ref(&(0..inhibitory)));
        self.velocity = Some(velocity);
    }

    /// The learning rates of the first `units` targets of the matrix and of the rest.
    fn rates(&self, rule: &LearningRule) -> [T; 2] {
        [T::of(rule.rates.lr), T::of(rule.rates.lr_w_ie)]
    }

    fn add_gradients(&self, h: &[T], matrix: &mut [T], w_ei: &mut [T], b: &mut [T]) {
        let Form { inputs, units, inhibitory, .. } = self.form;
        let (size, targets) = (self.batch.size, self.form.targets());
        let delta = View::new(&self.batch.delta, size, targets);
        product(View::new(h, size, inputs).t(), delta, matrix, targets, Onto::Add);
        passes::add_column_sums(&self.batch.delta, targets, b);
        if self.form.trains_w_ei() {
            let error = View::new(&self.batch.inhibition, size, units);
            let r = View::strided(&self.batch.drive[units..], size, inhibitory, targets);
            product(error.t(), r, w_ei, inhibitory, Onto::Add);
        }
    }

    /// The gradients of the last batch, with inputs `h`, as named weights.
    pub fn gradients(&self, h: &[T]) -> LayerWeights<T> {
        let zeros = |values: &[T]| vec![T::zero(); values.len()];
        let (mut matrix, mut w_ei, mut b) =
            (zeros(&self.matrix), zeros(&self.w_ei), zeros(&self.b));
        self.add_gradients(h, &mut matrix, &mut w_ei, &mut b);
        self.split(&matrix, w_ei, b, Vec::new())
    }

    /// Floating-point operations of the products of one step; `below`: with those of `∂L/∂h`.
    pub fn operations(&self, size: usize, below: bool) -> usize {
        let Form { inputs, units, inhibitory, .. } = self.form;
        let forward_and_update = 2 * self.form.targets() * inputs;
        let inhibition = (2 + usize::from(self.form.trains_w_ei())) * units * inhibitory;
        let through = self.form.through();
        2 * size * (forward_and_update + inhibition + if below { through * inputs } else { 0 })
    }

    fn resize(&mut self, size: usize) {
        if self.batch.size == size {
            return;
        }
        let Form { units, inhibitory, .. } = self.form;
        let targets = self.form.targets();
        let batch = &mut self.batch;
        batch.size = size;
        let inhibition = if inhibitory > 0 { units } else { 0 };
        let normalized = if self.form.normalization == Normalization::None { 0 } else { units };
        for (buffer, width) in [
            (&mut batch.drive, targets),
            (&mut batch.inhibition, inhibition),
            (&mut batch.z, units),
            (&mut batch.normalized, normalized),
            (&mut batch.activity, units),
            (&mut batch.s, 1),
            (&mut batch.error, units),
            (&mut batch.delta, targets),
        ] {
            buffer.resize(size * width, T::zero());
        }
    }
}

fn sizes<T>(weights: &LayerWeights<T>) -> [usize; 3] {
    [weights.inputs, weights.excitatory, weights.inhibitory]
}

/// Makes sure that weights are those of a layer of this form.
pub(crate) fn check<T>(weights: &LayerWeights<T>, form: &Form<T>) {
    let LayerWeights { w_ee, w_ie, u_ie, .. } = weights;
    let values = w_ee.len() + w_ie.len() + u_ie.len();
    assert_eq!(values, form.targets() * form.inputs, "weights do not fit their circuit");
    assert_eq!(weights.w_ei.len(), form.units * form.inhibitory);
    assert_eq!(weights.b.len(), form.units);
    let lateral = form.grad_norm == GradNorm::Lateral;
    assert!(!lateral || weights.nu.len() == form.units, "ν is missing");
}

/// `[W_EE; W_IE; U_IE]ᵀ`, \[inputs, units + inhibitory (+ units)\].
pub(crate) fn stack<T: Real>(weights: &LayerWeights<T>) -> Vec<T> {
    let LayerWeights { w_ee, w_ie, u_ie, inputs, .. } = weights;
    transposed(&[&w_ee[..], w_ie, u_ie].concat(), *inputs)
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
        u_ie: rows(form.signed(), form.targets() - form.signed()),
        b,
        nu,
    }
}

/// The transpose of a matrix with this many columns.
fn transposed<T: Real>(matrix: &[T], columns: usize) -> Vec<T> {
    (0..columns).flat_map(|c| matrix.iter().skip(c).step_by(columns).copied()).collect()
}
