//! Box plots that say what a box plot must: quartiles, whiskers that end on data, outliers, and
//! how many runs diverged.

use super::axes::{self, Panel};
use super::drawing::{Color, Drawing, Frame, Marker, Point, Stroke};
use super::style;

/// What a box shows: the definition that matplotlib uses.
#[derive(Debug, Clone, PartialEq)]
pub struct BoxStatistics {
    /// Number of values.
    pub count: usize,
    /// First quartile.
    pub q1: f64,
    /// Median.
    pub median: f64,
    /// Third quartile.
    pub q3: f64,
    /// The least value within 1.5 interquartile ranges of the box.
    pub low: f64,
    /// The greatest value within 1.5 interquartile ranges of the box.
    pub high: f64,
    /// All values beyond, ascending.
    pub outliers: Vec<f64>,
}

impl BoxStatistics {
    /// Of all finite `values`; `None` if there are none.
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut sorted: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let (q1, median, q3) =
            (quantile(&sorted, 0.25)?, quantile(&sorted, 0.5)?, quantile(&sorted, 0.75)?);
        let reach = 1.5 * (q3 - q1);
        let inside = |v: &f64| (q1 - reach..=q3 + reach).contains(v);
        // A whisker never ends inside its box, even when no value lies beyond the quartile.
        let low = sorted.iter().copied().find(inside).unwrap_or(q1).min(q1);
        let high = sorted.iter().copied().rev().find(inside).unwrap_or(q3).max(q3);
        let outliers = sorted.iter().copied().filter(|&v| v < low || v > high).collect();
        Some(Self { count: sorted.len(), q1, median, q3, low, high, outliers })
    }
}

/// The quantile of ascending values, interpolated linearly; `None` for no values.
pub fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let place = share * (sorted.len().checked_sub(1)? as f64);
    let below = sorted[place.floor() as usize];
    let above = sorted[place.ceil() as usize];
    Some(below + (above - below) * place.fract())
}

/// The median, or `None` for no values.
pub fn median(values: &[f64]) -> Option<f64> {
    BoxStatistics::of(values).map(|statistics| statistics.median)
}

/// Draws one box `width` wide around `x` (in the panel's unit).
pub fn draw(
    drawing: &mut Drawing,
    panel: &Panel,
    x: f64,
    width: f64,
    b: &BoxStatistics,
    fill: Color,
) {
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
    drawing.rectangle(frame, Some(box_fill(fill)), Some(edge));
    drawing.line([(left, y(b.median)), (right, y(b.median))], Stroke::new(style::INK, 2.4));
    for &outlier in &b.outliers {
        drawing.marker((middle, y(outlier)), Marker::Circle, 3.0, style::WHITE, style::INK);
    }
}

/// The inside of a box: light enough for its median line, also when the colour is black.
pub fn box_fill(color: Color) -> Color {
    color.tint(0.55)
}

/// A grey bar from quartile to quartile with a diamond at the median: a published distribution.
pub fn draw_published(drawing: &mut Drawing, x: f64, from: f64, median: f64, to: f64) {
    drawing.line([(x, from), (x, to)], Stroke::new(style::PUBLISHED, 3.0));
    drawing.marker((x, median), Marker::Diamond, 3.5, style::WHITE, style::INK);
}

/// Writes a count under the panel, in the row that `count_title` names.
pub fn draw_count(drawing: &mut Drawing, at: Point, count: usize) {
    let color = if count == 0 { style::QUIET } else { style::INK };
    let label = axes::number(&count.to_string(), at).middle().color(color);
    drawing.text(if count == 0 { label } else { label.bold() });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: &[f64], b: &[f64]) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12)
    }

    type Case = (&'static [f64], [f64; 5], &'static [f64]);

    // Values, then q1, med, q3, whislo, whishi and fliers as matplotlib 3.11.2 prints them:
    // matplotlib.cbook.boxplot_stats(values)[0].
    const CASES: [Case; 8] = [
        (
            &[87.24, 88.24, 88.42, 88.6, 88.97, 90.5, 70.1, 88.3],
            [87.99, 88.36, 88.6925, 87.24, 88.97],
            &[70.1, 90.5],
        ),
        (&[1.0], [1.0, 1.0, 1.0, 1.0, 1.0], &[]),
        (&[1.0, 2.0], [1.25, 1.5, 1.75, 1.0, 2.0], &[]),
        (&[0.0, 0.0, 0.0, 0.0, 5.0], [0.0, 0.0, 0.0, 0.0, 0.0], &[5.0]),
        (&[1.0, 2.0, 3.0, 4.0, 100.0, -50.0], [1.25, 2.5, 3.75, 1.0, 4.0], &[-50.0, 100.0]),
        (&[10.0, 10.0, 10.0, 79.8, 79.9, 80.1, 81.2], [10.0, 79.8, 80.0, 10.0, 81.2], &[]),
        (&[0.0, 10.0, 10.0, 10.0, 10.0, 10.5, 20.0], [10.0, 10.0, 10.25, 10.0, 10.5], &[0.0, 20.0]),
        (&[1.0, 9.0, 9.5, 10.0, 10.5, 11.0, 12.5, 14.0], [9.375, 10.25, 11.375, 9.0, 14.0], &[1.0]),
    ];

    #[test]
    fn quartiles_whiskers_and_outliers_are_those_of_matplotlib() {
        for (values, [q1, median, q3, low, high], outliers) in CASES {
            let b = BoxStatistics::of(values).unwrap();
            assert!(
                close(&[b.q1, b.median, b.q3, b.low, b.high], &[q1, median, q3, low, high]),
                "{values:?}: {b:?}"
            );
            assert!(close(&b.outliers, outliers), "{values:?}: {b:?}");
        }
    }

    #[test]
    fn what_is_not_a_number_is_left_out_and_nothing_gives_nothing() {
        assert_eq!(BoxStatistics::of(&[]), None);
        assert_eq!(BoxStatistics::of(&[f64::NAN, 2.0]).unwrap().count, 1);
        assert_eq!(median(&[3.0, 1.0, 2.0, 10.0]), Some(2.5));
    }
}
