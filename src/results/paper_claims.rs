//! What the paper claims, as differences between conditions: published, and in stored runs.

use super::{RunRow, published_for};
use crate::{
    Condition, Error, Result,
    configuration::WIDEST,
    statistics::{Interval, bootstrap, median},
};
use polars::prelude::DataFrame;
use std::{collections::BTreeMap, fmt::Write};

/// Of fewer pairs the interval of a median would say more than is known.
const WORTH_AN_INTERVAL: usize = 5;

/// That one network learns more than another, or as much.
#[derive(Debug, Clone, Copy)]
pub struct PaperClaim {
    /// In words.
    pub words: &'static str,
    /// The network that it is about.
    pub network: Condition,
    /// The one that it is compared with.
    pub than: Condition,
    /// The figure of the paper.
    pub figure: u8,
    /// The chapter that shows it.
    pub chapter: &'static str,
}

/// The paper's argument, step by step.
pub const CLAIMS: [PaperClaim; 7] = [
    PaperClaim {
        words: "LayerNorm makes networks with inhibition robust to light",
        network: Condition::EiLn,
        than: Condition::EiNone,
        figure: 2,
        chapter: "02_layer_norm",
    },
    PaperClaim {
        words: "inhibition that normalizes activity alone does not reach LayerNorm",
        network: Condition::INormNone,
        than: Condition::ELn,
        figure: 4,
        chapter: "04_not_enough",
    },
    PaperClaim {
        words: "normalizing the errors as well does",
        network: Condition::INormFull,
        than: Condition::ELn,
        figure: 5,
        chapter: "05_grad_norm",
    },
    PaperClaim {
        words: "of its three steps, centring alone is enough",
        network: Condition::INormCenter,
        than: Condition::ELn,
        figure: 6,
        chapter: "06_what_matters",
    },
    PaperClaim {
        words: "scaling alone is not",
        network: Condition::INormScale,
        than: Condition::ELn,
        figure: 6,
        chapter: "06_what_matters",
    },
    PaperClaim {
        words: "nor is decorrelating alone",
        network: Condition::INormDecorrelate,
        than: Condition::ELn,
        figure: 6,
        chapter: "06_what_matters",
    },
    PaperClaim {
        words: "plain lateral inhibition does as well as centring",
        network: Condition::INormLateral,
        than: Condition::INormCenter,
        figure: 7,
        chapter: "07_lateral_inhibition",
    },
];

/// What stored runs say of a claim at ε = 0.75.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// The difference of the published medians, a fraction, where both were published. These leave
    /// out the runs at chance where the publication counts them apart, and have them in where not.
    pub published: Option<f64>,
    /// The median over configurations of the difference between the two networks, a fraction;
    /// a diverged run counts as chance.
    pub ours: Option<f64>,
    /// Where that median lies with 95 % confidence, if there are at least five pairs.
    pub interval: Option<Interval>,
    /// How many configurations were trained both ways.
    pub pairs: usize,
    /// How many of these pairs have a run that diverged.
    pub diverged: usize,
}

impl PaperClaim {
    /// What `runs` say of it.
    fn evidence(&self, runs: &[RunRow]) -> Evidence {
        let pairs = self.pairs(runs);
        let differences: Vec<f64> =
            pairs.iter().map(|[a, b]| a.test_accuracy - b.test_accuracy).collect();
        let diverged = |pair: &&[&RunRow; 2]| pair.iter().any(|r| r.diverged());
        let middle = |values: &[f64]| median(values).unwrap_or(f64::NAN);
        let published = |c| published_for(c, WIDEST).map(|row| row.median);
        Evidence {
            published: published(self.network).zip(published(self.than)).map(|(a, b)| a - b),
            ours: median(&differences),
            interval: (differences.len() >= WORTH_AN_INTERVAL)
                .then(|| bootstrap(&differences, middle, 0.95, 0))
                .flatten(),
            pairs: differences.len(),
            diverged: pairs.iter().filter(diverged).count(),
        }
    }

