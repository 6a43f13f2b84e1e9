//! Networks in training together, a step at a time.

use super::{
    arguments::Score,
    cores::on_all_cores,
    images::StoredImages,
    launch::{augment_images, backward, forward, task_loss, update},
    layout::{Layout, padded},
    machine::Machine,
    stack::Stack,
};
use crate::{
    Architecture, Error, Result,
    condition::GradNorm,
    engine::{Form, LayerMeasurement},
    layers::{LayerWeights, NetworkWeights},
    learning_rule::{LearningRule, Precision},
};
use std::ops::Range;

/// Networks in training together.
pub(super) struct Ensemble<M: Machine> {
    pub machine: M,
    architectures: Vec<Architecture>,
    pub layers: [Stack<M>; 3],
    /// The batch, \[capacity, inputs\].
    pub x: M::Buffer<f32>,
    /// What the task loss of each network came to.
    scores: M::Buffer<Score>,
}

/// A network, and the rule that it learns by.
pub(super) type Member = (Architecture, LearningRule);

/// Refuses a network, or a rule, that ensembles do not know.
///
/// # Errors
/// If the network has other than two hidden layers, or one of a reader's own, or the rule has
/// momentum, weight decay or half precision.
pub(super) fn check(architecture: &Architecture, rule: &LearningRule) -> Result<()> {
    let refused = |found, expected| Err(Error::invalid("network of an ensemble", found, expected));
    if architecture.hidden.len() != 2 {
        return refused(architecture.to_string(), "two hidden layers; train this one alone");
    }
    if architecture.hidden.iter().any(|kind| kind.own || kind.grad_norm == GradNorm::Own) {
        return refused(architecture.to_string(), "layers of the library; train this one alone");
    }
    if !rule.is_plain() {
        let found = format!("{architecture} with momentum or weight decay");
        return refused(found, "plain gradient descent; train this run alone");
    }
    if rule.precision != Precision::Single {
        let found = format!("{architecture} in {}", rule.precision);
        return refused(found, "single precision; train this run alone");
    }
    Ok(())
}

/// Where the layers of these networks are, from the input up.
pub(super) fn layouts(members: &[Member], capacity: usize) -> [Layout; 3] {
    let rules: Vec<_> = members.iter().map(|member| member.1).collect();
    let forms: Vec<Vec<_>> = members.iter().map(|member| Form::of(&member.0).collect()).collect();
    std::array::from_fn(|layer| {
        let forms = forms.iter().map(|forms| forms[layer]).collect();
        Layout::new(forms, &rules, layer == 0, capacity)
    })
}

impl<M: Machine> Ensemble<M> {
    /// Networks of the same inputs and outputs, with room for `capacity` samples.
    ///
    /// # Errors
    /// As [`check`], or if the machine has no memory left.
    pub fn new(
        machine: M,
        members: &[(&NetworkWeights<f32>, LearningRule)],
        capacity: usize,
    ) -> Result<Self> {
        members.iter().try_for_each(|(weights, rule)| check(&weights.architecture, rule))?;
        let inputs = members[0].0.architecture.inputs;
        let of = |layer: usize| -> Vec<&LayerWeights<f32>> {
            members.iter().map(|(weights, _)| weights.layers()[layer]).collect()
        };
        let weights = [of(0), of(1), of(2)];
        let members: Vec<Member> =
            members.iter().map(|(weights, rule)| (weights.architecture.clone(), *rule)).collect();
        let [first, second, readout] = layouts(&members, capacity);
        Ok(Self {
            layers: [
                Stack::new(&machine, first, &weights[0])?,
                Stack::new(&machine, second, &weights[1])?,
                Stack::new(&machine, readout, &weights[2])?,
            ],
            x: machine.zeros(capacity * padded(inputs))?,
            scores: machine.zeros(members.len())?,
            architectures: members.into_iter().map(|member| member.0).collect(),
            machine,
        })
    }

    /// Makes the images of `range`, each changed by its number, the batch.
    pub fn load_batch(&mut self, images: &StoredImages<M>, range: Range<usize>) -> Result<()> {
        augment_images(&self.machine, images, range, &mut self.x)
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
        let layers = first?.into_iter().zip(second?).zip(readout?).zip(&self.architectures);
        let network = |(((first, second), readout), architecture): (_, &Architecture)| {
            NetworkWeights::of(architecture.clone(), [first, second, readout])
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
