//! A training that is steered while it runs.

use super::training::Training;
use crate::{Result, configuration::LearningRates, learning_rule::LearningRule};
use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// What of a training can be changed while it runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Learning rates and all else that a step depends on.
    pub rule: LearningRule,
    /// Range of the luminosity shift, 0 to 1.
    pub epsilon: f64,
    /// Whether the hidden layers' GradNorms act on the errors; without them errors pass unchanged.
    pub grad_norm: bool,
}

/// Settings that were changed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change {
    /// The steps that were trained before.
    pub step: u64,
    /// The epochs that were trained before, with a fraction.
    pub epoch: f64,
    /// What held from then on.
    pub settings: Settings,
}

/// What steers a training. All clones steer the same one.
///
/// ```
/// use inorm::{configuration::configuration, learning::{Steering, Training}};
///
/// let training = Training::paper(configuration(13)?.rates);
/// let steering = Steering::new(&training)?;
/// steering.clone().change(|settings| settings.grad_norm = false)?;
/// assert!(!steering.settings().grad_norm);
/// assert!(steering.change(|settings| settings.epsilon = 2.0).is_err());
/// assert_eq!(steering.settings().epsilon, 0.75);
/// # Ok::<(), inorm::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Steering(Arc<Mutex<Settings>>);

impl Steering {
    /// At first everything is as in `training`, with GradNorm.
    ///
    /// # Errors
    /// If the training's numbers make no sense.
    pub fn new(training: &Training) -> Result<Self> {
        training.validate()?;
        Ok(Self(Arc::new(Mutex::new(Settings::of(training)))))
    }

    /// What is set now.
    pub fn settings(&self) -> Settings {
        *self.lock()
    }

    /// Changes what is set, from the next training step on; returns all of it.
    ///
    /// # Errors
    /// If the new numbers make no sense; nothing has changed then.
    pub fn change(&self, change: impl FnOnce(&mut Settings)) -> Result<Settings> {
        let mut current = self.lock();
        let mut settings = *current;
        change(&mut settings);
        let (rule, epsilon) = (settings.rule, settings.epsilon);
        Training { rule, epsilon, ..Training::paper(rule.rates) }.validate()?;
        *current = settings;
        Ok(settings)
    }

    fn lock(&self) -> MutexGuard<'_, Settings> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Settings {
    /// Those of a training that is not steered.
    pub(crate) const fn of(training: &Training) -> Self {
        Self { rule: training.rule, epsilon: training.epsilon, grad_norm: true }
    }
}

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, epsilon, grad_norm } = self;
        let with = if *grad_norm { "with" } else { "without" };
        let LearningRates { lr, lr_w_ie, lr_w_ei } = rule.rates;
        let numbers = [*epsilon, rule.lambda, lr, lr_w_ie, lr_w_ei];
        // Three digits: what a slider sets may have many.
        let numbers = numbers.map(|x| format!("{x:.2e}").parse::<f64>().unwrap_or(x));
        let [epsilon, lambda, lr, lr_w_ie, lr_w_ei] = numbers;
        write!(
            f,
            "ε = {epsilon}, {with} GradNorm, λ = {lambda}, \
             learning rates {lr}, {lr_w_ie} (W_IE), {lr_w_ei} (W_EI)"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::configuration::configuration;

    #[test]
    fn settings_are_said_with_three_digits_and_refused_whole() {
        let training = Training::paper(configuration(13).unwrap().rates);
        let steering = Steering::new(&training).unwrap();
        let change = |settings: &mut Settings| {
            settings.rule.rates =
                LearningRates { lr: 0.1 + 0.2, lr_w_ie: 1e-3 / 3.0, lr_w_ei: 0.0 };
            (settings.epsilon, settings.rule.lambda) = (0.1 * 3.0, 1.0);
            settings.grad_norm = false;
        };
        let said =
            "ε = 0.3, without GradNorm, λ = 1, learning rates 0.3, 0.000333 (W_IE), 0 (W_EI)";
        assert_eq!(steering.change(change).unwrap().to_string(), said);
        let refused = steering.clone().change(|settings| {
            settings.grad_norm = true;
            settings.rule.lambda = -1.0;
        });
        assert!(refused.unwrap_err().to_string().starts_with("lambda: -1 is not valid"));
        assert_eq!(steering.settings().to_string(), said);
        assert!(Steering::new(&training.epsilon(2.0)).is_err());
    }
}
