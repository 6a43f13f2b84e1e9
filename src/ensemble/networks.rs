//! Networks in training together, a step at a time.

use super::{
    arguments::Score,
    cores::on_all_cores,
    launch::{backward, forward, shift_images, task_loss, update},
    layout::Layout,
    machine::Machine,
    stack::Stack,
};
use crate::{
    Condition, Error, Result,
    engine::{Form, LayerMeasurement},
    layers::{LayerWeights, NetworkWeights},
    learning_rule::LearningRule,
};
use std::ops::Range;

/// Networks in training together.
pub(super) struct Ensemble<M: Machine> {
    pub machine: M,
    conditions: Vec<Condition>,
    pub layers: [Stack<M>; 3],
    /// The batch, \[capacity, inputs\].
    pub x: M::Buffer<f32>,
    /// What the task loss of each network came to.
    scores: M::Buffer<Score>,
}

/// A network's condition, its `[width, inhibitory, outputs]`, and the rule that it learns by.
pub(super) type Shape = (Condition, [usize; 3], LearningRule);

/// Where the layers of these networks are, from the input up.
pub(super) fn layouts(members: &[Shape], inputs: usize, capacity: usize) -> [Layout; 3] {
    let rules: Vec<_> = members.iter().map(|member| member.2).collect();
    let layout = |layer: usize| {
        let form = |&(condition, [width, inhibitory, outputs], _): &Shape| match layer {
            0 => Form::hidden(condition, [inputs, width, inhibitory]),
            1 => Form::hidden(condition, [width, width, inhibitory]),
            _ => Form::readout([width, outputs, 1]),
        };
        Layout::new(members.iter().map(form).collect(), &rules, layer == 0, capacity)
    };
    [layout(0), layout(1), layout(2)]
}

impl<M: Machine> Ensemble<M> {
    /// Networks of the same inputs and outputs, with room for `capacity` samples.
    ///
    /// # Errors
    /// If a rule has momentum or weight decay, or the machine has no memory left.
    pub fn new(
        machine: M,
        members: &[(&NetworkWeights<f32>, LearningRule)],
        capacity: usize,
    ) -> Result<Self> {
        if let Some((weights, _)) = members.iter().find(|member| !member.1.is_plain()) {
            let found = format!("{} with momentum or weight decay", weights.condition);
            let expected = "plain gradient descent; train this run alone";
            return Err(Error::invalid("network of an ensemble", found, expected));
        }
        let inputs = members[0].0.hidden[0].inputs;
        let shapes: Vec<_> = members
            .iter()
            .map(|(weights, rule)| {
                let LayerWeights { excitatory, inhibitory, .. } = weights.hidden[0];
                (weights.condition, [excitatory, inhibitory, weights.readout.excitatory], *rule)
            })
            .collect();
        let [first, second, readout] = layouts(&shapes, inputs, capacity);
        let of = |layer: usize| -> Vec<&LayerWeights<f32>> {
            members.iter().map(|(weights, _)| weights.layers()[layer]).collect()
        };
        Ok(Self {
            conditions: shapes.iter().map(|shape| shape.0).collect(),
            layers: [
                Stack::new(&machine, first, &of(0))?,
                Stack::new(&machine, second, &of(1))?,
                Stack::new(&machine, readout, &of(2))?,
            ],
            x: machine.zeros(capacity * inputs)?,
            scores: machine.zeros(members.len())?,
            machine,
        })
    }

    /// Makes the images of `range`, each shifted by its Δ, the batch.
    pub fn load_batch(
        &mut self,
        images: &M::Buffer<u8>,
        shifts: &M::Buffer<f32>,
        range: Range<usize>,
    ) -> Result<()> {
        shift_images(&self.machine, images, shifts, range, &mut self.x)
    }

    /// The read-out of the first `size` samples of the batch.
    pub fn forward(&mut self, size: usize) -> Result<()> {
        let [first, second, readout] = &mut self.layers;
        forward(&self.machine, first, &self.x, size)?;
        forward(&self.machine, second, &first.activity, size)?;
        forward(&self.machine, readout, &second.activity, size)
    }

    /// Adds the task loss of the last [`forward`](Self::forward) to the score.
    pub fn score(&mut self, labels: &M::Buffer<u8>, range: Range<usize>, step: u64) -> Result<()> {
        task_loss(&self.machine, &mut self.layers[2], labels, range, step, &mut self.scores)
    }

    /// Every error below the loss that was scored last.
    pub fn backward(&mut self, size: usize) -> Result<()> {
        let [first, second, readout] = &mut self.layers;
        backward(&self.machine, readout, Some(&mut second.error), size)?;
        backward(&self.machine, second, Some(&mut first.error), size)?;
        backward(&self.machine, first, None, size)
    }

    /// Moves the weights along the gradients. Consumes the errors.
    pub fn update(&mut self, size: usize) -> Result<()> {
        let [first, second, readout] = &mut self.layers;
        update(&self.machine, readout, &second.activity, size)?;
        update(&self.machine, second, &first.activity, size)?;
        update(&self.machine, first, &self.x, size)
    }

    /// What was scored since the scores were last taken.
    pub fn scores(&self) -> Result<Vec<Score>> {
        self.machine.read(&self.scores)
    }

    /// The [`scores`](Self::scores), which begin anew.
    pub fn take_scores(&mut self) -> Result<Vec<Score>> {
        let scores = self.scores()?;
        self.machine.write(&vec![Score::default(); scores.len()], &mut self.scores)?;
        Ok(scores)
    }

    /// The weights of every network.
    pub fn weights(&self) -> Result<Vec<NetworkWeights<f32>>> {
        let layers = self.layers.each_ref().map(|stack| stack.weights(&self.machine));
        let [first, second, readout] = layers;
        let layers = first?.into_iter().zip(second?).zip(readout?).zip(&self.conditions);
        let network = |(((first, second), readout), &condition): (_, &Condition)| {
            NetworkWeights::of(condition, [first, second, readout])
        };
        Ok(layers.map(network).collect())
    }

    /// Measures the hidden layers of some networks on `size` samples, after
    /// [`backward`](Self::backward) and before [`update`](Self::update).
    pub fn measure(&self, networks: &[usize], size: usize) -> Result<Vec<[LayerMeasurement; 2]>> {
        let [first, second, _] = &self.layers;
        let (x, h) = (self.machine.read(&self.x)?, self.machine.read(&first.activity)?);
        let (first, second) = (first.observe(&self.machine)?, second.observe(&self.machine)?);
        Ok(on_all_cores(networks, |&network| {
            [first.measure(network, size, &x), second.measure(network, size, &h)]
        }))
    }
}
