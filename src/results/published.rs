//! The published distributions of test accuracy, at ε = 0 and 0.75.

use crate::{Condition, Result};
use polars::prelude::{DataFrame, df};
use std::sync::OnceLock;

/// One row of `data/published.csv`, as fractions.
#[derive(Debug, Clone, PartialEq)]
pub struct Published {
    /// Which network.
    pub condition: Condition,
    /// Luminosity range.
    pub epsilon: f64,
    /// Number of runs, those at chance included.
    pub runs: usize,
    /// Runs that diverged, where this was published. The quartiles are then without them.
    pub at_chance: Option<usize>,
    /// First quartile.
    pub q1: f64,
    /// Median.
    pub median: f64,
    /// Third quartile.
    pub q3: f64,
    /// The least and the greatest, runs at chance left out, where they were published.
    pub range: Option<[f64; 2]>,
    /// The figures that show it.
    pub figures: String,
    /// The stars of its difference from E-only + LN, where Figs. 6 and 7 show them.
    pub mark: Option<String>,
}

impl Published {
    /// Whether its quartiles are those of guessing: then they say how many runs diverged, not how
    /// well the others did, and no figure draws them.
    pub fn is_at_chance(&self) -> bool {
        const NEAR_CHANCE: f64 = 0.11;
        self.q1 <= NEAR_CHANCE
    }
}

const TABLE: &str = include_str!("../../data/published.csv");

/// All published distributions.
pub(super) fn rows() -> &'static [Published] {
    static ROWS: OnceLock<Vec<Published>> = OnceLock::new();
    ROWS.get_or_init(|| rows_of("data/published.csv", TABLE, parse))
}

/// The rows of a table that is part of the program; `file` is where it comes from.
pub(super) fn rows_of<R>(file: &str, table: &str, parse: fn(&str) -> Option<R>) -> Vec<R> {
    let row = |line| parse(line).unwrap_or_else(|| panic!("{file}: '{line}'"));
    table.lines().skip(1).map(row).collect()
}

/// The published distribution of one condition at one ε, if there is one.
pub fn find(condition: Condition, epsilon: f64) -> Option<&'static Published> {
    rows().iter().find(|row| row.condition == condition && (row.epsilon - epsilon).abs() < 1e-9)
}

/// The published distributions of `conditions`, in their order, as a table of fractions.
pub fn table(conditions: &[Condition]) -> Result<DataFrame> {
    let all = conditions.iter().flat_map(|c| rows().iter().filter(move |r| r.condition == *c));
    let rows: Vec<_> = all.collect();
    let number = |f: fn(&Published) -> f64| rows.iter().map(|r| f(r)).collect::<Vec<_>>();
    Ok(df!(
        "condition" => rows.iter().map(|r| r.condition.name()).collect::<Vec<_>>(),
        "epsilon" => number(|r| r.epsilon),
        "runs" => rows.iter().map(|r| r.runs as u32).collect::<Vec<_>>(),
        "at_chance" => rows.iter().map(|r| r.at_chance.map(|n| n as u32)).collect::<Vec<_>>(),
        "first_quartile" => number(|r| r.q1),
        "median" => number(|r| r.median),
        "third_quartile" => number(|r| r.q3),
        "figures" => rows.iter().map(|r| r.figures.as_str()).collect::<Vec<_>>(),
    )?)
}

fn parse(line: &str) -> Option<Published> {
    let fields: Vec<_> = line.split(',').collect();
    let [condition, epsilon, runs, at_chance, least, q1, median, q3, greatest, figures, mark] =
        fields[..]
    else {
        return None;
    };
    let percent = |field: &str| Some(field.parse::<f64>().ok()? / 100.0);
    Some(Published {
        condition: condition.parse().ok()?,
        epsilon: epsilon.parse().ok()?,
        runs: runs.parse().ok()?,
        at_chance: at_chance.parse().ok(),
        q1: percent(q1)?,
        median: percent(median)?,
        q3: percent(q3)?,
        range: percent(least).zip(percent(greatest)).map(|(least, greatest)| [least, greatest]),
        figures: figures.to_owned(),
        mark: (!mark.is_empty()).then(|| mark.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_medians_are_read_as_fractions() {
        let row = find(Condition::ELn, 0.75).unwrap();
        assert!((row.median - 0.8514).abs() < 1e-12 && row.at_chance == Some(0));
        assert_eq!(find(Condition::INormNone, 0.75).unwrap().at_chance, Some(9));
        assert_eq!(find(Condition::INormCenter, 0.0).unwrap().at_chance, None);
        let [least, greatest] = row.range.unwrap();
        assert!((least - 0.8358).abs() < 1e-12 && (greatest - 0.8584).abs() < 1e-12);
        assert_eq!(find(Condition::INormCenter, 0.0).unwrap().range, None);
        assert_eq!(find(Condition::ELn, 0.25), None);
        assert_eq!(rows().len(), 18);
        let at_chance = rows().iter().filter(|row| row.is_at_chance());
        assert!(
            at_chance.map(|row| (row.condition, row.epsilon)).eq([(Condition::INormScale, 0.75)])
        );
        assert!(rows().iter().all(|r| r.q1 <= r.median && r.median <= r.q3 && r.runs == 30));
        assert_eq!(table(&[Condition::ELn, Condition::ENone]).unwrap().height(), 2);
    }
}
