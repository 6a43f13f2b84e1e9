//! Networks with their layers and sizes in their types.
//!
//! A [`Network`] is a tuple of hidden layers and a read-out; [`paper`] has those that the paper
//! compares.

mod batch;
mod hidden;
pub mod paper;
mod trainable;

pub use batch::ImageBatch;
pub use hidden::{Hidden, LayerErrors, LayerPass};
pub use trainable::{ToTrain, Trainable};

use crate::{
    Architecture, Condition, Error, Result,
    configuration::LearningRates,
    dataset::{CLASSES, FashionMnist, Images},
    layers::{Backend, Batch, Differentiable, Layer, NetworkWeights, Operation, Shaped, constant},
    learning::{Evaluation, NetworkRun, Observer, Record, Training, evaluate, evaluation},
    learning_rule::{LearningRule, Precision, Signs},
};
use dfdx::{
    shapes::{ConstDim, Dim, Dtype},
    tensor::AutoDevice,
};
use std::{fmt, path::Path};

/// Outputs of the paper's networks: the classes of FashionMNIST.
pub const OUTPUTS: usize = CLASSES.len();

/// A network: hidden layers with ReLU after each, and an EI read-out with one inhibitory unit.
///
/// `H` is a tuple of one, two or three layers, from the input up; the read-out follows from it.
///
/// ```
/// use inorm::{layers::{Batch, Center, Ei, INorm, LayerNorm}, networks::Network};
/// type Net = Network<(Ei<784, 60, 6, LayerNorm>, INorm<60, 40, 4, Center>)>;
/// let network = Net::new(0).unwrap();
/// let images = Batch::<_, 784>::of_samples(vec![1.0; 8 * 784]);
/// let pass = network.forward(&images);
/// assert_eq!(pass.logits.sizes(), [8, 10]);
/// assert_eq!(pass.hidden.1.z.sizes(), [8, 40]);
/// assert!(format!("{pass:?}").starts_with("Pass { logits: [8, 10], hidden: (LayerPass { z: [8, 60]"));
/// assert_eq!(network.hidden.0.w_ie.as_vec().len(), 6 * 784);
/// ```
///
/// A network stays in its thread, since a GPU's tensors have to; its weights may go to another one.
/// ```
/// # use inorm::networks::{Network, paper::INormFull};
/// let network = INormFull::<20, 2>::new(0).unwrap();
/// let weights = network.weights();
/// let there = move || INormFull::<20, 2>::from_weights(&weights).unwrap().weights();
/// assert_eq!(std::thread::spawn(there).join().unwrap(), network.weights());
/// ```
///
/// A network of precision `f64`, `Network<(INorm<784, 60, 6, Raw, f64>,), 10, f64>`, is for
/// comparisons: it has [`forward`](Self::forward), [`step`](Self::step) and
/// [`autodiff`](Self::autodiff), and is neither trained by the fused engine nor saved.
///
/// # What does not compile
/// Layers that do not fit: "expected `60`, found `50`".
/// ```compile_fail
/// # use inorm::{layers::{Center, Ei, INorm, LayerNorm}, networks::Network};
/// type Net = Network<(Ei<784, 60, 6, LayerNorm>, INorm<50, 40, 4, Center>)>;
/// let network = Net::new(0).unwrap();
/// ```
/// A layer that is no tuple: "`Ei<784, 60, 6>` is no tuple of one to three
/// hidden layers".
/// ```compile_fail
/// # use inorm::{layers::Ei, networks::Network};
/// type Net = Network<Ei<784, 60, 6>>;
/// let network = Net::new(0).unwrap();
/// ```
#[derive(Clone)]
pub struct Network<
    H: Hidden<E, D>,
    const OUT: usize = OUTPUTS,
    E: Dtype = f32,
    D: Backend<E> = AutoDevice,
> {
    /// The hidden layers, from the input up: `network.hidden.0` is the first.
    pub hidden: H,
    /// The read-out.
    pub readout: H::Readout<OUT>,
}

