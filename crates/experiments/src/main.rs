//! The program `inorm-experiments`; `inorm` runs it for its commands `train`, `evaluate`, `sweep`,
//! `figure` and `parity`.

use std::process::ExitCode;

fn main() -> ExitCode {
    inorm_experiments::main()
}
