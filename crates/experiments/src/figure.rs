//! `inorm figure`: the paper's figures as files.

use crate::results;
use inorm::Error;
use inorm::figures::catalogue;
use inorm::results::{everything_stored, left_out};
use inorm_core::{Failure, Outcome, print};
use std::path::PathBuf;

/// Which figure, and where it goes.
#[derive(clap::Args)]
#[command(after_help = names())]
pub struct Figure {
    /// Its number in the paper, see below.
    #[arg(value_name = "N")]
    name: String,
    /// The file to write; its name ends in .png or .svg.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The folder with the tables to draw; data/results in the repository if not given.
    #[arg(long, value_name = "DIR")]
    results: Option<PathBuf>,
}

/// Draws it, and says in words what it shows.
pub fn run(options: &Figure) -> Outcome {
    let stored = match options.results.as_deref() {
        Some(folder) => results::read(Some(folder))?,
        // Some figures need no results.
        None => everything_stored()?,
    };
    let figure = catalogue::figure(&options.name, &stored).map_err(|error| {
        match left_out(&stored.runs) {
            Ok(others @ 1..) if matches!(error, Error::Unfit { .. }) => Failure::new(format!(
                "{error}; figures show the paper's runs, and {others} of {} are others: \
                 `inorm sweep table` lists them",
                stored.runs.height()
            )),
            _ => error.into(),
        }
    })?;
    figure.save(&options.out)?;
    print(format_args!("{}\nwritten to {}", figure.text(), options.out.display()))
}

fn names() -> String {
    let lines: Vec<_> =
        catalogue::NAMES.iter().map(|(name, shows)| format!("  {name:<12} {shows}")).collect();
    format!("Figures:\n{}", lines.join("\n"))
}
