//! Figure 7: lateral inhibition of the error does as well as centering it.

use super::drawing::{Drawing, Frame};
use super::histogram::{self, Bins};
use super::last_step::at_last_step;
use super::{Figure, axes, groups, style};
use crate::results::MeasurementRow;
use crate::statistics::median;
use crate::{Condition, Error, Result};
use polars::prelude::DataFrame;

const BOXES: [Condition; 3] =
    [Condition::INormLateral, Condition::INormCenter, Condition::INormFull];

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
    let lateral = rows.iter().filter(|row| row.condition == Condition::INormLateral);
    let measured = lateral.filter(|row| eigenvalue(row).is_some());
    let last = at_last_step(measured, |row| (row.id.as_str(), row.layer));
    if last.is_empty() {
        let expected = "eigenvalues of the condition inorm_lateral";
        return Err(Error::unfit("measurements table", "no row to draw", expected));
    }
    let of_layer = |layer: i32| -> Vec<f64> {
        let here = last.values().flatten().filter(|row| row.layer == layer);
        here.filter_map(|row| eigenvalue(row)).map(f64::log10).collect()
    };
    let layers = [of_layer(0), of_layer(1)];
    let (low, high) = axes::range(layers.concat(), 1.0);
    let bins = Bins::new(low.floor(), high.ceil(), ((high.ceil() - low.floor()) * 8.0) as usize);
    let mut drawing = Drawing::new(style::WIDTH, 290.0);
    let mut facts = Vec::new();
    let counts = layers.clone().map(|values| bins.counts(&values));
    let most = counts.iter().flatten().copied().max().unwrap_or(0).max(4) as f64;
    for (k, (values, counts)) in layers.iter().zip(&counts).enumerate() {
        let left = 350.0 * k as f64;
        let outer = Frame::new(left + 4.0, 4.0, left + 346.0, 286.0);
        let x = axes::Axis::logarithmic("largest eigenvalue", bins.low, bins.high());
        let y = axes::Axis::number("runs", 0.0, most * histogram::HEADROOM).at_most(5);
        let panel = axes::Panel::fit(outer, x.without_grid(), y);
        panel.draw(&mut drawing);
        let name = format!("hidden layer {}", k + 1);
        panel.heading(&mut drawing, outer.left, ["a", "b"][k], &name);
        let color = style::condition(Condition::INormLateral).color;
        histogram::draw(&mut drawing, &panel, bins, counts, color);
        if let Some(median) = median(values) {
            let text = format!("median {:.1e}, n = {}", 10f64.powf(median), values.len());
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
    use super::super::checks::{check, measured, sweep};
    use super::*;

    #[test]
    fn boxes_and_eigenvalues() {
        let mut conditions = BOXES.to_vec();
        conditions.push(Condition::ELn);
        let runs = sweep(&conditions);
        let live = runs.head(Some(2));
        check("fig7", &figure(&runs, Some(&live)).unwrap());
        let figure = eigenvalues(&measured(&runs)).unwrap();
        check("fig7_eigenvalues", &figure);
        assert!(figure.text().contains("n = 120"), "{}", figure.text());
    }

    #[test]
    fn without_lateral_inhibition_there_is_nothing_to_show() {
        let runs = sweep(&[Condition::ELn]);
        assert!(eigenvalues(&measured(&runs)).is_err());
    }
}
