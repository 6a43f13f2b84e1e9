//! Curves over epochs: a line through medians, with a band when there are several runs.

use super::Figure;
use super::alignment::{self, ALIGNMENTS, Alignment};
use super::axes::{self, Axis, Panel};
use super::drawing::{Drawing, Frame, Stroke};
use super::legend::{self, Legend, Swatch};
use super::sample::with_counts;
use super::style;
use crate::results::{EpochRow, MeasurementRow};
use crate::statistics::{distinct, quantile};
use crate::{Condition, Error, Result};
use polars::prelude::DataFrame;
use std::collections::{BTreeMap, BTreeSet};

/// Room for the title of the upward axis.
const AXIS_TITLE: f64 = 20.0;
/// Below this a band shows all runs, from it on their quartiles.
const WORTH_QUARTILES: usize = 5;

/// A curve: at each epoch the values of all its runs, ascending.
#[derive(Default)]
pub(super) struct Curve(BTreeMap<i32, Vec<f64>>);

impl Curve {
    pub(super) fn insert(&mut self, epoch: i32, value: f64) {
        let values = self.0.entry(epoch).or_default();
        values.insert(values.partition_point(|v| *v < value), value);
    }

    /// How many runs it is of.
    pub(super) fn runs(&self) -> usize {
        self.0.values().map(Vec::len).max().unwrap_or(0)
    }

    /// Epoch, lower end of the band, median, upper end.
    pub(super) fn points(&self) -> Vec<(f64, [f64; 3])> {
        let summary = |values: &[f64]| {
            let share = if values.len() < WORTH_QUARTILES { 0.0 } else { 0.25 };
            [share, 0.5, 1.0 - share].map(|share| quantile(values, share).unwrap_or(f64::NAN))
        };
        self.0.iter().map(|(&epoch, values)| (f64::from(epoch), summary(values))).collect()
    }
}

/// A heading, and the curves under it.
type Curves = (String, BTreeMap<Condition, Curve>);

/// Test accuracy after each epoch, one curve a condition, one panel an ε.
///
/// Takes a table of epochs, from the results store or from networks trained in a cell.
///
/// # Errors
/// If the table is empty or lacks a column.
pub fn learning_curves(epochs: &DataFrame) -> Result<Figure> {
    let rows = EpochRow::from_table(epochs)?;
    let panel = |epsilon: f64| {
        let here = rows.iter().filter(|row| row.epsilon == epsilon);
        let points = here.map(|row| (row.condition, row.epoch, row.test_accuracy));
        (style::epsilon_label(epsilon), curves_of(points))
    };
    let panels = distinct(rows.iter().map(|row| row.epsilon)).into_iter().map(panel).collect();
    let panels = required(panels, "epochs")?;
    let (low, high) = range(&panels, 0.05);
    let alt = format!(
        "Learning curves: test accuracy after each epoch for {}, {}.",
        names(&panels),
        count_runs(rows.iter().map(|row| row.id.as_str()))
    );
    draw_panels(&panels, &Axis::percent("Test accuracy (%)", low, high), alt, style::percent)
}

/// Test accuracy after each epoch of networks that were just trained, ringed, on the curves of stored
/// runs of the same conditions at the same ε: networks are compared at equal epochs. The axis of
/// epochs is logarithmic, so that the first ones have room. Without such stored runs these are
/// [`learning_curves`] of the live ones.
///
/// Both are tables of epochs.
///
/// # Errors
/// If `live` is empty, or a table lacks a column.
pub fn learning_curves_beside(live: &DataFrame, stored: &DataFrame) -> Result<Figure> {
    let (lives, mut rows) = (EpochRow::from_table(live)?, EpochRow::from_table(stored)?);
    rows.retain(|row| {
        lives.iter().any(|l| l.condition == row.condition && l.epsilon == row.epsilon)
    });
    if rows.is_empty() {
        return learning_curves(live);
    }
    let curves = |rows: &[EpochRow], epsilon: f64| {
        let here = rows.iter().filter(|row| row.epsilon == epsilon);
        curves_of(here.map(|row| (row.condition, row.epoch, row.test_accuracy)))
    };
    let panel = |epsilon: f64| {
        (style::epsilon_label(epsilon), curves(&lives, epsilon), curves(&rows, epsilon))
    };
    let panels: Vec<_> =
        distinct(lives.iter().map(|row| row.epsilon)).into_iter().map(panel).collect();
    draw_beside(&panels)
}

