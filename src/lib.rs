//! Inhibitory normalization of error signals.

pub mod condition;
pub mod configuration;
pub mod dataset;
pub mod engine;
mod error;
pub mod figures;
pub mod grad_norm;
pub mod layers;
pub mod learning;
pub mod measure;
pub mod networks;
pub mod notebook;
#[cfg(feature = "cli")]
pub mod parity;
pub mod randomness;
pub mod shapes;
pub mod sweep;

pub use condition::Condition;
/// The tensors that everything is made of. Notebooks use this one, never a second copy.
pub use dfdx;
pub use error::{Error, Result};
/// The tables that results come in.
pub use polars;
