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

/// What is compared with LayerNorm's, as the cosine in a row of measurements.
pub type Alignment = fn(&MeasurementRow) -> f64;

/// Of what a layer sends on, and of what its weights learn from.
pub const ALIGNMENTS: [(&str, Alignment); 2] =
    [("outputs", |row| row.output_alignment), ("gradients", |row| row.gradient_alignment)];

/// Groups `rows` by `key`: the mean over hidden layers at the last measured step of each.
pub fn at_the_end<'a, K: Ord>(
    alignment: Alignment,
    rows: impl IntoIterator<Item = &'a MeasurementRow>,
    key: impl Fn(&'a MeasurementRow) -> K,
) -> BTreeMap<K, f64> {
    let measured = rows.into_iter().filter(|row| alignment(row).is_finite());
    let mean = |rows: Vec<&MeasurementRow>| {
        rows.iter().map(|row| alignment(row)).sum::<f64>() / rows.len() as f64
    };
    let last = at_last_step(measured, key);
    last.into_iter().map(|(key, rows)| (key, mean(rows))).collect()
}

/// The alignment of each run of `condition`: both hidden layers averaged, at the last measured
/// step; only at `epsilon` if one is given.
pub fn of_runs(
    alignment: Alignment,
    rows: &[MeasurementRow],
    condition: Condition,
    epsilon: Option<f64>,
) -> Vec<f64> {
    let here =
        |r: &&MeasurementRow| r.condition == condition && epsilon.is_none_or(|e| r.epsilon == e);
    let ends = at_the_end(alignment, rows.iter().filter(here), |row| row.id.as_str());
    ends.into_values().collect()
}

/// One histogram.
pub struct Histogram {
    /// What it shows.
    pub name: String,
    /// Whose color it has.
    pub condition: Condition,
    /// A cosine of each run.
    pub values: Vec<f64>,
    /// Between which values the published ones lie, where that is known.
    pub published: Option<[f64; 2]>,
}

/// Draws the histograms below each other into `outer`, all with the same axes; returns the medians.
pub fn stack(drawing: &mut Drawing, outer: Frame, letter: &str, rows: &[Histogram]) -> Vec<String> {
    let everything: Vec<f64> = rows.iter().flat_map(|row| row.values.clone()).collect();
    let bins = Bins::cosine(&everything);
    let counts: Vec<_> = rows.iter().map(|row| bins.counts(&row.values)).collect();
    let height = outer.height() / rows.len() as f64;
    let mut facts = Vec::new();
    for (k, (row, counts_here)) in rows.iter().zip(&counts).enumerate() {
        let Histogram { name, condition, values, published } = row;
        let top = outer.top + height * k as f64;
        let frame = Frame { top, bottom: outer.top + height * (k + 1) as f64, ..outer };
        let title = if k + 1 == rows.len() { "cosine with LayerNorm" } else { "" };
        // A little room, so that what stands at 1 is not hidden by the edge.
        let x = Axis::number(title, bins.low, bins.high() + bins.width).without_grid();
        let panel = Panel::fit(frame, x, histogram::runs_axis(&counts, 4)).draw(drawing).heading(
            drawing,
            if k == 0 { letter } else { "" },
            name,
        );
        let color = style::condition(*condition).color;
        histogram::draw(drawing, &panel, bins, counts_here, color);
        let text = match median(values) {
            None => {
                let label = Text::new("no runs", panel.frame.center(), style::SMALL);
                drawing.text(label.middle().color(style::QUIET));
                "no runs".to_owned()
            }
            Some(median) => {
                let text = format!("median {median:.2}, n = {}", values.len());
                histogram::mark(drawing, &panel, median, &text);
                text
            }
        };
        facts.push(format!("{name}: {text}"));
        if let Some(range @ [low, high]) = *published {
            mark_published(drawing, &panel, range);
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
