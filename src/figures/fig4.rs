//! Figure 4: I-Norm alone does not reach LayerNorm.

use super::alignment::{self, Row};
use super::curves::Alignment;
use super::drawing::{Drawing, Frame};
use super::scatter::{Comparison, Versus};
use super::style;
use crate::configuration::WIDEST;
use crate::notebook::Figure;
use crate::results::{MeasurementRow, RunRow};
use crate::{Condition, Result};
use polars::prelude::DataFrame;

/// Between which values the alignments of Fig. 4b lie.
const PUBLISHED_OUTPUTS: [f64; 2] = [0.7, 1.0];
const PUBLISHED_GRADIENTS: [f64; 2] = [0.1, 0.3];

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
    let versus = Versus { x: Condition::ELn, y: Condition::INormNone };
    compare(runs, measurements, live, versus)
}

/// A scatter plot of `versus`, and the alignment of its second condition beside it.
pub(super) fn compare(
    runs: &DataFrame,
    measurements: &DataFrame,
    live: Option<&DataFrame>,
    versus: Versus,
) -> Result<Figure> {
    let runs = RunRow::from_table(runs)?;
    let live = live.map(RunRow::from_table).transpose()?.unwrap_or_default();
    let measurements = MeasurementRow::from_table(measurements)?;
    let comparison = Comparison::of(&runs, &live, versus)?;
    let mut drawing = Drawing::new(style::WIDTH, 430.0);
    let mut facts =
        comparison.draw(&mut drawing, &format!("{} against LayerNorm", versus.y.label()));
    let rows = [
        (Alignment::Output, "outputs", PUBLISHED_OUTPUTS),
        (Alignment::Gradient, "gradients", PUBLISHED_GRADIENTS),
    ]
    .map(|(which, name, published)| Row {
        name: format!("{name}, ε = {WIDEST}"),
        condition: versus.y,
        values: alignment::of_runs(&measurements, versus.y, Some(WIDEST), which),
        published: (versus.y == Condition::INormNone).then_some(published),
    });
    let right = Frame::new(430.0, 32.0, 696.0, 416.0);
    facts.extend(alignment::stack(&mut drawing, right, "b", &rows));
    let alt = format!(
        "a: test accuracy of {} (x) against {} (y), {} pairs. b: alignment of outputs and \
         gradients of {} with LayerNorm.",
        versus.x.label(),
        versus.y.label(),
        comparison.count(),
        versus.y.label()
    );
    Figure::new(drawing, alt, facts)
}

#[cfg(test)]
mod tests {
    use super::super::checks::{check, measured, sweep};
    use super::*;

    #[test]
    fn stored_runs_with_and_without_measurements() {
        let runs = sweep(&[Condition::ELn, Condition::INormNone]);
        let measurements = measured(&runs);
        let whole = figure(&runs, &measurements, None).unwrap();
        check("fig4", &whole);
        let text = whole.text();
        assert!(
            text.contains("gradients, ε = 0.75: median 0.") && text.contains("diverged"),
            "{text}"
        );
        let empty = figure(&runs, &measurements.head(Some(0)), None).unwrap();
        check("fig4_unmeasured", &empty);
        assert!(empty.text().contains("outputs, ε = 0.75: no runs"));
    }
}
