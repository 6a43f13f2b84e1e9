//! Differences between networks of the same configuration, over epochs and by learning rate.

use super::Figure;
use super::axes::{self, Axis, Panel};
use super::curves::{self, Curve};
use super::drawing::{Drawing, Frame};
use super::legend::{Legend, Swatch};
use super::sample::with_counts;
use super::style;
use crate::results::{MARGIN, PairedEpochRow, Variant, points};
use crate::statistics::{median, rank_correlation};
use crate::{Condition, Error, Result};
use polars::prelude::DataFrame;
use std::collections::BTreeMap;

/// Where the left panel ends.
const MIDDLE: f64 = 0.56 * style::WIDTH;
/// Epochs that the words name, besides the last one.
const NAMED: [i32; 5] = [1, 2, 5, 10, 20];

/// The difference in test accuracy to another network of the same configuration: to the left its
/// median over configurations, with quartiles, after each epoch; to the right that after the last
/// epoch by the learning rate of `W_EE`, a point a configuration. Half a point on either side of zero
/// is shaded. One row of panels for each network whose accuracy is taken away.
///
/// Takes what [`results::differences_over_epochs`](crate::results::differences_over_epochs) makes.
/// The paper has no such figure.
///
/// # Errors
/// If `differences` is no table of them, or has no row.
pub fn differences_over_epochs(differences: &DataFrame) -> Result<Figure> {
    let rows = PairedEpochRow::from_table(differences)?;
    let mut groups: Vec<Group> = Vec::new();
    for row in &rows {
        let is_its = |group: &Group| (&group.than, group.epsilon) == (&row.than, row.epsilon);
        let at = groups.iter().position(is_its).unwrap_or(groups.len());
        if at == groups.len() {
            groups.push(Group { than: row.than.clone(), epsilon: row.epsilon, rows: Vec::new() });
        }
        groups[at].rows.push(row);
    }
    let medians = groups.iter().flat_map(|group| group.curves().into_values());
    let bands = medians.flat_map(|curve| curve.points()).flat_map(|(_, band)| band);
    let ends = groups.iter().flat_map(Group::at_the_end).map(|row| row.difference);
    let y = axes::range(bands.chain(ends).chain([-MARGIN, MARGIN]), 0.02);
    let rates = axes::range(rows.iter().map(|row| row.lr.log10()), 0.2);
    let mut figures = groups.iter().map(|group| group.figure(y, rates));
    let Some(first) = figures.next() else {
        let expected = "at least one configuration trained with two networks that are compared";
        return Err(Error::unfit("paired epochs table", "has no rows", expected));
    };
    figures.fold(first, |above, below| above?.above(below?))
}

/// Differences to one network.
struct Group<'r> {
    than: Variant,
    epsilon: f64,
    rows: Vec<&'r PairedEpochRow>,
}

