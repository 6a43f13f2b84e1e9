//! Agreement with LayerNorm at the end of training, as histograms (Figs. 4b, 5b, 6).

use super::axes::{Axis, Panel};
use super::curves::Alignment;
use super::drawing::{Drawing, Frame, Label, Stroke};
use super::histogram::{self, Bins};
use super::rows::Measurement;
use super::style;
use crate::Condition;
use crate::statistics::median;
use std::collections::BTreeMap;

/// The alignment of each run of `condition`: both hidden layers averaged, at the last measured
/// step; only at `epsilon` if one is given.
pub fn of_runs(
    rows: &[Measurement],
    condition: Condition,
    epsilon: Option<f64>,
    which: Alignment,
) -> Vec<f64> {
    let mut last: BTreeMap<&str, (i64, Vec<f64>)> = BTreeMap::new();
    let here =
        |r: &&Measurement| r.condition == condition && epsilon.is_none_or(|e| r.epsilon == e);
    for row in rows.iter().filter(here) {
        let Some(value) = which.of(row).filter(|value| value.is_finite()) else { continue };
        let (step, values) = last.entry(&row.id).or_insert((row.step, Vec::new()));
        if row.step > *step {
            (*step, *values) = (row.step, Vec::new());
        }
        if row.step == *step {
            values.push(value);
        }
    }
    last.into_values().map(|(_, values)| values.iter().sum::<f64>() / values.len() as f64).collect()
}

/// Draws one histogram a row into `outer`, all with the same axes, and says their medians.
pub fn stack(
    drawing: &mut Drawing,
    outer: Frame,
    letter: &str,
    rows: &[(String, Condition, Vec<f64>)],
) -> Vec<String> {
    let everything: Vec<f64> = rows.iter().flat_map(|(_, _, values)| values.clone()).collect();
    let bins = Bins::cosine(&everything);
    let counts: Vec<_> = rows.iter().map(|(_, _, values)| bins.counts(values)).collect();
    let most = counts.iter().flatten().copied().max().unwrap_or(0).max(4) as f64;
    let height = outer.height() / rows.len() as f64;
    let mut facts = Vec::new();
    for (k, ((name, condition, values), counts)) in rows.iter().zip(&counts).enumerate() {
        let last = k + 1 == rows.len();
        let frame = Frame {
            top: outer.top + height * k as f64,
            bottom: outer.top + height * (k + 1) as f64,
            ..outer
        };
        let x =
            Axis::number(if last { "cosine with LayerNorm" } else { "" }, bins.low, bins.high());
        let y = Axis::number("runs", 0.0, most * 1.12).at_most(4);
        let panel = Panel::fit(frame, x.without_grid(), y);
        panel.draw(drawing);
        panel.heading(drawing, outer.left, if k == 0 { letter } else { "" }, name);
        histogram::draw(drawing, &panel, bins, counts, style::condition(*condition).color);
        match median(values) {
            None => {
                let at = panel.frame.center();
                drawing.text(Label::new("no runs", at, style::SMALL).middle().color(style::QUIET));
                facts.push(format!("{name}: no runs"));
            }
            Some(median) => {
                let (x, y) = panel.at(median, 0.0);
                drawing.line([(x, panel.frame.top), (x, y)], Stroke::new(style::INK, 1.6));
                facts.push(format!("{name}: median {median:.2}, n = {}", values.len()));
            }
        }
    }
    facts
}
