//! The networks that the paper compares, with their sizes in their types.

use crate::{
    Architecture, Condition, Error, Result,
    architecture::LayerKind,
    condition::{Circuit, GradNorm, Normalization},
    configuration::LearningRates,
    dataset::{CLASSES, FashionMnist, Images, PIXELS},
    layers::{
        EiLayer, ExcitatoryLayer, INormLayer, INormSubtractiveLayer, Layer, LayerWeights,
        LocalRule, NetworkWeights, initial_weights_of,
        moments::{layer_norm, layer_norm_backward, mean, standard_deviation},
    },
    learning::{Evaluation, Observer, Record, Run, Trainer, evaluate},
    learning_rule::LearningRule,
    shapes::{Backend, Batch, constant},
};
use dfdx::{
    shapes::{Axis, Dim, Dtype, HasShape},
    tensor::AutoDevice,
    tensor_ops::{ChooseFrom, TryGt, TryLe},
};
use std::path::Path;

/// Outputs of every network: the classes of FashionMNIST.
pub const OUTPUTS: usize = CLASSES.len();

/// A network `IN → WIDTH → WIDTH → 10`: two hidden layers, ReLU after each, and an EI read-out
/// with one inhibitory unit.
#[derive(Debug, Clone)]
pub struct Network<
    const IN: usize,
    const WIDTH: usize,
    First,
    Second,
    E: Dtype = f32,
    D: Backend<E> = AutoDevice,
> {
    condition: Condition,
    /// The first hidden layer.
    pub first: First,
    /// The second hidden layer.
    pub second: Second,
    /// The read-out.
    pub readout: EiLayer<WIDTH, OUTPUTS, 1, E, D>,
    device: D,
}

/// `e_none`, `e_ln`, `e_ln_forward_only`.
pub type ExcitatoryNetwork<const WIDTH: usize, const IN: usize = PIXELS, E = f32, D = AutoDevice> =
    Network<IN, WIDTH, ExcitatoryLayer<IN, WIDTH, E, D>, ExcitatoryLayer<WIDTH, WIDTH, E, D>, E, D>;

/// `ei_none`, `ei_ln` and its variants.
pub type EiNetwork<
    const WIDTH: usize,
    const INH: usize,
    const IN: usize = PIXELS,
    E = f32,
    D = AutoDevice,
> = Network<IN, WIDTH, EiLayer<IN, WIDTH, INH, E, D>, EiLayer<WIDTH, WIDTH, INH, E, D>, E, D>;

/// `inorm_none`, `inorm_full` and the other variants of GradNorm.
pub type INormNetwork<
    const WIDTH: usize,
    const INH: usize,
    const IN: usize = PIXELS,
    E = f32,
    D = AutoDevice,
> = Network<IN, WIDTH, INormLayer<IN, WIDTH, INH, E, D>, INormLayer<WIDTH, WIDTH, INH, E, D>, E, D>;

/// `inorm_sub_none`, `inorm_sub_center`.
pub type INormSubtractiveNetwork<
    const WIDTH: usize,
    const INH: usize,
    const IN: usize = PIXELS,
    E = f32,
    D = AutoDevice,
> = Network<
    IN,
    WIDTH,
    INormSubtractiveLayer<IN, WIDTH, INH, E, D>,
    INormSubtractiveLayer<WIDTH, WIDTH, INH, E, D>,
    E,
    D,
>;

type ReadoutMemory<B, const WIDTH: usize, E, D> =
    <EiLayer<WIDTH, OUTPUTS, 1, E, D> as Layer<WIDTH, OUTPUTS, E, D>>::Memory<B>;

/// What a forward pass leaves for the backward pass.
pub struct Activations<B: Dim, const IN: usize, const WIDTH: usize, First, Second, E, D>
where
    First: Layer<IN, WIDTH, E, D>,
    Second: Layer<WIDTH, WIDTH, E, D>,
    E: Dtype,
    D: Backend<E>,
{
    /// The read-out, \[B, 10\].
    pub logits: Batch<B, OUTPUTS, E, D>,
    /// `z` of the two hidden layers, before normalization and ReLU, \[B, WIDTH\].
    pub z: [Batch<B, WIDTH, E, D>; 2],
    memories: (First::Memory<B>, Second::Memory<B>, ReadoutMemory<B, WIDTH, E, D>),
}

