//! Our numbers against those of the authors' own code.
//!
//! A fixture holds what the reference implementation computed for a small network: its weights,
//! a few batches, and every quantity of every step. Here all of it is recomputed and compared.

mod command;
mod fixture;
mod report;

pub use command::{Parity, run};
pub use fixture::{Arrays, Fixture};
pub use report::{Quantity, Report, compare_engine, compare_ensemble, compare_typed};
