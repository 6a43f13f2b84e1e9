//! Axes: a scale with ticks in each direction, and the panel that they span.

use super::drawing::{Drawing, Frame, Point, Stroke, Text};
use super::{font, style};
use std::ops::Range;

/// A scale with ticks and a title.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// What it measures, with its unit.
    pub title: String,
    /// The value at its lower or left end.
    pub low: f64,
    pub high: f64,
    /// Places and what stands beside them.
    pub ticks: Vec<(f64, String)>,
    /// Whether light lines cross the panel at the ticks.
    pub grid: bool,
    /// What stands beside a strip at the low end, in which all lower values are drawn.
    pub strip: Option<String>,
}

impl Axis {
    /// From `low` to `high`, with ticks of any kind and without light lines. Without a range to
    /// place values in there are no ticks, and a drawing of it is refused.
    pub fn new(
        title: &str,
        (low, high): (f64, f64),
        ticks: impl IntoIterator<Item = (f64, String)>,
    ) -> Self {
        let title = title.into();
        let mut axis = Self { title, low, high, ticks: Vec::new(), grid: false, strip: None };
        if axis.has_range() {
            axis.ticks = ticks.into_iter().collect();
        }
        axis
    }

    fn has_range(&self) -> bool {
        RANGES.contains(&(self.high - self.low))
    }

    /// Plain numbers from `low` to `high`.
    pub fn number(title: &str, low: f64, high: f64) -> Self {
        Self::spaced(title, low, high, 1.0)
    }

    /// Fractions from `low` to `high`, written in percent.
    pub fn percent(title: &str, low: f64, high: f64) -> Self {
        Self::spaced(title, low, high, 100.0)
    }

    /// Whole numbers: `low`, …, `high`, with a little room on both sides.
    pub fn counting(title: &str, low: i64, high: i64) -> Self {
        let step = step((high - low + 1) as f64, 1.0).ceil().max(1.0) as i64;
        let ticks = (low + (-low).rem_euclid(step)..=high).step_by(step as usize);
        let room = (high - low) as f64 * 0.05 + 0.1;
        let ends = (low as f64 - room, high as f64 + room);
        Self::new(title, ends, ticks.map(|n| (n as f64, n.to_string())))
    }

    /// Names at 0, 1, 2, …, with half a unit of room on both sides.
    pub fn names(title: &str, names: &[impl ToString]) -> Self {
        let ticks = names.iter().enumerate().map(|(place, name)| (place as f64, name.to_string()));
        Self::new(title, (-0.5, names.len() as f64 - 0.5), ticks)
    }

    /// Powers of ten between `low` and `high`, which are given as exponents, from a thousandth to a
    /// thousand as plain numbers; where fewer than two fit, numbers between them.
    pub fn logarithmic(title: &str, low: f64, high: f64) -> Self {
        // No number has other powers of ten.
        let (first, last) = (low.max(-400.0), high.min(400.0));
        let exponents = first.ceil() as i64..=last.floor() as i64;
        let ticks = match exponents.clone().count() {
            0 | 1 => between_powers(first, last),
            _ if -3.0 <= first && last < 4.0 => {
                exponents.map(|n| (n as f64, 10f64.powi(n as i32).to_string())).collect()
            }
            _ => exponents.map(|n| (n as f64, power_of_ten(n as f64))).collect(),
        };
        Self { grid: true, ..Self::new(title, (low, high), ticks) }
    }

    /// The same axis without light lines.
    pub fn without_grid(self) -> Self {
        Self { grid: false, ..self }
    }

    /// The same axis with a strip at its low end for all lower values; `name` stands beside it.
    pub fn with_strip(mut self, name: String) -> Self {
        // A number right beside the strip would run into its name.
        let first = self.low + 0.05 * (self.high - self.low);
        self.ticks.retain(|(value, _)| *value > first);
        Self { strip: Some(name), ..self }
    }

    /// How far along an axis of this length a value is.
    fn place(&self, value: f64, length: f64) -> f64 {
        let strip = if self.strip.is_some() { style::STRIP } else { 0.0 };
        match self.strip.is_some() && value < self.low {
            true => strip / 2.0,
            false => strip + (value - self.low) / (self.high - self.low) * (length - strip),
        }
    }

    /// The same axis with at most about `count` ticks.
    pub fn at_most(mut self, count: usize) -> Self {
        let every = self.ticks.len().div_ceil(count.max(1)).max(1);
        self.ticks = self.ticks.into_iter().step_by(every).collect();
        self
    }

