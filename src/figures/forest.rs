//! Differences between two networks of the same configuration: a row a difference, and for what the
//! paper claims ours above what was published.

use super::Figure;
use super::axes::{self, Axis, Panel};
use super::drawing::{Color, Dash, Drawing, Frame, Marker, Point, Stroke};
use super::legend::{self, Legend, Swatch};
use super::style::{self, Look};
use crate::results::{self, ClaimRow, MARGIN, Variant, points};
use crate::statistics::distinct;
use crate::{Condition, Error, Result};
use polars::prelude::DataFrame;

/// Height of a row.
const ROW: f64 = 36.0;
/// Room at the right for the medians, the numbers of pairs and of runs at chance.
const NUMBERS: f64 = 196.0;
/// Of a row's height, how far ours and published are from its middle if there are both.
const APART: f64 = 0.2;
/// Only a run at chance is this far from another one: the axis does not reach there.
const FAR: f64 = 0.2;

/// The median over configurations of the difference between two networks, with its 95 % interval
/// (of fewer than six pairs their range): ours and as published, for each step of the paper's
/// argument, at ε = 0 and 0.75. Half a point on either side of zero is shaded.
///
/// The paper has no such figure.
///
/// # Errors
/// If `runs` is no table of runs, or has no configuration with two networks that are compared.
pub fn claims(runs: &DataFrame) -> Result<Figure> {
    claims_about(runs, &Condition::ALL)
}

/// The same for the steps that are about these networks.
///
/// # Errors
/// As [`claims`].
pub fn claims_about(runs: &DataFrame, networks: &[Condition]) -> Result<Figure> {
    let mut rows = ClaimRow::from_table(&results::claims(runs)?)?;
    let about: Vec<Variant> = networks.iter().copied().map(Variant::from).collect();
    rows.retain(|row| about.contains(&row.network));
    of_rows(&rows, "What the paper claims, as differences")
}

/// Differences between networks of one's choice, in the order of the rows: what
/// [`results::differences`] makes.
///
/// # Errors
/// If `differences` is no table of them, or has no row.
pub fn differences(differences: &DataFrame) -> Result<Figure> {
    of_rows(&ClaimRow::from_table(differences)?, "Differences")
}

fn of_rows(rows: &[ClaimRow], what: &str) -> Result<Figure> {
    if !rows.iter().any(ClaimRow::is_ours) {
        let found = "no configuration trained with two networks that are compared";
        let expected = "at least one such pair (inorm sweep makes them)";
        return Err(Error::unfit("runs table", found, expected));
    }
    let values = rows.iter().flat_map(|row| [Some(row.median), row.low, row.high]).flatten();
    let near = values.filter(|value| value.abs() < FAR);
    let range = axes::range(near.chain([-MARGIN, MARGIN]), 0.02);
    let epsilons = distinct(rows.iter().map(|row| row.epsilon));
    let legend = legend_of(rows);
    let top = legend.height(style::WIDTH) + 8.0;
    let panels = epsilons
        .iter()
        .zip(["a", "b", "c", "d"])
        .map(|(&epsilon, letter)| (epsilon, letter, at(rows, epsilon)));
    let panels: Vec<_> = panels.collect();
    let height = |count: usize| ROW * count as f64 + 74.0;
    let all = panels.iter().map(|(_, _, differences)| height(differences.len())).sum::<f64>();
    let mut drawing = Drawing::new(style::WIDTH, top + all);
    legend.draw(&mut drawing, Frame::new(0.0, 4.0, style::WIDTH, top));
    let mut above = top;
    for (epsilon, letter, differences) in &panels {
        let below = above + height(differences.len());
        let outer = Frame::new(4.0, above, style::WIDTH - NUMBERS, below - 8.0);
        draw(&mut drawing, outer, range, letter, *epsilon, differences);
        above = below;
    }
    let published = if rows.iter().all(ClaimRow::is_ours) { "" } else { ", ours and published" };
    let alt = format!(
        "{what} in test accuracy between two networks of the same configuration, in points: \
         medians and their intervals{published}."
    );
    let facts = panels.iter().flat_map(|(_, _, differences)| differences).map(Difference::fact);
    Figure::new(drawing, &alt, facts.collect())
}