/// What a network made of a batch; [`Network::backward`] needs it.
pub struct Pass<B: Dim, H: Hidden<E, D>, const OUT: usize, E: Dtype, D: Backend<E>> {
    /// The read-out, \[B, OUT\].
    pub logits: Batch<B, OUT, E, D>,
    /// What each hidden layer made of it: `pass.hidden.0.z`.
    pub hidden: H::Pass<B>,
    readout: <H::Readout<OUT> as Layer<E, D>>::Memory<B>,
}

impl<B: Dim, H: Hidden<E, D>, const OUT: usize, E: Dtype, D: Backend<E>> fmt::Debug
    for Pass<B, H, OUT, E, D>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { logits, hidden, .. } = self;
        let mut shown = f.debug_struct("Pass");
        shown.field("logits", logits).field("hidden", hidden).finish_non_exhaustive()
    }
}

impl<H: Hidden<E, D>, const OUT: usize, E: Dtype, D: Backend<E>> Network<H, OUT, E, D> {
    /// The type as plain numbers.
    pub fn architecture() -> Architecture {
        Architecture { inputs: H::In::SIZE, hidden: H::kinds(), outputs: OUT }
    }

    /// Which condition this is, if it is one.
    pub fn condition() -> Option<Condition> {
        Self::architecture().condition()
    }

    /// The network before any training; see [`initial_weights_of`](crate::layers::initial_weights_of).
    ///
    /// # Errors
    /// As there.
    pub fn new(seed: u64) -> Result<Self> {
        Self::from_weights(&D::initial_weights(&Self::architecture(), seed)?)
    }

    /// The network with these weights.
    ///
    /// # Errors
    /// If the weights are of other layers or another size than this type.
    pub fn from_weights(weights: &NetworkWeights<E>) -> Result<Self> {
        const { assert!(OUT > 1, "a network has at least two outputs: `Network<…, OUT>`") }
        D::validate(weights, &Self::architecture())?;
        Ok(Self {
            hidden: H::from_weights(&weights.hidden),
            readout: <H::Readout<OUT> as Layer<E, D>>::from_weights(&weights.readout),
        })
    }

    /// The weights as plain numbers.
    pub fn weights(&self) -> NetworkWeights<E> {
        Self::weights_of(&self.hidden, &self.readout)
    }

    fn weights_of(hidden: &H, readout: &H::Readout<OUT>) -> NetworkWeights<E> {
        let (hidden, readout) = (hidden.weights(), readout.weights());
        NetworkWeights { architecture: Self::architecture(), hidden, readout }
    }

    /// `x → logits`, and what [`backward`](Self::backward) needs.
    ///
    /// # Shapes
    /// x: \[B, IN\], activity ≥ 0.
    ///
    /// # Panics
    /// If there is no sample.
    #[track_caller]
    pub fn forward<B: Dim>(&self, x: &Shaped<(B, H::In), E, D>) -> Pass<B, H, OUT, E, D> {
        assert!(x.sizes()[0] > 0, "forward: the batch is empty; it needs one sample at least");
        let (h, hidden) = self.hidden.forward(x);
        let (logits, readout) = self.readout.forward(&h);
        Pass { logits, hidden, readout }
    }

    /// From `∂L/∂logits` to the gradients of all weights, as given to the optimizer.
    ///
    /// # Panics
    /// If errors and pass are of different batches.
    #[track_caller]
    pub fn backward<B: Dim>(
        &self,
        error: &Batch<B, OUT, E, D>,
        pass: &Pass<B, H, OUT, E, D>,
        lambda: f64,
    ) -> NetworkWeights<E> {
        same_batch(error, pass);
        let (error, readout) = self.readout.backward(error, &pass.readout, lambda);
        let (hidden, _) = self.hidden.backward(&error, &pass.hidden, lambda);
        Self::weights_of(&hidden, &readout)
    }

    /// The errors of the task at each hidden layer: `errors.0.arriving`, `errors.0.passed_on`.
    ///
    /// `error` is `∂L/∂logits`, as from [`task_loss`].
    ///
    /// # Panics
    /// If errors and pass are of different batches.
    #[track_caller]
    pub fn errors<B: Dim>(
        &self,
        error: &Batch<B, OUT, E, D>,
        pass: &Pass<B, H, OUT, E, D>,
    ) -> H::Errors<B> {
        same_batch(error, pass);
        let (error, _) = self.readout.backward(error, &pass.readout, 0.0);
        self.hidden.backward(&error, &pass.hidden, 0.0).1
    }