impl Group<'_> {
    fn curves(&self) -> BTreeMap<Condition, Curve> {
        let mut curves: BTreeMap<Condition, Curve> = BTreeMap::new();
        for row in &self.rows {
            curves.entry(row.network.condition).or_default().insert(row.epoch, row.difference);
        }
        curves
    }

    fn last(&self) -> i32 {
        self.rows.iter().map(|row| row.epoch).max().unwrap_or(1)
    }

    fn at_the_end(&self) -> impl Iterator<Item = &PairedEpochRow> {
        let last = self.last();
        self.rows.iter().copied().filter(move |row| row.epoch == last)
    }

    fn figure(&self, (low, high): (f64, f64), rates: (f64, f64)) -> Result<Figure> {
        let (curves, last) = (self.curves(), self.last());
        let legend = curves.iter().fold(Legend::default(), |legend, (&condition, curve)| {
            let name = with_counts(condition.label(), [curve.runs()].into_iter());
            legend.entry(Swatch::Line(style::condition(condition)), name)
        });
        let legend = legend.entry(Swatch::Box(style::GRID), "within half a point");
        let top = legend.height(style::WIDTH) + 8.0;
        let (height, than) = (310.0 + top, self.than.label());
        let mut drawing = Drawing::new(style::WIDTH, height);
        legend.draw(&mut drawing, Frame::new(0.0, 6.0, style::WIDTH, height));

        let y = Axis::percent("points of test accuracy", low, high);
        let outer = Frame::new(4.0, top, MIDDLE, height - 4.0);
        let x = Axis::counting("Epoch", 1, i64::from(last.max(2))).at_most(6);
        let heading = format!("difference from {than}, {}", style::epsilon_label(self.epsilon));
        let left = panel(&mut drawing, Panel::fit(outer, x, y.clone()), &heading);
        for (condition, curve) in &curves {
            curves::draw(&mut drawing, &left, *condition, &curve.points());
        }
        let outer = Frame::new(MIDDLE + 8.0, top, style::WIDTH - 2.0, height - 4.0);
        let x = Axis::logarithmic("learning rate", rates.0, rates.1);
        let y = Axis { title: String::new(), ..y };
        let heading = format!("after epoch {last}");
        let right = panel(&mut drawing, Panel::fit(outer, x, y), &heading);
        for row in self.at_the_end() {
            let look = style::condition(row.network.condition);
            let at = right.at(row.lr.log10(), row.difference);
            drawing.marker(at, look.marker, 3.8, look.color.opacity(0.85), style::WHITE);
        }
        let alt = format!(
            "Test accuracy less that of {than}, in the same configuration, after each epoch, and \
             after the last one by learning rate."
        );
        Figure::new(drawing, alt, curves.keys().map(|condition| self.fact(*condition)).collect())
    }

    fn fact(&self, condition: Condition) -> String {
        let last = self.last();
        let after = |epoch: i32| -> Option<String> {
            let here = self.rows.iter().filter(|r| r.network.condition == condition);
            let values: Vec<_> =
                here.filter(|row| row.epoch == epoch).map(|row| row.difference).collect();
            Some(format!("epoch {epoch} {}", points(median(&values)?)))
        };
        let epochs = NAMED.into_iter().filter(|epoch| *epoch < last).chain([last]);
        let epochs: Vec<_> = epochs.filter_map(after).collect();
        let ends = self.at_the_end().filter(|row| row.network.condition == condition);
        let ends: Vec<_> = ends.map(|row| (row.lr, row.difference)).collect();
        let rho = rank_correlation(&ends)
            .map(|rho| format!("{rho:.2}").replace('-', "−"))
            .map_or(String::new(), |rho| format!("; Spearman's ρ with the learning rate {rho}"));
        format!(
            "{}, {} − {}: {}, n = {}{rho}",
            style::epsilon_label(self.epsilon),
            condition.label(),
            self.than.label(),
            epochs.join(", "),
            ends.len(),
        )
    }
}

/// Draws a panel with the shade and a line at zero beneath its data.
fn panel(drawing: &mut Drawing, panel: Panel, heading: &str) -> Panel {
    let Frame { left, right, .. } = panel.frame;
    let [low, zero, high] = [-MARGIN, 0.0, MARGIN].map(|value| panel.at(panel.x.low, value).1);
    let shade = Frame::new(left, high, right, low);
    drawing.rectangle(shade, Some(style::box_fill(style::GRID)), None);
    let panel = panel.draw(drawing).heading(drawing, "", heading);
    drawing.line([(left, zero), (right, zero)], style::DASHES);
    panel
}

#[cfg(test)]
mod tests {
    use super::super::checks::check;
    use super::*;

    fn rows(than: &str, closing: f64) -> Vec<PairedEpochRow> {
        let mut rows = Vec::new();
        for (network, behind) in [("inorm_center", -0.03), ("inorm_full", 0.0)] {
            for config in 0..10 {
                let lr = 1e-3 * 1.3_f64.powi(config);
                rows.extend((1..=50).map(|epoch| PairedEpochRow {
                    epsilon: 0.75,
                    network: network.parse().unwrap(),
                    than: than.parse().unwrap(),
                    config: Some(config),
                    seed: 0,
                    lr,
                    epoch,
                    difference: behind * (-f64::from(epoch) * closing * lr).exp()
                        + 1e-4 * f64::from(config % 3),
                }));
            }
        }
        rows
    }

    #[test]
    fn a_gap_that_closes_faster_at_larger_rates() {
        let all = [rows("e_ln", 10.0), rows("e_ln protocol=revised", 5.0)].concat();
        let figure = differences_over_epochs(&PairedEpochRow::to_table(&all).unwrap()).unwrap();
        check("differences_over_epochs", &figure);
        let facts = figure.facts();
        assert_eq!(facts.len(), 4);
        assert!(facts[1].starts_with("ε = 0.75, I-Norm + center − E-only + LN: epoch 1 −"));
        assert!(facts[1].ends_with("n = 10; Spearman's ρ with the learning rate 1.00"));
        let none = PairedEpochRow::to_table(&[]).unwrap();
        let message = differences_over_epochs(&none).unwrap_err().to_string();
        assert!(message.contains("at least one configuration"), "{message}");
    }
}
