//! How the networks learn: a [`Run`] goes in, weights and a [`Record`] come out.
//!
//! [`train`] does one run, [`train_all`] several at once; an [`Observer`] watches, and may stop
//! them. A [`Trainer`] advances an epoch at a time and can put a run aside as a [`Checkpoint`].
//! [`results`](crate::results) makes tables of records, which is what figures read.

mod checkpoint;
mod loss;
mod rule;
mod run;
mod train;
mod train_all;

pub use checkpoint::Checkpoint;
pub use loss::{count_correct, smoothed_cross_entropy};
pub use rule::{LearningRule, NORMALIZATION_EPSILON};
pub use run::{Epoch, Measure, Measurement, Outcome, Record, Run};
pub use train::{Observer, Trainer, train};
pub use train_all::train_all;
