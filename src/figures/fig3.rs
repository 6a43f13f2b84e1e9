//! Figure 3: inhibitory populations learn to implement LayerNorm.

use super::axes::{self, Axis, Panel};
use super::drawing::{Dash, Drawing, Frame, Stroke};
use super::last_step::at_last_step;
use super::legend::{Legend, Swatch};
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    Mean,
    Variance,
}

impl Moment {
    fn of(self, row: &MeasurementRow) -> f64 {
        match self {
            Self::Mean => row.mean,
            Self::Variance => row.variance,
        }
    }

    /// What normalization aims at.
    fn target(self) -> f64 {
        match self {
            Self::Mean => 0.0,
            Self::Variance => 1.0,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Variance => "variance",
        }
    }
}

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
    let mut legend = Legend::default();
    for &condition in conditions {
        let fill = boxes::box_fill(style::condition(condition).color);
        legend = legend.entry(Swatch::Patch(fill), condition.label());
    }
    legend = legend.entry(Swatch::Dashes, "what normalization aims at");
    legend.draw(&mut drawing, Frame::new(0.0, 6.0, style::WIDTH, 30.0));
    let mut facts = Vec::new();
    for (k, moment) in [Moment::Mean, Moment::Variance].into_iter().enumerate() {
        let left = 350.0 * k as f64;
        let outer = Frame::new(left + 4.0, 32.0, left + 346.0, 346.0);
        let panel = (moment, ["a", "b"][k]);
        draw(&mut drawing, outer, &rows, conditions, panel, &mut facts);
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
    let take = |mut group: Vec<_>| {
        group.sort_by(|a: &&RunRow, b| b.test_accuracy.total_cmp(&a.test_accuracy));
        group.truncate(if choice == Choice::Best { BEST } else { usize::MAX });
        group
    };
    groups.into_values().flat_map(take).map(|run| run.id.as_str()).collect()
}

fn draw(
    drawing: &mut Drawing,
    outer: Frame,
    rows: &[&MeasurementRow],
    conditions: &[Condition],
    (moment, letter): (Moment, &str),
    facts: &mut Vec<String>,
) {
    // A variance of 0.01 and one of 100 are equally far from 1: its axis is logarithmic.
    let logarithmic = moment == Moment::Variance;
    let place = |v: f64| if logarithmic { v.max(1e-6).log10() } else { v };
    let values = |condition: Condition, layer: i32| -> Vec<f64> {
        let here = rows.iter().filter(|r| r.condition == condition && r.layer == layer);
        here.map(|r| moment.of(r)).filter(|v| v.is_finite()).collect()
    };
    let every = rows.iter().map(|r| moment.of(r)).chain([moment.target()]).map(place);
    let (low, high) = axes::range(every, 0.2);
    let y = match moment {
        Moment::Mean => Axis::number("mean of z over units", low, high),
        Moment::Variance => Axis::logarithmic("variance of z over units", low, high),
    };
    let names = ["hidden layer 1".to_owned(), "hidden layer 2".to_owned()];
    let panel = Panel::fit(outer, Axis::names("", &names), y);
    panel.draw(drawing);
    panel.heading(drawing, outer.left, letter, moment.name());
    let target = place(moment.target());
    let ends = [panel.at(-0.5, target), panel.at(1.5, target)];
    drawing.line(ends, Stroke::new(style::INK, 1.4).dash(Dash::Dashed));
    for layer in 0..2 {
        for (k, &condition) in conditions.iter().enumerate() {
            let values = values(condition, layer);
            let placed: Vec<_> = values.iter().copied().map(place).collect();
            let Some(median) = median(&values) else { continue };
            let middle = (conditions.len() as f64 - 1.0) / 2.0;
            let x = layer as f64 + (k as f64 - middle) * 0.28;
            boxes::draw_sample(drawing, &panel, x, 0.2, &placed, style::condition(condition));
            facts.push(format!(
                "{} of z, hidden layer {}, {}: median {median:.3}, n = {}",
                moment.name(),
                layer + 1,
                condition.label(),
                values.len()
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::checks::{check, measured, sweep};
    use super::*;

    #[test]
    fn the_circuit_is_drawn_twice() {
        check("fig3_circuit", &circuit());
    }

    #[test]
    fn moments_of_the_best_and_of_all_runs() {
        let runs = sweep(&CONDITIONS);
        let measurements = measured(&runs);
        let best = moments(&runs, &measurements, Choice::Best).unwrap();
        check("fig3_best", &best);
        assert!(best.text().contains("I-Norm: median 1.0") && best.text().contains("n = 40"));
        let all = moments(&runs, &measurements, Choice::All).unwrap();
        check("fig3_all", &all);
        assert!(all.text().contains("n = 120"), "{}", all.text());
    }

    #[test]
    fn moments_of_two_other_conditions() {
        let pair = [Condition::INormNone, Condition::INormFull];
        let runs = sweep(&pair);
        let figure = moments_of(&pair, &runs, &measured(&runs), Choice::All).unwrap();
        check("fig3_pair", &figure);
        assert!(figure.text().contains("I-Norm + GradNorm: median"), "{}", figure.text());
    }

    #[test]
    fn runs_of_other_conditions_are_not_enough() {
        let runs = sweep(&[Condition::ELn]);
        let message = moments(&runs, &measured(&runs), Choice::All).unwrap_err().to_string();
        assert!(message.contains("inorm_sub_none, inorm_none"), "{message}");
    }
}
