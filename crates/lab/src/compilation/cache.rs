//! What is too heavy for a clone and is shared by all of them: the Rust kernel's program, the
//! compiled libraries, and the directories of the kernels that run.

use inorm_core::{Failure, Outcome};
use std::env;
use std::path::PathBuf;

/// The user's cache directory for this project: `INORM_CACHE`, else `inorm` in `XDG_CACHE_HOME`,
/// else in `~/.cache`.
pub fn cache() -> Outcome<PathBuf> {
    let named =
        |variable| env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    named("INORM_CACHE")
        .or_else(|| named("XDG_CACHE_HOME").map(|path| path.join("inorm")))
        .or_else(|| env::home_dir().map(|path| path.join(".cache/inorm")))
        .ok_or_else(|| {
            Failure::new("no home directory; set INORM_CACHE to the full path of a directory with 8 GB of space")
        })
}
