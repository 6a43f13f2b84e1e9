//! Final test accuracy, a row a condition, with the published distribution beside ours.

use super::Figure;
use super::axes::{self, Axis, Panel};
use super::drawing::{Drawing, Frame, Stroke};
use super::legend::{self, Legend, Swatch};
use super::sample::{self, Sample};
use super::style::{self, Look, percent};
use crate::results::{Published, RunRow, published_for};
use crate::statistics::{distinct, median};
use crate::{Condition, Error, Result};
use polars::prelude::DataFrame;

/// One row of the chart: a condition at one ε, or a rule of the reader's own.
struct Row {
    name: String,
    look: Look,
    values: Vec<f64>,
    diverged: usize,
    published: Option<&'static Published>,
}

const HEIGHT: f64 = 48.0;
/// More points than this are drawn small.
const DRAWN_LARGE: usize = 5;

/// Test accuracy after the last epoch, one point a run; where the paper published the same
/// condition and ε, its median and quartiles stand beneath.
///
/// Takes a table of runs, from the results store or from networks trained in a cell.
///
/// # Errors
/// If the table is empty or lacks a column.
pub fn accuracy_points(runs: &DataFrame) -> Result<Figure> {
    accuracy_points_with(runs, &[])
}

/// The same, with networks of the reader's own below: what they are called, and their test
/// accuracy, a fraction; `None` for one that diverged.
///
/// # Errors
/// As [`accuracy_points`].
pub fn accuracy_points_with(runs: &DataFrame, own: &[(&str, Option<f64>)]) -> Result<Figure> {
    let runs = RunRow::from_table(runs)?;
    let mut rows = rows(&runs);
    rows.extend(own.iter().map(|(name, accuracy)| Row {
        name: (*name).to_owned(),
        look: style::OWN,
        values: accuracy.iter().copied().collect(),
        diverged: usize::from(accuracy.is_none()),
        published: None,
    }));
    if rows.is_empty() {
        return Err(Error::unfit("runs table", "has no rows", "at least one run"));
    }
    let published = rows.iter().filter_map(Row::drawn);
    let values = rows.iter().flat_map(|r| r.values.iter().copied());
    let (low, high) = axes::range(values.chain(published.flat_map(|p| [p.q1, p.q3])), 0.04);

    let height = 84.0 + HEIGHT * rows.len() as f64;
    let mut drawing = Drawing::new(style::WIDTH, height);
    let epochs = runs.iter().map(|r| r.epochs).max().unwrap_or(0);
    legend_of(&rows, epochs).draw(&mut drawing, Frame::new(0.0, 6.0, style::WIDTH, height));
    let names: Vec<_> = rows.iter().rev().map(|row| &row.name).collect();
    let wordy = |r: &Row| r.diverged > 0 || r.published.is_some() != r.drawn().is_some();
    let numbers = if rows.iter().any(wordy) { 150.0 } else { 76.0 };
    let outer = Frame::new(6.0, 4.0, style::WIDTH - numbers, height - 4.0);
    let x = Axis::percent("Test accuracy (%)", low, high);
    let panel = Panel::fit(outer, x, Axis::names("", &names)).draw(&mut drawing);
    for (k, row) in rows.iter().rev().enumerate() {
        row.draw(&mut drawing, &panel, k as f64);
    }
    let count: usize = rows.iter().map(|row| row.values.len() + row.diverged).sum();
    let alt = format!("Test accuracy after {epochs} epochs, one point a run, {count} runs.");
    Figure::new(drawing, alt, rows.iter().map(Row::fact).collect())
}

fn rows(runs: &[RunRow]) -> Vec<Row> {
    let epsilons = distinct(runs.iter().map(|r| r.epsilon));
    let several = epsilons.len() > 1;
    let row = |(epsilon, condition): (f64, Condition)| {
        let label = condition.label();
        let sample = Sample::of(runs, condition, Some(epsilon));
        (sample.count() > 0).then(|| Row {
            name: if several { format!("{label}, ε = {epsilon}") } else { label.to_owned() },
            look: style::condition(condition),
            values: sample.values,
            diverged: sample.diverged,
            published: published_for(condition, epsilon),
        })
    };
    let each = epsilons.iter().flat_map(|&epsilon| Condition::ALL.map(|c| (epsilon, c)));
    each.filter_map(row).collect()
}

fn legend_of(rows: &[Row], epochs: i32) -> Legend {
    let mut looks = Vec::new();
    for look in rows.iter().map(|row| row.look) {
        if !looks.contains(&look) {
            looks.push(look);
        }
    }
    let ours = format!("ours, {epochs} epoch{}", if epochs == 1 { "" } else { "s" });
    let (published, theirs) =
        (rows.iter().any(|r| r.drawn().is_some()), "published median and quartiles, 50 epochs");
    Legend::default().entry(Swatch::Points(looks), ours).entry_if(
        published,
        Swatch::Published,
        theirs,
    )
}

