//! A network beside LayerNorm: its accuracy, and the alignment of what it computes (Figs. 4, 5).

use super::alignment::{self, ALIGNMENTS, Histogram};
use super::drawing::{Drawing, Frame};
use super::scatter::Comparison;
use super::{Figure, style};
use crate::configuration::WIDEST;
use crate::results::{MeasurementRow, RunRow};
use crate::{Condition, Result};
use polars::prelude::DataFrame;

/// Between which values the alignments of outputs and gradients lie in Fig. 4b.
const PUBLISHED: [[f64; 2]; 2] = [[0.7, 1.0], [0.1, 0.3]];

/// a: each configuration and ε with LayerNorm (x) and under `condition` (y). b: alignment of the
/// outputs and gradients under `condition` with LayerNorm's at ε = 0.75.
pub fn against_layer_norm(
    condition: Condition,
    runs: &DataFrame,
    measurements: &DataFrame,
    live: Option<&DataFrame>,
) -> Result<Figure> {
    let runs = RunRow::from_table(runs)?;
    let live = live.map(RunRow::from_table).transpose()?.unwrap_or_default();
    let measurements = MeasurementRow::from_table(measurements)?;
    let comparison = Comparison::of(&runs, &live, [Condition::ELn, condition])?;
    let mut drawing = Drawing::new(style::WIDTH, 430.0);
    let (x, y) = (Condition::ELn.label(), condition.label());
    let mut facts = comparison.draw(&mut drawing, &format!("{y} against LayerNorm"));
    let histogram = |((name, alignment), published)| Histogram {
        name: format!("{name}, ε = {WIDEST}"),
        condition,
        values: alignment::of_runs(alignment, &measurements, condition, Some(WIDEST)),
        published: (condition == Condition::INormNone).then_some(published),
    };
    let histograms: Vec<_> = ALIGNMENTS.into_iter().zip(PUBLISHED).map(histogram).collect();
    let right = Frame::new(430.0, 32.0, 696.0, 416.0);
    facts.extend(alignment::stack(&mut drawing, right, "b", &histograms));
    let alt = format!(
        "a: test accuracy of {x} (x) against {y} (y), {} pairs. b: alignment of outputs and \
         gradients of {y} with LayerNorm.",
        comparison.count(),
    );
    Figure::new(drawing, alt, facts)
}
