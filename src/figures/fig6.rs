//! Figure 6: of GradNorm's three steps, centering is what matters.

use super::alignment::{self, Alignment, Histogram};
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
/// here all diverged runs are counted under their box, and no box contains them.
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
        let values = alignment::of_runs(&measurements, condition, None, Alignment::Gradient);
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

#[cfg(test)]
mod tests {
    use super::super::checks::{check, measured, sweep};
    use super::*;

    #[test]
    fn steps_alone_and_together() {
        let mut conditions = BOXES.to_vec();
        conditions.push(Condition::ELn);
        let runs = sweep(&conditions);
        let figure = figure(&runs, &measured(&runs), None).unwrap();
        check("fig6", &figure);
        let text = figure.text();
        assert!(text.contains("I-Norm + center: median") && text.contains("diverged"), "{text}");
    }

    #[test]
    fn no_run_of_the_conditions_is_said() {
        let runs = sweep(&[Condition::ELn]);
        let message = figure(&runs, &measured(&runs), None).unwrap_err().to_string();
        assert!(message.contains("inorm_scale, inorm_decorrelate"), "{message}");
    }
}
