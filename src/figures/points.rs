//! Final test accuracy, a row a condition, with the published distribution beside ours.

use super::axes::{self, Axis, Panel};
use super::drawing::{Drawing, Frame, Label, Marker, Stroke};
use super::legend::{Legend, Swatch};
use super::scatter::epsilons;
use super::style::{self, Look};
use crate::learning::Outcome;
use crate::notebook::Figure;
use crate::results::{Published, RunRow, published_for};
use crate::statistics::BoxStatistics;
use crate::{Condition, Error, Result};
use polars::prelude::DataFrame;

/// One line of the chart: a condition at one ε, or a rule of the reader's own.
struct Line {
    name: String,
    look: Look,
    values: Vec<f64>,
    diverged: usize,
    published: Option<&'static Published>,
}

impl Line {
    /// The published distribution, unless it is that of guessing.
    fn drawn(&self) -> Option<&'static Published> {
        self.published.filter(|p| !p.is_at_chance())
    }
}

const ROW: f64 = 48.0;
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
    let mut lines = lines(&runs);
    lines.extend(own.iter().map(|(name, accuracy)| Line {
        name: (*name).to_owned(),
        look: style::OWN,
        values: accuracy.iter().copied().collect(),
        diverged: usize::from(accuracy.is_none()),
        published: None,
    }));
    if lines.is_empty() {
        return Err(Error::unfit("runs table", "has no rows", "at least one run"));
    }
    let published = lines.iter().filter_map(Line::drawn);
    let values = lines.iter().flat_map(|l| l.values.iter().copied());
    let (low, high) = axes::range(values.chain(published.flat_map(|p| [p.q1, p.q3])), 0.04);

    let height = 84.0 + ROW * lines.len() as f64;
    let mut drawing = Drawing::new(style::WIDTH, height);
    let epochs = runs.iter().map(|r| r.epochs).max().unwrap_or(0);
    legend(&lines, epochs).draw(&mut drawing, Frame::new(0.0, 6.0, style::WIDTH, height));
    let names: Vec<_> = lines.iter().rev().map(|l| l.name.clone()).collect();
    let x = Axis::percent("Test accuracy (%)", low, high);
    let wordy = |l: &Line| l.diverged > 0 || l.published.is_some() != l.drawn().is_some();
    let numbers = if lines.iter().any(wordy) { 150.0 } else { 76.0 };
    let outer = Frame::new(6.0, 4.0, style::WIDTH - numbers, height - 4.0);
    let panel = Panel::fit(outer, x, Axis::names("", &names));
    panel.draw(&mut drawing);
    for (k, line) in lines.iter().rev().enumerate() {
        draw(&mut drawing, &panel, k as f64, line);
    }
    let count: usize = lines.iter().map(|line| line.values.len() + line.diverged).sum();
    let alt = format!("Test accuracy after {epochs} epochs, one point a run, {count} runs.");
    Figure::new(drawing, alt, lines.iter().map(fact).collect())
}

fn lines(runs: &[RunRow]) -> Vec<Line> {
    let mut lines = Vec::new();
    let epsilons = epsilons(runs.iter().map(|r| r.epsilon));
    let several = epsilons.len() > 1;
    for epsilon in epsilons {
        for condition in Condition::ALL {
            let here: Vec<_> =
                runs.iter().filter(|r| r.condition == condition && r.epsilon == epsilon).collect();
            if here.is_empty() {
                continue;
            }
            let finished = here.iter().filter(|r| r.outcome == Outcome::Finished);
            let values: Vec<_> = finished.map(|r| r.test_accuracy).collect();
            let diverged = here.len() - values.len();
            let published = published_for(condition, epsilon);
            let (name, look) = (condition.label().to_owned(), style::condition(condition));
            let name = if several { format!("{name}, ε = {epsilon}") } else { name };
            lines.push(Line { name, look, values, diverged, published });
        }
    }
    lines
}