/// A heading, the live curves and the stored ones under it.
type LiveAndStored = (String, BTreeMap<Condition, Curve>, BTreeMap<Condition, Curve>);

fn draw_beside(panels: &[LiveAndStored]) -> Result<Figure> {
    let shown: BTreeSet<Condition> =
        panels.iter().flat_map(|(_, live, _)| live.keys().copied()).collect();
    let legend = shown
        .iter()
        .fold(Legend::default(), |legend, &c| {
            let stored: Vec<_> =
                panels.iter().filter_map(|(_, _, curves)| curves.get(&c)).collect();
            let words = if stored.is_empty() { "" } else { ", stored" };
            let name = c.label().to_owned() + words;
            let name = with_counts(&name, stored.into_iter().map(Curve::runs));
            legend.entry(Swatch::Line(style::condition(c)), name)
        })
        .entry(Swatch::Live, "live");
    let lines = panels.iter().flat_map(|(_, live, stored)| live.values().chain(stored.values()));
    let points: Vec<_> = lines.flat_map(Curve::points).collect();
    let (low, high) = axes::range(points.iter().map(|(_, [_, median, _])| *median), 0.05);
    let last = points.iter().map(|(epoch, _)| *epoch).fold(2.0, f64::max);
    let ticks = [1, 2, 5, 10, 20, 50, 100, 200, 500].map(f64::from);
    let ticks = ticks.into_iter().filter(|epoch| *epoch <= last);
    let ticks: Vec<_> = ticks.map(|epoch| (epoch.log10(), epoch.to_string())).collect();
    let height = 350.0 + legend.height(style::WIDTH);
    let mut drawing = Drawing::new(style::WIDTH, height);
    legend.draw(&mut drawing, Frame::new(0.0, 6.0, style::WIDTH, height));
    let (top, width) = (legend.height(style::WIDTH) + 8.0, style::WIDTH / panels.len() as f64);
    let mut facts = Vec::new();
    for (k, (heading, live, stored)) in panels.iter().enumerate() {
        let left = width * k as f64;
        let outer = Frame::new(left + 4.0, top, left + width - 2.0, height - 4.0);
        let x = Axis::new("Epoch", (-0.06, last.log10() + 0.06), ticks.clone());
        let y = Axis::percent("Test accuracy (%)", low, high);
        let panel = Panel::fit(outer, x, y).draw(&mut drawing).heading(&mut drawing, "", heading);
        for (condition, curve) in stored {
            let logarithmic = curve.points().into_iter().map(|(epoch, band)| (epoch.log10(), band));
            let look = style::condition(*condition);
            let line: Vec<_> = logarithmic.map(|(x, [_, median, _])| panel.at(x, median)).collect();
            drawing.line(line, Stroke::new(look.color, 2.0).dash(look.dash));
        }
        for (condition, curve) in live {
            let look = style::condition(*condition);
            for (epoch, [_, median, _]) in curve.points() {
                let at = panel.at(epoch.log10(), median);
                legend::live(&mut drawing, at, look.marker, look.color);
            }
            facts.extend(beside(heading, *condition, curve, stored.get(condition)));
        }
    }
    let names: Vec<_> = shown.into_iter().map(Condition::label).collect();
    let alt = format!(
        "Test accuracy after each epoch of networks trained live, on the median curves of \
         stored runs, for {}.",
        names.join(", ")
    );
    Figure::new(drawing, alt, facts)
}

/// The last live epoch beside the same epoch of the stored runs, and beside their last one.
fn beside(
    heading: &str,
    condition: Condition,
    live: &Curve,
    stored: Option<&Curve>,
) -> Option<String> {
    let (epoch, [_, value, _]) = live.points().pop()?;
    let name = condition.label();
    let fact = format!("{heading}, {name}, epoch {epoch}: live {}", style::percent(value));
    let Some(stored) = stored else { return Some(fact) };
    let points = stored.points();
    let (last, [_, end, _]) = *points.last()?;
    let same = points.iter().find(|(other, _)| *other == epoch).map(|(_, [low, median, high])| {
        let runs = stored.runs();
        let [low, high] = [low * 100.0, high * 100.0];
        format!(", stored median {} ({low:.1} to {high:.1}), n = {runs}", style::percent(*median))
    });
    let same = same.unwrap_or_default();
    Some(format!("{fact}{same}; stored, epoch {last}: {}", style::percent(end)))
}

