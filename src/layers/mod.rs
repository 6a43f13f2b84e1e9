//! The layers that the networks are made of, each with its learning rule written out.
//!
//! | layer | activity | what its inhibition learns | its last parameter |
//! | --- | --- | --- | --- |
//! | [`Excitatory`] | `z = h W_EEᵀ + b` | – | a [normalization](NormalizationRule) |
//! | [`Ei`] | `z = h W_EEᵀ − (h W_IEᵀ) W_EIᵀ + b` | the task, like everything else | likewise |
//! | [`INorm`] | the same divided by `s` | to normalize z | a [GradNorm](GradNormRule) |
//! | [`INormSub`] | as [`Ei`] | to centre z | likewise |
//!
//! All are [`Layer`]s: `forward` gives z and a memory, `backward` takes the error of z and that
//! memory. [`grad_norm`] is what inhibition does to the error, [`ErrorRule`] how to write one's
//! own; [`moments`] has LayerNorm and what it is made of; [`initial_weights`] is where every network
//! begins, as [`NetworkWeights`]: plain numbers, whatever trains them.

mod ei;
mod excitatory;
pub(crate) mod file;
mod grad_norm;
mod init;
mod inorm;
mod inorm_sub;
mod layer;
pub mod moments;
mod normalization;
mod weights;

pub use ei::{Ei, Readout};
pub use excitatory::Excitatory;
pub use grad_norm::{
    Center, Decorrelate, ErrorRule, Full, GradNormRule, Lateral, Raw, Scale, grad_norm,
};
pub use init::{initial_layer, initial_weights, initial_weights_of, lateral_weights};
pub use inorm::INorm;
pub use inorm_sub::INormSub;
pub use layer::{Layer, pre_activation, weight_gradient};
pub use normalization::{
    DivisiveNorm, LayerNorm, LayerNormForwardOnly, MeanNorm, NoNorm, NormalizationRule, normalize,
    normalize_backward,
};
pub(crate) use normalization::{activity, activity_backward};
pub use weights::{LayerWeights, NetworkWeights};
