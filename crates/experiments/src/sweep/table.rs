//! `inorm sweep table` and `inorm sweep claims`.

use crate::results;
use clap::Args;
use inorm::{
    configuration::{EPOCHS, LAMBDA},
    notebook::Table,
    polars::prelude::DataFrame,
    results::{
        ClaimRow, OUTSIDE, RunRow, Tables, Variant, beyond_the_paper, beyond_the_paper_markdown,
        claims as claimed, claims_markdown, comparison, departures_markdown, differences, left_out,
        marks, outside_published, revision_marks, rows_to_json, variants,
    },
    sweep::results_in,
};
use inorm_core::{Failure, Outcome, print};
use std::path::PathBuf;

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
    let Some(Tables { runs, .. }) = options.tables(false)? else { return Ok(()) };
    print(format_args!("{}\n", comparison_table(comparison(&runs)?).text()))?;
    let outside = outside_published(&runs, OUTSIDE)?;
    print(outside_table(outside).text())?;
    let others = variants(&runs)?;
    if others.height() > 0 {
        print(format_args!("\n{}", variants_table(others).text()))?;
    }
    let (all, rows) = (runs.height(), RunRow::from_table(&runs)?);
    let diverged = rows.iter().filter(|run| run.diverged()).count();
    print(format_args!("\n{all} runs, {diverged} of them diverged"))?;
    match left_out(&runs)? {
        0 => Ok(()),
        others => print(format_args!(
            "Left out as none of the paper's (its networks, rules and configurations, {EPOCHS} \
             epochs, λ = {LAMBDA}): {others} of {all} runs"
        )),
    }
}

/// What to say of the paper's claims.
#[derive(Args)]
pub struct ShowClaims {
    #[command(flatten)]
    of: ShowTable,
    /// Print only the table that the README shows, in Markdown.
    #[arg(long)]
    markdown: bool,
    /// Print one JSON object instead: `claims` and `marks`, or `beyond` and `revision_marks`, each a
    /// list of rows; accuracies are fractions.
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// Print the differences that answer what the paper leaves open (chapter 9) instead, and the
    /// significance marks of the authors' revised figures beside ours.
    #[arg(long)]
    beyond: bool,
    /// Print the list of what is not as published instead, in Markdown.
    #[arg(long, conflicts_with_all = ["markdown", "json", "beyond"])]
    departures: bool,
}

/// Prints the paper's claims as differences between networks of the same configuration, and its
/// significance marks beside ours.
pub fn claims(options: &ShowClaims) -> Outcome {
    let Some(stored) = options.of.tables(options.json)? else { return Ok(()) };
    if options.departures {
        return print(departures_markdown(&stored)?.trim_end());
    }
    let runs = stored.runs;
    if options.markdown {
        let text = if options.beyond { beyond_the_paper_markdown } else { claims_markdown };
        return print(text(&runs)?.trim_end());
    }
    let [(first, differences), (second, marks)] = match options.beyond {
        true => [("beyond", beyond_the_paper(&runs)?), ("revision_marks", revision_marks(&runs)?)],
        false => [("claims", claimed(&runs)?), ("marks", marks(&runs)?)],
    };
    if options.json {
        let [differences, marks] = [differences, marks].map(|table| rows_to_json(&table));
        return print(serde_json::json!({ first: differences, second: marks }));
    }
    let marks = if options.beyond { revision_marks_table(marks) } else { marks_table(marks) };
    print(format_args!("{}\n\n{}", differences_table(differences)?.text(), marks.text()))
}

/// Which two networks to compare.
#[derive(Args)]
pub struct Compare {
    /// A condition, and in the same argument what of it the paper has no other value for, such as
    /// 'inorm_full grad_norm_layers=2', 'ei_ln signs=free', 'inorm_full hidden_layers=3'.
    network: Variant,
    /// The one whose accuracy is taken away, likewise.
    than: Variant,
    #[command(flatten)]
    of: ShowTable,
    /// Print one line of JSON instead, a list of rows; accuracies are fractions.
    #[arg(long)]
    json: bool,
}

