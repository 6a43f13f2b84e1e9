//! Box plots: quartiles, whiskers that end on data, outliers, and how many runs diverged.

use super::axes::{self, Panel};
use super::drawing::{Drawing, Frame, Marker, Point, Stroke};
use super::labels;
use super::reach::Reach;
use super::style::{self, Look};
use crate::statistics::{BoxStatistics, WORTH_A_BOX};

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
    let Some(b) = BoxStatistics::of(values).filter(|b| b.count >= WORTH_A_BOX) else {
        for at in places(panel, x, values) {
            drawing.marker(at, look.marker, 4.5, look.color, style::edge(look.color));
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
    for at in places(panel, x, &b.outliers) {
        drawing.marker(at, Marker::Circle, 3.0, style::WHITE, style::INK);
    }
}

/// Where values at `x` are drawn: those in the strip below the axis side by side.
fn places(panel: &Panel, x: f64, values: &[f64]) -> Vec<Point> {
    /// From one to the next.
    const APART: f64 = 8.0;
    let finite = values.iter().copied().filter(|value| value.is_finite());
    let (off, on): (Vec<_>, Vec<_>) =
        finite.partition(|value| panel.y.strip.is_some() && *value < panel.y.low);
    let beside = |(k, value): (usize, &f64)| {
        let (x, y) = panel.at(x, *value);
        (x + (k as f64 - (off.len() as f64 - 1.0) / 2.0) * APART, y)
    };
    let in_strip = off.iter().enumerate().map(beside);
    on.iter().map(|value| panel.at(x, *value)).chain(in_strip).collect()
}

/// Writes how many of `values` are in the strip below the axis, and where they would be, beside
/// their marks. For after everything else is drawn, so that the words cover nothing.
pub fn draw_words(drawing: &mut Drawing, panel: &Panel, x: f64, values: &[f64], reach: Reach) {
    let Some(words) = reach.words(values) else { return };
    let short = words.split(" at ").next().unwrap_or_default().to_owned();
    let (left, low) = panel.at(panel.x.low, panel.y.low);
    let strip = Frame { left: left + 4.0, top: low, ..panel.frame };
    let at = (panel.at(x, 0.0).0, strip.center().1);
    labels::beside(drawing, strip, at, &[words, short].map(|text| axes::number(&text, at)));
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
        let values = [1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8, 1.9];
        assert_eq!(discs(&values[..9]), 9 * 2, "an edge and a fill each");
        assert_eq!(discs(&values), 0);
        assert_eq!(discs(&[&values[..], &[30.0]].concat()), 2, "one outlier");
    }

    #[test]
    fn what_is_off_the_axis_lies_side_by_side_in_the_strip_beside_its_number() {
        let frame = Frame::new(0.0, 0.0, 600.0, 200.0);
        let values: Vec<f64> =
            (0..30).map(|k| 0.8 + f64::from(k) * 1e-3).chain([0.1, 0.15]).collect();
        let reach = Reach::of([&values[..]], [], 0.05);
        let panel = Panel::fit(frame, Axis::names("", &["a"]), reach.axis("accuracy"));
        let mut drawing = Drawing::new(600.0, 200.0);
        draw_sample(&mut drawing, &panel, 0.0, 0.2, &values, style::epsilon(0.0));
        draw_words(&mut drawing, &panel, 0.0, &values, reach);
        let discs = drawing.marks.iter().filter_map(|mark| match mark {
            Mark::Disc(at, ..) => Some(*at),
            _ => None,
        });
        let mut places: Vec<Point> = discs.collect();
        places.dedup();
        assert_eq!(places.len(), 2);
        assert!(places.iter().all(|at| at.1 == panel.frame.bottom - style::STRIP / 2.0));
        assert!(places[1].0 - places[0].0 > 6.0, "{places:?}");
        let Some(Mark::Text(label)) = drawing.marks.last() else { panic!("no label") };
        assert_eq!(label.text, "2 of 32 at 10.0 to 15.0 %");
        assert!(places.iter().all(|at| !label.extent().grown(3.0).contains(*at)));
    }
}
