//! The layers that the networks are made of.

mod excitatory;
mod inhibitory_norm;
mod init;
mod layer;
pub mod moments;
mod subtractive;
mod weights;

pub use excitatory::ExcitatoryLayer;
pub use inhibitory_norm::{INormLayer, INormMemory};
pub use init::{initial_layer, initial_weights, initial_weights_of, lateral_weights};
pub use layer::{Layer, LocalRule, drive, weight_gradient};
pub use subtractive::{
    EiLayer, ForTheTask, INormSubtractiveLayer, InhibitoryLearning, SubtractiveLayer,
    SubtractiveMemory, ToNormalize,
};
pub use weights::{LayerWeights, NetworkWeights, inhibitory_units};
