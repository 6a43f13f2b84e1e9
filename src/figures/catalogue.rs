//! The paper's figures by number, drawn from stored results.

use super::drawing::{Drawing, Mark};
use super::{alignment_curves, fig1, fig2, fig3, fig4, fig5, fig6, fig7, lambdas};
use crate::configuration::WIDEST;
use crate::dataset::FashionMnist;
use crate::notebook::Figure;
use crate::results::Tables;
use crate::{Condition, Error, Result};

/// What can be drawn, and what it shows.
pub const NAMES: [(&str, &str); 16] = [
    ("1", "the network, and images with shifted luminosity"),
    ("1a", "the network"),
    ("1b", "images with shifted luminosity"),
    ("2", "EI networks with and without LayerNorm"),
    ("3", "the I-Norm circuit, and the moments of activity"),
    ("3a", "the I-Norm circuit"),
    ("3b", "the moments of activity of the ten best runs, as in the paper"),
    ("3b-all", "the moments of activity of all runs"),
    ("4", "I-Norm beside LayerNorm, and their alignment"),
    ("5", "I-Norm with GradNorm beside LayerNorm, and their alignment"),
    ("5a", "the I-Norm circuit with GradNorm"),
    ("6", "the steps of GradNorm one by one"),
    ("7", "lateral inhibition"),
    ("eigenvalues", "the largest eigenvalue of the errors' covariance (appendix)"),
    ("alignment", "agreement of I-Norm with LayerNorm over epochs (appendix)"),
    ("lambda", "I-Norm by the weight of its local loss (appendix)"),
];

/// Whose agreement with LayerNorm is followed over epochs.
const ALIGNED: [Condition; 2] = [Condition::INormNone, Condition::INormFull];

/// The seed of the shifts in Fig. 1b.
const SEED: u64 = 0;
const EPSILONS: [f64; 3] = [0.25, 0.5, 0.75];

/// Draws the figure called `name`, one of [`NAMES`], from stored results.
///
/// # Errors
/// If there is no such figure, or the results have no run that it shows.
pub fn figure(name: &str, stored: &Tables) -> Result<Figure> {
    let Tables { runs, measurements, .. } = &stored.of_paper()?;
    let images = || fig1::luminosity_shift(&FashionMnist::load()?.test, &EPSILONS, SEED);
    let moments = |choice| fig3::moments(runs, measurements, choice);
    match name {
        "1" => below(&fig1::network()?, &images()?),
        "1a" => fig1::network(),
        "1b" => images(),
        "2" => fig2::figure(runs, None),
        "3" => below(&fig3::circuit()?, &moments(fig3::Choice::Best)?),
        "3a" => fig3::circuit(),
        "3b" => moments(fig3::Choice::Best),
        "3b-all" => moments(fig3::Choice::All),
        "4" => fig4::figure(runs, measurements, None),
        "5" => fig5::figure(runs, measurements, None),
        "5a" => fig5::circuit(),
        "6" => fig6::figure(runs, measurements, None),
        "7" => fig7::figure(runs, None),
        "eigenvalues" => fig7::eigenvalues(measurements),
        "alignment" => alignment_curves(measurements, &ALIGNED, WIDEST),
        "lambda" => lambdas(&stored.runs, WIDEST),
        _ => {
            let names: Vec<_> = NAMES.iter().map(|(name, _)| *name).collect();
            let expected = format!("one of {}", names.join(", "));
            Err(Error::invalid("figure", name, expected))
        }
    }
}

/// One figure with another below it.
fn below(upper: &Figure, lower: &Figure) -> Result<Figure> {
    const GAP: f64 = 16.0;
    let (first, second) = (upper.drawing(), lower.drawing());
    let down = first.height + GAP;
    let mut both = Drawing::new(first.width.max(second.width), down + second.height);
    both.marks.extend(first.marks.iter().cloned());
    both.marks.extend(second.marks.iter().map(|mark| moved(mark, down)));
    let facts =
        |figure: &Figure| figure.text().lines().skip(1).map(|l| l.trim().to_owned()).collect();
    let facts: Vec<String> =
        [facts(upper), facts(lower)].into_iter().flat_map(|f: Vec<_>| f).collect();
    Figure::new(both, format!("{} {}", upper.alt(), lower.alt()), facts)
}

fn moved(mark: &Mark, down: f64) -> Mark {
    let shift = |(x, y): (f64, f64)| (x, y + down);
    match mark.clone() {
        Mark::Line(points, stroke) => Mark::Line(points.into_iter().map(shift).collect(), stroke),
        Mark::Area(points, color) => Mark::Area(points.into_iter().map(shift).collect(), color),
        Mark::Disc(center, radius, color) => Mark::Disc(shift(center), radius, color),
        Mark::Text(mut label) => {
            label.at = shift(label.at);
            Mark::Text(label)
        }
        Mark::Picture(mut picture) => {
            picture.frame.top += down;
            picture.frame.bottom += down;
            Mark::Picture(picture)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::checks::{epochs, measured, sweep};
    use super::*;

    #[test]
    fn every_name_draws_something_without_collisions() {
        let runs = sweep(&Condition::ALL);
        let measurements = measured(&runs);
        let stored = Tables { epochs: epochs(&[], &[], 0, 0), runs, measurements };
        for (name, _) in NAMES {
            let figure = figure(name, &stored).unwrap();
            assert_eq!(figure.drawing().collisions(), Vec::<String>::new(), "{name}");
            assert!(figure.text().lines().count() > 1, "{name}");
        }
    }

    #[test]
    fn an_unknown_name_and_missing_runs_are_said() {
        let runs = sweep(&[]);
        let measurements = measured(&runs);
        let stored = Tables { epochs: epochs(&[], &[], 0, 0), runs, measurements };
        let unknown = figure("8", &stored).unwrap_err().to_string();
        assert!(unknown.starts_with("figure: 8 is not valid; expected one of 1, 1a"), "{unknown}");
        for name in ["2", "3", "4", "5", "6", "7", "eigenvalues", "alignment", "lambda"] {
            let missing = figure(name, &stored).unwrap_err().to_string();
            assert!(missing.contains("table"), "{name}: {missing}");
        }
    }
}
