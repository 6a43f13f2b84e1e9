//! Final test accuracy, a row a condition, with the published distribution beside ours.

use super::Figure;
use super::axes::{self, Axis, Panel};
use super::drawing::{Drawing, Frame, Stroke};
use super::legend::{self, Legend, Swatch};
use super::reach::Reach;
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
/// From the panel to the numbers beside it.
const GAP: f64 = 14.0;
/// Room for a median.
const MEDIAN: f64 = 62.0;
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
    let values = rows.iter().map(|row| &row.values[..]);
    let reach = Reach::of(values, published.flat_map(|p| [p.q1, p.q3]), 0.04);

    let height = 84.0 + HEIGHT * rows.len() as f64;
    let mut drawing = Drawing::new(style::WIDTH, height);
    let epochs = runs.iter().map(|r| r.epochs).max().unwrap_or(0);
    legend_of(&rows, epochs).draw(&mut drawing, Frame::new(0.0, 6.0, style::WIDTH, height));
    let names: Vec<_> = rows.iter().rev().map(|row| &row.name).collect();
    let numbers = rows.iter().map(|row| row.numbers_width(reach)).fold(MEDIAN, f64::max);
    let outer = Frame::new(6.0, 4.0, style::WIDTH - GAP - numbers, height - 4.0);
    let x = reach.axis("Test accuracy (%)");
    let panel = Panel::fit(outer, x, Axis::names("", &names)).draw(&mut drawing);
    for (k, row) in rows.iter().rev().enumerate() {
        row.draw(&mut drawing, &panel, k as f64, reach);
    }
    let count: usize = rows.iter().map(|row| row.values.len() + row.diverged).sum();
    let alt = format!("Test accuracy after {epochs} epochs, one point a run, {count} runs.");
    Figure::new(drawing, alt, rows.iter().map(|row| row.fact(reach)).collect())
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

    /// What is said of the runs that the axis does not show.
    fn remark(&self, reach: Reach) -> Option<String> {
        let diverged = (self.diverged > 0).then(|| format!("{} diverged", self.diverged));
        let words: Vec<_> = reach.words(&self.values).into_iter().chain(diverged).collect();
        (!words.is_empty()).then(|| words.join(", "))
    }

    /// The published median.
    fn published_words(&self) -> Option<String> {
        let p = self.published?;
        let chance = if p.is_at_chance() { " (diverged)" } else { "" };
        Some(format!("{}{chance}", percent(p.median)))
    }

    /// Where a remark begins: after the median, if there is one.
    fn remark_at(&self) -> f64 {
        if self.values.is_empty() { 0.0 } else { 52.0 }
    }

    /// The room that all that is written to the right needs.
    fn numbers_width(&self, reach: Reach) -> f64 {
        let width = |text: &str| axes::number(text, (0.0, 0.0)).width() + 4.0;
        let remark = self.remark(reach).map_or(0.0, |text| self.remark_at() + width(&text));
        remark.max(self.published_words().map_or(0.0, |words| width(&words)))
    }

    fn draw(&self, drawing: &mut Drawing, panel: &Panel, place: f64, reach: Reach) {
        let (above, below) = if self.published.is_some() { (0.14, -0.22) } else { (0.0, 0.0) };
        if let Some(p) = self.drawn() {
            let at = |value| panel.at(value, place + below);
            legend::published(drawing, [p.q1, p.median, p.q3].map(at), 4.0);
        }
        self.draw_values(drawing, panel, place + above);
        let right = panel.frame.right + GAP;
        let (_, y) = panel.at(0.0, place + above);
        if let Some(median) = median(&self.values) {
            drawing.text(axes::number(&percent(median), (right, y)).bold());
        }
        if let Some(text) = self.remark(reach) {
            drawing.text(axes::number(&text, (right + self.remark_at(), y)));
        }
        if let Some(text) = self.published_words() {
            let at = (right, panel.at(0.0, place + below).1);
            drawing.text(axes::number(&text, at).color(style::QUIET));
        }
    }

    fn draw_values(&self, drawing: &mut Drawing, panel: &Panel, place: f64) {
        let Look { marker, color, .. } = self.look;
        // Up and down by turns, so that near values do not hide each other.
        let aside = |k: usize| [0.0, 4.0, -4.0, 8.0, -8.0][k % 5];
        if self.values.len() <= DRAWN_LARGE {
            for (k, &value) in self.values.iter().enumerate() {
                let (x, y) = panel.at(value, place);
                let y = if value < panel.x.low { y + aside(k) } else { y };
                drawing.marker((x, y), marker, 5.0, color, style::edge(color));
            }
            return;
        }
        for (k, &value) in self.values.iter().enumerate() {
            let (x, y) = panel.at(value, place);
            let y = y + aside(k);
            drawing.marker((x, y), marker, 3.0, color, style::WHITE);
        }
        if let Some(median) = median(&self.values) {
            let (x, y) = panel.at(median, place);
            let ends = [(x, y - 13.0), (x, y + 13.0)];
            drawing.line(ends, Stroke::new(style::WHITE, 5.0));
            drawing.line(ends, Stroke::new(style::INK, 2.4));
        }
    }

    fn fact(&self, reach: Reach) -> String {
        let ours = match (median(&self.values), self.values.len()) {
            (None, _) => "no finished run".to_owned(),
            (Some(value), 1) => percent(value),
            (Some(value), n) => format!("median {} of {n} runs", percent(value)),
        };
        let published = self.published.map_or(String::new(), |p| {
            format!(" (published median of {} after 50 epochs: {})", p.runs, percent(p.median))
        });
        let diverged = sample::diverged(self.diverged);
        format!("{}: {ours}{diverged}{}{published}", self.name, reach.fact(&self.values))
    }
}

#[cfg(test)]
mod tests {
    use super::super::checks::{check, sweep, texts};
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
    fn runs_far_below_all_others_are_in_the_strip() {
        let mut rows: Vec<_> =
            (0..20).map(|k| (Condition::ELn, k, 0.75, Some(0.84 + f64::from(k) * 1e-3))).collect();
        rows.extend(
            [(0, None), (1, Some(0.15)), (2, Some(0.1)), (3, Some(0.8))]
                .map(|(config, accuracy)| (Condition::INormDecorrelate, config, 0.75, accuracy)),
        );
        let figure = accuracy_points(&runs_table(&rows)).unwrap();
        check("accuracy_strip", &figure);
        let labels: Vec<_> = figure.charts().flat_map(texts).map(|l| l.text.as_str()).collect();
        assert!(labels.contains(&"2 of 3 at 10.0 to 15.0 %, 1 diverged"), "{labels:?}");
        assert!(labels.contains(&"< 79") && !labels.contains(&"20"), "{labels:?}");
        let text = figure.text();
        assert!(text.contains("1 diverged, off the axis 2 of 3 at 10.0 to 15.0 %"), "{text}");
    }

    #[test]
    fn all_diverged_is_drawn_too() {
        let figure =
            accuracy_points(&runs_table(&[(Condition::INormScale, 0, 0.75, None)])).unwrap();
        check("accuracy_diverged", &figure);
        assert!(figure.text().contains("no finished run, 1 diverged"), "{}", figure.text());
    }
}
