//! `inorm parity`: our numbers against those of the authors' code.

use super::{
    fixture::Fixture,
    report::{Report, compare_engine, compare_typed},
};
use clap::Args;
use inorm::Condition;
use inorm_core::{Failure, Outcome};
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
    /// single precision, 2e-3 (1e-2 for e_none).
    #[arg(long, value_name = "ERROR")]
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
        println!("{}: {}", file.display(), fixture.condition);
        above += print_table(&reports, options.tolerance);
    }
    match above {
        0 => Ok(()),
        n => Err(Failure::new(format!(
            "{n} quantities differ by more than the tolerance; the table marks them with !"
        ))),
    }
}

/// Prints a row for each quantity and a column for each path; counts what is above tolerance.
fn print_table(reports: &[Report], tolerance: Option<f64>) -> usize {
    let allowed = |report: &Report| tolerance.unwrap_or(report.tolerance);
    let Some(most) = reports.iter().max_by_key(|report| report.quantities.len()) else { return 0 };
    print!("  {:<22}", "largest error");
    reports.iter().for_each(|report| print!(" {:>12}", report.path));
    println!();
    let mut above = 0;
    for name in most.quantities.iter().map(|quantity| &quantity.name) {
        print!("  {name:<22}");
        for report in reports {
            match report.quantities.iter().find(|quantity| &quantity.name == name) {
                // Written so that an error that is not a number is above.
                Some(quantity) if quantity.error <= allowed(report) => {
                    print!(" {:>12.1e}", quantity.error);
                }
                Some(quantity) => {
                    above += 1;
                    print!(" {:>11.1e}!", quantity.error);
                }
                None => print!(" {:>12}", "–"),
            }
        }
        println!();
    }
    print!("  {:<22}", "tolerance");
    reports.iter().for_each(|report| print!(" {:>12.1e}", allowed(report)));
    println!();
    above
}
