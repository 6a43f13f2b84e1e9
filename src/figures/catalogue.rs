//! The paper's figures by number, drawn from stored results.

use super::{
    Figure, alignment_curves, claims, error_curves, fig1, fig2, fig3, fig4, fig5, fig6, fig7,
    lambdas,
};
use crate::configuration::WIDEST;
use crate::dataset::FashionMnist;
use crate::results::{MeasurementRow, Tables};
use crate::statistics::distinct;
use crate::{Condition, Error, Result};
use polars::prelude::DataFrame;

/// What can be drawn, and what it shows.
pub const NAMES: [(&str, &str); 18] = [
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
    ("errors", "agreement with LayerNorm over epochs by the task's own errors"),
    ("lambda", "I-Norm by the weight of its local loss (appendix)"),
    ("claims", "what the paper claims, as differences between networks of a configuration"),
];

/// Whose agreement with LayerNorm is followed over epochs.
const ALIGNED: [Condition; 2] = [Condition::INormNone, Condition::INormFull];

/// Whose errors are followed over epochs.
const FOLLOWED: [Condition; 5] = [
    Condition::EiNone,
    Condition::INormNone,
    Condition::INormFull,
    Condition::INormCenter,
    Condition::INormDecorrelate,
];

/// The seed of the shifts in Fig. 1b.
const SEED: u64 = 0;
const SHOWN_EPSILONS: [f64; 3] = [0.25, 0.5, 0.75];

/// Draws the figure called `name`, one of [`NAMES`], from stored results.
///
/// # Errors
/// If there is no such figure, or the results have no run that it shows.
pub fn figure(name: &str, stored: &Tables) -> Result<Figure> {
    let Tables { runs, measurements, .. } = &stored.of_paper()?;
    let images = || fig1::luminosity_shift(&FashionMnist::load()?.test, &SHOWN_EPSILONS, SEED);
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
        "errors" => error_curves(measurements, &FOLLOWED, widest_measured(measurements)?),
        "lambda" => lambdas(&stored.runs, WIDEST),
        "claims" => claims(runs),
        _ => Err(Error::unknown("figure", name, &NAMES.map(|(name, _)| name))),
    }
}

/// The widest range of luminosity at which the task's own errors were measured in all networks that
/// are followed: earlier runs lack that.
fn widest_measured(measurements: &DataFrame) -> Result<f64> {
    let rows = MeasurementRow::from_table(measurements)?;
    let of = |condition| {
        let rows = rows.iter().filter(move |row| row.condition == condition);
        distinct(rows.filter(|row| row.task_alignment.is_some()).map(|row| row.epsilon))
    };
    let [first, others @ ..] = FOLLOWED.map(of);
    let everywhere = first.into_iter().filter(|epsilon| others.iter().all(|o| o.contains(epsilon)));
    Ok(everywhere.reduce(f64::max).unwrap_or(WIDEST))
}

#[cfg(test)]
mod tests {
    use super::super::checks::{check, measured, sweep};
    use super::*;
    use crate::results::EpochRow;

    fn stored(conditions: &[Condition]) -> Tables {
        let runs = sweep(conditions);
        let measurements = measured(&runs);
        Tables { epochs: EpochRow::to_table(&[]).unwrap(), runs, measurements }
    }

    #[test]
    fn every_name_draws_what_it_says() {
        let stored = stored(&Condition::ALL);
        let texts = NAMES.map(|(name, _)| {
            let figure = figure(name, &stored).unwrap();
            check(&format!("fig{name}"), &figure);
            (name, figure.text())
        });
        for (name, words) in [
            ("1", "inhibitory units in a hidden layer"),
            ("3b", "I-Norm: median 1.0"),
            ("3b", "n = 40"),
            ("3b-all", "n = 120"),
            ("4", "gradients, ε = 0.75: median 0."),
            ("4", "diverged"),
            ("5a", "δ′ = "),
            ("6", "I-Norm + center: median"),
            ("6", "diverged"),
            ("eigenvalues", "n = 120"),
            ("alignment", "gradients, ε = 0.75, I-Norm + GradNorm: "),
            ("errors", "layer 2: in common, ε = 0.75, I-Norm: 0."),
            ("lambda", "I-Norm: median"),
            ("claims", "ε = 0.75, I-Norm − E-only + LN: ours −"),
        ] {
            let (_, text) = texts.iter().find(|(other, _)| *other == name).unwrap();
            assert!(text.contains(words), "{name}: {text}");
        }
    }

    #[test]
    fn an_unknown_name_and_missing_runs_are_said() {
        let stored = stored(&[Condition::ENone]);
        for (name, words) in [
            ("8", "figure: '8' is not valid; expected one of 1, 1a"),
            ("2", "runs table: no configuration trained both as EI + LN and as EI;"),
            ("3", "measurements of ei_none, inorm_sub_none, inorm_none"),
            ("4", "no configuration trained both as E-only + LN and as I-Norm;"),
            ("5", "no configuration trained both as E-only + LN and as I-Norm + GradNorm;"),
            ("6", "at least one of inorm_scale, inorm_decorrelate"),
            ("7", "at least one of inorm_lateral"),
            ("eigenvalues", "eigenvalues of the condition inorm_lateral"),
            ("alignment", "measurements table: has no rows to draw"),
            ("errors", "measurements table: has no rows to draw"),
            ("lambda", "no run of inorm_none at ε = 0.75"),
            ("claims", "no configuration trained with two networks that are compared"),
        ] {
            let message = figure(name, &stored).unwrap_err().to_string();
            assert!(message.contains(words), "{name}: {message}");
        }
    }
}
