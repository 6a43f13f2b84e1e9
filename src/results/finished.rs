//! A run that is over, as a file of its own.

use super::{DataIdentity, Provenance, RunRow, SCHEMA, schema::check_schema};
use crate::{
    Error, Result,
    learning::{Outcome, Record},
};
use inorm_core::files;
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File},
    io::{ErrorKind, Read, Seek, SeekFrom},
    path::Path,
};

/// A run that is over, and everything that the tables say about it.
///
/// Its file is a line of JSON and, below it, the SHA-256 of that line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FinishedRun {
    schema: i32,
    data: DataIdentity,
    provenance: Provenance,
    wall_seconds: f64,
    record: Record,
}

/// What is read of a file before anything else.
#[derive(Deserialize)]
struct Versioned {
    schema: i32,
}

/// The bytes of a checksum and the end of its line.
const CHECKSUM: usize = 65;

impl FinishedRun {
    /// A run that took `wall_seconds` in all.
    ///
    /// # Errors
    /// If it is not over: it has no result then.
    pub fn new(
        record: Record,
        data: DataIdentity,
        provenance: Provenance,
        wall_seconds: f64,
    ) -> Result<Self> {
        if let Outcome::Interrupted | Outcome::Running = record.outcome {
            let found = format!("{:?}", record.outcome);
            return Err(Error::invalid("outcome", found, "a run that finished or diverged"));
        }
        Ok(Self { schema: SCHEMA, data, provenance, wall_seconds, record })
    }

    /// What came of it.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Its row in the table of runs.
    pub fn row(&self) -> RunRow {
        RunRow::new(&self.record, &self.data, &self.provenance, self.wall_seconds)
    }

    /// Writes its file.
    ///
    /// # Errors
    /// If the file cannot be written whole; then what was there before still is.
    pub fn write(&self, path: &Path) -> Result<()> {
        let line = serde_json::to_string(self).expect("numbers and text") + "\n";
        Ok(files::write(path, format!("{line}{}\n", files::sha256(&line)))?)
    }

    /// Reads its file.
    ///
    /// # Errors
    /// If the file is not one that [`write`](Self::write) has written, byte for byte.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read(path).map_err(|e| Error::io("read", path, e))?;
        let (json, checksum) = text.split_at(text.len().saturating_sub(CHECKSUM));
        if format!("{}\n", files::sha256(json)).as_bytes() != checksum {
            let expected = "a file as it was filed; put back a copy, or move this one away and \
                            the sweep trains its run again";
            return Err(Error::malformed(path, "is cut short, damaged or edited", expected));
        }
        let parse = |e: serde_json::Error| {
            Error::malformed(path, e.to_string(), "a run that this program has filed")
        };
        let Versioned { schema } = serde_json::from_slice(json).map_err(parse)?;
        check_schema(schema, path)?;
        serde_json::from_slice(json).map_err(parse)
    }

    /// Whether there is a file that ends as one of a finished run does.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn is_at(path: &Path) -> Result<bool> {
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(false),
            Err(e) => return Err(Error::io("read", path, e)),
        };
        let mut end = [0; CHECKSUM + 2];
        let read =
            file.seek(SeekFrom::End(-(end.len() as i64))).and_then(|_| file.read_exact(&mut end));
        let is_digit = |byte: &u8| byte.is_ascii_hexdigit();
        Ok(read.is_ok()
            && end.starts_with(b"}\n")
            && end.ends_with(b"\n")
            && end[2..=CHECKSUM].iter().all(is_digit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Condition,
        configuration::configuration,
        dataset::FashionMnist,
        learning::{Measure, Run, train},
    };

    fn record() -> Record {
        let mut data = FashionMnist::subset().unwrap();
        (data.train, data.test) = (data.train.first(32), data.test.first(10));
        let run = Run::new(Condition::ELn, &configuration(0).unwrap());
        train(&run.epochs(1).measure(Measure::EachEpoch), &data, &mut ()).unwrap().1
    }

    fn finished(record: Record) -> Result<FinishedRun> {
        let data = DataIdentity { source: "a test".to_owned(), checksum: None };
        FinishedRun::new(record, data, Provenance::new("a test"), 1.0)
    }

    #[test]
    fn only_a_run_that_is_over_is_finished() {
        let mut record = record();
        assert!(finished(record.clone()).is_ok());
        for outcome in [Outcome::Interrupted, Outcome::Running] {
            record.outcome = outcome;
            let message = finished(record.clone()).unwrap_err().to_string();
            assert!(message.starts_with(&format!("outcome: {outcome:?} ")), "{message}");
        }
    }

    #[test]
    fn a_file_keeps_every_number_and_any_changed_byte_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.json");
        assert!(!FinishedRun::is_at(&path).unwrap());
        let mut record = record();
        record.epochs[0].train_loss = 0.1 + 0.2;
        record.epochs[0].test_loss = f64::INFINITY;
        record.measurements[0].values.error_eigenvalue = Some(f64::NEG_INFINITY);
        let whole = finished(record).unwrap();
        whole.write(&path).unwrap();
        assert!(FinishedRun::is_at(&path).unwrap());
        assert_eq!(FinishedRun::read(&path).unwrap(), whole);
        let text = fs::read(&path).unwrap();
        for k in 0..text.len() {
            let mut damaged = text.clone();
            damaged[k] ^= 1;
            for damaged in [&damaged, &text[..k]] {
                fs::write(&path, damaged).unwrap();
                let message = FinishedRun::read(&path).unwrap_err().to_string();
                assert!(message.contains("cut short, damaged or edited"), "byte {k}: {message}");
            }
            assert!(!FinishedRun::is_at(&path).unwrap(), "cut at {k}");
        }
    }
}