fn legend(lines: &[Line], epochs: i32) -> Legend {
    let mut looks = Vec::new();
    for look in lines.iter().map(|line| line.look) {
        if !looks.contains(&look) {
            looks.push(look);
        }
    }
    let ours = format!("ours, {epochs} epoch{}", if epochs == 1 { "" } else { "s" });
    let mut legend = Legend::default().entry(Swatch::Points(looks), ours);
    if lines.iter().any(|l| l.drawn().is_some()) {
        legend = legend.entry(Swatch::Published, "published median and quartiles, 50 epochs");
    }
    legend
}

fn draw(drawing: &mut Drawing, panel: &Panel, row: f64, line: &Line) {
    let (above, below) = if line.published.is_some() { (0.14, -0.22) } else { (0.0, 0.0) };
    if let Some(p) = line.drawn() {
        let at = |value| panel.at(value, row + below);
        drawing.line([at(p.q1), at(p.q3)], Stroke::new(style::PUBLISHED, 3.5));
        drawing.marker(at(p.median), Marker::Diamond, 4.0, style::WHITE, style::INK);
    }
    draw_values(drawing, panel, row + above, line);
    let right = panel.frame.right + 14.0;
    if let Some(b) = BoxStatistics::of(&line.values) {
        let at = (right, panel.at(0.0, row + above).1);
        let text = format!("{:.1} %", b.median * 100.0);
        drawing.text(Label::new(text, at, style::SMALL).bold().color(style::INK));
    }
    if line.diverged > 0 {
        let shift = if line.values.is_empty() { 0.0 } else { 52.0 };
        let at = (right + shift, panel.at(0.0, row + above).1);
        let text = format!("{} diverged", line.diverged);
        drawing.text(Label::new(text, at, style::SMALL).color(style::INK));
    }
    if let Some(p) = line.published {
        let at = (right, panel.at(0.0, row + below).1);
        let chance = if p.is_at_chance() { " (diverged)" } else { "" };
        let text = format!("{:.1} %{chance}", p.median * 100.0);
        drawing.text(Label::new(text, at, style::SMALL).color(style::QUIET));
    }
}

fn draw_values(drawing: &mut Drawing, panel: &Panel, row: f64, line: &Line) {
    let look = line.look;
    let many = line.values.len() > DRAWN_LARGE;
    for (k, &value) in line.values.iter().enumerate() {
        let (x, y) = panel.at(value, row);
        if many {
            // Up and down by turns, so that near values do not hide each other.
            let y = y + [0.0, 4.0, -4.0, 8.0, -8.0][k % 5];
            drawing.marker((x, y), look.marker, 3.0, look.color, style::WHITE);
        } else {
            drawing.marker((x, y), look.marker, 5.0, look.color, style::edge(look.color));
        }
    }
    if let (true, Some(b)) = (many, BoxStatistics::of(&line.values)) {
        let (x, y) = panel.at(b.median, row);
        let ends = [(x, y - 13.0), (x, y + 13.0)];
        drawing.line(ends, Stroke::new(style::WHITE, 5.0));
        drawing.line(ends, Stroke::new(style::INK, 2.4));
    }
}

fn fact(line: &Line) -> String {
    let n = line.values.len();
    let median = BoxStatistics::of(&line.values).map(|b| format!("{:.1} %", b.median * 100.0));
    let ours = match (median, n) {
        (None, _) => "no finished run".to_owned(),
        (Some(value), 1) => value,
        (Some(value), _) => format!("median {value} of {n} runs"),
    };
    let diverged =
        if line.diverged == 0 { String::new() } else { format!(", {} diverged", line.diverged) };
    let published = line.published.map_or(String::new(), |p| {
        format!(" (published median of {} after 50 epochs: {:.1} %)", p.runs, p.median * 100.0)
    });
    format!("{}: {ours}{diverged}{published}", line.name)
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