/// What was measured of these conditions at one ε.
fn measured(
    measurements: &DataFrame,
    conditions: &[Condition],
    epsilon: f64,
) -> Result<Vec<MeasurementRow>> {
    let mut rows = MeasurementRow::from_table(measurements)?;
    rows.retain(|row| row.epsilon == epsilon && conditions.contains(&row.condition));
    Ok(rows)
}

/// Agreement of a network's outputs and gradients with LayerNorm's over epochs: both hidden layers
/// averaged, the last step of each epoch, at one ε; a panel each, one curve a condition.
///
/// Paper: appendix, for I-Norm. Differs: any conditions.
///
/// # Errors
/// If the table lacks a column, or has no such measurement.
pub fn alignment_curves(
    measurements: &DataFrame,
    conditions: &[Condition],
    epsilon: f64,
) -> Result<Figure> {
    let rows = measured(measurements, conditions, epsilon)?;
    let panel = |(name, alignment): (&str, Alignment)| {
        // The condition is that of the run.
        let ends = alignment::at_the_end(alignment, &rows, |row| {
            (row.id.as_str(), row.epoch, row.condition)
        });
        let points = ends.into_iter().map(|((_, epoch, c), value)| (c, epoch, value));
        (format!("{name}, {}", style::epsilon_label(epsilon)), curves_of(points))
    };
    let panels = required(ALIGNMENTS.map(panel).into(), "measurements")?;
    let low = range(&panels, 0.1).0.min(0.0);
    let alt = format!(
        "Agreement of outputs and gradients with LayerNorm's at the end of each epoch for {}, {}.",
        names(&panels),
        count_runs(rows.iter().map(|row| row.id.as_str()))
    );
    let y = Axis::number("cosine with LayerNorm", low, 1.02);
    draw_panels(&panels, &y, alt, |value| format!("{value:.2}"))
}

/// What becomes of errors, layer by layer, at the last step of each epoch and at one ε: the agreement
/// of gradients with LayerNorm's by the paper's probe, and by the error of the task; and the share of
/// that error's energy that all units have in common. A panel each, one curve a condition.
///
/// The paper shows the first alone.
///
/// # Errors
/// If the table lacks a column, or has no such measurement of a layer.
pub fn error_curves(
    measurements: &DataFrame,
    conditions: &[Condition],
    epsilon: f64,
) -> Result<Figure> {
    let rows = measured(measurements, conditions, epsilon)?;
    if !rows.is_empty() && rows.iter().all(|row| row.task_alignment.is_none()) {
        let expected = "runs that were measured with the task's own error; earlier ones were not";
        return Err(Error::unfit("measurements table", "has no task_alignment", expected));
    }
    let values: [(&str, fn(&MeasurementRow) -> Option<f64>); 3] = [
        ("probe", |row| Some(row.gradient_alignment)),
        ("task", |row| row.task_alignment),
        ("in common", |row| row.common_error),
    ];
    let layer = |layer: i32| {
        // Of runs that have all three.
        let here = || rows.iter().filter(|row| row.layer == layer && row.task_alignment.is_some());
        let panel = |(name, value): (&str, fn(&MeasurementRow) -> Option<f64>)| {
            let points = here().filter_map(|row| Some((row.condition, row.epoch, value(row)?)));
            let epsilon = style::epsilon_label(epsilon);
            (format!("layer {}: {name}, {epsilon}", layer + 1), curves_of(points))
        };
        let panels = required(values.map(panel).into(), "measurements")?;
        let low = range(&panels, 0.1).0.min(0.0);
        let alt = format!(
            "Agreement of gradients with LayerNorm's by a probe and by the task's error, and the \
             share of that error which all units have in common, hidden layer {}, for {}, {}.",
            layer + 1,
            names(&panels),
            count_runs(here().map(|row| row.id.as_str()))
        );
        let y = Axis::number("cosine, or share", low, 1.02);
        draw_panels(&panels, &y, alt, |value| format!("{value:.3}"))
    };
    let layers: BTreeSet<i32> = rows.iter().map(|row| row.layer).collect();
    let others = layers.iter().skip(1);
    let first = layer(layers.first().copied().unwrap_or(0));
    others.fold(first, |figure, &next| figure?.above(layer(next)?))
}

