//! The tables of results: what a row of each holds. Everything that writes, reads or prints such a
//! table takes its columns from here.

use super::{
    DataIdentity, Provenance,
    row::{row, rows_to_json},
};
use crate::{
    Condition, Error, Result,
    architecture::{GradNormZ, HiddenLayers, SubtractiveLoss},
    configuration::{ConfigurationList, EPOCHS, LAMBDA},
    dataset::{Order, Task},
    layers::InitialWeights,
    learning::{Epoch, Measurement, Outcome, Record, Run, summarized, unusual},
    learning_rule::{Precision, Signs},
};
use serde_json::{Map, Value};
use std::path::Path;

/// Counts changes of the tables' columns. Rows of an earlier schema lack columns that came later:
/// there they have the only value that there was, or none, because nothing was measured.
pub const SCHEMA: i32 = 5;

/// Refuses rows of a schema that this version does not know.
pub(super) fn check_schema(schema: i32, place: &Path) -> Result<()> {
    if (1..=SCHEMA).contains(&schema) {
        return Ok(());
    }
    let expected =
        format!("schema 1 to {SCHEMA}; use the version that made them, or another folder");
    Err(Error::malformed(place, format!("has rows of schema {schema}"), expected))
}

row! {
    /// A run that is over.
    RunRow of "runs",
    from |record: &Record, data: &DataIdentity, provenance: &Provenance, wall_seconds: f64| {
        id: String = record.run.id(),
            "[`Run::id`](crate::learning::Run::id); it joins the tables.";
        condition: Condition = record.run.condition, "Which network.";
        config: Option<i32> = record.run.configuration.map(|index| index as i32),
            "Row of a list of configurations, if it is one of them.";
        width: i32 = record.run.width as i32, "Units of each hidden layer.";
        lr: f64 = record.run.training.rule.rates.lr, "Learning rate of `W_EE` and b.";
        lr_w_ie: f64 = record.run.training.rule.rates.lr_w_ie,
            "Learning rate of `W_IE`, and of `U_IE`.";
        lr_w_ei: f64 = record.run.training.rule.rates.lr_w_ei, "Learning rate of `W_EI`.";
        epsilon: f64 = record.run.training.epsilon,
            "Range of the luminosity shift, or of the change of contrast.";
        seed: i64 = record.run.training.seed as i64, "Seed of all its random numbers.";
        epochs: i32 = record.run.training.epochs as i32, "Passes over the training images.";
        lambda: f64 = record.run.training.rule.lambda, "Weight of the I-Norm loss.";
        momentum: f64 = record.run.training.rule.momentum, "Momentum of excitatory weights.";
        inhibitory_momentum: f64 = record.run.training.rule.inhibitory_momentum,
            "Momentum of inhibitory weights.";
        weight_decay: f64 = record.run.training.rule.weight_decay, "Weight decay.";
        label_smoothing: f64 = record.run.training.rule.label_smoothing,
            "Label smoothing of the loss.";
        batch: i32 = record.run.training.batch as i32, "Images a step.";
        hidden_layers: i32 = record.run.hidden_layers as i32, "Hidden layers." or 2;
        grad_norm_layers: String = record.run.grad_norm_layers.to_string(),
            "In which of them GradNorm acts: `all`, or numbers from 1 such as `1+3`."
            or HiddenLayers::ALL.to_string();
        signs: String = record.run.training.rule.signs.to_string(),
            "Whether weights keep their signs: `dale`, `non_negative` (b too), or `free`."
            or Signs::Dale.to_string();
        precision: String = record.run.training.rule.precision.to_string(),
            "In which precision: `single`, or `fp16_autocast`." or Precision::Single.to_string();
        order: String = record.run.training.order.to_string(),
            "In which order the training images are shown: as in their `file`, or `shuffled`."
            or Order::File.to_string();
        grad_norm_z: String = record.run.grad_norm_z.to_string(),
            "On which z GradNorm works, if it looks at it: `plain`, or `centred`."
            or GradNormZ::Plain.to_string();
        subtractive_loss: String = record.run.subtractive_loss.to_string(),
            "What the inhibition of subtractive I-Norm learns from: `mean`, or \
             `mean_and_variance`." or SubtractiveLoss::Mean.to_string();
        config_list: String = record.run.configuration_list.to_string(),
            "The list of configurations: `published`, or `revised`."
            or ConfigurationList::Published.to_string();
        task: String = record.run.training.task.to_string(),
            "What is changed of an image each time it is shown: its `luminosity`, or `contrast`."
            or Task::Luminosity.to_string();
        initial_weights: String = record.run.initial_weights.to_string(),
            "Before any training: `positive`, or `zero_mean`."
            or InitialWeights::Positive.to_string();
        outcome: Outcome = record.outcome,
            "How it ended; the step is a column of its own, `diverged_at_step`.";
        overflow: Option<String> = record.overflow.map(|overflow| overflow.number.to_string()),
            "Under fp16 autocast, which number made weights infinite." or None;
        overflow_layer: Option<i32> = record.overflow.map(|overflow| overflow.layer as i32),
            "In which layer, from 0." or None;
        overflow_at_step: Option<i64> = record.overflow.map(|overflow| overflow.step as i64),
            "At which step." or None;
        test_accuracy: f64 = record.test_accuracy().unwrap_or(f64::NAN),
            "After the last epoch, a fraction; chance for a run that diverged.";
        data_source: String = data.source.clone(), "Which images, in words.";
        data_checksum: Option<String> = data.checksum.clone(),
            "SHA-256 of the images, where it was computed.";
        wall_seconds: f64 = wall_seconds, "How long it took in all.";
        milliseconds_per_step: f64 = record.milliseconds_per_step(),
            "Mean time of a training step.";
        version: String = provenance.version.clone(), "Version of the program.";
        features: String = provenance.features.clone(), "Features that it was built with.";
        revision: String = provenance.revision.clone(), "Revision of its sources.";
        schema: i32 = SCHEMA, "[`SCHEMA`].";
    }
}

