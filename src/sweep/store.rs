//! The folder that a sweep lives in.
//!
//! ```text
//! plan.jsonl                    the planned runs, one a line, in order
//! data.json                     which images all results are of
//! runs/ID.json                  a finished run, with all its results
//! checkpoints/ID.safetensors    a run that is not finished
//! claims/ID                     who is working on it
//! ```
//! Every file appears whole or not at all: it is written under another name, flushed to the disk
//! and renamed.

use super::{Claim, Holder, Planned, claim};
use crate::{
    Error, Result,
    dataset::FashionMnist,
    learning::Checkpoint,
    results::{self, DataIdentity, FinishedRun, Merged, Rows, Tables},
};
use inorm_core::{
    Error as FileError,
    files::{self, DRAFT, Lock},
};
use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// The folders in it.
const FOLDERS: [&str; 3] = ["runs", "checkpoints", "claims"];

/// A file that is still being written after this long belongs to a writer that was killed.
const ABANDONED_DRAFT: Duration = Duration::from_secs(600);

/// A folder of results, claims and checkpoints.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
}

/// How far a planned run is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunStatus {
    /// Its results are there.
    Done,
    /// A worker is training it.
    Running(Holder),
    /// The worker that trained it is gone; the epochs in its checkpoint are not lost.
    Abandoned,
    /// It has a checkpoint, and no worker.
    Saved,
    /// It has not begun.
    Waiting,
}

/// The results in a folder of a sweep, or of tables.
///
/// # Errors
/// If it is neither, or a file is damaged.
pub fn results_in(folder: &Path) -> Result<Rows> {
    match Tables::are_in(folder) {
        true => Rows::from_tables(&Tables::read(folder)?),
        false => Store::open(folder)?.rows(),
    }
}

/// Adds the results in `folders`, of sweeps or of tables, to the tables in the folder `into`.
///
/// # Errors
/// As [`results_in`] and [`results::merge`]; no table is written then.
pub fn merge(folders: &[PathBuf], into: &Path) -> Result<Merged> {
    let results = folders.iter().map(|folder| Ok((folder.clone(), results_in(folder)?)));
    results::merge(results.collect::<Result<_>>()?, into)
}

impl Store {
    /// The store in `folder`, which is made if there is none.
    ///
    /// # Errors
    /// If the folder cannot be made, or holds a sweep of another version.
    pub fn create(folder: impl Into<PathBuf>) -> Result<Self> {
        let store = Self { folder: folder.into() };
        store.check_version()?;
        for name in FOLDERS {
            let path = store.folder.join(name);
            fs::create_dir_all(&path).map_err(|e| Error::io("create folder", &path, e))?;
        }
        Ok(store)
    }

