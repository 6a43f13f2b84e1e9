//! Learning curves during training.

use super::axes::{self, Axis, Panel};
use super::drawing::{Drawing, Frame, Stroke};
use super::legend::{Legend, Swatch};
use super::render;
use super::style::{self, Look};
use crate::Result;

/// One network that is being trained.
#[derive(Debug, Clone, PartialEq)]
pub struct Trained {
    pub name: String,
    pub look: Look,
    /// Epochs, with fractions, and the mean training loss of the steps before.
    pub losses: Vec<(f64, f64)>,
    /// Test accuracy after each epoch, as a fraction.
    pub accuracies: Vec<f64>,
    /// When its settings were changed, in epochs.
    pub changes: Vec<f64>,
}

const HEIGHT: f64 = 260.0;
/// Room for the title of the upward axis of the second panel.
const BETWEEN: f64 = 20.0;

/// The curves so far, as a PNG file: training loss on the left, test accuracy on the right, both
/// over all `epochs`, so that the curves grow into the panels. A vertical line is a change of
/// settings.
pub fn picture(trained: &[Trained], epochs: u32) -> Result<Vec<u8>> {
    let legend = trained.iter().fold(Legend::default(), |legend, one| {
        legend.entry(Swatch::Line(one.look), one.name.trim())
    });
    let top = legend.height(style::WIDTH) + 8.0;
    let height = top + HEIGHT;
    let mut drawing = Drawing::new(style::WIDTH, height);
    legend.draw(&mut drawing, Frame::new(0.0, 6.0, style::WIDTH, height));
    let losses = trained.iter().flat_map(|one| &one.losses).map(|point| point.1);
    let (low, high) = axes::range(losses, 0.2);
    let loss = Axis::number("Training loss", low, high);
    let accuracies = trained.iter().flat_map(|one| one.accuracies.iter().copied());
    let (low, high) = axes::range(accuracies, 0.1);
    let accuracy = Axis::percent("Test accuracy (%)", low, high);
    let x = Axis::counting("Epoch", 0, i64::from(epochs.max(1)));
    let middle = style::WIDTH / 2.0;
    let outer = Frame::new(4.0, top, middle, height - 4.0);
    let left = Panel::fit(outer, x.clone(), loss).draw(&mut drawing);
    let outer = Frame::new(middle + BETWEEN, top, style::WIDTH - 2.0, height - 4.0);
    let right = Panel::fit(outer, x, accuracy).draw(&mut drawing);
    for one in trained {
        for (panel, &x) in one.changes.iter().flat_map(|x| [(&left, x), (&right, x)]) {
            let ends = [panel.y.low, panel.y.high].map(|y| panel.at(x, y));
            drawing.line(ends, Stroke::new(style::QUIET, 1.0));
        }
        let stroke = Stroke::new(one.look.color, 2.0).dash(one.look.dash);
        let line: Vec<_> = one.losses.iter().map(|(x, y)| left.at(*x, *y)).collect();
        if let [only] = line[..] {
            drawing.marker(only, one.look.marker, 4.0, one.look.color, style::WHITE);
        }
        drawing.line(line, stroke);
        let after = |(index, value): (usize, &f64)| right.at((index + 1) as f64, *value);
        let points: Vec<_> = one.accuracies.iter().enumerate().map(after).collect();
        drawing.line(points.clone(), stroke);
        // With many epochs a marker every few of them is enough to tell the curves apart.
        let every = points.len().div_ceil(12).max(1);
        for at in points.into_iter().step_by(every) {
            drawing.marker(at, one.look.marker, 4.0, one.look.color, style::WHITE);
        }
    }
    render::png(&drawing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Condition;

    #[test]
    fn it_can_be_drawn_from_the_first_step_to_the_last() {
        let mut one = Trained {
            name: "e_ln".into(),
            look: style::condition(Condition::ELn),
            losses: Vec::new(),
            accuracies: Vec::new(),
            changes: Vec::new(),
        };
        let empty = picture(std::slice::from_ref(&one), 2).unwrap();
        one.losses = vec![(0.1, 2.3)];
        picture(std::slice::from_ref(&one), 2).unwrap();
        one.losses.extend([(0.5, 1.2), (2.0, 0.9)]);
        one.accuracies = vec![0.7, 0.8];
        let full = picture(std::slice::from_ref(&one), 2).unwrap();
        assert!(full.starts_with(b"\x89PNG") && full != empty);
        one.changes = vec![0.5];
        assert_ne!(picture(std::slice::from_ref(&one), 2).unwrap(), full);
        // Whatever a training that diverges comes to.
        one.look = style::condition(Condition::INormNone);
        for loss in [1e17, 1e290, f64::INFINITY, f64::NAN] {
            one.losses = vec![(0.1, loss)];
            picture(std::slice::from_ref(&one), u32::MAX).unwrap();
            one.losses.push((0.2, 2.3));
            picture(std::slice::from_ref(&one), 2).unwrap();
        }
    }
}
