//! The option that all commands on a sweep share.

use clap::Args;
use std::path::PathBuf;

/// Where a sweep lives.
#[derive(Args)]
pub struct Place {
    /// The folder of the sweep: its plan, its results, its checkpoints.
    #[arg(long, value_name = "DIR", default_value = "inorm-sweep")]
    pub store: PathBuf,
}