    /// dfdx's own gradients, from its tape, of what [`backward`](Self::backward) differentiates by
    /// rules that are written out; with λ = 0 these are the same. Inhibition that learns locally
    /// is a constant.
    ///
    /// Whose GradNorm changes errors has no such gradients:
    /// ```
    /// # use inorm::{layers::{Batch, Center, INorm, Raw}, networks::Network};
    /// # let (x, error) = (Batch::<_, 30>::of_samples(vec![0.5; 60]), Batch::of_samples(vec![0.1; 20]));
    /// type Net = Network<(INorm<30, 20, 2, Raw>,)>;
    /// Net::new(0).unwrap().autodiff(&x, &error);
    /// ```
    /// ```compile_fail
    /// # use inorm::{layers::{Batch, Center, INorm, Raw}, networks::Network};
    /// # let (x, error) = (Batch::<_, 30>::of_samples(vec![0.5; 60]), Batch::of_samples(vec![0.1; 20]));
    /// type Net = Network<(INorm<30, 20, 2, Center>,)>;
    /// Net::new(0).unwrap().autodiff(&x, &error);
    /// ```
    pub fn autodiff<B: Dim>(
        &self,
        x: &Shaped<(B, H::In), E, D>,
        error: &Batch<B, OUT, E, D>,
    ) -> NetworkWeights<E>
    where
        H: Differentiable,
    {
        D::autodiff(&self.weights(), x.held(), error.held())
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
    /// If the rule's numbers make no sense, or it has momentum, weight decay or half precision.
    ///
    /// # Panics
    /// As [`forward`](Self::forward) and [`task_loss`].
    #[track_caller]
    pub fn step<B: Dim>(
        &self,
        x: &Shaped<(B, H::In), E, D>,
        labels: &[u8],
        rule: &LearningRule,
    ) -> Result<(Self, f64)> {
        rule.validate()?;
        if !rule.is_plain() {
            let expected = "neither of them; `train` has both";
            return Err(Error::invalid("step", "momentum or weight decay", expected));
        }
        if rule.precision != Precision::Single {
            let expected = "single; `train` has both";
            return Err(Error::invalid("step", rule.precision, expected));
        }
        let pass = self.forward(x);
        let (loss, error) = task_loss(&pass.logits, labels, rule.label_smoothing);
        let gradients = self.backward(&error, &pass, rule.lambda);
        let mut weights = self.weights();
        descend(&mut weights, &gradients, rule);
        Ok((Self::from_weights(&weights)?, loss))
    }
}

impl<H: Hidden<f32, D>, const OUT: usize, D: Backend<f32>> Network<H, OUT, f32, D> {
    /// Saves the network; see [`NetworkWeights::save`].
    ///
    /// # Errors
    /// As there.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        self.weights().save_with(path.as_ref(), &H::own_names())
    }

