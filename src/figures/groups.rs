//! Test accuracy of several conditions at each ε, as boxes side by side (Figs. 2b, 6, 7).

use super::axes::{self, Axis, Panel};
use super::boxes;
use super::drawing::{Dash, Drawing, Frame, Label, Stroke};
use super::legend::{Legend, Swatch, live};
use super::scatter::epsilons;
use super::style;
use crate::Condition;
use crate::dataset::CHANCE;
use crate::learning::Outcome;
use crate::results::{Published, RunRow, published_for};
use crate::statistics::{BoxStatistics, mann_whitney, median, stars};

/// The runs of one condition at one ε.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Which network.
    pub condition: Condition,
    /// Luminosity range; `None` for all of them together.
    pub epsilon: Option<f64>,
    /// Accuracies of the finished runs.
    pub values: Vec<f64>,
    /// How many diverged.
    pub diverged: usize,
}

impl Sample {
    /// Of all `runs` of `condition` at `epsilon`.
    pub fn of(runs: &[RunRow], condition: Condition, epsilon: Option<f64>) -> Self {
        let here =
            |run: &&RunRow| run.condition == condition && epsilon.is_none_or(|e| run.epsilon == e);
        let all: Vec<_> = runs.iter().filter(here).collect();
        let finished = all.iter().filter(|run| run.outcome == Outcome::Finished);
        let values: Vec<_> = finished.map(|run| run.test_accuracy).collect();
        let diverged = all.len() - values.len();
        Self { condition, epsilon, values, diverged }
    }

    /// Runs, finished or not.
    pub fn count(&self) -> usize {
        self.values.len() + self.diverged
    }

    /// The p of a Mann–Whitney test against `other`, diverged runs at chance in both; `None` if
    /// there are too few to say anything.
    pub fn p_against(&self, other: &Self) -> Option<f64> {
        /// Of five and five, the most unlike give p = 0.008; of four and four, 0.03.
        const WORTH_A_TEST: usize = 5;
        if self.count().min(other.count()) < WORTH_A_TEST {
            return None;
        }
        mann_whitney(&self.accuracies(), &other.accuracies()).ok().map(|test| test.p)
    }

    /// Of all runs, those that diverged at chance.
    fn accuracies(&self) -> Vec<f64> {
        let gone = std::iter::repeat_n(CHANCE, self.diverged);
        self.values.iter().copied().chain(gone).collect()
    }

    /// What the box says, in numbers.
    pub fn fact(&self) -> String {
        let place = self.epsilon.map_or(String::new(), |e| format!("ε = {e}, "));
        let label = self.condition.label();
        let gone = match self.diverged {
            0 => String::new(),
            gone => format!(", {gone} diverged"),
        };
        match BoxStatistics::of(&self.values) {
            None => format!("{place}{label}: no finished run{gone}"),
            Some(b) if b.count == 1 => format!("{place}{label}: {:.1} %{gone}", b.median * 100.0),
            Some(b) => format!(
                "{place}{label}: median {:.1} %, quartiles {:.1} and {:.1} %, n = {}{gone}",
                b.median * 100.0,
                b.q1 * 100.0,
                b.q3 * 100.0,
                self.values.len()
            ),
        }
    }
}

/// Room for one box and the published values beside it, at most.
const BOX_ROOM: f64 = 72.0;

/// A chart of boxes: a group an ε, a box a condition.
#[derive(Debug, Clone)]
pub struct Groups {
    /// The conditions, left to right.
    pub conditions: Vec<Condition>,
    /// The condition whose median is a dashed line behind each group.
    pub reference: Option<Condition>,
    /// One sample for each ε and condition.
    pub samples: Vec<Sample>,
    /// The same for what was trained live.
    pub live: Vec<Sample>,
    references: Vec<Sample>,
    epsilons: Vec<f64>,
}

impl Groups {
    /// Sorts `runs`, and `live_runs` to draw on top, into groups.
    pub fn new(
        runs: &[RunRow],
        live_runs: &[RunRow],
        conditions: &[Condition],
        reference: Option<Condition>,
    ) -> Self {
        let wanted = |run: &&RunRow| conditions.contains(&run.condition);
        let epsilons = epsilons(runs.iter().chain(live_runs).filter(wanted).map(|r| r.epsilon));
        let sort = |runs: &[RunRow], conditions: &[Condition]| -> Vec<Sample> {
            let each = epsilons.iter().flat_map(|e| conditions.iter().map(move |c| (*c, *e)));
            each.map(|(c, e)| Sample::of(runs, c, Some(e))).collect()
        };
        Self {
            samples: sort(runs, conditions),
            live: sort(live_runs, conditions),
            references: reference.map_or(Vec::new(), |c| sort(runs, &[c])),
            conditions: conditions.to_vec(),
            reference,
            epsilons,
        }
    }

    /// What the boxes say, in numbers.
    pub fn facts(&self) -> Vec<String> {
        let there = |sample: &&Sample| sample.count() > 0;
        let test = |sample: &Sample| match (self.reference, self.p_of(sample)) {
            (Some(reference), Some(p)) => {
                format!(", {} against {} (p = {p:.2e})", stars(p), reference.label())
            }
            _ => String::new(),
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
        (sample.condition != reference.condition).then(|| sample.p_against(reference))?
    }

    /// Swatches for the conditions and whatever else is in the chart.
    pub fn legend(&self) -> Legend {
        let mut legend = Legend::default();
        for &condition in &self.conditions {
            let patch = Swatch::Patch(boxes::box_fill(style::condition(condition).color));
            legend = legend.entry(patch, condition.label());
        }
        if let Some(reference) = self.reference {
            let name = format!("median of {}", reference.label());
            legend = legend.entry(Swatch::Dashes, name);
        }
        if self.samples.iter().any(|s| published_of(s).is_some()) {
            legend = legend.entry(Swatch::Published, "published median, quartiles");
        }
        if self.live.iter().any(|s| s.count() > 0) {
            legend = legend.entry(Swatch::Live, "trained live");
        }
        legend
    }

    /// Draws the panel into `outer`, with the counts of diverged runs in a row under the axis.
    pub fn draw(&self, drawing: &mut Drawing, outer: Frame) -> Panel {
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
        drawing.text(Label::new("diverged", at, style::SMALL).end().color(style::QUIET));
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
                drawing.text(Label::new(stars(p), (x, top - 12.0), style::SMALL).middle());
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
