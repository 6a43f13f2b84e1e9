//! `inorm sweep repeats`.

use crate::results;
use clap::Args;
use inorm::{
    notebook::Table,
    polars::prelude::{DataFrame, df},
    results::{RunRow, Variant, points, results_folder},
    statistics::quantile,
};
use inorm_core::{Outcome, print};
use std::{
    collections::{BTreeSet, HashMap},
    path::PathBuf,
};

/// What to compare.
#[derive(Args)]
pub struct Repeats {
    /// The folder with the merged tables of the repeated runs; data/results/gpu in the repository
    /// if not given.
    repeats: Option<PathBuf>,
    /// The folder with the merged tables of the runs themselves; data/results in the repository if
    /// not given.
    #[arg(long, value_name = "DIR")]
    results: Option<PathBuf>,
}

/// Prints by how much the accuracy of runs that both folders have differs.
pub fn run(options: &Repeats) -> Outcome {
    let runs = RunRow::from_table(&results::read(options.results.as_deref())?.runs)?;
    let by_id: HashMap<_, _> = runs.iter().map(|run| (&run.id, run)).collect();
    let place = options.repeats.clone().unwrap_or_else(|| results_folder().join("gpu"));
    let repeats = RunRow::from_table(&results::read(Some(&place))?.runs)?;
    let pairs: Vec<_> =
        repeats.iter().filter_map(|repeat| Some((*by_id.get(&repeat.id)?, repeat))).collect();
    let (all, found) = (repeats.len(), pairs.len());
    if found > 0 {
        print(format_args!("{}\n", table(&pairs)?.text()))?;
    }
    print(format_args!("{found} of {all} runs are repeats"))
}

/// A row for each network, in the order of conditions.
fn table(pairs: &[(&RunRow, &RunRow)]) -> Outcome<Table> {
    let mut rows: Vec<(String, u32, u32, [String; 3])> = Vec::new();
    let networks: BTreeSet<Variant> = pairs.iter().map(|(run, _)| Variant::from(*run)).collect();
    for network in networks {
        let of = pairs.iter().filter(|(run, _)| Variant::from(*run) == network);
        let (ended_alike, others): (Vec<_>, Vec<_>) =
            of.partition(|(run, repeat)| run.diverged() == repeat.diverged());
        let difference =
            |(run, repeat): &&(&RunRow, &RunRow)| repeat.test_accuracy - run.test_accuracy;
        let mut sorted: Vec<f64> = ended_alike.iter().map(difference).collect();
        sorted.sort_by(f64::total_cmp);
        let shares = [0.0, 0.5, 1.0].map(|share| quantile(&sorted, share));
        let texts = shares.map(|value| value.map_or_else(String::new, points));
        let [alike, other] = [ended_alike.len(), others.len()].map(|n| n as u32);
        rows.push((network.to_string(), alike, other, texts));
    }
    let text = |k: usize| rows.iter().map(|row| row.3[k].clone()).collect::<Vec<_>>();
    let frame: DataFrame = df![
        "network" => rows.iter().map(|row| row.0.clone()).collect::<Vec<_>>(),
        "runs" => rows.iter().map(|row| row.1).collect::<Vec<_>>(),
        "least" => text(0),
        "median" => text(1),
        "greatest" => text(2),
        "ended otherwise" => rows.iter().map(|row| row.2).collect::<Vec<_>>(),
    ]
    .map_err(inorm::Error::from)?;
    let height = frame.height();
    let caption = "Test accuracy of a repeated run less that of the run itself, in points; \
                   'ended otherwise' counts pairs of which one diverged, which are left out of the \
                   others";
    Ok(Table::new(frame, caption).rows(height))
}
