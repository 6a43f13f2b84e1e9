//! Figure 6: of GradNorm's three steps, centering is what matters.

use super::alignment::{self, Histogram};
use super::drawing::{Drawing, Frame};
use super::{Figure, groups, style};
use crate::results::MeasurementRow;
use crate::{Condition, Result};
use polars::prelude::DataFrame;

const STEPS: [Condition; 3] =
    [Condition::INormCenter, Condition::INormDecorrelate, Condition::INormScale];
const BOXES: [Condition; 4] = [
    Condition::INormScale,
    Condition::INormDecorrelate,
    Condition::INormCenter,
    Condition::INormFull,
];

/// a: alignment of gradients with LayerNorm's for each step of GradNorm alone, all ε together.
/// b: test accuracy at each ε of each step and of all three, with the median of LayerNorm.
///
/// `runs` and `measurements` are stored; `live` runs are drawn on top.
///
/// Paper: Fig. 6. Differs: the paper leaves out runs at chance when the median is above one half;
/// here all diverged runs are counted under their box, and no box contains them; runs that finished
/// so low that the axis would more than double are in a strip below it, in words as well.
///
/// # Errors
/// If a table lacks a column, or has no run of these conditions.
pub fn figure(
    runs: &DataFrame,
    measurements: &DataFrame,
    live: Option<&DataFrame>,
) -> Result<Figure> {
    let measurements = MeasurementRow::from_table(measurements)?;
    let histogram = |condition: Condition| {
        let gradients = |row: &MeasurementRow| row.gradient_alignment;
        let values = alignment::of_runs(gradients, &measurements, condition, None);
        Histogram { name: condition.label().to_owned(), condition, values, published: None }
    };
    let mut drawing = Drawing::new(style::WIDTH, 760.0);
    let frame = Frame::new(4.0, 4.0, 696.0, 384.0);
    let mut facts = alignment::stack(&mut drawing, frame, "a", &STEPS.map(histogram));
    let below = Frame::new(4.0, 392.0, 696.0, 756.0);
    facts.extend(groups::draw(&mut drawing, below, "b", runs, live, &BOXES)?);
    let alt = "a: alignment of gradients with LayerNorm for each step of GradNorm alone. b: test \
               accuracy at each ε for each step alone and for all three.";
    Figure::new(drawing, alt, facts)
}