    /// The runs of both networks with the same configuration and seed.
    fn pairs<'r>(&self, runs: &'r [RunRow]) -> Vec<[&'r RunRow; 2]> {
        let mut joined: BTreeMap<_, [Option<&RunRow>; 2]> = BTreeMap::new();
        for run in runs.iter().filter(|run| run.epsilon == WIDEST && run.is_papers()) {
            let side = [self.network, self.than].iter().position(|c| *c == run.condition);
            if let Some(side) = side {
                joined.entry((run.config, run.seed)).or_default()[side] = Some(run);
            }
        }
        joined.into_values().filter_map(|[a, b]| Some([a?, b?])).collect()
    }
}

/// The evidence for each of [`CLAIMS`].
///
/// # Errors
/// If `runs` is no table of runs.
pub fn evidence(runs: &DataFrame) -> Result<Vec<(PaperClaim, Evidence)>> {
    let runs = RunRow::from_table(runs)?;
    Ok(CLAIMS.iter().map(|claim| (*claim, claim.evidence(&runs))).collect())
}

/// The same as a table in Markdown, with links as seen from the root of the repository.
///
/// # Errors
/// If `runs` is no table of runs.
pub fn claims_markdown(runs: &DataFrame) -> Result<String> {
    let mut text =
        "| the paper says | test accuracy, in points | published | ours (95 % interval) \
                    | pairs | chapter | command |\n| --- | --- | --- | --- | --- | --- | --- |\n"
            .to_owned();
    for (claim, evidence) in evidence(runs)? {
        let PaperClaim { words, network, than, figure, chapter } = claim;
        let published = evidence.published.map_or("–".into(), points);
        let ours = evidence.ours.map_or("–".into(), points);
        let interval = evidence
            .interval
            .map_or(String::new(), |i| format!(" ({} to {})", points(i.low), points(i.high)));
        let diverged = match evidence.diverged {
            0 => String::new(),
            runs => format!(", {runs} diverged"),
        };
        writeln!(
            text,
            "| {words} | `{network}` − `{than}` | {published} | {ours}{interval} | \
             {}{diverged} | [{figure}](notebooks/{chapter}.ipynb) | `figure {figure}` |",
            evidence.pairs
        )
        .map_err(|e| Error::invalid("table", e, "text"))?;
    }
    Ok(text)
}

/// A fraction in percentage points, with its sign.
fn points(fraction: f64) -> String {
    let text = format!("{:+.1}", fraction * 100.0);
    if text == "-0.0" { "+0.0".to_owned() } else { text.replace('-', "−") }
}

#[cfg(test)]
mod tests {
    use super::super::made_up::runs_table;
    use super::*;
    use Condition::{ELn, INormFull, INormNone};

    #[test]
    fn pairs_of_a_configuration_are_compared() {
        let mut rows = Vec::new();
        for config in 0..6 {
            let base = 0.8 + f64::from(config) * 0.01;
            rows.push((ELn, config, 0.75, Some(base)));
            rows.push((INormFull, config, 0.75, Some(base + 0.004)));
            if config < 2 {
                rows.push((INormNone, config, 0.75, (config == 0).then_some(base - 0.06)));
            }
            rows.push((INormFull, config, 0.0, Some(0.5)));
        }
        let all = evidence(&runs_table(&rows)).unwrap();
        let of = |c| all.iter().find(|(claim, _)| claim.network == c).unwrap().1.clone();
        let full = of(INormFull);
        assert_eq!((full.pairs, full.diverged), (6, 0));
        assert!((full.ours.unwrap() - 0.004).abs() < 1e-12, "{full:?}");
        assert!(full.interval.is_some_and(|i| i.high - i.low < 1e-12));
        let none = of(INormNone);
        assert_eq!((none.pairs, none.diverged, none.interval), (2, 1, None));
        assert_eq!(of(Condition::INormScale).ours, None);
        let text = claims_markdown(&runs_table(&rows)).unwrap();
        assert!(text.contains("| +0.5 | +0.4 (+0.4 to +0.4) | 6 | [5](notebooks/"), "{text}");
    }
}
