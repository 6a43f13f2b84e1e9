//! What the paper claims, as differences between conditions: published, and in stored runs.

use super::{RunRow, published_for};
use crate::{
    Condition::{self, *},
    Result,
    configuration::WIDEST,
    statistics::{Interval, bootstrap, median},
};
use polars::prelude::DataFrame;
use std::collections::BTreeMap;

/// Of fewer pairs the interval of a median would say more than is known.
const WORTH_AN_INTERVAL: usize = 5;

/// The paper's argument, step by step: in words; the network that it is about, which learns more
/// than another one or as much; the figure, and the chapter that shows it.
const CLAIMS: [(&str, Condition, Condition, u8, &str); 7] = [
    ("LayerNorm makes networks with inhibition robust to light", EiLn, EiNone, 2, "02_layer_norm"),
    (
        "inhibition that normalizes activity alone does not reach LayerNorm",
        INormNone,
        ELn,
        4,
        "04_not_enough",
    ),
    ("normalizing the errors as well does", INormFull, ELn, 5, "05_grad_norm"),
    ("of its three steps, centring alone is enough", INormCenter, ELn, 6, "06_what_matters"),
    ("scaling alone is not", INormScale, ELn, 6, "06_what_matters"),
    ("nor is decorrelating alone", INormDecorrelate, ELn, 6, "06_what_matters"),
    (
        "plain lateral inhibition does as well as centring",
        INormLateral,
        INormCenter,
        7,
        "07_lateral_inhibition",
    ),
];

/// What stored runs say of two networks at ε = 0.75.
struct Evidence {
    /// The difference of the published medians, a fraction, where both were published. These leave
    /// out the runs at chance where the publication counts them apart, and have them in where not.
    published: Option<f64>,
    /// The median over configurations of the difference between the two networks, a fraction;
    /// a diverged run counts as chance.
    ours: Option<f64>,
    /// Where that median lies with 95 % confidence, if there are at least five pairs.
    interval: Option<Interval>,
    /// How many configurations were trained both ways.
    pairs: usize,
    /// How many of these pairs have a run that diverged.
    diverged: usize,
}

impl Evidence {
    fn of(network: Condition, than: Condition, runs: &[RunRow]) -> Self {
        let pairs = pairs(network, than, runs);
        let differences: Vec<f64> =
            pairs.iter().map(|[a, b]| a.test_accuracy - b.test_accuracy).collect();
        let diverged = |pair: &&[&RunRow; 2]| pair.iter().any(|run| run.diverged());
        let middle = |values: &[f64]| median(values).unwrap_or(f64::NAN);
        let published = |c| published_for(c, WIDEST).map(|row| row.median);
        Self {
            published: published(network).zip(published(than)).map(|(a, b)| a - b),
            ours: median(&differences),
            interval: (differences.len() >= WORTH_AN_INTERVAL)
                .then(|| bootstrap(&differences, middle, 0.95, 0))
                .flatten(),
            pairs: differences.len(),
            diverged: pairs.iter().filter(diverged).count(),
        }
    }
}

/// The runs of two networks with the same configuration and seed.
fn pairs(network: Condition, than: Condition, runs: &[RunRow]) -> Vec<[&RunRow; 2]> {
    let mut joined: BTreeMap<_, [Option<&RunRow>; 2]> = BTreeMap::new();
    for run in runs.iter().filter(|run| run.epsilon == WIDEST && run.is_papers()) {
        if let Some(side) = [network, than].iter().position(|c| *c == run.condition) {
            joined.entry((run.config, run.seed)).or_default()[side] = Some(run);
        }
    }
    joined.into_values().filter_map(|[a, b]| Some([a?, b?])).collect()
}

/// What the paper claims beside what was published and what `runs` say, as a table in Markdown,
/// with links as seen from the root of the repository.
///
/// # Errors
/// If `runs` is no table of runs.
pub fn claims_markdown(runs: &DataFrame) -> Result<String> {
    let runs = RunRow::from_table(runs)?;
    let mut text =
        "| the paper says | test accuracy, in points | published | ours (95 % interval) \
         | pairs | chapter | command |\n| --- | --- | --- | --- | --- | --- | --- |\n"
            .to_owned();
    for (words, network, than, figure, chapter) in CLAIMS {
        let Evidence { published, ours, interval, pairs, diverged } =
            Evidence::of(network, than, &runs);
        let [published, ours] = [published, ours].map(|value| value.map_or("–".into(), points));
        let interval = interval
            .map_or(String::new(), |i| format!(" ({} to {})", points(i.low), points(i.high)));
        let diverged = match diverged {
            0 => String::new(),
            runs => format!(", {runs} diverged"),
        };
        text += &format!(
            "| {words} | `{network}` − `{than}` | {published} | {ours}{interval} | \
             {pairs}{diverged} | [{figure}](notebooks/{chapter}.ipynb) | `figure {figure}` |\n"
        );
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
        let table = runs_table(&rows);
        let runs = RunRow::from_table(&table).unwrap();
        let full = Evidence::of(INormFull, ELn, &runs);
        assert_eq!((full.pairs, full.diverged), (6, 0));
        assert!((full.ours.unwrap() - 0.004).abs() < 1e-12);
        assert!(full.interval.is_some_and(|i| i.high - i.low < 1e-12));
        let none = Evidence::of(INormNone, ELn, &runs);
        assert_eq!((none.pairs, none.diverged, none.interval), (2, 1, None));
        assert_eq!(Evidence::of(INormScale, ELn, &runs).ours, None);
        let text = claims_markdown(&table).unwrap();
        assert!(text.contains("| +0.5 | +0.4 (+0.4 to +0.4) | 6 | [5](notebooks/"), "{text}");
    }
}
