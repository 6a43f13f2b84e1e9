//! A network in training.

use super::{
    autocast::HalfNumber, form::Form, lanes::Real, layer::Layer, loss::smoothed_cross_entropy,
    measure::LayerMeasurement,
};
use crate::{
    Architecture,
    layers::{LayerWeights, NetworkWeights, OwnGradNorm},
    learning_rule::LearningRule,
};

/// The state of an engine between two steps.
#[derive(Debug, Clone, PartialEq)]
pub struct EngineState<T> {
    /// The weights.
    pub weights: NetworkWeights<T>,
    /// The velocities of all layers, once there are any.
    pub velocities: Vec<LayerWeights<T>>,
}

/// A network in training.
#[derive(Clone)]
pub struct Engine<T> {
    architecture: Architecture,
    /// From the input up; the last is the read-out.
    layers: Vec<Layer<T>>,
    rule: LearningRule,
    /// The readers' own GradNorms, by hidden layer.
    own_grad_norms: Vec<Option<OwnGradNorm<T>>>,
}

impl<T: Real> Engine<T> {
    /// An engine with these weights.
    ///
    /// # Panics
    /// If the weights do not fit their architecture: see [`NetworkWeights::validate`].
    pub fn new(weights: &NetworkWeights<T>, rule: LearningRule) -> Self {
        let architecture = weights.architecture.clone();
        let layers = weights.layers().into_iter().zip(Form::of(&architecture));
        let layers = layers.map(|(weights, form)| Layer::new(weights, form)).collect();
        let own_grad_norms = vec![None; architecture.hidden.len()];
        let mut engine = Self { architecture, layers, rule, own_grad_norms };
        engine.set_rule(rule);
        engine
    }

    /// From now on the error of this hidden layer, counted from 0, goes through `own` instead of its
    /// GradNorm.
    ///
    /// # Panics
    /// If there is no such layer.
    pub fn set_grad_norm(&mut self, layer: usize, own: OwnGradNorm<T>) {
        self.own_grad_norms[layer] = Some(own);
        self.layers[layer].form.own_grad_norm = Some(own);
    }

    /// From now on the errors of all hidden layers go through their GradNorms, or pass unchanged.
    pub fn enable_grad_norms(&mut self, enabled: bool) {
        for (layer, own) in self.layers.iter_mut().zip(&self.own_grad_norms) {
            layer.form.own_grad_norm = if enabled { *own } else { Some(|_, _| ()) };
        }
    }

    /// The weights as they are now.
    pub fn weights(&self) -> NetworkWeights<T> {
        NetworkWeights::of(self.architecture.clone(), self.layers.iter().map(Layer::weights))
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

    /// Follows this learning rule from now on.
    pub fn set_rule(&mut self, rule: LearningRule) {
        self.rule = rule;
        self.layers.iter_mut().for_each(|layer| layer.set_precision(rule.precision));
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
        let mut h = x;
        for layer in &mut self.layers {
            layer.forward(h, size);
            h = &layer.batch.activity;
        }
        &self.layers.last().expect("a read-out").batch.z
    }

    /// The task loss of the last [`forward`](Self::forward), and every error below it.
    ///
    /// # Panics
    /// If there is not one label below the number of classes for each sample, or a layer has a
    /// GradNorm of one's own that was not [given](Self::set_grad_norm).
    pub fn backward(&mut self, labels: &[u8]) -> f64 {
        let lambda = T::of(self.rule.lambda);
        let (readout, mut below) = self.layers.split_last_mut().expect("a read-out");
        let batch = &mut readout.batch;
        let smoothing = self.rule.label_smoothing;
        let loss = smoothed_cross_entropy(&batch.z, labels, smoothing, &mut batch.error);
        let mut layer = readout;
        while let Some((next, rest)) = below.split_last_mut() {
            layer.backward(lambda, Some(&mut next.batch.error));
            (layer, below) = (next, rest);
        }
        layer.backward(lambda, None);
        loss
    }

    /// Moves the weights along the gradients of the last [`backward`](Self::backward).
    ///
    /// Consumes them: call it once, with the same `x`.
    pub fn update(&mut self, x: &[T]) {
        let mut layers = &mut self.layers[..];
        while let Some((layer, below)) = layers.split_last_mut() {
            let h = below.last().map_or(x, |layer| &layer.batch.activity[..]);
            layer.update(h, &self.rule);
            layers = below;
        }
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
        let gradients = self.with_inputs(x).map(|(layer, h)| layer.gradients(h));
        NetworkWeights::of(self.architecture.clone(), gradients)
    }

    /// Once a weight is not finite any more under fp16 autocast: which number was the first in the
    /// last [`step`](Self::step), and in which layer, counted from 0.
    pub fn overflow(&self) -> Option<(usize, HalfNumber)> {
        if !self.layers.iter().any(Layer::overflowed) {
            return None;
        }
        let numbers = self.layers.iter().map(Layer::overflow).enumerate();
        let numbers = numbers.filter_map(|(layer, number)| Some((layer, number?)));
        numbers.min_by_key(|&(layer, number)| number.order(layer, self.layers.len()))
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
    pub fn measure(&self, x: &[T]) -> Vec<LayerMeasurement> {
        let hidden = self.with_inputs(x).take(self.architecture.hidden.len());
        hidden.map(|(layer, h)| layer.measure(h)).collect()
    }

    /// The layers from the input up, each with what it received of the batch `x`.
    fn with_inputs<'a>(&'a self, x: &'a [T]) -> impl Iterator<Item = (&'a Layer<T>, &'a [T])> {
        let activities = self.layers.iter().map(|layer| &layer.batch.activity[..]);
        self.layers.iter().zip(std::iter::once(x).chain(activities))
    }
}
