//! Figure 5: GradNorm restores LayerNorm's performance.

use super::drawing::{Drawing, Frame};
use super::fig4;
use super::scatter::Versus;
use super::schematic::{self, Pass};
use crate::notebook::Figure;
use crate::{Condition, Result};
use polars::prelude::DataFrame;

/// The backward pass of an I-Norm layer with GradNorm.
///
/// Paper: Fig. 5a. Differs: drawn by us.
///
/// # Errors
/// If the picture cannot be rendered.
pub fn circuit() -> Result<Figure> {
    let mut drawing = Drawing::new(440.0, 300.0);
    let frame = Frame::new(20.0, 8.0, 420.0, 296.0);
    schematic::circuit(&mut drawing, frame, Pass::BackwardWithGradNorm);
    let alt = "The backward pass of an I-Norm layer with GradNorm: the task error δ passes GradNorm \
               and becomes δ′, which trains W_EE. The I-Norm loss trains the inhibitory \
               populations, as before.";
    let facts = vec!["δ′ = (δ − mean(δ) − z·mean(δ⊙z)) / σ_z".to_owned()];
    Figure::new(drawing, alt, facts)
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
    let versus = Versus { x: Condition::ELn, y: Condition::INormFull };
    fig4::compare(runs, measurements, live, versus)
}

#[cfg(test)]
mod tests {
    use super::super::checks::{check, measured, sweep};
    use super::*;

    #[test]
    fn the_circuit_and_the_comparison() {
        check("fig5_circuit", &circuit().unwrap());
        let runs = sweep(&[Condition::ELn, Condition::INormFull]);
        check("fig5", &figure(&runs, &measured(&runs), Some(&runs.head(Some(1)))).unwrap());
    }
}
