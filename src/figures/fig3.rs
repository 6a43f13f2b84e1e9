//! Figure 3: inhibitory populations learn to implement LayerNorm.

use super::axes::{self, Axis, Panel};
use super::drawing::{Drawing, Frame};
use super::last_step::at_last_step;
use super::legend::{Legend, Swatch};
use super::sample::with_counts;
use super::{Figure, boxes, circuits, style};
use crate::results::{MeasurementRow, RunRow};
use crate::statistics::median;
use crate::{Condition, Error, Result};
use polars::prelude::DataFrame;
use std::collections::{BTreeMap, HashSet};

const CONDITIONS: [Condition; 3] =
    [Condition::EiNone, Condition::INormSubNone, Condition::INormNone];
/// How many runs of each condition and ε the paper shows.
const BEST: usize = 10;

/// Which runs the boxes show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// The ten best of each condition and ε by test accuracy, as in the paper.
    Best,
    /// All.
    All,
}

/// A moment of the activity before ReLU.
struct Moment {
    name: &'static str,
    of: fn(&MeasurementRow) -> f64,
    /// What normalization aims at.
    target: f64,
    logarithmic: bool,
}

const MOMENTS: [Moment; 2] = [
    Moment { name: "mean", of: |row| row.mean, target: 0.0, logarithmic: false },
    // A variance of 0.01 and one of 100 are equally far from 1.
    Moment { name: "variance", of: |row| row.variance, target: 1.0, logarithmic: true },
];

/// The I-Norm circuit, forward and backward.
///
/// Paper: Fig. 3a. Differs: drawn by us.
pub fn circuit() -> Figure {
    let alt = "One I-Norm layer. Forward: an excitatory population E receives h; one inhibitory \
               population subtracts, another divides. Backward: the task error reaches W_EE only; \
               the I-Norm loss trains the weights onto the inhibitory populations.";
    let facts = [
        "forward: z = (e − i) / s",
        "backward: L_Task trains W_EE and b; L_I-Norm trains W_IE and U_IE; W_EI stays",
    ];
    Figure::of_circuit(circuits::I_NORM, alt, &facts)
}

/// Mean and variance over units of z in both hidden layers, at the last measured step of each
/// run, for no normalization, subtraction only, and I-Norm; all ε together.
///
/// Paper: Fig. 3b. Differs: the paper's values for subtraction at ε = 0.25 are of ε = 1, and its
/// first layer shows the second; here the axis says what is shown. Choosing the best runs by
/// test accuracy is the paper's; [`Choice::All`] shows every run.
///
/// # Errors
/// If a table lacks a column, or there is no measurement of these conditions.
pub fn moments(runs: &DataFrame, measurements: &DataFrame, choice: Choice) -> Result<Figure> {
    moments_of(&CONDITIONS, runs, measurements, choice)
}

/// The same for any conditions.
///
/// Paper: none for other conditions.
///
/// # Errors
/// As [`moments`].
pub fn moments_of(
    conditions: &[Condition],
    runs: &DataFrame,
    measurements: &DataFrame,
    choice: Choice,
) -> Result<Figure> {
    let runs = RunRow::from_table(runs)?;
    let kept = chosen(&runs, conditions, choice);
    let rows = MeasurementRow::from_table(measurements)?;
    let kept = rows.iter().filter(|row| kept.contains(row.id.as_str()));
    let last = at_last_step(kept, |row| (row.id.as_str(), row.layer));
    let rows: Vec<&MeasurementRow> = last.into_values().flatten().collect();
    if rows.is_empty() {
        let names: Vec<_> = conditions.iter().map(|condition| condition.name()).collect();
        let expected = format!("measurements of {}", names.join(", "));
        return Err(Error::unfit("measurements table", "no row to draw", expected));
    }
    let mut drawing = Drawing::new(style::WIDTH, 350.0);
    Legend::default()
        .boxes(conditions)
        .entry(Swatch::Dashes, "what normalization aims at")
        .draw(&mut drawing, Frame::new(0.0, 6.0, style::WIDTH, 30.0));
    let mut facts = Vec::new();
    for (moment, (letter, left)) in MOMENTS.iter().zip([("a", 4.0), ("b", 354.0)]) {
        let outer = Frame::new(left, 32.0, left + 342.0, 346.0);
        facts.extend(draw(&mut drawing, outer, letter, moment, &rows, conditions));
    }
    let which = match choice {
        Choice::Best => format!("the {BEST} best runs of each condition and ε"),
        Choice::All => "all runs".to_owned(),
    };
    let alt =
        format!("Mean and variance of activity before ReLU, at the end of training, {which}.");
    Figure::new(drawing, alt, facts)
}

