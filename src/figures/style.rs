//! One style for all figures: the same color, shape and line for the same thing everywhere.

use super::drawing::{Color, Dash, Marker, Stroke};
use crate::Condition;

/// Populations in drawings of a circuit, as the paper has them.
pub const EXCITATION: Color = Color::new(82, 82, 82);
pub const INHIBITION: Color = Color::new(136, 84, 160);

/// Width of a figure that fills a notebook's column.
pub const WIDTH: f64 = 700.0;

/// Letters of panels ("a", "b").
pub const LETTER: f64 = 16.0;
/// Titles of panels and axes, legends.
pub const TITLE: f64 = 13.0;
/// Numbers on axes and annotations; nothing is smaller.
pub const SMALL: f64 = 11.5;
/// The width of a strip beyond the end of an axis.
pub const STRIP: f64 = 26.0;

/// Text and axes.
pub const INK: Color = Color::new(34, 34, 34);
/// Secondary text.
pub const QUIET: Color = Color::new(96, 96, 96);
/// Grid lines.
pub const GRID: Color = Color::new(228, 228, 228);
/// The line between an axis and the strip beyond its end.
pub const BORDER: Color = Color::new(176, 176, 176);
/// The background.
pub const WHITE: Color = Color::new(255, 255, 255);
/// Published values; no condition has this color.
pub const PUBLISHED: Color = Color::new(120, 120, 120);
/// The lines of an axis.
pub const AXIS: Stroke = Stroke::new(INK, 1.0);
/// A value to compare with: a median, a target.
pub const DASHES: Stroke = Stroke::new(INK, 1.4).dash(Dash::Dashed);

/// How everything that belongs to one condition, or to one ε, is drawn: points and lines have a
/// second channel beside their color. Diamonds are kept for published values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Look {
    pub color: Color,
    pub marker: Marker,
    pub dash: Dash,
}

// Okabe and Ito's colors, told apart with any kind of color vision.
const BLACK: Color = Color::new(0, 0, 0);
const ORANGE: Color = Color::new(230, 159, 0);
const SKY: Color = Color::new(86, 180, 233);
const GREEN: Color = Color::new(0, 158, 115);
const YELLOW: Color = Color::new(240, 228, 66);
pub const BLUE: Color = Color::new(0, 114, 178);
pub const VERMILLION: Color = Color::new(213, 94, 0);
const PURPLE: Color = Color::new(204, 121, 167);
const GREY: Color = Color::new(140, 140, 140);

/// No condition has this color.
const WINE: Color = Color::new(150, 0, 80);

/// The look of a network of the reader's own.
pub const OWN: Look = Look { color: WINE, marker: Marker::Cross, dash: Dash::Solid };

/// The looks of several of them, in turn.
pub fn own(number: usize) -> Look {
    let colors = [WINE, PURPLE, SKY, ORANGE, YELLOW];
    Look { color: colors[number % colors.len()], ..OWN }
}

/// The look of a condition. Conditions that are never in one figure may share a color, but not
/// both channels.
pub fn condition(condition: Condition) -> Look {
    use Condition as C;
    use Dash::{Alternating, Dashed, Dotted, Solid};
    use Marker::{Circle, Down, Square, Triangle};
    let (color, marker, dash) = match condition {
        C::ELn => (BLACK, Circle, Solid),
        C::ELnForwardOnly => (BLACK, Down, Dotted),
        C::ELnBackwardOnly => (BLACK, Triangle, Dashed),
        C::EMeanNormBackwardOnly => (BLACK, Square, Alternating),
        C::ENone => (GREY, Circle, Dashed),
        C::EiNone => (GREY, Square, Dotted),
        C::EiLn => (BLUE, Triangle, Dashed),
        C::EiLnForwardOnly => (SKY, Down, Dotted),
        C::EiLnBackwardOnly => (SKY, Triangle, Solid),
        C::EiMeanNorm => (ORANGE, Circle, Dashed),
        C::EiMeanNormBackwardOnly => (ORANGE, Square, Solid),
        C::EiDivisiveNorm => (GREEN, Circle, Alternating),
        C::INormNone => (VERMILLION, Triangle, Dashed),
        C::INormFull => (GREEN, Square, Solid),
        C::INormCenter => (BLUE, Circle, Alternating),
        C::INormLateral => (PURPLE, Down, Solid),
        C::INormScale => (ORANGE, Triangle, Dotted),
        C::INormDecorrelate => (SKY, Circle, Dashed),
        C::INormSubNone => (YELLOW, Square, Solid),
        C::INormSubCenter => (YELLOW, Down, Dashed),
        C::INormDivisive => (PURPLE, Square, Dashed),
    };
    Look { color, marker, dash }
}

/// The look of a luminosity range: an ordered ramp (from matplotlib's plasma, readable with any
/// kind of color vision and in grey), because ε is a quantity and not a name.
pub fn epsilon(epsilon: f64) -> Look {
    let (color, marker, dash) = match (epsilon * 4.0).round() as i64 {
        i64::MIN..=0 => (Color::new(38, 20, 140), Marker::Circle, Dash::Solid),
        1 => (Color::new(156, 23, 158), Marker::Square, Dash::Alternating),
        2 => (Color::new(222, 97, 100), Marker::Down, Dash::Dashed),
        _ => (Color::new(250, 180, 50), Marker::Triangle, Dash::Dotted),
    };
    Look { color, marker, dash }
}

/// How a luminosity range is written.
pub fn epsilon_label(epsilon: f64) -> String {
    format!("ε = {epsilon}")
}

/// How an accuracy is written, which is a fraction.
pub fn percent(accuracy: f64) -> String {
    format!("{:.1} %", accuracy * 100.0)
}

/// How a p-value is written.
pub fn p_value(p: f64) -> String {
    if p < 0.001 { "p < 0.001".to_owned() } else { format!("p = {p:.3}") }
}

/// The inside of a box: light enough for its median line, also when the color is black.
pub fn box_fill(color: Color) -> Color {
    color.tint(0.55)
}

/// A thin edge in a darker shade, which keeps light fills visible on white.
pub fn edge(color: Color) -> Color {
    Color { rgb: color.rgb.map(|c| (f64::from(c) * 0.55) as u8), opacity: 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_conditions_look_the_same_as_points_or_as_lines() {
        for (row, a) in Condition::ALL.into_iter().enumerate() {
            for b in Condition::ALL.into_iter().skip(row + 1) {
                let (one, two) = (condition(a), condition(b));
                assert!(one.color != two.color || one.marker != two.marker, "{a} {b}");
                assert!(one.color != two.color || one.dash != two.dash, "{a} {b}");
            }
        }
    }

    #[test]
    fn a_diamond_is_a_published_value_and_nothing_else() {
        let conditions = Condition::ALL.map(condition);
        let looks = [0.0, 0.25, 0.5, 0.75].map(epsilon).into_iter().chain(conditions);
        assert!(looks.chain([OWN]).all(|look| look.marker != Marker::Diamond));
    }

    #[test]
    fn the_ramp_of_epsilon_gets_lighter() {
        let light = |e: f64| {
            let [r, g, b] = epsilon(e).color.rgb.map(f64::from);
            0.2126 * r + 0.7152 * g + 0.0722 * b
        };
        for pair in [0.0, 0.25, 0.5, 0.75].windows(2) {
            assert!(light(pair[1]) > light(pair[0]) + 15.0, "{pair:?}");
        }
    }
}