impl Row {
    /// The published distribution, unless it is that of guessing.
    fn drawn(&self) -> Option<&'static Published> {
        self.published.filter(|p| !p.is_at_chance())
    }

    fn draw(&self, drawing: &mut Drawing, panel: &Panel, place: f64) {
        let (above, below) = if self.published.is_some() { (0.14, -0.22) } else { (0.0, 0.0) };
        if let Some(p) = self.drawn() {
            let at = |value| panel.at(value, place + below);
            legend::published(drawing, [p.q1, p.median, p.q3].map(at), 4.0);
        }
        self.draw_values(drawing, panel, place + above);
        let right = panel.frame.right + 14.0;
        let (_, y) = panel.at(0.0, place + above);
        if let Some(median) = median(&self.values) {
            drawing.text(axes::number(&percent(median), (right, y)).bold());
        }
        if self.diverged > 0 {
            let shift = if self.values.is_empty() { 0.0 } else { 52.0 };
            let text = format!("{} diverged", self.diverged);
            drawing.text(axes::number(&text, (right + shift, y)));
        }
        if let Some(p) = self.published {
            let chance = if p.is_at_chance() { " (diverged)" } else { "" };
            let text = format!("{}{chance}", percent(p.median));
            let at = (right, panel.at(0.0, place + below).1);
            drawing.text(axes::number(&text, at).color(style::QUIET));
        }
    }

    fn draw_values(&self, drawing: &mut Drawing, panel: &Panel, place: f64) {
        let Look { marker, color, .. } = self.look;
        if self.values.len() <= DRAWN_LARGE {
            for &value in &self.values {
                let edge = style::edge(color);
                drawing.marker(panel.at(value, place), marker, 5.0, color, edge);
            }
            return;
        }
        for (k, &value) in self.values.iter().enumerate() {
            let (x, y) = panel.at(value, place);
            // Up and down by turns, so that near values do not hide each other.
            let y = y + [0.0, 4.0, -4.0, 8.0, -8.0][k % 5];
            drawing.marker((x, y), marker, 3.0, color, style::WHITE);
        }
        if let Some(median) = median(&self.values) {
            let (x, y) = panel.at(median, place);
            let ends = [(x, y - 13.0), (x, y + 13.0)];
            drawing.line(ends, Stroke::new(style::WHITE, 5.0));
            drawing.line(ends, Stroke::new(style::INK, 2.4));
        }
    }

    fn fact(&self) -> String {
        let ours = match (median(&self.values), self.values.len()) {
            (None, _) => "no finished run".to_owned(),
            (Some(value), 1) => percent(value),
            (Some(value), n) => format!("median {} of {n} runs", percent(value)),
        };
        let published = self.published.map_or(String::new(), |p| {
            format!(" (published median of {} after 50 epochs: {})", p.runs, percent(p.median))
        });
        format!("{}: {ours}{}{published}", self.name, sample::diverged(self.diverged))
    }
}

#[cfg(test)]
mod tests {
    use super::super::checks::{check, sweep};
    use super::*;
    use crate::results::made_up::runs_table;

    #[test]
    fn three_networks_beside_the_published_medians() {
        let figure = accuracy_points(&runs_table(&[
            (Condition::ELn, 13, 0.75, Some(0.799)),
            (Condition::INormNone, 13, 0.75, Some(0.770)),
            (Condition::INormFull, 13, 0.75, Some(0.7987)),
        ]))
        .unwrap();
        check("accuracy_live", &figure);
        let text = figure.text();
        let expected = "I-Norm: 77.0 % (published median of 30 after 50 epochs: 81.1 %)";
        assert!(text.contains(expected), "{text}");
    }

    #[test]
    fn a_rule_of_ones_own_stands_below() {
        let runs = runs_table(&[(Condition::INormScale, 13, 0.75, Some(0.77))]);
        let own = [("yours", Some(0.75)), ("another", None)];
        let figure = accuracy_points_with(&runs, &own).unwrap();
        check("accuracy_own", &figure);
        let text = figure.text();
        assert!(text.contains("yours: 75.0 %") && text.contains("3 runs"), "{text}");
        assert!(text.contains("another: no finished run, 1 diverged"), "{text}");
    }

    #[test]
    fn a_whole_sweep_with_diverged_runs() {
        let figure = accuracy_points(&sweep(&[Condition::ELn, Condition::INormNone])).unwrap();
        check("accuracy_sweep", &figure);
        assert!(figure.text().contains("diverged (published"), "{}", figure.text());
    }

    #[test]
    fn all_diverged_is_drawn_too() {
        let figure =
            accuracy_points(&runs_table(&[(Condition::INormScale, 0, 0.75, None)])).unwrap();
        check("accuracy_diverged", &figure);
        assert!(figure.text().contains("no finished run, 1 diverged"), "{}", figure.text());
    }
}
