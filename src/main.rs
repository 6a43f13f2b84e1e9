//! The `inorm` command: sets up and opens the notebooks, fetches the data, trains networks,
//! and is the kernel that JupyterLab starts.

mod cli;
mod kernel;

use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::parse().and_then(cli::run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            cli::say(format_args!("inorm: {failure}"));
            failure.exit_code()
        }
    }
}
