//! Histograms with bins that are the same wherever the same quantity is shown.

use super::axes::{self, Axis, Panel};
use super::drawing::{Color, Drawing, Frame, Stroke};
use super::style;

/// Equally wide bins.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bins {
    /// Where the first begins.
    pub low: f64,
    pub width: f64,
    pub count: usize,
}

impl Bins {
    /// `count` bins from `low` to `high`.
    pub fn new(low: f64, high: f64, count: usize) -> Self {
        Self { low, width: (high - low) / count as f64, count }
    }

    /// For a cosine: 0 to 1, or −1 to 1 if a value needs it.
    pub fn cosine(values: &[f64]) -> Self {
        let negative = values.iter().any(|&v| v < 0.0);
        if negative { Self::new(-1.0, 1.0, 80) } else { Self::new(0.0, 1.0, 40) }
    }

    /// The end of the last bin.
    pub fn high(&self) -> f64 {
        self.low + self.width * self.count as f64
    }

    /// How many values fall into each. The last bin holds its upper end; what lies outside, or
    /// is not a number, is counted nowhere.
    pub fn counts(&self, values: &[f64]) -> Vec<usize> {
        let mut counts = vec![0; self.count];
        for &value in values {
            // A cosine of 1 may come out as 1 + 1e-16.
            let place = (value - self.low) / self.width;
            if place >= -1e-9 && place <= self.count as f64 + 1e-9 {
                counts[(place.max(0.0) as usize).min(self.count - 1)] += 1;
            }
        }
        counts
    }
}

/// An axis of counts for panels with these bars, with room above them for what is written there,
/// and with at most about this many ticks.
pub fn runs_axis(counts: &[Vec<usize>], ticks: usize) -> Axis {
    let most = counts.iter().flatten().copied().max().unwrap_or(0).max(4);
    Axis::number("runs", 0.0, most as f64 * 1.5).at_most(ticks)
}

/// A line through all bars at `value`, the median, with `text` beside it.
pub fn mark(drawing: &mut Drawing, panel: &Panel, value: f64, text: &str) {
    let (x, y) = panel.at(value, 0.0);
    let top = panel.frame.top + 16.0;
    drawing.line([(x, top), (x, y)], Stroke::new(style::INK, 1.6));
    beside(drawing, panel, [x, x], top + 8.0, text);
}

/// Text to the right of what lies in the left half of a panel, to the left of the rest.
pub fn beside(drawing: &mut Drawing, panel: &Panel, [left, right]: [f64; 2], y: f64, text: &str) {
    let label = |x| axes::number(text, (x, y));
    let leftish = left + right < 2.0 * panel.frame.center().0;
    drawing.text(if leftish { label(right + 5.0) } else { label(left - 5.0).end() });
}

/// Draws the counts as bars that stand on the axis.
pub fn draw(drawing: &mut Drawing, panel: &Panel, bins: Bins, counts: &[usize], color: Color) {
    for (k, &count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        let left = bins.low + bins.width * k as f64;
        let (x0, y0) = panel.at(left, count as f64);
        let (x1, y1) = panel.at(left + bins.width, 0.0);
        let edge = Stroke::new(style::edge(color), 0.8);
        drawing.rectangle(Frame::new(x0, y0, x1, y1), Some(color.tint(0.8)), Some(edge));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_inside_is_counted_once() {
        let bins = Bins::new(0.0, 1.0, 4);
        let values = [0.0, 0.2, 0.25, 0.999, 1.0, 1.0 + 1e-16, 1.5, -0.2, f64::NAN];
        // numpy.histogram([0, .2, .25, .999, 1, 1], bins=4, range=(0, 1))[0]
        assert_eq!(bins.counts(&values), [2, 1, 0, 3]);
        assert_eq!(bins.high(), 1.0);
        assert_eq!(Bins::cosine(&[0.3]).low, 0.0);
        assert_eq!(Bins::cosine(&[0.3, -0.1]).low, -1.0);
    }
}
