//! Tables as rows with types. Every figure reads its tables here, so every figure reports a
//! missing column, a wrong type or an unknown name in the same words.

use crate::{
    Condition, Error, Result,
    configuration::{EPOCHS, LAMBDA},
};
use polars::prelude::{Column, DataFrame, DataType};

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All epochs done.
    Finished,
    /// The weights stopped being numbers.
    Diverged,
}

/// One run: a network trained once.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Content-hashed name.
    pub id: String,
    /// Which network.
    pub condition: Condition,
    /// Row of the configurations, if it is one of them.
    pub config: Option<i64>,
    /// Luminosity range.
    pub epsilon: f64,
    /// Seed of all its random numbers.
    pub seed: i64,
    /// How long it was to train.
    pub epochs: i64,
    /// Weight of the I-Norm loss.
    pub lambda: f64,
    /// How it ended.
    pub outcome: Outcome,
    /// After the last epoch, a fraction.
    pub test_accuracy: f64,
}

impl Run {
    /// Whether it is one of the paper's: in one of its configurations, for 50 epochs, with
    /// λ = 0.01. No other is compared with what was published.
    pub fn is_papers(&self) -> bool {
        let protocol = (self.epochs, self.lambda) == (i64::from(EPOCHS), LAMBDA);
        protocol && self.config.is_some()
    }
}

/// One epoch of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Epoch {
    /// The run.
    pub id: String,
    /// Which network.
    pub condition: Condition,
    /// Luminosity range.
    pub epsilon: f64,
    /// From 1.
    pub epoch: i64,
    /// After the epoch, a fraction.
    pub test_accuracy: f64,
}

/// What was measured in one hidden layer at one step.
#[derive(Debug, Clone, PartialEq)]
pub struct Measurement {
    /// The run.
    pub id: String,
    /// Which network.
    pub condition: Condition,
    /// Luminosity range.
    pub epsilon: f64,
    /// From 1.
    pub epoch: i64,
    /// From the start of the run.
    pub step: i64,
    /// Hidden layer, 0 or 1.
    pub layer: i64,
    /// Mean over units of z, averaged over the batch.
    pub mean: Option<f64>,
    /// Variance over units of z, averaged over the batch.
    pub variance: Option<f64>,
    /// Cosine of the layer's output with LayerNorm's.
    pub output_alignment: Option<f64>,
    /// Cosine of the layer's gradient with LayerNorm's.
    pub gradient_alignment: Option<f64>,
    /// Largest eigenvalue of the covariance of the error.
    pub error_eigenvalue: Option<f64>,
}

/// Reads a table of runs.
///
/// # Errors
/// If a column is missing or of another type, or names an unknown condition or outcome.
pub fn runs(table: &DataFrame) -> Result<Vec<Run>> {
    let table = Columns::new("runs", table);
    (0..table.height())
        .map(|row| {
            Ok(Run {
                id: table.text("id", row)?,
                condition: table.condition(row)?,
                config: table.whole("config", row)?,
                epsilon: table.needed("epsilon", row)?,
                seed: table.count("seed", row)?,
                epochs: table.count("epochs", row)?,
                lambda: table.needed("lambda", row)?,
                outcome: table.outcome(row)?,
                test_accuracy: table.needed("test_accuracy", row)?,
            })
        })
        .collect()
}

/// Reads a table of epochs.
///
/// # Errors
/// As [`runs`].
pub fn epochs(table: &DataFrame) -> Result<Vec<Epoch>> {
    let table = Columns::new("epochs", table);
    (0..table.height())
        .map(|row| {
            Ok(Epoch {
                id: table.text("id", row)?,
                condition: table.condition(row)?,
                epsilon: table.needed("epsilon", row)?,
                epoch: table.count("epoch", row)?,
                test_accuracy: table.needed("test_accuracy", row)?,
            })
        })
        .collect()
}

/// Reads a table of measurements.
///
/// # Errors
/// As [`runs`].
pub fn measurements(table: &DataFrame) -> Result<Vec<Measurement>> {
    let table = Columns::new("measurements", table);
    (0..table.height())
        .map(|row| {
            Ok(Measurement {
                id: table.text("id", row)?,
                condition: table.condition(row)?,
                epsilon: table.needed("epsilon", row)?,
                epoch: table.count("epoch", row)?,
                step: table.count("step", row)?,
                layer: table.count("layer", row)?,
                mean: table.number("mean", row)?,
                variance: table.number("variance", row)?,
                output_alignment: table.number("output_alignment", row)?,
                gradient_alignment: table.number("gradient_alignment", row)?,
                error_eigenvalue: table.number("error_eigenvalue", row)?,
            })
        })
        .collect()
}

/// A table with a name for messages.
struct Columns<'a> {
    name: &'static str,
    table: &'a DataFrame,
}

impl<'a> Columns<'a> {
    fn new(name: &'static str, table: &'a DataFrame) -> Self {
        Self { name, table }
    }

    fn height(&self) -> usize {
        self.table.height()
    }

