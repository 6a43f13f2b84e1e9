//! Two conditions against each other, one point a configuration and ε, with the identity line.

use super::axes::{self, Panel};
use super::drawing::{Dash, Drawing, Frame, Marker, Point, Stroke};
use super::legend::{self, Legend, Swatch};
use super::reach::Reach;
use super::sample::with_counts;
use super::style::{self, percent};
use super::{labels, sample};
use crate::results::{Published, RunRow, published_for};
use crate::statistics::{distinct, median};
use crate::{Condition, Error, Result};
use std::collections::BTreeMap;

/// From this many stored pairs on, these alone set the range of the axes, without live ones.
const ENOUGH: usize = 8;

/// A configuration at one ε, trained under both conditions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair {
    pub epsilon: f64,
    /// Test accuracy of the condition to the right; `None` if it diverged.
    pub x: Option<f64>,
    /// Test accuracy of the condition upwards; `None` if it diverged.
    pub y: Option<f64>,
}

impl Pair {
    /// Both accuracies, if neither run diverged.
    fn finished(&self) -> Option<(f64, f64)> {
        Some((self.x?, self.y?))
    }
}

/// Joins runs of the two conditions by configuration, ε, seed and length.
fn pairs(runs: &[RunRow], conditions: [Condition; 2]) -> Vec<Pair> {
    let mut joined: BTreeMap<_, [Option<&RunRow>; 2]> = BTreeMap::new();
    for run in runs {
        let key = ((run.epsilon * 1e6) as i64, run.config, run.seed, run.epochs);
        if let Some(side) = conditions.iter().position(|c| *c == run.condition) {
            joined.entry(key).or_default()[side] = Some(run);
        }
    }
    let value = |run: &RunRow| (!run.diverged()).then_some(run.test_accuracy);
    let both = joined.into_values().filter_map(|[x, y]| Some((x?, y?)));
    both.map(|(x, y)| Pair { epsilon: x.epsilon, x: value(x), y: value(y) }).collect()
}

