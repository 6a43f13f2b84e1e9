//! The folder that a sweep lives in.
//!
//! ```text
//! plan.jsonl                 the runs there shall be, one a line, in order
//! data.json                  which images all results are of
//! runs/ID.parquet            the row of a run: with it the run is done
//! epochs/ID.parquet          its epochs
//! measurements/ID.parquet    its measurements
//! checkpoints/ID.json        a run put aside
//! claims/ID                  who is working on it
//! ```
//! Every file appears whole or not at all: it is written under another name, flushed to the disk
//! and renamed.

use super::{
    Claim, Holder, Planned, Provenance, claim,
    files::{DRAFT, is_whole, locked, write_atomically, write_table},
    rows::{self, DataIdentity},
};
use crate::{
    Error, Result,
    dataset::FashionMnist,
    learning::{Checkpoint, Record, epochs_table, measurements_table},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    collections::HashSet,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    time::Duration,
};

/// The three kinds of parts. A run's row is written last: with it the run is done.
pub(super) const TABLES: [&str; 3] = ["measurements", "epochs", "runs"];

/// Nobody takes so long to write a file.
const ABANDONED: Duration = Duration::from_secs(600);

/// A folder of results, claims and checkpoints.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
}

/// How far a planned run is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Its row is there.
    Done,
    /// Somebody is working on it.
    Running(Holder),
    /// Somebody was working on it and is gone; the epochs in its checkpoint are not lost.
    LeftBehind,
    /// Put aside: it has a checkpoint, and nobody is working on it.
    PutAside,
    /// Nobody began it.
    Waiting,
}

/// A checkpoint, and how long the run took up to it.
#[derive(Serialize, Deserialize)]
pub(super) struct Aside {
    pub wall_seconds: f64,
    pub checkpoint: Checkpoint,
}

impl Store {
    /// The store in `folder`, which is made if there is none.
    ///
    /// # Errors
    /// If the folder cannot be made.
    pub fn create(folder: impl Into<PathBuf>) -> Result<Self> {
        let folder = folder.into();
        for name in TABLES.into_iter().chain(["checkpoints", "claims"]) {
            let path = folder.join(name);
            fs::create_dir_all(&path).map_err(|e| Error::io("create folder", &path, e))?;
        }
        Ok(Self { folder })
    }

    /// The store in `folder`.
    ///
    /// # Errors
    /// If there is none.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self> {
        let folder = folder.into();
        if folder.join("runs").is_dir() {
            return Ok(Self { folder });
        }
        Err(Error::malformed(
            folder,
            "holds no sweep",
            "a folder made by `inorm sweep plan --store FOLDER`",
        ))
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Adds those runs to the plan that are not in it yet; returns how many, and how many there
    /// are now. Rows keep their number.
    ///
    /// # Errors
    /// If the plan cannot be read or written.
    pub fn extend_plan(&self, runs: &[Planned]) -> Result<(usize, usize)> {
        let path = self.folder.join("plan.jsonl");
        let _alone = locked(&self.folder.join("plan.lock"))?;
        let mut plan = if path.exists() { self.plan()? } else { Vec::new() };
        let known: HashSet<String> = plan.iter().map(|planned| planned.id.clone()).collect();
        let before = plan.len();
        plan.extend(runs.iter().filter(|planned| !known.contains(&planned.id)).cloned());
        write_atomically(&path, |file| {
            plan.iter().try_for_each(|planned| {
                serde_json::to_writer(&mut *file, planned)?;
                file.write_all(b"\n")
            })
        })?;
        Ok((plan.len() - before, plan.len()))
    }

    /// The planned runs.
    ///
    /// # Errors
    /// If there is no plan, or a line of it is not a run with its id.
    pub fn plan(&self) -> Result<Vec<Planned>> {
        let path = self.folder.join("plan.jsonl");
        let text = fs::read_to_string(&path).map_err(|e| Error::io("read", &path, e))?;
        let parse = |(number, line)| -> Result<Planned> {
            let bad = |problem: String| {
                let expected = "a run with its id; write the plan again with `inorm sweep plan`";
                Error::malformed(&path, format!("line {}: {problem}", number + 1), expected)
            };
            let planned: Planned = serde_json::from_str(line).map_err(|e| bad(e.to_string()))?;
            let id = planned.run.id();
            if planned.id == id {
                Ok(planned)
            } else {
                Err(bad(format!("has id {} but its run has id {id}", planned.id)))
            }
        };
        text.lines().enumerate().map(parse).collect()
    }