impl<const IN: usize, const WIDTH: usize, First, Second, E: Dtype, D: Backend<E>>
    Network<IN, WIDTH, First, Second, E, D>
where
    First: Layer<IN, WIDTH, E, D>,
    Second: Layer<WIDTH, WIDTH, E, D>,
{
    /// The network of `condition` before any training; see [`initial_weights_of`].
    ///
    /// # Errors
    /// If the condition has other layers than this type.
    pub fn new(condition: Condition, seed: u64, device: &D) -> Result<Self> {
        let weights = initial_weights_of(&condition.architecture([IN, WIDTH, OUTPUTS]), seed)?;
        Self::from_weights(&weights.convert(constant), device)
    }

    /// The network with these weights.
    ///
    /// # Errors
    /// If the weights are of other layers or another size than this type.
    pub fn from_weights(weights: &NetworkWeights<E>, device: &D) -> Result<Self> {
        let found = &weights.architecture;
        let Some(condition) = found.condition() else {
            return Err(Error::invalid("network", found, "one of the paper's"));
        };
        let expected = Self::architecture(condition);
        if *found != expected {
            return Err(Error::invalid("network", found, expected.to_string()));
        }
        weights.validate()?;
        Ok(Self {
            condition,
            first: First::from_weights(&weights.hidden[0], device),
            second: Second::from_weights(&weights.hidden[1], device),
            readout: EiLayer::from_weights(&weights.readout, device),
            device: device.clone(),
        })
    }

    /// What this type is as a network of `condition`.
    fn architecture(condition: Condition) -> Architecture {
        let layer = |circuit: Circuit, inhibitory| LayerKind {
            circuit,
            normalization: condition.normalization(),
            grad_norm: condition.grad_norm(),
            units: WIDTH,
            inhibitory,
        };
        let first = layer(First::CIRCUIT, First::INHIBITORY);
        let second = layer(Second::CIRCUIT, Second::INHIBITORY);
        Architecture { inputs: IN, hidden: vec![first, second], outputs: OUTPUTS }
    }

    fn weights_of(&self, layers: [LayerWeights<E>; 3]) -> NetworkWeights<E> {
        NetworkWeights::of(Self::architecture(self.condition), layers)
    }

    /// Which network this is.
    pub fn condition(&self) -> Condition {
        self.condition
    }

    /// The weights as plain numbers.
    pub fn weights(&self) -> NetworkWeights<E> {
        self.weights_of([self.first.weights(), self.second.weights(), self.readout.weights()])
    }

    /// `x → logits`, and what [`backward`](Self::backward) needs.
    ///
    /// # Shapes
    /// x: \[B, IN\], activity ≥ 0.
    pub fn forward<B: Dim>(
        &self,
        x: &Batch<B, IN, E, D>,
    ) -> Activations<B, IN, WIDTH, First, Second, E, D> {
        let normalization = self.condition.normalization();
        let (z1, first) = self.first.forward(x);
        let h1 = rectified(normalize(normalization, &z1));
        let (z2, second) = self.second.forward(&h1);
        let h2 = rectified(normalize(normalization, &z2));
        let (logits, readout) = self.readout.forward(&h2);
        Activations { logits, z: [z1, z2], memories: (first, second, readout) }
    }

    /// From `∂L/∂logits` to the gradients of all weights, as given to the optimizer.
    pub fn backward<B: Dim>(
        &self,
        error: &Batch<B, OUTPUTS, E, D>,
        pass: &Activations<B, IN, WIDTH, First, Second, E, D>,
        lambda: f64,
    ) -> NetworkWeights<E> {
        let (first, second, readout) = &pass.memories;
        let rule = LocalRule { grad_norm: self.condition.grad_norm(), lambda };
        let none = LocalRule { grad_norm: GradNorm::None, lambda };
        let (error, readout) = self.readout.backward(error, readout, none);
        let delta = self.through_activation(&error, &pass.z[1]);
        let (error, second) = self.second.backward(&delta, second, rule);
        let delta = self.through_activation(&error, &pass.z[0]);
        let (_, first) = self.first.backward(&delta, first, rule);
        self.weights_of([first.weights(), second.weights(), readout.weights()])
    }

    /// From the error of `relu(normalize(z))` to the error of z.
    fn through_activation<B: Dim>(
        &self,
        error: &Batch<B, WIDTH, E, D>,
        z: &Batch<B, WIDTH, E, D>,
    ) -> Batch<B, WIDTH, E, D> {
        let normalization = self.condition.normalization();
        let zero = error.device().zeros_like(error);
        let open = normalize(normalization, z).gt(constant::<E>(0.0));
        let delta = open.choose(error.clone(), zero);
        normalize_backward(normalization, &delta, z)
    }

    /// The network after one step of gradient descent on a batch, and the task loss before it.
    ///
    /// This is the rule as one reads it, for momentum 0 and weight decay 0;
    /// [`train`](Self::train) does the same faster. The task loss is computed in the network's own
    /// precision here, in double precision there: see [`deviations`](crate::deviations), no. 9.
    ///
    /// # Shapes
    /// x: \[B, IN\]; one label a sample.
    ///
    /// # Errors
    /// Never for weights of this network's own.
    pub fn step<B: Dim>(
        &self,
        x: &Batch<B, IN, E, D>,
        labels: &[u8],
        rule: &LearningRule,
    ) -> Result<(Self, f64)> {
        let pass = self.forward(x);
        let (loss, error) = task_loss(&pass.logits, labels, rule.label_smoothing);
        let gradients = self.backward(&error, &pass, rule.lambda);
        let mut weights = self.weights();
        descend(&mut weights, &gradients, rule);
        Ok((Self::from_weights(&weights, &self.device)?, loss))
    }
}

