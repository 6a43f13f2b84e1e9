//! How a network is trained, whichever it is.

use super::protocol::Protocol;
use crate::{
    Error, Result,
    configuration::{EPOCHS, LearningRates},
    dataset::{Order, Task},
    learning_rule::LearningRule,
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Everything that decides the outcome of training a network that one has, apart from the network
/// and the data.
///
/// ```
/// use inorm::{configuration::configuration, learning::Training};
/// let training = Training::paper(configuration(13)?.rates).epsilon(0.25).epochs(2);
/// # Ok::<(), inorm::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Training {
    /// Learning rates and all else that a step depends on.
    pub rule: LearningRule,
    /// Range of the luminosity shift, 0 to 1; or of the change of contrast.
    pub epsilon: f64,
    /// Seed of all that is random in training: shifts, contrasts, shuffled images.
    pub seed: u64,
    /// Passes over the training images.
    pub epochs: u32,
    /// Images a step.
    pub batch: usize,
    /// When the hidden layers are measured.
    pub measure: Measure,
    /// In which order the training images are shown; as in their file in the paper.
    #[serde(default, skip_serializing_if = "Order::is_default")]
    pub order: Order,
    /// What is changed of an image each time it is shown; its luminosity in the paper.
    #[serde(default, skip_serializing_if = "Task::is_default")]
    pub task: Task,
}

/// When the hidden layers are measured. It costs nothing at any other step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Measure {
    /// Not at all.
    Never,
    /// At the last step of the run, as for the paper's histograms.
    LastStep,
    /// At the last step of each epoch.
    EachEpoch,
    /// At each step, as the authors did.
    EachStep,
}

/// One line for each number.
impl fmt::Display for Training {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, epsilon, seed, epochs, batch, measure, order, task } = self;
        let LearningRule { rates, momentum, inhibitory_momentum, weight_decay, lambda, .. } = rule;
        let LearningRates { lr, lr_w_ie, lr_w_ei } = rates;
        write!(
            f,
            "epochs: {epochs}, of batches of {batch}\nseed: {seed}\nε: {epsilon}\nλ: {lambda}\n\
             learning rates: {lr:.3e}, {lr_w_ie:.3e} (W_IE), {lr_w_ei:.3e} (W_EI)\n"
        )?;
        if !rule.is_plain() {
            let momenta = format!("{momentum}, {inhibitory_momentum} (inhibition)");
            write!(f, "momentum: {momenta}\nweight decay: {weight_decay}\n")?;
        }
        if !rule.signs.is_default() {
            writeln!(f, "signs: {}", rule.signs)?;
        }
        if !rule.precision.is_default() {
            writeln!(f, "precision: {}", rule.precision)?;
        }
        if !task.is_default() {
            writeln!(f, "task: {task}")?;
        }
        if !order.is_default() {
            writeln!(f, "order of the images: {order}")?;
        }
        write!(f, "label smoothing: {}\nmeasured: {measure:?}", rule.label_smoothing)
    }
}

/// One for all networks: what [`train_together`](crate::notebook::train_together) takes.
impl AsRef<[Self]> for Training {
    fn as_ref(&self) -> &[Self] {
        std::slice::from_ref(self)
    }
}

