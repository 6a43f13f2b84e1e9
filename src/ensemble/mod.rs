//! Many networks trained together on the same images.
//!
//! All runs of one ε and one seed see the same images, in the same order, with the same luminosity
//! shifts: these come from streams that depend on the seed, the purpose and the epoch, and on
//! nothing else (see [`crate::randomness`]). So an *ensemble* needs its images once, and the first
//! layers of its networks are one matrix:
//!
//! ```text
//! first layers     x [B, 784] · [M₁ M₂ … ]  = [d₁ d₂ …]   one product, whatever the networks are
//! second layers    hₙ [B, N]  · Mₙ [N, T]   = dₙ          batched by neighbours of equal sizes
//! read-outs        hₙ [B, N]  · Mₙ [N, 11]  = dₙ          likewise
//! ```
//! `Mₙ = [W_EE; W_IE; U_IE]ᵀ` of network n; the kernels need no neighbours, and take all products of
//! a layer at once. Between the products each network has its own circuit,
//! normalization, GradNorm, λ and learning rates, a row of a table that the passes read; and the
//! update is the backward product, with Dale's clamp, as in the [engine](crate::engine).
//! Nothing of one network reaches another: one that diverges to NaN keeps it to itself.
//!
//! Each network has the weights, and sees the images, of the same [`Run`](crate::learning::Run)
//! trained alone, and ends where that ends, but for the order in which products sum.
//!
//! An ensemble is trained on a device: [`Cpu`], one thread of the processor; or [`Kernels`] on
//! some [`Machine`]: with the feature `cuda`, an NVIDIA GPU.

mod alone;
mod cpu;
#[cfg(feature = "cuda")]
mod cuda;
mod device;
mod kernels;
mod net;
mod stack;
mod train;

pub use alone::{Alone, Seen};
pub use cpu::Cpu;
#[cfg(feature = "cuda")]
pub use cuda::{Cuda, Gpu};
pub use device::{Batched, Device, Memory, Operand, Plain};
pub use kernels::{Grid, Kernel, Kernels, Machine};
pub use net::Net;
pub use train::{Companions, EVALUATION_BATCH, arrange};

use crate::{
    Condition, Error, Result,
    engine::{Form, LayerMeasurement, measure},
    layers::{LayerWeights, NetworkWeights},
    learning::LearningRule,
};
use device::Tally;
use stack::{Layout, Stack};
use std::ops::Range;

/// Networks in training together.
pub(crate) struct Ensemble<D: Device> {
    device: D,
    conditions: Vec<Condition>,
    layers: [Stack<D>; 3],
    /// The batch, \[capacity, inputs\].
    x: D::Buffer<f32>,
    tally: Tally<D>,
}

/// What the task loss came to, for one network.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Score {
    /// Sum of the loss over samples.
    pub loss: f64,
    /// Samples that were classified correctly.
    pub correct: u32,
    /// The first step at which the loss was not finite.
    pub diverged: Option<u64>,
}

/// A network's condition, its `[width, inhibitory, outputs]`, and the rule that it learns by.
type Shape = (Condition, [usize; 3], LearningRule);