/// One curve a condition.
fn curves_of(
    points: impl IntoIterator<Item = (Condition, i32, f64)>,
) -> BTreeMap<Condition, Curve> {
    let mut curves: BTreeMap<Condition, Curve> = BTreeMap::new();
    for (condition, epoch, value) in points.into_iter().filter(|point| point.2.is_finite()) {
        curves.entry(condition).or_default().insert(epoch, value);
    }
    curves
}

fn required(panels: Vec<Curves>, table: &str) -> Result<Vec<Curves>> {
    if panels.iter().all(|(_, curves)| curves.is_empty()) {
        let what = format!("{table} table");
        return Err(Error::unfit(what, "has no rows to draw", "at least one epoch"));
    }
    Ok(panels)
}

fn count_runs<'a>(ids: impl Iterator<Item = &'a str>) -> String {
    match ids.collect::<BTreeSet<_>>().len() {
        1 => "one run".into(),
        runs => format!("{runs} runs"),
    }
}

fn conditions(panels: &[Curves]) -> BTreeSet<Condition> {
    panels.iter().flat_map(|(_, curves)| curves.keys().copied()).collect()
}

fn names(panels: &[Curves]) -> String {
    let names = conditions(panels).into_iter().map(Condition::label);
    names.collect::<Vec<_>>().join(", ")
}

/// A range that holds all bands, at least `least` wide.
fn range(panels: &[Curves], least: f64) -> (f64, f64) {
    let curves = panels.iter().flat_map(|(_, curves)| curves.values());
    axes::range(curves.flat_map(Curve::points).flat_map(|(_, band)| band), least)
}

/// Draws the panels side by side, with one axis upwards and one legend; `write` writes values.
fn draw_panels(
    panels: &[Curves],
    y: &Axis,
    alt: String,
    write: impl Fn(f64) -> String,
) -> Result<Figure> {
    let epochs = panels.iter().flat_map(|(_, curves)| curves.values()).flat_map(|c| c.0.keys());
    let last = epochs.copied().max().unwrap_or(1).max(2);
    let x = Axis::counting("Epoch", 1, i64::from(last));
    let several = panels.iter().flat_map(|(_, curves)| curves.values()).any(|c| c.runs() > 1);
    let legend = conditions(panels).into_iter().fold(Legend::default(), |legend, condition| {
        let curves = panels.iter().filter_map(|(_, curves)| curves.get(&condition));
        // Where each line is one run, that is plain.
        let runs = curves.map(|curve| if several { curve.runs() } else { 0 });
        let name = with_counts(condition.label(), runs);
        legend.entry(Swatch::Line(style::condition(condition)), name)
    });
    let height = 330.0 + legend.height(style::WIDTH);
    let mut drawing = Drawing::new(style::WIDTH, height);
    legend.draw(&mut drawing, Frame::new(0.0, 6.0, style::WIDTH, height));
    let top = legend.height(style::WIDTH) + 8.0;
    // The first panel also holds the title of the axis that all share.
    let width = (style::WIDTH - AXIS_TITLE) / panels.len() as f64;
    let mut facts = Vec::new();
    for (k, (heading, curves)) in panels.iter().enumerate() {
        let right = AXIS_TITLE + width * (k + 1) as f64;
        let left = if k == 0 { 0.0 } else { right - width };
        let outer = Frame::new(left + 4.0, top, right - 2.0, height - 4.0);
        let title = if k == 0 { y.title.clone() } else { String::new() };
        let x = x.clone().at_most(12 / panels.len());
        let panel = Panel::fit(outer, x, Axis { title, ..y.clone() }).draw(&mut drawing).heading(
            &mut drawing,
            "",
            heading,
        );
        for (condition, curve) in curves {
            let points = curve.points();
            draw(&mut drawing, &panel, *condition, &points);
            if let Some((epoch, [_, median, _])) = points.last() {
                let (name, value) = (condition.label(), write(*median));
                let runs = curve.0.last_key_value().map_or(0, |(_, values)| values.len());
                let runs = if several { format!(", n = {runs}") } else { String::new() };
                facts.push(format!("{heading}, {name}: {value} after epoch {epoch}{runs}"));
            }
        }
    }
    Figure::new(drawing, alt, facts)
}

