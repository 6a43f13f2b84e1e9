//! The results that come with the project.

use super::{Rows, RunRow, Tables};
use crate::configuration::EPSILONS;
use crate::statistics::median;
use crate::{Condition, Result};
use polars::prelude::{Column, DataFrame, NamedFrom, Series};
use std::path::{Path, PathBuf};

/// The folder of this project that holds the results of the sweep.
pub fn results_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/results")
}

/// The stored results of the paper's protocol, or tables without rows if there are none yet. They
/// may hold any part of the sweep: [`count_runs`] says how many runs there are.
///
/// # Errors
/// If the files are damaged.
pub fn stored_results() -> Result<Tables> {
    everything_stored()?.of_paper()
}

/// The same with the runs of other protocols, foremost those with another weight λ of the I-Norm
/// loss.
///
/// # Errors
/// If the files are damaged.
pub fn everything_stored() -> Result<Tables> {
    let folder = results_folder();
    if Tables::are_in(&folder) { Tables::read(&folder) } else { Rows::default().to_tables() }
}

/// How many runs of each of `conditions` a table of runs holds: a row a condition, a column an
/// ε, and how many of all these diverged.
///
/// # Errors
/// If the table lacks a column.
pub fn count_runs(runs: &DataFrame, conditions: &[Condition]) -> Result<DataFrame> {
    let runs = RunRow::from_table(runs)?;
    let count = |condition: Condition, keep: &dyn Fn(&RunRow) -> bool| {
        runs.iter().filter(|run| run.condition == condition && keep(run)).count() as u32
    };
    let at = |condition: Condition, epsilon: f64| count(condition, &|run| run.epsilon == epsilon);
    let mut table = by_epsilon(conditions, at)?;
    let diverged: Vec<u32> = conditions.iter().map(|c| count(*c, &RunRow::diverged)).collect();
    table.with_column(Column::new("diverged".into(), diverged))?;
    Ok(table)
}

/// The median test accuracy, a fraction, of the finished runs of each of `conditions`: a row a
/// condition, a column an ε; nothing where there is no such run.
///
/// # Errors
/// If the table lacks a column.
pub fn median_accuracies(runs: &DataFrame, conditions: &[Condition]) -> Result<DataFrame> {
    let runs = RunRow::from_table(runs)?;
    by_epsilon(conditions, |condition, epsilon| {
        let here = runs.iter().filter(|run| (run.condition, run.epsilon) == (condition, epsilon));
        let finished = here.filter(|run| !run.diverged());
        median(&finished.map(|run| run.test_accuracy).collect::<Vec<_>>())
    })
}

fn by_epsilon<T>(conditions: &[Condition], value: impl Fn(Condition, f64) -> T) -> Result<DataFrame>
where
    Series: NamedFrom<Vec<T>, [T]>,
{
    let names: Vec<_> = conditions.iter().map(|condition| condition.name()).collect();
    let mut columns = vec![Column::new::<_, [&str]>("condition".into(), names)];
    for epsilon in EPSILONS {
        let values: Vec<T> = conditions.iter().map(|&c| value(c, epsilon)).collect();
        columns.push(Column::new(format!("ε = {epsilon}").into(), values));
    }
    Ok(DataFrame::new(conditions.len(), columns)?)
}

#[cfg(test)]
mod tests {
    use super::super::made_up::runs_table;
    use super::*;
    use crate::Error;
    use Condition::{ELn, ENone};

    #[test]
    fn runs_are_counted_and_the_median_is_that_of_the_finished_ones() {
        let runs = runs_table(&[
            (ELn, 0, 0.75, Some(0.75)),
            (ELn, 1, 0.75, Some(0.25)),
            (ELn, 2, 0.75, None),
            (ELn, 0, 0.5, None),
        ]);
        let counts = count_runs(&runs, &[ENone, ELn]).unwrap();
        let at = |name: &str| counts.column(name).unwrap().u32().unwrap().get(1);
        let expected = [("ε = 0", 0), ("ε = 0.5", 1), ("ε = 0.75", 3), ("diverged", 2)];
        assert!(expected.into_iter().all(|(name, count)| at(name) == Some(count)), "{counts}");
        let medians = median_accuracies(&runs, &[ENone, ELn]).unwrap();
        let at = |name: &str| medians.column(name).unwrap().f64().unwrap().get(1);
        assert_eq!((at("ε = 0.5"), at("ε = 0.75")), (None, Some(0.5)));
        assert_eq!((counts.shape(), medians.shape()), ((2, 6), (2, 5)));
    }

    #[test]
    fn what_is_stored_can_be_read() {
        Rows::from_tables(&stored_results().unwrap()).unwrap();
        let broken = Tables::read(Path::new("no such folder")).unwrap_err();
        assert!(matches!(broken, Error::File(_)), "{broken}");
    }
}
