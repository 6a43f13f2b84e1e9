//! The layers that the networks are made of.

mod init;
mod weights;

pub use init::{initial_layer, initial_weights, initial_weights_of, lateral_weights};
pub use weights::{LayerWeights, NetworkWeights, inhibitory_units};
