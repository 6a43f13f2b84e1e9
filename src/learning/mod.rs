//! How the networks learn.

mod loss;
mod rule;
mod run;
mod train;

pub use loss::{count_correct, smoothed_cross_entropy};
pub use rule::{LearningRule, NORMALIZATION_EPSILON};
pub use run::{Epoch, Measure, Measurement, Outcome, Record, Run};
pub use train::{Checkpoint, Observer, Trainer, train, train_all};
