//! Figure 2: LayerNorm improves perceptual invariance in excitatory-inhibitory networks.

use super::drawing::{Drawing, Frame, Stroke, Text};
use super::legend::{Legend, Swatch};
use super::sample::Sample;
use super::scatter::{Comparison, Versus};
use super::{Figure, axes, boxes, style};
use crate::results::RunRow;
use crate::statistics::stars;
use crate::{Condition, Result};
use polars::prelude::DataFrame;

/// How many runs panel b takes of each condition.
const BEST: usize = 10;

/// a: each configuration and ε once with LayerNorm (x) and once without (y). b: the ten best
/// runs with LayerNorm, and beside them all runs, with and without inhibition, all ε together.
///
/// `runs` are stored runs; `live` are drawn on top of them.
///
/// Paper: Fig. 2. Differs: panel b also shows all runs, because choosing runs by the accuracy
/// that is then compared favours whichever varies more.
///
/// # Errors
/// If a table lacks a column, or has no run of the two conditions.
pub fn figure(runs: &DataFrame, live: Option<&DataFrame>) -> Result<Figure> {
    let runs = RunRow::from_table(runs)?;
    let live = live.map(RunRow::from_table).transpose()?.unwrap_or_default();
    let versus = Versus { x: Condition::EiLn, y: Condition::EiNone };
    let comparison = Comparison::of(&runs, &live, versus)?;
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

fn best(drawing: &mut Drawing, outer: Frame, runs: &[RunRow]) -> Vec<String> {
    let conditions = [Condition::EiLn, Condition::ELn];
    let all = conditions.map(|condition| Sample::of(runs, condition, None));
    let top = all.clone().map(|mut sample| {
        sample.values.sort_by(|a, b| b.total_cmp(a));
        sample.values.truncate(BEST);
        sample
    });
    let values = || all.iter().flat_map(|s| s.values.iter().copied());
    let (low, high) = axes::range(values(), 0.1);
    let names = [format!("{BEST} best"), "all runs".to_owned()];
    let x = axes::Axis::names("", &names);
    let panel = axes::Panel::fit(
        Frame { bottom: outer.bottom - 24.0, ..outer },
        x,
        axes::Axis::percent("Test accuracy (%)", low, high),
    );
    panel.draw(drawing);
    panel.heading(drawing, outer.left, "b", "with LayerNorm");
    if values().next().is_none() {
        let label = Text::new("no stored runs yet", panel.frame.center(), style::SMALL);
        drawing.text(label.middle().color(style::QUIET));
    }
    let mut legend = Legend::default();
    for (k, condition) in conditions.into_iter().enumerate() {
        let color = style::condition(condition).color;
        legend = legend.entry(Swatch::Patch(boxes::box_fill(color)), condition.label());
        for (group, sample) in [&top[k], &all[k]].into_iter().enumerate() {
            let x = group as f64 + (k as f64 - 0.5) * 0.42;
            let look = style::condition(condition);
            boxes::draw_sample(drawing, &panel, x, 0.3, &sample.values, look);
        }
    }
    let mut tests = Vec::new();
    for (group, ([ei, e], which)) in [(&top, "best"), (&all, "all")].into_iter().enumerate() {
        if let Some(p) = ei.p_against(e) {
            bracket(drawing, &panel, group as f64, [ei, e], stars(p));
            tests.push(format!("{which}: EI against E-only {} (p = {p:.2e})", stars(p)));
        }
    }
    legend.draw(drawing, Frame::new(outer.left, outer.bottom - 22.0, outer.right, outer.bottom));
    let name = |name: &'static str| move |sample: &Sample| format!("{name}: {}", sample.fact());
    let best = top.iter().filter(|s| !s.values.is_empty()).map(name("best"));
    let all = all.iter().filter(|s| s.count() > 0).map(name("all"));
    best.chain(all).chain(tests).collect()
}

/// Joins the two boxes of a group by a line above them, and writes how unlike they are.
fn bracket(drawing: &mut Drawing, panel: &axes::Panel, x: f64, pair: [&Sample; 2], stars: &str) {
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
    fn stored_runs_with_live_ones_on_top() {
        let runs = sweep(&[Condition::EiLn, Condition::EiNone, Condition::ELn]);
        let live = made_up::runs_table(&[
            (Condition::EiLn, 0, 0.75, Some(0.80)),
            (Condition::EiNone, 0, 0.75, Some(0.77)),
        ]);
        let figure = figure(&runs, Some(&live)).unwrap();
        check("fig2", &figure);
        let text = figure.text();
        assert!(text.contains("120 pairs") && text.contains("best: E-only + LN: median"), "{text}");
    }

    #[test]
    fn live_runs_alone() {
        let live = made_up::runs_table(&[
            (Condition::EiLn, 0, 0.75, Some(0.80)),
            (Condition::EiNone, 0, 0.75, Some(0.77)),
        ]);
        let figure = figure(&live.head(Some(0)), Some(&live)).unwrap();
        check("fig2_live", &figure);
        assert!(
            figure.text().contains("live, ε = 0.75: 80.0 % for EI + LN, 77.0 % for EI"),
            "{}",
            figure.text()
        );
    }

    #[test]
    fn no_runs_of_the_conditions_is_said() {
        let message = figure(&sweep(&[Condition::ELn]), None).unwrap_err().to_string();
        assert!(message.contains("EI + LN") && message.contains("runs table"), "{message}");
    }
}
