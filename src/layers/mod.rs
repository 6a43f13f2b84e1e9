//! The layers that the networks are made of.

mod excitatory;
mod excitatory_inhibitory;
mod inhibitory_norm;
mod init;
mod layer;
pub mod moments;
mod weights;

pub use excitatory::ExcitatoryLayer;
pub use excitatory_inhibitory::EiLayer;
pub use inhibitory_norm::{INormLayer, INormMemory, INormSubtractiveLayer};
pub use init::{initial_layer, initial_weights, initial_weights_of, lateral_weights};
pub use layer::{Layer, LocalRule, drive, weight_gradient};
pub use weights::{LayerWeights, NetworkWeights, inhibitory_units};
