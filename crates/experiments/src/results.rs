//! The folder of results that commands read and add to, and what they say of this program there.

use inorm::results::{Provenance, Tables, results_folder};
use inorm_core::{Failure, Outcome};
use std::path::{Path, PathBuf};

/// This build.
pub fn provenance() -> Provenance {
    Provenance::new(option_env!("INORM_REVISION").unwrap_or("unknown"))
}

/// The tables in `folder`; those of this project if none is named.
pub fn read(folder: Option<&Path>) -> Outcome<Tables> {
    let place = folder.map_or_else(results_folder, Path::to_owned);
    if Tables::are_in(&place) {
        return Ok(Tables::read(&place)?);
    }
    let message = format!(
        "results: {} is not a folder with results; `inorm sweep merge --into DIR` makes one, and \
         --results DIR names it",
        place.display()
    );
    Err(if folder.is_some() { Failure::Usage(message) } else { Failure::new(message) })
}

/// The folder to add results to; this project's if none is named.
pub fn to_add_to(folder: Option<&Path>) -> Outcome<PathBuf> {
    match folder {
        Some(folder) => Ok(folder.to_owned()),
        None if results_folder().is_dir() => Ok(results_folder()),
        None => Err(Failure::new(format!(
            "the folder {} of the clone that this program was built in is gone; name another with \
             --into",
            results_folder().display()
        ))),
    }
}
