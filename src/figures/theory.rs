//! The theory as pictures: how far lateral inhibition is from centering, by the size of a layer, and
//! what GradNorm does to an error of three units.

use super::axes::{self, Axis, Panel};
use super::drawing::{Color, Dash, Drawing, Frame, Marker, Point, Stroke, Text};
use super::legend::{Legend, Swatch};
use super::style::Look;
use super::{Figure, style};
use crate::statistics::quantile;
use crate::{Condition, Error, Result};

/// The variance of the mistake that lateral inhibition makes in place of centering, for layers
/// of these many units: for each size its values for several draws of the weights, as their median
/// and a band from the least to the greatest, beside what the bound gives on average. Both axes
/// are logarithmic.
///
/// Paper: its theorem on lateral inhibition. Differs: the paper draws none, and the bound is our
/// own derivation.
///
/// # Errors
/// If there are not some variances and one bound, all positive, for each size.
pub fn lateral_mistake(units: &[usize], variances: &[Vec<f64>], bounds: &[f64]) -> Result<Figure> {
    let values = [variances.concat(), bounds.to_vec()].concat();
    let positive = values.iter().all(|v| v.is_finite() && *v > 0.0) && !units.contains(&0);
    let complete = variances.len() == units.len() && bounds.len() == units.len();
    let drawn = variances.iter().all(|of_size| !of_size.is_empty());
    if units.is_empty() || !complete || !drawn || !positive {
        let found = format!("sizes {units:?} with variances {variances:?} and bounds {bounds:?}");
        let expected = "positive sizes, and positive variances and a bound for each";
        return Err(Error::invalid("simulation", found, expected));
    }
    let look = style::condition(Condition::INormLateral);
    let mut drawing = Drawing::new(style::WIDTH, 320.0);
    Legend::default()
        .entry(Swatch::Line(look), "lateral inhibition, simulated: median, least to greatest")
        .entry(Swatch::Dashes, "bound, on average")
        .draw(&mut drawing, Frame::new(0.0, 6.0, style::WIDTH, 320.0));
    let logarithms: Vec<f64> = units.iter().map(|n| (*n as f64).log10()).collect();
    let ends = axes::range(logarithms.iter().copied(), 0.5);
    let ticks = logarithms.iter().copied().zip(units.iter().map(usize::to_string));
    let x = Axis::new("units in the layer", ends, ticks);
    let (low, high) = axes::range(values.iter().map(|v| v.log10()), 1.0);
    let y = Axis::logarithmic("variance of the mistake", low, high);
    let outer = Frame::new(100.0, 12.0, style::WIDTH - 100.0, 316.0);
    let panel = Panel::fit(outer, x, y).draw(&mut drawing);
    let line = |values: &[f64]| -> Vec<_> {
        logarithms.iter().zip(values).map(|(n, v)| panel.at(*n, v.log10())).collect()
    };
    let [least, median, greatest] = [0.0, 0.5, 1.0].map(|share| quantiles(variances, share));
    let band = line(&least).into_iter().chain(line(&greatest).into_iter().rev());
    drawing.area(band.collect::<Vec<_>>(), look.color.opacity(0.25));
    drawing.line(line(bounds), Stroke { width: 1.2, ..style::DASHES });
    drawing.line(line(&median), Stroke::new(look.color, 2.0));
    for at in line(&median) {
        drawing.marker(at, look.marker, 5.0, look.color, style::edge(look.color));
    }
    let rows = units.iter().zip(bounds).enumerate();
    let facts = rows.map(|(k, (n, bound))| {
        let [median, least, greatest] = [&median, &least, &greatest].map(|values| values[k]);
        format!(
            "{n} units: variance {median:.1e} ({least:.1e} to {greatest:.1e}), bound {bound:.1e}"
        )
    });
    let alt = "Variance of the mistake of lateral inhibition against the number of units in the \
               layer, both logarithmic, with the bound above it.";
    Figure::new(drawing, alt, facts.collect())
}

fn quantiles(variances: &[Vec<f64>], share: f64) -> Vec<f64> {
    let of_size = |values: &Vec<f64>| {
        let mut sorted = values.clone();
        sorted.sort_by(f64::total_cmp);
        quantile(&sorted, share).unwrap_or(f64::NAN)
    };
    variances.iter().map(of_size).collect()
}

type Vector = [f64; 3];

fn dot(a: Vector, b: Vector) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn plus(a: Vector, b: Vector) -> Vector {
    [0, 1, 2].map(|k| a[k] + b[k])
}

fn times(factor: f64, a: Vector) -> Vector {
    a.map(|a| factor * a)
}

