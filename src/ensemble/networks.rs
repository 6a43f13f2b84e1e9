//! Networks in training together, a step at a time.

use super::{
    launch::{backward, forward, shift_images, task_loss, update},
    layout::Layout,
    machine::Machine,
    stack::Stack,
    tally::{Score, Tally},
};
use crate::{
    Condition, Error, Result,
    engine::{Form, LayerMeasurement, measure},
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
    tally: Tally<M>,
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
            tally: Tally::new(&machine, members.len())?,
            machine,
        })
    }

    /// Makes images number `range`, each shifted by its Δ, the batch.
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
        task_loss(&self.machine, &mut self.layers[2], labels, range, step, &mut self.tally)
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

    /// What was scored since the last call.
    pub fn take_scores(&mut self) -> Result<Vec<Score>> {
        self.tally.take(&self.machine)
    }

    /// The step at which each network's loss stopped being finite, since the scores were taken.
    pub fn diverged(&self) -> Result<Vec<Option<u64>>> {
        self.tally.diverged(&self.machine)
    }

    /// The weights of every network.
    pub fn weights(&self) -> Result<Vec<NetworkWeights<f32>>> {
        let [first, second, readout] = &self.layers;
        let first = first.weights(&self.machine)?;
        let second = second.weights(&self.machine)?;
        let readout = readout.weights(&self.machine)?;
        let layers = first.into_iter().zip(second).zip(readout).zip(&self.conditions);
        let networks = layers.map(|(((first, second), readout), &condition)| NetworkWeights {
            condition,
            hidden: [first, second],
            readout,
        });
        Ok(networks.collect())
    }

    /// Measures the hidden layers of some networks on `size` samples, after
    /// [`backward`](Self::backward) and before [`update`](Self::update).
    pub fn measure(&self, networks: &[usize], size: usize) -> Result<Vec<[LayerMeasurement; 2]>> {
        let [first, second, _] = &self.layers;
        let (x, h) = (self.machine.read(&self.x)?, self.machine.read(&first.activity)?);
        let (first, second) = (first.observe(&self.machine)?, second.observe(&self.machine)?);
        let measure = |&network: &usize| {
            [
                measure(&first.net(network, size), &x[first.inputs(network, size)]),
                measure(&second.net(network, size), &h[second.inputs(network, size)]),
            ]
        };
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let mut measured = Vec::with_capacity(networks.len());
        std::thread::scope(|scope| {
            let parts = networks.chunks(networks.len().div_ceil(threads).max(1));
            let measure = &measure;
            let part = |part: &'_ [usize]| {
                let part = part.to_vec();
                scope.spawn(move || part.iter().map(measure).collect::<Vec<_>>())
            };
            let parts: Vec<_> = parts.map(part).collect();
            for part in parts {
                measured.extend(part.join().unwrap_or_else(|e| std::panic::resume_unwind(e)));
            }
        });
        Ok(measured)
    }
}
