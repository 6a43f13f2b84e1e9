//! Colours, lines and the shapes of data points: what marks look like.

/// A colour and how much it hides what lies under it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Color {
    /// Red, green, blue.
    pub rgb: [u8; 3],
    /// 0 (invisible) to 1.
    pub opacity: f64,
}

impl Color {
    /// An opaque colour.
    pub const fn new(red: u8, green: u8, blue: u8) -> Self {
        Self { rgb: [red, green, blue], opacity: 1.0 }
    }

    /// The same colour with another opacity.
    pub const fn opacity(self, opacity: f64) -> Self {
        Self { opacity, ..self }
    }

    /// The opaque colour that is this one mixed with white: `strength` 1 is itself, 0 is white.
    pub fn tint(self, strength: f64) -> Self {
        let mix = |c: u8| (255.0 - (255.0 - f64::from(c)) * strength).round() as u8;
        Self { rgb: self.rgb.map(mix), opacity: 1.0 }
    }
}

/// How a line is interrupted: the second channel beside its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dash {
    /// Not at all.
    Solid,
    /// Long strokes.
    Dashed,
    /// Short strokes.
    Dotted,
    /// Long and short strokes in turn.
    DashDot,
}

impl Dash {
    /// Lengths of stroke, gap, stroke, gap …, in line widths; empty for a solid line.
    pub const fn pattern(self) -> &'static [f64] {
        match self {
            Self::Solid => &[],
            Self::Dashed => &[5.0, 3.0],
            Self::Dotted => &[1.5, 2.0],
            Self::DashDot => &[5.0, 2.5, 1.5, 2.5],
        }
    }
}

/// How a line is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stroke {
    /// Its colour.
    pub color: Color,
    /// Its width.
    pub width: f64,
    /// Its interruptions.
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

/// The shape of a data point: the second channel beside its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marker {
    /// ●
    Circle,
    /// ■
    Square,
    /// ▲
    Triangle,
    /// ◆
    Diamond,
    /// ▼
    Down,
    /// ✕
    Cross,
}
