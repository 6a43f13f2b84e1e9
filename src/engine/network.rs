//! A network in training.

use super::{
    form::{Form, OwnGradNorm},
    lanes::Real,
    layer::Layer,
    loss::smoothed_cross_entropy,
    measure::LayerMeasurement,
};
use crate::{
    condition::Condition,
    layers::{LayerWeights, NetworkWeights},
    learning_rule::LearningRule,
};

/// The state of an engine between two steps.
#[derive(Debug, Clone, PartialEq)]
pub struct EngineState<T> {
    /// The weights.
    pub weights: NetworkWeights<T>,
    /// The velocities of the three layers, once there are any.
    pub velocities: Vec<LayerWeights<T>>,
}

/// A network in training.
#[derive(Clone)]
pub struct Engine<T> {
    condition: Condition,
    layers: [Layer<T>; 3],
    rule: LearningRule,
}

impl<T: Real> Engine<T> {
    /// An engine with these weights.
    ///
    /// # Panics
    /// If the weights do not fit their condition: see [`NetworkWeights::validate`].
    pub fn new(weights: &NetworkWeights<T>, rule: LearningRule) -> Self {
        let condition = weights.condition;
        let hidden = |w: &LayerWeights<T>| Layer::new(w, Form::hidden(condition, w.sizes()));
        let [first, second, readout] = weights.layers();
        let readout = Layer::new(readout, Form::readout(readout.sizes()));
        Self { condition, layers: [hidden(first), hidden(second), readout], rule }
    }

    /// From now on the error of both hidden layers goes through `own` instead of the condition's
    /// GradNorm.
    pub fn set_grad_norm(&mut self, own: OwnGradNorm<T>) {
        let [first, second, _] = &mut self.layers;
        (first.form.own_grad_norm, second.form.own_grad_norm) = (Some(own), Some(own));
    }

    /// The weights as they are now.
    pub fn weights(&self) -> NetworkWeights<T> {
        NetworkWeights::of(self.condition, self.layers.each_ref().map(Layer::weights))
    }

    /// The state between two steps.
    pub fn state(&self) -> EngineState<T> {
        let velocities = self.layers.iter().filter_map(Layer::velocity).collect();
        EngineState { weights: self.weights(), velocities }
    }

    /// An engine in this state.
    pub fn restore(state: &EngineState<T>, rule: LearningRule) -> Self {
        let mut engine = Self::new(&state.weights, rule);
        for (layer, velocity) in engine.layers.iter_mut().zip(&state.velocities) {
            layer.set_velocity(velocity);
        }
        engine
    }

    /// The learning rule.
    pub fn rule(&self) -> &LearningRule {
        &self.rule
    }

    /// The read-out for a batch `x`, \[size, inputs\], activity ≥ 0: logits \[size, classes\].
    ///
    /// # Panics
    /// If `x` does not hold whole samples.
    pub fn forward(&mut self, x: &[T]) -> &[T] {
        let inputs = self.layers[0].form.inputs;
        assert!(x.len().is_multiple_of(inputs), "a batch holds whole samples");
        let size = x.len() / inputs;
        let [first, second, readout] = &mut self.layers;
        first.forward(x, size);
        second.forward(&first.batch.activity, size);
        readout.forward(&second.batch.activity, size);
        &readout.batch.z
    }

    /// The task loss of the last [`forward`](Self::forward), and every error below it.
    ///
    /// # Panics
    /// If there is not one label below the number of classes for each sample.
    pub fn backward(&mut self, labels: &[u8]) -> f64 {
        let lambda = T::of(self.rule.lambda);
        let [first, second, readout] = &mut self.layers;
        let batch = &mut readout.batch;
        let smoothing = self.rule.label_smoothing;
        let loss = smoothed_cross_entropy(&batch.z, labels, smoothing, &mut batch.error);
        readout.backward(lambda, Some(&mut second.batch.error));
        second.backward(lambda, Some(&mut first.batch.error));
        first.backward(lambda, None);
        loss
    }

    /// Moves the weights along the gradients of the last [`backward`](Self::backward).
    ///
    /// Consumes them: call it once, with the same `x`.
    pub fn update(&mut self, x: &[T]) {
        let [first, second, readout] = &mut self.layers;
        readout.update(&second.batch.activity, &self.rule);
        second.update(&first.batch.activity, &self.rule);
        first.update(x, &self.rule);
    }

    /// One training step on a batch; returns the task loss before it.
    pub fn step(&mut self, x: &[T], labels: &[u8]) -> f64 {
        self.forward(x);
        let loss = self.backward(labels);
        self.update(x);
        loss
    }

    /// The gradients of the last [`backward`](Self::backward), as given to the optimizer: of the
    /// task loss, and of the λ-weighted I-Norm loss for inhibition that learns locally.
    pub fn gradients(&self, x: &[T]) -> NetworkWeights<T> {
        let [first, second, readout] = &self.layers;
        let (h1, h2) = (&first.batch.activity, &second.batch.activity);
        let gradients = [first.gradients(x), second.gradients(h1), readout.gradients(h2)];
        NetworkWeights::of(self.condition, gradients)
    }

    /// Floating-point operations of the matrix products of one training step on `batch` samples,
    /// a multiplication and an addition counted as two.
    pub fn operations_per_step(&self, batch: usize) -> f64 {
        let layers = self.layers.iter().enumerate();
        layers.map(|(index, layer)| layer.form.operations(batch, index > 0)).sum::<usize>() as f64
    }

    /// `z` of hidden layer `layer`, before normalization and ReLU, \[size, units\].
    pub fn z(&self, layer: usize) -> &[T] {
        &self.layers[layer].batch.z
    }

    /// Measures the hidden layers, after [`backward`](Self::backward) and before
    /// [`update`](Self::update); `x` is the batch.
    pub fn measure(&self, x: &[T]) -> [LayerMeasurement; 2] {
        let [first, second, _] = &self.layers;
        [first.measure(x), second.measure(&first.batch.activity)]
    }
}
