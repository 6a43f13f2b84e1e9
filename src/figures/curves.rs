//! Curves over epochs: a line through medians, with a band when there are several runs.

use super::Figure;
use super::alignment::Alignment;
use super::axes::{self, Axis, Panel};
use super::drawing::{Drawing, Frame, Stroke};
use super::legend::{Legend, Swatch};
use super::style::{self, Look};
use crate::results::{EpochRow, MeasurementRow};
use crate::statistics::{distinct, quantile};
use crate::{Condition, Error, Result};
use polars::prelude::DataFrame;
use std::collections::BTreeMap;

/// A curve: at each epoch the values of all its runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// How the legend calls it.
    pub name: String,
    /// How it looks.
    pub look: Look,
    /// Epoch → values, ascending.
    pub values: BTreeMap<i32, Vec<f64>>,
}

/// Room for the title of the upward axis.
const AXIS_TITLE: f64 = 20.0;
/// Below this a band shows all runs, from it on their quartiles.
const WORTH_QUARTILES: usize = 5;

impl Curve {
    /// An empty curve.
    pub fn new(name: impl Into<String>, look: Look) -> Self {
        Self { name: name.into(), look, values: BTreeMap::new() }
    }

    fn insert(&mut self, epoch: i32, value: f64) {
        let values = self.values.entry(epoch).or_default();
        values.insert(values.partition_point(|v| *v < value), value);
    }

    /// Epoch, lower end of the band, median, upper end.
    fn points(&self) -> Vec<(f64, [f64; 3])> {
        let summary = |values: &[f64]| {
            let share = if values.len() < WORTH_QUARTILES { 0.0 } else { 0.25 };
            let at = |share| quantile(values, share).unwrap_or(f64::NAN);
            [at(share), at(0.5), at(1.0 - share)]
        };
        self.values.iter().map(|(&epoch, values)| (f64::from(epoch), summary(values))).collect()
    }

    fn last(&self) -> Option<(i32, f64)> {
        let (&epoch, values) = self.values.last_key_value()?;
        Some((epoch, quantile(values, 0.5)?))
    }
}

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
    let runs = count_runs(rows.iter().map(|row| row.id.as_str()));
    let panels = required(panels, "epochs")?;
    let y = axis_of(&panels, |low, high| Axis::percent("Test accuracy (%)", low, high), 0.05);
    let alt = format!(
        "Learning curves: test accuracy after each epoch for {}, {runs}.",
        names(&panels).join(", ")
    );
    draw_panels(&panels, &y, alt, |value| format!("{:.1} %", value * 100.0))
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
    let rows = MeasurementRow::from_table(measurements)?;
    let shown =
        |row: &&MeasurementRow| row.epsilon == epsilon && conditions.contains(&row.condition);
    let rows: Vec<&MeasurementRow> = rows.iter().filter(shown).collect();
    let panel = |(which, name): (Alignment, &str)| {
        // The condition is that of the run.
        let ends = which.last(rows.iter().copied(), |r| (r.id.as_str(), r.epoch, r.condition));
        let points = ends.into_iter().map(|((_, epoch, c), value)| (c, epoch, value));
        (format!("{name}, {}", style::epsilon_label(epsilon)), curves_of(points))
    };
    let panels = [(Alignment::Output, "outputs"), (Alignment::Gradient, "gradients")].map(panel);
    let panels = required(panels.into(), "measurements")?;
    let title = "cosine with LayerNorm";
    let y = axis_of(&panels, |low, _| Axis::number(title, low.min(0.0), 1.02), 0.1);
    let runs = count_runs(rows.iter().map(|row| row.id.as_str()));
    let alt = format!(
        "Agreement of outputs and gradients with LayerNorm's at the end of each epoch for {}, {runs}.",
        names(&panels).join(", ")
    );
    draw_panels(&panels, &y, alt, |value| format!("{value:.2}"))
}

/// Headings, and what stands under them.
type Panels = Vec<(String, Vec<Curve>)>;

/// One curve a condition.
fn curves_of(points: impl IntoIterator<Item = (Condition, i32, f64)>) -> Vec<Curve> {
    let mut curves: BTreeMap<Condition, Curve> = BTreeMap::new();
    for (condition, epoch, value) in points.into_iter().filter(|point| point.2.is_finite()) {
        let new = || Curve::new(condition.label(), style::condition(condition));
        curves.entry(condition).or_insert_with(new).insert(epoch, value);
    }
    curves.into_values().collect()
}

fn required(panels: Panels, table: &str) -> Result<Panels> {
    if panels.iter().all(|(_, curves)| curves.is_empty()) {
        let what = format!("{table} table");
        return Err(Error::unfit(what, "has no rows to draw", "at least one epoch"));
    }
    Ok(panels)
}

