//! A chart before it is rendered: a list of marks, in units of one pixel at the size shown.
//!
//! Charts only ever add marks. What a mark looks like in a PNG or an SVG file is decided in one
//! place, `render`.

use super::font::{self, Weight};

/// A position from the top left corner, x to the right and y downwards.
pub type Point = (f64, f64);

/// A color and how much it hides what lies under it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Color {
    /// Red, green, blue.
    pub rgb: [u8; 3],
    /// 0 (invisible) to 1.
    pub opacity: f64,
}

impl Color {
    /// An opaque color.
    pub const fn new(red: u8, green: u8, blue: u8) -> Self {
        Self { rgb: [red, green, blue], opacity: 1.0 }
    }

    /// The same color with another opacity.
    pub const fn opacity(self, opacity: f64) -> Self {
        Self { opacity, ..self }
    }

    /// The opaque color that is this one mixed with white: `strength` 1 is itself, 0 is white.
    pub fn tint(self, strength: f64) -> Self {
        let mix = |c: u8| (255.0 - (255.0 - f64::from(c)) * strength).round() as u8;
        Self { rgb: self.rgb.map(mix), opacity: 1.0 }
    }
}

/// How a line is interrupted: the second channel beside its color.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dash {
    Solid,
    Dashed,
    Dotted,
    /// Long and short strokes in turn.
    Alternating,
}

impl Dash {
    /// Lengths of stroke, gap, stroke, gap …, in line widths; empty for a solid line.
    pub const fn pattern(self) -> &'static [f64] {
        match self {
            Self::Solid => &[],
            Self::Dashed => &[5.0, 3.0],
            Self::Dotted => &[1.5, 2.0],
            Self::Alternating => &[5.0, 2.5, 1.5, 2.5],
        }
    }
}

/// How a line is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stroke {
    pub color: Color,
    pub width: f64,
    pub dash: Dash,
}

impl Stroke {
    /// A solid line.
    pub const fn new(color: Color, width: f64) -> Self {
        Self { color, width, dash: Dash::Solid }
    }

    /// The same line, interrupted.
    pub const fn dash(self, dash: Dash) -> Self {
        Self { dash, ..self }
    }
}

/// The shape of a data point: the second channel beside its color.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marker {
    Circle,
    Square,
    Triangle,
    Diamond,
    /// A triangle on its tip.
    Down,
    Cross,
}

/// An upright rectangle, by its edges.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Frame {
    pub left: f64,
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
}

impl Frame {
    /// From two opposite corners.
    pub const fn new(left: f64, top: f64, right: f64, bottom: f64) -> Self {
        Self { left, top, right, bottom }
    }

    pub fn width(&self) -> f64 {
        self.right - self.left
    }

    pub fn height(&self) -> f64 {
        self.bottom - self.top
    }

    pub fn center(&self) -> Point {
        ((self.left + self.right) / 2.0, (self.top + self.bottom) / 2.0)
    }

    pub fn contains(&self, (x, y): Point) -> bool {
        (self.left..=self.right).contains(&x) && (self.top..=self.bottom).contains(&y)
    }

    /// Whether all of `other` is inside.
    pub fn holds(&self, other: &Self) -> bool {
        self.contains((other.left, other.top)) && self.contains((other.right, other.bottom))
    }

    /// Whether both have more than a hair in common, in both directions.
    pub fn overlaps(&self, other: &Self) -> bool {
        let x = self.right.min(other.right) - self.left.max(other.left);
        let y = self.bottom.min(other.bottom) - self.top.max(other.top);
        x > 0.2 && y > 0.2
    }

    /// The same with `room` more on all sides.
    pub fn grown(&self, room: f64) -> Self {
        let Self { left, top, right, bottom } = *self;
        Self::new(left - room, top - room, right + room, bottom + room)
    }
}

/// A line of text. `_{…}` and `^{…}` set sub- and superscripts.
#[derive(Debug, Clone, PartialEq)]
pub struct Text {
    pub text: String,
    /// Where its anchor is, half way up a capital letter.
    pub at: Point,
    /// Pixels an em.
    pub size: f64,
    pub weight: Weight,
    /// How far along the text the anchor is: 0 at its start, 1 at its end.
    pub anchor: f64,
    pub color: Color,
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
            anchor: 0.0,
            color: Color::new(0, 0, 0),
            upwards: false,
        }
    }

    pub fn bold(self) -> Self {
        Self { weight: Weight::Bold, ..self }
    }

    /// With `at` in its middle.
    pub fn middle(self) -> Self {
        Self { anchor: 0.5, ..self }
    }

    /// With `at` at its end.
    pub fn end(self) -> Self {
        Self { anchor: 1.0, ..self }
    }

    pub fn color(self, color: Color) -> Self {
        Self { color, ..self }
    }

    pub fn upwards(self) -> Self {
        Self { upwards: true, ..self }
    }

    pub fn width(&self) -> f64 {
        font::width(&self.text, self.weight, self.size)
    }

    /// The rectangle of its capital letters.
    pub fn extent(&self) -> Frame {
        let (width, half) = (self.width(), self.size * font::CAPITAL / 2.0);
        let ((x, y), before) = (self.at, self.anchor * width);
        match self.upwards {
            true => Frame::new(x - half, y + before - width, x + half, y + before),
            false => Frame::new(x - before, y - half, x - before + width, y + half),
        }
    }
}

/// A grey picture, one square a pixel.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
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
    /// A filled disc: center, radius.
    Disc(Point, f64, Color),
    Text(Text),
    Picture(Picture),
}

/// A list of marks on a sheet; later marks lie on top.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawing {
    pub width: f64,
    pub height: f64,
    pub marks: Vec<Mark>,
    /// Why it cannot be rendered.
    pub problem: Option<String>,
}

impl Drawing {
    /// An empty white sheet.
    pub fn new(width: f64, height: f64) -> Self {
        Self { width, height, marks: Vec::new(), problem: None }
    }

    /// Notes that it must not be rendered, and why; the first reason counts.
    pub fn refuse(&mut self, problem: String) {
        self.problem.get_or_insert(problem);
    }

    pub fn line(&mut self, points: impl Into<Vec<Point>>, stroke: Stroke) {
        self.marks.push(Mark::Line(points.into(), stroke));
    }

    pub fn area(&mut self, points: impl Into<Vec<Point>>, color: Color) {
        self.marks.push(Mark::Area(points.into(), color));
    }

    pub fn disc(&mut self, center: Point, radius: f64, color: Color) {
        self.marks.push(Mark::Disc(center, radius, color));
    }

    pub fn text(&mut self, label: Text) {
        self.marks.push(Mark::Text(label));
    }

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
