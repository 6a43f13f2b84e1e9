//! Figure 2: LayerNorm improves perceptual invariance in excitatory-inhibitory networks.

use super::axes::{Axis, Panel};
use super::drawing::{Drawing, Frame, Stroke, Text};
use super::legend::Legend;
use super::reach::Reach;
use super::sample::{Sample, with_counts};
use super::scatter::Comparison;
use super::{Figure, boxes, style};
use crate::results::RunRow;
use crate::statistics::stars;
use crate::{Condition, Result};
use polars::prelude::DataFrame;

/// How many runs panel b takes of each condition.
const BEST: usize = 10;
/// From one box of a pair to the other.
const APART: f64 = 0.42;

/// What panel b compares.
const CONDITIONS: [Condition; 2] = [Condition::EiLn, Condition::ELn];

/// a: each configuration and ε once with LayerNorm (x) and once without (y). b: the ten best
/// runs with LayerNorm, and beside them all runs, with and without inhibition, all ε together.
///
/// `runs` are stored runs; `live` are drawn on top of them.
///
/// Paper: Fig. 2. Differs: panel b also shows all runs, because choosing runs by the accuracy
/// that is then compared favors whichever varies more.
///
/// # Errors
/// If a table lacks a column, or has no run of the two conditions.
pub fn figure(runs: &DataFrame, live: Option<&DataFrame>) -> Result<Figure> {
    let runs = RunRow::from_table(runs)?;
    let live = live.map(RunRow::from_table).transpose()?.unwrap_or_default();
    let comparison = Comparison::of(&runs, &live, [Condition::EiLn, Condition::EiNone])?;
    let mut drawing = Drawing::new(style::WIDTH, 430.0);
    let mut facts = comparison.draw(&mut drawing, "with and without LayerNorm");
    facts.extend(best(&mut drawing, Frame::new(436.0, 32.0, 694.0, 420.0), &runs));
    let alt = format!(
        "a: test accuracy of EI networks with LayerNorm (x) against the same without (y), {} pairs. \
         b: the {BEST} best runs and all runs with LayerNorm, EI beside E-only.",
        comparison.count()
    );
    Figure::new(drawing, alt, facts)
}

/// Draws panel b; returns its key numbers.
fn best(drawing: &mut Drawing, outer: Frame, runs: &[RunRow]) -> Vec<String> {
    let all = CONDITIONS.map(|condition| Sample::of(runs, condition, None));
    let top = all.clone().map(|sample| sample.best(BEST));
    let reach = Reach::of(all.iter().map(|sample| &sample.values[..]), [], 0.1);
    let names = [format!("{BEST} best"), with_counts("all", all.iter().map(Sample::count))];
    let y = reach.axis("Test accuracy (%)");
    let inner = Frame { bottom: outer.bottom - 24.0, ..outer };
    let panel = Panel::fit(inner, Axis::names("", &names), y).draw(drawing).heading(
        drawing,
        "b",
        "with LayerNorm",
    );
    if all.iter().all(|sample| sample.values.is_empty()) {
        let label = Text::new("no stored runs yet", panel.frame.center(), style::SMALL);
        drawing.text(label.middle().color(style::QUIET));
    }
    let (mut facts, mut tests) = (Vec::new(), Vec::new());
    for (place, which, samples) in [(0.0, "best", &top), (1.0, "all", &all)] {
        for (sample, side) in samples.iter().zip([-0.5, 0.5]) {
            let (x, look) = (place + side * APART, style::condition(sample.condition));
            boxes::draw_sample(drawing, &panel, x, 0.3, &sample.values, look);
            facts.extend((sample.count() > 0).then(|| format!("{which}: {}", sample.fact(reach))));
        }
        let [ei, e] = samples;
        if let Some(p) = ei.p_against(e) {
            bracket(drawing, &panel, place, [ei, e], stars(p));
            let (stars, p) = (stars(p), style::p_value(p));
            tests.push(format!("{which}: EI against E-only {stars} ({p})"));
        }
    }
    for (sample, side) in all.iter().zip([-0.5, 0.5]) {
        boxes::draw_words(drawing, &panel, 1.0 + side * APART, &sample.values, reach);
    }
    let below = Frame::new(outer.left, outer.bottom - 22.0, outer.right, outer.bottom);
    Legend::default().boxes(&CONDITIONS).draw(drawing, below);
    [facts, tests].concat()
}

/// Joins the two boxes of a group by a bracket with the stars of their difference.
fn bracket(drawing: &mut Drawing, panel: &Panel, x: f64, pair: [&Sample; 2], stars: &str) {
    let highest = pair.iter().flat_map(|s| s.values.iter().copied()).fold(0.0, f64::max);
    let ((left, top), (right, _)) = (panel.at(x - 0.21, highest), panel.at(x + 0.21, highest));
    let (foot, bar) = (top - 7.0, top - 11.0);
    let line = [(left, foot), (left, bar), (right, bar), (right, foot)];
    drawing.line(line, Stroke::new(style::INK, 1.0));
    let label = Text::new(stars, ((left + right) / 2.0, bar - 9.0), style::SMALL);
    drawing.text(label.middle());
}

#[cfg(test)]
mod tests {
    use super::super::checks::{check, sweep};
    use super::*;
    use crate::results::made_up;

    #[test]
    fn live_runs_with_and_without_stored_ones() {
        let stored = sweep(&[Condition::EiLn, Condition::EiNone, Condition::ELn]);
        let live = made_up::runs_table(&[
            (Condition::EiLn, 0, 0.75, Some(0.80)),
            (Condition::EiNone, 0, 0.75, Some(0.77)),
        ]);
        let both = figure(&stored, Some(&live)).unwrap();
        check("fig2_both", &both);
        let text = both.text();
        assert!(text.contains("120 pairs") && text.contains("best: E-only + LN: median"), "{text}");
        let alone = figure(&live.head(Some(0)), Some(&live)).unwrap();
        check("fig2_live", &alone);
        let text = alone.text();
        assert!(text.contains("live, ε = 0.75: 80.0 % for EI + LN, 77.0 % for EI"), "{text}");
    }
}
