//! The paper's sweep: thirty configurations of a width and three learning rates each, and what
//! all of its runs have in common; and the thirty configurations of the authors' revised code.

use crate::{Error, Result, named::named};
use polars::prelude::{DataFrame, df};
use serde::{Deserialize, Serialize};
use std::sync::OnceLock;

/// The ranges of the luminosity shift that the paper compares.
pub const EPSILONS: [f64; 4] = [0.0, 0.25, 0.5, 0.75];
/// The widest of them, at which most comparisons are made.
pub const WIDEST: f64 = EPSILONS[3];
/// Passes over the training images in all of the paper's runs.
pub const EPOCHS: u32 = 50;
/// λ, the weight of the local I-Norm loss, in all of the paper's runs but the appendix's.
pub const LAMBDA: f64 = 0.01;
/// Label smoothing of the task loss in all of the paper's runs.
pub const LABEL_SMOOTHING: f64 = 0.1;

named! {
    /// A list of configurations, from which their numbers are.
    ConfigurationList of "config_list" {
        /// That of the paper, `data/configs.csv`.
        Published = "published",
        /// That of the authors' revised code, `data/revision_configs.csv`.
        Revised = "revised",
    }
}

/// One row of a [`ConfigurationList`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Configuration {
    /// The list that it is a row of.
    pub list: ConfigurationList,
    /// Row number, 0 to 29.
    pub index: usize,
    /// Units of each hidden layer.
    pub width: usize,
    /// Learning rates.
    pub rates: LearningRates,
}

/// One learning rate for each kind of weight.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LearningRates {
    /// `W_EE` and `b`.
    pub lr: f64,
    /// `W_IE`, and `U_IE` in I-Norm layers.
    pub lr_w_ie: f64,
    /// `W_EI`.
    pub lr_w_ei: f64,
}

impl Configuration {
    /// The configuration as a table of one row.
    ///
    /// # Errors
    /// Never, unless polars refuses the columns.
    pub fn table(&self) -> Result<DataFrame> {
        Ok(df!(
            "configuration" => [self.index as u32],
            "width" => [self.width as u32],
            "lr" => [self.rates.lr],
            "lr_w_ie" => [self.rates.lr_w_ie],
            "lr_w_ei" => [self.rates.lr_w_ei],
        )?)
    }
}

impl ConfigurationList {
    /// All of its thirty configurations.
    pub fn all(self) -> &'static [Configuration] {
        static PUBLISHED: OnceLock<Vec<Configuration>> = OnceLock::new();
        static REVISED: OnceLock<Vec<Configuration>> = OnceLock::new();
        let (all, table) = match self {
            Self::Published => (&PUBLISHED, include_str!("../data/configs.csv")),
            Self::Revised => (&REVISED, include_str!("../data/revision_configs.csv")),
        };
        all.get_or_init(|| table.lines().skip(1).map(|line| parse_row(self, line)).collect())
    }

    /// Configuration number `index`.
    ///
    /// # Errors
    /// If there is no such row.
    pub fn configuration(self, index: usize) -> Result<Configuration> {
        let all = self.all();
        all.get(index).copied().ok_or_else(|| {
            Error::invalid("configuration", index, format!("0 to {}", all.len().saturating_sub(1)))
        })
    }
}

/// All thirty configurations of the paper, drawn log-uniformly by the authors.
pub fn configurations() -> &'static [Configuration] {
    ConfigurationList::Published.all()
}

/// The paper's configuration number `index`.
///
/// # Errors
/// If there is no such row.
pub fn configuration(index: usize) -> Result<Configuration> {
    ConfigurationList::Published.configuration(index)
}

fn parse_row(list: ConfigurationList, line: &str) -> Configuration {
    let number = |column: usize| -> f64 {
        let field = line.split(',').nth(column).unwrap_or_default();
        field.parse().unwrap_or_else(|_| panic!("configurations, {list}: bad row '{line}'"))
    };
    Configuration {
        list,
        index: number(0) as usize,
        width: number(1) as usize,
        rates: LearningRates { lr: number(2), lr_w_ie: number(3), lr_w_ei: number(4) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirty_configurations_in_the_ranges_of_the_paper() {
        for list in ConfigurationList::ALL {
            let all = list.all();
            assert_eq!(all.len(), 30);
            for (row, c) in all.iter().enumerate() {
                assert_eq!((c.list, c.index), (list, row));
                assert!((100..=500).contains(&c.width));
                assert!((1e-3..=1e-2).contains(&c.rates.lr));
                assert!((1e-2..=1.0).contains(&c.rates.lr_w_ie));
                assert!((1e-5..=1e-2).contains(&c.rates.lr_w_ei));
            }
            assert!(list.configuration(30).is_err());
        }
        let all = configurations();
        let first = ConfigurationList::Revised.configuration(0).unwrap();
        assert_eq!((all[0].width, first.width, first.rates.lr), (178, 106, 0.004334726365239158));
        assert_eq!(all[13].table().unwrap().get_column_names()[1].as_str(), "width");
    }
}
