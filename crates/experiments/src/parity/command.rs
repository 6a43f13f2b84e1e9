//! `inorm parity`: our numbers against those of the authors' code.

use super::{
    fixture::Fixture,
    report::{Report, compare_engine, compare_typed},
};
use clap::Args;
use inorm::Condition;
use inorm_core::{Failure, Outcome, print};
use std::path::PathBuf;

/// Which fixtures, in which precision.
#[derive(Args)]
pub struct Parity {
    /// Fixtures, named after their conditions.
    #[arg(required = true, value_name = "FILE.npz")]
    files: Vec<PathBuf>,
    /// Also in single precision, in which runs are trained.
    #[arg(long)]
    f32: bool,
    /// The condition, for files with other names.
    #[arg(long)]
    condition: Option<Condition>,
    /// The largest error that counts as equal, instead of 1e-7 in double precision and, in
    /// single precision, 2e-3 (1e-2 for E-only networks whose activity is not normalized).
    #[arg(long, value_name = "ERROR", value_parser = parse_tolerance)]
    tolerance: Option<f64>,
}

/// Compares and prints a table; fails if an error is above the tolerance.
pub fn run(options: &Parity) -> Outcome {
    let mut above = 0;
    for file in &options.files {
        let fixture = Fixture::read(file, options.condition)?;
        let mut reports = vec![compare_typed(&fixture)?, compare_engine::<f64>(&fixture)?];
        if options.f32 {
            reports.push(compare_engine::<f32>(&fixture)?);
        }
        let (table, above_here) = table(&reports, options.tolerance);
        print(format_args!("{}: {}{table}", file.display(), fixture.condition))?;
        above += above_here;
    }
    match above {
        0 => Ok(()),
        n => Err(Failure::new(format!(
            "{n} quantities differ by more than the tolerance; the table marks them with !"
        ))),
    }
}

fn parse_tolerance(text: &str) -> Result<f64, String> {
    let tolerance = text.parse().ok().filter(|error: &f64| error.is_finite() && *error >= 0.0);
    tolerance.ok_or_else(|| "expected a number of 0 or more, such as 1e-7".to_owned())
}

/// A row for each quantity and a column for each path; and how many are above tolerance.
fn table(reports: &[Report], tolerance: Option<f64>) -> (String, usize) {
    let allowed = |report: &Report| tolerance.unwrap_or(report.tolerance);
    let row = |name: &str, cell: &mut dyn FnMut(&Report) -> String| {
        let cells = reports.iter().map(|report| format!(" {:>12}", cell(report)));
        format!("\n  {name:<22}{}", cells.collect::<String>())
    };
    let mut above = 0;
    let mut text = row("largest error", &mut |report| report.path.to_string());
    let most = reports.iter().max_by_key(|report| report.quantities.len());
    for name in most.iter().flat_map(|report| &report.quantities).map(|quantity| &quantity.name) {
        text += &row(name, &mut |report| {
            match report.quantities.iter().find(|quantity| &quantity.name == name) {
                // Written so that an error that is not a number is above.
                Some(quantity) if quantity.error <= allowed(report) => {
                    format!("{:.1e}", quantity.error)
                }
                Some(quantity) => {
                    above += 1;
                    format!("{:.1e}!", quantity.error)
                }
                None => "–".to_owned(),
            }
        });
    }
    text += &row("tolerance", &mut |report| format!("{:.1e}", allowed(report)));
    (text, above)
}
