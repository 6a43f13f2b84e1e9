//! Two conditions against each other, one point a configuration and ε, with the identity line.

use super::axes::{self, Axis, Panel};
use super::drawing::{Color, Dash, Drawing, Frame, Marker, Point, Stroke, Text};
use super::legend::{Legend, Swatch, live};
use super::style::{self, Look};
use crate::results::{Published, RunRow, published_for};
use crate::statistics::{distinct, median};
use crate::{Condition, Error, Result};
use std::collections::BTreeMap;

/// From this many stored pairs on, these alone set the range of the axes, without live ones.
const ENOUGH: usize = 8;

/// What is compared with what.
#[derive(Debug, Clone, Copy)]
pub struct Versus {
    /// To the right.
    pub x: Condition,
    /// Upwards.
    pub y: Condition,
}

/// A configuration at one ε, trained under both conditions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair {
    /// Luminosity range.
    pub epsilon: f64,
    /// Test accuracy of the condition to the right; `None` if it diverged.
    pub x: Option<f64>,
    /// Test accuracy of the condition upwards; `None` if it diverged.
    pub y: Option<f64>,
}

/// Joins runs of the two conditions by configuration, ε, seed and length.
fn pairs(runs: &[RunRow], versus: Versus) -> Vec<Pair> {
    let mut joined: BTreeMap<_, [Option<&RunRow>; 2]> = BTreeMap::new();
    for run in runs {
        let key = ((run.epsilon * 1e6) as i64, run.config, run.seed, run.epochs);
        if run.condition == versus.x {
            joined.entry(key).or_default()[0] = Some(run);
        } else if run.condition == versus.y {
            joined.entry(key).or_default()[1] = Some(run);
        }
    }
    let value = |run: &RunRow| (!run.diverged()).then_some(run.test_accuracy);
    let both = joined.into_values().filter_map(|[x, y]| Some((x?, y?)));
    both.map(|(x, y)| Pair { epsilon: x.epsilon, x: value(x), y: value(y) }).collect()
}

/// Stored pairs of two conditions, and live ones to draw on top.
#[derive(Debug)]
pub struct Comparison {
    versus: Versus,
    stored: Vec<Pair>,
    live: Vec<Pair>,
}

impl Comparison {
    /// Of all `runs`.
    ///
    /// # Errors
    /// If no configuration was trained under both conditions.
    pub fn of(runs: &[RunRow], live: &[RunRow], versus: Versus) -> Result<Self> {
        let (stored, live) = (pairs(runs, versus), pairs(live, versus));
        if stored.is_empty() && live.is_empty() {
            let (x, y) = (versus.x.label(), versus.y.label());
            let found = format!("no configuration trained both as {x} and as {y}");
            let expected = "at least one such pair (inorm sweep makes them)";
            return Err(Error::unfit("runs table", found, expected));
        }
        Ok(Self { versus, stored, live })
    }

    /// How many stored pairs there are.
    pub fn count(&self) -> usize {
        self.stored.len()
    }

    /// Draws panel a of a figure, at its left, with a legend above; says what it shows.
    pub fn draw(&self, drawing: &mut Drawing, heading: &str) -> Vec<String> {
        let Self { versus, stored, live } = self;
        let across = Frame::new(0.0, 6.0, style::WIDTH, 30.0);
        legend(stored, live, *versus).draw(drawing, across);
        let panel = draw(drawing, Frame::new(4.0, 32.0, 404.0, 420.0), stored, live, *versus);
        panel.heading(drawing, 4.0, "a", heading);
        let mut facts = facts(stored, *versus);
        facts.extend(live_facts(live, *versus));
        facts
    }
}

/// The legend that belongs to a scatter plot.
fn legend(pairs: &[Pair], live: &[Pair], versus: Versus) -> Legend {
    let mut legend = Legend::default();
    for epsilon in distinct(pairs.iter().chain(live).map(|p| p.epsilon)) {
        let look = style::epsilon(epsilon);
        legend = legend.entry(Swatch::Point(look), style::epsilon_label(epsilon));
    }
    if !crosses(pairs, live, versus).is_empty() {
        legend = legend.entry(Swatch::Published, "published median, quartiles");
    }
    if !live.is_empty() {
        legend = legend.entry(Swatch::Live, "trained live");
    }
    legend
}

