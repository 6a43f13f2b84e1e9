//! Made-up tables, for tests.

use super::{DataIdentity, Provenance, RunRow};
use crate::{
    Condition,
    configuration::configuration,
    learning::{Epoch, Outcome, Record, Run},
};
use polars::prelude::DataFrame;

/// A table of runs: (condition, config, ε, accuracy; `None` for a run that diverged).
pub fn runs_table(runs: &[(Condition, i32, f64, Option<f64>)]) -> DataFrame {
    let row = |(number, &(condition, config, epsilon, accuracy))| {
        let record = record(condition, config, epsilon, accuracy);
        let data = DataIdentity { source: "made up".to_owned(), checksum: None };
        let row = RunRow::new(&record, &data, &Provenance::new("a test"), 1.0);
        RunRow { id: format!("run{number}"), ..row }
    };
    RunRow::to_table(&runs.iter().enumerate().map(row).collect::<Vec<_>>()).unwrap()
}

fn record(condition: Condition, config: i32, epsilon: f64, accuracy: Option<f64>) -> Record {
    let run = Run::new(condition, &configuration(config as usize).unwrap()).epsilon(epsilon);
    let (epoch, test_accuracy) = (run.training.epochs, accuracy.unwrap_or_default());
    Record {
        run,
        epochs: vec![Epoch { epoch, train_loss: 1.0, test_loss: 1.0, test_accuracy }],
        measurements: Vec::new(),
        outcome: accuracy.map_or(Outcome::Diverged { step: 1 }, |_| Outcome::Finished),
        overflow: None,
        training_seconds: 1.0,
        steps: 1,
        data: "made up".to_owned(),
    }
}
