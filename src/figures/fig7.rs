//! Figure 7: lateral inhibition of the error does as well as centering it.

use super::axes::{self, Axis, Panel};
use super::drawing::{Drawing, Frame};
use super::histogram::{self, Bins};
use super::last_step::at_last_step;
use super::{Figure, circuits, groups, style};
use crate::results::MeasurementRow;
use crate::statistics::median;
use crate::{Condition, Error, Result};
use polars::prelude::DataFrame;

/// Whose eigenvalues are shown.
const CONDITION: Condition = Condition::INormLateral;
const BOXES: [Condition; 3] = [CONDITION, Condition::INormCenter, Condition::INormFull];

/// Lateral inhibition of errors as a circuit.
///
/// The paper draws none.
pub fn circuit() -> Figure {
    let alt = "Lateral inhibition of errors: an error arrives at the apical dendrite of each \
               excitatory unit; one inhibitory cell pools them with fixed random weights, and takes \
               the same sum away from each.";
    Figure::of_circuit(circuits::LATERAL, alt, &["δ′_k = δ_k − Σ_j ν_j δ_j"])
}

/// Test accuracy at each ε with lateral inhibition, centering, and all of GradNorm, with the
/// median of LayerNorm.
///
/// `runs` are stored; `live` runs are drawn on top.
///
/// Paper: Fig. 7. Differs: diverged runs are counted under their box, and no box contains them.
///
/// # Errors
/// If a table lacks a column, or has no run of these conditions.
pub fn figure(runs: &DataFrame, live: Option<&DataFrame>) -> Result<Figure> {
    let mut drawing = Drawing::new(style::WIDTH, 400.0);
    let frame = Frame::new(4.0, 6.0, 696.0, 396.0);
    let facts = groups::draw(&mut drawing, frame, "", runs, live, &BOXES)?;
    let alt = "Test accuracy at each ε with lateral inhibition of the error, with centering, and \
               with all of GradNorm.";
    Figure::new(drawing, alt, facts)
}

/// The largest eigenvalue of the covariance of the error, one a run and hidden layer, at the
/// last measured step: what bounds how far lateral inhibition is from centering.
///
/// Paper: appendix. Differs: no.
///
/// # Errors
/// If the table lacks a column, or no eigenvalue of lateral inhibition was measured.
pub fn eigenvalues(measurements: &DataFrame) -> Result<Figure> {
    let rows = MeasurementRow::from_table(measurements)?;
    let eigenvalue = |row: &MeasurementRow| {
        row.error_eigenvalue.filter(|value| *value > 0.0 && value.is_finite())
    };
    let lateral = rows.iter().filter(|row| row.condition == CONDITION);
    let measured = lateral.filter(|row| eigenvalue(row).is_some());
    let last = at_last_step(measured, |row| (row.id.as_str(), row.layer));
    if last.is_empty() {
        let expected = format!("eigenvalues of the condition {}", CONDITION.name());
        return Err(Error::unfit("measurements table", "no row to draw", expected));
    }
    let layers = [0, 1].map(|layer| -> Vec<f64> {
        let here = last.values().flatten().filter(|row| row.layer == layer);
        here.filter_map(|row| eigenvalue(row)).map(f64::log10).collect()
    });
    let (low, high) = axes::range(layers.concat(), 1.0);
    let (low, high) = (low.floor(), high.ceil());
    let bins = Bins::new(low, high, ((high - low) * 8.0) as usize);
    let counts = layers.each_ref().map(|values| bins.counts(values));
    let mut drawing = Drawing::new(style::WIDTH, 290.0);
    let mut facts = Vec::new();
    for (k, (letter, left)) in [("a", 4.0), ("b", 354.0)].into_iter().enumerate() {
        let name = format!("hidden layer {}", k + 1);
        let outer = Frame::new(left, 4.0, left + 342.0, 286.0);
        let x = Axis::logarithmic("largest eigenvalue", bins.low, bins.high()).without_grid();
        let panel = Panel::fit(outer, x, histogram::runs_axis(&counts, 5))
            .draw(&mut drawing)
            .heading(&mut drawing, letter, &name);
        let color = style::condition(CONDITION).color;
        histogram::draw(&mut drawing, &panel, bins, &counts[k], color);
        if let Some(median) = median(&layers[k]) {
            let text = format!("median {:.1e}, n = {}", 10f64.powf(median), layers[k].len());
            histogram::mark(&mut drawing, &panel, median, &text);
            facts.push(format!("{name}: {text}"));
        }
    }
    let alt = "Histograms of the largest eigenvalue of the covariance of the error that reaches \
               GradNorm, for lateral inhibition.";
    Figure::new(drawing, alt, facts)
}

#[cfg(test)]
mod tests {
    use super::super::checks::{check, sweep};
    use super::*;

    #[test]
    fn live_runs_lie_on_top() {
        let runs = sweep(&[&BOXES[..], &[Condition::ELn]].concat());
        let figure = figure(&runs, Some(&runs.head(Some(2)))).unwrap();
        check("fig7_live", &figure);
        assert!(figure.text().contains("live, ε = 0"), "{}", figure.text());
    }
}