impl<const IN: usize, const WIDTH: usize, First, Second, D: Backend<f32>>
    Network<IN, WIDTH, First, Second, f32, D>
where
    First: Layer<IN, WIDTH, f32, D>,
    Second: Layer<WIDTH, WIDTH, f32, D>,
{
    /// Saves the network; see [`NetworkWeights::save`].
    ///
    /// # Errors
    /// As there.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        self.weights().save(path)
    }

    /// Loads a network of this type; see [`NetworkWeights::load`].
    ///
    /// # Errors
    /// As there, and if the file holds a network of other layers or another size.
    pub fn load(path: impl AsRef<Path>, device: &D) -> Result<Self> {
        Self::from_weights(&NetworkWeights::load(path)?, device)
    }
}

impl<const WIDTH: usize, First, Second> Network<PIXELS, WIDTH, First, Second>
where
    First: Layer<PIXELS, WIDTH, f32, AutoDevice>,
    Second: Layer<WIDTH, WIDTH, f32, AutoDevice>,
{
    /// Trains the network on the fused engine: in, train, and out again.
    ///
    /// # Errors
    /// If the run is of another condition or width.
    pub fn train(
        self,
        run: &Run,
        data: &FashionMnist,
        observer: &mut dyn Observer,
    ) -> Result<(Self, Record)> {
        let mut trainer = Trainer::from_weights(run, &self.weights(), data)?;
        trainer.finish(observer);
        Ok((Self::from_weights(&trainer.weights(), &self.device)?, trainer.into_record()))
    }

    /// Classifies images with the network; see [`evaluate`].
    ///
    /// # Errors
    /// If ε is not from 0 to 1.
    pub fn evaluate(&self, images: &Images, epsilon: f64, seed: u64) -> Result<Evaluation> {
        evaluate(&self.weights(), images, epsilon, seed)
    }
}

