//! Figure 5: GradNorm restores LayerNorm's performance.

use super::{Figure, against_layer_norm::against_layer_norm, circuits};
use crate::{Condition, Result};
use polars::prelude::DataFrame;

/// The backward pass of an I-Norm layer with GradNorm.
///
/// Paper: Fig. 5a. Differs: drawn by us.
pub fn circuit() -> Figure {
    let alt = "The backward pass of an I-Norm layer with GradNorm: the task error δ passes GradNorm \
               and becomes δ′, which trains W_EE. The I-Norm loss trains the inhibitory \
               populations, as before.";
    let facts = ["δ′ = (δ − mean(δ) − z·mean(δ⊙z)) / σ_z"];
    Figure::of_circuit(circuits::GRAD_NORM, alt, &facts)
}

/// a: each configuration and ε with LayerNorm (x) and with I-Norm and GradNorm (y). b: alignment
/// of outputs and gradients with LayerNorm's at ε = 0.75.
///
/// Paper: Fig. 5c and 5b. Differs: diverged runs are counted and marked on the axis.
///
/// # Errors
/// If a table lacks a column, or no configuration was trained under both conditions.
pub fn figure(
    runs: &DataFrame,
    measurements: &DataFrame,
    live: Option<&DataFrame>,
) -> Result<Figure> {
    against_layer_norm(Condition::INormFull, runs, measurements, live)
}
