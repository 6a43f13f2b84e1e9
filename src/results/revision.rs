//! The authors' tests of their runs by the revised protocol, and the same tests of ours.

use super::{
    RunRow, Variant,
    paper_claims::{at_chance, unpaired},
    published::rows_of,
    row::row,
};
use crate::{
    Condition, Result,
    statistics::{MannWhitney, stars},
};
use polars::prelude::DataFrame;
use std::sync::OnceLock;

/// One row of `data/revision_tests.csv`: a network against E-only + LN, at one ε.
pub(super) struct Test {
    condition: Condition,
    epsilon: f64,
    /// Cliff's δ, of U and the number of runs on either side.
    delta: f64,
    p: f64,
    mark: String,
}

const TABLE: &str = include_str!("../../data/revision_tests.csv");

fn published() -> &'static [Test] {
    static ROWS: OnceLock<Vec<Test>> = OnceLock::new();
    ROWS.get_or_init(|| rows_of("data/revision_tests.csv", TABLE, parse))
}

fn parse(line: &str) -> Option<Test> {
    let fields: Vec<_> = line.split(',').collect();
    let [_, condition, epsilon, n, u, p, mark] = fields[..] else { return None };
    let (n, u): (f64, f64) = (n.parse().ok()?, u.parse().ok()?);
    Some(Test {
        condition: condition.parse().ok()?,
        epsilon: epsilon.parse().ok()?,
        delta: 2.0 * u / (n * n) - 1.0,
        p: p.parse().ok()?,
        mark: mark.to_owned(),
    })
}

row! {
    /// A test of the authors' revised Fig. 6, and the same test of our runs by that protocol.
    RevisionMarkRow of "revision marks",
    from |published: &Test, networks: [&Variant; 2], ours: [&[f64]; 2], test: Option<MannWhitney>| {
        epsilon: f64 = published.epsilon, "Range of the luminosity shift.";
        network: Variant = networks[0].clone(), "The network.";
        than: Variant = networks[1].clone(), "The one that it is compared with.";
        n: u32 = ours[0].len() as u32, "How many runs of `network` we have; the authors, 30.";
        than_n: u32 = ours[1].len() as u32, "How many of `than`; the authors, 30.";
        at_chance: u32 = at_chance(ours[0]) as u32,
            "How many of `network` are at chance.";
        delta: Option<f64> = test.map(|test| test.delta),
            "Cliff's δ: of all pairs of a run of `network` and one of `than`, the share in which the \
             first is better, less the share in which the second is; none of fewer than four runs.";
        published_delta: f64 = published.delta, "The authors'.";
        p: Option<f64> = test.map(|test| test.p),
            "Two-sided p of the test, Mann and Whitney's; none of fewer than four runs.";
        published_p: f64 = published.p, "The authors'.";
        ours: Option<String> = test.map(|test| stars(test.p).to_owned()), "Its stars.";
        published: String = published.mark.clone(), "The authors'.";
        agrees: Option<String> =
            test.map(|t| if stars(t.p) == published.mark { "yes" } else { "no" }.to_owned()),
            "Whether both are the same.";
    }
}

/// The tests of the authors' revised Fig. 6 beside the same tests of our runs by the revised
/// protocol: a [`RevisionMarkRow`] each.
///
/// # Errors
/// If `runs` is no table of runs.
pub fn revision_marks(runs: &DataFrame) -> Result<DataFrame> {
    let mut runs = RunRow::from_table(runs)?;
    runs.retain(RunRow::follows_paper);
    let mut rows = Vec::new();
    for test in published() {
        let variant = |condition: Condition| format!("{condition} protocol=revised").parse();
        let networks: [Variant; 2] = [variant(test.condition)?, variant(Condition::ELn)?];
        let [a, b] = networks.each_ref().map(|network| -> Vec<f64> {
            let here =
                |run: &&RunRow| run.epsilon == test.epsilon && Variant::from(*run) == *network;
            runs.iter().filter(here).map(|run| run.test_accuracy).collect()
        });
        let tested = unpaired(&a, &b)?;
        rows.push(RevisionMarkRow::new(test, networks.each_ref(), [&a, &b], tested));
    }
    RevisionMarkRow::to_table(&rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{configuration::WIDEST, results::everything_stored};
    use statrs::function::erf::erfc;

    // The authors print U and p, not how many runs they are of. The normal approximation, corrected
    // for continuity, gives each p from U with thirty a side.
    #[test]
    fn the_published_tests_are_of_thirty_runs_a_side() {
        let (mean, deviation) = (450.0, (30.0 * 30.0 * 61.0 / 12.0_f64).sqrt());
        for test in published() {
            let u = (test.delta + 1.0) * mean;
            let z = ((u - mean).abs() - 0.5) / deviation;
            let p = erfc(z / 2.0_f64.sqrt());
            assert!((p / test.p - 1.0).abs() < 0.02, "{} at {}: {p}", test.condition, test.epsilon);
            assert_eq!(stars(test.p), test.mark);
        }
        assert_eq!(published().len(), 8);
    }

    #[test]
    fn a_test_of_stored_runs_stands_beside_the_authors() {
        let stored = everything_stored().unwrap().runs;
        let rows = RevisionMarkRow::from_table(&revision_marks(&stored).unwrap()).unwrap();
        let of = |condition: Condition, epsilon: f64| {
            let is_it =
                |r: &&RevisionMarkRow| (r.network.condition, r.epsilon) == (condition, epsilon);
            rows.iter().find(is_it).unwrap()
        };
        let center = of(Condition::INormCenter, WIDEST);
        assert_eq!(center.network.to_string(), "inorm_center protocol=revised");
        assert_eq!((center.n, center.than_n, center.at_chance), (30, 30, 0));
        assert!((center.published_delta + 0.6178).abs() < 1e-4);
        // Of the same runs, counted in Python: U = 191 of 900.
        assert!((center.delta.unwrap() + 0.5756).abs() < 1e-4, "{:?}", center.delta);
        assert!(rows.iter().all(|row| row.agrees.as_deref() == Some("yes")), "{rows:?}");
        let none = revision_marks(&stored.head(Some(0))).unwrap();
        let none = RevisionMarkRow::from_table(&none).unwrap();
        assert!(none.iter().all(|r| r.n == 0 && r.delta.is_none() && r.agrees.is_none()));
    }
}