/// Draws the panel into `outer`: square, with equal axes. Diverged runs stand beside the axis
/// that has no number for them.
fn draw(
    drawing: &mut Drawing,
    outer: Frame,
    pairs: &[Pair],
    live_pairs: &[Pair],
    versus: Versus,
) -> Panel {
    let framing = if pairs.len() < ENOUGH { live_pairs } else { &[] };
    let values = pairs.iter().chain(framing).flat_map(|p| [p.x, p.y]).flatten();
    let published = crosses(pairs, live_pairs, versus);
    let values = values.chain(published.iter().flat_map(|c| [c.0.q1, c.0.q3, c.1.q1, c.1.q3]));
    let (low, high) = axes::range(values, 0.04);
    let axis =
        |c: Condition| Axis::percent(&format!("{}, test accuracy (%)", c.label()), low, high);
    let panel = square(Panel::fit(outer, axis(versus.x), axis(versus.y)));
    panel.draw(drawing);
    let diagonal = [panel.at(low, low), panel.at(high, high)];
    drawing.line(diagonal, Stroke::new(style::QUIET, 1.2).dash(Dash::Dashed));
    for pair in pairs {
        let look = style::epsilon(pair.epsilon);
        if let (Some(x), Some(y)) = (pair.x, pair.y) {
            let fill = look.color.opacity(0.85);
            drawing.marker(panel.at(x, y), look.marker, 3.6, fill, style::WHITE);
        }
    }
    for (x, y) in published {
        let color = style::epsilon(x.epsilon).color;
        cross(drawing, &panel, [x.q1, x.median, x.q3], [y.q1, y.median, y.q3], color);
    }
    diverged(drawing, &panel, pairs);
    let mut outside = 0;
    for pair in live_pairs {
        if let (Some(x), Some(y)) = (pair.x, pair.y) {
            let look = style::epsilon(pair.epsilon);
            match panel.frame.contains(panel.at(x, y)) {
                true => live(drawing, panel.at(x, y), look.marker, look.color),
                false => {
                    draw_outside(drawing, &panel, look, [x, y], outside);
                    outside += 1;
                }
            }
        }
    }
    panel
}

/// A live pair that the axes do not reach: it stands at the edge, with its two numbers and a line
/// that points to where it is. The numbers of the `nth` one stand that many lines above those of the
/// first, which stand above any marker.
fn draw_outside(drawing: &mut Drawing, panel: &Panel, look: Look, [x, y]: [f64; 2], nth: usize) {
    const INSET: f64 = 16.0;
    const LINE: f64 = 17.0;
    let Frame { left, top, right, bottom } = panel.frame;
    let place = panel.at(x, y);
    let shown =
        (place.0.clamp(left + INSET, right - INSET), place.1.clamp(top + INSET, bottom - INSET));
    let (dx, dy) = (place.0 - shown.0, place.1 - shown.1);
    let stretch = (INSET - 2.0) / dx.hypot(dy).max(1.0);
    let tip = (shown.0 + dx * stretch, shown.1 + dy * stretch);
    drawing.line([shown, tip], Stroke::new(style::INK, 2.5));
    live(drawing, shown, look.marker, look.color);
    let text = format!("({:.1}, {:.1})", x * 100.0, y * 100.0);
    let at_right = shown.0 < panel.frame.center().0;
    let beside = if at_right { shown.0 + 12.0 } else { shown.0 - 12.0 };
    let at = (beside, shown.1 - (nth + 1) as f64 * LINE);
    let label = axes::number(&text, at);
    drawing.text(if at_right { label } else { label.end() });
}

/// What the scatter plot says, in numbers.
fn facts(pairs: &[Pair], versus: Versus) -> Vec<String> {
    let mut facts = Vec::new();
    for epsilon in distinct(pairs.iter().map(|p| p.epsilon)) {
        let here: Vec<_> = pairs.iter().filter(|p| p.epsilon == epsilon).collect();
        let finished: Vec<_> = here.iter().filter_map(|p| Some((p.x?, p.y?))).collect();
        let below = finished.iter().filter(|(x, y)| y < x).count();
        let middle = |values: Vec<f64>| {
            median(&values).map_or("none".into(), |m| format!("{:.1} %", m * 100.0))
        };
        let gone = here.len() - finished.len();
        let gone = if gone == 0 { String::new() } else { format!(", {gone} diverged") };
        facts.push(format!(
            "ε = {epsilon}: median {} for {}, {} for {}; {below} of {} below the diagonal{gone}",
            middle(finished.iter().map(|p| p.0).collect()),
            versus.x.label(),
            middle(finished.iter().map(|p| p.1).collect()),
            versus.y.label(),
            finished.len(),
        ));
    }
    facts
}