/// One row: what is known of the difference between two networks.
struct Difference<'a> {
    name: String,
    look: Look,
    ours: Option<&'a ClaimRow>,
    published: Option<&'a ClaimRow>,
}

/// The rows of one ε, from the top.
fn at(rows: &[ClaimRow], epsilon: f64) -> Vec<Difference<'_>> {
    let mut differences: Vec<Difference> = Vec::new();
    for row in rows.iter().filter(|row| row.epsilon == epsilon) {
        let name = row.network.label_less(&row.than);
        if differences.last().is_none_or(|last| last.name != name) {
            let look = style::condition(row.network.condition);
            differences.push(Difference { name, look, ours: None, published: None });
        }
        if let Some(last) = differences.last_mut() {
            *(if row.is_ours() { &mut last.ours } else { &mut last.published }) = Some(row);
        }
    }
    differences
}

fn legend_of(rows: &[ClaimRow]) -> Legend {
    let look = |dash| Look { color: style::INK, marker: Marker::Circle, dash };
    let ours =
        |interval: bool| rows.iter().any(|row| row.is_ours() && row.has_interval() == interval);
    Legend::default()
        .entry_if(ours(true), Swatch::Line(look(Dash::Solid)), "ours: median, 95 % interval")
        .entry_if(ours(false), Swatch::Line(look(Dash::Dotted)), "ours, n < 6: median, range")
        .entry_if(!rows.iter().all(ClaimRow::is_ours), Swatch::Published, "published")
        .entry(Swatch::Box(style::GRID), "within half a point")
}

fn draw(
    drawing: &mut Drawing,
    outer: Frame,
    (low, high): (f64, f64),
    letter: &str,
    epsilon: f64,
    differences: &[Difference],
) {
    let names: Vec<_> = differences.iter().rev().map(|difference| &difference.name).collect();
    let x = Axis::percent("difference in test accuracy (points)", low, high);
    let panel = Panel::fit(outer, x, Axis::names("", &names));
    let Frame { top, bottom, .. } = panel.frame;
    let [left, zero, right] = [-MARGIN, 0.0, MARGIN].map(|value| panel.at(value, 0.0).0);
    let band = Frame::new(left, top, right, bottom);
    drawing.rectangle(band, Some(style::box_fill(style::GRID)), None);
    let panel = panel.draw(drawing).heading(drawing, letter, &style::epsilon_label(epsilon));
    drawing.line([(zero, top), (zero, bottom)], style::DASHES);
    for (place, difference) in differences.iter().rev().enumerate() {
        difference.draw(drawing, &panel, place as f64);
    }
}

impl Difference<'_> {
    fn draw(&self, drawing: &mut Drawing, panel: &Panel, place: f64) {
        let apart = if self.ours.is_some() && self.published.is_some() { APART } else { 0.0 };
        if let Some(row) = self.ours {
            let Look { color, marker, .. } = self.look;
            let dash = if row.has_interval() { Dash::Solid } else { Dash::Dotted };
            let (ends, median) = placed(drawing, panel, row, place + apart, color);
            drawing.line(ends, Stroke::new(color, 2.0).dash(dash));
            if let Some(at) = median {
                drawing.marker(at, marker, 3.6, color, style::edge(color));
            }
            numbers(drawing, panel, row, place + apart, style::INK);
        }
        if let Some(row) = self.published {
            let ([low, high], median) =
                placed(drawing, panel, row, place - apart, style::PUBLISHED);
            match median {
                Some(at) => legend::published(drawing, [low, at, high], 3.5),
                None => drawing.line([low, high], Stroke::new(style::PUBLISHED, 3.0)),
            }
            numbers(drawing, panel, row, place - apart, style::QUIET);
        }
    }

    fn fact(&self) -> String {
        let row = self.ours.or(self.published);
        let epsilon = row.map_or(String::new(), |row| style::epsilon_label(row.epsilon));
        let known = [("ours", self.ours), ("published", self.published)];
        let words: Vec<_> = known
            .into_iter()
            .filter_map(|(whose, row)| Some(format!("{whose} {}{}", row?.words(), tests(row?))))
            .collect();
        format!("{epsilon}, {}: {}", self.name, words.join("; "))
    }
}

/// What is known beyond the median, as the end of a sentence; nothing of too few pairs.
fn tests(row: &ClaimRow) -> String {
    row.p.map_or(String::new(), |p| {
        format!(", paired {}, within half a point: {}", style::p_value(p), row.equivalent)
    })
}