    /// The store in `folder`.
    ///
    /// # Errors
    /// If there is none, or one of another version.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self> {
        let store = Self { folder: folder.into() };
        store.check_version()?;
        if store.folder.join("runs").is_dir() {
            return Ok(store);
        }
        let expected = "a folder made by `inorm sweep plan --store FOLDER`";
        Err(Error::malformed(store.folder, "holds no sweep", expected))
    }

    /// Version 0.1.0 kept a run in three Parquet files.
    fn check_version(&self) -> Result<()> {
        if !self.folder.join("measurements").is_dir() {
            return Ok(());
        }
        Err(Error::malformed(
            &self.folder,
            "holds a sweep of version 0.1.0, which this version does not read",
            "a sweep of this version; merge that one with a checkout of version 0.1.0, and plan \
             what is left in another folder",
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
        let _alone = Lock::take(&self.folder.join("plan.lock"), || ())?;
        let mut plan = if path.exists() { self.plan()? } else { Vec::new() };
        let known: HashSet<String> = plan.iter().map(|planned| planned.id.clone()).collect();
        let before = plan.len();
        plan.extend(runs.iter().filter(|planned| !known.contains(&planned.id)).cloned());
        let line = |planned| serde_json::to_string(planned).expect("numbers and text") + "\n";
        files::write(&path, plan.iter().map(line).collect::<String>())?;
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
                let expected = "a run with its id; delete the file and run `inorm sweep plan` again, finished runs are \
                     kept";
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

    /// Removes what workers that were killed left behind: drafts, and the checkpoints and claims of
    /// runs that they had filed.
    pub(super) fn tidy(&self) -> Result<()> {
        for id in self.ids()? {
            let left = [self.claim_path(&id), self.checkpoint_path(&id)];
            if !left.iter().any(|path| path.exists()) || !self.is_done(&id)? {
                continue;
            }
            // Dropped at the end, which removes it; a living worker removes its own.
            if let Some(_claim) = self.claim(&id)? {
                let _ = fs::remove_file(self.checkpoint_path(&id));
            }
        }
        for name in FOLDERS.into_iter().chain(["."]) {
            let folder = self.folder.join(name);
            let entries = fs::read_dir(&folder);
            for entry in entries.map_err(|e| Error::io("read folder", &folder, e))?.flatten() {
                let modified = entry.metadata().and_then(|metadata| metadata.modified()).ok();
                let age = modified.and_then(|time| time.elapsed().ok()).unwrap_or_default();
                let is_draft = entry.file_name().to_string_lossy().contains(DRAFT);
                if is_draft && age > ABANDONED_DRAFT {
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
    pub fn status(&self, id: &str) -> Result<RunStatus> {
        if self.is_done(id)? {
            return Ok(RunStatus::Done);
        }
        Ok(match claim::holder(&self.claim_path(id))? {
            Some((Some(holder), false)) => RunStatus::Running(holder),
            Some(_) => RunStatus::Abandoned,
            None if self.checkpoint_path(id).exists() => RunStatus::Saved,
            None => RunStatus::Waiting,
        })
    }

    /// Whether a run's results are there. A file that was cut short is as good as none.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn is_done(&self, id: &str) -> Result<bool> {
        FinishedRun::is_at(&self.run_path(id))
    }

    /// The ids of all runs that have results, sorted.
    fn ids(&self) -> Result<Vec<String>> {
        let folder = self.folder.join("runs");
        let broken = |e| Error::io("read folder", &folder, e);
        let mut ids = Vec::new();
        for entry in fs::read_dir(&folder).map_err(broken)? {
            let path = entry.map_err(broken)?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                ids.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
            }
        }
        ids.sort();
        Ok(ids)
    }

    /// The rows of all finished runs.
    ///
    /// # Errors
    /// If a file is damaged, or of another run than its name says.
    pub fn rows(&self) -> Result<Rows> {
        let mut rows = Rows::default();
        for id in self.ids()? {
            let path = self.run_path(&id);
            let run = FinishedRun::read(&path)?;
            let found = run.record().run.id();
            if found != id {
                let problem = format!("holds run {found}");
                return Err(Error::malformed(path, problem, "the run that it is named after"));
            }
            rows.push(&run);
        }
        Ok(rows)
    }

    /// Claims a run; `None` if a living worker has it.
    ///
    /// # Errors
    /// If the claim cannot be written.
    pub fn claim(&self, id: &str) -> Result<Option<Claim>> {
        Claim::take(self.claim_path(id))
    }

    /// Files a finished run; with that it is done.
    pub(super) fn file(&self, run: &FinishedRun) -> Result<()> {
        let id = run.record().run.id();
        run.write(&self.run_path(&id))?;
        let _ = fs::remove_file(self.checkpoint_path(&id));
        Ok(())
    }

    /// Saves a run that is not finished.
    pub(super) fn save(&self, id: &str, checkpoint: &Checkpoint) -> Result<()> {
        checkpoint.save(self.checkpoint_path(id))
    }

    /// The checkpoint of a run; `None` if there is none, it is of another version, or the file is
    /// damaged: then the run starts again.
    ///
    /// # Errors
    /// If there is one and it cannot be read: the epochs in it are not lost yet.
    pub(super) fn load(&self, planned: &Planned) -> Result<Option<Checkpoint>> {
        let path = self.checkpoint_path(&planned.id);
        match Checkpoint::load(&path) {
            Ok(checkpoint) => Ok((checkpoint.record.run == planned.run).then_some(checkpoint)),
            Err(error @ Error::File(FileError::Io { .. }))
                if path.is_symlink() || path.exists() =>
            {
                Err(error)
            }
            Err(_) => Ok(None),
        }
    }

    /// Makes sure that all results of this store are of the same images.
    ///
    /// # Errors
    /// If they are of others.
    pub(super) fn agree_on(&self, data: &FashionMnist) -> Result<DataIdentity> {
        let here = DataIdentity::of(data);
        let path = self.folder.join("data.json");
        files::write_new(&path, serde_json::to_vec_pretty(&here).expect("text"))?;
        let text = fs::read(&path).map_err(|e| Error::io("read", &path, e))?;
        let there: DataIdentity = serde_json::from_slice(&text).map_err(|e| {
            Error::malformed(
                &path,
                e.to_string(),
                "a file written by this program; delete it if no run is finished, else use \
                 another --store",
            )
        })?;
        if there == here {
            return Ok(here);
        }
        let problem = format!("its results are of {there}");
        let expected = format!("{here}, which is what is installed here; use another --store");
        Err(Error::malformed(path, problem, expected))
    }

    fn run_path(&self, id: &str) -> PathBuf {
        self.folder.join("runs").join(format!("{id}.json"))
    }

    fn claim_path(&self, id: &str) -> PathBuf {
        self.folder.join("claims").join(id)
    }

    fn checkpoint_path(&self, id: &str) -> PathBuf {
        self.folder.join("checkpoints").join(format!("{id}.safetensors"))
    }
}
