//! `inorm figure`: the paper's figures as files.

use super::{Failure, Outcome};
use inorm::figures::catalogue;
use inorm::notebook::{everything_stored, results_folder};
use inorm::sweep::Tables;
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
    let stored = match &options.results {
        Some(folder) if !folder.is_dir() => {
            let expected =
                format!("the folder of `inorm sweep merge`, as {}", results_folder().display());
            return Err(Failure::Usage(format!(
                "results: {} is no folder; expected {expected}",
                folder.display()
            )));
        }
        Some(folder) => Tables::read(folder)?,
        None => everything_stored()?,
    };
    let figure = catalogue::figure(&options.name, &stored)?;
    figure.save(&options.out)?;
    println!("{}", figure.text());
    println!("written to {}", options.out.display());
    Ok(())
}

fn names() -> String {
    let lines: Vec<_> =
        catalogue::NAMES.iter().map(|(name, shows)| format!("  {name:<12} {shows}")).collect();
    format!("Figures:\n{}", lines.join("\n"))
}