    /// Loads a network of this type; see [`NetworkWeights::load`].
    ///
    /// # Errors
    /// As there, and if the file holds a network of other layers, of another size, or with other
    /// layers or rules for errors of a reader's own.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let (weights, names) = NetworkWeights::load_with(path)?;
        if weights.architecture != Self::architecture() {
            let found = format!("it holds the network {}", weights.architecture);
            let expected = format!("one of this type, {}", Self::architecture());
            return Err(Error::malformed(path, found, expected));
        }
        let own = H::own_names();
        if !names.is_empty() && names != own {
            let words = |names: &[Option<String>]| {
                let names = names.iter().map(|name| name.as_deref().unwrap_or("none"));
                names.collect::<Vec<_>>().join(", ")
            };
            let found = format!("its own layers or rules for errors are {}", words(&names));
            return Err(Error::malformed(path, found, format!("{} as in this type", words(&own))));
        }
        Self::from_weights(&weights)
    }

    /// Trains the network on the fused engine; after an interruption it has learned what it has.
    ///
    /// # Errors
    /// If the training's numbers make no sense, the network is none from 784 inputs to 10 classes,
    /// or a layer is not one of the library's: [`step`](Self::step) trains any.
    pub fn train(
        &mut self,
        training: &Training,
        data: &FashionMnist,
        observer: &mut dyn Observer,
    ) -> Result<Record<NetworkRun>> {
        let (weights, record) = self.to_train().train(training, None, data, observer)?;
        self.set_weights(&weights)?;
        Ok(record)
    }

    /// Classifies images with the network; see [`evaluate`].
    ///
    /// # Errors
    /// As there.
    pub fn evaluate(&self, images: &Images, epsilon: f64, seed: u64) -> Result<Evaluation> {
        if H::FUSED {
            return evaluate(&self.weights(), images, epsilon, seed);
        }
        let ImageBatch { x, labels } =
            ImageBatch::<f32, D>::of(images, 0..images.len(), epsilon, seed)?;
        let [_, inputs] = x.sizes();
        if inputs != H::In::SIZE {
            return Err(Error::invalid("inputs", H::In::SIZE, inputs.to_string()));
        }
        let pass = self.forward(&Shaped::<(usize, H::In), f32, D>::from_held(x.held().clone()));
        Ok(evaluation(epsilon, &pass.logits.as_vec(), &labels))
    }
}

/// Fails if an error and a pass through the network are not of as many samples.
#[track_caller]
fn same_batch<B: Dim, H: Hidden<E, D>, const OUT: usize, E: Dtype, D: Backend<E>>(
    error: &Batch<B, OUT, E, D>,
    pass: &Pass<B, H, OUT, E, D>,
) {
    let (errors, samples) = (error.sizes()[0], pass.logits.sizes()[0]);
    assert!(
        errors == samples,
        "{errors} errors, but a pass of {samples} samples: of another batch"
    );
}

/// Cross-entropy with label smoothing, averaged over the batch, and its gradient, in the precision
/// of the logits.
///
/// # Shapes
/// logits and gradient: \[B, OUT\]; one label a sample.
///
/// # Panics
/// If there are not as many labels as samples, or a label is no class.
#[track_caller]
pub fn task_loss<B: Dim, const OUT: usize, E: Dtype, D: Backend<E>>(
    logits: &Batch<B, OUT, E, D>,
    labels: &[u8],
    smoothing: f64,
) -> (f64, Batch<B, OUT, E, D>) {
    let (samples, given) = (logits.sizes()[0], labels.len());
    assert!(samples == given, "{samples} samples need as many labels, and there are {given}");
    let largest = usize::from(labels.iter().copied().max().unwrap_or(0));
    assert!(largest < OUT, "label {largest} is none of {OUT} classes, which are counted from 0");
    let mut targets = vec![constant(smoothing / OUT as f64); labels.len() * OUT];
    for (row, &label) in targets.chunks_exact_mut(OUT).zip(labels) {
        row[usize::from(label)] = constant(1.0 - smoothing + smoothing / OUT as f64);
    }
    let targets = logits.like(targets);
    let log_probabilities = logits.map(Operation::LogSoftmax);
    let per_sample = 1.0 / labels.len() as f64;
    let loss = (targets.clone() * log_probabilities.clone()).as_vec();
    let loss = -loss.iter().map(|l| l.to_f64().unwrap_or(f64::NAN)).sum::<f64>() * per_sample;
    (loss, (log_probabilities.map(Operation::Exponential) - targets) * per_sample)
}

/// `p ← p − lr·g`, then Dale's principle, if it holds: `W_EE, W_IE, W_EI ← max(0, ·)`, and b where
/// that has to be ≥ 0, too.
fn descend<E: Dtype>(
    weights: &mut NetworkWeights<E>,
    gradients: &NetworkWeights<E>,
    rule: &LearningRule,
) {
    let LearningRates { lr, lr_w_ie, lr_w_ei } = rule.rates;
    let (dale, all) = (rule.signs != Signs::Free, rule.signs == Signs::NonNegative);
    // Of W_EE, W_IE, W_EI, U_IE and b: the rate, and whether it stays at 0 or above.
    let rules = [(lr, dale), (lr_w_ie, dale), (lr_w_ei, dale), (lr_w_ie, false), (lr, all)];
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