/// A vector without its part along another one.
fn without(a: Vector, direction: Vector) -> Vector {
    plus(a, times(-dot(a, direction) / dot(direction, direction), direction))
}

/// Where a point is on the sheet: all units equal is upwards, and one looks down at the plane of
/// mean 0 from a little above it.
fn projected(point: Vector) -> Point {
    const TILT: f64 = 0.42;
    const TURN: f64 = 0.45;
    const SCALE: f64 = 78.0;
    // Turned a little, so that no unit's axis is behind the upright one.
    let (sine, cosine) = TURN.sin_cos();
    let first = dot(point, [1.0, -1.0, 0.0]) / 2f64.sqrt();
    let second = dot(point, [1.0, 1.0, -2.0]) / 6f64.sqrt();
    let (across, away) = (cosine * first + sine * second, cosine * second - sine * first);
    let up = dot(point, [1.0; 3]) / 3f64.sqrt();
    let height = up * (1.0 - TILT * TILT).sqrt() + away * TILT;
    (style::WIDTH / 2.0 + SCALE * across, 232.0 - SCALE * height)
}

const ERROR: Look = Look { color: style::VERMILLION, marker: Marker::Down, dash: Dash::Solid };
const CENTERED: Look = Look { color: style::BLUE, marker: Marker::Circle, dash: Dash::Alternating };
const KEPT: Look =
    Look { color: Color::new(0, 158, 115), marker: Marker::Square, dash: Dash::Solid };

/// What GradNorm does to an error, seen with three units: LayerNorm puts the activity `z` on a circle,
/// of radius √3 in the plane of mean 0; of the error `delta` at that point centering removes what
/// is upright on the plane, decorrelating what points along z, and the rest is along the circle.
///
/// The paper has no such figure.
///
/// # Errors
/// If a number is not finite, or all of `z` are equal.
pub fn three_units(z: [f64; 3], delta: [f64; 3]) -> Result<Figure> {
    let ones = [1.0; 3];
    let spread = without(z, ones);
    let finite = z.iter().chain(&delta).all(|number| number.is_finite());
    if !finite || dot(spread, spread) < 1e-12 {
        let expected = "finite numbers, and activities that are not all equal";
        return Err(Error::invalid("three units", format!("z {z:?}, error {delta:?}"), expected));
    }
    let z = times((3.0 / dot(spread, spread)).sqrt(), spread);
    let centered = without(delta, ones);
    let kept = without(centered, z);
    let mut drawing = Drawing::new(style::WIDTH, 400.0);
    let look_of_z = Look { color: style::INK, marker: Marker::Circle, dash: Dash::Solid };
    Legend::default()
        .entry(Swatch::Line(look_of_z), "activity z = LN(z)")
        .entry(Swatch::Line(ERROR), "error δ")
        .entry(Swatch::Line(CENTERED), "centered")
        .entry(Swatch::Line(KEPT), "and decorrelated: along the circle")
        .draw(&mut drawing, Frame::new(0.0, 6.0, style::WIDTH, 30.0));
    draw_plane(&mut drawing);
    arrow(&mut drawing, [0.0; 3], z, look_of_z);
    let tips = [delta, centered, kept].map(|error| projected(plus(z, error)));
    drawing.line(tips, Stroke::new(style::QUIET, 1.2).dash(Dash::Dotted));
    for (error, look) in [(delta, ERROR), (centered, CENTERED), (kept, KEPT)] {
        arrow(&mut drawing, z, error, look);
    }
    let length = |vector: Vector| dot(vector, vector).sqrt();
    let facts = vec![
        format!("length of the error {:.2}", length(delta)),
        format!("centered {:.2}, and decorrelated {:.2}", length(centered), length(kept)),
    ];
    let alt = "The space of three units: the plane of mean 0 with the circle that LayerNorm puts \
               activity on, an error at one point of it, and the same error centered, and \
               decorrelated from the activity.";
    Figure::new(drawing, alt, facts)
}

