//! The theory as a picture: how far lateral inhibition is from centering, by the size of a layer.

use super::axes::{self, Axis, Panel};
use super::drawing::{Drawing, Frame, Stroke};
use super::legend::{Legend, Swatch};
use super::{Figure, style};
use crate::{Condition, Error, Result};

/// The variance of the mistake that lateral inhibition makes in place of centering, for layers
/// of these many units, with its bound; both axes are logarithmic.
///
/// Paper: its theorem on lateral inhibition. Differs: the paper draws none, and the bound is our
/// own derivation.
///
/// # Errors
/// If there is not one variance and one bound, all positive, for each size.
pub fn lateral_mistake(units: &[usize], variances: &[f64], bounds: &[f64]) -> Result<Figure> {
    let values = [variances, bounds].concat();
    let positive = values.iter().all(|v| v.is_finite() && *v > 0.0) && !units.contains(&0);
    let complete = variances.len() == units.len() && bounds.len() == units.len();
    if units.is_empty() || !complete || !positive {
        let found = format!("sizes {units:?} with variances {variances:?} and bounds {bounds:?}");
        let expected = "positive sizes, and a positive variance and bound for each";
        return Err(Error::invalid("simulation", found, expected));
    }
    let look = style::condition(Condition::INormLateral);
    let mut drawing = Drawing::new(style::WIDTH, 320.0);
    Legend::default()
        .entry(Swatch::Line(look), "lateral inhibition, simulated")
        .entry(Swatch::Dashes, "bound")
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
    drawing.line(line(bounds), Stroke { width: 1.2, ..style::DASHES });
    drawing.line(line(variances), Stroke::new(look.color, 2.0));
    for at in line(variances) {
        drawing.marker(at, look.marker, 5.0, look.color, style::edge(look.color));
    }
    let rows = units.iter().zip(variances).zip(bounds);
    let facts = rows.map(|((n, v), b)| format!("{n} units: variance {v:.1e}, bound {b:.1e}"));
    let alt = "Variance of the mistake of lateral inhibition against the number of units in the \
               layer, both logarithmic, with the bound above it.";
    Figure::new(drawing, alt, facts.collect())
}

#[cfg(test)]
mod tests {
    use super::super::checks::check;
    use super::*;

    #[test]
    fn a_simulation_with_its_bound() {
        let (variances, bounds) =
            ([0.0349, 0.0161, 0.0036, 0.0010], [0.0719, 0.03, 0.0073, 0.0021]);
        let figure = lateral_mistake(&[10, 30, 100, 300], &variances, &bounds).unwrap();
        check("theory_lateral_mistake", &figure);
        assert!(figure.text().contains("300 units: variance 1.0e-3"), "{}", figure.text());
        check("theory_one_size", &lateral_mistake(&[10], &[0.03], &[0.07]).unwrap());
    }

    #[test]
    fn what_cannot_be_drawn_is_said() {
        let message = lateral_mistake(&[10, 30], &[0.1], &[0.2, 0.3]).unwrap_err().to_string();
        assert_eq!(
            message,
            "simulation: sizes [10, 30] with variances [0.1] and bounds [0.2, 0.3] is not valid; \
             expected positive sizes, and a positive variance and bound for each"
        );
        assert!(lateral_mistake(&[10], &[0.0], &[0.2]).is_err());
        assert!(lateral_mistake(&[], &[], &[]).is_err());
    }
}
