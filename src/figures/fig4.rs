//! Figure 4: I-Norm alone does not reach LayerNorm.

use super::{Figure, against_layer_norm::against_layer_norm};
use crate::{Condition, Result};
use polars::prelude::DataFrame;

/// a: each configuration and ε with LayerNorm (x) and with I-Norm (y). b: alignment of I-Norm's
/// outputs and gradients with LayerNorm's at ε = 0.75.
///
/// `runs` and `measurements` are stored; `live` runs are drawn on top.
///
/// Paper: Fig. 4. Differs: diverged runs are counted and marked on the axis.
///
/// # Errors
/// If a table lacks a column, or no configuration was trained under both conditions.
pub fn figure(
    runs: &DataFrame,
    measurements: &DataFrame,
    live: Option<&DataFrame>,
) -> Result<Figure> {
    against_layer_norm(Condition::INormNone, runs, measurements, live)
}

#[cfg(test)]
mod tests {
    use super::super::checks::{check, measured, sweep};
    use super::*;

    #[test]
    fn stored_runs_without_measurements() {
        let runs = sweep(&[Condition::ELn, Condition::INormNone]);
        let figure = figure(&runs, &measured(&runs).head(Some(0)), None).unwrap();
        check("fig4_unmeasured", &figure);
        assert!(figure.text().contains("outputs, ε = 0.75: no runs"), "{}", figure.text());
    }
}
