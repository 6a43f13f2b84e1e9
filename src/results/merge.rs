//! Results from several places, merged into the tables of one folder.

use super::{DataIdentity, EpochRow, MeasurementRow, Rows, RunRow, Tables, schema::check_schema};
use crate::{Error, Result};
use inorm_core::files::Lock;
use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
};

/// What [`merge`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Merged {
    /// Runs that were not in the tables before.
    pub added: usize,
    /// Runs that are in them now.
    pub runs: usize,
}

/// Adds `results`, each with the place that they are from, to the tables in the folder `into`.
/// Later ones win over earlier ones of the same run. Several may do so at once.
///
/// # Errors
/// If there are none, there or here; or the rows are of an unknown schema or of different images: no
/// table is written then.
pub fn merge(results: Vec<(PathBuf, Rows)>, into: &Path) -> Result<Merged> {
    let found = || results.iter().map(|(place, rows)| (place.as_path(), rows));
    check_alike(found())?;
    if found().all(|(_, rows)| rows.runs.is_empty()) {
        if Tables::are_in(into) {
            return Ok(Merged { added: 0, runs: Tables::read(into)?.runs.height() });
        }
        let place = found().next().map_or(into, |(place, _)| place);
        let expected = "at least one; `inorm sweep run` makes them";
        return Err(Error::malformed(place, "has no finished run", expected));
    }
    std::fs::create_dir_all(into).map_err(|e| Error::io("create folder", into, e))?;
    // Nobody else may replace the tables between reading them and writing them with more rows.
    let _alone = Lock::take(&into.join("merge.lock"), || ())?;
    let mut merged = match Tables::are_in(into) {
        true => Rows::from_tables(&Tables::read(into)?)?,
        false => {
            let rows = results.iter().flat_map(|(_, rows)| &rows.runs);
            Tables::check_none_lost(into, &rows.map(|row| row.id.as_str()).collect())?;
            Rows::default()
        }
    };
    check_alike([(into, &merged)].into_iter().chain(found()))?;
    let known = merged.runs.len();
    results.into_iter().for_each(|(_, rows)| merged.add(rows));
    merged.sort();
    merged.to_tables()?.write(into)?;
    let runs = merged.runs.len();
    Ok(Merged { added: runs - known, runs })
}

/// Refuses results of unknown schemas, and of different images.
fn check_alike<'r>(results: impl IntoIterator<Item = (&'r Path, &'r Rows)>) -> Result<()> {
    let mut images = None;
    for (place, rows) in results {
        for run in &rows.runs {
            check_schema(run.schema, place)?;
        }
        if let Some(first) = rows.runs.first() {
            check_images(place, &rows.runs, images.get_or_insert_with(|| first.data()))?;
        }
    }
    Ok(())
}

/// Refuses the runs in `place` if any of them is of other images than these.
///
/// # Errors
/// Names both data sets.
pub fn check_images(place: &Path, runs: &[RunRow], images: &DataIdentity) -> Result<()> {
    match runs.iter().map(RunRow::data).find(|here| here != images) {
        Some(here) => {
            let problem = format!("results of {images} and of {here} would mix");
            let expected = "one data set a table; put them into different folders";
            Err(Error::malformed(place, problem, expected))
        }
        None => Ok(()),
    }
}

impl Rows {
    /// Adds the runs of `newer`, which win over runs of the same id here.
    fn add(&mut self, newer: Self) {
        let ids: HashSet<&str> = newer.runs.iter().map(|run| run.id.as_str()).collect();
        self.runs.retain(|row| !ids.contains(row.id.as_str()));
        self.epochs.retain(|row| !ids.contains(row.id.as_str()));
        self.measurements.retain(|row| !ids.contains(row.id.as_str()));
        self.runs.extend(newer.runs);
        self.epochs.extend(newer.epochs);
        self.measurements.extend(newer.measurements);
    }

    /// Sorts them, in an order that depends on the rows alone.
    fn sort(&mut self) {
        self.runs.sort_by(|a, b| {
            let names = |row: &RunRow| (row.condition, row.config, row.seed);
            a.epsilon
                .total_cmp(&b.epsilon)
                .then_with(|| names(a).cmp(&names(b)))
                .then_with(|| a.lambda.total_cmp(&b.lambda))
                .then_with(|| a.id.cmp(&b.id))
        });
        let ids = self.runs.iter().map(|row| row.id.as_str());
        let rank: HashMap<&str, usize> = ids.enumerate().map(|(rank, id)| (id, rank)).collect();
        // Rows of a run without a row of its own belong to a run that is not done.
        self.epochs.retain(|row| rank.contains_key(row.id.as_str()));
        self.measurements.retain(|row| rank.contains_key(row.id.as_str()));
        self.epochs.sort_by_key(|row: &EpochRow| (rank[row.id.as_str()], row.epoch));
        self.measurements
            .sort_by_key(|row: &MeasurementRow| (rank[row.id.as_str()], row.step, row.layer));
    }
}
