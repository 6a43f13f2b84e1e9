//! A legend outside the data: a row of swatches and names that wraps.

use super::drawing::{Color, Drawing, Frame, Marker, Point, Stroke};
use super::style::{self, Look};
use super::{axes, font};
use crate::Condition;

/// What stands before a name.
#[derive(Debug, Clone, PartialEq)]
pub enum Swatch {
    /// A line with a data point on it.
    Line(Look),
    /// A data point.
    Point(Look),
    /// Data points of up to three kinds under one name.
    Points(Vec<Look>),
    /// A box of a box plot.
    Box(Color),
    /// A dashed line.
    Dashes,
    /// The median and quartiles that were published.
    Published,
    /// A data point trained in this notebook, on top of stored ones.
    Live,
}

const HEIGHT: f64 = 20.0;
const SWATCH: f64 = 28.0;
const BETWEEN: f64 = 18.0;
/// Left free at both ends of a row.
const MARGIN: f64 = 16.0;

/// A row of swatches with names.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Legend {
    entries: Vec<(Swatch, String)>,
}

impl Legend {
    pub fn entry(mut self, swatch: Swatch, name: impl Into<String>) -> Self {
        self.entries.push((swatch, name.into()));
        self
    }

    /// Adds an entry if `there` is what it stands for.
    pub fn entry_if(self, there: bool, swatch: Swatch, name: impl Into<String>) -> Self {
        if there { self.entry(swatch, name) } else { self }
    }

    /// Adds the boxes of `conditions`.
    pub fn boxes(self, conditions: &[Condition]) -> Self {
        conditions.iter().fold(self, |legend, &condition| {
            legend.entry(Swatch::Box(style::condition(condition).color), condition.label())
        })
    }

    /// Says of all that is there so far that it is stored results.
    pub fn stored(mut self) -> Self {
        if let Some((_, name)) = self.entries.first_mut() {
            name.insert_str(0, "stored: ");
        }
        self
    }

    /// Adds what lies on top of stored results, as far as there is any.
    pub fn on_top(self, published: bool, live: bool) -> Self {
        self.entry_if(published, Swatch::Published, "published median, quartiles").entry_if(
            live,
            Swatch::Live,
            "live",
        )
    }

    /// The height it needs at this width.
    pub fn height(&self, width: f64) -> f64 {
        self.rows(width).len() as f64 * HEIGHT
    }

    /// Draws it centered in the upper part of `frame`.
    pub fn draw(&self, drawing: &mut Drawing, frame: Frame) {
        for (row, entries) in self.rows(frame.width()).iter().enumerate() {
            let width: f64 = entries.iter().map(|e| entry_width(&e.1)).sum::<f64>() - BETWEEN;
            let mut x = frame.left + (frame.width() - width) / 2.0;
            let y = frame.top + (row as f64 + 0.5) * HEIGHT;
            for (swatch, name) in *entries {
                draw_swatch(drawing, swatch, (x, y));
                drawing.text(axes::number(name, (x + SWATCH, y)));
                x += entry_width(name);
            }
        }
    }

    fn rows(&self, width: f64) -> Vec<&[(Swatch, String)]> {
        let mut rows = Vec::new();
        let (mut start, mut used) = (0, 0.0);
        for (k, (_, name)) in self.entries.iter().enumerate() {
            if k > start && used + entry_width(name) - BETWEEN > width - 2.0 * MARGIN {
                rows.push(&self.entries[start..k]);
                (start, used) = (k, 0.0);
            }
            used += entry_width(name);
        }
        rows.push(&self.entries[start..]);
        rows
    }
}

fn entry_width(name: &str) -> f64 {
    SWATCH + font::width(name, font::Weight::Regular, style::SMALL) + BETWEEN
}

fn draw_swatch(drawing: &mut Drawing, swatch: &Swatch, (x, y): Point) {
    let middle = (x + 11.0, y);
    match swatch {
        Swatch::Line(look) => {
            drawing.line([(x, y), (x + 22.0, y)], Stroke::new(look.color, 2.0).dash(look.dash));
            drawing.marker(middle, look.marker, 4.0, look.color, style::WHITE);
        }
        Swatch::Point(look) => {
            drawing.marker(middle, look.marker, 4.5, look.color, style::edge(look.color));
        }
        Swatch::Points(looks) => {
            for (k, look) in looks.iter().rev().take(3).enumerate() {
                let at = (x + 18.0 - 9.0 * k as f64, y);
                drawing.marker(at, look.marker, 4.0, look.color, style::edge(look.color));
            }
        }
        Swatch::Box(color) => {
            let frame = Frame::new(x + 3.0, y - 6.0, x + 19.0, y + 6.0);
            let edge = Stroke::new(style::INK, 1.0);
            drawing.rectangle(frame, Some(style::box_fill(*color)), Some(edge));
        }
        Swatch::Dashes => drawing.line([(x, y), (x + 22.0, y)], style::DASHES),
        Swatch::Published => published(drawing, [(x + 3.0, y), middle, (x + 19.0, y)], 3.5),
        Swatch::Live => live(drawing, middle, Marker::Circle, style::WHITE),
    }
}

/// A published distribution: a grey bar from quartile to quartile, with a diamond at the median.
pub fn published(drawing: &mut Drawing, [q1, median, q3]: [Point; 3], radius: f64) {
    drawing.line([q1, q3], Stroke::new(style::PUBLISHED, radius - 0.5));
    drawing.marker(median, Marker::Diamond, radius, style::WHITE, style::INK);
}

/// A published distribution whose median the axis does not reach: its bar goes on to the end of the
/// axis, where an arrow points beyond it.
pub fn published_below(drawing: &mut Drawing, [q3, end]: [Point; 2], radius: f64) {
    drawing.line([q3, end], Stroke::new(style::PUBLISHED, radius - 0.5));
    let (x, y) = (end.0, end.1 - 9.0);
    drawing.area([end, (x - 5.0, y), (x + 5.0, y)], style::PUBLISHED);
}

/// A point that was trained just now: larger, with a thick dark ring.
pub fn live(drawing: &mut Drawing, at: Point, marker: Marker, fill: Color) {
    drawing.marker(at, marker, 7.5, style::INK, style::INK);
    drawing.marker(at, marker, 5.0, fill, style::WHITE);
}

#[cfg(test)]
mod tests {
    use super::super::checks::{collisions, texts};
    use super::*;

    #[test]
    fn it_wraps_where_the_width_ends_and_never_overlaps() {
        let legend = Legend::default().boxes(&Condition::ALL);
        let height = legend.height(500.0);
        assert!(height > 3.0 * HEIGHT, "{height}");
        let mut drawing = Drawing::new(500.0, height);
        legend.draw(&mut drawing, Frame::new(0.0, 0.0, 500.0, height));
        assert_eq!(texts(&drawing).count(), Condition::ALL.len());
        assert_eq!(collisions(&drawing), Vec::<String>::new());
    }
}
