//! The layers that the networks are made of, each with its learning rule written out.
//!
//! | layer | activity | what its inhibition learns |
//! | --- | --- | --- |
//! | [`ExcitatoryLayer`] | `z = h W_EEᵀ + b` | – |
//! | [`EiLayer`] | `z = h W_EEᵀ − (h W_IEᵀ) W_EIᵀ + b` | the task, like everything else |
//! | [`INormLayer`] | the same divided by `s` | to normalize z |
//! | [`INormSubtractiveLayer`] | as [`EiLayer`] | to centre z |
//!
//! All are [`Layer`]s: `forward` gives z and a memory, `backward` takes the error of z and that
//! memory. [`grad_norm`] is what inhibition does to the error; [`moments`] has LayerNorm and what
//! it is made of; [`initial_weights`] is where every network begins, as [`NetworkWeights`]: plain
//! numbers, whatever trains them.

mod excitatory;
pub(crate) mod file;
mod grad_norm;
mod inhibitory_norm;
mod init;
mod layer;
pub mod moments;
mod subtractive;
mod weights;

pub use excitatory::ExcitatoryLayer;
pub use grad_norm::grad_norm;
pub use inhibitory_norm::INormLayer;
pub use init::{initial_layer, initial_weights, initial_weights_of, lateral_weights};
pub use layer::{Layer, LocalRule, pre_activation, weight_gradient};
pub use subtractive::{
    EiLayer, ForTheTask, INormSubtractiveLayer, InhibitoryLearning, SubtractiveLayer, ToNormalize,
};
pub use weights::{LayerWeights, NetworkWeights};
