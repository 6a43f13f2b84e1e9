//! Agreement with LayerNorm at the end of training, as histograms (Figs. 4b, 5b, 6).

use super::axes::{Axis, Panel};
use super::drawing::{Drawing, Frame, Stroke, Text};
use super::histogram::{self, Bins};
use super::last_step::at_last_step;
use super::style;
use crate::Condition;
use crate::results::MeasurementRow;
use crate::statistics::median;
use std::collections::BTreeMap;

/// What is compared with LayerNorm's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alignment {
    /// Of what the layer sends on.
    Output,
    /// Of what its weights learn from.
    Gradient,
}

impl Alignment {
    /// Its value in a row of measurements.
    fn of(self, row: &MeasurementRow) -> f64 {
        match self {
            Self::Output => row.output_alignment,
            Self::Gradient => row.gradient_alignment,
        }
    }

    /// Groups `rows` by `key`: the mean over hidden layers at the last measured step of each.
    pub fn last<'a, K: Ord>(
        self,
        rows: impl IntoIterator<Item = &'a MeasurementRow>,
        key: impl Fn(&'a MeasurementRow) -> K,
    ) -> BTreeMap<K, f64> {
        let measured = rows.into_iter().filter(|row| self.of(row).is_finite());
        let mean = |rows: Vec<&MeasurementRow>| {
            rows.iter().map(|row| self.of(row)).sum::<f64>() / rows.len() as f64
        };
        let last = at_last_step(measured, key);
        last.into_iter().map(|(key, rows)| (key, mean(rows))).collect()
    }
}

/// The alignment of each run of `condition`: both hidden layers averaged, at the last measured
/// step; only at `epsilon` if one is given.
pub fn of_runs(
    rows: &[MeasurementRow],
    condition: Condition,
    epsilon: Option<f64>,
    which: Alignment,
) -> Vec<f64> {
    let here =
        |r: &&MeasurementRow| r.condition == condition && epsilon.is_none_or(|e| r.epsilon == e);
    which.last(rows.iter().filter(here), |row| row.id.as_str()).into_values().collect()
}

/// One histogram.
pub struct Histogram {
    /// What it shows.
    pub name: String,
    /// Whose colour it has.
    pub condition: Condition,
    /// A cosine of each run.
    pub values: Vec<f64>,
    /// Between which values the published ones lie, where that is known.
    pub published: Option<[f64; 2]>,
}

/// Draws the histograms below each other into `outer`, all with the same axes; says their medians.
pub fn stack(drawing: &mut Drawing, outer: Frame, letter: &str, rows: &[Histogram]) -> Vec<String> {
    let everything: Vec<f64> = rows.iter().flat_map(|row| row.values.clone()).collect();
    let bins = Bins::cosine(&everything);
    let counts: Vec<_> = rows.iter().map(|row| bins.counts(&row.values)).collect();
    let most = counts.iter().flatten().copied().max().unwrap_or(0).max(4) as f64;
    let height = outer.height() / rows.len() as f64;
    let mut facts = Vec::new();
    for (k, (row, counts)) in rows.iter().zip(&counts).enumerate() {
        let Histogram { name, condition, values, published } = row;
        let last = k + 1 == rows.len();
        let frame = Frame {
            top: outer.top + height * k as f64,
            bottom: outer.top + height * (k + 1) as f64,
            ..outer
        };
        // A little room, so that what stands at 1 is not hidden by the edge.
        let title = if last { "cosine with LayerNorm" } else { "" };
        let x = Axis::number(title, bins.low, bins.high() + bins.width);
        let y = Axis::number("runs", 0.0, most * histogram::HEADROOM).at_most(4);
        let panel = Panel::fit(frame, x.without_grid(), y);
        panel.draw(drawing);
        panel.heading(drawing, outer.left, if k == 0 { letter } else { "" }, name);
        histogram::draw(drawing, &panel, bins, counts, style::condition(*condition).color);
        match median(values) {
            None => {
                let label = Text::new("no runs", panel.frame.center(), style::SMALL);
                drawing.text(label.middle().color(style::QUIET));
                facts.push(format!("{name}: no runs"));
            }
            Some(median) => {
                let text = format!("median {median:.2}, n = {}", values.len());
                histogram::mark(drawing, &panel, median, &text);
                facts.push(format!("{name}: {text}"));
            }
        }
        if let Some(range) = *published {
            mark_published(drawing, &panel, range);
            let [low, high] = range;
            facts.push(format!("{name}: published between {low} and {high}"));
        }
    }
    facts
}

/// A bar over the values that were published.
fn mark_published(drawing: &mut Drawing, panel: &Panel, range: [f64; 2]) {
    let [left, right] = range.map(|value| panel.at(value, 0.0).0);
    let y = panel.frame.top + 5.0;
    drawing.line([(left, y), (right, y)], Stroke::new(style::PUBLISHED, 4.0));
    histogram::beside(drawing, panel, [left, right], y, "published");
}