/// Where the ends and the median of a row are; an end that the axis does not reach is at its edge,
/// with an arrow, and a median there is nowhere.
fn placed(
    drawing: &mut Drawing,
    panel: &Panel,
    row: &ClaimRow,
    place: f64,
    color: Color,
) -> ([Point; 2], Option<Point>) {
    let Frame { left, right, .. } = panel.frame;
    let inside = |at: &Point| (left..=right).contains(&at.0);
    let ends = [row.low, row.high].map(|end| panel.at(end.unwrap_or(row.median), place));
    for &(x, y) in ends.iter().filter(|at| !inside(at)) {
        let (tip, back) = if x < left { (left + 1.0, 7.0) } else { (right - 1.0, -7.0) };
        drawing.area([(tip, y), (tip + back, y - 4.0), (tip + back, y + 4.0)], color);
    }
    let ends = ends.map(|(x, y)| (x.clamp(left + 2.0, right - 2.0), y));
    (ends, Some(panel.at(row.median, place)).filter(inside))
}

/// Writes the median, the number of pairs and that of the runs at chance, to the right.
fn numbers(drawing: &mut Drawing, panel: &Panel, row: &ClaimRow, place: f64, color: Color) {
    let (x, y) = (panel.frame.right, panel.at(0.0, place).1);
    drawing.text(axes::number(&points(row.median), (x + 50.0, y)).end().color(color));
    let from = row.numbers().unwrap_or_else(|| "of medians".to_owned());
    drawing.text(axes::number(&from, (x + 58.0, y)).color(color));
}

#[cfg(test)]
mod tests {
    use super::super::checks::{check, sweep, texts};
    use super::*;
    use crate::results::made_up::runs_table;

    #[test]
    fn differences_of_ones_choice_stand_in_their_order_without_what_was_published() {
        let chosen = [["inorm_none", "ei_none"], ["inorm_center", "inorm_full"]];
        let rows = results::differences(&sweep(&Condition::ALL), None, &chosen).unwrap();
        let figure = super::differences(&rows).unwrap();
        check("differences", &figure);
        let text = figure.text();
        let [first, second] = ["I-Norm − EI: ours ", "I-Norm + center − I-Norm + GradNorm: ours "]
            .map(|words| text.find(words).unwrap_or_else(|| panic!("{text}")));
        assert!(first < second && !text.contains("published"), "{text}");
        let none = results::differences(&sweep(&[Condition::ELn]), None, &chosen).unwrap();
        assert!(super::differences(&none).is_err());
    }

    #[test]
    fn all_runs_and_few_of_them() {
        let figure = claims(&sweep(&Condition::ALL)).unwrap();
        check("claims_all", &figure);
        assert_eq!(figure.facts().len(), 20);
        let expected = "ε = 0.75, EI + LN − E-only + LN: ours ";
        assert!(figure.text().contains(expected), "{}", figure.text());
        assert!(figure.text().contains(", within half a point: "), "{}", figure.text());

        let steps = [Condition::INormScale, Condition::INormDecorrelate, Condition::INormCenter];
        let figure = claims_about(&sweep(&Condition::ALL), &steps).unwrap();
        check("claims_steps", &figure);
        assert_eq!(figure.facts().len(), 6);

        let few = runs_table(&[
            (Condition::ELn, 0, 0.75, Some(0.85)),
            (Condition::ELn, 1, 0.75, Some(0.86)),
            (Condition::INormScale, 0, 0.75, None),
            (Condition::INormScale, 1, 0.75, Some(0.80)),
        ]);
        let figure = claims(&few).unwrap();
        check("claims_few", &figure);
        let words =
            "I-Norm + scale − E-only + LN: ours −40.50 (−75.00 to −6.00), n = 2, 1 at chance";
        assert!(figure.text().contains(words), "{}", figure.text());
        let labels: Vec<_> = figure.charts().flat_map(texts).map(|l| l.text.as_str()).collect();
        assert!(labels.contains(&"n = 2, 1 at chance"), "{labels:?}");
        assert!(labels.contains(&"ours, n < 6: median, range"), "{labels:?}");
        assert!(!labels.contains(&"−20"), "the axis does not reach what is at chance: {labels:?}");
    }
}