/// Prints the difference between two networks of the same configuration.
pub fn compare(options: &Compare) -> Outcome {
    let Compare { network, than, .. } = options;
    let Some(Tables { runs, .. }) = options.of.tables(options.json)? else { return Ok(()) };
    let rows = differences(&runs, None, &[[&network.to_string(), &than.to_string()]])?;
    if rows.height() == 0 {
        if network == than {
            let message = format!("both names are of one network, {network}; give two");
            return Err(Failure::Usage(message));
        }
        let lists = [network, than].map(Variant::configurations);
        if lists[0] != lists[1] {
            let message = format!(
                "{network} is trained in configurations of the {} list and {than} in those of the \
                 {} list, so that there are no pairs; `inorm sweep table` \
                 lists what there is of both",
                lists[0], lists[1]
            );
            return Err(Failure::Usage(message));
        }
        let message = format!(
            "no configuration has been trained as {network} and as {than} for {EPOCHS} epochs \
             with λ = {LAMBDA}; `inorm sweep table` lists what there is"
        );
        return Err(Failure::new(message));
    }
    match options.json {
        true => print(serde_json::Value::from(rows_to_json(&rows))),
        false => print(differences_table(rows)?.text()),
    }
}

impl ShowTable {
    /// The tables; says so if there are no runs in them, unless they are wanted `even_if_empty`.
    fn tables(&self, even_if_empty: bool) -> Outcome<Option<Tables>> {
        let tables = match &self.store {
            Some(folder) => results_in(folder)?.to_tables()?,
            None => results::read(self.results.as_deref())?,
        };
        if tables.runs.height() == 0 && !even_if_empty {
            print("no run is done yet")?;
            return Ok(None);
        }
        Ok(Some(tables))
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

fn variants_table(frame: DataFrame) -> Table {
    let caption = "Networks and rules that the paper does not have: test accuracy of the runs that \
                   are not at chance";
    let rows = frame.height();
    in_percent(Table::new(frame, caption).rows(rows), &["q1", "median", "q3"])
        .heading("epsilon", "ε")
        .heading("at_chance", "at chance")
}

fn differences_table(frame: DataFrame) -> Outcome<Table> {
    let caption = "Test accuracy of a network less that of another one of the same configuration, \
                   in points: the median, and its 95 % bootstrap interval or, of fewer than six \
                   pairs, the range; p of Wilcoxon's signed-rank test, of the paper's unpaired \
                   Mann–Whitney test, and of two one-sided tests that it is within half a point; \
                   a diverged run is at chance";
    let texts: Vec<_> = ClaimRow::from_table(&frame)?.iter().map(ClaimRow::difference).collect();
    let rows = frame.height();
    let columns = [
        "epsilon",
        "network",
        "than",
        "source",
        "pairs",
        "at_chance",
        "than_at_chance",
        "difference",
        "p",
        "p_unpaired",
        "p_equivalent",
        "equivalent",
    ];
    Ok(Table::new(frame, caption)
        .texts("difference", &texts)?
        .columns(&columns)
        .rows(rows)
        .heading("epsilon", "ε")
        .heading("than", "less")
        .heading("at_chance", "network at chance")
        .heading("than_at_chance", "less at chance")
        .significant("p")
        .significant("p_unpaired")
        .significant("p_equivalent")
        .heading("p_unpaired", "unpaired p")
        .heading("p_equivalent", "equivalence p")
        .heading("equivalent", "within ±0.5"))
}

fn marks_table(frame: DataFrame) -> Table {
    let caption = "The paper's significance marks, and the same test of our runs (Mann–Whitney, \
                   diverged runs at chance); the paper has thirty runs a side (ten in Fig. 2b), \
                   and with fewer, stars are harder to get; paired p is that of Wilcoxon's \
                   signed-rank test";
    let rows = frame.height();
    Table::new(frame, caption)
        .rows(rows)
        .heading("epsilon", "ε")
        .heading("than", "against")
        .heading("n", "runs")
        .heading("than_n", "runs against")
        .heading("p_paired", "paired p")
}

fn revision_marks_table(frame: DataFrame) -> Table {
    let caption = "The significance marks of the authors' revised Fig. 6, of thirty runs a side, and \
                   the same test of our runs by that protocol (Mann–Whitney)";
    let rows = frame.height();
    Table::new(frame, caption)
        .rows(rows)
        .heading("epsilon", "ε")
        .heading("than", "against")
        .heading("n", "runs")
        .heading("than_n", "runs against")
        .heading("delta", "Cliff's δ")
        .significant("p")
        .significant("published_p")
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
