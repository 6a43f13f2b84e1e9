//! `inorm sweep table`.

use crate::results;
use clap::Args;
use inorm::{
    configuration::{EPOCHS, LAMBDA},
    notebook::Table,
    polars::prelude::DataFrame,
    results::{claims_markdown, comparison, left_out, outside_published},
    sweep::results_in,
};
use inorm_core::{Outcome, print};
use std::path::PathBuf;

/// Accuracies further than this outside the published range are listed.
const MARGIN: f64 = 0.01;

/// Which results to show.
#[derive(Args)]
pub struct ShowTable {
    /// The folder with the merged tables; data/results in the repository if not given.
    #[arg(long, value_name = "DIR", conflicts_with = "store")]
    results: Option<PathBuf>,
    /// The folder of a sweep, without merging it first.
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
}

/// Prints the sweep beside what was published.
pub fn run(options: &ShowTable) -> Outcome {
    let Some(runs) = options.runs()? else { return Ok(()) };
    print(format_args!("{}\n", comparison_table(comparison(&runs)?).text()))?;
    let outside = outside_published(&runs, MARGIN)?;
    print(outside_table(outside).text())?;
    match (left_out(&runs)?, runs.height()) {
        (0, _) => Ok(()),
        (others, all) => print(format_args!(
            "\nLeft out as none of the paper's (its configurations, {EPOCHS} epochs, \
             λ = {LAMBDA}): {others} of {all} runs"
        )),
    }
}

/// Prints the paper's claims beside the results.
pub fn claims(options: &ShowTable) -> Outcome {
    match options.runs()? {
        Some(runs) => print(claims_markdown(&runs)?.trim_end()),
        None => Ok(()),
    }
}

impl ShowTable {
    /// The runs; says so if there are none.
    fn runs(&self) -> Outcome<Option<DataFrame>> {
        let runs = match &self.store {
            Some(folder) => results_in(folder)?.to_tables()?.runs,
            None => results::read(self.results.as_deref())?.runs,
        };
        if runs.height() == 0 {
            print("no run is done yet")?;
            return Ok(None);
        }
        Ok(Some(runs))
    }
}

fn comparison_table(frame: DataFrame) -> Table {
    let caption = "Test accuracy by ε and condition, beside what was published; p against e_ln at \
                   the same ε, diverged runs included";
    let rows = frame.height();
    let percent = ["q1", "median", "q3", "published_q1", "published_median", "published_q3"];
    in_percent(Table::new(frame, caption).rows(rows), &percent)
        .heading("epsilon", "ε")
        .heading("published_n", "published n")
        .heading("published_at_chance", "at chance")
        .heading("u", "U")
        .heading("p_holm", "p (Holm)")
        .heading("delta", "Cliff's δ")
}

fn outside_table(frame: DataFrame) -> Table {
    let caption = match frame.height() {
        1 => "One run is more than a point outside the published range".to_owned(),
        n => format!("{n} runs are more than a point outside the published range"),
    };
    let rows = frame.height();
    let table = Table::new(frame, caption).rows(rows).heading("epsilon", "ε");
    in_percent(table, &["test_accuracy", "published_least", "published_greatest"])
}

fn in_percent(table: Table, columns: &[&str]) -> Table {
    columns.iter().fold(table, |table, column| table.percent(column))
}