row! {
    /// An epoch of a run.
    EpochRow of "epochs", from |id: &str, run: &Run, epoch: &Epoch| {
        id: String = id.to_owned(), "The run.";
        condition: Condition = run.condition, "Which network.";
        config: Option<i32> = run.configuration.map(|index| index as i32),
            "Row of a list of configurations, if it is one of them.";
        epsilon: f64 = run.training.epsilon,
            "Range of the luminosity shift, or of the change of contrast.";
        seed: i64 = run.training.seed as i64, "Seed of all its random numbers.";
        epoch: i32 = epoch.epoch as i32, "From 1.";
        train_loss: f64 = epoch.train_loss, "Mean task loss over the epoch's training steps.";
        test_loss: f64 = epoch.test_loss, "Mean task loss over the test images.";
        test_accuracy: f64 = epoch.test_accuracy, "After the epoch, a fraction.";
    }
}

row! {
    /// What was measured in one hidden layer at one step.
    MeasurementRow of "measurements", from |id: &str, run: &Run, measured: &Measurement| {
        id: String = id.to_owned(), "The run.";
        condition: Condition = run.condition, "Which network.";
        config: Option<i32> = run.configuration.map(|index| index as i32),
            "Row of a list of configurations, if it is one of them.";
        epsilon: f64 = run.training.epsilon,
            "Range of the luminosity shift, or of the change of contrast.";
        seed: i64 = run.training.seed as i64, "Seed of all its random numbers.";
        epoch: i32 = measured.epoch as i32, "From 1.";
        step: i64 = measured.step as i64, "From 1 at the start of the run.";
        layer: i32 = measured.layer as i32, "Hidden layer, from 0.";
        mean: f64 = measured.values.mean, "Mean over units of z, averaged over the batch.";
        variance: f64 = measured.values.variance,
            "Variance over units of z, averaged over the batch.";
        output_alignment: f64 = measured.values.output_alignment,
            "Cosine of the layer's output with LayerNorm's.";
        gradient_alignment: f64 = measured.values.gradient_alignment,
            "Cosine of the layer's gradient with LayerNorm's.";
        inorm_loss: f64 = measured.values.inorm_loss, "The I-Norm loss without its λ.";
        ln_mse: Option<f64> = measured.values.ln_mse,
            "Mean squared difference to LayerNorm, where inhibition learns.";
        error_eigenvalue: Option<f64> = measured.values.error_eigenvalue,
            "Largest eigenvalue of the error's covariance, if finite.";
        task_alignment: Option<f64> = measured.values.task_alignment,
            "Cosine of the gradient by the task's error, as computed, with that by LayerNorm's \
             Jacobian." or None;
        common_error: Option<f64> = measured.values.common_error,
            "Of the energy of the task's error, the share that all units have in common." or None;
        mean_weight_share: Option<f64> = measured.values.mean_weight_share,
            "Of the energy of `W_EE`, the share that the mean weight has." or None;
    }
}

impl RunRow {
    /// Its columns, as JSON.
    pub fn to_json(&self) -> Result<Map<String, Value>> {
        let table = Self::to_table(std::slice::from_ref(self))?;
        Ok(rows_to_json(&table).pop().unwrap_or_default())
    }

    /// Which images it is of.
    pub fn data(&self) -> DataIdentity {
        DataIdentity { source: self.data_source.clone(), checksum: self.data_checksum.clone() }
    }

