//! Many parts, three tables.

use super::{
    SCHEMA, Store,
    files::{locked, read_table, write_table},
};
use crate::{Condition, Error, Result, figures::rows};
use polars::prelude::{BooleanChunked, DataFrame, IdxCa, IdxSize, NewChunkedArray};
use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
};

/// The merged tables of a sweep.
#[derive(Debug, Clone, PartialEq)]
pub struct Tables {
    /// One row a run.
    pub runs: DataFrame,
    /// One row an epoch.
    pub epochs: DataFrame,
    /// One row a measured layer and step.
    pub measurements: DataFrame,
}

/// What [`merge`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Merged {
    /// Runs that were not in the tables before.
    pub added: usize,
    /// Runs that are in them now.
    pub runs: usize,
}

impl Tables {
    /// Reads `runs.parquet`, `epochs.parquet` and `measurements.parquet` of a folder.
    ///
    /// # Errors
    /// If one is missing or damaged.
    pub fn read(folder: &Path) -> Result<Self> {
        let read = |name| read_table(&path_of(folder, name));
        Ok(Self {
            runs: read("runs")?,
            epochs: read("epochs")?,
            measurements: read("measurements")?,
        })
    }

    /// What belongs to [the paper's](rows::Run::is_papers) runs. Figures show nothing else.
    ///
    /// # Errors
    /// If the table of runs lacks a column.
    pub fn of_paper(&self) -> Result<Self> {
        let runs = rows::runs(&self.runs)?.into_iter().filter(rows::Run::is_papers);
        let ids: HashSet<String> = runs.map(|run| run.id).collect();
        let of_these = |table: &DataFrame| -> Result<DataFrame> {
            let keep: Vec<bool> = texts(table, "id")?.iter().map(|id| ids.contains(id)).collect();
            Ok(table.filter(&BooleanChunked::from_slice("keep".into(), &keep))?)
        };
        Ok(Self {
            runs: of_these(&self.runs)?,
            epochs: of_these(&self.epochs)?,
            measurements: of_these(&self.measurements)?,
        })
    }

    /// Writes them.
    fn write(&mut self, folder: &Path) -> Result<()> {
        // The runs come last: a row there promises that the rows in the other tables are there.
        write_table(&path_of(folder, "measurements"), &mut self.measurements)?;
        write_table(&path_of(folder, "epochs"), &mut self.epochs)?;
        write_table(&path_of(folder, "runs"), &mut self.runs)
    }

    /// Everything that is filed in a store; `None` if nothing is.
    ///
    /// # Errors
    /// If a part is damaged.
    pub fn of_store(store: &Store) -> Result<Option<Self>> {
        let ids = store.ids()?;
        let stack = |table| -> Result<Option<DataFrame>> {
            let parts = ids.iter().map(|id| read_table(&store.part(table, id)));
            parts.reduce(|all, part| stacked(all?, &part?)).transpose()
        };
        let tables = (stack("runs")?, stack("epochs")?, stack("measurements")?);
        Ok(match tables {
            (Some(runs), Some(epochs), Some(measurements)) => {
                Some(Self { runs, epochs, measurements })
            }
            _ => None,
        })
    }

    /// These tables and the runs of `newer`, which win over runs of the same id here.
    fn with(self, newer: Self) -> Result<Self> {
        let ids = texts(&newer.runs, "id")?;
        let ids: HashSet<&str> = ids.iter().map(String::as_str).collect();
        let join = |older: DataFrame, newer: &DataFrame| -> Result<DataFrame> {
            let keep: Vec<bool> =
                texts(&older, "id")?.iter().map(|id| !ids.contains(id.as_str())).collect();
            let older = older.filter(&BooleanChunked::from_slice("keep".into(), &keep))?;
            stacked(older, newer)
        };
        Ok(Self {
            runs: join(self.runs, &newer.runs)?,
            epochs: join(self.epochs, &newer.epochs)?,
            measurements: join(self.measurements, &newer.measurements)?,
        })
    }

    /// In an order that depends on what is in the tables alone.
    fn sorted(self) -> Result<Self> {
        let runs = self.runs;
        let condition = |name: &String| {
            let unfit = |_| Error::unfit("condition", format!("'{name}'"), "names of conditions");
            name.parse().map_err(unfit)
        };
        let conditions: Vec<Condition> =
            texts(&runs, "condition")?.iter().map(condition).collect::<Result<_>>()?;
        let [config, seed] = [whole(&runs, "config")?, whole(&runs, "seed")?];
        let [epsilon, lambda] = [numbers(&runs, "epsilon")?, numbers(&runs, "lambda")?];
        let ids = texts(&runs, "id")?;
        let mut order: Vec<usize> = (0..runs.height()).collect();
        order.sort_by(|&a, &b| {
            epsilon[a]
                .total_cmp(&epsilon[b])
                .then(conditions[a].cmp(&conditions[b]))
                .then(config[a].cmp(&config[b]))
                .then(seed[a].cmp(&seed[b]))
                .then(lambda[a].total_cmp(&lambda[b]))
                .then(ids[a].cmp(&ids[b]))
        });
        let rank: HashMap<String, usize> =
            order.iter().enumerate().map(|(rank, &row)| (ids[row].clone(), rank)).collect();
        Ok(Self {
            runs: taken(&runs, &order)?,
            epochs: by_run(&self.epochs, &rank, &["epoch"])?,
            measurements: by_run(&self.measurements, &rank, &["step", "layer"])?,
        })
    }
}

