//! Test accuracy of several conditions at each ε, as boxes side by side (Figs. 2b, 6, 7).

use super::axes::{self, Axis, Panel};
use super::drawing::{Dash, Drawing, Frame, Stroke, Text};
use super::legend::{Legend, Swatch, live};
use super::sample::Sample;
use super::{boxes, style};
use crate::results::{Published, RunRow, published_for};
use crate::statistics::{distinct, median, stars};
use crate::{Condition, Error, Result};
use polars::prelude::DataFrame;

/// Room for one box and the published values beside it, at most.
const BOX_ROOM: f64 = 72.0;

/// Draws boxes of `conditions`, the median of E-only + LN, and their legend into `frame`; says
/// what they show.
///
/// # Errors
/// If a table lacks a column, or has no run of these conditions.
pub fn draw(
    drawing: &mut Drawing,
    frame: Frame,
    letter: &str,
    runs: &DataFrame,
    live: Option<&DataFrame>,
    conditions: &[Condition],
) -> Result<Vec<String>> {
    let runs = RunRow::from_table(runs)?;
    let live = live.map(RunRow::from_table).transpose()?.unwrap_or_default();
    if !runs.iter().chain(&live).any(|run| conditions.contains(&run.condition)) {
        let names: Vec<_> = conditions.iter().map(|c| c.name()).collect();
        let expected = format!("at least one of {}", names.join(", "));
        return Err(Error::unfit("runs table", "no run to draw", expected));
    }
    let groups = Groups::new(&runs, &live, conditions);
    let legend = groups.legend();
    let height = legend.height(frame.width());
    legend.draw(drawing, frame);
    let panel = groups.draw(drawing, Frame { top: frame.top + height, ..frame });
    panel.heading(drawing, frame.left, letter, "test accuracy");
    Ok(groups.facts())
}

/// A chart of boxes: a group an ε, a box a condition.
struct Groups {
    epsilons: Vec<f64>,
    /// Left to right.
    conditions: Vec<Condition>,
    /// One for each ε and condition.
    samples: Vec<Sample>,
    /// The same for what was trained live.
    live: Vec<Sample>,
    /// Of the reference, one for each ε; its median is a dashed line behind the group.
    references: Vec<Sample>,
}

/// The condition that the others are compared with.
const REFERENCE: Condition = Condition::ELn;

impl Groups {
    /// Sorts `runs`, and `live_runs` to draw on top, into groups.
    fn new(runs: &[RunRow], live_runs: &[RunRow], conditions: &[Condition]) -> Self {
        let wanted = |run: &&RunRow| conditions.contains(&run.condition);
        let epsilons = distinct(runs.iter().chain(live_runs).filter(wanted).map(|r| r.epsilon));
        let sort = |runs: &[RunRow], conditions: &[Condition]| -> Vec<Sample> {
            let each = epsilons.iter().flat_map(|e| conditions.iter().map(move |c| (*c, *e)));
            each.map(|(c, e)| Sample::of(runs, c, Some(e))).collect()
        };
        Self {
            samples: sort(runs, conditions),
            live: sort(live_runs, conditions),
            references: sort(runs, &[REFERENCE]),
            conditions: conditions.to_vec(),
            epsilons,
        }
    }

    /// What the boxes say, in numbers.
    fn facts(&self) -> Vec<String> {
        let there = |sample: &&Sample| sample.count() > 0;
        let test = |sample: &Sample| match self.p_of(sample) {
            Some(p) => format!(", {} against {} (p = {p:.2e})", stars(p), REFERENCE.label()),
            None => String::new(),
        };
        let stored = self.references.iter().chain(&self.samples).filter(there);
        let stored = stored.map(|sample| format!("{}{}", sample.fact(), test(sample)));
        let live = self.live.iter().filter(there).map(|s| format!("live, {}", s.fact()));
        stored.chain(live).collect()
    }

    /// The test of a stored sample against the reference at its ε.
    fn p_of(&self, sample: &Sample) -> Option<f64> {
        let at_its_epsilon = |r: &&Sample| r.epsilon == sample.epsilon;
        let reference = self.references.iter().find(at_its_epsilon)?;
        (sample.condition != REFERENCE).then(|| sample.p_against(reference))?
    }

