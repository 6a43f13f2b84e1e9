//! How well a network classifies.

use crate::{
    Architecture, Error, Result,
    configuration::{LABEL_SMOOTHING, configuration},
    dataset::{Augmentation, CHANCE, CLASSES, Images, PIXELS, Task},
    engine::{Engine, count_correct, smoothed_cross_entropy},
    layers::NetworkWeights,
    learning_rule::LearningRule,
    randomness::Purpose,
};
use serde::Serialize;
use std::fmt;

/// Images are classified this many at a time.
pub(super) const EVALUATION_BATCH: usize = 500;

/// How well a network classifies images of which something is changed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Evaluation {
    /// What is changed of them.
    pub task: Task,
    /// Range of the change.
    pub epsilon: f64,
    /// How many images were classified.
    pub images: usize,
    /// Mean task loss; not finite if the network has diverged.
    pub loss: f64,
    /// Fraction that was classified correctly; of a network that has diverged that of chance, as
    /// in its [`Record`](super::Record).
    pub accuracy: f64,
}

impl Evaluation {
    fn new(task: Task, epsilon: f64, images: usize, loss: f64, accuracy: f64) -> Self {
        let accuracy = if loss.is_finite() { accuracy } else { CHANCE };
        Self { task, epsilon, images, loss, accuracy }
    }
}

/// `accuracy 81.2 %, task loss 0.913 (10000 images, ε = 0.75)`, or `(10000 images, contrast
/// ε = 0.75)`
impl fmt::Display for Evaluation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { task, epsilon, images, loss, accuracy } = self;
        let accuracy = 100.0 * accuracy;
        let what = if task.is_default() { String::new() } else { format!("{task} ") };
        if loss.is_finite() {
            write!(f, "accuracy {accuracy:.1} %, task loss {loss:.3}")?;
        } else {
            write!(f, "diverged: its outputs are not numbers, which counts as {accuracy:.0} %")?;
        }
        write!(f, " ({images} images, {what}ε = {epsilon})")
    }
}

/// Classifies `images`, each shifted once by Δ ~ U(−ε, ε) drawn from `seed`.
///
/// # Errors
/// If ε is not from 0 to 1, or the weights are no network from 784 inputs to 10 classes.
pub fn evaluate(
    weights: &NetworkWeights<f32>,
    images: &Images,
    epsilon: f64,
    seed: u64,
) -> Result<Evaluation> {
    evaluate_at(Task::Luminosity, weights, images, epsilon, seed)
}

/// Classifies `images`, each changed once as the task has it, by numbers drawn from `seed`.
///
/// # Errors
/// As [`evaluate`].
pub fn evaluate_at(
    task: Task,
    weights: &NetworkWeights<f32>,
    images: &Images,
    epsilon: f64,
    seed: u64,
) -> Result<Evaluation> {
    check_classifier(weights)?;
    if images.is_empty() {
        return Err(Error::invalid("images", "0", "at least one"));
    }
    let augmentation = Augmentation::new(task, epsilon, seed, Purpose::TestLuminosity, 0)?;
    // The rates do not matter: nothing is learned.
    let rates = configuration(0)?.rates;
    let mut engine = Engine::new(weights, LearningRule::paper(rates));
    let mut buffer = vec![0.0; EVALUATION_BATCH * PIXELS];
    let (loss, accuracy) = classify(&mut engine, images, augmentation, &mut buffer);
    Ok(Evaluation::new(task, epsilon, images.len(), loss, accuracy))
}

/// How well images are classified whose logits these are, one row each.
pub(crate) fn evaluation(epsilon: f64, logits: &[f32], labels: &[u8]) -> Evaluation {
    let mut error = vec![0.0; logits.len()];
    // The same smoothing as in `evaluate`, which is the paper's.
    let loss = smoothed_cross_entropy(logits, labels, LABEL_SMOOTHING, &mut error);
    let accuracy = count_correct(logits, labels) as f64 / labels.len() as f64;
    Evaluation::new(Task::Luminosity, epsilon, labels.len(), loss, accuracy)
}

/// Checks that these are weights of a network that classifies the images.
pub(crate) fn check_classifier(weights: &NetworkWeights<f32>) -> Result<()> {
    weights.validate()?;
    let Architecture { inputs, outputs, .. } = weights.architecture;
    if [inputs, outputs] != [PIXELS, CLASSES.len()] {
        let expected = format!("{PIXELS} → {}", CLASSES.len());
        return Err(Error::invalid("network", format!("{inputs} → {outputs}"), expected));
    }
    Ok(())
}

/// Mean loss and accuracy of `engine` on `images`, each changed by `augmentation`.
pub(super) fn classify(
    engine: &mut Engine<f32>,
    images: &Images,
    mut augmentation: Augmentation,
    buffer: &mut [f32],
) -> (f64, f64) {
    let smoothing = engine.rule().label_smoothing;
    let (mut loss, mut correct) = (0.0, 0);
    let mut error = Vec::new();
    for from in (0..images.len()).step_by(EVALUATION_BATCH) {
        let range = from..(from + EVALUATION_BATCH).min(images.len());
        let x = &mut buffer[..range.len() * PIXELS];
        augmentation.fill(images, range.clone(), x);
        let labels = &images.labels()[range.clone()];
        let logits = engine.forward(x);
        error.resize(logits.len(), 0.0);
        let mean = smoothed_cross_entropy(logits, labels, smoothing, &mut error);
        loss += mean * range.len() as f64;
        correct += count_correct(logits, labels);
    }
    let n = images.len() as f64;
    (loss / n, correct as f64 / n)
}
