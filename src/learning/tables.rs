//! Records as polars tables, for figures, for the reader, and for files.

use super::{Measurement, Outcome, Record, Run};
use crate::Result;
use polars::prelude::{DataFrame, df};

/// One row a run that is over: how it was set up, and its final test accuracy (a fraction;
/// chance for a run that diverged). Interrupted runs are left out: they have no final accuracy.
///
/// # Errors
/// Never, unless polars refuses the columns.
pub fn runs_table(records: &[Record]) -> Result<DataFrame> {
    let over = |r: &&Record| matches!(r.outcome, Outcome::Finished | Outcome::Diverged { .. });
    let records: Vec<_> = records.iter().filter(over).collect();
    let number = |f: fn(&Record) -> f64| records.iter().map(|r| f(r)).collect::<Vec<_>>();
    let outcome = |r: &&Record| match r.outcome {
        Outcome::Diverged { step } => ("diverged", Some(step as i64)),
        _ => ("finished", None),
    };
    let (outcome, diverged): (Vec<_>, Vec<_>) = records.iter().map(outcome).unzip();
    Ok(df!(
        "id" => records.iter().map(|r| r.run.id()).collect::<Vec<_>>(),
        "condition" => records.iter().map(|r| r.run.condition.name()).collect::<Vec<_>>(),
        "config" => records.iter().map(|r| r.run.configuration.map(|c| c as i32)).collect::<Vec<_>>(),
        "width" => records.iter().map(|r| r.run.width as i32).collect::<Vec<_>>(),
        "lr" => number(|r| r.run.rule.rates.lr),
        "lr_w_ie" => number(|r| r.run.rule.rates.lr_w_ie),
        "lr_w_ei" => number(|r| r.run.rule.rates.lr_w_ei),
        "epsilon" => number(|r| r.run.epsilon),
        "seed" => records.iter().map(|r| r.run.seed as i64).collect::<Vec<_>>(),
        "epochs" => records.iter().map(|r| r.run.epochs as i32).collect::<Vec<_>>(),
        "lambda" => number(|r| r.run.rule.lambda),
        "outcome" => outcome,
        "diverged_at_step" => diverged,
        "test_accuracy" => number(|r| r.test_accuracy().unwrap_or(f64::NAN)),
        "data_source" => records.iter().map(|r| r.data.as_str()).collect::<Vec<_>>(),
        "wall_seconds" => number(|r| r.training_seconds),
    )?)
}

/// One row an epoch of each run, also of those that were interrupted: losses, and the test
/// accuracy as a fraction.
///
/// # Errors
/// Never, unless polars refuses the columns.
pub fn epochs_table(records: &[Record]) -> Result<DataFrame> {
    let rows: Vec<_> = records.iter().flat_map(|r| r.epochs.iter().map(move |e| (r, e))).collect();
    let runs = which(rows.iter().map(|(r, _)| &r.run))?;
    let values = df!(
        "epoch" => rows.iter().map(|(_, e)| e.epoch as i32).collect::<Vec<_>>(),
        "train_loss" => rows.iter().map(|(_, e)| e.train_loss).collect::<Vec<_>>(),
        "test_loss" => rows.iter().map(|(_, e)| e.test_loss).collect::<Vec<_>>(),
        "test_accuracy" => rows.iter().map(|(_, e)| e.test_accuracy).collect::<Vec<_>>(),
    )?;
    Ok(runs.hstack(values.columns())?)
}

/// One row a hidden layer and measured step of each run.
///
/// # Errors
/// Never, unless polars refuses the columns.
pub fn measurements_table(records: &[Record]) -> Result<DataFrame> {
    let rows: Vec<_> =
        records.iter().flat_map(|r| r.measurements.iter().map(move |m| (r, m))).collect();
    let some =
        |f: fn(&Measurement) -> f64| rows.iter().map(|(_, m)| Some(f(m))).collect::<Vec<_>>();
    let maybe =
        |f: fn(&Measurement) -> Option<f64>| rows.iter().map(|(_, m)| f(m)).collect::<Vec<_>>();
    let runs = which(rows.iter().map(|(r, _)| &r.run))?;
    let values = df!(
        "epoch" => rows.iter().map(|(_, m)| m.epoch as i32).collect::<Vec<_>>(),
        "step" => rows.iter().map(|(_, m)| m.step as i64).collect::<Vec<_>>(),
        "layer" => rows.iter().map(|(_, m)| m.layer as i32).collect::<Vec<_>>(),
        "mean" => some(|m| m.values.mean),
        "variance" => some(|m| m.values.variance),
        "output_alignment" => some(|m| m.values.output_alignment),
        "gradient_alignment" => some(|m| m.values.gradient_alignment),
        "inorm_loss" => some(|m| m.values.inorm_loss),
        "ln_mse" => maybe(|m| m.values.ln_mse),
        "error_eigenvalue" => maybe(|m| m.values.error_eigenvalue),
    )?;
    Ok(runs.hstack(values.columns())?)
}

/// The first columns of a table whose rows are parts of runs: which run a row is of.
fn which<'r>(runs: impl Iterator<Item = &'r Run> + Clone) -> Result<DataFrame> {
    Ok(df!(
        "id" => runs.clone().map(Run::id).collect::<Vec<_>>(),
        "condition" => runs.clone().map(|r| r.condition.name()).collect::<Vec<_>>(),
        "config" => runs.clone().map(|r| r.configuration.map(|c| c as i32)).collect::<Vec<_>>(),
        "epsilon" => runs.clone().map(|r| r.epsilon).collect::<Vec<_>>(),
        "seed" => runs.map(|r| r.seed as i64).collect::<Vec<_>>(),
    )?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::FashionMnist;
    use crate::figures::rows;
    use crate::learning::{Measure, Run, train};
    use crate::{Condition, configuration::configuration};

    fn records() -> Vec<Record> {
        let mut data = FashionMnist::subset().unwrap();
        (data.train, data.test) = (data.train.first(64), data.test.first(100));
        [Condition::ELn, Condition::INormFull]
            .map(|c| Run::new(c, &configuration(13).unwrap()).epochs(2).measure(Measure::EachEpoch))
            .map(|run| train(&run, &data, &mut ()).unwrap().1)
            .to_vec()
    }

    #[test]
    fn the_figures_can_read_all_three() {
        let mut records = records();
        let runs = rows::runs(&runs_table(&records).unwrap()).unwrap();
        assert_eq!(
            (runs[0].condition, runs[0].config, runs[0].epochs),
            (Condition::ELn, Some(13), 2)
        );
        assert_eq!(Some(runs[1].test_accuracy), records[1].test_accuracy());
        let epochs = rows::epochs(&epochs_table(&records).unwrap()).unwrap();
        assert_eq!(epochs.iter().map(|e| e.epoch).collect::<Vec<_>>(), [1, 2, 1, 2]);
        let measured = rows::measurements(&measurements_table(&records).unwrap()).unwrap();
        assert_eq!(measured.len(), 2 * 2 * 2);
        assert!(measured.iter().all(|m| m.variance.is_some_and(|v| v > 0.0)));
        records[0].outcome = Outcome::Diverged { step: 3 };
        records[1].outcome = Outcome::Interrupted;
        let runs = rows::runs(&runs_table(&records).unwrap()).unwrap();
        assert_eq!(runs.len(), 1);
        assert_eq!((runs[0].outcome, runs[0].test_accuracy), (rows::Outcome::Diverged, 0.1));
    }
}
