//! The three tables: of records, for figures and readers, and in files.

use super::{
    DataIdentity, EpochRow, FinishedRun, MeasurementRow, Provenance, RunRow, Variant,
    checksums::{read_table, write_tables},
};
use crate::{
    Error, Result,
    learning::{Outcome, Record, Recorded},
};
use polars::prelude::{BooleanChunked, DataFrame, NewChunkedArray};
use std::{collections::HashSet, path::Path};

/// One row a run that is over: how it was set up, and its final test accuracy (a fraction;
/// chance for a run that diverged). Interrupted runs are left out: they have no final accuracy.
///
/// # Errors
/// As the other two tables, if a record is of no [condition](crate::Condition), or their runs have
/// different [variations](crate::learning::Run::variations): rows are told apart by their conditions.
pub fn runs_table<R: Recorded>(records: &[Record<R>]) -> Result<DataFrame> {
    let records = of_conditions(records)?;
    let is_over = |r: &&Record| matches!(r.outcome, Outcome::Finished | Outcome::Diverged { .. });
    let row = |record: &Record| {
        let data = DataIdentity { source: record.data.clone(), checksum: None };
        RunRow::new(record, &data, &Provenance::new("unknown"), record.training_seconds)
    };
    RunRow::to_table(&records.iter().filter(is_over).map(row).collect::<Vec<_>>())
}

/// One row an epoch of each run, also of those that were interrupted: losses, and the test
/// accuracy as a fraction.
///
/// # Errors
/// As [`runs_table`].
pub fn epochs_table<R: Recorded>(records: &[Record<R>]) -> Result<DataFrame> {
    EpochRow::to_table(&of_conditions(records)?.iter().flat_map(EpochRow::of).collect::<Vec<_>>())
}

/// One row a hidden layer and measured step of each run.
///
/// # Errors
/// As [`runs_table`].
pub fn measurements_table<R: Recorded>(records: &[Record<R>]) -> Result<DataFrame> {
    MeasurementRow::to_table(
        &of_conditions(records)?.iter().flat_map(MeasurementRow::of).collect::<Vec<_>>(),
    )
}

fn of_conditions<R: Recorded>(records: &[Record<R>]) -> Result<Vec<Record>> {
    let of_condition = |(number, record): (usize, &Record<R>)| {
        record.of_condition().ok_or_else(|| {
            let problem = format!("no. {number} is of {}", record.run.name());
            let expected = "networks of a condition, trained as they were set up; pass a slice of \
                            the records without it";
            Error::unfit("records", problem, expected)
        })
    };
    let records: Vec<Record> =
        records.iter().enumerate().map(of_condition).collect::<Result<_>>()?;
    let variations = |record: &Record| record.run.variations();
    let other = records.iter().position(|record| variations(record) != variations(&records[0]));
    other.map_or(Ok(()), |number| {
        let of = |record: &Record| Variant::from(&record.run);
        let problem =
            format!("no. 0 is of {}, no. {number} of {}", of(&records[0]), of(&records[number]));
        Err(Error::unfit("records", problem, "the same variations; pass slices of those alike"))
    })?;
    Ok(records)
}

/// The results of many runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Tables {
    /// One [`RunRow`] a run.
    pub runs: DataFrame,
    /// One [`EpochRow`] an epoch.
    pub epochs: DataFrame,
    /// One [`MeasurementRow`] a measured layer and step.
    pub measurements: DataFrame,
}

const RUNS: &str = "runs.parquet";
const EPOCHS: &str = "epochs.parquet";
const MEASUREMENTS: &str = "measurements.parquet";

impl Tables {
    /// Whether a folder has tables.
    pub fn are_in(folder: &Path) -> bool {
        folder.join(RUNS).is_file()
    }

    /// Refuses a folder whose table of runs is missing while others have rows of runs besides those
    /// with these ids: whoever wrote tables there would lose them.
    pub(super) fn check_none_lost(folder: &Path, ids: &HashSet<&str>) -> Result<()> {
        for name in [EPOCHS, MEASUREMENTS] {
            if !folder.join(name).exists() {
                continue;
            }
            let table = read_table(folder, name)?;
            let others = table.column("id")?.str()?.iter().flatten();
            let others: HashSet<&str> = others.filter(|id| !ids.contains(id)).collect();
            if !others.is_empty() {
                let runs = if others.len() == 1 { "a run" } else { "runs" };
                let problem = format!("is missing, while {name} beside it has rows of {runs}");
                let expected = "the table that belongs to it; put back a copy, or take the other \
                                tables away";
                return Err(Error::malformed(folder.join(RUNS), problem, expected));
            }
        }
        Ok(())
    }

    /// Reads `runs.parquet`, `epochs.parquet` and `measurements.parquet` of a folder.
    ///
    /// # Errors
    /// If one is missing or damaged.
    pub fn read(folder: &Path) -> Result<Self> {
        Ok(Self {
            runs: read_table(folder, RUNS)?,
            epochs: read_table(folder, EPOCHS)?,
            measurements: read_table(folder, MEASUREMENTS)?,
        })
    }

    /// Writes them there.
    ///
    /// # Errors
    /// If one cannot be written whole; then what was there before still is.
    pub fn write(&mut self, folder: &Path) -> Result<()> {
        let Self { runs, epochs, measurements } = self;
        // The runs come last: a row there promises that the rows in the other tables are there.
        let tables = [(MEASUREMENTS, measurements), (EPOCHS, epochs), (RUNS, runs)];
        write_tables(folder, tables)
    }