    /// Swatches for the conditions and whatever else is in the chart.
    fn legend(&self) -> Legend {
        let mut legend = Legend::default();
        for &condition in &self.conditions {
            let patch = Swatch::Patch(boxes::box_fill(style::condition(condition).color));
            legend = legend.entry(patch, condition.label());
        }
        legend = legend.entry(Swatch::Dashes, format!("median of {}", REFERENCE.label()));
        if self.samples.iter().any(|s| published_of(s).is_some()) {
            legend = legend.entry(Swatch::Published, "published median, quartiles");
        }
        if self.live.iter().any(|s| s.count() > 0) {
            legend = legend.entry(Swatch::Live, "trained live");
        }
        legend
    }

    /// Draws the panel into `outer`, with the counts of diverged runs in a row under the axis.
    fn draw(&self, drawing: &mut Drawing, outer: Frame) -> Panel {
        let names: Vec<_> = self.epsilons.iter().map(|e| style::epsilon_label(*e)).collect();
        // Room for the stars above the highest box.
        let (low, high) = axes::range(self.all_values(), 0.07);
        let mut x = Axis::names("", &names);
        // The names go below the counts.
        x.ticks.clear();
        // The word beside the counts is wider than the numbers on the axis.
        let inner = Frame { left: outer.left + 18.0, bottom: outer.bottom - 22.0, ..outer };
        let panel = Panel::fit(inner, x, Axis::percent("Test accuracy (%)", low, high));
        panel.draw(drawing);
        for (group, name) in names.iter().enumerate() {
            self.draw_group(drawing, &panel, group);
            let at = (panel.at(group as f64, low).0, panel.frame.bottom + 33.0);
            drawing.text(axes::title(name, at).middle());
        }
        let at = (panel.frame.left - 4.0, panel.frame.bottom + 13.0);
        drawing.text(Text::new("diverged", at, style::SMALL).end().color(style::QUIET));
        panel
    }

    fn draw_group(&self, drawing: &mut Drawing, panel: &Panel, group: usize) {
        let center = group as f64;
        if let Some(median) = self.references.get(group).and_then(|s| median(&s.values)) {
            let unit = panel.at(1.0, median).0 - panel.at(0.0, median).0;
            let half = 0.46_f64.min((self.conditions.len() as f64 * BOX_ROOM / 2.0 + 8.0) / unit);
            let ends = [panel.at(center - half, median), panel.at(center + half, median)];
            drawing.line(ends, Stroke::new(style::INK, 1.4).dash(Dash::Dashed));
        }
        let count = self.conditions.len();
        // A lonely group stays together instead of filling the chart.
        let unit = panel.at(1.0, panel.y.low).0 - panel.at(0.0, panel.y.low).0;
        let width = (0.86 / count as f64).min(BOX_ROOM / unit);
        for k in 0..count {
            let x = center + (k as f64 - (count as f64 - 1.0) / 2.0) * width;
            let (sample, live_sample) =
                (&self.samples[group * count + k], &self.live[group * count + k]);
            let look = style::condition(sample.condition);
            boxes::draw_sample(drawing, panel, x, width * 0.62, &sample.values, look);
            if let Some(p) = published_of(sample) {
                let y = |value| panel.at(x, value).1;
                let at = panel.at(x + width * 0.42, p.median).0;
                boxes::draw_published(drawing, at, y(p.q1), y(p.median), y(p.q3));
            }
            if let Some(p) = self.p_of(sample) {
                let (x, top) = panel.at(x, values_of(sample).fold(panel.y.low, f64::max));
                drawing.text(Text::new(stars(p), (x, top - 12.0), style::SMALL).middle());
            }
            if sample.count() > 0 {
                let at = (panel.at(x, panel.y.low).0, panel.frame.bottom + 13.0);
                boxes::draw_count(drawing, at, sample.diverged);
            }
            for &value in &live_sample.values {
                live(drawing, panel.at(x, value), look.marker, look.color);
            }
        }
    }

    fn all_values(&self) -> impl Iterator<Item = f64> + '_ {
        self.samples.iter().chain(&self.references).chain(&self.live).flat_map(values_of)
    }
}

/// What is drawn of a sample.
fn values_of(sample: &Sample) -> impl Iterator<Item = f64> + '_ {
    let published = published_of(sample).into_iter().flat_map(|p| [p.q1, p.q3]);
    sample.values.iter().copied().chain(published)
}

/// The published distribution, unless it is that of guessing.
fn published_of(sample: &Sample) -> Option<&'static Published> {
    published_for(sample.condition, sample.epsilon?).filter(|p| !p.is_at_chance())
}
