//! The paper's figures by number, drawn from stored results.

use super::{Figure, alignment_curves, fig1, fig2, fig3, fig4, fig5, fig6, fig7, lambdas};
use crate::configuration::WIDEST;
use crate::dataset::FashionMnist;
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
        "1" => fig1::network().above(images()?),
        "1a" => Ok(fig1::network()),
        "1b" => images(),
        "2" => fig2::figure(runs, None),
        "3" => fig3::circuit().above(moments(fig3::Choice::Best)?),
        "3a" => Ok(fig3::circuit()),
        "3b" => moments(fig3::Choice::Best),
        "3b-all" => moments(fig3::Choice::All),
        "4" => fig4::figure(runs, measurements, None),
        "5" => fig5::figure(runs, measurements, None),
        "5a" => Ok(fig5::circuit()),
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
            assert!(figure.charts().all(|chart| chart.collisions().is_empty()), "{name}");
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
