//! One experiment as a value, and what came of it.

use super::{
    steering::Change,
    training::{Measure, Training},
};
use crate::{
    Architecture, Condition, Error, Result,
    configuration::{Configuration, EPOCHS},
    dataset::{CHANCE, CLASSES, FashionMnist, PIXELS},
    engine::LayerMeasurement,
    learning_rule::LearningRule,
};
use inorm_core::files::short_sha256;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Counts changes of what a run means. A new number gives every run a new id, so that results
/// from before the change are never taken for results from after it.
const PROTOCOL: u32 = 1;

/// Everything that decides the outcome of a training run, apart from the data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Which network.
    pub condition: Condition,
    /// Which row of the paper's configurations, if it is one.
    pub configuration: Option<usize>,
    /// Units of each hidden layer.
    pub width: usize,
    /// Learning rates, momenta, λ.
    pub rule: LearningRule,
    /// Range of the luminosity shift, 0 to 1.
    pub epsilon: f64,
    /// Seed of weights, shifts and ν.
    pub seed: u64,
    /// Passes over the training images.
    pub epochs: u32,
    /// Images a step.
    pub batch: usize,
    /// When the hidden layers are measured.
    pub measure: Measure,
}

/// What a [`Record`] can be of: a [`Run`], or a [`NetworkRun`](super::NetworkRun).
pub trait Protocol: Clone {
    /// How the network is trained.
    fn training(&self) -> Training;

    /// What the network is called.
    fn name(&self) -> String;

    /// What the network is.
    fn architecture(&self) -> Architecture;

    /// The same as a run of one of the paper's networks, if it is one: with the initial weights of
    /// the training's seed, and trained without changes.
    fn as_run(&self) -> Option<Run>;

    /// What a [`Steering`](super::Steering) changed during the training.
    fn changes(&self) -> &[Change] {
        &[]
    }

    /// Adds to the [changes](Self::changes). A [`Run`] is never steered: its id says what decided
    /// its result.
    fn note(&mut self, _: Change) {}
}

impl Protocol for Run {
    fn name(&self) -> String {
        self.condition.to_string()
    }

    fn architecture(&self) -> Architecture {
        self.condition.architecture([PIXELS, self.width, CLASSES.len()])
    }

    fn as_run(&self) -> Option<Run> {
        Some(self.clone())
    }

    fn training(&self) -> Training {
        let Self { rule, epsilon, seed, epochs, batch, measure, .. } = *self;
        Training { rule, epsilon, seed, epochs, batch, measure }
    }
}

impl Run {
    /// The paper's protocol for `condition` in one of its configurations: ε = 0.75, 50 epochs,
    /// batches of 32, seed 0, measured at the last step.
    pub const fn new(condition: Condition, configuration: &Configuration) -> Self {
        Self {
            condition,
            configuration: Some(configuration.index),
            width: configuration.width,
            rule: LearningRule::paper(configuration.rates),
            epsilon: 0.75,
            seed: 0,
            epochs: EPOCHS,
            batch: 32,
            measure: Measure::LastStep,
        }
    }

    /// With another range of the luminosity shift.
    #[must_use]
    pub const fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }

    /// With another seed.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// With another number of epochs.
    #[must_use]
    pub const fn epochs(mut self, epochs: u32) -> Self {
        self.epochs = epochs;
        self
    }

    /// With measurements at other steps.
    #[must_use]
    pub const fn measure(mut self, measure: Measure) -> Self {
        self.measure = measure;
        self
    }

    /// Checks that every number makes sense.
    ///
    /// # Errors
    /// Names the first one that does not.
    pub fn validate(&self) -> Result<()> {
        if !(2..=10_000).contains(&self.width) {
            return Err(Error::invalid("width", self.width, "2 to 10000 units"));
        }
        self.training().validate()
    }

    /// The first 16 hexadecimal digits of the SHA-256 of everything that decides a run's result.
    ///
    /// The data are not part of it: a [`Store`](crate::sweep::Store) holds results of one data set
    /// only.
    pub fn id(&self) -> String {
        let Self { condition, configuration, width, rule, epsilon, seed, epochs, batch, measure } =
            self;
        let LearningRule {
            rates,
            momentum,
            inhibitory_momentum,
            weight_decay,
            lambda,
            label_smoothing,
        } = rule;
        let configuration =
            configuration.map_or_else(|| "none".to_owned(), |index| index.to_string());
        // Rust prints the shortest decimal number that reads back as the same float.
        let text = format!(
            "protocol={PROTOCOL} condition={condition} config={configuration} width={width} \
             lr={} lr_w_ie={} lr_w_ei={} momentum={momentum} \
             inhibitory_momentum={inhibitory_momentum} weight_decay={weight_decay} lambda={lambda} \
             label_smoothing={label_smoothing} epsilon={epsilon} seed={seed} epochs={epochs} \
             batch={batch} measure={measure:?}",
            rates.lr, rates.lr_w_ie, rates.lr_w_ei,
        );
        short_sha256(text)
    }
}

/// What came of a run: of a [`Run`] of the paper's networks, or of a
/// [`NetworkRun`](super::NetworkRun) of any network that one had.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Record<R = Run> {
    /// The run.
    pub run: R,
    /// One row for each finished epoch.
    pub epochs: Vec<Epoch>,
    /// What was measured inside the hidden layers.
    pub measurements: Vec<Measurement>,
    /// How it ended.
    pub outcome: Outcome,
    /// Time spent in training steps, evaluation left out.
    pub training_seconds: f64,
    /// Training steps done.
    pub steps: u64,
    /// Where the images came from, in words.
    pub data: String,
}

