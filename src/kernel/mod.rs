//! What JupyterLab starts for a notebook: a Rust kernel that finds everything compiled.

mod backend;
mod cache;
mod compiler;
pub mod evcxr;
mod parent;
mod recipe;
mod running;
mod seed;
mod tree;
mod workspace;

pub use cache::{Cache, Lock};
pub use compiler::Compiler;
pub use recipe::{EVCXR_VERSION, Recipe, short, write_if_different};
pub use running::{this_program, undertaker};
pub use seed::Seed;

use crate::cli::{Checkout, Failure, Outcome};
use running::Running;
use std::path::{Path, PathBuf};
use workspace::Workspace;

/// Serves one notebook until its client shuts it down or is gone.
pub fn serve(checkout: &Checkout, connection_file: &Path) -> Outcome {
    parent::end_with_parent();
    let cache = Cache::find()?;
    let program = &evcxr::require(&cache)?;
    let recipe = Recipe::current(&cache)?;
    let mut running = Running::new(&recipe)?;
    let seed = Seed::of(checkout, &recipe);
    let directory = running.join("kernel");
    let workspace = if seed.exists() {
        seed.plant(&directory)?
    } else {
        eprintln!("inorm kernel: no compiled libraries for this clone; `inorm lab` prepares them");
        Workspace::prepare(&directory, checkout)?
    };
    let folder = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
    let mut command = recipe.backend(program, &workspace.tree(), &folder);
    command.arg("--control_file").arg(connection_file);
    let mut backend =
        running.spawn(&mut command).map_err(|error| Failure::io("run", program, &error))?;
    let status = backend.wait().map_err(|error| Failure::io("wait for", program, &error))?;
    match status.success() {
        true => Ok(()),
        false => Err(Failure::new(format!("the Rust kernel ended with {status}"))),
    }
}