    /// Removes drafts that writers who were killed left behind.
    pub(super) fn tidy(&self) -> Result<()> {
        for name in TABLES.into_iter().chain(["checkpoints", "claims", "."]) {
            let folder = self.folder.join(name);
            let entries =
                fs::read_dir(&folder).map_err(|e| Error::io("read folder", &folder, e))?;
            for entry in entries.flatten() {
                let old = entry.metadata().and_then(|m| m.modified()).ok();
                let old = old.and_then(|t| t.elapsed().ok()).is_some_and(|age| age > ABANDONED);
                if old && entry.file_name().to_string_lossy().contains(DRAFT) {
                    let _ = fs::remove_file(entry.path());
                }
            }
        }
        Ok(())
    }

    /// How far a planned run is.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn progress(&self, id: &str) -> Result<Progress> {
        if self.is_done(id)? {
            return Ok(Progress::Done);
        }
        Ok(match claim::holder(&self.claim_path(id))? {
            Some((Some(holder), false)) => Progress::Running(holder),
            Some(_) => Progress::LeftBehind,
            None if self.checkpoint_path(id).exists() => Progress::PutAside,
            None => Progress::Waiting,
        })
    }

    /// Whether all rows of a run are there, and whole.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn is_done(&self, id: &str) -> Result<bool> {
        for table in TABLES.into_iter().rev() {
            if !is_whole(&self.part(table, id))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The ids of all runs that have a row, sorted.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn ids(&self) -> Result<Vec<String>> {
        let folder = self.folder.join("runs");
        let broken = |e| Error::io("read folder", &folder, e);
        let mut ids = Vec::new();
        for entry in fs::read_dir(&folder).map_err(broken)? {
            let path = entry.map_err(broken)?.path();
            if path.extension().is_some_and(|extension| extension == "parquet") {
                ids.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
            }
        }
        ids.sort();
        Ok(ids)
    }

    /// Claims a run; `None` if a living worker has it.
    ///
    /// # Errors
    /// If the claim cannot be written.
    pub fn claim(&self, id: &str) -> Result<Option<Claim>> {
        Claim::take(self.claim_path(id))
    }

    /// Files a run that is over.
    ///
    /// # Errors
    /// If a part cannot be written; then the run is not done.
    pub(super) fn file(
        &self,
        planned: &Planned,
        record: &Record,
        data: &DataIdentity,
        provenance: &Provenance,
        wall_seconds: f64,
    ) -> Result<()> {
        let tables = [
            measurements_table(std::slice::from_ref(record))?,
            epochs_table(std::slice::from_ref(record))?,
            rows::run_row(planned, record, data, provenance, wall_seconds)?,
        ];
        for (name, mut table) in TABLES.into_iter().zip(tables) {
            write_table(&self.part(name, &planned.id), &mut table)?;
        }
        let _ = fs::remove_file(self.checkpoint_path(&planned.id));
        Ok(())
    }

    /// Puts a run aside.
    pub(super) fn put_aside(&self, id: &str, aside: &Aside) -> Result<()> {
        let path = self.checkpoint_path(id);
        write_atomically(&path, |file| Ok(serde_json::to_writer(file, aside)?))
    }

    /// The run as it was put aside; `None` if it was not, or by a version with other checkpoints,
    /// or the file is damaged: then it has to begin anew.
    pub(super) fn taken_up(&self, planned: &Planned) -> Option<Aside> {
        let file = File::open(self.checkpoint_path(&planned.id)).ok()?;
        let aside: Aside = serde_json::from_reader(io::BufReader::new(file)).ok()?;
        let whole = aside.checkpoint.validate().is_ok();
        (whole && aside.checkpoint.record.run == planned.run).then_some(aside)
    }

    /// Makes sure that all results of this store are of the same images.
    ///
    /// # Errors
    /// If they are of others.
    pub(super) fn agree_on(&self, data: &FashionMnist) -> Result<DataIdentity> {
        let here = DataIdentity { source: rows::data_source(data), checksum: data.checksum() };
        let path = self.folder.join("data.json");
        if !path.exists() {
            write_atomically(&path, |file| Ok(serde_json::to_writer_pretty(file, &here)?))?;
        }
        let there: DataIdentity = read_json(&path)?;
        if there == here {
            return Ok(here);
        }
        Err(Error::malformed(
            path,
            format!("its results are of {} (SHA-256 {:.12}…)", there.source, there.checksum),
            format!(
                "{} (SHA-256 {:.12}…), which is what is installed here; use another --store",
                here.source, here.checksum
            ),
        ))
    }

    /// A part, which is one run's share of a table.
    pub(super) fn part(&self, table: &str, id: &str) -> PathBuf {
        self.folder.join(table).join(format!("{id}.parquet"))
    }

    fn claim_path(&self, id: &str) -> PathBuf {
        self.folder.join("claims").join(id)
    }

    fn checkpoint_path(&self, id: &str) -> PathBuf {
        self.folder.join("checkpoints").join(format!("{id}.json"))
    }
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = fs::read(path).map_err(|e| Error::io("read", path, e))?;
    serde_json::from_slice(&text)
        .map_err(|e| Error::malformed(path, e.to_string(), "a file written by this program"))
}