/// `inorm_full: test accuracy 82.9 % after 2 epochs, finished`
impl<R: Protocol> fmt::Display for Record<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.run.name())?;
        let how = match self.outcome {
            Outcome::Finished => "finished",
            Outcome::Interrupted => "interrupted",
            Outcome::Running => "not over yet",
            Outcome::Diverged { step } => return write!(f, "diverged at step {step}"),
        };
        match (self.test_accuracy(), self.epochs.len()) {
            (None, _) => write!(f, "no epoch ended, {how}"),
            (Some(accuracy), epochs) => {
                let word = if epochs == 1 { "epoch" } else { "epochs" };
                let accuracy = 100.0 * accuracy;
                write!(f, "test accuracy {accuracy:.1} % after {epochs} {word}, {how}")
            }
        }
    }
}

/// In one line, however many epochs and measurements there are.
impl<R: Protocol> fmt::Debug for Record<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Record({self})")
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// All epochs were done.
    Finished,
    /// The loss stopped being a number at this step, counted from 1.
    Diverged {
        /// The step.
        step: u64,
    },
    /// Someone asked it to stop; what had been done is kept.
    Interrupted,
    /// It is not over yet.
    Running,
}

/// What an epoch achieved.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Counted from 1.
    pub epoch: u32,
    /// Mean task loss over the epoch's training steps.
    #[serde(with = "crate::nonfinite")]
    pub train_loss: f64,
    /// Mean task loss over the test images.
    #[serde(with = "crate::nonfinite")]
    pub test_loss: f64,
    /// Fraction of the test images that were classified correctly.
    #[serde(with = "crate::nonfinite")]
    pub test_accuracy: f64,
}

/// What was measured in one hidden layer at one step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// Counted from 1.
    pub epoch: u32,
    /// Counted from 1 at the start of the run.
    pub step: u64,
    /// Counted from 0, from the input up.
    pub layer: usize,
    /// What was measured.
    pub values: LayerMeasurement,
}

impl<R: Protocol> Record<R> {
    /// Of a run that has not made a step yet.
    pub(crate) fn begin(run: &R, data: &FashionMnist) -> Self {
        Self {
            run: run.clone(),
            epochs: Vec::new(),
            measurements: Vec::new(),
            outcome: Outcome::Running,
            training_seconds: 0.0,
            steps: 0,
            data: data.describe(),
        }
    }

    /// The same record of one of the paper's networks, if it is of one.
    pub(crate) fn of_paper(&self) -> Option<Record> {
        let Self { epochs, measurements, outcome, training_seconds, steps, data, .. } =
            self.clone();
        let run = self.run.as_run()?;
        Some(Record { run, epochs, measurements, outcome, training_seconds, steps, data })
    }

    /// Accuracy on the test images after the last epoch, as a fraction; chance for a run that
    /// diverged, as the paper counts it. `None` if no epoch was finished.
    pub fn test_accuracy(&self) -> Option<f64> {
        match self.outcome {
            Outcome::Diverged { .. } => Some(CHANCE),
            _ => self.epochs.last().map(|epoch| epoch.test_accuracy),
        }
    }

    /// Mean time of a training step in milliseconds.
    pub fn milliseconds_per_step(&self) -> f64 {
        1e3 * self.training_seconds / self.steps.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::configuration::configuration;

    #[test]
    fn a_record_says_how_its_run_ended() {
        let run = Run::new(Condition::ELn, &configuration(0).unwrap());
        let mut record = Record::begin(&run, &FashionMnist::subset().unwrap());
        assert_eq!(record.to_string(), "e_ln: no epoch ended, not over yet");
        let epoch = Epoch { epoch: 1, train_loss: 2.0, test_loss: 2.0, test_accuracy: 0.5 };
        (record.epochs, record.outcome) = (vec![epoch], Outcome::Finished);
        let expected = "Record(e_ln: test accuracy 50.0 % after 1 epoch, finished)";
        assert_eq!(format!("{record:?}"), expected);
        record.outcome = Outcome::Diverged { step: 3 };
        assert_eq!(record.to_string(), "e_ln: diverged at step 3");
    }

    #[test]
    fn an_id_never_changes() {
        let run = Run::new(Condition::INormFull, &configuration(0).unwrap());
        assert_eq!(run.id(), run.clone().id());
        // Results are filed under this name: a new one would orphan them.
        assert_eq!(run.measure(Measure::EachEpoch).id(), "0fd9aa43afe43276");
    }

    #[test]
    fn everything_that_decides_a_result_decides_the_id() {
        let run = Run::new(Condition::INormFull, &configuration(0).unwrap());
        let changes: [fn(&mut Run); 15] = [
            |r| r.condition = Condition::ELn,
            |r| r.configuration = None,
            |r| r.width += 1,
            |r| r.rule.rates.lr *= 2.0,
            |r| r.rule.rates.lr_w_ie *= 2.0,
            |r| r.rule.rates.lr_w_ei *= 2.0,
            |r| r.rule.momentum = 0.5,
            |r| r.rule.inhibitory_momentum = 0.5,
            |r| r.rule.weight_decay = 0.5,
            |r| r.rule.lambda = 0.5,
            |r| r.rule.label_smoothing = 0.5,
            |r| r.epsilon = 0.5,
            |r| r.seed = 1,
            |r| r.epochs = 1,
            |r| r.batch = 1,
        ];
        let mut ids = vec![run.id()];
        for change in changes {
            let mut changed = run.clone();
            change(&mut changed);
            ids.push(changed.id());
        }
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), changes.len() + 1);
    }
}