/// Stored pairs of two conditions, and live ones to draw on top.
#[derive(Debug)]
pub struct Comparison {
    /// What the two are called.
    labels: [&'static str; 2],
    stored: Vec<Pair>,
    live: Vec<Pair>,
    /// Of both conditions, at each ε of the pairs where they were published.
    published: Vec<[&'static Published; 2]>,
}

impl Comparison {
    /// Of all `runs` of two conditions: the first to the right, the second upwards.
    pub fn of(runs: &[RunRow], live: &[RunRow], conditions: [Condition; 2]) -> Result<Self> {
        let (stored, live) = (pairs(runs, conditions), pairs(live, conditions));
        let labels @ [x, y] = conditions.map(Condition::label);
        if stored.is_empty() && live.is_empty() {
            let found = format!("no configuration trained both as {x} and as {y}");
            let expected = "at least one such pair (inorm sweep makes them)";
            return Err(Error::unfit("runs table", found, expected));
        }
        let [x, y] = conditions;
        let both = |epsilon| Some([published_for(x, epsilon)?, published_for(y, epsilon)?]);
        let epsilons = distinct(stored.iter().chain(&live).map(|p| p.epsilon));
        let published = epsilons.into_iter().filter_map(both).collect();
        Ok(Self { labels, stored, live, published })
    }

    /// How many stored pairs there are.
    pub fn count(&self) -> usize {
        self.stored.len()
    }

    /// Draws panel a of a figure, at its left, with a legend above; returns its key numbers.
    pub fn draw(&self, drawing: &mut Drawing, heading: &str) -> Vec<String> {
        self.legend().draw(drawing, Frame::new(0.0, 6.0, style::WIDTH, 30.0));
        let reach = self.reach();
        let panel = self.panel(reach).draw(drawing);
        self.draw_stored(drawing, &panel);
        self.draw_live(drawing, &panel);
        self.draw_words(drawing, &panel, reach);
        panel.heading(drawing, "a", &with_counts(heading, [self.count()].into_iter()));
        [self.facts(reach), self.live_facts()].concat()
    }

    fn legend(&self) -> Legend {
        let epsilons = distinct(self.stored.iter().chain(&self.live).map(|p| p.epsilon));
        let point = |legend: Legend, epsilon| {
            legend.entry(Swatch::Point(style::epsilon(epsilon)), style::epsilon_label(epsilon))
        };
        epsilons
            .into_iter()
            .fold(Legend::default(), point)
            .stored()
            .on_top(!self.published.is_empty(), !self.live.is_empty())
    }

    /// How far both axes reach. Of live pairs beside enough stored ones those below are left to the
    /// strip.
    fn reach(&self) -> Reach {
        let samples =
            distinct(self.stored.iter().map(|pair| pair.epsilon)).into_iter().flat_map(|epsilon| {
                let here = self.stored.iter().filter(move |pair| pair.epsilon == epsilon);
                let sides: [Vec<f64>; 2] = [
                    here.clone().filter_map(|pair| pair.x).collect(),
                    here.filter_map(|pair| pair.y).collect(),
                ];
                sides
            });
        let samples: Vec<Vec<f64>> = samples.collect();
        let live: Vec<f64> = self.live.iter().flat_map(|p| [p.x, p.y]).flatten().collect();
        let framing = if self.count() < ENOUGH { &live[..] } else { &[] };
        let published = self.published.iter().flatten().flat_map(|p| [p.q1, p.q3]);
        let others = published.chain(framing.iter().copied());
        Reach::of(samples.iter().map(Vec::as_slice), others, 0.04).and(&live)
    }

    /// A square with equal axes.
    fn panel(&self, reach: Reach) -> Panel {
        let [x, y] = self.labels.map(|label| reach.axis(&format!("{label}, test accuracy (%)")));
        let panel = Panel::fit(Frame::new(4.0, 32.0, 404.0, 420.0), x, y);
        let Frame { left, top, .. } = panel.frame;
        let side = panel.frame.width().min(panel.frame.height());
        Panel { frame: Frame::new(left, top, left + side, top + side), ..panel }
    }

    fn draw_stored(&self, drawing: &mut Drawing, panel: &Panel) {
        let diagonal = [panel.x.low, panel.x.high].map(|value| panel.at(value, value));
        drawing.line(diagonal, Stroke::new(style::QUIET, 1.2).dash(Dash::Dashed));
        for pair in &self.stored {
            if let Some((x, y)) = pair.finished() {
                let look = style::epsilon(pair.epsilon);
                let fill = look.color.opacity(0.85);
                drawing.marker(panel.at(x, y), look.marker, 3.6, fill, style::WHITE);
            }
        }
        let bar = Stroke::new(style::PUBLISHED, 2.5);
        for [x, y] in &self.published {
            let (median, color) = (panel.at(x.median, y.median), style::epsilon(x.epsilon).color);
            drawing.line([x.q1, x.q3].map(|x| panel.at(x, y.median)), bar);
            drawing.line([y.q1, y.q3].map(|y| panel.at(x.median, y)), bar);
            drawing.marker(median, Marker::Diamond, 4.5, color, style::WHITE);
        }
        self.draw_diverged(drawing, panel);
    }

    /// Runs without a final accuracy: a tick on the axis of the condition that finished.
    fn draw_diverged(&self, drawing: &mut Drawing, panel: &Panel) {
        let Frame { left, bottom, .. } = panel.frame;
        for pair in self.stored.iter().filter(|p| p.finished().is_none()) {
            let tick = match (pair.x, pair.y) {
                (Some(x), _) => {
                    [1.0, 9.0].map(|inset| (panel.at(x, panel.y.low).0, bottom - inset))
                }
                (_, Some(y)) => [1.0, 9.0].map(|inset| (left + inset, panel.at(panel.x.low, y).1)),
                (None, None) => continue,
            };
            drawing.line(tick, Stroke::new(style::epsilon(pair.epsilon).color, 2.0));
        }
    }

    fn draw_live(&self, drawing: &mut Drawing, panel: &Panel) {
        let mut taken: Vec<Point> = Vec::new();
        for pair in &self.live {
            let Some((x, y)) = pair.finished() else { continue };
            let (mut at, look) = (panel.at(x, y), style::epsilon(pair.epsilon));
            // Where both are in a strip, pairs would hide each other.
            while x.max(y) < panel.x.low && taken.contains(&at) {
                at.0 += 9.0;
            }
            taken.push(at);
            legend::live(drawing, at, look.marker, look.color);
        }
    }

    /// In words what no place in the panel says: the accuracies of live pairs in a strip, how many
    /// stored pairs are there, and how many diverged.
    fn draw_words(&self, drawing: &mut Drawing, panel: &Panel, reach: Reach) {
        let inside = panel.frame.grown(-2.0);
        let number = |text: &str| axes::number(text, (0.0, 0.0));
        for (x, y) in self.live.iter().filter_map(Pair::finished) {
            if x.min(y) < panel.x.low {
                let words = format!("({:.1}, {:.1})", x * 100.0, y * 100.0);
                labels::beside(drawing, inside, panel.at(x, y), &[number(&words)]);
            }
        }
        let finished: Vec<_> = self.stored.iter().filter_map(Pair::finished).collect();
        let lower: Vec<f64> = finished.iter().map(|(x, y)| x.min(*y)).collect();
        let gone = self.count() - finished.len();
        let diverged = (gone > 0).then(|| format!("{gone} of {} diverged", self.count()));
        let words: Vec<_> = reach.words(&lower).into_iter().chain(diverged).collect();
        if !words.is_empty() {
            let corner = (panel.frame.right, panel.at(panel.x.low, panel.y.low).1);
            let label = number(&words.join(", ")).color(style::QUIET);
            labels::beside(drawing, inside, corner, &[label]);
        }
    }

    /// What the stored pairs say, in numbers.
    fn facts(&self, reach: Reach) -> Vec<String> {
        let middle = |values: &[f64]| median(values).map_or("none".into(), percent);
        let [x_label, y_label] = self.labels;
        let fact = |epsilon: f64| {
            let here: Vec<_> = self.stored.iter().filter(|p| p.epsilon == epsilon).collect();
            let finished: Vec<_> = here.iter().filter_map(|p| p.finished()).collect();
            let (x, y): (Vec<_>, Vec<_>) = finished.iter().copied().unzip();
            format!(
                "ε = {epsilon}: median {} for {x_label}, {} for {y_label}; \
                 {} of {} below the diagonal{}{}{}",
                middle(&x),
                middle(&y),
                finished.iter().filter(|(x, y)| y < x).count(),
                finished.len(),
                sample::diverged(here.len() - finished.len()),
                reach.fact(&x),
                reach.fact(&y),
            )
        };
        distinct(self.stored.iter().map(|p| p.epsilon)).into_iter().map(fact).collect()
    }

    /// The live pairs in numbers, each by itself: they are too few for a median.
    fn live_facts(&self) -> Vec<String> {
        let write = |value: Option<f64>| value.map_or("diverged".into(), percent);
        let [x, y] = self.labels;
        let fact = |p: &Pair| {
            format!("live, ε = {}: {} for {x}, {} for {y}", p.epsilon, write(p.x), write(p.y))
        };
        self.live.iter().map(fact).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::checks::{collisions, sweep, texts};
    use super::*;
    use crate::results::made_up::runs_table;

    const PAIR: [Condition; 2] = [Condition::ELn, Condition::INormNone];

    #[test]
    fn live_runs_far_away_leave_the_axes_to_the_stored_ones() {
        let runs = RunRow::from_table(&sweep(&PAIR)).unwrap();
        let live = |config, x, y| {
            [(Condition::ELn, config, 0.75, Some(x)), (Condition::INormNone, config, 0.75, Some(y))]
        };
        let live = runs_table(&[live(13, 0.797, 0.768), live(7, 0.790, 0.754)].concat());
        let comparison = Comparison::of(&runs, &RunRow::from_table(&live).unwrap(), PAIR).unwrap();
        let mut drawing = Drawing::new(style::WIDTH, 430.0);
        let facts = comparison.draw(&mut drawing, "far away");
        assert_eq!(collisions(&drawing), Vec::<String>::new());
        let labels: Vec<_> = texts(&drawing).map(|label| label.text.as_str()).collect();
        assert!(labels.contains(&"(79.7, 76.8)") && !labels.contains(&"78"), "{labels:?}");
        assert!(facts.iter().any(|fact| fact.contains("live, ε = 0.75: 79.7 %")), "{facts:?}");
    }

    #[test]
    fn runs_are_joined_by_configuration_and_epsilon() {
        let table = runs_table(&[
            (Condition::INormNone, 1, 0.75, Some(0.80)),
            (Condition::ELn, 0, 0.75, Some(0.85)),
            (Condition::ELn, 1, 0.75, Some(0.86)),
            (Condition::INormNone, 0, 0.75, None),
            (Condition::ELn, 2, 0.75, Some(0.87)),
            (Condition::INormFull, 2, 0.75, Some(0.87)),
        ]);
        let runs = RunRow::from_table(&table).unwrap();
        let comparison = Comparison::of(&runs, &[], PAIR).unwrap();
        assert_eq!(
            comparison.stored,
            [
                Pair { epsilon: 0.75, x: Some(0.85), y: None },
                Pair { epsilon: 0.75, x: Some(0.86), y: Some(0.80) },
            ]
        );
        assert_eq!(
            comparison.facts(comparison.reach()),
            ["ε = 0.75: median 86.0 % for E-only + LN, 80.0 % for I-Norm; \
              1 of 1 below the diagonal, 1 diverged"]
        );
    }
}
