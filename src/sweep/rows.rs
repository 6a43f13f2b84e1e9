//! A finished run as rows of the three tables.

use super::Planned;
use crate::{
    Error, Result,
    dataset::{FashionMnist, Source},
    learning::{Outcome, Record},
};
use polars::prelude::{DataFrame, df};

/// Counts changes of the tables' columns. Tables of different schemas are never mixed.
pub const SCHEMA: i32 = 1;

/// By whom a run was computed: what a row keeps so that it can be made again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// Version of this crate.
    pub version: String,
    /// Features that it was built with.
    pub features: String,
    /// Revision of its sources.
    pub revision: String,
}

impl Provenance {
    /// This build, of the sources' `revision`.
    pub fn new(revision: impl Into<String>) -> Self {
        let features = [("cpu", cfg!(feature = "cpu")), ("cuda", cfg!(feature = "cuda"))];
        let features: Vec<_> = features.into_iter().filter(|f| f.1).map(|f| f.0).collect();
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            features: features.join(","),
            revision: revision.into(),
        }
    }

    /// This build, training ensembles on `device`.
    #[must_use]
    pub fn together_on(mut self, device: &str) -> Self {
        self.features += &format!(",ensemble on {device}");
        self
    }
}

/// Which images, in words that mean the same on every machine.
pub fn data_source(data: &FashionMnist) -> String {
    let (train, test) = (data.train.len(), data.test.len());
    match (&data.source, train, test) {
        (Source::Subset, ..) => "subset".to_owned(),
        (Source::Folder(_), 60_000, 10_000) => "FashionMNIST full".to_owned(),
        _ => format!("FashionMNIST, {train} training and {test} test images"),
    }
}

/// Which images a store's results are of.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct DataIdentity {
    pub source: String,
    pub checksum: String,
}

/// The one row of a finished or diverged run.
///
/// # Errors
/// If it is neither: a run that was interrupted, or goes on, has no result.
pub(super) fn run_row(
    planned: &Planned,
    record: &Record,
    data: &DataIdentity,
    provenance: &Provenance,
    wall_seconds: f64,
) -> Result<DataFrame> {
    let Planned { id, run } = planned;
    let rule = &run.rule;
    let (outcome, diverged_at_step) = match record.outcome {
        Outcome::Finished => ("finished", None),
        Outcome::Diverged { step } => ("diverged", Some(step as i64)),
        Outcome::Interrupted | Outcome::Running => {
            let found = format!("{:?}", record.outcome);
            return Err(Error::invalid("outcome", found, "a run that finished or diverged"));
        }
    };
    Ok(df!(
        "id" => [id.as_str()],
        "condition" => [run.condition.name()],
        "config" => [run.configuration.map(|index| index as i32)],
        "width" => [run.width as i32],
        "lr" => [rule.rates.lr],
        "lr_w_ie" => [rule.rates.lr_w_ie],
        "lr_w_ei" => [rule.rates.lr_w_ei],
        "epsilon" => [run.epsilon],
        "seed" => [run.seed as i64],
        "epochs" => [run.epochs as i32],
        "lambda" => [rule.lambda],
        "momentum" => [rule.momentum],
        "inhibitory_momentum" => [rule.inhibitory_momentum],
        "weight_decay" => [rule.weight_decay],
        "label_smoothing" => [rule.label_smoothing],
        "batch" => [run.batch as i32],
        "outcome" => [outcome],
        "diverged_at_step" => [diverged_at_step],
        "test_accuracy" => [record.test_accuracy().unwrap_or(f64::NAN)],
        "data_source" => [data.source.as_str()],
        "data_checksum" => [data.checksum.as_str()],
        "wall_seconds" => [wall_seconds],
        "milliseconds_per_step" => [record.milliseconds_per_step()],
        "version" => [provenance.version.as_str()],
        "features" => [provenance.features.as_str()],
        "revision" => [provenance.revision.as_str()],
        "schema" => [SCHEMA],
    )?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Condition,
        configuration::configuration,
        learning::{Run, Trainer},
    };

    #[test]
    fn only_a_run_that_is_over_becomes_a_row() {
        let mut data = FashionMnist::subset().unwrap();
        (data.train, data.test) = (data.train.first(32), data.test.first(10));
        let run = Run::new(Condition::ELn, &configuration(0).unwrap()).epochs(1);
        let planned = Planned::new(run);
        let identity = DataIdentity { source: data_source(&data), checksum: data.checksum() };
        let row =
            |record: &Record| run_row(&planned, record, &identity, &Provenance::new("a test"), 1.0);
        let mut trainer = Trainer::new(&planned.run, &data).unwrap();
        trainer.epoch(&mut ());
        let mut record = trainer.into_record();
        assert_eq!(row(&record).unwrap().height(), 1);
        for outcome in [Outcome::Interrupted, Outcome::Running] {
            record.outcome = outcome;
            let message = row(&record).unwrap_err().to_string();
            assert!(message.starts_with(&format!("outcome: {outcome:?} ")), "{message}");
        }
    }
}