/// Draws a curve with its band, and a marker here and there.
pub(super) fn draw(
    drawing: &mut Drawing,
    panel: &Panel,
    condition: Condition,
    points: &[(f64, [f64; 3])],
) {
    let look = style::condition(condition);
    let line = |part: usize| points.iter().map(move |(x, band)| panel.at(*x, band[part]));
    if points.iter().any(|(_, [low, _, high])| low != high) {
        drawing.area(line(0).chain(line(2).rev()).collect::<Vec<_>>(), look.color.opacity(0.18));
    }
    let middle: Vec<_> = line(1).collect();
    drawing.line(middle.clone(), Stroke::new(look.color, 2.0).dash(look.dash));
    // With many epochs a marker every few of them is enough to tell the curves apart.
    let every = if middle.len() <= 12 { 1 } else { middle.len().div_ceil(5) };
    for &at in middle.iter().skip((every - 1) / 2).step_by(every) {
        drawing.marker(at, look.marker, 4.0, look.color, style::WHITE);
    }
}

#[cfg(test)]
mod tests {
    use super::super::checks::{check, epochs, measured, sweep, texts};
    use super::*;

    const THREE: [Condition; 3] = [Condition::ELn, Condition::INormNone, Condition::INormFull];

    #[test]
    fn three_networks_for_two_epochs() {
        let figure = learning_curves(&epochs(&THREE, &[0.75], 1, 2)).unwrap();
        check("learning_curves_live", &figure);
        assert!(figure.alt().contains("E-only + LN, I-Norm, I-Norm + GradNorm, 3 runs"));
        assert!(figure.text().contains("ε = 0.75, I-Norm: "), "{}", figure.text());
    }

    #[test]
    fn live_epochs_lie_on_the_stored_curves() {
        let (live, stored) = (epochs(&THREE, &[0.75], 1, 2), epochs(&THREE, &[0.0, 0.75], 8, 50));
        let figure = learning_curves_beside(&live, &stored).unwrap();
        check("learning_curves_beside", &figure);
        assert_eq!(figure.facts().len(), 3);
        assert!(figure.text().contains("ε = 0.75, I-Norm, epoch 2: live "), "{}", figure.text());
        assert!(figure.text().contains(", n = 8; stored, epoch 50: "), "{}", figure.text());
        let words: Vec<_> = figure.charts().flat_map(texts).map(|l| l.text.as_str()).collect();
        assert!(words.contains(&"I-Norm, stored, n = 8"), "{words:?}");
        let none = epochs(&[], &[], 0, 0);
        assert_eq!(
            learning_curves_beside(&live, &none).unwrap().text(),
            learning_curves(&live).unwrap().text()
        );
        assert!(learning_curves_beside(&none, &stored).is_err());
    }

    #[test]
    fn a_whole_sweep_over_fifty_epochs() {
        let figure = learning_curves(&epochs(&THREE, &[0.0, 0.25, 0.5, 0.75], 8, 50)).unwrap();
        check("learning_curves_sweep", &figure);
        assert_eq!(figure.text().lines().count(), 1 + 12);
    }

    #[test]
    fn the_band_is_all_of_few_runs_and_the_quartiles_of_many() {
        let mut curve = Curve::default();
        [0.3, 0.1, 0.2].into_iter().for_each(|v| curve.insert(1, v));
        assert_eq!(curve.points(), [(1.0, [0.1, 0.2, 0.3])]);
        [0.4, 0.5].into_iter().for_each(|v| curve.insert(1, v));
        assert_eq!(curve.points(), [(1.0, [0.2, 0.3, 0.4])]);
    }

    #[test]
    fn errors_are_followed_layer_by_layer() {
        let conditions = [Condition::INormNone, Condition::INormFull];
        let measurements = measured(&sweep(&conditions));
        let figure = error_curves(&measurements, &conditions, 0.75).unwrap();
        check("error_curves", &figure);
        for words in [
            "layer 1: probe, ε = 0.75, I-Norm: 0.19",
            "layer 2: task, ε = 0.75, I-Norm + GradNorm: 1.0",
        ] {
            assert!(figure.text().contains(words), "{}", figure.text());
        }
        let unmeasured = measurements.drop_many(["task_alignment", "common_error"]);
        let message = error_curves(&unmeasured, &conditions, 0.75).unwrap_err().to_string();
        assert!(message.contains("has no task_alignment; expected runs"), "{message}");
    }

    #[test]
    fn nothing_to_draw_is_said() {
        let none = epochs(&[], &[], 0, 0);
        let message = learning_curves(&none).unwrap_err().to_string();
        assert!(message.contains("no rows"), "{message}");
    }
}