/// The plane of mean 0, LayerNorm's circle in it, the direction in which all units are equal, and
/// the axes of the units.
fn draw_plane(drawing: &mut Drawing) {
    let round = |radius: f64| -> Vec<Point> {
        let at = |k: i32| {
            let (sine, cosine) = (f64::from(k) * std::f64::consts::TAU / 120.0).sin_cos();
            let across = times(radius * cosine / 2f64.sqrt(), [1.0, -1.0, 0.0]);
            projected(plus(across, times(radius * sine / 6f64.sqrt(), [1.0, 1.0, -2.0])))
        };
        (0..=120).map(at).collect()
    };
    drawing.area(round(2.6), style::GRID.tint(0.6));
    drawing.line(round(3f64.sqrt()), Stroke::new(style::QUIET, 1.4));
    let quiet = Stroke::new(style::BORDER, 1.2);
    for (unit, name) in ["unit 1", "unit 2", "unit 3"].into_iter().enumerate() {
        let mut end = [0.0; 3];
        end[unit] = 2.6;
        let (x, y) = projected(end);
        drawing.line([projected([0.0; 3]), (x, y)], quiet);
        let beyond = if unit == 2 { (x, y + 12.0) } else { (x, y - 10.0) };
        drawing.text(Text::new(name, beyond, style::SMALL).middle().color(style::QUIET));
    }
    let top = projected([1.25; 3]);
    drawing.line([projected([-0.5; 3]), top], Stroke::new(style::BORDER, 1.2).dash(Dash::Dashed));
    let label = Text::new("all units equal", (top.0, top.1 - 8.0), style::SMALL).middle();
    drawing.text(label.color(style::QUIET));
    let (x, y) = projected(times(2.6 / 6f64.sqrt(), [-1.0, -1.0, 2.0]));
    let label = Text::new("the plane of mean 0", (x, y + 14.0), style::SMALL).middle();
    drawing.text(label.color(style::QUIET));
}

/// An arrow from a point along a vector, unless that is too short to have a direction.
fn arrow(drawing: &mut Drawing, from: Vector, along: Vector, look: Look) {
    let ((x0, y0), (x1, y1)) = (projected(from), projected(plus(from, along)));
    let length = (x1 - x0).hypot(y1 - y0);
    if length < 1.0 {
        return;
    }
    let (right, down) = ((x1 - x0) / length, (y1 - y0) / length);
    let back = length.min(11.0);
    let foot = (x1 - back * right, y1 - back * down);
    drawing.line([(x0, y0), foot], Stroke::new(look.color, 2.4).dash(look.dash));
    let half = 0.45 * back;
    let corners = [half, -half].map(|side| (foot.0 - side * down, foot.1 + side * right));
    drawing.area([(x1, y1), corners[0], corners[1]], look.color);
}

#[cfg(test)]
mod tests {
    use super::super::checks::check;
    use super::*;

    #[test]
    fn a_simulation_with_its_bound() {
        let variances = [0.0349, 0.0161, 0.0036, 0.0010].map(|v| vec![v, 1.5 * v, 0.8 * v]);
        let bounds = [0.0719, 0.03, 0.0073, 0.0021];
        let figure = lateral_mistake(&[10, 30, 100, 300], &variances, &bounds).unwrap();
        check("theory_lateral_mistake", &figure);
        let expected = "300 units: variance 1.0e-3 (8.0e-4 to 1.5e-3), bound 2.1e-3";
        assert!(figure.text().contains(expected), "{}", figure.text());
        check("theory_one_size", &lateral_mistake(&[10], &[vec![0.03]], &[0.07]).unwrap());
    }

    #[test]
    fn what_cannot_be_drawn_is_said() {
        let message =
            lateral_mistake(&[10, 30], &[vec![0.1]], &[0.2, 0.3]).unwrap_err().to_string();
        assert_eq!(
            message,
            "simulation: sizes [10, 30] with variances [[0.1]] and bounds [0.2, 0.3] is not valid; \
             expected positive sizes, and positive variances and a bound for each"
        );
        assert!(lateral_mistake(&[10], &[vec![0.0]], &[0.2]).is_err());
        assert!(lateral_mistake(&[10], &[vec![]], &[0.2]).is_err());
        assert!(lateral_mistake(&[], &[], &[]).is_err());
        assert!(three_units([0.5; 3], [1.0, 0.0, 0.0]).is_err());
        assert!(three_units([0.5, 0.1, f64::NAN], [1.0, 0.0, 0.0]).is_err());
    }

    #[test]
    fn an_error_loses_what_is_upright_and_what_is_along_the_activity() {
        let figure = three_units([1.2, -0.9, -0.3], [0.3, 1.3, 0.5]).unwrap();
        check("theory_three_units", &figure);
        // The same for all units is forgotten, and so is more contrast.
        let forgotten = three_units([1.0, -1.0, 0.0], [0.7; 3]).unwrap();
        assert!(forgotten.text().contains("centered 0.00, and"), "{}", forgotten.text());
        let contrast = three_units([1.0, -1.0, 0.0], [0.5, -0.5, 0.0]).unwrap();
        assert!(contrast.text().contains("and decorrelated 0.00"), "{}", contrast.text());
    }
}
