//! A chart before it is rendered: a list of marks, in units of one pixel at the size shown.
//!
//! Charts only ever add marks. What a mark looks like in a PNG or an SVG file is decided in one
//! place (`render`), and tests can ask a drawing whether its labels collide.

pub use super::paint::{Color, Dash, Marker, Stroke};

use super::font::{self, Weight};

/// A position from the top left corner, x to the right and y downwards.
pub type Point = (f64, f64);

/// An upright rectangle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Frame {
    /// x of the left edge.
    pub left: f64,
    /// y of the upper edge.
    pub top: f64,
    /// x of the right edge.
    pub right: f64,
    /// y of the lower edge.
    pub bottom: f64,
}

impl Frame {
    /// From two opposite corners.
    pub const fn new(left: f64, top: f64, right: f64, bottom: f64) -> Self {
        Self { left, top, right, bottom }
    }

    /// Its extent from left to right.
    pub fn width(&self) -> f64 {
        self.right - self.left
    }

    /// Its extent from top to bottom.
    pub fn height(&self) -> f64 {
        self.bottom - self.top
    }

    /// Its middle.
    pub fn center(&self) -> Point {
        ((self.left + self.right) / 2.0, (self.top + self.bottom) / 2.0)
    }

    /// Whether a point lies in it.
    pub fn contains(&self, (x, y): Point) -> bool {
        (self.left..=self.right).contains(&x) && (self.top..=self.bottom).contains(&y)
    }

    /// Whether the two overlap by more than `slack` in both directions.
    pub fn overlaps(&self, other: &Self, slack: f64) -> bool {
        let x = self.right.min(other.right) - self.left.max(other.left);
        let y = self.bottom.min(other.bottom) - self.top.max(other.top);
        x > slack && y > slack
    }
}

/// Which end of a text its position names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// The first letter.
    Start,
    /// Half way.
    Middle,
    /// The last letter.
    End,
}

/// A line of text. `_{…}` and `^{…}` set sub- and superscripts.
#[derive(Debug, Clone, PartialEq)]
pub struct Text {
    /// What it says.
    pub text: String,
    /// The anchor, half way up a capital letter.
    pub at: Point,
    /// Pixels an em.
    pub size: f64,
    /// Regular or bold.
    pub weight: Weight,
    /// Which end `at` names.
    pub anchor: Anchor,
    /// Its colour.
    pub color: Color,
    /// Whether it runs upwards.
    pub upwards: bool,
}

impl Text {
    /// Regular, black, starting at `at`.
    pub fn new(text: impl Into<String>, at: Point, size: f64) -> Self {
        Self {
            text: text.into(),
            at,
            size,
            weight: Weight::Regular,
            anchor: Anchor::Start,
            color: Color::new(0, 0, 0),
            upwards: false,
        }
    }

    /// In bold letters.
    pub fn bold(self) -> Self {
        Self { weight: Weight::Bold, ..self }
    }

    /// With `at` in its middle.
    pub fn middle(self) -> Self {
        Self { anchor: Anchor::Middle, ..self }
    }

    /// With `at` at its end.
    pub fn end(self) -> Self {
        Self { anchor: Anchor::End, ..self }
    }

    /// In another colour.
    pub fn color(self, color: Color) -> Self {
        Self { color, ..self }
    }

    /// Running upwards.
    pub fn upwards(self) -> Self {
        Self { upwards: true, ..self }
    }

    /// How long it is.
    pub fn width(&self) -> f64 {
        font::width(&self.text, self.weight, self.size)
    }

    /// The rectangle of its capital letters.
    pub fn frame(&self) -> Frame {
        let width = self.width();
        let start = match self.anchor {
            Anchor::Start => 0.0,
            Anchor::Middle => -width / 2.0,
            Anchor::End => -width,
        };
        let half = self.size * font::CAPITAL / 2.0;
        let (x, y) = self.at;
        if self.upwards {
            Frame::new(x - half, y - start - width, x + half, y - start)
        } else {
            Frame::new(x + start, y - half, x + start + width, y + half)
        }
    }
}

/// A grey picture, one square a pixel.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    /// Where it goes.
    pub frame: Frame,
    /// Pixels a row.
    pub columns: usize,
    /// Row by row, 0 black to 255 white.
    pub grey: Vec<u8>,
}

/// One thing to draw.
#[derive(Debug, Clone, PartialEq)]
pub enum Mark {
    /// An open line.
    Line(Vec<Point>, Stroke),
    /// A filled polygon.
    Area(Vec<Point>, Color),
    /// A filled disc: centre, radius.
    Disc(Point, f64, Color),
    /// A line of text.
    Text(Text),
    /// A grey picture.
    Picture(Picture),
}

/// A list of marks on a sheet; later marks lie on top.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawing {
    /// Width of the sheet.
    pub width: f64,
    /// Height of the sheet.
    pub height: f64,
    /// What is on it.
    pub marks: Vec<Mark>,
}

impl Drawing {
    /// An empty white sheet.
    pub fn new(width: f64, height: f64) -> Self {
        Self { width, height, marks: Vec::new() }
    }

