//! Fields of rows, and the columns that they become. Every table is read here, so a missing column,
//! a wrong type or an unknown name is always reported in the same words.

use crate::{Condition, Error, Result, learning::Outcome};
use polars::prelude::{AnyValue, Column, DataFrame, DataType};
use serde_json::{Map, Value};

/// A field of a row.
pub(super) trait Field: Sized {
    /// The columns that hold it: one, unless it says otherwise.
    fn columns(name: &str, values: Vec<Self>) -> Vec<Column>;

    /// Its value in each row.
    fn read(table: &Source, name: &str) -> Result<Vec<Self>>;
}

/// Declares a row as a struct, what it is made from, and the table of such rows: a column for each
/// field, in order. Of a field it says the name, the type, the value and the documentation; and, if
/// there was a time without the column, behind `or` the value of that time.
macro_rules! row {
    (
        $(#[$about:meta])*
        $Row:ident of $table:literal, from |$($source:ident: $Source:ty),+| {
            $($field:ident: $Type:ty = $value:expr, $doc:literal $(or $absent:expr)?;)+
        }
    ) => {
        $(#[$about])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $Row { $(#[doc = $doc] pub $field: $Type,)+ }

        impl $Row {
            pub(super) fn new($($source: $Source),+) -> Self {
                Self { $($field: $value,)+ }
            }

            /// The table of these rows.
            pub fn to_table(rows: &[Self]) -> crate::Result<polars::prelude::DataFrame> {
                let columns = [$(<$Type as crate::results::row::Field>::columns(
                    stringify!($field),
                    rows.iter().map(|row| row.$field.clone()).collect(),
                )),+];
                let columns = columns.into_iter().flatten().collect();
                Ok(polars::prelude::DataFrame::new(rows.len(), columns)?)
            }

            /// The rows of a table.
            ///
            /// # Errors
            /// If a column is missing or of another type, or holds a name that is not known.
            pub fn from_table(table: &polars::prelude::DataFrame) -> crate::Result<Vec<Self>> {
                let source = crate::results::row::Source { name: $table, table };
                $(
                    let absent: Option<$Type> = None$(.or(Some($absent)))?;
                    let $field = source.read(stringify!($field), absent);
                    let mut $field = $field?.into_iter();
                )+
                Ok(std::iter::from_fn(|| Some(Self { $($field: $field.next()?,)+ })).collect())
            }
        }
    };
}
pub(super) use row;

/// The rows of a table, a key a column; what is not a finite number is null.
pub fn rows_to_json(table: &DataFrame) -> Vec<Map<String, Value>> {
    let cell = |column: &Column, row: usize| match column.get(row) {
        Ok(AnyValue::String(text)) => text.into(),
        Ok(AnyValue::StringOwned(text)) => text.as_str().into(),
        Ok(AnyValue::UInt32(number)) => number.into(),
        Ok(AnyValue::Int32(number)) => number.into(),
        Ok(AnyValue::Int64(number)) => number.into(),
        Ok(AnyValue::Float64(number)) => number.into(),
        _ => Value::Null,
    };
    let row =
        |row| table.columns().iter().map(move |c| (c.name().to_string(), cell(c, row))).collect();
    (0..table.height()).map(row).collect()
}

/// A table to read, with a name for messages.
pub(super) struct Source<'a> {
    pub name: &'static str,
    pub table: &'a DataFrame,
}

impl Source<'_> {
    /// A field's value in each row; `absent` where there is no such column.
    pub fn read<F: Field + Clone>(&self, name: &str, absent: Option<F>) -> Result<Vec<F>> {
        match absent {
            Some(value) if self.table.column(name).is_err() => Ok(vec![value; self.table.height()]),
            _ => F::read(self, name),
        }
    }

    fn column(&self, name: &str) -> Result<&Column> {
        self.table.column(name).map_err(|_| {
            let names: Vec<_> = self.table.get_column_names().iter().map(|n| n.as_str()).collect();
            let found = format!("no column '{name}' among {}", names.join(", "));
            Error::unfit(format!("{} table", self.name), found, "the columns of the results store")
        })
    }

    fn numbers(&self, name: &str, as_type: DataType) -> Result<Column> {
        let column = self.column(name)?;
        if column.dtype().is_primitive_numeric() || *column.dtype() == DataType::Null {
            return Ok(column.cast(&as_type)?);
        }
        Err(self.wrong(name, "numbers"))
    }

    fn texts(&self, name: &str) -> Result<Vec<Option<String>>> {
        let column = self.column(name)?;
        if *column.dtype() == DataType::Null {
            return Ok(vec![None; column.len()]);
        }
        let texts = column.str().map_err(|_| self.wrong(name, "text"))?;
        Ok(texts.iter().map(|text| text.map(str::to_owned)).collect())
    }

    /// One of some named values in each row.
    pub fn named<T>(
        &self,
        name: &str,
        value: impl Fn(&str) -> Option<T>,
        expected: &str,
    ) -> Result<Vec<T>> {
        let texts = String::read(self, name)?.into_iter();
        let unknown = |text: &str| self.unfit(name, &format!("'{text}'"), expected);
        texts.map(|text| value(&text).ok_or_else(|| unknown(&text))).collect()
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

/// Types that polars knows: of an `Option` there may be rows without a value.
macro_rules! plain {
    ($Type:ty, $what:literal, |$table:ident, $name:ident| $read:expr) => {
        impl Field for Option<$Type> {
            fn columns(name: &str, values: Vec<Self>) -> Vec<Column> {
                vec![Column::new(name.into(), values)]
            }

            fn read($table: &Source, $name: &str) -> Result<Vec<Self>> {
                $read
            }
        }

        impl Field for $Type {
            fn columns(name: &str, values: Vec<Self>) -> Vec<Column> {
                vec![Column::new(name.into(), values)]
            }

            fn read(table: &Source, name: &str) -> Result<Vec<Self>> {
                let all: Option<Vec<Self>> =
                    Option::<Self>::read(table, name)?.into_iter().collect();
                all.ok_or_else(|| table.wrong(name, concat!($what, " in every row")))
            }
        }
    };
}

plain!(f64, "a number", |table, name| {
    Ok(table.numbers(name, DataType::Float64)?.f64()?.iter().collect())
});
plain!(u32, "a number", |table, name| {
    Ok(table.numbers(name, DataType::UInt32)?.u32()?.iter().collect())
});
plain!(i32, "a number", |table, name| {
    Ok(table.numbers(name, DataType::Int32)?.i32()?.iter().collect())
});
plain!(i64, "a number", |table, name| {
    Ok(table.numbers(name, DataType::Int64)?.i64()?.iter().collect())
});
plain!(String, "text", |table, name| table.texts(name));

impl Field for Condition {
    fn columns(name: &str, values: Vec<Self>) -> Vec<Column> {
        let names: Vec<_> = values.iter().map(|condition| condition.name()).collect();
        vec![Column::new(name.into(), names)]
    }

    fn read(table: &Source, name: &str) -> Result<Vec<Self>> {
        table.named(name, |text| text.parse().ok(), "the names of conditions")
    }
}

/// The column beside an outcome.
const DIVERGED_AT: &str = "diverged_at_step";

/// Two columns: its name, and the step at which it diverged.
impl Field for Outcome {
    fn columns(name: &str, values: Vec<Self>) -> Vec<Column> {
        let of = |outcome: &Outcome| match *outcome {
            Outcome::Finished => ("finished", None),
            Outcome::Diverged { step } => ("diverged", Some(step as i64)),
            Outcome::Interrupted => ("interrupted", None),
            Outcome::Running => ("running", None),
        };
        let (names, steps): (Vec<_>, Vec<_>) = values.iter().map(of).unzip();
        vec![Column::new(name.into(), names), Column::new(DIVERGED_AT.into(), steps)]
    }

    fn read(table: &Source, name: &str) -> Result<Vec<Self>> {
        let diverged = |text: &str| match text {
            "finished" => Some(false),
            "diverged" => Some(true),
            _ => None,
        };
        let diverged = table.named(name, diverged, "finished or diverged")?.into_iter();
        let steps = Option::<i64>::read(table, DIVERGED_AT)?;
        let outcome = |(diverged, step): (bool, Option<i64>)| match (diverged, step) {
            (false, _) => Ok(Self::Finished),
            (true, Some(step)) => Ok(Self::Diverged { step: step as u64 }),
            (true, None) => Err(table.wrong(DIVERGED_AT, "the step of each run that diverged")),
        };
        diverged.zip(steps).map(outcome).collect()
    }
}