/// Where the layers of these networks are, from the input up.
fn layouts(members: &[Shape], inputs: usize, capacity: usize) -> [Layout; 3] {
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

impl<D: Device> Ensemble<D> {
    /// Takes in networks of the same inputs and outputs, with room for `capacity` samples.
    /// Neighbours with the same width and circuit share their products.
    ///
    /// # Errors
    /// If a rule has momentum or weight decay, or the device has no room.
    pub fn new(
        device: D,
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
                Stack::new(&device, first, &of(0))?,
                Stack::new(&device, second, &of(1))?,
                Stack::new(&device, readout, &of(2))?,
            ],
            x: device.zeros(capacity * inputs)?,
            tally: Tally {
                loss: device.zeros(members.len())?,
                correct: device.zeros(members.len())?,
                diverged: device.zeros(members.len())?,
            },
            device,
        })
    }

    /// Where it is trained.
    pub fn device(&self) -> &D {
        &self.device
    }

    /// Makes images number `range`, each shifted by its Δ, the batch.
    pub fn show(
        &mut self,
        images: &D::Buffer<u8>,
        shifts: &D::Buffer<f32>,
        range: Range<usize>,
    ) -> Result<()> {
        self.device.shift(images, shifts, range, &mut self.x)
    }

    /// The read-out of the first `size` samples of the batch.
    pub fn forward(&mut self, size: usize) -> Result<()> {
        let [first, second, readout] = &mut self.layers;
        first.forward(&self.device, &self.x, size)?;
        second.forward(&self.device, &first.activity, size)?;
        readout.forward(&self.device, &second.activity, size)
    }

    /// Adds the task loss of the last [`forward`](Self::forward) to the score.
    pub fn score(&mut self, labels: &D::Buffer<u8>, range: Range<usize>, step: u64) -> Result<()> {
        self.device.loss(&mut self.layers[2], labels, range, step, &mut self.tally)
    }

    /// Every error below the loss that was scored last.
    pub fn backward(&mut self, size: usize) -> Result<()> {
        let [first, second, readout] = &mut self.layers;
        readout.backward(&self.device, Some(&mut second.error), size)?;
        second.backward(&self.device, Some(&mut first.error), size)?;
        first.backward(&self.device, None, size)
    }

    /// Moves the weights along the gradients. Consumes the errors.
    pub fn update(&mut self, size: usize) -> Result<()> {
        let [first, second, readout] = &mut self.layers;
        self.device.update(readout, &second.activity, size)?;
        self.device.update(second, &first.activity, size)?;
        self.device.update(first, &self.x, size)
    }

    /// What was scored since the last call.
    pub fn take_scores(&mut self) -> Result<Vec<Score>> {
        let loss = self.device.read(&self.tally.loss)?;
        let correct = self.device.read(&self.tally.correct)?;
        let diverged = self.diverged()?;
        self.device.write(&vec![0.0; loss.len()], &mut self.tally.loss)?;
        self.device.write(&vec![0; loss.len()], &mut self.tally.correct)?;
        self.device.write(&vec![0; loss.len()], &mut self.tally.diverged)?;
        let scores = loss.into_iter().zip(correct).zip(diverged);
        Ok(scores.map(|((loss, correct), diverged)| Score { loss, correct, diverged }).collect())
    }

    /// The step at which each network's loss stopped being finite, since the scores were taken.
    pub fn diverged(&self) -> Result<Vec<Option<u64>>> {
        let steps = self.device.read(&self.tally.diverged)?;
        Ok(steps.into_iter().map(|step| (step > 0).then_some(u64::from(step))).collect())
    }

    /// The weights of every network.
    pub fn weights(&self) -> Result<Vec<NetworkWeights<f32>>> {
        let [first, second, readout] = &self.layers;
        let first = first.weights(&self.device)?;
        let second = second.weights(&self.device)?;
        let readout = readout.weights(&self.device)?;
        let layers = first.into_iter().zip(second).zip(readout).zip(&self.conditions);
        let networks = layers.map(|(((first, second), readout), &condition)| NetworkWeights {
            condition,
            hidden: [first, second],
            readout,
        });
        Ok(networks.collect())
    }

    /// What the hidden layers of some networks show for `size` samples, after
    /// [`backward`](Self::backward) and before [`update`](Self::update).
    pub fn measure(&self, networks: &[usize], size: usize) -> Result<Vec<[LayerMeasurement; 2]>> {
        let [first, second, _] = &self.layers;
        let (x, h) = (self.device.read(&self.x)?, self.device.read(&first.activity)?);
        let (first, second) = (first.seen(&self.device)?, second.seen(&self.device)?);
        let measure = |&network: &usize| {
            [
                measure(&first.net(network, size), &x[first.inputs(network, size)]),
                measure(&second.net(network, size), &h[second.inputs(network, size)]),
            ]
        };
        let threads = self.device.measuring_threads().clamp(1, networks.len().max(1));
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
