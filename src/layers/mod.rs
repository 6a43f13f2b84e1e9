//! The layers that the networks are made of, each with its learning rule written out.
//!
//! | layer | activity | what its inhibition learns | its last parameter |
//! | --- | --- | --- | --- |
//! | [`Excitatory`] | `z = h W_EEᵀ + b` | – | a [normalization](NormalizationRule) |
//! | [`Ei`] | `z = h W_EEᵀ − (h W_IEᵀ) W_EIᵀ + b` | the task, like everything else | likewise |
//! | [`INorm`] | the same divided by `s` | to normalize z | a [GradNorm](GradNormRule) |
//! | [`INormSub`] | as [`Ei`] | to center z | likewise |
//! | [`INormSubVariance`] | as [`Ei`] | to normalize z | likewise |
//! | [`INormDiv`] | `z = (h W_EEᵀ + b)/s` | to normalize z | likewise |
//!
//! All are [`Layer`]s: `forward` gives z and a memory, `backward` takes the error of z and that
//! memory. [`grad_norm`] is what inhibition does to the error, [`ErrorRule`] how to write one's
//! own, [`OwnLayer`] a whole layer; [`moments`] has LayerNorm and what it is made of; [`initial_weights`] is where every network
//! begins, as [`NetworkWeights`]: plain numbers, whatever trains them.
//!
//! Their tensors are [`Shaped`]: a [`Batch`], a [`Matrix`], a [`Vector`].

mod backend;
mod ei;
mod error_rule;
mod excitatory;
pub(crate) mod file;
mod grad_norm;
mod init;
mod inorm;
mod inorm_div;
mod inorm_sub;
mod inorm_sub_variance;
mod layer;
pub mod moments;
mod normalization;
mod operation;
mod own_layer;
mod shaped;
mod traced;
mod weights;

pub use ei::{Ei, Readout};
pub use error_rule::{
    Center, Decorrelate, DecorrelateCentred, ErrorRule, Full, FullCentred, GradNormRule, Lateral,
    OwnGradNorm, OwnRule, Raw, Scale,
};
pub use excitatory::Excitatory;
pub use grad_norm::grad_norm;
pub use init::{
    InitialWeights, initial_layer, initial_weights, initial_weights_of, lateral_weights,
};
pub use inorm::INorm;
pub use inorm_div::INormDiv;
pub use inorm_sub::INormSub;
pub use inorm_sub_variance::INormSubVariance;
pub use layer::{Differentiable, Layer};
pub use normalization::{
    DifferentiableNorm, DivisiveNorm, LayerNorm, LayerNormBackwardOnly, LayerNormForwardOnly,
    MeanNorm, MeanNormBackwardOnly, NoNorm, NormalizationRule, normalize, normalize_backward,
};
pub use operation::{Operation, constant};
pub use own_layer::{Inputs, Memory, OwnLayer, Units};
pub use shaped::{Backend, Batch, Held, Matrix, Shaped, Vector, pre_activation, weight_gradient};
pub use weights::{LayerWeights, NetworkWeights};
