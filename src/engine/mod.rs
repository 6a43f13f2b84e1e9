//! The fused CPU engine: every condition, in any width, without allocating in a step.
//!
//! It computes what the typed networks compute (see [`crate::layers`]), on slices with run-time
//! sizes: weights are copied in once, trained in place, and copied out. What makes it
//! fast, in order of effect: the matrices that receive the same input are stacked into one; the
//! update is the backward product itself, adding to the weights in place; everything between
//! the products is one pass a sample; and nothing is allocated.

mod autocast;
mod batch;
mod form;
mod lanes;
mod layer;
mod loss;
mod measure;
mod network;
mod passes;
mod product;
mod stacking;
mod update;

pub use autocast::HalfNumber;
pub use lanes::Real;
pub use loss::{count_correct, smoothed_cross_entropy};
pub use measure::LayerMeasurement;
pub use network::{Engine, EngineState};
// What ensembles share with the engine.
pub(crate) use batch::Batch;
pub(crate) use form::Form;
pub(crate) use measure::{Observed, measure};
pub(crate) use stacking::{nu_of, stack, unstack};
pub(crate) use update::non_negative;
