//! The results that come with the project.

use super::{Rows, RunRow, Tables};
use crate::configuration::EPSILONS;
use crate::statistics::median;
use crate::{Condition, Result};
use polars::prelude::{Column, DataFrame, IntoColumn, NamedFrom, Series};
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
    let count = |keep: &dyn Fn(&RunRow, Condition) -> bool| -> Vec<u32> {
        let of = |c| runs.iter().filter(|run| run.condition == c && keep(run, c)).count() as u32;
        conditions.iter().map(|condition| of(*condition)).collect()
    };
    let column = |name: String, counts: Vec<u32>| -> Column {
        Series::new(name.into(), counts).into_column()
    };
    let names: Vec<_> = conditions.iter().map(|condition| condition.name()).collect();
    let mut columns = vec![Series::new("condition".into(), names).into_column()];
    for epsilon in EPSILONS {
        let here = count(&|run, _| run.epsilon == epsilon);
        columns.push(column(format!("ε = {epsilon}"), here));
    }
    let diverged = count(&|run, _| run.diverged());
    columns.push(column("diverged".to_owned(), diverged));
    Ok(DataFrame::new(conditions.len(), columns)?)
}

/// The median test accuracy, a fraction, of the finished runs of each of `conditions`: a row a
/// condition, a column an ε; nothing where there is no such run.
///
/// # Errors
/// If the table lacks a column.
pub fn median_accuracies(runs: &DataFrame, conditions: &[Condition]) -> Result<DataFrame> {
    let runs = RunRow::from_table(runs)?;
    let names: Vec<_> = conditions.iter().map(|condition| condition.name()).collect();
    let mut columns = vec![Series::new("condition".into(), names).into_column()];
    for epsilon in EPSILONS {
        let of = |condition: &Condition| {
            let here = |run: &&RunRow| run.condition == *condition && run.epsilon == epsilon;
            let finished = runs.iter().filter(here).filter(|run| !run.diverged());
            median(&finished.map(|run| run.test_accuracy).collect::<Vec<_>>())
        };
        let medians: Vec<Option<f64>> = conditions.iter().map(of).collect();
        columns.push(Series::new(format!("ε = {epsilon}").into(), medians).into_column());
    }
    Ok(DataFrame::new(conditions.len(), columns)?)
}

#[cfg(test)]
mod tests {
    use super::super::runs_table;
    use super::*;
    use crate::dataset::FashionMnist;
    use crate::learning::{Run, train};
    use crate::{Error, configuration::configuration};

    #[test]
    fn runs_are_counted_by_condition_and_epsilon() {
        let mut data = FashionMnist::subset().unwrap();
        (data.train, data.test) = (data.train.first(32), data.test.first(10));
        let run = Run::new(Condition::ELn, &configuration(13).unwrap()).epochs(1);
        let records = [run.clone(), run.clone().seed(1), run.epsilon(0.25)]
            .map(|run| train(&run, &data, &mut ()).unwrap().1);
        let table = runs_table(&records).unwrap();
        let counts = count_runs(&table, &[Condition::ENone, Condition::ELn]).unwrap();
        let at = |name: &str| counts.column(name).unwrap().u32().unwrap().get(1);
        assert_eq!((at("ε = 0"), at("ε = 0.25"), at("ε = 0.75")), (Some(0), Some(1), Some(2)));
        assert_eq!(counts.shape(), (2, 6));
    }

    #[test]
    fn the_median_is_that_of_the_finished_runs() {
        let runs = super::super::made_up::runs_table(&[
            (Condition::ELn, 0, 0.75, Some(0.75)),
            (Condition::ELn, 1, 0.75, Some(0.25)),
            (Condition::ELn, 2, 0.75, None),
            (Condition::ELn, 0, 0.5, None),
        ]);
        let medians = median_accuracies(&runs, &[Condition::ENone, Condition::ELn]).unwrap();
        let at = |name: &str| medians.column(name).unwrap().f64().unwrap().get(1);
        assert_eq!((at("ε = 0.5"), at("ε = 0.75")), (None, Some(0.5)));
        assert_eq!(medians.shape(), (2, 5));
    }

    #[test]
    fn what_is_stored_can_be_read() {
        Rows::from_tables(&stored_results().unwrap()).unwrap();
        let broken = Tables::read(Path::new("no such folder")).map(|_| ());
        assert!(matches!(broken, Err(Error::File(_) | Error::Table(_))));
    }
}
