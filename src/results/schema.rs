//! The tables of results: what a row of each holds. Everything that writes, reads or prints such a
//! table takes its columns from here.

use super::{
    DataIdentity, Provenance,
    row::{first_row, row},
};
use crate::{
    Condition, Error, Result,
    configuration::{EPOCHS, LAMBDA},
    learning::{Outcome, Record},
};
use serde_json::{Map, Value};
use std::path::Path;

/// Counts changes of the tables' columns. Tables of different schemas are never mixed.
pub const SCHEMA: i32 = 1;

/// Refuses rows of a schema that this version does not know.
pub(super) fn check_schema(schema: i32, place: &Path) -> Result<()> {
    if schema == SCHEMA {
        return Ok(());
    }
    let expected =
        format!("schema {SCHEMA} only; use the version that made them, or another folder");
    Err(Error::malformed(place, format!("has rows of schema {schema}"), expected))
}

row! {
    /// A run that is over.
    RunRow of "runs" {
        id: String = "[`Run::id`](crate::learning::Run::id); it joins the tables.",
        condition: Condition = "Which network.",
        config: Option<i32> = "Row of the paper's configurations, if it is one of them.",
        width: i32 = "Units of each hidden layer.",
        lr: f64 = "Learning rate of `W_EE` and b.",
        lr_w_ie: f64 = "Learning rate of `W_IE`, and of `U_IE`.",
        lr_w_ei: f64 = "Learning rate of `W_EI`.",
        epsilon: f64 = "Range of the luminosity shift.",
        seed: i64 = "Seed of all its random numbers.",
        epochs: i32 = "Passes over the training images.",
        lambda: f64 = "Weight of the I-Norm loss.",
        momentum: f64 = "Momentum of excitatory weights.",
        inhibitory_momentum: f64 = "Momentum of inhibitory weights.",
        weight_decay: f64 = "Weight decay.",
        label_smoothing: f64 = "Label smoothing of the loss.",
        batch: i32 = "Images a step.",
        outcome: Outcome = "How it ended; the step is a column of its own, `diverged_at_step`.",
        test_accuracy: f64 = "After the last epoch, a fraction; chance for a run that diverged.",
        data_source: String = "Which images, in words.",
        data_checksum: Option<String> = "SHA-256 of the images, where it was computed.",
        wall_seconds: f64 = "How long it took in all.",
        milliseconds_per_step: f64 = "Mean time of a training step.",
        version: String = "Version of the program.",
        features: String = "Features that it was built with.",
        revision: String = "Revision of its sources.",
        schema: i32 = "[`SCHEMA`].",
    }
}

row! {
    /// An epoch of a run.
    EpochRow of "epochs" {
        id: String = "The run.",
        condition: Condition = "Which network.",
        config: Option<i32> = "Row of the paper's configurations, if it is one of them.",
        epsilon: f64 = "Range of the luminosity shift.",
        seed: i64 = "Seed of all its random numbers.",
        epoch: i32 = "From 1.",
        train_loss: f64 = "Mean task loss over the epoch's training steps.",
        test_loss: f64 = "Mean task loss over the test images.",
        test_accuracy: f64 = "After the epoch, a fraction.",
    }
}

row! {
    /// What was measured in one hidden layer at one step.
    MeasurementRow of "measurements" {
        id: String = "The run.",
        condition: Condition = "Which network.",
        config: Option<i32> = "Row of the paper's configurations, if it is one of them.",
        epsilon: f64 = "Range of the luminosity shift.",
        seed: i64 = "Seed of all its random numbers.",
        epoch: i32 = "From 1.",
        step: i64 = "From 1 at the start of the run.",
        layer: i32 = "Hidden layer, 0 or 1.",
        mean: f64 = "Mean over units of z, averaged over the batch.",
        variance: f64 = "Variance over units of z, averaged over the batch.",
        output_alignment: f64 = "Cosine of the layer's output with LayerNorm's.",
        gradient_alignment: f64 = "Cosine of the layer's gradient with LayerNorm's.",
        inorm_loss: f64 = "The I-Norm loss without its λ.",
        ln_mse: Option<f64> = "Mean squared difference to LayerNorm, where inhibition learns.",
        error_eigenvalue: Option<f64> = "Largest eigenvalue of the error's covariance, if finite.",
    }
}

impl RunRow {
    /// Of a run that took `wall_seconds` in all.
    pub(super) fn new(
        record: &Record,
        data: &DataIdentity,
        provenance: &Provenance,
        wall_seconds: f64,
    ) -> Self {
        let run = &record.run;
        let (rule, rates) = (&run.rule, run.rule.rates);
        Self {
            id: run.id(),
            condition: run.condition,
            config: run.configuration.map(|index| index as i32),
            width: run.width as i32,
            lr: rates.lr,
            lr_w_ie: rates.lr_w_ie,
            lr_w_ei: rates.lr_w_ei,
            epsilon: run.epsilon,
            seed: run.seed as i64,
            epochs: run.epochs as i32,
            lambda: rule.lambda,
            momentum: rule.momentum,
            inhibitory_momentum: rule.inhibitory_momentum,
            weight_decay: rule.weight_decay,
            label_smoothing: rule.label_smoothing,
            batch: run.batch as i32,
            outcome: record.outcome,
            test_accuracy: record.test_accuracy().unwrap_or(f64::NAN),
            data_source: data.source.clone(),
            data_checksum: data.checksum.clone(),
            wall_seconds,
            milliseconds_per_step: record.milliseconds_per_step(),
            version: provenance.version.clone(),
            features: provenance.features.clone(),
            revision: provenance.revision.clone(),
            schema: SCHEMA,
        }
    }