/// What was trained live, in numbers, each pair by itself: they are too few for a median.
fn live_facts(pairs: &[Pair], versus: Versus) -> Vec<String> {
    let write = |value: Option<f64>| {
        value.map_or("diverged".into(), |v: f64| format!("{:.1} %", v * 100.0))
    };
    let (x, y) = (versus.x.label(), versus.y.label());
    let fact = |p: &Pair| {
        format!("live, ε = {}: {} for {x}, {} for {y}", p.epsilon, write(p.x), write(p.y))
    };
    pairs.iter().map(fact).collect()
}

type Cross = (&'static Published, &'static Published);

fn crosses(pairs: &[Pair], live: &[Pair], versus: Versus) -> Vec<Cross> {
    let epsilons = distinct(pairs.iter().chain(live).map(|p| p.epsilon));
    epsilons
        .into_iter()
        .filter_map(|e| Some((published_for(versus.x, e)?, published_for(versus.y, e)?)))
        .collect()
}

fn cross(drawing: &mut Drawing, panel: &Panel, x: [f64; 3], y: [f64; 3], color: Color) {
    let bar = Stroke::new(style::PUBLISHED, 2.5);
    drawing.line([panel.at(x[0], y[1]), panel.at(x[2], y[1])], bar);
    drawing.line([panel.at(x[1], y[0]), panel.at(x[1], y[2])], bar);
    drawing.marker(panel.at(x[1], y[1]), Marker::Diamond, 4.5, color, style::WHITE);
}

/// Runs without a final accuracy: a tick on the axis of the condition that finished.
fn diverged(drawing: &mut Drawing, panel: &Panel, pairs: &[Pair]) {
    let Frame { left, right, bottom, .. } = panel.frame;
    let tick = |drawing: &mut Drawing, from: Point, to: Point, color: Color| {
        drawing.line([from, to], Stroke::new(color, 2.0));
    };
    let (mut gone, mut total) = (0, 0);
    for pair in pairs {
        let color = style::epsilon(pair.epsilon).color;
        total += 1;
        match (pair.x, pair.y) {
            (Some(x), None) => {
                let (x, _) = panel.at(x, panel.y.low);
                tick(drawing, (x, bottom - 1.0), (x, bottom - 9.0), color);
                gone += 1;
            }
            (None, Some(y)) => {
                let (_, y) = panel.at(panel.x.low, y);
                tick(drawing, (left + 1.0, y), (left + 9.0, y), color);
                gone += 1;
            }
            (None, None) => gone += 1,
            (Some(_), Some(_)) => {}
        }
    }
    if gone > 0 {
        let text = format!("{gone} of {total} diverged");
        let at = (right - 4.0, bottom - 18.0);
        drawing.text(Text::new(text, at, style::SMALL).end().color(style::QUIET));
    }
}

/// The largest square in the upper left of a panel.
fn square(panel: Panel) -> Panel {
    let Frame { left, top, .. } = panel.frame;
    let side = panel.frame.width().min(panel.frame.height());
    Panel { frame: Frame::new(left, top, left + side, top + side), ..panel }
}

#[cfg(test)]
mod tests {
    use super::super::checks::sweep;
    use super::*;
    use crate::results::made_up::runs_table;

    const VERSUS: Versus = Versus { x: Condition::ELn, y: Condition::INormNone };

    #[test]
    fn live_runs_far_away_leave_the_axes_to_the_stored_ones() {
        let runs = RunRow::from_table(&sweep(&[Condition::ELn, Condition::INormNone])).unwrap();
        let live = |config, x, y| {
            [(Condition::ELn, config, 0.75, Some(x)), (Condition::INormNone, config, 0.75, Some(y))]
        };
        let live = runs_table(&[live(13, 0.797, 0.768), live(7, 0.790, 0.754)].concat());
        let comparison =
            Comparison::of(&runs, &RunRow::from_table(&live).unwrap(), VERSUS).unwrap();
        let mut drawing = Drawing::new(style::WIDTH, 430.0);
        let facts = comparison.draw(&mut drawing, "far away");
        assert_eq!(drawing.collisions(), Vec::<String>::new());
        let labels: Vec<_> = drawing.texts().map(|label| label.text.as_str()).collect();
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
        let pairs = pairs(&RunRow::from_table(&table).unwrap(), VERSUS);
        assert_eq!(
            pairs,
            [
                Pair { epsilon: 0.75, x: Some(0.85), y: None },
                Pair { epsilon: 0.75, x: Some(0.86), y: Some(0.80) },
            ]
        );
        let text = facts(&pairs, VERSUS).join("\n");
        assert_eq!(
            text,
            "ε = 0.75: median 86.0 % for E-only + LN, 80.0 % for I-Norm; \
             1 of 1 below the diagonal, 1 diverged"
        );
    }
}