fn count_runs<'a>(ids: impl Iterator<Item = &'a str>) -> String {
    let runs = ids.collect::<std::collections::BTreeSet<_>>().len();
    if runs == 1 { "one run".into() } else { format!("{runs} runs") }
}

fn names(panels: &Panels) -> Vec<String> {
    let mut names = Vec::new();
    for curve in panels.iter().flat_map(|(_, curves)| curves) {
        if !names.contains(&curve.name) {
            names.push(curve.name.clone());
        }
    }
    names
}

fn axis_of(panels: &Panels, axis: impl Fn(f64, f64) -> Axis, least: f64) -> Axis {
    let points = panels.iter().flat_map(|(_, curves)| curves).flat_map(Curve::points);
    let (low, high) = axes::range(points.flat_map(|(_, band)| band), least);
    axis(low, high)
}

fn draw_panels(
    panels: &Panels,
    y: &Axis,
    alt: String,
    write: impl Fn(f64) -> String,
) -> Result<Figure> {
    let curves = || panels.iter().flat_map(|(_, curves)| curves);
    let last = curves().filter_map(|c| Some(c.last()?.0)).max().unwrap_or(1);
    let x = Axis::counting("Epoch", 1, i64::from(last.max(2)));
    let mut legend = Legend::default();
    for name in names(panels) {
        let look = curves().find(|c| c.name == name).expect("a name of a curve").look;
        legend = legend.entry(Swatch::Line(look), name);
    }
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
        let y = if k == 0 { y.clone() } else { Axis { title: String::new(), ..y.clone() } };
        let panel = Panel::fit(outer, x.clone().at_most(12 / panels.len()), y);
        panel.draw(&mut drawing);
        panel.heading(&mut drawing, left, "", heading);
        for curve in curves {
            draw(&mut drawing, &panel, curve);
            if let Some((epoch, value)) = curve.last() {
                let value = write(value);
                facts.push(format!("{heading}, {}: {value} after epoch {epoch}", curve.name));
            }
        }
    }
    Figure::new(drawing, alt, facts)
}

fn draw(drawing: &mut Drawing, panel: &Panel, curve: &Curve) {
    let points = curve.points();
    let line = |part: usize| points.iter().map(move |(x, band)| (*x, band[part]));
    if curve.values.values().any(|values| values.len() > 1) {
        let outline: Vec<_> = line(0).chain(line(2).rev()).map(|(x, y)| panel.at(x, y)).collect();
        drawing.area(outline, curve.look.color.opacity(0.18));
    }
    let middle: Vec<_> = line(1).map(|(x, y)| panel.at(x, y)).collect();
    let few = middle.len() <= 12;
    drawing.line(middle.clone(), Stroke::new(curve.look.color, 2.0).dash(curve.look.dash));
    // With many epochs a marker every few of them is enough to tell the curves apart.
    let every = if few { 1 } else { middle.len().div_ceil(5) };
    for &at in middle.iter().skip((every - 1) / 2).step_by(every) {
        drawing.marker(at, curve.look.marker, 4.0, curve.look.color, style::WHITE);
    }
}

#[cfg(test)]
mod tests {
    use super::super::checks::{check, epochs, measured, sweep};
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
    fn a_whole_sweep_over_fifty_epochs() {
        let figure = learning_curves(&epochs(&THREE, &[0.0, 0.25, 0.5, 0.75], 8, 50)).unwrap();
        check("learning_curves_sweep", &figure);
        assert_eq!(figure.text().lines().count(), 1 + 12);
    }

    #[test]
    fn alignment_of_two_networks_over_epochs() {
        let pair = [Condition::INormNone, Condition::INormFull];
        let measurements = measured(&sweep(&pair));
        let figure = alignment_curves(&measurements, &pair, 0.75).unwrap();
        check("alignment_curves", &figure);
        let text = figure.text();
        assert!(text.contains("gradients, ε = 0.75, I-Norm + GradNorm: "), "{text}");
        let message = alignment_curves(&measurements, &[Condition::ELn], 0.75).unwrap_err();
        assert!(message.to_string().contains("measurements table"), "{message}");
    }

    #[test]
    fn the_band_is_all_of_few_runs_and_the_quartiles_of_many() {
        let mut curve = Curve::new("", style::epsilon(0.0));
        [0.3, 0.1, 0.2].into_iter().for_each(|v| curve.insert(1, v));
        assert_eq!(curve.points(), [(1.0, [0.1, 0.2, 0.3])]);
        [0.4, 0.5].into_iter().for_each(|v| curve.insert(1, v));
        assert_eq!(curve.points(), [(1.0, [0.2, 0.3, 0.4])]);
    }

    #[test]
    fn nothing_to_draw_is_said() {
        let none = epochs(&[], &[], 0, 0);
        let message = learning_curves(&none).unwrap_err().to_string();
        assert!(message.contains("no rows"), "{message}");
    }
}
