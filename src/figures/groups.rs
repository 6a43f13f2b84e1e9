//! Test accuracy of several conditions at each ε, as boxes side by side (Figs. 6, 7).

use super::axes::{self, Axis, Panel};
use super::drawing::{Drawing, Frame, Text};
use super::legend::{self, Legend, Swatch};
use super::reach::Reach;
use super::sample::Sample;
use super::{boxes, style};
use crate::results::RunRow;
use crate::statistics::{distinct, median, stars};
use crate::{Condition, Error, Result};
use polars::prelude::DataFrame;

/// Room for one box and the published values beside it, at most.
const BOX_ROOM: f64 = 72.0;

/// How far under the axis the counts of runs and of those that diverged are.
const COUNTS: [f64; 2] = [13.0, 29.0];

/// The condition that the others are compared with.
const REFERENCE: Condition = Condition::ELn;

/// Draws boxes of `conditions`, the median of E-only + LN, and their legend into `frame`; returns
/// the key numbers.
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
    let wanted = |run: &&RunRow| conditions.contains(&run.condition);
    let epsilons = distinct(runs.iter().chain(&live).filter(wanted).map(|run| run.epsilon));
    if epsilons.is_empty() {
        let names: Vec<_> = conditions.iter().map(|c| c.name()).collect();
        let expected = format!("at least one of {}", names.join(", "));
        return Err(Error::unfit("runs table", "no run to draw", expected));
    }
    let group = |epsilon| Group::new(&runs, &live, conditions, epsilon);
    let groups: Vec<Group> = epsilons.into_iter().map(group).collect();
    let legend = legend_of(&groups, conditions);
    let height = legend.height(frame.width());
    legend.draw(drawing, frame);
    let reach = reach(&groups);
    draw_panel(drawing, Frame { top: frame.top + height, ..frame }, letter, &groups, reach);
    Ok(facts(&groups, reach))
}

/// How far the axis reaches: to all that is drawn, with room for the stars above the highest box.
fn reach(groups: &[Group]) -> Reach {
    let samples = groups.iter().flat_map(|g| g.samples.iter().chain([&g.reference]).chain(&g.live));
    let published = samples.clone().filter_map(Sample::published).flat_map(|p| [p.q1, p.q3]);
    Reach::of(samples.map(|sample| &sample.values[..]), published, 0.07)
}

/// The boxes of one ε.
struct Group {
    epsilon: f64,
    /// One for each condition, left to right.
    samples: Vec<Sample>,
    /// The same for what was trained live.
    live: Vec<Sample>,
    /// Its median is a dashed line behind the boxes.
    reference: Sample,
}

impl Group {
    fn new(runs: &[RunRow], live: &[RunRow], conditions: &[Condition], epsilon: f64) -> Self {
        let sample = |runs, &condition: &Condition| Sample::of(runs, condition, Some(epsilon));
        Self {
            epsilon,
            samples: conditions.iter().map(|condition| sample(runs, condition)).collect(),
            live: conditions.iter().map(|condition| sample(live, condition)).collect(),
            reference: sample(runs, &REFERENCE),
        }
    }

    /// Draws the boxes; returns where each is.
    fn draw(&self, drawing: &mut Drawing, panel: &Panel, center: f64) -> Vec<f64> {
        let count = self.samples.len() as f64;
        let unit = panel.at(1.0, panel.y.low).0 - panel.at(0.0, panel.y.low).0;
        let reference = median(&self.reference.values).map(|median| panel.at(center, median).1);
        if let Some(median) = median(&self.reference.values) {
            let half = 0.46_f64.min((count * BOX_ROOM / 2.0 + 8.0) / unit);
            let ends = [panel.at(center - half, median), panel.at(center + half, median)];
            drawing.line(ends, style::DASHES);
        }
        // A single group stays together instead of filling the chart.
        let width = (0.86 / count).min(BOX_ROOM / unit);
        let places: Vec<f64> = (0..self.samples.len())
            .map(|k| center + (k as f64 - (count - 1.0) / 2.0) * width)
            .collect();
        for ((sample, live), &x) in self.samples.iter().zip(&self.live).zip(&places) {
            let look = style::condition(sample.condition);
            boxes::draw_sample(drawing, panel, x, width * 0.62, &sample.values, look);
            if let Some(p) = sample.published() {
                let beside = [p.q1, p.median, p.q3].map(|v| panel.at(x + width * 0.42, v));
                legend::published(drawing, beside, 3.5);
            }
            if let Some(p) = sample.published_at_chance() {
                let [upper, end] = [p.q3.max(panel.y.low), panel.y.low];
                let beside = [upper, end].map(|v| panel.at(x + width * 0.42, v));
                legend::published_below(drawing, beside, 3.5);
            }
            if let Some(p) = sample.p_against(&self.reference) {
                let (x, top) = panel.at(x, values_of(sample).fold(panel.y.low, f64::max));
                let at = clear_of(reference, top - 12.0);
                drawing.text(Text::new(stars(p), (x, at), style::SMALL).middle());
            }
            if sample.count() > 0 {
                for (count, y) in [sample.count(), sample.diverged].into_iter().zip(COUNTS) {
                    let at = (panel.at(x, panel.y.low).0, panel.frame.bottom + y);
                    boxes::draw_count(drawing, at, count);
                }
            }
            for &value in &live.values {
                legend::live(drawing, panel.at(x, value), look.marker, look.color);
            }
        }
        places
    }
}

