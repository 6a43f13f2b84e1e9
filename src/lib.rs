//! Inhibitory normalization of error signals.

pub mod condition;
pub mod configuration;
pub mod dataset;
pub mod engine;
mod error;
pub mod layers;
pub mod learning;
pub mod randomness;

pub use condition::Condition;
pub use error::{Error, Result};
