//! How the networks learn.

mod loss;
mod rule;
mod run;
mod tables;
mod train;
mod train_all;

pub use loss::{count_correct, smoothed_cross_entropy};
pub use rule::{LearningRule, NORMALIZATION_EPSILON};
pub use run::{Epoch, Measure, Measurement, Outcome, Record, Run};
pub use tables::{epochs_table, measurements_table, runs_table};
pub use train::{Checkpoint, Observer, Trainer, train};
pub use train_all::train_all;