    /// Its columns, as JSON.
    ///
    /// # Errors
    /// Never, unless polars refuses the columns.
    pub fn to_json(&self) -> Result<Map<String, Value>> {
        Ok(first_row(&Self::to_table(std::slice::from_ref(self))?))
    }

    /// Which images it is of.
    pub fn data(&self) -> DataIdentity {
        DataIdentity { source: self.data_source.clone(), checksum: self.data_checksum.clone() }
    }

    /// Whether it is one of the paper's: in one of its configurations, for 50 epochs, with
    /// λ = 0.01. No other is compared with what was published.
    pub fn is_papers(&self) -> bool {
        (self.epochs, self.lambda) == (EPOCHS as i32, LAMBDA) && self.config.is_some()
    }

    /// Whether it diverged.
    pub fn diverged(&self) -> bool {
        matches!(self.outcome, Outcome::Diverged { .. })
    }
}

impl EpochRow {
    /// The epochs of a record.
    pub(super) fn of(record: &Record) -> Vec<Self> {
        let (run, id) = (&record.run, record.run.id());
        let row = |epoch: &crate::learning::Epoch| Self {
            id: id.clone(),
            condition: run.condition,
            config: run.configuration.map(|index| index as i32),
            epsilon: run.epsilon,
            seed: run.seed as i64,
            epoch: epoch.epoch as i32,
            train_loss: epoch.train_loss,
            test_loss: epoch.test_loss,
            test_accuracy: epoch.test_accuracy,
        };
        record.epochs.iter().map(row).collect()
    }
}

impl MeasurementRow {
    /// The measurements of a record.
    pub(super) fn of(record: &Record) -> Vec<Self> {
        let (run, id) = (&record.run, record.run.id());
        let row = |measured: &crate::learning::Measurement| Self {
            id: id.clone(),
            condition: run.condition,
            config: run.configuration.map(|index| index as i32),
            epsilon: run.epsilon,
            seed: run.seed as i64,
            epoch: measured.epoch as i32,
            step: measured.step as i64,
            layer: measured.layer as i32,
            mean: measured.values.mean,
            variance: measured.values.variance,
            output_alignment: measured.values.output_alignment,
            gradient_alignment: measured.values.gradient_alignment,
            inorm_loss: measured.values.inorm_loss,
            ln_mse: measured.values.ln_mse,
            error_eigenvalue: measured.values.error_eigenvalue,
        };
        record.measurements.iter().map(row).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::made_up::runs_table;
    use super::*;
    use polars::prelude::{Column, DataFrame};

    #[test]
    fn rows_come_back_as_they_went_in() {
        let table = runs_table(&[
            (Condition::ELn, 3, 0.75, Some(0.85)),
            (Condition::INormNone, 4, 0.0, None),
        ]);
        let rows = RunRow::from_table(&table).unwrap();
        assert!(RunRow::to_table(&rows).unwrap().equals_missing(&table));
        assert_eq!(rows[0].condition, Condition::ELn);
        assert_eq!((rows[0].config, rows[0].epsilon), (Some(3), 0.75));
        assert_eq!((rows[1].diverged(), rows[1].test_accuracy), (true, 0.1));
        let json = rows[1].to_json().unwrap();
        assert!(table.get_column_names().iter().all(|name| json.contains_key(name.as_str())));
        assert_eq!((&json["config"], &json["diverged_at_step"]), (&4.into(), &1.into()));
    }

    #[test]
    fn what_is_wrong_with_a_table_is_said_in_one_line() {
        let table = runs_table(&[(Condition::ELn, 3, 0.75, Some(0.85))]);
        let refused = |table: &DataFrame| RunRow::from_table(table).unwrap_err();
        let missing = refused(&table.drop("epsilon").unwrap()).to_string();
        assert!(
            missing.starts_with("runs table: no column 'epsilon' among id, condition"),
            "{missing}"
        );
        let with = |column| {
            let mut odd = table.clone();
            odd.with_column(column).unwrap();
            refused(&odd)
        };
        let odd = with(Column::new("epsilon".into(), ["high"])).to_string();
        assert_eq!(odd, "runs table, column epsilon: holds text; expected numbers");
        let odd = with(Column::new("seed".into(), [None::<i64>])).to_string();
        assert!(odd.ends_with("expected a number in every row"), "{odd}");
        for name in ["outcome", "condition"] {
            let error = with(Column::new(name.into(), ["stopped"]));
            let start = format!("runs table, column {name}: holds 'stopped'; expected ");
            assert!(error.to_string().starts_with(&start), "{error}");
            // What is in a file is no fault of the command line.
            assert!(matches!(error, crate::Error::Unfit { .. }), "{error}");
        }
    }
}