    /// Whether it is one of the paper's: one of [its networks](Condition::is_in_paper) in one of its
    /// configurations, for 50 epochs, with λ = 0.01, and without [variations](Run::variations). No
    /// other is compared with what was published.
    pub fn is_papers(&self) -> bool {
        self.condition.is_in_paper() && self.follows_paper() && self.variations().is_empty()
    }

    /// Whether it was trained for as long as [the paper's](Self::is_papers) and with their λ, in a
    /// configuration of a list; whatever its [variations](Run::variations).
    pub fn follows_paper(&self) -> bool {
        (self.epochs, self.lambda) == (EPOCHS as i32, LAMBDA) && self.config.is_some()
    }

    /// What of the run the paper has no other value for, and is another: columns and values, as
    /// [`Run::variations`].
    pub fn variations(&self) -> Vec<(&'static str, String)> {
        let unusual = unusual([
            self.hidden_layers.to_string(),
            self.grad_norm_layers.clone(),
            self.signs.clone(),
            self.precision.clone(),
            self.label_smoothing.to_string(),
            self.order.clone(),
            self.grad_norm_z.clone(),
            self.subtractive_loss.clone(),
            self.config_list.clone(),
            self.task.clone(),
            self.initial_weights.clone(),
        ]);
        summarized(self.condition, unusual)
    }

    /// Whether it diverged.
    pub fn diverged(&self) -> bool {
        matches!(self.outcome, Outcome::Diverged { .. })
    }
}

impl EpochRow {
    /// The epochs of a record.
    pub(super) fn of(record: &Record) -> Vec<Self> {
        let id = record.run.id();
        record.epochs.iter().map(|epoch| Self::new(&id, &record.run, epoch)).collect()
    }
}

impl MeasurementRow {
    /// The measurements of a record.
    pub(super) fn of(record: &Record) -> Vec<Self> {
        let id = record.run.id();
        record.measurements.iter().map(|m| Self::new(&id, &record.run, m)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::made_up::runs_table;
    use super::*;
    use crate::{configuration::configuration, engine::LayerMeasurement};
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
    fn a_table_of_an_earlier_schema_is_read() {
        let table = runs_table(&[(Condition::INormFull, 3, 0.75, Some(0.85))]);
        let later = ["hidden_layers", "grad_norm_layers", "signs", "precision"];
        let earlier = table.drop_many(later).drop_many([
            "order",
            "grad_norm_z",
            "subtractive_loss",
            "config_list",
            "task",
            "initial_weights",
        ]);
        let rows = RunRow::from_table(&earlier).unwrap();
        assert_eq!(rows, RunRow::from_table(&table).unwrap());
        assert!(rows[0].is_papers());
        let other = RunRow { grad_norm_layers: "2".to_owned(), ..rows[0].clone() };
        assert!(!other.is_papers());
        assert_eq!(other.variations(), [("grad_norm_layers", "2".to_owned())]);
        let deep = RunRow { hidden_layers: 3, ..rows[0].clone() };
        let free = RunRow { signs: "free".to_owned(), ..rows[0].clone() };
        assert!(!deep.is_papers() && !free.is_papers());
        let centered = RunRow { condition: Condition::EMeanNormBackwardOnly, ..rows[0].clone() };
        assert!(!centered.is_papers());
        let shuffled = RunRow { order: "shuffled".to_owned(), ..rows[0].clone() };
        let hard = RunRow { label_smoothing: 0.0, ..rows[0].clone() };
        assert!(!shuffled.is_papers() && !hard.is_papers());
        assert_eq!(hard.variations(), [("label_smoothing", "0".to_owned())]);
        for (schema, known) in [(0, false), (1, true), (SCHEMA, true), (SCHEMA + 1, false)] {
            assert_eq!(check_schema(schema, Path::new("here")).is_ok(), known, "{schema}");
        }
    }

    #[test]
    fn what_an_earlier_schema_did_not_measure_is_null() {
        let run = Run::new(Condition::INormFull, &configuration(0).unwrap());
        let json = r#"{"mean":0.0,"variance":1.0,"output_alignment":1.0,"gradient_alignment":0.5,
            "inorm_loss":0.0,"ln_mse":null,"error_eigenvalue":0.1}"#;
        let values: LayerMeasurement = serde_json::from_str(json).unwrap();
        let measured = Measurement { epoch: 1, step: 2, layer: 0, values };
        let rows = [MeasurementRow::new("run", &run, &measured)];
        let later = ["task_alignment", "common_error", "mean_weight_share"];
        let table = MeasurementRow::to_table(&rows).unwrap();
        assert!(later.iter().all(|name| table.column(name).unwrap().null_count() == 1));
        assert_eq!(MeasurementRow::from_table(&table.drop_many(later)).unwrap(), rows);
        let missing = MeasurementRow::from_table(&table.drop("variance").unwrap());
        assert!(missing.unwrap_err().to_string().contains("no column 'variance'"));
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
