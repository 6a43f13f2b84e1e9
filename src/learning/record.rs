//! What came of a training.

use super::{run::Run, steering::Change, training::Training};
use crate::{
    Architecture,
    dataset::{CHANCE, CLASSES, FashionMnist, PIXELS},
    engine::{HalfNumber, LayerMeasurement},
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What came of a run: of a [`Run`] of a condition, or of a
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
    /// What became infinite first, if a weight did under fp16 autocast.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overflow: Option<Overflow>,
    /// Time spent in training steps, evaluation left out.
    pub training_seconds: f64,
    /// Training steps done.
    pub steps: u64,
    /// Where the images came from, in words.
    pub data: String,
}

/// `inorm_full: test accuracy 82.9 % after 2 epochs, finished`
impl<R: Recorded> fmt::Display for Record<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.run.name())?;
        let how = match self.outcome {
            Outcome::Finished => "finished",
            Outcome::Interrupted => "interrupted",
            Outcome::Running => "not over yet",
            Outcome::Diverged { step } => {
                write!(f, "diverged at step {step}")?;
                return self.overflow.iter().try_for_each(|overflow| write!(f, ": {overflow}"));
            }
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
impl<R: Recorded> fmt::Debug for Record<R> {
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

/// The number of half precision that made weights infinite, or not a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overflow {
    /// The step, counted from 1.
    pub step: u64,
    /// The layer, counted from 0, from the input up; the last is the read-out.
    pub layer: usize,
    /// What it was.
    pub number: HalfNumber,
}

/// `excitation error of layer 2 overflowed at step 3`, the layers counted from 1 as everywhere in words.
impl fmt::Display for Overflow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { step, layer, number } = self;
        let name = number.name().replace('_', " ");
        write!(f, "{name} of layer {} overflowed at step {step}", layer + 1)
    }
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

impl<R: Recorded> Record<R> {
    /// Of a run that has not made a step yet.
    pub(crate) fn begin(run: &R, data: &FashionMnist) -> Self {
        Self {
            run: run.clone(),
            epochs: Vec::new(),
            measurements: Vec::new(),
            outcome: Outcome::Running,
            overflow: None,
            training_seconds: 0.0,
            steps: 0,
            data: data.describe(),
        }
    }

    /// The same record as that of a condition, if it is of one.
    pub(crate) fn of_condition(&self) -> Option<Record> {
        let Self { epochs, measurements, outcome, overflow, training_seconds, steps, data, .. } =
            self.clone();
        let run = self.run.as_run()?;
        Some(Record { run, epochs, measurements, outcome, overflow, training_seconds, steps, data })
    }

    /// Accuracy on the test images after the last epoch, as a fraction; chance for a run that
    /// diverged, as the paper counts it. `None` if no epoch was finished.
    pub fn test_accuracy(&self) -> Option<f64> {
        match self.outcome {
            Outcome::Diverged { .. } => Some(CHANCE),
            _ => self.epochs.last().map(|epoch| epoch.test_accuracy),
        }
    }

    /// Percent of the test images that are classified correctly after the last epoch; as many as by
    /// chance if the run diverged or no epoch was finished.
    pub fn percent_correct(&self) -> f64 {
        100.0 * self.test_accuracy().unwrap_or(CHANCE)
    }

    /// Mean time of a training step in milliseconds.
    pub fn milliseconds_per_step(&self) -> f64 {
        1e3 * self.training_seconds / self.steps.max(1) as f64
    }
}

/// What a [`Record`] can be of: a [`Run`], or a [`NetworkRun`](super::NetworkRun).
pub trait Recorded: Clone {
    /// How the network is trained.
    fn training(&self) -> Training;

    /// What the network is called.
    fn name(&self) -> String;

    /// What the network is.
    fn architecture(&self) -> Architecture;

    /// The same as a run of a condition, if it is one: with the initial weights of
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

impl Recorded for Run {
    fn name(&self) -> String {
        let variations =
            self.variations().into_iter().map(|(name, value)| format!(" {name}={value}"));
        self.condition.to_string() + &variations.collect::<String>()
    }

    fn architecture(&self) -> Architecture {
        self.varied(self.condition.architecture([PIXELS, self.width, CLASSES.len()]))
    }

    fn as_run(&self) -> Option<Run> {
        Some(self.clone())
    }

    fn training(&self) -> Training {
        self.training
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Condition, configuration::configuration};

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
        record.overflow = Some(Overflow { step: 2, layer: 1, number: HalfNumber::ExcitationError });
        let expected = "e_ln: diverged at step 3: excitation error of layer 2 overflowed at step 2";
        assert_eq!(record.to_string(), expected);
    }
}