    fn spaced(title: &str, low: f64, high: f64, factor: f64) -> Self {
        let step = step(high - low, factor);
        let largest = low.abs().max(high.abs()) * factor;
        let power = (step * factor * 1.001).log10().floor();
        let decimals = (-power).max(0.0) as usize;
        let significant = (largest.log10().floor() - power).max(0.0) as usize;
        let first = (low / step - 1e-9).ceil() as i64;
        let last = (high / step + 1e-9).floor() as i64;
        let write = |value: f64| {
            let text = match value * factor {
                number if largest < 1e7 && decimals <= 6 => format!("{number:.decimals$}"),
                0.0 => "0".to_owned(),
                number => format!("{number:.significant$e}"),
            };
            if let Some(rest) = text.strip_prefix('-') { format!("−{rest}") } else { text }
        };
        let ticks = (first..=last).map(|k| (k as f64 * step, write(k as f64 * step + 0.0)));
        Self { grid: true, ..Self::new(title, (low, high), ticks) }
    }
}

/// 1, 2 and 5 times the powers of ten from 10^`low` to 10^`high`.
fn between_powers(low: f64, high: f64) -> Vec<(f64, String)> {
    let powers = (low.floor() as i32..=high.floor() as i32).map(|n| 10f64.powi(n));
    let numbers = powers.flat_map(|power| [1.0, 2.0, 5.0].map(|m| m * power));
    let ticks = numbers.map(|value| (value.log10(), value.to_string()));
    ticks.filter(|(place, _)| (low..=high).contains(place)).collect()
}

/// Ten to the power of a number, to be read.
pub fn power_of_ten(exponent: f64) -> String {
    let sign = if exponent < 0.0 { "−" } else { "" };
    // Two digits, so that what was computed as a logarithm reads as it was meant.
    let digits = (exponent.abs() * 100.0).round() / 100.0;
    format!("10^{{{sign}{digits}}}")
}

/// A round distance between ticks that gives four to seven of them.
fn step(range: f64, factor: f64) -> f64 {
    let rough = range * factor / 6.0;
    let power = 10f64.powf(rough.log10().floor());
    let round = [1.0, 2.0, 5.0, 10.0];
    let chosen = round.into_iter().find(|r| r * power >= rough * 0.999).unwrap_or(10.0);
    chosen * power / factor
}

/// How far from each other the ends of an axis can be.
const RANGES: Range<f64> = 1e-300..1e300;

/// A range that holds all `values` with a little room, at least `least` wide; (0, 1) for none.
pub fn range(values: impl IntoIterator<Item = f64>, least: f64) -> (f64, f64) {
    let finite = values.into_iter().filter(|v| v.is_finite());
    let (low, high) =
        finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    if low > high {
        return (0.0, 1.0);
    }
    // Of large numbers, wide enough to tell its ends apart.
    let least = least.max(low.abs().max(high.abs()) * 1e-12);
    let room = ((least - (high - low)) / 2.0).max((high - low) * 0.06);
    (low - room, high + room)
}

/// The rectangle that two axes span.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    /// Where the data go.
    pub frame: Frame,
    /// The left edge of all that belongs to the panel: there stands its letter.
    pub left: f64,
    pub x: Axis,
    pub y: Axis,
}

/// From an axis to its numbers.
const GAP: f64 = 6.0;
/// Height of a line of numbers under an axis.
const LINE: f64 = 18.0;

impl Panel {
    /// Fits a panel with its numbers and titles into `outer`, with room above for a heading.
    pub fn fit(outer: Frame, x: Axis, y: Axis) -> Self {
        let y_title = if y.title.is_empty() { 0.0 } else { 20.0 };
        let x_title = if x.title.is_empty() { 0.0 } else { 20.0 };
        let last = x.ticks.last().map_or(0.0, |(_, text)| text_width(text));
        let frame = Frame {
            left: outer.left + y_title + widest(&y) + GAP + 2.0,
            top: outer.top + 28.0,
            right: outer.right - (last / 2.0).min(12.0),
            bottom: outer.bottom - x_title - LINE,
        };
        Self { frame, left: outer.left, x, y }
    }

    /// The place of a pair of values.
    pub fn at(&self, x: f64, y: f64) -> Point {
        let Frame { left, bottom, .. } = self.frame;
        (left + self.x.place(x, self.frame.width()), bottom - self.y.place(y, self.frame.height()))
    }