/// What of the training can be another, in the same words for a [`Training`] and for a
/// [`Run`](super::Run), which has one.
macro_rules! training_methods {
    ($Type:ty $(, $of:ident)?) => {
        impl $Type {
            /// With another range of the luminosity shift, or of the change of contrast.
            #[must_use]
            pub const fn epsilon(mut self, epsilon: f64) -> Self {
                self$(.$of)?.epsilon = epsilon;
                self
            }

            /// With another seed; of a [`Run`](super::Run) it is that of the weights and of ν, too.
            #[must_use]
            pub const fn seed(mut self, seed: u64) -> Self {
                self$(.$of)?.seed = seed;
                self
            }

            /// With another number of epochs.
            #[must_use]
            pub const fn epochs(mut self, epochs: u32) -> Self {
                self$(.$of)?.epochs = epochs;
                self
            }

            /// With another weight λ of the local I-Norm loss.
            #[must_use]
            pub const fn lambda(mut self, lambda: f64) -> Self {
                self$(.$of)?.rule.lambda = lambda;
                self
            }

            /// With measurements at other steps.
            #[must_use]
            pub const fn measure(mut self, measure: $crate::learning::Measure) -> Self {
                self$(.$of)?.measure = measure;
                self
            }

            /// With the training images in another order.
            #[must_use]
            pub const fn order(mut self, order: $crate::dataset::Order) -> Self {
                self$(.$of)?.order = order;
                self
            }

            /// With another task.
            #[must_use]
            pub const fn task(mut self, task: $crate::dataset::Task) -> Self {
                self$(.$of)?.task = task;
                self
            }

            /// With another label smoothing of the task loss.
            #[must_use]
            pub const fn label_smoothing(mut self, label_smoothing: f64) -> Self {
                self$(.$of)?.rule.label_smoothing = label_smoothing;
                self
            }

            /// With another rule for the signs of weights.
            #[must_use]
            pub const fn signs(mut self, signs: $crate::learning::Signs) -> Self {
                self$(.$of)?.rule.signs = signs;
                self
            }

            /// In another precision.
            #[must_use]
            pub const fn precision(mut self, precision: $crate::learning::Precision) -> Self {
                self$(.$of)?.rule.precision = precision;
                self
            }
        }
    };
}
pub(super) use training_methods;

training_methods!(Training);

impl Training {
    /// The paper's protocol with these learning rates: ε = 0.75, 50 epochs, batches of 32, seed 0,
    /// measured at the last step.
    pub const fn paper(rates: LearningRates) -> Self {
        Self {
            rule: LearningRule::paper(rates),
            epsilon: 0.75,
            seed: 0,
            epochs: EPOCHS,
            batch: 32,
            measure: Measure::LastStep,
            order: Order::File,
            task: Task::Luminosity,
        }
    }

    /// By this protocol, in what is not a matter of the network: whose layers may have
    /// [`FullCentred`](crate::layers::FullCentred), or be of
    /// [`INormSubVariance`](crate::layers::INormSubVariance).
    #[must_use]
    pub const fn protocol(self, protocol: Protocol) -> Self {
        let training = self.order(protocol.order()).signs(protocol.signs());
        training.label_smoothing(protocol.label_smoothing())
    }

    /// Whether the hidden layers are measured at a step of this `epoch`, counted from 1, which may
    /// be the epoch's last.
    pub(crate) const fn measures_at(&self, last: bool, epoch: u32) -> bool {
        match self.measure {
            Measure::Never => false,
            Measure::LastStep => last && epoch == self.epochs,
            Measure::EachEpoch => last,
            Measure::EachStep => true,
        }
    }

    /// Checks that every number makes sense.
    ///
    /// # Errors
    /// Names the first one that does not.
    pub fn validate(&self) -> Result<()> {
        if !(0.0..=1.0).contains(&self.epsilon) {
            return Err(Error::invalid("epsilon", self.epsilon, "a number from 0 to 1"));
        }
        if self.epochs == 0 {
            return Err(Error::invalid("epochs", 0, "at least 1"));
        }
        if self.batch == 0 {
            return Err(Error::invalid("batch", 0, "at least 1 image"));
        }
        self.rule.validate()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{configuration::configuration, learning::Precision};

    #[test]
    fn what_is_not_as_in_the_paper_is_shown() {
        let paper = Training::paper(configuration(0).unwrap().rates);
        let names = ["signs: ", "precision: ", "task: ", "order of the images: "];
        assert!(names.iter().all(|name| !paper.to_string().contains(name)), "{paper}");
        let revised = paper.protocol(Protocol::Revised).task(Task::Contrast);
        let shown = revised.precision(Precision::Fp16Autocast).to_string();
        assert!(names.iter().all(|name| shown.contains(name)), "{shown}");
        assert!(shown.contains("label smoothing: 0\n"), "{shown}");
    }
}
