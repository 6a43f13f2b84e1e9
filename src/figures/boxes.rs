//! Box plots: quartiles, whiskers that end on data, outliers, and how many runs diverged.

use super::axes::{self, Panel};
use super::drawing::{Drawing, Frame, Marker, Point, Stroke};
use super::style::{self, Look};
use crate::statistics::BoxStatistics;

/// Draws `values` around `x` as a box of this `width`, both in the panel's unit, or one by one if
/// they are too few for quartiles.
pub fn draw_sample(
    drawing: &mut Drawing,
    panel: &Panel,
    x: f64,
    width: f64,
    values: &[f64],
    look: Look,
) {
    /// Fewer have no quartiles worth drawing.
    const WORTH_A_BOX: usize = 5;
    let Some(b) = BoxStatistics::of(values).filter(|b| b.count >= WORTH_A_BOX) else {
        for &value in values.iter().filter(|value| value.is_finite()) {
            let edge = style::edge(look.color);
            drawing.marker(panel.at(x, value), look.marker, 4.5, look.color, edge);
        }
        return;
    };
    let edge = Stroke::new(style::INK, 1.2);
    let y = |value: f64| panel.at(x, value).1;
    let (left, _) = panel.at(x - width / 2.0, b.q1);
    let (right, _) = panel.at(x + width / 2.0, b.q1);
    let middle = (left + right) / 2.0;
    let cap = (right - left) / 4.0;
    for (end, quartile) in [(b.low, b.q1), (b.high, b.q3)] {
        drawing.line([(middle, y(quartile)), (middle, y(end))], edge);
        drawing.line([(middle - cap, y(end)), (middle + cap, y(end))], edge);
    }
    let frame = Frame::new(left, y(b.q3), right, y(b.q1));
    drawing.rectangle(frame, Some(style::box_fill(look.color)), Some(edge));
    drawing.line([(left, y(b.median)), (right, y(b.median))], Stroke::new(style::INK, 2.4));
    for &outlier in &b.outliers {
        drawing.marker((middle, y(outlier)), Marker::Circle, 3.0, style::WHITE, style::INK);
    }
}

/// Writes how many diverged, below their box; in bold if any did.
pub fn draw_count(drawing: &mut Drawing, at: Point, count: usize) {
    let color = if count == 0 { style::QUIET } else { style::INK };
    let label = axes::number(&count.to_string(), at).middle().color(color);
    drawing.text(if count == 0 { label } else { label.bold() });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::axes::Axis;
    use crate::figures::drawing::Mark;

    #[test]
    fn few_values_are_points_and_more_are_a_box() {
        let frame = Frame::new(0.0, 0.0, 100.0, 100.0);
        let panel = Panel::fit(frame, Axis::names("", &["a"]), Axis::number("", 0.0, 10.0));
        let look = style::epsilon(0.0);
        let discs = |values: &[f64]| {
            let mut drawing = Drawing::new(100.0, 100.0);
            draw_sample(&mut drawing, &panel, 0.0, 0.5, values, look);
            drawing.marks.iter().filter(|mark| matches!(mark, Mark::Disc(..))).count()
        };
        assert_eq!(discs(&[1.0, 2.0]), 2 * 2);
        assert_eq!(discs(&[1.0, 2.0, 3.0, 4.0, 5.0]), 0);
        assert_eq!(discs(&[1.0, 2.0, 3.0, 4.0, 30.0]), 2, "one outlier: an edge and a fill");
    }
}