/// What stands between z and ReLU.
pub fn normalize<B: Dim, const N: usize, E: Dtype, D: Backend<E>>(
    normalization: Normalization,
    z: &Batch<B, N, E, D>,
) -> Batch<B, N, E, D> {
    match normalization {
        Normalization::None => z.clone(),
        Normalization::LayerNorm | Normalization::LayerNormForwardOnly => layer_norm(z),
        Normalization::MeanNorm => z.clone() - mean(z),
        Normalization::DivisiveNorm => z.clone() / standard_deviation(z),
    }
}

/// The error of z from the error of [`normalize`]`(z)`.
pub fn normalize_backward<B: Dim, const N: usize, E: Dtype, D: Backend<E>>(
    normalization: Normalization,
    delta: &Batch<B, N, E, D>,
    z: &Batch<B, N, E, D>,
) -> Batch<B, N, E, D> {
    match normalization {
        Normalization::None | Normalization::LayerNormForwardOnly => delta.clone(),
        Normalization::LayerNorm => layer_norm_backward(delta, z),
        Normalization::MeanNorm => delta.clone() - mean(delta),
        Normalization::DivisiveNorm => {
            let sigma = standard_deviation(z);
            let correlation = mean(&(delta.clone() * z.clone())) / sigma.clone();
            (delta.clone() - layer_norm(z) * correlation) / sigma
        }
    }
}

/// `max(0, z)`, but NaN stays NaN, which dfdx's own ReLU makes 0.
fn rectified<B: Dim, const N: usize, E: Dtype, D: Backend<E>>(
    z: Batch<B, N, E, D>,
) -> Batch<B, N, E, D> {
    let zero = z.device().zeros_like(&z);
    z.le(constant::<E>(0.0)).choose(zero, z)
}

/// Cross-entropy with label smoothing, averaged over the batch, and its gradient, in the precision
/// of the logits.
///
/// # Shapes
/// logits and gradient: \[B, 10\]; one label a sample.
///
/// # Panics
/// If there are not as many labels as samples, or a label is no class.
pub fn task_loss<B: Dim, E: Dtype, D: Backend<E>>(
    logits: &Batch<B, OUTPUTS, E, D>,
    labels: &[u8],
    smoothing: f64,
) -> (f64, Batch<B, OUTPUTS, E, D>) {
    let shape = *logits.shape();
    assert_eq!(shape.0.size(), labels.len(), "one label a sample");
    let mut targets = vec![constant(smoothing / OUTPUTS as f64); labels.len() * OUTPUTS];
    for (row, &label) in targets.chunks_exact_mut(OUTPUTS).zip(labels) {
        row[usize::from(label)] = constant(1.0 - smoothing + smoothing / OUTPUTS as f64);
    }
    let targets = logits.device().tensor_from_vec(targets, shape);
    let log_probabilities = logits.clone().log_softmax::<Axis<1>>();
    let per_sample = 1.0 / labels.len() as f64;
    let loss = (targets.clone() * log_probabilities.clone()).as_vec();
    let loss = -loss.iter().map(|l| l.to_f64().unwrap_or(f64::NAN)).sum::<f64>() * per_sample;
    (loss, (log_probabilities.exp() - targets) * constant::<E>(per_sample))
}

/// `p ← p − lr·g`, then Dale's principle: `W_EE, W_IE, W_EI ← max(0, ·)`.
fn descend<E: Dtype>(
    weights: &mut NetworkWeights<E>,
    gradients: &NetworkWeights<E>,
    rule: &LearningRule,
) {
    let LearningRates { lr, lr_w_ie, lr_w_ei } = rule.rates;
    // Of W_EE, W_IE, W_EI, U_IE and b: the rate, and whether Dale's principle holds for it.
    let rules = [(lr, true), (lr_w_ie, true), (lr_w_ei, true), (lr_w_ie, false), (lr, false)];
    for (layer, gradients) in weights.layers_mut().into_iter().zip(gradients.layers()) {
        let values = layer.values_mut().into_iter().zip(gradients.values());
        for ((values, gradients), (rate, non_negative)) in values.zip(rules) {
            for (value, &gradient) in values.iter_mut().zip(gradients) {
                *value -= constant::<E>(rate) * gradient;
                if non_negative && *value < E::default() {
                    *value = E::default();
                }
            }
        }
    }
}