    /// Adds a line through `points`.
    pub fn line(&mut self, points: impl Into<Vec<Point>>, stroke: Stroke) {
        self.marks.push(Mark::Line(points.into(), stroke));
    }

    /// Adds a filled polygon.
    pub fn area(&mut self, points: impl Into<Vec<Point>>, color: Color) {
        self.marks.push(Mark::Area(points.into(), color));
    }

    /// Adds a filled disc.
    pub fn disc(&mut self, center: Point, radius: f64, color: Color) {
        self.marks.push(Mark::Disc(center, radius, color));
    }

    /// Adds text.
    pub fn text(&mut self, label: Text) {
        self.marks.push(Mark::Text(label));
    }

    /// Adds a grey picture.
    pub fn picture(&mut self, picture: Picture) {
        self.marks.push(Mark::Picture(picture));
    }

    /// Adds a rectangle: filled, outlined, or both.
    pub fn rectangle(&mut self, frame: Frame, fill: Option<Color>, edge: Option<Stroke>) {
        let Frame { left, top, right, bottom } = frame;
        let corners = [(left, top), (right, top), (right, bottom), (left, bottom)];
        if let Some(fill) = fill {
            self.area(corners, fill);
        }
        if let Some(edge) = edge {
            // One corner more than it has, so that the last joint is as clean as the others.
            let half = edge.width / 2.0;
            self.line([(left - half, top), corners[1], corners[2], corners[3], corners[0]], edge);
        }
    }

    /// Adds a data point: `fill` with a thin `edge` around it.
    pub fn marker(&mut self, at: Point, marker: Marker, radius: f64, fill: Color, edge: Color) {
        const EDGE: f64 = 0.8;
        if marker == Marker::Cross {
            let arm = radius * 0.8;
            for sign in [-1.0, 1.0] {
                let ends = [(at.0 - arm, at.1 - sign * arm), (at.0 + arm, at.1 + sign * arm)];
                self.line(ends, Stroke::new(fill, 1.6));
            }
        } else if marker == Marker::Circle {
            self.disc(at, radius + EDGE / 2.0, edge);
            self.disc(at, radius - EDGE / 2.0, fill);
        } else {
            self.area(outline(at, marker, radius + EDGE / 2.0), edge);
            self.area(outline(at, marker, radius - EDGE / 2.0), fill);
        }
    }

    /// All labels.
    pub fn texts(&self) -> impl Iterator<Item = &Text> {
        self.marks.iter().filter_map(|mark| match mark {
            Mark::Text(label) => Some(label),
            _ => None,
        })
    }

    /// Labels that run into each other or over the edge, named; empty for a clean drawing.
    pub fn collisions(&self) -> Vec<String> {
        let sheet = Frame::new(0.0, 0.0, self.width, self.height);
        let labels: Vec<_> = self.texts().map(|label| (&label.text, label.frame())).collect();
        let mut found = Vec::new();
        for (row, (text, frame)) in labels.iter().enumerate() {
            let Frame { left, top, right, bottom } = *frame;
            if left < sheet.left || top < sheet.top || right > sheet.right || bottom > sheet.bottom
            {
                found.push(format!("'{text}' leaves the sheet"));
            }
            for (other, other_frame) in &labels[row + 1..] {
                if frame.overlaps(other_frame, 0.2) {
                    found.push(format!("'{text}' runs into '{other}'"));
                }
            }
        }
        found
    }
}

fn outline((x, y): Point, marker: Marker, radius: f64) -> Vec<Point> {
    // Scaled so that all shapes look equally large.
    let corner = |angle: f64, scale: f64| {
        let angle = angle.to_radians();
        (x + radius * scale * angle.sin(), y - radius * scale * angle.cos())
    };
    let corners = |angles: &[f64], scale| angles.iter().map(|&a| corner(a, scale)).collect();
    match marker {
        Marker::Square => corners(&[45.0, 135.0, 225.0, 315.0], 1.25),
        Marker::Diamond => corners(&[0.0, 90.0, 180.0, 270.0], 1.3),
        Marker::Triangle => corners(&[0.0, 120.0, 240.0], 1.4),
        Marker::Down => corners(&[60.0, 180.0, 300.0], 1.4),
        Marker::Circle | Marker::Cross => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn collisions_are_found_and_named() {
        let mut drawing = Drawing::new(100.0, 50.0);
        drawing.text(Text::new("left", (5.0, 10.0), 12.0));
        drawing.text(Text::new("right", (60.0, 10.0), 12.0));
        assert_eq!(drawing.collisions(), Vec::<String>::new());
        drawing.text(Text::new("over", (10.0, 14.0), 12.0));
        drawing.text(Text::new("outside", (80.0, 40.0), 12.0));
        assert_eq!(drawing.collisions(), ["'left' runs into 'over'", "'outside' leaves the sheet"]);
    }

    #[test]
    fn a_label_that_runs_upwards_is_as_tall_as_it_is_long() {
        let flat = Text::new("accuracy", (50.0, 50.0), 12.0).middle();
        let tall = flat.clone().upwards();
        assert!((flat.frame().width() - tall.frame().height()).abs() < 1e-9);
        assert_eq!(flat.frame().center(), tall.frame().center());
    }
}