    /// What belongs to [the paper's](RunRow::is_papers) runs. Figures show nothing else.
    ///
    /// # Errors
    /// If the table of runs lacks a column.
    pub fn of_paper(&self) -> Result<Self> {
        let runs = RunRow::from_table(&self.runs)?.into_iter().filter(RunRow::is_papers);
        let ids: HashSet<String> = runs.map(|run| run.id).collect();
        let of_these = |table: &DataFrame| -> Result<DataFrame> {
            let row_ids = table.column("id")?.str()?.iter();
            let keep: Vec<bool> = row_ids.map(|id| id.is_some_and(|id| ids.contains(id))).collect();
            Ok(table.filter(&BooleanChunked::from_slice("keep".into(), &keep))?)
        };
        Ok(Self {
            runs: of_these(&self.runs)?,
            epochs: of_these(&self.epochs)?,
            measurements: of_these(&self.measurements)?,
        })
    }
}

/// The same as rows, to add to and to sort.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rows {
    /// One a run.
    pub runs: Vec<RunRow>,
    /// One an epoch.
    pub epochs: Vec<EpochRow>,
    /// One a measured layer and step.
    pub measurements: Vec<MeasurementRow>,
}

impl Rows {
    /// The rows of tables.
    ///
    /// # Errors
    /// If a table lacks a column, or one is of another type.
    pub fn from_tables(tables: &Tables) -> Result<Self> {
        Ok(Self {
            runs: RunRow::from_table(&tables.runs)?,
            epochs: EpochRow::from_table(&tables.epochs)?,
            measurements: MeasurementRow::from_table(&tables.measurements)?,
        })
    }

    /// The tables of these rows.
    pub fn to_tables(&self) -> Result<Tables> {
        Ok(Tables {
            runs: RunRow::to_table(&self.runs)?,
            epochs: EpochRow::to_table(&self.epochs)?,
            measurements: MeasurementRow::to_table(&self.measurements)?,
        })
    }

    /// Adds a run.
    pub fn push(&mut self, run: &FinishedRun) {
        self.runs.push(run.row());
        self.epochs.extend(EpochRow::of(run.record()));
        self.measurements.extend(MeasurementRow::of(run.record()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::FashionMnist;
    use crate::layers::Ei;
    use crate::learning::{Measure, Run, train};
    use crate::networks::{Network, paper};
    use crate::{Condition, configuration::configuration};

    #[test]
    fn records_become_rows_of_all_three() {
        let mut data = FashionMnist::subset().unwrap();
        (data.train, data.test) = (data.train.first(64), data.test.first(100));
        let mut records = [Condition::ELn, Condition::INormFull]
            .map(|c| Run::new(c, &configuration(13).unwrap()).epochs(2).measure(Measure::EachEpoch))
            .map(|run| train(&run, &data, &mut ()).unwrap().1)
            .to_vec();
        let runs = RunRow::from_table(&runs_table(&records).unwrap()).unwrap();
        assert_eq!(
            (runs[0].condition, runs[0].config, runs[0].epochs),
            (Condition::ELn, Some(13), 2)
        );
        assert_eq!(Some(runs[1].test_accuracy), records[1].test_accuracy());
        let epochs = EpochRow::from_table(&epochs_table(&records).unwrap()).unwrap();
        assert_eq!(epochs.iter().map(|e| e.epoch).collect::<Vec<_>>(), [1, 2, 1, 2]);
        let measured = measurements_table(&records).unwrap();
        let measured = MeasurementRow::from_table(&measured).unwrap();
        assert_eq!(measured.len(), 2 * 2 * 2);
        assert!(measured.iter().all(|m| m.variance > 0.0));
        // The same run of a typed network is the same row; what is no condition is refused.
        let mut network = paper::ELn::<234>::new(0).unwrap();
        let training = records[0].run.training();
        let typed = network.train(&training, &data, &mut ()).unwrap();
        let mut deeper = Network::<(Ei<784, 20, 2>,)>::new(0).unwrap();
        let deeper = deeper.train(&training, &data, &mut ()).unwrap();
        let both = [typed, deeper];
        let refused = runs_table(&both).unwrap_err().to_string();
        let expected = "records: no. 1 is of 784 → Ei 20/2 → 10; expected networks of a condition";
        assert!(refused.starts_with(expected), "{refused}");
        assert!(epochs_table(&both).is_err() && measurements_table(&both).is_err());
        let rows = RunRow::from_table(&runs_table(&both[..1]).unwrap()).unwrap();
        assert_eq!(rows.len(), 1);
        assert_eq!((&rows[0].id, rows[0].test_accuracy), (&runs[0].id, runs[0].test_accuracy));
        let mut other = records.clone();
        other[1].run = other[1].run.clone().grad_norm_in("2".parse().unwrap());
        let refused = runs_table(&other).unwrap_err().to_string();
        let words = "no. 1 of inorm_full grad_norm_layers=2; expected the same variations";
        assert!(refused.contains(words), "{refused}");
        assert_eq!(runs_table(&other[1..]).unwrap().height(), 1);
        records[0].outcome = Outcome::Diverged { step: 3 };
        records[1].outcome = Outcome::Interrupted;
        let runs = RunRow::from_table(&runs_table(&records).unwrap()).unwrap();
        assert_eq!(runs.len(), 1);
        let ended = (runs[0].outcome, runs[0].test_accuracy);
        assert_eq!(ended, (Outcome::Diverged { step: 3 }, 0.1));
    }
}