/// Adds what is filed in `stores` to the tables in the folder `into`. Several may do so at once.
///
/// # Errors
/// If a part is damaged, or the rows are of different schemas or images: no table is written then.
pub fn merge(stores: &[Store], into: &Path) -> Result<Merged> {
    let mut filed: Option<Placed> = None;
    for store in stores {
        let Some(newer) = Tables::of_store(store)? else { continue };
        check_alike(&newer.runs, store.folder())?;
        filed = Some(joined(filed, (store.folder().to_owned(), newer))?);
    }
    let there = path_of(into, "runs");
    let Some(filed) = filed else {
        if there.exists() {
            return Ok(Merged { added: 0, runs: Tables::read(into)?.runs.height() });
        }
        return Err(Error::malformed(
            stores.first().map_or(into, Store::folder),
            "has no finished run",
            "at least one; `inorm sweep run` makes them",
        ));
    };
    std::fs::create_dir_all(into).map_err(|e| Error::io("create folder", into, e))?;
    // Who reads the tables and writes them with more in them must not do so beside another.
    let _alone = locked(&into.join("merge.lock"))?;
    let before = if there.exists() { Some((into.to_owned(), Tables::read(into)?)) } else { None };
    let known = before.as_ref().map_or(0, |(_, tables)| tables.runs.height());
    let mut tables = joined(before, filed)?.1.sorted()?;
    tables.write(into)?;
    let runs = tables.runs.height();
    Ok(Merged { added: runs - known, runs })
}

/// Tables, and where they are from.
type Placed = (PathBuf, Tables);

/// These tables in one, from where the older ones are.
fn joined(older: Option<Placed>, (place, newer): Placed) -> Result<Placed> {
    let Some((from, older)) = older else { return Ok((place, newer)) };
    check_same(&older.runs, &from, &newer.runs, &place)?;
    Ok((from, older.with(newer)?))
}

fn path_of(folder: &Path, table: &str) -> PathBuf {
    folder.join(format!("{table}.parquet"))
}

fn stacked(older: DataFrame, newer: &DataFrame) -> Result<DataFrame> {
    Ok(older.vstack(newer)?)
}

/// What must be the same in all rows: schema, images.
fn marks(runs: &DataFrame) -> Result<Vec<(i64, String, String)>> {
    let schemas = whole(runs, "schema")?;
    let (sources, checksums) = (texts(runs, "data_source")?, texts(runs, "data_checksum")?);
    let mut marks: Vec<_> = schemas
        .into_iter()
        .map(|schema| schema.unwrap_or(-1))
        .zip(sources)
        .zip(checksums)
        .map(|((schema, source), checksum)| (schema, source, checksum))
        .collect();
    marks.sort();
    marks.dedup();
    Ok(marks)
}

/// Refuses rows of several schemas or images, and schemas that this version does not know.
fn check_alike(runs: &DataFrame, place: &Path) -> Result<()> {
    let marks = marks(runs)?;
    if let Some((schema, ..)) = marks.iter().find(|mark| mark.0 != i64::from(SCHEMA)) {
        return Err(Error::malformed(
            place,
            format!("has rows of schema {schema}"),
            format!("schema {SCHEMA} only; use the version that made them, or another folder"),
        ));
    }
    match &marks[..] {
        [first, second, ..] => Err(mixed(place, &first.1, &first.2, &second.1, &second.2)),
        _ => Ok(()),
    }
}

fn check_same(older: &DataFrame, from: &Path, newer: &DataFrame, place: &Path) -> Result<()> {
    check_alike(older, from)?;
    match (&marks(older)?[..], &marks(newer)?[..]) {
        ([a], [b]) if a != b => Err(mixed(place, &b.1, &b.2, &a.1, &a.2)),
        _ => Ok(()),
    }
}

fn mixed(place: &Path, one: &str, one_sum: &str, other: &str, other_sum: &str) -> Error {
    Error::malformed(
        place,
        format!(
            "results of {one} (SHA-256 {one_sum:.12}…) and of {other} ({other_sum:.12}…) would mix"
        ),
        "one data set a table; merge them into different folders",
    )
}

/// The rows of `table` in the order of their runs, then of `columns`.
fn by_run(table: &DataFrame, rank: &HashMap<String, usize>, columns: &[&str]) -> Result<DataFrame> {
    let ids = texts(table, "id")?;
    let keys: Vec<_> = columns.iter().map(|name| whole(table, name)).collect::<Result<_>>()?;
    // Rows of a run without a row of its own belong to a run that is not done.
    let mut order: Vec<usize> =
        (0..ids.len()).filter(|&row| rank.contains_key(&ids[row])).collect();
    order
        .sort_by_key(|&row| (rank[&ids[row]], keys.iter().map(|key| key[row]).collect::<Vec<_>>()));
    taken(table, &order)
}

fn taken(table: &DataFrame, rows: &[usize]) -> Result<DataFrame> {
    let rows: Vec<IdxSize> = rows.iter().map(|&row| row as IdxSize).collect();
    Ok(table.take(&IdxCa::from_vec("row".into(), rows))?)
}

fn texts(table: &DataFrame, name: &str) -> Result<Vec<String>> {
    let column = table.column(name)?.str()?;
    Ok(column.iter().map(|text| text.unwrap_or_default().to_owned()).collect())
}

fn numbers(table: &DataFrame, name: &str) -> Result<Vec<f64>> {
    let column = table.column(name)?.f64()?;
    Ok(column.iter().map(|number| number.unwrap_or(f64::NAN)).collect())
}

fn whole(table: &DataFrame, name: &str) -> Result<Vec<Option<i64>>> {
    let column = table.column(name)?.cast(&polars::prelude::DataType::Int64)?;
    Ok(column.i64()?.iter().collect())
}