    /// Draws the lines that separate strips from the rest, and what stands beside them.
    fn draw_strips(&self, drawing: &mut Drawing) {
        let Frame { left, top, right, bottom } = self.frame;
        let (border, (x, y)) = (Stroke::new(style::BORDER, 1.0), self.at(self.x.low, self.y.low));
        if let Some(name) = &self.y.strip {
            drawing.line([(left, y), (right, y)], border);
            drawing.text(number(name, (left - GAP, (y + bottom) / 2.0)).end());
        }
        if let Some(name) = &self.x.strip {
            drawing.line([(x, top), (x, bottom)], border);
            drawing.text(number(name, ((left + x) / 2.0, bottom + GAP + 6.0)).middle());
        }
    }

    /// Draws grid, axes, numbers and titles; data go on top.
    pub fn draw(self, drawing: &mut Drawing) -> Self {
        for axis in [&self.x, &self.y] {
            let Axis { title, low, high, .. } = axis;
            if !axis.has_range() {
                drawing.refuse(format!(
                    "the axis '{title}' from {low:?} to {high:?} has no room for values; expected \
                     finite numbers, the lower one first"
                ));
            }
        }
        let Frame { left, top, right, bottom } = self.frame;
        let grid = Stroke::new(style::GRID, 1.0);
        for (value, text) in &self.y.ticks {
            let (_, y) = self.at(self.x.low, *value);
            if self.y.grid {
                drawing.line([(left, y), (right, y)], grid);
            }
            drawing.line([(left - 3.5, y), (left, y)], style::AXIS);
            drawing.text(number(text, (left - GAP, y)).end());
        }
        for (value, text) in &self.x.ticks {
            let (x, _) = self.at(*value, self.y.low);
            if self.x.grid {
                drawing.line([(x, top), (x, bottom)], grid);
            }
            drawing.line([(x, bottom), (x, bottom + 3.5)], style::AXIS);
            drawing.text(number(text, (x, bottom + GAP + 6.0)).middle());
        }
        self.draw_strips(drawing);
        drawing.line([(left, top), (left, bottom), (right, bottom)], style::AXIS);
        let (x, y) = self.frame.center();
        if !self.x.title.is_empty() {
            let at = (x, bottom + LINE + 12.0);
            drawing.text(title(&self.x.title, at).middle());
        }
        if !self.y.title.is_empty() {
            let at = (left - widest(&self.y) - GAP - 13.0, y);
            drawing.text(title(&self.y.title, at).middle().upwards());
        }
        self
    }

    /// Puts the panel's letter and heading above it.
    pub fn heading(self, drawing: &mut Drawing, letter: &str, heading: &str) -> Self {
        let y = self.frame.top - 16.0;
        drawing.text(Text::new(letter, (self.left, y), style::LETTER).bold().color(style::INK));
        drawing.text(title(heading, (self.frame.left, y)));
        self
    }
}

/// The width of the longest of an axis' numbers.
fn widest(axis: &Axis) -> f64 {
    let texts = axis.ticks.iter().map(|(_, text)| text).chain(&axis.strip);
    texts.map(|text| text_width(text)).fold(0.0, f64::max)
}

fn text_width(text: &str) -> f64 {
    font::width(text, font::Weight::Regular, style::SMALL)
}

/// A number on an axis.
pub fn number(text: &str, at: Point) -> Text {
    Text::new(text, at, style::SMALL).color(style::INK)
}

/// The title of an axis or a panel.
pub fn title(text: &str, at: Point) -> Text {
    Text::new(text, at, style::TITLE).color(style::INK)
}

#[cfg(test)]
mod tests {
    use super::super::checks::collisions;
    use super::*;