    fn column(&self, name: &str) -> Result<&'a Column> {
        self.table.column(name).map_err(|_| {
            let names: Vec<_> = self.table.get_column_names().iter().map(|n| n.as_str()).collect();
            let found = format!("no column '{name}' among {}", names.join(", "));
            Error::unfit(format!("{} table", self.name), found, "the columns of the results store")
        })
    }

    fn number(&self, name: &str, row: usize) -> Result<Option<f64>> {
        let value = self.column(name)?.get(row)?;
        if value.is_null() {
            return Ok(None);
        }
        let number = value.extract::<f64>().filter(|_| self.is_numeric(name));
        number.map(Some).ok_or_else(|| self.wrong(name, "numbers"))
    }

    fn needed(&self, name: &str, row: usize) -> Result<f64> {
        self.number(name, row)?.ok_or_else(|| self.wrong(name, "a number in every row"))
    }

    fn whole(&self, name: &str, row: usize) -> Result<Option<i64>> {
        Ok(self.number(name, row)?.map(|number| number as i64))
    }

    fn count(&self, name: &str, row: usize) -> Result<i64> {
        Ok(self.needed(name, row)? as i64)
    }

    fn text(&self, name: &str, row: usize) -> Result<String> {
        let column = self.column(name)?;
        let text = column.str().map_err(|_| self.wrong(name, "text"))?.get(row);
        text.map(str::to_owned).ok_or_else(|| self.wrong(name, "text in every row"))
    }

    fn condition(&self, row: usize) -> Result<Condition> {
        let name = self.text("condition", row)?;
        name.parse()
            .map_err(|_| self.unfit("condition", &format!("'{name}'"), "the names of conditions"))
    }

    fn outcome(&self, row: usize) -> Result<Outcome> {
        match self.text("outcome", row)?.as_str() {
            "finished" => Ok(Outcome::Finished),
            "diverged" => Ok(Outcome::Diverged),
            other => Err(self.unfit("outcome", &format!("'{other}'"), "finished or diverged")),
        }
    }

    fn is_numeric(&self, name: &str) -> bool {
        let dtype = self.table.column(name).map(Column::dtype);
        matches!(dtype, Ok(dtype) if dtype.is_primitive_numeric())
    }

    fn wrong(&self, name: &str, expected: &str) -> Error {
        let found = match self.table.column(name).map(Column::dtype) {
            Ok(DataType::String) => "text".to_owned(),
            Ok(other) => format!("{other} or nothing"),
            Err(_) => "nothing".to_owned(),
        };
        self.unfit(name, &found, expected)
    }

    fn unfit(&self, column: &str, found: &str, expected: &str) -> Error {
        let what = format!("{} table, column {column}", self.name);
        Error::unfit(what, format!("holds {found}"), expected)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use polars::prelude::*;

    /// A table of runs for tests of drawing code: (condition, config, ε, accuracy; `None` for a
    /// run that diverged).
    pub fn runs_table(rows: &[(Condition, i32, f64, Option<f64>)]) -> DataFrame {
        let column = |f: fn(&(Condition, i32, f64, Option<f64>)) -> f64| {
            rows.iter().map(f).collect::<Vec<_>>()
        };
        let outcome = rows.iter().map(|r| if r.3.is_some() { "finished" } else { "diverged" });
        df!(
            "id" => (0..rows.len()).map(|k| format!("run{k}")).collect::<Vec<_>>(),
            "condition" => rows.iter().map(|r| r.0.name()).collect::<Vec<_>>(),
            "config" => rows.iter().map(|r| r.1).collect::<Vec<_>>(),
            "epsilon" => column(|r| r.2),
            "seed" => vec![0i64; rows.len()],
            "epochs" => vec![50i32; rows.len()],
            "lambda" => vec![0.01; rows.len()],
            "outcome" => outcome.collect::<Vec<_>>(),
            "test_accuracy" => column(|r| r.3.unwrap_or(0.1)),
        )
        .unwrap()
    }

    #[test]
    fn rows_come_back_as_they_went_in() {
        let table = runs_table(&[
            (Condition::ELn, 3, 0.75, Some(0.85)),
            (Condition::INormNone, 4, 0.0, None),
        ]);
        let rows = runs(&table).unwrap();
        assert_eq!(rows[0].condition, Condition::ELn);
        assert_eq!((rows[0].config, rows[0].epsilon), (Some(3), 0.75));
        assert_eq!((rows[1].outcome, rows[1].test_accuracy), (Outcome::Diverged, 0.1));
    }

    #[test]
    fn what_is_wrong_with_a_table_is_said_in_one_line() {
        let table = runs_table(&[(Condition::ELn, 3, 0.75, Some(0.85))]);
        let missing = runs(&table.drop("epsilon").unwrap()).unwrap_err().to_string();
        assert!(
            missing.starts_with("runs table: no column 'epsilon' among id, condition"),
            "{missing}"
        );
        let mut odd = table.clone();
        odd.with_column(Column::new("epsilon".into(), ["high"])).unwrap();
        let odd = runs(&odd).unwrap_err().to_string();
        assert_eq!(odd, "runs table, column epsilon: holds text; expected numbers");
        for name in ["outcome", "condition"] {
            let mut odd = table.clone();
            odd.with_column(Column::new(name.into(), ["stopped"])).unwrap();
            let error = runs(&odd).unwrap_err();
            let start = format!("runs table, column {name}: holds 'stopped'; expected ");
            assert!(error.to_string().starts_with(&start), "{error}");
            // What is in a file is no fault of the command line.
            assert!(matches!(error, Error::Unfit { .. }), "{error}");
        }
    }
}