/// The height of a label, or one above a line that would go through it.
fn clear_of(line: Option<f64>, label: f64) -> f64 {
    line.filter(|line| (line - label).abs() < 8.0).map_or(label, |line| line - 8.0)
}

/// Swatches for the conditions and whatever else is in the chart.
fn legend_of(groups: &[Group], conditions: &[Condition]) -> Legend {
    let published = groups.iter().flat_map(|g| &g.samples).any(|s| s.published().is_some());
    let live = groups.iter().flat_map(|g| &g.live).any(|s| s.count() > 0);
    Legend::default()
        .boxes(conditions)
        .stored()
        .entry(Swatch::Dashes, format!("median of {}", REFERENCE.label()))
        .on_top(published, live)
}

/// Draws the panel into `outer`, with the counts of runs and of those that diverged in two rows under
/// the axis.
fn draw_panel(drawing: &mut Drawing, outer: Frame, letter: &str, groups: &[Group], reach: Reach) {
    let names: Vec<_> = groups.iter().map(|g| style::epsilon_label(g.epsilon)).collect();
    // The names go below the counts.
    let x = Axis { ticks: Vec::new(), ..Axis::names("", &names) };
    // The word beside the counts is wider than the numbers on the axis.
    let inner = Frame { left: outer.left + 18.0, bottom: outer.bottom - 38.0, ..outer };
    let panel = Panel::fit(inner, x, reach.axis("Test accuracy (%)"));
    let panel = Panel { left: outer.left, ..panel }.draw(drawing);
    let mut samples = Vec::new();
    for (k, (group, name)) in groups.iter().zip(&names).enumerate() {
        samples.extend(group.draw(drawing, &panel, k as f64).into_iter().zip(&group.samples));
        let at = (panel.at(k as f64, panel.y.low).0, panel.frame.bottom + 49.0);
        drawing.text(axes::title(name, at).middle());
    }
    // From the right, where there is no room beyond the last box.
    for (x, sample) in samples.into_iter().rev() {
        boxes::draw_words(drawing, &panel, x, &sample.values, reach);
    }
    for (name, y) in ["n", "diverged"].into_iter().zip(COUNTS) {
        let at = (panel.frame.left - 4.0, panel.frame.bottom + y);
        drawing.text(Text::new(name, at, style::SMALL).end().color(style::QUIET));
    }
    panel.heading(drawing, letter, "test accuracy");
}

/// What the boxes say, in numbers.
fn facts(groups: &[Group], reach: Reach) -> Vec<String> {
    let there = |sample: &&Sample| sample.count() > 0;
    let published = |sample: &Sample| {
        sample.published_at_chance().map_or(String::new(), |p| {
            format!(", published median {} (an arrow)", style::percent(p.median))
        })
    };
    let tested = |sample: &Sample, reference: &Sample| match sample.p_against(reference) {
        Some(p) => {
            let fact = sample.fact(reach);
            let (stars, p) = (stars(p), style::p_value(p));
            format!("{fact}, {stars} against {} ({p})", REFERENCE.label())
        }
        None => sample.fact(reach),
    };
    let references =
        groups.iter().map(|g| &g.reference).filter(there).map(|sample| sample.fact(reach));
    let stored = groups.iter().flat_map(|g| {
        let fact = move |sample| tested(sample, &g.reference) + &published(sample);
        g.samples.iter().filter(there).map(fact)
    });
    let live = groups.iter().flat_map(|g| &g.live).filter(there);
    references.chain(stored).chain(live.map(|s| format!("live, {}", s.fact(reach)))).collect()
}

/// What is drawn of a sample.
fn values_of(sample: &Sample) -> impl Iterator<Item = f64> + '_ {
    let published = sample.published().into_iter().flat_map(|p| [p.q1, p.q3]);
    sample.values.iter().copied().chain(published)
}