fn chosen<'a>(runs: &'a [RunRow], conditions: &[Condition], choice: Choice) -> HashSet<&'a str> {
    let mut groups: BTreeMap<_, Vec<&RunRow>> = BTreeMap::new();
    for run in runs.iter().filter(|run| conditions.contains(&run.condition)) {
        groups.entry((run.condition, (run.epsilon * 1e6) as i64)).or_default().push(run);
    }
    let take = |mut group: Vec<&'a RunRow>| {
        group.sort_by(|a, b| b.test_accuracy.total_cmp(&a.test_accuracy));
        group.into_iter().take(if choice == Choice::Best { BEST } else { usize::MAX })
    };
    groups.into_values().flat_map(take).map(|run| run.id.as_str()).collect()
}

/// Draws the panel of one moment; returns its medians.
fn draw(
    drawing: &mut Drawing,
    outer: Frame,
    letter: &str,
    moment: &Moment,
    rows: &[&MeasurementRow],
    conditions: &[Condition],
) -> Vec<String> {
    let Moment { name, of, target, logarithmic } = *moment;
    let place = |v: f64| if logarithmic { v.max(1e-6).log10() } else { v };
    let every = rows.iter().map(|row| of(row)).chain([target]).map(place);
    let (low, high) = axes::range(every, 0.2);
    let title = format!("{name} of z over units");
    let y = match logarithmic {
        true => Axis::logarithmic(&title, low, high),
        false => Axis::number(&title, low, high),
    };
    let layers = ["hidden layer 1", "hidden layer 2"];
    let values_of = |layer: usize, condition: Condition| -> Vec<f64> {
        let here = rows.iter().filter(|r| (r.condition, r.layer) == (condition, layer as i32));
        here.map(|row| of(row)).filter(|v| v.is_finite()).collect()
    };
    let boxes = conditions.iter().flat_map(|&c| [0, 1].map(|layer| values_of(layer, c).len()));
    let heading = with_counts(name, boxes);
    let panel = Panel::fit(outer, Axis::names("", &layers), y)
        .draw(drawing)
        .heading(drawing, letter, &heading);
    let ends = [panel.x.low, panel.x.high].map(|x| panel.at(x, place(target)));
    drawing.line(ends, style::DASHES);
    let middle = (conditions.len() as f64 - 1.0) / 2.0;
    let mut facts = Vec::new();
    for (layer, layer_name) in layers.iter().enumerate() {
        for (k, &condition) in conditions.iter().enumerate() {
            let values = values_of(layer, condition);
            let Some(median) = median(&values) else { continue };
            let placed: Vec<_> = values.iter().copied().map(place).collect();
            let x = layer as f64 + (k as f64 - middle) * 0.28;
            boxes::draw_sample(drawing, &panel, x, 0.2, &placed, style::condition(condition));
            facts.push(format!(
                "{name} of z, {layer_name}, {}: median {median:.3}, n = {}",
                condition.label(),
                values.len()
            ));
        }
    }
    facts
}

#[cfg(test)]
mod tests {
    use super::super::checks::{check, measured, sweep};
    use super::*;

    #[test]
    fn moments_of_two_other_conditions() {
        let pair = [Condition::INormNone, Condition::INormFull];
        let runs = sweep(&pair);
        let figure = moments_of(&pair, &runs, &measured(&runs), Choice::All).unwrap();
        check("fig3_pair", &figure);
        assert!(figure.text().contains("I-Norm + GradNorm: median"), "{}", figure.text());
    }
}
