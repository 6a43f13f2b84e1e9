//! Many networks trained together on the same images.
//!
//! All runs of one task, ε, order of images and seed receive the same images, in the same order,
//! with the same changes of luminosity or contrast: these come from streams that depend on the
//! seed, the purpose and the epoch, and on nothing else (see [`crate::randomness`]). So an
//! *ensemble* needs its images once, and the first layers of its networks are one matrix:
//!
//! ```text
//! first layers     x [B, 784] · [M₁ M₂ … ]  = [d₁ d₂ …]   one large product
//! second layers    hₙ [B, N]  · Mₙ [N, T]   = dₙ          all networks' products in one launch
//! read-outs        hₙ [B, N]  · Mₙ [N, 11]  = dₙ          likewise
//! ```
//! `Mₙ = [W_EE; W_IE; U_IE]ᵀ` of network n. Between the products each network has its own circuit,
//! normalization, GradNorm, λ and learning rates, a row of a table that the passes read; and the
//! update is the backward product, with Dale's clamp or without, as in the [engine](crate::engine).
//! Nothing of one network reaches another: the NaNs of one that diverges stay in it.
//!
//! Each network has the weights, and sees the images, of the same [`Run`](crate::learning::Run)
//! trained alone, and the same result, up to the order in which products sum.
//!
//! Ensembles are trained by kernels, the CUDA port of the engine, in `src/ensemble/kernels`: one
//! small file for each file of the library that it ports. A [`Machine`] runs them: `Gpu`, with the
//! feature `cuda`. On the processor, runs trained one by one are faster; only tests compile the
//! kernels for it.

mod arguments;
mod cores;
#[cfg(feature = "cuda")]
mod cuda;
mod images;
mod launch;
mod layout;
mod machine;
mod networks;
mod single;
mod stack;
mod trainer;

#[cfg(feature = "cuda")]
pub use cuda::Gpu;
pub use machine::{Grid, Kernel, Machine, Plain};
pub use single::{SingleNetwork, Step};
pub(crate) use trainer::common;
pub use trainer::{EVALUATION_BATCH, EnsembleTrainer, can_join};
