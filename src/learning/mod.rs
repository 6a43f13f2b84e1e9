//! How the networks learn.

mod loss;
mod rule;

pub use loss::{count_correct, smoothed_cross_entropy};
pub use rule::{LearningRule, NORMALIZATION_EPSILON};