    fn texts(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, text)| text.as_str()).collect()
    }

    #[test]
    fn ticks_are_round_numbers_in_the_unit_of_the_axis() {
        assert_eq!(texts(&Axis::percent("", 0.78, 0.89)), ["78", "80", "82", "84", "86", "88"]);
        assert_eq!(
            texts(&Axis::number("", -0.2, 1.0)),
            ["−0.2", "0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]
        );
        assert_eq!(
            texts(&Axis::number("", 0.0, 1.2)),
            ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0", "1.2"]
        );
        assert_eq!(texts(&Axis::counting("", 1, 4)), ["1", "2", "3", "4"]);
        assert_eq!(texts(&Axis::counting("", 1, 50)), ["10", "20", "30", "40", "50"]);
        assert_eq!(texts(&Axis::logarithmic("", -2.0, 1.0)), ["0.01", "0.1", "1", "10"]);
        assert_eq!(texts(&Axis::logarithmic("", -0.7, 0.5)), ["0.2", "0.5", "1", "2"]);
        let large = Axis::number("", 0.0, 1e9);
        assert_eq!(texts(&large), ["0", "2.0e8", "4.0e8", "6.0e8", "8.0e8", "1.0e9"]);
        assert_eq!(texts(&Axis::number("", 0.0, 2e-9))[1], "5.0e-10");
    }

    #[test]
    fn an_axis_without_a_range_is_refused_when_it_is_drawn() {
        let kinds = [Axis::number, Axis::percent, Axis::logarithmic];
        let (nan, inf) = (f64::NAN, f64::INFINITY);
        let ends = [(1.0, 1.0), (1.0, 0.0), (nan, 1.0), (0.0, nan), (0.0, inf), (-inf, 0.0)];
        let more = [(-inf, inf), (inf, inf), (0.0, 5e-324), (f64::MIN, f64::MAX), (1e17, 1e17)];
        let axes = kinds.iter().flat_map(|kind| {
            ends.iter().chain(&more).map(move |&(low, high)| kind("x", low, high))
        });
        let none: [&str; 0] = [];
        for axis in axes.chain([Axis::names("x", &none), Axis::counting("x", 5, 1)]) {
            let mut drawing = Drawing::new(300.0, 200.0);
            let outer = Frame::new(0.0, 0.0, 300.0, 200.0);
            Panel::fit(outer, axis.clone(), Axis::number("y", 0.0, 1.0)).draw(&mut drawing);
            let message = super::super::render::png(&drawing).unwrap_err().to_string();
            assert!(message.contains("axis 'x'"), "{axis:?}: {message}");
        }
    }

    #[test]
    fn the_range_holds_every_value_and_ignores_what_is_not_finite() {
        let (low, high) = range([0.8, f64::NAN, 0.9], 0.0);
        assert!(low < 0.8 && high > 0.9 && low > 0.78 && high < 0.92);
        let (low, high) = range([0.5], 0.02);
        assert!((low - 0.49).abs() < 1e-12 && (high - 0.51).abs() < 1e-12);
        assert_eq!(range([], 0.1), (0.0, 1.0));
        for value in [1e17, -1e250] {
            let (low, high) = range([value], 0.1);
            assert!(low < value && value < high && !Axis::number("", low, high).ticks.is_empty());
        }
    }

    #[test]
    fn values_land_on_the_corners_of_the_panel() {
        let outer = Frame::new(0.0, 0.0, 300.0, 200.0);
        let panel = Panel::fit(outer, Axis::number("x", 0.0, 1.0), Axis::number("y", 2.0, 4.0));
        let Frame { left, top, right, bottom } = panel.frame;
        assert_eq!(panel.at(0.0, 2.0), (left, bottom));
        assert_eq!(panel.at(1.0, 4.0), (right, top));
        let mut drawing = Drawing::new(300.0, 200.0);
        panel.draw(&mut drawing).heading(&mut drawing, "a", "A heading");
        assert_eq!(collisions(&drawing), Vec::<String>::new());
    }

    #[test]
    fn a_strip_takes_all_lower_values_and_the_axis_begins_above_it() {
        let outer = Frame::new(0.0, 0.0, 300.0, 200.0);
        let axis = |title| Axis::percent(title, 0.7, 0.9).with_strip("< 70".into());
        let panel = Panel::fit(outer, axis("x"), axis("y"));
        let Frame { left, top, right, bottom } = panel.frame;
        let strip = style::STRIP;
        assert_eq!(panel.at(0.7, 0.7), (left + strip, bottom - strip));
        assert_eq!(panel.at(0.9, 0.9), (right, top));
        for value in [0.1, 0.69] {
            assert_eq!(panel.at(value, value), (left + strip / 2.0, bottom - strip / 2.0));
        }
        assert_eq!(texts(&panel.x), ["75", "80", "85", "90"], "no 70 beside < 70");
        let mut drawing = Drawing::new(300.0, 200.0);
        panel.draw(&mut drawing);
        assert_eq!(collisions(&drawing), Vec::<String>::new());
    }
}
